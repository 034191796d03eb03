"""A landed file without some of its rows, in the form that it has.

Here: taking rows out of lines, CSV and Parquet, packed or not, in bounded memory. Which rows, and
putting the new file in the old one's place, is `erasure_files`'s business.
"""

import gzip
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from dagster_project.ingest.config import ReadLimits, SourceSettings
from dagster_project.ingest.readers import file_ending
from dagster_project.ingest.readers_bytes import CHUNK_BYTES, read_chunks
from dagster_project.ingest.readers_csv import read_csv_rows
from dagster_project.ingest.readers_lines import split_lines
from dagster_project.ingest.readers_parquet import open_parquet

_PARQUET_ROWS = 20_000


def copy_without(
    file: Path, target: Path, rows: frozenset[int], source: SourceSettings, limits: ReadLimits
) -> None:
    """Write a landed file anew, without some rows.

    Args:
        file: the landed file; it was read whole before.
        target: where to write.
        rows: their `source_line`, as the reader numbers them.
        source: the settings of its source. limits: what the reader takes.

    Raises:
        RefusedFileError: the file cannot be read any more.
    """
    with _packed(target, file.suffix) as out:
        ending = file_ending(file.name) or ""
        if ending.startswith(".parquet"):
            _copy_parquet(file, out, rows, limits)
            return
        chunks = read_chunks(file, file.name, limits.max_file_bytes)
        lines: Iterable[tuple[int, int | None]]
        if not source.has_header:
            lines = [(line, line + 1) for line in sorted(rows)]
        else:
            lines = _csv_extents(file, rows, source, limits)
        _copy_lines(chunks, out, iter(lines))


@contextmanager
def _packed(target: Path, suffix: str) -> Iterator[IO[bytes]]:
    with target.open("wb") as raw:
        if suffix == ".gz":
            # No name and no time in it: the same rows are the same bytes.
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as out:
                yield out  # type: ignore[misc]
        elif suffix == ".zst":
            with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as packed:
                yield packed
        else:
            yield raw


def _csv_extents(
    file: Path, rows: frozenset[int], source: SourceSettings, limits: ReadLimits
) -> Iterator[tuple[int, int | None]]:
    """The physical lines of each row: up to the next row's first, null for the end of the file."""
    blocks = split_lines(read_chunks(file, file.name, limits.max_file_bytes), limits.max_line_bytes)
    first: int | None = None
    for row in read_csv_rows(
        blocks, file.name, source.encoding, source.separator, limits.max_line_bytes
    ):
        if first is not None:
            yield first, row.line
        first = row.line if row.line in rows else None
    if first is not None:
        yield first, None


def _copy_lines(
    chunks: Iterable[bytes], out: IO[bytes], extents: Iterator[tuple[int, int | None]]
) -> None:
    """Copy bytes but for the lines in `extents`, half-open and in order."""
    number, extent = 1, next(extents, None)
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            if extent is None:
                out.write(chunk[start:])
                break
            end = chunk.find(b"\n", start) + 1
            if number < extent[0]:
                out.write(chunk[start : end or len(chunk)])
            if not end:
                break
            start, number = end, number + 1
            if extent[1] is not None and number >= extent[1]:
                extent = next(extents, None)


def _copy_parquet(file: Path, out: IO[bytes], rows: frozenset[int], limits: ReadLimits) -> None:
    chunks = read_chunks(file, file.name, limits.max_file_bytes)
    with (
        open_parquet(file, chunks, file.name, limits.max_file_bytes, limits.max_columns) as table,
        tempfile.TemporaryFile() as plain,
    ):
        with pq.ParquetWriter(plain, table.schema_arrow) as writer:
            number = 1
            for batch in table.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
                kept = [i for i in range(batch.num_rows) if number + i not in rows]
                number += batch.num_rows
                if len(kept) < batch.num_rows:
                    batch = batch.take(pa.array(kept, pa.int64()))
                writer.write_batch(batch)
        plain.seek(0)
        _copy_all(plain, out)


def _copy_all(source: Any, out: IO[bytes]) -> None:
    while chunk := source.read(CHUNK_BYTES):
        out.write(chunk)

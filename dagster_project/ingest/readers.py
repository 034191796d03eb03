"""Landed files to raw rows: one entry point for every format.

Which reader a file gets, and which names are read at all, belongs here. The formats themselves are
in `readers_lines.py`, `readers_csv.py` and `readers_parquet.py`, bytes in `readers_bytes.py`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from dagster_project.ingest.config import ReadLimits, SourceSettings
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.readers_bytes import read_chunks
from dagster_project.ingest.readers_csv import read_csv, read_csv_rows, read_header
from dagster_project.ingest.readers_lines import (
    RAW_SCHEMA,
    read_json_lines,
    read_tab_lines,
    read_text_lines,
    split_lines,
)
from dagster_project.ingest.readers_parquet import open_parquet, read_parquet

__all__ = ["RAW_SCHEMA", "file_ending", "read_file"]

_KINDS = (".jsonl", ".csv", ".tsv", ".parquet", ".log")
_PACKINGS = ("", ".gz", ".zst")
_ENDINGS_OF_FORMAT = {
    "canonical": (".jsonl",),
    "segment": (".jsonl",),
    "posthog": (".jsonl", ".parquet"),
    "ga4": (".jsonl", ".parquet"),
    "snowplow": (".tsv",),
    "access_log": (".log",),
    "auth_log": (".log",),
    "jsonl": (".jsonl",),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "parquet": (".parquet",),
}


def file_ending(name: str) -> str | None:
    """The ending of a landed file such as `.csv.gz`, or null for a file that is none."""
    return next(
        (kind + pack for kind in _KINDS for pack in _PACKINGS if name.endswith(kind + pack)), None
    )


def read_file(
    path: Path, rel_name: str, source_name: str, source: SourceSettings, limits: ReadLimits
) -> Iterator[pa.RecordBatch]:
    """Read a file's rows as they are, in bounded memory.

    Args:
        path: the file.
        rel_name: its name below `landing/`, as the log will know it.
        source_name: the source, for messages.
        source: its settings.
        limits: what is taken before a row or the file is refused.

    Yields:
        Batches of `RAW_SCHEMA`, none empty: source_file, source_line (physical line, or position of
        the row in Parquet), raw (the line, or a JSON object of column to text, in ga4 to what the
        column holds), read_error (null, or the code of why the row cannot be read).

    Raises:
        RefusedFileError: the file as a whole cannot be used; the text names the place.
    """
    ending = file_ending(path.name)
    if ending is None or not ending.startswith(_ENDINGS_OF_FORMAT[source.format]):
        raise RefusedFileError(
            f"{rel_name}: its ending is not that of format {source.format}, which source "
            f"{source_name} is declared with; rename the file or set sources.{source_name}.format"
        )
    chunks = read_chunks(path, rel_name, limits.max_file_bytes)
    if ending.startswith(".parquet"):
        if path.stat().st_size == 0:
            return
        with open_parquet(
            path, chunks, rel_name, limits.max_file_bytes, limits.max_columns
        ) as table:
            require_columns(table.schema_arrow.names, rel_name, source_name, source)
            is_nested = source.format == "ga4"
            yield from read_parquet(table, rel_name, limits.max_line_bytes, is_nested=is_nested)
        return
    blocks = split_lines(chunks, limits.max_line_bytes)
    if ending.startswith(".log"):
        yield from read_text_lines(blocks, rel_name, source.encoding)
        return
    if ending.startswith(".jsonl"):
        yield from read_json_lines(blocks, rel_name, source.encoding, limits.max_json_depth)
        return
    if source.format == "snowplow":
        yield from read_tab_lines(blocks, rel_name, source.encoding, limits.max_json_depth)
        return
    rows = read_csv_rows(blocks, rel_name, source.encoding, source.separator, limits.max_line_bytes)
    header = read_header(rows, rel_name, limits.max_columns)
    if header is not None:
        require_columns(header.fields, rel_name, source_name, source)
        yield from read_csv(rows, header, rel_name)


def require_columns(
    names: Sequence[str], rel_name: str, source_name: str, source: SourceSettings
) -> None:
    """Refuse a table that lacks a column of the mapping.

    Raises:
        RefusedFileError: naming the first column that is missing.
    """
    present = set(names)
    missing = [name for name in source.required_columns if name not in present]
    if missing:
        # The names stay unsaid: where the header is missing they are a person's row, and the reason
        # is sealed in the clear.
        is_one_column = source.has_header and len(present) == 1
        separator = f", and that {source.separator!r} parts its columns" if is_one_column else ""
        raise RefusedFileError(
            f"{rel_name}:1: no column {missing[0]!r}, which sources.{source_name}.mapping names, "
            f"among the file's {len(present)}; see that its first row is a header{separator}"
        )

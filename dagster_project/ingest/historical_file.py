"""How a historical file comes into the landing folder: cut by its events' days, once and whole.

Reading rows is `readers.py`; which landed files are read at all is `landing.py`.
"""

import gzip
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.config import ReadLimits, Settings, SourceSettings
from dagster_project.ingest.durable import (
    fsync_file,
    fsync_folder,
    make_folder,
    sha256_of,
    write_atomic_json,
)
from dagster_project.ingest.errors import RefusedFileError, UsageError
from dagster_project.ingest.mapping import mapped_rows
from dagster_project.ingest.readers import RAW_SCHEMA, file_ending, read_file
from dagster_project.ingest.readers_bytes import read_chunks
from dagster_project.ingest.readers_csv import read_csv_rows, read_header
from dagster_project.ingest.readers_lines import split_lines
from dagster_project.ingest.readers_parquet import open_parquet
from dagster_project.state import StatePaths

_EPOCH = date(1970, 1, 1)
_PENDING_BYTES = 32 * 1024 * 1024
# Each day of a Parquet file keeps a file open while it is written.
_OPEN_WRITERS = 200
_UNREADABLE = np.iinfo(np.int32).min

Days = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Import:
    """One file on its way: where from, by which settings, where to."""

    file: Path
    source_name: str
    source: SourceSettings
    limits: ReadLimits
    folder: Path
    digest: str

    @property
    def short(self) -> str:
        return self.digest[:16]

    @property
    def record(self) -> Path:
        return self.folder / ".imports" / f"{self.digest}.json"

    @property
    def beside(self) -> Path:
        return self.folder / f".import-{self.short}"

    @property
    def ending(self) -> str:
        kind = (file_ending(self.file.name) or "").split(".")[1]
        return ".parquet" if kind == "parquet" else f".{kind}.gz"

    @property
    def name(self) -> str:
        stem = self.file.name.removesuffix(file_ending(self.file.name) or "")
        plain = re.sub(r"[^A-Za-z0-9.-]+", "-", stem).strip(".-")[:80] or "file"
        return f"{plain}-{self.short}{self.ending}"


def import_file(
    paths: StatePaths, settings: Settings, source_name: str, file: Path, *, today: date
) -> dict[date, int]:
    """Bring a historical file into landing, by the UTC days of its events, its rows in order.

    Each day gets a file of the same format with the original rows. Rows whose time cannot be read,
    or lies before `earliest_event_date` or after `today`, go to the file's first day, where the
    contract quarantines them. A file comes in whole or not at all; after a kill, import it again.

    Args:
        paths: the state.
        settings: must declare the source.
        source_name: the source that the file is of.
        file: the file.
        today: the last day that may be landed.

    Returns:
        Rows by day, in order of the days. Empty for a file without rows.

    Raises:
        UsageError: no such source or file, or the same content was imported before.
        RefusedFileError: the file cannot be read as a whole, holds a row that is too long to be
            copied, or no time of it can be read.
    """
    if source_name not in settings.sources:
        known = ", ".join(settings.sources) or "none"
        raise UsageError(f"{source_name}: no such source in footfall.yml (declared: {known})")
    if file.is_dir():
        raise UsageError(f"{file}: is a folder; name the files in it")
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    limits = settings.settings
    job = _Import(
        file=file,
        source_name=source_name,
        source=settings.sources[source_name],
        limits=limits,
        folder=paths.landing / source_name,
        digest=sha256_of(file),
    )
    if job.record.exists():
        raise UsageError(
            f"{file}: this content was imported into {source_name} before "
            f"(SHA-256 {job.short}…); nothing was done"
        )
    days = _arrival_days(job, limits.earliest_event_date, today)
    if not len(days):
        return {}
    make_folder(job.folder / ".imports")
    shutil.rmtree(job.beside, ignore_errors=True)
    job.beside.mkdir()
    try:
        counts = _write_parquet(job, days) if job.ending == ".parquet" else _write_text(job, days)
        if sum(counts.values()) != len(days) or sha256_of(file) != job.digest:
            raise RefusedFileError(f"{file}: changed while it was read; import it when it is done")
        _place(job, sorted(counts))
    finally:
        shutil.rmtree(job.beside, ignore_errors=True)
    rows = {_day(day): counts[day] for day in sorted(counts)}
    by_day = {day.isoformat(): count for day, count in rows.items()}
    write_atomic_json(job.record, {"file": file.name, "name": job.name, "rows": by_day})
    return rows


def _day(number: int) -> date:
    return _EPOCH + timedelta(days=number)


def _arrival_days(job: _Import, earliest: date, today: date) -> Days:
    """The day of each row, as days since 1970, in the order of the rows."""
    refused: RefusedFileError | None = None

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal refused
        try:
            yield from read_file(job.file, job.file.name, job.source_name, job.source, job.limits)
        except RefusedFileError as error:
            refused = error

    reader = pa.RecordBatchReader.from_batches(RAW_SCHEMA, batches())
    with (
        duckdb.connect() as con,
        mapped_rows(con, reader, job.source_name, job.source, today) as select,
    ):
        found = con.execute(
            f"""
            select
                source_line,
                coalesce(event_ts_parsed::date - date '1970-01-01', {_UNREADABLE})::integer as day,
                coalesce(read_error = 'line_too_long', false) as is_cut,
            from ({select})
            """
        ).fetchnumpy()
    if refused is not None:
        raise refused
    lines, cut = np.asarray(found["source_line"]), np.asarray(found["is_cut"])
    if cut.any() and job.ending != ".parquet":
        raise RefusedFileError(
            f"{job.file.name}:{lines[cut].min()}: longer than settings.max_line_bytes, so that it "
            "cannot be copied whole; raise the limit or take the row out"
        )
    days: Days = np.asarray(found["day"], dtype=np.int32)[np.argsort(lines, kind="stable")]
    is_good = (days >= (earliest - _EPOCH).days) & (days <= (today - _EPOCH).days)
    if len(days) and not is_good.any():
        raise RefusedFileError(
            f"{job.file.name}: not one of its {len(days):,} rows has a time between {earliest} and "
            f"{today}; look at sources.{job.source_name}.mapping.event_ts"
        )
    if len(days):
        days[~is_good] = days[is_good].min()
    return days


def _write_text(job: _Import, days: Days) -> dict[int, int]:
    """Write the rows of a text file beside, a gzip file a day; returns the rows of each day."""
    chunks = read_chunks(job.file, job.file.name, job.limits.max_file_bytes)
    head, rows = b"", _line_rows(chunks, job)
    if job.source.has_header:
        head, rows = _csv_rows(chunks, job)
    counts: dict[int, int] = {}
    pending: dict[int, list[bytes]] = {}
    size = 0
    for day, row in zip(days.tolist(), rows, strict=False):
        if day not in counts:
            pending[day] = [head]
        counts[day] = counts.get(day, 0) + 1
        pending.setdefault(day, []).append(row)
        size += len(row)
        if size > _PENDING_BYTES:
            _append(job, pending)
            pending, size = {}, 0
    _append(job, pending)
    return counts


def _append(job: _Import, pending: dict[int, list[bytes]]) -> None:
    # A member a write: gzip files may be put behind each other. No time of day is inside, so the
    # same rows are the same bytes.
    for day, rows in pending.items():
        with (job.beside / str(day)).open("ab") as file:
            file.write(gzip.compress(b"".join(rows), compresslevel=6, mtime=0))


def _line_rows(chunks: Iterable[bytes], job: _Import) -> Iterator[bytes]:
    for block in split_lines(chunks, job.limits.max_line_bytes):
        for line in block.lines:
            if line and not line.isspace():
                yield line + b"\n"


def _csv_rows(chunks: Iterable[bytes], job: _Import) -> tuple[bytes, Iterator[bytes]]:
    limit, encoding = job.limits.max_line_bytes, job.source.encoding
    rows = read_csv_rows(
        split_lines(chunks, limit), job.file.name, encoding, job.source.separator, limit
    )
    header = read_header(rows, job.file.name, job.limits.max_columns)

    def whole(text: str) -> bytes:
        return (text if text.endswith("\n") else text + "\n").encode(encoding)

    texts = (whole(row.text) for row in rows)
    return whole(header.text) if header else b"", texts


def _write_parquet(job: _Import, days: Days) -> dict[int, int]:
    """The same for Parquet; as many passes as it takes to keep few files open."""
    wanted = np.unique(days)
    for start in range(0, len(wanted), _OPEN_WRITERS):
        chunks = read_chunks(job.file, job.file.name, job.limits.max_file_bytes)
        with open_parquet(
            job.file, chunks, job.file.name, job.limits.max_file_bytes, job.limits.max_columns
        ) as table:
            writers = {
                day: pq.ParquetWriter(job.beside / str(day), table.schema_arrow, compression="zstd")
                for day in wanted[start : start + _OPEN_WRITERS].tolist()
            }
            try:
                first = 0
                for batch in table.iter_batches(batch_size=50_000, use_threads=False):
                    part = days[first : first + batch.num_rows]
                    first += batch.num_rows
                    for day in np.intersect1d(part, list(writers)).tolist():
                        writers[day].write_batch(batch.filter(pa.array(part == day)))
            finally:
                for writer in writers.values():
                    writer.close()
    numbers, counts = np.unique(days, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _place(job: _Import, days: list[int]) -> None:
    """Rename what was written beside into the days' folders."""
    targets = {day: job.folder / _day(day).isoformat() / job.name for day in days}
    # What a killed import by other settings left behind.
    for left in job.folder.glob(f"*/*-{job.short}{job.ending}"):
        if left not in targets.values():
            left.unlink()
    for day in days:
        fsync_file(job.beside / str(day))
    for day, target in targets.items():
        make_folder(target.parent)
        (job.beside / str(day)).replace(target)
        fsync_folder(target.parent)

"""The files that hold rows as they were delivered: a person's rows found in them and taken out.

Here: landing and quarantine. A file is written anew beside itself; the register learns of all of
them before the first takes its place, so that after a kill at any moment each file's content is
one that the register knows. Not here: who is erased (`suppression` says), and the order of an
erasure (`erasure`).
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import erasure_register, quarantine
from dagster_project.ingest.config import Settings, SourceSettings
from dagster_project.ingest.durable import (
    crash_point,
    fsync_file,
    fsync_folder,
    make_folder,
    sha256_of,
)
from dagster_project.ingest.erasure_register import Request, Rewrite
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.landing import LandedFile, scan_landing
from dagster_project.ingest.landing_rows import copy_without
from dagster_project.ingest.mapping import create_candidates, load_candidates, mapped_rows
from dagster_project.ingest.readers_lines import RAW_SCHEMA
from dagster_project.ingest.staging_amounts import bundles
from dagster_project.ingest.vault import Vault
from dagster_project.ingest.withholding import LookUp, find_rows_of
from dagster_project.state import StatePaths
from expectations.contract import Registry

ENDING: Final = ".erasing"
_ROWS: Final = "delivered_rows"
_MEMORY: Final = "1GB"


@dataclass(frozen=True)
class Place:
    """Where rows of the erased lie: a file, and their numbers in it."""

    file: Path
    rows: frozenset[int]


@dataclass(frozen=True)
class Finder:
    """What finding takes: where the state is, how it is read, and whose rows are meant."""

    paths: StatePaths
    settings: Settings
    registry: Registry
    vault: Vault
    look_up: LookUp


@dataclass(frozen=True)
class Landed:
    """What landing holds of the erased; `unreadable` files could not be looked into."""

    places: list[Place]
    unreadable: list[str]


def landed_rows(finder: Finder, until: datetime | None = None) -> Landed:
    """Find the rows of the erased in landing.

    Args:
        finder: where and who.
        until: of a file that landed before, a row counts whatever time it states; where this is
            null, every row by its own time alone.
    """
    days: dict[date, list[LandedFile]] = defaultdict(list)
    for file in scan_landing(finder.paths, finder.settings):
        days[file.day].append(file)
    found = Landed([], [])
    for together, _ in bundles(days):
        for source in sorted({file.source for _, file in together}):
            _look_into(finder, [f for _, f in together if f.source == source], until, found)
    return found


def _look_into(
    finder: Finder, files: list[LandedFile], until: datetime | None, found: Landed
) -> None:
    """Add what files of one source hold."""
    landing = finder.paths.landing
    with _connection(finder) as con:
        create_candidates(con)
        loaded = load_candidates(
            con,
            {file.path: landing / file.path for file in files},
            files[0].source,
            finder.settings.sources[files[0].source],
            finder.settings.settings,
        )
        found.unreadable.extend(
            f"landing/{path}" for path, rows in loaded.items() if isinstance(rows, RefusedFileError)
        )
        older = [f.path for f in files if until and f.mtime_ns <= until.timestamp() * 1e9]
        lines: dict[str, set[int]] = defaultdict(set)
        for path, line in _erased(finder, con, any_time_in=older):
            lines[path].add(line)
    found.places.extend(Place(landing / path, frozenset(lines[path])) for path in sorted(lines))


def quarantined_rows(finder: Finder) -> Iterator[Place]:
    """Rows of the erased in quarantine, by their place in the file; a file at a time."""
    for file in sorted(finder.paths.quarantine.glob("arrival_date=*/*.parquet")):
        rows = list(quarantine.read_file(file, finder.vault))
        by_source: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            by_source[row.source].append(number)
        found: set[int] = set()
        for source, numbers in by_source.items():
            batch = _raw_batch([rows[number] for number in numbers], numbers)
            found |= _in_raw_rows(finder, source, batch, source in finder.settings.sources)
        if found:
            yield Place(file, frozenset(found))


def _raw_batch(rows: list[quarantine.QuarantinedRow], numbers: list[int]) -> pa.RecordBatch:
    """Refused rows as a reader gives them, numbered by their place in the file."""
    errors = [
        next((one.removeprefix("row: ") for one in row.reasons if one.startswith("row: ")), None)
        for row in rows
    ]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([row.source_file for row in rows], pa.string()),
            pa.array(numbers, pa.int64()),
            # What no text can hold was never an identifier.
            pa.array([row.raw.encode(errors="replace").decode() for row in rows], pa.string()),
            pa.array(errors, pa.string()),
        ],
        schema=RAW_SCHEMA,
    )


def _in_raw_rows(
    finder: Finder, source: str, batch: pa.RecordBatch, is_declared: bool
) -> frozenset[int]:
    settings = finder.settings.sources.get(source, SourceSettings(format="canonical"))
    with _connection(finder) as con:
        create_candidates(con)
        reader = pa.RecordBatchReader.from_batches(RAW_SCHEMA, [batch])
        with mapped_rows(con, reader, source, settings) as select:
            con.execute(f"insert into candidates by name {select}")
        if not is_declared:
            # Nobody knows any more which of its columns is which: look at the words.
            con.execute("update candidates set read_error = 'source_not_declared'")
        files = batch.column("source_file").unique().to_pylist()
        erased = _erased(finder, con, any_time_in=files, also={source})
        return frozenset(line for _, line in erased)


def _erased(
    finder: Finder,
    con: duckdb.DuckDBPyConnection,
    *,
    any_time_in: list[str],
    also: set[str] | None = None,
) -> list[tuple[str, int]]:
    """(source file, line) of the candidates that are rows of the erased."""
    con.execute(
        f"""
        create or replace temp table {_ROWS} as
        select
            * exclude (event_ts, event_ts_parsed),
            case when not list_contains(?, source_file) then event_ts_parsed end as event_ts
        from candidates
        """,
        [any_time_in],
    )
    sources: Mapping[str, SourceSettings] = {
        **{name: SourceSettings(format="canonical") for name in also or ()},
        **finder.settings.sources,
    }
    find_rows_of(
        con,
        _ROWS,
        sources=sources,
        registry=finder.registry,
        junk=finder.settings.settings.junk_identifiers,
        look_up=finder.look_up,
    )
    return con.execute(
        f"select source_file, source_line from {_ROWS} as given "
        "join erased_rows on erased_rows.row_number = given.rowid order by all"
    ).fetchall()


@contextmanager
def _connection(finder: Finder) -> Iterator[duckdb.DuckDBPyConnection]:
    spill = finder.paths.staging / ".erasing"
    make_folder(spill)
    try:
        with duckdb.connect(config={"temp_directory": str(spill), "memory_limit": _MEMORY}) as con:
            yield con
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def take_out(finder: Finder, request: Request, now: datetime) -> tuple[list[Rewrite], list[str]]:
    """Take the rows of the erased out of landing and quarantine.

    Begins with what an earlier attempt has prepared; where nothing is left, does nothing.

    Args:
        finder: where and who; the caller holds the state's lock.
        request: the erasure on whose behalf.
        now: when the register is told so.

    Returns:
        Every file that this request has changed, earlier attempts included; and the landed files
        that could not be looked into.
    """
    paths = finder.paths
    known = erasure_register.rewrites(erasure_register.load(paths), request.number)
    _put_in_place(paths, known)
    for left in _left_over(paths):
        left.unlink()
    landed = landed_rows(finder, request.erased_at)
    prepared = [_prepare(finder, place) for place in landed.places]
    prepared += [_prepare_quarantine(paths, place) for place in quarantined_rows(finder)]
    if prepared:
        for folder in sorted({(paths.home / one.path).parent for one in prepared}):
            fsync_folder(folder)
        crash_point("erasure: prepared")
        erasure_register.append(
            paths,
            erasure_register.REWRITTEN,
            request.number,
            now,
            {"files": [asdict(one) for one in prepared]},
        )
        crash_point("erasure: registered")
        _put_in_place(paths, prepared)
    return [*known, *prepared], landed.unreadable


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}{ENDING}")


def _left_over(paths: StatePaths) -> list[Path]:
    return [
        *paths.landing.glob(f"*/*/.*{ENDING}"),
        *paths.quarantine.glob(f"arrival_date=*/.*{ENDING}"),
    ]


def _prepare(finder: Finder, place: Place) -> Rewrite:
    file = place.file
    source = finder.settings.sources[file.relative_to(finder.paths.landing).parts[0]]
    beside = _beside(file)
    before = sha256_of(file)
    copy_without(file, beside, place.rows, source, finder.settings.settings)
    return _rewrite(finder.paths, file, beside, before, len(place.rows))


def _prepare_quarantine(paths: StatePaths, place: Place) -> Rewrite:
    file, beside = place.file, _beside(place.file)
    before = sha256_of(file)
    table = pq.ParquetFile(file).read()
    kept = [number for number in range(table.num_rows) if number not in place.rows]
    # Typed: of nothing at all, Arrow could not tell what the numbers are.
    pq.write_table(table.take(pa.array(kept, pa.int64())), beside, compression="zstd")
    return _rewrite(paths, file, beside, before, len(place.rows))


def _rewrite(paths: StatePaths, file: Path, beside: Path, before: str, rows: int) -> Rewrite:
    status = file.stat()
    beside.chmod(status.st_mode & 0o7777)
    # The time of delivery stays: the row counts of a file change, not when it came.
    os.utime(beside, ns=(status.st_mtime_ns, status.st_mtime_ns))
    fsync_file(beside)
    return Rewrite(
        path=str(file.relative_to(paths.home)),
        before=before,
        after=sha256_of(beside),
        bytes=beside.stat().st_size,
        mtime_ns=status.st_mtime_ns,
        rows=rows,
    )


def _put_in_place(paths: StatePaths, prepared: list[Rewrite]) -> None:
    """Let what is prepared take its place; where it has, or somebody changed the file, nothing."""
    for one in prepared:
        file = paths.home / one.path
        beside = _beside(file)
        if beside.is_file() and sha256_of(beside) == one.after:
            if file.is_file() and sha256_of(file) == one.before:
                beside.replace(file)
                fsync_folder(file.parent)
                crash_point("erasure: file replaced")
            else:
                beside.unlink()

"""Days' files, read, split and treated into `staging/<D>/`.

Here: the way of rows from files to staged Parquet, and what became of each. Not here: which files
these are (`pending`), what a batch is once it is staged (`batch`), the checks and the seal.

Days are staged together, since a statement costs as much for ten rows as for ten thousand. Memory
is bounded however many they are and however large a file is: rows are split and treated in slices,
and DuckDB spills to disk above its limit.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.ingest import batch, seals
from dagster_project.ingest.batch import StagedBatch
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import crash_point, make_folder, sha256_of
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.landing import LandedFile
from dagster_project.ingest.mapping import create_candidates, load_candidates
from dagster_project.ingest.pending import read_as
from dagster_project.ingest.quarantine import QUARANTINE_SCHEMA, encrypt_rows
from dagster_project.ingest.staging_amounts import bundles, slices
from dagster_project.ingest.treatment import number_copies, treat
from dagster_project.ingest.vault import Vault
from dagster_project.ingest.withholding import withhold
from dagster_project.state import StatePaths
from expectations.contract import Registry, split_sql

ROWS_A_PART: Final = 1_000_000
_MEMORY: Final = "1GB"
_PLACE: Final = ("source", "source_file", "source_line")


def stage(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    files: Mapping[date, Sequence[LandedFile]],
    make: "Callable[..., Staging] | None" = None,
) -> list[StagedBatch]:
    """Read, split and treat days' files into `staging/<D>/`, replacing what was there.

    A file that changes while it is read is left for the next batch, and so is one that cannot be
    opened.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings. registry: the contract. vault: open.
        files: what to load, by arrival date; a file belongs to one of them.
        make: another kind of staging, which gets the arguments of `Staging`.

    Returns:
        A batch a day, in the order of `files`; one without files is empty.

    Raises:
        FootfallError: the vault or the disk cannot be written.
    """
    for day in files:
        batch.discard(paths, day)
    days = [_Day(paths, day) for day, of_day in files.items() if of_day]
    if days:
        (make or Staging)(paths, settings, registry, vault, days).stage(files)
    staged = {one.day: _batch(settings, registry, one, files[one.day]) for one in days}
    for one in staged.values():
        if one.is_empty:
            batch.discard(paths, one.day)
        else:
            batch.write_report(paths, one)
    none = StagedBatch(date.min, contract_version=registry.contract_version)
    return [staged.get(day) or replace(none, day=day) for day in files]


@dataclass
class _Day:
    """What has been counted and written of a day so far."""

    paths: StatePaths
    day: date
    files: dict[str, seals.SealedFile] = field(default_factory=dict)
    refused: list[seals.RefusedFile] = field(default_factory=list)
    refused_rows: list[pa.Table] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    slices: list[tuple[Path, int]] = field(default_factory=list)
    quarantine_rows: int = 0

    @property
    def folder(self) -> Path:
        """Where it is staged."""
        return self.paths.staging_day(self.day)

    def count(self, path: str, logged: int, refused: int) -> None:
        """Add to what became of a file's rows."""
        file = self.files[path]
        self.files[path] = replace(
            file, logged=file.logged + logged, quarantined=file.quarantined + refused
        )

    def count_withheld(self, path: str, reason: str, rows: int) -> None:
        """Add to what is stored nowhere."""
        file = self.files[path]
        withheld = {**file.withheld, reason: file.withheld.get(reason, 0) + rows}
        self.files[path] = replace(file, withheld=withheld)

    def write_quarantine(self) -> None:
        """Write all refused rows, which are encrypted already."""
        rows = pa.concat_tables([QUARANTINE_SCHEMA.empty_table(), *self.refused_rows])
        self.quarantine_rows = int(rows.num_rows)
        if rows.num_rows:
            make_folder(self.folder)
            rows = rows.sort_by([(name, "ascending") for name in _PLACE])
            pq.write_table(rows, self.folder / batch.QUARANTINE_FILE, compression="zstd")
            crash_point("staging: quarantine written")


def _batch(
    settings: Settings, registry: Registry, of: _Day, landed: Sequence[LandedFile]
) -> StagedBatch:
    used = {file.source for file in landed}
    return StagedBatch(
        day=of.day,
        files=tuple(of.files.values()),
        refused=tuple(of.refused),
        unsettled=tuple(of.unsettled),
        parts=tuple(of.parts),
        quarantine_rows=of.quarantine_rows,
        contract_version=registry.contract_version,
        sources={
            name: {
                "format": source.format,
                "identical_rows": source.identical_rows,
                "order_grain": source.order_grain,
                "sessions": source.sessions,
                "currency": source.currency,
                "read_as": read_as(settings, name),
            }
            for name, source in sorted(settings.sources.items())
            if name in used
        },
    )


class Staging:
    """One staging of some days."""

    def __init__(
        self,
        paths: StatePaths,
        settings: Settings,
        registry: Registry,
        vault: Vault,
        days: Sequence[_Day],
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._registry = registry
        self._vault = vault
        self._days = {one.day: one for one in days}
        self._spill = paths.staging / ".tmp"
        self._slices_written = 0

    def stage(self, files: Mapping[date, Sequence[LandedFile]]) -> None:
        """Load files in the order of days, and treat what is loaded whenever it is enough."""
        shutil.rmtree(self._spill, ignore_errors=True)
        make_folder(self._spill)
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": str(self._spill),
            "memory_limit": _MEMORY,
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=config) as con:
            create_candidates(con)
            con.execute("create temp table file_days (source_file varchar, arrival_date date)")
            for together, unfinished in bundles(files):
                for source in sorted({file.source for _, file in together}):
                    of_source = [(day, file) for day, file in together if file.source == source]
                    self.load(con, source, of_source)
                self._treat_candidates(con, unfinished)
            # Files without rows may have come last.
            for one in self._days.values():
                self._write_part(con, one)
        shutil.rmtree(self._spill)
        for one in self._days.values():
            one.write_quarantine()

    def load(
        self, con: duckdb.DuckDBPyConnection, source: str, files: list[tuple[date, LandedFile]]
    ) -> None:
        """Put the rows of a source's files into `candidates`."""
        hashes: dict[str, str] = {}
        for day, file in files:
            try:
                hashes[file.path] = sha256_of(self._paths.landing / file.path)
            except OSError as error:
                self._days[day].unsettled.append(
                    f"landing/{file.path}: cannot be opened ({error.strerror}); left for the next "
                    "run"
                )
        settings = self._settings
        loaded = load_candidates(
            con,
            {path: self._paths.landing / path for path in hashes},
            source,
            settings.sources[source],
            settings.settings,
        )
        for day, file in files:
            if file.path not in hashes or not self._is_settled(con, self._days[day], file):
                continue
            outcome = loaded[file.path]
            if isinstance(outcome, RefusedFileError):
                self._refuse(self._days[day], file, hashes[file.path], str(outcome))
                continue
            con.execute("insert into file_days values (?, ?)", [file.path, day])
            self._days[day].files[file.path] = seals.SealedFile(
                source=file.source,
                path=file.path,
                bytes=file.bytes,
                sha256=hashes[file.path],
                mtime_ns=file.mtime_ns,
                read=outcome,
                logged=0,
                quarantined=0,
            )

    def _is_settled(self, con: duckdb.DuckDBPyConnection, one: _Day, file: LandedFile) -> bool:
        """Whether a file is still what was read; if not, nothing of it stays."""
        if file.is_still(self._paths):
            return True
        con.execute("delete from candidates where source_file = ?", [file.path])
        one.unsettled.append(
            f"landing/{file.path}: changed while it was read; left for the next run, write under "
            "a name that ends in .tmp and rename when done"
        )
        return False

    def _refuse(self, one: _Day, file: LandedFile, sha256: str, reason: str) -> None:
        one.refused.append(seals.RefusedFile(file.source, file.path, sha256, reason))
        row = pa.table(
            {
                "source": pa.array([file.source], pa.string()),
                "source_file": pa.array([file.path], pa.string()),
                "source_line": pa.array([0], pa.int64()),
                "reasons": pa.array([[f"file: {reason}"]], pa.list_(pa.string())),
                "raw": pa.array([""], pa.string()),
            }
        )
        one.refused_rows.append(encrypt_rows(self._vault, row))

    def _treat_candidates(self, con: duckdb.DuckDBPyConnection, unfinished: date | None) -> None:
        """Split and treat what is loaded, slice by slice.

        Args:
            con: has the candidates.
            unfinished: the day whose next files are still to come.
        """
        number_copies(con, "candidates", self._settings.sources)
        (bounds,) = con.execute("select min(rowid), max(rowid) + 1 from candidates").fetchall()
        ends = dict(
            con.execute(
                "select arrival_date, max(candidates.rowid) + 1 from candidates "
                "join file_days using (source_file) group by all"
            ).fetchall()
        )
        for first, end in slices(*bounds) if ends else ():
            finished = {day for day in ends if ends[day] <= end and day != unfinished}
            self._treat_slice(con, first, end, finished)
        con.execute("drop table candidates")
        create_candidates(con)

    def _treat_slice(
        self, con: duckdb.DuckDBPyConnection, first: int, end: int, finished: set[date]
    ) -> None:
        """Treat a range of candidates, and write it; days that are finished have no more rows."""
        settings = self._settings.settings
        select = split_sql(
            self._registry,
            "(select candidates.*, file_days.arrival_date from candidates "
            "join file_days using (source_file) "
            f"where candidates.rowid >= {first} and candidates.rowid < {end})",
            earliest_event_date=settings.earliest_event_date,
            max_future_hours=settings.max_future_hours,
        )
        con.execute(f"create or replace temp table split as {select}")
        self.after_split(con)
        # First of all, before anything of them is kept.
        for day, path, reason, rows in withhold(
            con,
            "split",
            sources=self._settings.sources,
            registry=self._registry,
            vault=self._vault,
            junk=settings.junk_identifiers,
        ):
            self._days[day].count_withheld(path, reason, rows)
        counts = con.execute(
            "select arrival_date, source_file, count(*) filter (where len(reasons) = 0), "
            "count(*) filter (where len(reasons) > 0) from split group by all order by 1, 2"
        ).fetchall()
        logged_rows: dict[date, int] = defaultdict(int)
        for day, path, logged, refused in counts:
            self._days[day].count(path, logged, refused)
            logged_rows[day] += logged
        self._keep_refused(con)
        treated = treat(
            con,
            "split",
            sources=self._settings.sources,
            registry=self._registry,
            vault=self._vault,
            junk=settings.junk_identifiers,
        )
        con.execute("drop table split")
        for day, rows in logged_rows.items():
            self._write_rows(con, self._days[day], treated, rows, goes_on=day not in finished)
        con.execute(f"drop table {treated}")

    def after_split(self, con: duckdb.DuckDBPyConnection) -> None:
        """Look at `split`, where each row has its reasons, before anything is kept of it."""

    def _keep_refused(self, con: duckdb.DuckDBPyConnection) -> None:
        refused = con.execute(
            "select arrival_date, source, source_file, source_line, reasons, raw from split "
            "where len(reasons) > 0 order by source, source_file, source_line"
        ).to_arrow_table()
        for day in pc.unique(refused["arrival_date"]).to_pylist():
            rows = refused.filter(pc.equal(refused["arrival_date"], day))
            encrypted = encrypt_rows(self._vault, rows.drop_columns("arrival_date"))
            self._days[day].refused_rows.append(encrypted)

    def _write_rows(
        self, con: duckdb.DuckDBPyConnection, one: _Day, treated: str, rows: int, *, goes_on: bool
    ) -> None:
        """Write a day's rows of a slice: as a part where they are all, else beside the others."""
        if one.slices and sum(count for _, count in one.slices) + rows > ROWS_A_PART:
            self._write_part(con, one)
        of_day = f"select * from {treated} where arrival_date = date '{one.day}'"
        if not goes_on and not one.slices:
            if rows:
                self._write_sorted(con, one, of_day)
            return
        file = self._spill / f"slice-{self._slices_written:05d}.parquet"
        con.execute(f"copy ({of_day}) to '{_quoted(file)}' (format parquet, compression lz4)")
        self._slices_written += 1
        one.slices.append((file, rows))
        if not goes_on:
            self._write_part(con, one)

    def _write_part(self, con: duckdb.DuckDBPyConnection, one: _Day) -> None:
        """Merge a day's slices into a part."""
        if sum(rows for _, rows in one.slices):
            names = ", ".join(f"'{_quoted(file)}'" for file, _ in one.slices)
            self._write_sorted(
                con, one, f"select * from read_parquet([{names}], hive_partitioning = false)"
            )
        for file, _ in one.slices:
            file.unlink()
        one.slices = []

    def _write_sorted(self, con: duckdb.DuckDBPyConnection, one: _Day, rows: str) -> None:
        """A part in the order of events."""
        make_folder(one.folder)
        name = f"part-{len(one.parts):03d}.parquet"
        con.execute(
            f"copy ({rows} order by event_ts, event_id, source, source_file, source_line) "
            f"to '{_quoted(one.folder / name)}' "
            "(format parquet, compression zstd, preserve_order true)"
        )
        one.parts.append(name)
        crash_point("staging: part written")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

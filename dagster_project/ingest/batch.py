"""A day's files, read, split and treated into `staging/<D>/`: what waits to be checked and sealed.

Here: what became of each row of the files, and the staged Parquet. Not here: which files these are
(`pending`), the seal (`event_log`), and the checks before it.

Memory is bounded however large a file is: DuckDB spills candidates to disk above its limit, rows
are split and treated in slices, and the slices are merged into parts.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import make_folder, sha256_of, write_atomic_json
from dagster_project.ingest.errors import FootfallError, RefusedFileError
from dagster_project.ingest.landing import LandedFile
from dagster_project.ingest.mapping import create_candidates, load_candidates
from dagster_project.ingest.quarantine import QUARANTINE_SCHEMA, encrypt_rows
from dagster_project.ingest.treatment import number_copies, treat
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import Registry, split_sql

ROWS_A_PART: Final = 1_000_000
# Rows treated at once: at 250,000 a million events of 450 bytes take 1.5 GB, at a million 4.1 GB.
ROWS_A_SLICE: Final = 250_000
_MEMORY: Final = "1GB"
_REPORT: Final = "report.json"
_QUARANTINE: Final = "quarantine.parquet"


@dataclass(frozen=True)
class StagedBatch:
    """What is in `staging/<D>/`.

    Attributes:
        day: the arrival date.
        is_closed: the day took its last seal before; nothing is staged.
        files: what became of each file's rows.
        refused: files that cannot be read as a whole.
        unsettled: files that changed while they were read or could not be opened, one line each;
            they are left for the next batch.
        parts: staged Parquet files with the log's columns, names below `staging/<D>/`.
        quarantine_rows: rows of the staged quarantine file, a row a refused file included.
        contract_version: of the registry that split it.
        sources: the settings that its rows were read by.
    """

    day: date
    is_closed: bool = False
    files: tuple[seals.SealedFile, ...] = ()
    refused: tuple[seals.RefusedFile, ...] = ()
    unsettled: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    quarantine_rows: int = 0
    contract_version: int = 0
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Rows read."""
        return sum(file.read for file in self.files)

    @property
    def logged(self) -> int:
        return sum(file.logged for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)

    @property
    def quarantined_share(self) -> float:
        """Of the rows read, 0 to 1."""
        return self.quarantined / self.read if self.read else 0.0

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.refused


def stage(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    day: date,
    files: Sequence[LandedFile],
) -> StagedBatch:
    """Read, split and treat files into `staging/<D>/`, replacing what was there.

    A file that changes while it is read is left for the next batch, and so is one that cannot be
    opened.

    Raises:
        FootfallError: the vault or the disk cannot be written.
    """
    discard(paths, day)
    if not files:
        return StagedBatch(day, contract_version=registry.contract_version)
    folder = paths.staging_day(day)
    spill = folder / ".tmp"
    make_folder(spill)
    staging = _Staging(paths, settings, registry, vault, day)
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(spill),
        "memory_limit": _MEMORY,
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(config=config) as con:
        create_candidates(con)
        loaded = 0
        for file in files:
            loaded += staging.load(con, file)
            if loaded >= ROWS_A_SLICE:
                staging.treat_candidates(con)
                loaded = 0
        staging.treat_candidates(con)
        staging.write_part(con)
    shutil.rmtree(spill)
    quarantine_rows = staging.write_quarantine()
    used = {file.source for file in files}
    batch = StagedBatch(
        day=day,
        files=tuple(staging.files),
        refused=tuple(staging.refused),
        unsettled=tuple(staging.unsettled),
        parts=tuple(staging.parts),
        quarantine_rows=quarantine_rows,
        contract_version=registry.contract_version,
        sources={
            name: {
                "format": source.format,
                "identical_rows": source.identical_rows,
                "order_grain": source.order_grain,
                "currency": source.currency,
            }
            for name, source in sorted(settings.sources.items())
            if name in used
        },
    )
    if batch.is_empty:
        discard(paths, day)
    else:
        write_atomic_json(folder / _REPORT, _as_json(batch))
    return batch


def _as_json(batch: StagedBatch) -> dict[str, Any]:
    return {**asdict(batch), "day": batch.day.isoformat()}


def staged_days(paths: StatePaths) -> list[date]:
    """Arrival dates with a batch in `staging/`, in order."""
    found = []
    for report in paths.staging.glob(f"*/{_REPORT}"):
        # Another name is not ours.
        with suppress(ValueError):
            found.append(date.fromisoformat(report.parent.name))
    return sorted(found)


def staged_batch(paths: StatePaths, day: date) -> StagedBatch:
    """The batch that waits in `staging/<D>/`.

    Raises:
        FootfallError: nothing waits there, or another version of footfall staged it.
    """
    file = paths.staging_day(day) / _REPORT
    again = f"`footfall run --from {day} --to {day}` stages one"
    try:
        content = json.loads(file.read_bytes())
        return StagedBatch(
            **{
                **content,
                "day": day,
                "files": tuple(seals.SealedFile(**one) for one in content["files"]),
                "refused": tuple(seals.RefusedFile(**one) for one in content["refused"]),
                "unsettled": tuple(content["unsettled"]),
                "parts": tuple(content["parts"]),
            }
        )
    except FileNotFoundError:
        raise FootfallError(f"{day}: no batch waits in staging; {again}") from None
    except (ValueError, TypeError, KeyError):
        raise FootfallError(f"{file}: is no batch of this version of footfall; {again}") from None


def staged_quarantine(paths: StatePaths, day: date) -> Path:
    """The file of the rows refused in `staging/<D>/`; there only if there are any."""
    return paths.staging_day(day) / _QUARANTINE


def discard(paths: StatePaths, day: date) -> None:
    """Empty `staging/<D>/`; what landed stays, and can be staged again."""
    shutil.rmtree(paths.staging_day(day), ignore_errors=True)


class _Staging:
    """One staging: what has been counted and written so far."""

    def __init__(
        self,
        paths: StatePaths,
        settings: Settings,
        registry: Registry,
        vault: Vault,
        day: date,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._registry = registry
        self._vault = vault
        self._day = day
        self._folder = paths.staging_day(day)
        self._refused_rows: list[pa.Table] = []
        self._loaded: list[seals.SealedFile] = []
        self._slices: list[tuple[Path, int]] = []
        self._slices_written = 0
        self.files: list[seals.SealedFile] = []
        self.refused: list[seals.RefusedFile] = []
        self.unsettled: list[str] = []
        self.parts: list[str] = []

    def load(self, con: duckdb.DuckDBPyConnection, file: LandedFile) -> int:
        """Put a file's rows into `candidates`; give their number."""
        path = self._paths.landing / file.path
        sha256 = ""
        try:
            sha256 = sha256_of(path)
            rows = load_candidates(
                con,
                path,
                file.path,
                file.source,
                self._settings.sources[file.source],
                self._settings.settings,
            )
        except RefusedFileError as error:
            if self._is_settled(con, file):
                self._refuse(file, sha256, str(error))
            return 0
        except OSError as error:
            self.unsettled.append(
                f"landing/{file.path}: cannot be opened ({error.strerror}); left for the next run"
            )
            return 0
        if not self._is_settled(con, file):
            return 0
        self._loaded.append(
            seals.SealedFile(
                source=file.source,
                path=file.path,
                bytes=file.bytes,
                sha256=sha256,
                mtime_ns=file.mtime_ns,
                read=rows,
                logged=0,
                quarantined=0,
            )
        )
        return rows

    def _is_settled(self, con: duckdb.DuckDBPyConnection, file: LandedFile) -> bool:
        """Whether a file is still what was read; if not, nothing of it stays."""
        if file.is_still(self._paths):
            return True
        con.execute("delete from candidates where source_file = ?", [file.path])
        self.unsettled.append(
            f"landing/{file.path}: changed while it was read; left for the next run, write under "
            "a name that ends in .tmp and rename when done"
        )
        return False

    def _refuse(self, file: LandedFile, sha256: str, reason: str) -> None:
        self.refused.append(seals.RefusedFile(file.source, file.path, sha256, reason))
        row = pa.table(
            {
                "source": pa.array([file.source], pa.string()),
                "source_file": pa.array([file.path], pa.string()),
                "source_line": pa.array([0], pa.int64()),
                "reasons": pa.array([[f"file: {reason}"]], pa.list_(pa.string())),
                "raw": pa.array([""], pa.string()),
            }
        )
        self._refused_rows.append(encrypt_rows(self._vault, row))

    def treat_candidates(self, con: duckdb.DuckDBPyConnection) -> None:
        """Split and treat what is loaded, slice by slice, and count each file's rows."""
        if not self._loaded:
            return
        number_copies(con, "candidates", self._settings.sources)
        (bounds,) = con.execute("select min(rowid), max(rowid) from candidates").fetchall()
        counts: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        if bounds[0] is not None:
            for first in range(bounds[0], bounds[1] + 1, ROWS_A_SLICE):
                slice_of = f"rowid >= {first} and rowid < {first + ROWS_A_SLICE}"
                for key, logged, refused in self._treat_slice(con, slice_of):
                    before = counts[key]
                    counts[key] = (before[0] + logged, before[1] + refused)
        for file in self._loaded:
            logged, refused = counts[file.source, file.path]
            self.files.append(replace(file, logged=logged, quarantined=refused))
        self._loaded = []
        con.execute("drop table candidates")
        create_candidates(con)

    def _treat_slice(
        self, con: duckdb.DuckDBPyConnection, slice_of: str
    ) -> list[tuple[tuple[str, str], int, int]]:
        """((source, file), rows accepted, rows refused) of a slice, written to disk."""
        settings = self._settings.settings
        select = split_sql(
            self._registry,
            f"(select * from candidates where {slice_of})",
            arrival_date=self._day,
            earliest_event_date=settings.earliest_event_date,
            max_future_hours=settings.max_future_hours,
        )
        con.execute(f"create or replace temp table split as {select}")
        counts = con.execute(
            "select source, source_file, count(*) filter (where len(reasons) = 0), "
            "count(*) filter (where len(reasons) > 0) from split group by all"
        ).fetchall()
        refused = con.execute(
            "select source, source_file, source_line, reasons, raw from split "
            "where len(reasons) > 0 order by source, source_file, source_line"
        ).to_arrow_table()
        if refused.num_rows:
            self._refused_rows.append(encrypt_rows(self._vault, refused))
        treated = treat(
            con,
            "split",
            sources=self._settings.sources,
            registry=self._registry,
            vault=self._vault,
            junk=settings.junk_identifiers,
            arrival_date=self._day,
        )
        accepted = sum(row[2] for row in counts)
        if accepted:
            self._write_slice(con, treated, accepted)
        con.execute("drop table split")
        con.execute(f"drop table {treated}")
        return [((source, file), ok, not_ok) for source, file, ok, not_ok in counts]

    def _write_slice(self, con: duckdb.DuckDBPyConnection, treated: str, rows: int) -> None:
        if self._slices and sum(count for _, count in self._slices) + rows > ROWS_A_PART:
            self.write_part(con)
        file = self._folder / ".tmp" / f"slice-{self._slices_written:05d}.parquet"
        con.execute(f"copy {treated} to '{_quoted(file)}' (format parquet, compression lz4)")
        self._slices_written += 1
        self._slices.append((file, rows))

    def write_part(self, con: duckdb.DuckDBPyConnection) -> None:
        """Merge the slices into a part, in the order of events."""
        if not self._slices:
            return
        name = f"part-{len(self.parts):03d}.parquet"
        slices = ", ".join(f"'{_quoted(file)}'" for file, _ in self._slices)
        con.execute(
            f"copy (select * from read_parquet([{slices}], hive_partitioning = false) "
            "order by event_ts, event_id, source, source_file, source_line) "
            f"to '{_quoted(self._folder / name)}' "
            "(format parquet, compression zstd, preserve_order true)"
        )
        for file, _ in self._slices:
            file.unlink()
        self._slices = []
        self.parts.append(name)

    def write_quarantine(self) -> int:
        """Write all refused rows, which are encrypted already; give their number."""
        rows = pa.concat_tables([QUARANTINE_SCHEMA.empty_table(), *self._refused_rows])
        if rows.num_rows:
            rows = rows.sort_by([(name, "ascending") for name in _QUARANTINE_ORDER])
            pq.write_table(rows, self._folder / _QUARANTINE, compression="zstd")
        return int(rows.num_rows)


_QUARANTINE_ORDER: Final = ("source", "source_file", "source_line")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

"""A day's files, read, split and treated into `staging/<D>/`: what waits to be checked and sealed.

Here: which files belong to a batch, what became of each of their rows, and the staged Parquet. Not here: the seal
(`event_log`), the checks on it (`expectations`, called by `loading`).
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import make_folder, sha256_of, write_atomic_json
from dagster_project.ingest.errors import FootfallError, RefusedFileError
from dagster_project.ingest.mapping import create_candidates, load_candidates
from dagster_project.ingest.quarantine import QUARANTINE_SCHEMA, encrypt_rows
from dagster_project.ingest.readers import file_ending
from dagster_project.ingest.treatment import treat
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import Registry, split_sql

_ROWS_A_PART = 1_000_000
_REPORT = "report.json"
_IGNORED_PREFIXES = (".", "_")
_IGNORED_ENDINGS = (".tmp", ".part", ".inprogress")


@dataclass(frozen=True, order=True)
class LandedFile:
    """A file below `landing/`, by the day that its folder names."""

    day: date
    source: str
    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class StagedBatch:
    """What is in `staging/<D>/`.

    Attributes:
        day: the arrival date.
        is_closed: the day took its last seal before; nothing is staged.
        files: what became of each file's rows.
        refused: files that cannot be read as a whole.
        changed: sealed files that are other files now; they are reported and not loaded.
        parts: staged Parquet files with the log's columns, names below `staging/<D>/`.
        quarantine_rows: rows of the staged quarantine file, a row a refused file included.
        contract_version: of the registry that split it.
        sources: the settings that its rows were read by.
    """

    day: date
    is_closed: bool = False
    files: tuple[seals.SealedFile, ...] = ()
    refused: tuple[seals.RefusedFile, ...] = ()
    changed: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    quarantine_rows: int = 0
    contract_version: int = 0
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        return sum(file.read for file in self.files)

    @property
    def logged(self) -> int:
        return sum(file.logged for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.refused


def scan_landing(paths: StatePaths, settings: Settings) -> list[LandedFile]:
    """Every file that a declared source has landed, in order of day, source and name.

    Names that readers ignore, links and anything that is not a file are passed over.
    """
    found = []
    for source in sorted(settings.sources):
        folder = paths.landing / source
        if folder.is_symlink() or not folder.is_dir():
            continue
        for day_folder in sorted(folder.iterdir()):
            day = _as_day(day_folder.name)
            if day is None or day_folder.is_symlink() or not day_folder.is_dir():
                continue
            for file in sorted(day_folder.iterdir()):
                if _is_loadable(file):
                    status = file.stat()
                    place = f"{source}/{day_folder.name}/{file.name}"
                    found.append(
                        LandedFile(day, source, place, status.st_size, status.st_mtime_ns)
                    )
    return sorted(found)


def _as_day(name: str) -> date | None:
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if day.isoformat() == name else None


def _is_loadable(file: Path) -> bool:
    name = file.name
    return (
        not name.startswith(_IGNORED_PREFIXES)
        and not name.endswith(_IGNORED_ENDINGS)
        and file_ending(name) is not None
        and not file.is_symlink()
        and file.is_file()
    )


def files_for(
    paths: StatePaths, day: date, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[LandedFile]:
    """The files that a batch of `day` has to load: its own, and those that came for closed days.

    A sealed name is not loaded again, whatever it holds now; see `changed_files`. A file that was
    refused is tried again once its content is another.
    """
    closed = {manifest.arrival_date for manifest in chain if manifest.closes_day}
    return [
        file
        for file in unsealed_files(paths, landed, chain)
        if file.day == day or file.day in closed
    ]


def unsealed_files(
    paths: StatePaths, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[LandedFile]:
    """Landed files that no seal knows, and refused ones that were delivered anew."""
    sealed = {file.path for manifest in chain for file in manifest.files}
    refused = {(file.path, file.sha256) for manifest in chain for file in manifest.refused}
    tried = {path for path, _ in refused}
    return [
        file
        for file in landed
        if file.path not in sealed
        and not (
            file.path in tried and (file.path, sha256_of(paths.landing / file.path)) in refused
        )
    ]


def changed_files(
    paths: StatePaths, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[str]:
    """Sealed files whose content is another one now.

    Content is hashed only where size or time of change differ from what was sealed.
    """
    sealed = {file.path: file for manifest in chain for file in manifest.files}
    found = []
    for file in landed:
        before = sealed.get(file.path)
        if before is None or (file.bytes, file.mtime_ns) == (before.bytes, before.mtime_ns):
            continue
        if file.bytes != before.bytes or sha256_of(paths.landing / file.path) != before.sha256:
            found.append(
                f"landing/{file.path}: changed after it was sealed; not loaded, deliver the change "
                "under a new name"
            )
    return found


def stage(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    day: date,
    files: Sequence[LandedFile],
) -> StagedBatch:
    """Read, split and treat files into `staging/<D>/`, replacing what was there.

    Raises:
        FootfallError: the vault or the disk cannot be written.
    """
    folder = paths.staging_day(day)
    shutil.rmtree(folder, ignore_errors=True)
    if not files:
        return StagedBatch(day, contract_version=registry.contract_version)
    make_folder(folder)
    work = _Work(paths, settings, registry, vault, day)
    with duckdb.connect(config={"temp_directory": str(folder / ".tmp")}) as con:
        for chunk in work.chunks(con, files):
            work.write_chunk(con, chunk)
    shutil.rmtree(folder / ".tmp", ignore_errors=True)
    quarantine_rows = work.write_quarantine()
    used = {file.source for file in files}
    batch = StagedBatch(
        day=day,
        files=tuple(work.files),
        refused=tuple(work.refused),
        parts=tuple(work.parts),
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
    write_atomic_json(folder / _REPORT, _as_json(batch))
    return batch


def _as_json(batch: StagedBatch) -> dict[str, Any]:
    return {**asdict(batch), "day": batch.day.isoformat()}


def staged_batch(paths: StatePaths, day: date) -> StagedBatch:
    """The batch that waits in `staging/<D>/`.

    Raises:
        FootfallError: nothing waits there.
    """
    file = paths.staging_day(day) / _REPORT
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise FootfallError(
            f"{day}: no batch waits in staging; `footfall run --from {day} --to {day}` stages one"
        ) from None
    return StagedBatch(
        **{
            **content,
            "day": day,
            "files": tuple(seals.SealedFile(**one) for one in content["files"]),
            "refused": tuple(seals.RefusedFile(**one) for one in content["refused"]),
            "changed": tuple(content["changed"]),
            "parts": tuple(content["parts"]),
        }
    )


class _Work:
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
        self.files: list[seals.SealedFile] = []
        self.refused: list[seals.RefusedFile] = []
        self.parts: list[str] = []

    def chunks(
        self, con: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]
    ) -> Iterator[list[tuple[seals.SealedFile, int]]]:
        """Load files into `candidates`, and stop for each million rows; files are not divided."""
        chunk: list[seals.SealedFile] = []
        rows = 0
        create_candidates(con)
        for file in files:
            sealed = self._load(con, file)
            if sealed is None:
                continue
            chunk.append(sealed)
            rows += sealed.read
            if rows >= _ROWS_A_PART:
                yield [(one, one.read) for one in chunk]
                chunk, rows = [], 0
                con.execute("delete from candidates")
        if chunk:
            yield [(one, one.read) for one in chunk]

    def _load(self, con: duckdb.DuckDBPyConnection, file: LandedFile) -> seals.SealedFile | None:
        path = self._paths.landing / file.path
        source = self._settings.sources[file.source]
        try:
            sha256 = sha256_of(path)
        except OSError as error:
            self._refuse(file, "", f"cannot be opened ({error.strerror}); deliver it again")
            return None
        try:
            rows = load_candidates(
                con, path, file.path, file.source, source, self._settings.settings
            )
        except RefusedFileError as error:
            self._refuse(file, sha256, str(error))
            return None
        return seals.SealedFile(
            file.source, file.path, file.bytes, sha256, file.mtime_ns, rows, logged=0, quarantined=0
        )

    def _refuse(self, file: LandedFile, sha256: str, reason: str) -> None:
        self.refused.append(seals.RefusedFile(file.source, file.path, sha256, reason))
        self._refused_rows.append(
            pa.table(
                {
                    "source": pa.array([file.source], pa.string()),
                    "source_file": pa.array([file.path], pa.string()),
                    "source_line": pa.array([0], pa.int64()),
                    "reasons": pa.array([[f"file: {reason}"]], pa.list_(pa.string())),
                    "raw": pa.array([""], pa.string()),
                }
            )
        )

    def write_chunk(
        self, con: duckdb.DuckDBPyConnection, chunk: list[tuple[seals.SealedFile, int]]
    ) -> None:
        """Split and treat the candidates; write a part; count each file's rows."""
        settings = self._settings.settings
        select = split_sql(
            self._registry,
            "candidates",
            arrival_date=self._day,
            earliest_event_date=settings.earliest_event_date,
            max_future_hours=settings.max_future_hours,
        )
        con.execute(f"create or replace temp table split as {select}")
        counts = {
            (source, file): (logged, refused)
            for source, file, logged, refused in con.execute(
                "select source, source_file, count(*) filter (where len(reasons) = 0), "
                "count(*) filter (where len(reasons) > 0) from split group by all"
            ).fetchall()
        }
        treated = treat(
            con,
            "split",
            sources=self._settings.sources,
            registry=self._registry,
            vault=self._vault,
            junk=settings.junk_identifiers,
            arrival_date=self._day,
        )
        name = f"part-{len(self.parts):03d}.parquet"
        written = con.execute(
            f"copy (select * from {treated} order by event_ts, event_id, source_file, source_line) "
            f"to '{_quoted(self._folder / name)}' (format parquet, compression zstd)"
        ).fetchone()
        if written and written[0]:
            self.parts.append(name)
        else:
            (self._folder / name).unlink(missing_ok=True)
        self._refused_rows.append(
            con.execute(
                "select source, source_file, source_line, reasons, raw from split "
                "where len(reasons) > 0 order by source, source_file, source_line"
            ).to_arrow_table()
        )
        for file, _ in chunk:
            logged, refused = counts.get((file.source, file.path), (0, 0))
            self.files.append(replace(file, logged=logged, quarantined=refused))
        con.execute("drop table split")
        con.execute(f"drop table {treated}")

    def write_quarantine(self) -> int:
        """Write all refused rows, encrypted; give their number."""
        rows = pa.concat_tables(self._refused_rows, promote_options="permissive")
        if rows.num_rows:
            encrypted = encrypt_rows(self._vault, rows)
            pq.write_table(
                encrypted.cast(QUARANTINE_SCHEMA),
                self._folder / "quarantine.parquet",
                compression="zstd",
            )
        return int(rows.num_rows)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

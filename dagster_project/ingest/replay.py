"""Quarantined rows, tried again under today's contract and settings.

Here: which rows wait in quarantine, staging those that pass now, and whether seals of replays hold
together. Not here: the checks before the seal (`replaying`), the seal itself (`event_log`), and how
rows are refused in the first place.

A row that passes goes into the log under the arrival date that is open, with the file and line that
brought it; the seal says which lines of which seal's quarantine it took (`seals.Replay`), and by
that they wait no more. The quarantine file stays as it was sealed until its days are over. A row
that fails again is left where it is, and nothing is written about it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import seals, staging
from dagster_project.ingest.batch import StagedBatch
from dagster_project.ingest.config import TEXT_FORMATS, Settings
from dagster_project.ingest.landing import LandedFile
from dagster_project.ingest.mapping import mapped_rows
from dagster_project.ingest.quarantine import QuarantinedRow, read_file
from dagster_project.ingest.readers import RAW_SCHEMA
from dagster_project.ingest.readers_lines import json_depth
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import Registry

# What the reader found wrong with the text itself: quarantine holds such a row cut, or not as the
# columns of its file, so no setting can make an event of it.
_UNREADABLE: Final = {
    "line_too_long", "malformed_csv", "unclosed_quote", "nul_character", "wrong_number_of_columns",
    "binary_value",
}  # fmt: skip
_TOO_DEEP: Final = "nested_too_deep"
_ROWS_A_BATCH: Final = 10_000


@dataclass(frozen=True)
class ReplayPaths(StatePaths):
    """The state folder with a staging of its own, so that a batch that waits is not thrown away."""

    @property
    def staging(self) -> Path:
        return self.replay_staging


@dataclass(frozen=True)
class Waiting:
    """Rows of a source file that wait in a seal's quarantine.

    Attributes:
        seal: the one that refused them.
        file: the source file by that seal.
        lines: those that wait.
        place: of the quarantine file.
    """

    seal: seals.Manifest
    file: seals.SealedFile
    lines: frozenset[int]
    place: Path


@dataclass
class Tried:
    """What became of the rows that were tried.

    Attributes:
        staged: those that pass, to be checked and sealed; empty where none does.
        passed, stayed: rows.
        reasons: today's, of those that stay.
        undeclared: rows of sources that the settings do not declare any more, by source.
    """

    staged: StagedBatch
    passed: int = 0
    stayed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    undeclared: Counter[str] = field(default_factory=Counter)


def waiting_rows(
    paths: StatePaths,
    first: date | None = None,
    last: date | None = None,
    source: str | None = None,
) -> list[Waiting]:
    """What waits in quarantine, by file, in the order of the seals.

    A file that was refused as a whole is not among it: it is delivered again.

    Args:
        paths: the state folder.
        first, last: arrival dates, inclusive; null for all.
        source: one source alone.
    """
    chain = seals.load_chain(paths)
    taken = _taken(chain)
    found = []
    for seal in chain:
        if (first and seal.arrival_date < first) or (last and seal.arrival_date > last):
            continue
        files = {file.path: file for file in seal.files}
        for one in seal.quarantine:
            place = paths.home / one.path
            if not place.is_file():
                continue  # It was kept for as long as the settings say.
            lines: dict[str, set[int]] = {}
            for of_source, path, line in _places(place):
                is_taken = line in taken.get((seal.sequence, path), ())
                if line and not is_taken and source in (None, of_source):
                    lines.setdefault(path, set()).add(line)
            found += [
                Waiting(seal, files[path], frozenset(of_file), place)
                for path, of_file in sorted(lines.items())
            ]
    return found


def _places(file: Path) -> Iterator[tuple[str, str, int]]:
    """Source, source file and line of each row of a quarantine file; nothing is decrypted."""
    columns = ["source", "source_file", "source_line"]
    rows = pq.ParquetFile(file).read(columns=columns)
    yield from zip(*(rows[name].to_pylist() for name in columns), strict=True)


def _taken(chain: Sequence[seals.Manifest]) -> dict[tuple[int, str], set[int]]:
    """Lines that replays took, by seal and file."""
    taken: dict[tuple[int, str], set[int]] = {}
    for seal in chain:
        for file in seal.files:
            if file.replay is not None:
                lines = taken.setdefault((file.replay.sequence, file.path), set())
                lines.update(file.replay.lines)
    return taken


def stage_replay(
    paths: ReplayPaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    day: date,
    waiting: Sequence[Waiting],
) -> Tried:
    """Split rows of the quarantine anew, treat those that pass and stage them.

    Whether a time lies too far ahead is judged by the day on which the row arrived first: a wrong
    clock does not become right by waiting.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings. registry: the contract. vault: open.
        day: the open arrival date.
        waiting: what to try.
    """
    declared = [one for one in waiting if one.file.source in settings.sources]
    tried = Tried(StagedBatch(day, contract_version=registry.contract_version))
    for one in waiting:
        if one not in declared:
            tried.undeclared[one.file.source] += len(one.lines)
    files = [
        LandedFile(day, one.file.source, one.file.path, one.place.stat().st_size, 0)
        for one in declared
    ]
    by_path = {one.file.path: one for one in declared}

    def make(*arguments: Any) -> "_Replaying":
        return _Replaying(*arguments, waiting=by_path, day=day, tried=tried)

    (tried.staged,) = staging.stage(paths, settings, registry, vault, {day: files}, make)
    return tried


class _Replaying(staging.Staging):
    """A staging whose rows come out of quarantine, and whose refused rows stay there."""

    def __init__(
        self, *arguments: Any, waiting: Mapping[str, Waiting], day: date, tried: Tried
    ) -> None:
        super().__init__(*arguments)
        self._waiting = waiting
        self._day = day
        self._tried = tried
        # Of the quarantine file read last: its source files come one after the other.
        self._rows: dict[str, list[QuarantinedRow]] = {}
        self._rows_of: Path | None = None

    def stage(self, files: Mapping[date, Sequence[LandedFile]]) -> None:
        """Stage what passes; files of which no row does are not part of the batch."""
        super().stage(files)
        of_day = self._days[self._day].files
        for path in [path for path, file in of_day.items() if not file.read]:
            del of_day[path]

    def load(
        self, con: duckdb.DuckDBPyConnection, source: str, files: list[tuple[date, LandedFile]]
    ) -> None:
        """Put the rows that wait of a source's files into `candidates`."""
        waiting = [self._waiting[file.path] for _, file in files]
        # Brackets of a line of text open nothing.
        kind = self._settings.sources[source].format
        depth = None if kind in TEXT_FORMATS else self._settings.settings.max_json_depth
        separator = b"\t" if kind == "snowplow" else None

        def batches() -> Iterator[pa.RecordBatch]:
            for one in waiting:
                rows = self._rows_that_wait(one)
                for first in range(0, len(rows), _ROWS_A_BATCH):
                    yield _raw_rows(rows[first : first + _ROWS_A_BATCH], depth, separator)

        reader = pa.RecordBatchReader.from_batches(RAW_SCHEMA, batches())
        with mapped_rows(con, reader, source, self._settings.sources[source]) as select:
            con.execute(f"insert into candidates by name {select}")
        for one in waiting:
            con.execute(
                "insert into file_days values (?, ?)", [one.file.path, one.seal.arrival_date]
            )
            self._days[self._day].files[one.file.path] = replace(
                one.file,
                read=0,
                logged=0,
                quarantined=0,
                withheld={},
                replay=seals.Replay(one.seal.sequence, ()),
            )

    def _rows_that_wait(self, one: Waiting) -> list[QuarantinedRow]:
        if self._rows_of != one.place:
            self._rows, self._rows_of = {}, one.place
            for row in read_file(one.place, self._vault):
                self._rows.setdefault(row.source_file, []).append(row)
        return [row for row in self._rows[one.file.path] if row.source_line in one.lines]

    def after_split(self, con: duckdb.DuckDBPyConnection) -> None:
        """Count what fails again and leave it out; what passes arrives on the open day."""
        stayed = con.execute("select reasons from split where len(reasons) > 0").fetchall()
        self._tried.stayed += len(stayed)
        self._tried.reasons.update(reason for (reasons,) in stayed for reason in reasons)
        con.execute("delete from split where len(reasons) > 0")
        con.execute("update split set arrival_date = ?", [self._day])
        passed = con.execute(
            "select source_file, list(source_line order by source_line) from split group by all"
        ).fetchall()
        files = self._days[self._day].files
        for path, lines in passed:
            file = files[path]
            assert file.replay is not None
            self._tried.passed += len(lines)
            files[path] = replace(
                file,
                read=file.read + len(lines),
                replay=replace(file.replay, lines=(*file.replay.lines, *lines)),
            )


def _raw_rows(
    rows: Sequence[QuarantinedRow], max_json_depth: int | None, separator: bytes | None
) -> pa.RecordBatch:
    """Rows as a reader gives them."""
    return pa.RecordBatch.from_pydict(
        {
            "source_file": [row.source_file for row in rows],
            "source_line": [row.source_line for row in rows],
            "raw": [row.raw for row in rows],
            "read_error": [_read_error(row, max_json_depth, separator) for row in rows],
        },
        schema=RAW_SCHEMA,
    )


def _read_error(
    row: QuarantinedRow, max_json_depth: int | None, separator: bytes | None
) -> str | None:
    code = row.reasons[0].removeprefix("row: ") if row.reasons else ""
    if code in _UNREADABLE:
        return code
    text = row.raw.encode("utf-8", "surrogatepass")
    if max_json_depth is not None and json_depth(text, max_json_depth, separator) > max_json_depth:
        return _TOO_DEEP
    return None


def replay_problems(chain: Sequence[seals.Manifest]) -> Iterator[str]:
    """Law 1 for replays: a row leaves quarantine once, and only one that was refused."""
    refused = {
        (seal.sequence, file.path): file.quarantined
        for seal in chain
        for file in seal.files
        if file.replay is None
    }
    taken: dict[tuple[int, str], set[int]] = {}
    for seal in chain:
        for file in seal.files:
            if file.replay is None:
                continue
            key = (file.replay.sequence, file.path)
            before = taken.setdefault(key, set())
            lines = set(file.replay.lines)
            place = f"{seal.name}: {file.path}"
            if file.replay.sequence >= seal.sequence or key not in refused:
                yield f"{place}: replays rows of seal {key[0]}, which does not hold the file"
            if len(lines) != len(file.replay.lines) or file.read != len(lines):
                yield f"{place}: {file.read} rows read and {len(lines)} lines replayed"
            if before & lines:
                yield f"{place}: line {min(before & lines)} was replayed before"
            before |= lines
            if len(before) > refused.get(key, len(before)):
                yield f"{place}: more rows replayed than seal {key[0]} refused"

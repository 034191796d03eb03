"""The chain of the records: entries, each the seal of a few parts.

What belongs here: the form of an entry, reading the chain, adding to it, and mending what a crash
left. What a publication adds is in `publications`, what an erasure takes out in `rewriting`,
comparing parts on disk with their entries in `audit`.

A part is a file `records/<table>/<sequence>`, by the entry that brought it: Parquet, which dbt
reads, or JSON lines, which other systems do (`parts` has the form of both). The order of writes,
each on disk before the next: parts under hidden names, the entry, HEAD, the parts' own names. So
whoever reads `records/<table>/*` sees nothing that no entry names, and an entry whose parts still
bear hidden names is finished by whoever comes next.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dagster_project.ingest import chains
from dagster_project.ingest.durable import (
    crash_point,
    fsync_file,
    fsync_folder,
    make_folder,
    render_json,
    sha256_of,
    write_atomic,
)
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.records.parts import JSON_LINES, PARQUET, write_part
from dagster_project.state import StatePaths

KPI_VALUES: Final = "kpi_values"
CUSTOMER_CHANGES: Final = "customer_changes"
OUTBOX: Final = "outbox"
# dbt cannot read a folder without a file: each table has one without rows, of which no entry knows.
EMPTY_FILE: Final = "empty.parquet"
_CHAIN: Final = "chain"
_ADVICE: Final = "restore records/ from a backup"

_OF_A_PUBLICATION: Final = [
    pa.field("publication", pa.int64(), nullable=False),
    pa.field("built_from_seal", pa.int64(), nullable=False),
    pa.field("published_after", pa.date32()),
    pa.field("published_at", pa.timestamp("us")),
]
SCHEMAS: Final[Mapping[str, pa.Schema]] = {
    KPI_VALUES: pa.schema(
        [
            *_OF_A_PUBLICATION,
            pa.field("report_date", pa.date32(), nullable=False),
            pa.field("metric", pa.string(), nullable=False),
            pa.field("value", pa.decimal128(38, 12)),
        ]
    ),
    CUSTOMER_CHANGES: pa.schema(
        [
            *_OF_A_PUBLICATION,
            pa.field("person_id", pa.string(), nullable=False),
            pa.field("attribute", pa.string(), nullable=False),
            pa.field("old_value", pa.string()),
            pa.field("new_value", pa.string()),
        ]
    ),
    OUTBOX: pa.schema(
        [
            *_OF_A_PUBLICATION,
            pa.field("firing_id", pa.string(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            pa.field("rule", pa.string(), nullable=False),
            pa.field("person_id", pa.string()),
            pa.field("visitor_id", pa.string(), nullable=False),
            pa.field("fired_at", pa.timestamp("us"), nullable=False),
            pa.field("response", pa.string(), nullable=False),
            pa.field("discount_min_pct", pa.float64()),
            pa.field("discount_max_pct", pa.float64()),
            pa.field("suggested_product_ids", pa.list_(pa.string())),
            pa.field("evidence_event_keys", pa.list_(pa.string())),
        ]
    ),
}


@dataclass(frozen=True)
class Publication:
    """A served version, as the records know it.

    Attributes:
        version: its number below `serving/versions/`.
        built_from_seal: the last seal of the log that its tables were built from.
        published_after: the as_of date by that seal; null before the first closed day.
        published_at: UTC; null where nobody said.
    """

    version: int
    built_from_seal: int
    published_after: date | None
    published_at: datetime | None


@dataclass(frozen=True)
class Part:
    """A file of records; `path` is relative to the state folder.

    `replaces` is the hash that an erasure found there, null for a part that is new.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    replaces: str | None = None


@dataclass(frozen=True)
class Entry:
    """One link of the chain: a publication, or what an erasure wrote anew.

    Exactly one of `publication` and `erasure_request` is there.
    """

    sequence: int
    previous: str
    publication: Publication | None
    erasure_request: int | None
    parts: tuple[Part, ...]
    hash: str = ""

    @property
    def name(self) -> str:
        """The file's name in `records/chain/`."""
        return f"{self.sequence:08d}.json"

    def content(self) -> dict[str, Any]:
        """The entry as JSON values, without `hash`."""
        values = asdict(self)
        del values["hash"]
        if self.publication is not None:
            after, at = self.publication.published_after, self.publication.published_at
            values["publication"]["published_after"] = after and after.isoformat()
            values["publication"]["published_at"] = at and at.isoformat()
        return values


def chain_folder(paths: StatePaths) -> Path:
    """Where the entries are."""
    return paths.records / _CHAIN


def part_path(table: str, sequence: int) -> str:
    """Where a part of a table is, relative to the state folder."""
    return f"records/{table}/{sequence:08d}{_suffix(table)}"


def table_of(path: str) -> str:
    """The table that a part is of, by its path."""
    return path.split("/")[1]


def _suffix(table: str) -> str:
    return JSON_LINES if table == OUTBOX else PARQUET


def hidden(file: Path) -> Path:
    """The name of a part that no entry names yet."""
    return file.with_name(f".{file.name}.tmp")


def entry_files(paths: StatePaths) -> list[Path]:
    """The files of all entries, in order."""
    return sorted(chain_folder(paths).glob("[0-9]*.json"))


def read_entry(file: Path) -> Entry:
    """Read an entry and check that nothing in it was changed.

    Raises:
        LogIntegrityError: not in the fixed form, or the hash is wrong.
    """
    place = f"records/{_CHAIN}/{file.name}"
    raw = file.read_bytes()
    try:
        content = json.loads(raw)
        if render_json(content) != raw or content["hash"] != chains.content_hash(content):
            raise LogIntegrityError(f"{place}: is not what was recorded; {_ADVICE}")
        return _from_content(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogIntegrityError(f"{place}: is no entry ({error}); {_ADVICE}") from error


def _from_content(content: Mapping[str, Any]) -> Entry:
    publication = content["publication"]
    if publication is not None:
        after, at = publication["published_after"], publication["published_at"]
        publication = Publication(
            version=publication["version"],
            built_from_seal=publication["built_from_seal"],
            published_after=after and date.fromisoformat(after),
            published_at=at and datetime.fromisoformat(at),
        )
    return Entry(
        sequence=int(content["sequence"]),
        previous=content["previous"],
        publication=publication,
        erasure_request=content["erasure_request"],
        parts=tuple(Part(**part) for part in content["parts"]),
        hash=content["hash"],
    )


def load_entries(paths: StatePaths) -> list[Entry]:
    """Every entry, in order, its hash and its place in the chain checked.

    HEAD may name the entry before the last: that is how a crash leaves it until `recover`.

    Raises:
        LogIntegrityError: an entry was changed or is missing, or HEAD does not name the last.
    """
    chain: list[Entry] = []
    for file in entry_files(paths):
        entry = read_entry(file)
        before = chains.Head(chain[-1].sequence, chain[-1].hash) if chain else chains.EMPTY_HEAD
        problem = place_problem(entry, file.name, before)
        if problem is not None:
            raise LogIntegrityError(f"records/{_CHAIN}/{file.name}: {problem}; {_ADVICE}")
        chain.append(entry)
    head = chains.read_head_in(chain_folder(paths))
    problem = chains.head_problem(head, chain, "entry")
    if problem is not None and not chains.is_one_behind(head, chain):
        raise LogIntegrityError(f"records/{_CHAIN}/{chains.HEAD_FILE}: {problem}; {_ADVICE}")
    return chain


def place_problem(entry: Entry, name: str, before: chains.Head) -> str | None:
    """What is wrong with an entry's place in the chain, or null."""
    if entry.name != name:
        return f"holds the entry {entry.name}"
    if entry.sequence != before.sequence + 1:
        return f"follows entry {before.sequence}, so {before.sequence + 1} is missing"
    if entry.previous != before.hash:
        return "does not name the hash of the entry before it"
    return None


def parts_of(chain: list[Entry]) -> dict[str, Part]:
    """The parts as they must be now, by path: the last to write one counts."""
    return {part.path: part for entry in chain for part in entry.parts}


def add_entry(
    paths: StatePaths,
    chain: list[Entry],
    tables: Mapping[str, pa.Table],
    *,
    publication: Publication | None = None,
    erasure_request: int | None = None,
) -> Entry:
    """Add an entry with its parts; see the module for the order of writes.

    Args:
        paths: the state folder; the caller holds its lock.
        chain: all entries, recovered.
        tables: rows by the path of their part; one that is there already is written anew.
        publication: what was published, or
        erasure_request: the number of the request that took rows out.
    """
    before = parts_of(chain)
    parts = []
    for path, rows in sorted(tables.items()):
        beside = _write_hidden(paths.home / path, rows)
        parts.append(
            Part(
                path=path,
                rows=rows.num_rows,
                bytes=beside.stat().st_size,
                sha256=sha256_of(beside),
                replaces=before[path].sha256 if path in before else None,
            )
        )
    crash_point("records: parts written")
    entry = Entry(
        sequence=len(chain) + 1,
        previous=chain[-1].hash if chain else chains.NO_PREVIOUS,
        publication=publication,
        erasure_request=erasure_request,
        parts=tuple(parts),
    )
    entry = replace(entry, hash=chains.content_hash(entry.content()))
    make_folder(chain_folder(paths))
    write_atomic(
        chain_folder(paths) / entry.name, render_json({**entry.content(), "hash": entry.hash})
    )
    crash_point("records: entry written")
    _finish(paths, entry)
    return entry


def _write_hidden(target: Path, rows: pa.Table) -> Path:
    make_folder(target.parent)
    beside = hidden(target)
    write_part(beside, rows, target.suffix)
    fsync_file(beside)
    return beside


def _finish(paths: StatePaths, entry: Entry) -> None:
    """Let HEAD name the last entry, and give its parts their names."""
    head = chains.Head(entry.sequence, entry.hash)
    if chains.read_head_in(chain_folder(paths)) != head:
        chains.write_head_in(chain_folder(paths), head)
        crash_point("records: HEAD written")
    for part in entry.parts:
        target = paths.home / part.path
        if hidden(target).is_file() and sha256_of(hidden(target)) == part.sha256:
            hidden(target).replace(target)
            fsync_folder(target.parent)
            crash_point("records: part named")


def recover(paths: StatePaths) -> list[Entry]:
    """Mend what a crash left, and make sure that each table can be read.

    Args:
        paths: the state folder; the caller holds its lock.

    Returns:
        The chain.

    Raises:
        LogIntegrityError: the chain differs from what was recorded in a way that no crash leaves.
    """
    chain = load_entries(paths)
    if chain:
        _finish(paths, chain[-1])
    for table, schema in SCHEMAS.items():
        folder = paths.records / table
        make_folder(folder)
        for left in folder.glob(".*.tmp"):
            left.unlink()
        if _suffix(table) == PARQUET and not (folder / EMPTY_FILE).exists():
            _write_hidden(folder / EMPTY_FILE, schema.empty_table()).replace(folder / EMPTY_FILE)
    for left in chain_folder(paths).glob(".*.tmp"):
        left.unlink()
    return chain

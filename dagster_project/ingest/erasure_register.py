"""The erasure register: which erasures were asked for, what they changed, and that they are done.

`records/erasures/<number>-<what>.json`, append-only, each entry with the hash of the one before;
HEAD names the last. Nothing in it leads to a person: of identifiers it holds the pseudonyms that
the vault has forgotten. It is an input of a rebuild and what `verify` accepts a changed file by.

Here: the form of the entries, the chain, and what follows from it. Carrying an erasure out is
`erasure`'s business.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from dagster_project.ingest.durable import (
    crash_point,
    make_folder,
    render_json,
    write_atomic,
    write_atomic_table,
)
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.ingest.seals import NO_PREVIOUS, content_hash
from dagster_project.state import StatePaths

REQUESTED: Final = "requested"
REWRITTEN: Final = "rewritten"
FINISHED: Final = "finished"
_HEAD: Final = "HEAD"
_NAME: Final = re.compile(rf"(\d{{8,}})-({REQUESTED}|{REWRITTEN}|{FINISHED})\.json")
INPUT_SCHEMA: Final = pa.schema(
    [
        ("request_number", pa.int64()),
        ("erased_at", pa.timestamp("us")),
        ("visitor_id", pa.string()),
        ("user_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Request:
    """An erasure that was asked for.

    Attributes:
        number: counts up from 1.
        erased_at: from when the person is unknown, UTC.
        pseudonyms: of the identifiers tied to the person alone, of every kind.
        user_ids: those of them that are users.
        visitor_ids: visitors of the warehouse that are nobody else's.
        person_ids: as the warehouse named the person until now.
    """

    number: int
    erased_at: datetime
    pseudonyms: tuple[str, ...]
    user_ids: tuple[str, ...]
    visitor_ids: tuple[str, ...]
    person_ids: tuple[str, ...]


@dataclass(frozen=True)
class Rewrite:
    """A file that lost a person's rows. `mtime_ns` spares hashing it again, as in a seal.

    Attributes:
        path: relative to the state folder.
        before, after: SHA-256.
        bytes: its size now.
        rows: how many it lost.
    """

    path: str
    before: str
    after: str
    bytes: int
    mtime_ns: int
    rows: int


@dataclass(frozen=True)
class Entry:
    """One entry of the chain; `content` has the fields of its kind."""

    sequence: int
    kind: str
    request: int
    at: datetime
    previous: str
    content: Mapping[str, Any]
    hash: str = ""

    def values(self) -> dict[str, Any]:
        return {
            "sequence": self.sequence,
            "kind": self.kind,
            "request": self.request,
            "at": self.at.isoformat(),
            "previous": self.previous,
            "content": dict(self.content),
        }


def load(paths: StatePaths) -> list[Entry]:
    """Every entry, in order, the chain checked.

    HEAD may name the entry before the last: so a crash leaves it, until the next entry.

    Raises:
        LogIntegrityError: naming the first place where the register is not what was written.
    """
    found, wrong = _read(paths)
    if wrong:
        raise LogIntegrityError(f"{wrong[0]}; restore records/erasures from a backup")
    return found


def entries(paths: StatePaths) -> list[Entry]:
    """The entries that can be read, whatever is wrong with the others; see `problems`."""
    return _read(paths)[0]


def problems(paths: StatePaths) -> list[str]:
    """Every place where the register is not what was written, one line each."""
    return _read(paths)[1]


def append(
    paths: StatePaths, kind: str, request: int, at: datetime, content: Mapping[str, Any]
) -> Entry:
    """Add an entry; it is on disk on return. The caller holds the state's lock.

    Raises:
        LogIntegrityError: the chain so far is broken.
    """
    before = load(paths)
    make_folder(paths.erasures)
    last = before[-1] if before else None
    if last is not None:
        _write_head(paths, last)
    entry = Entry(
        sequence=1 if last is None else last.sequence + 1,
        kind=kind,
        request=request,
        at=at,
        previous=NO_PREVIOUS if last is None else last.hash,
        content=json.loads(json.dumps(dict(content))),
    )
    values = entry.values()
    raw = render_json({**values, "hash": content_hash(values)})
    crash_point(f"erasure register: before {kind}")
    write_atomic(paths.erasures / _name(entry.sequence, kind), raw)
    sealed = _parse(raw, _name(entry.sequence, kind))
    crash_point(f"erasure register: {kind}")
    _write_head(paths, sealed)
    return sealed


def known_numbers(paths: StatePaths) -> frozenset[int]:
    """Numbers of the requests that can be read, for whoever checks what refers to one."""
    return frozenset(entry.request for entry in entries(paths) if entry.kind == REQUESTED)


def requests(entries: Iterable[Entry]) -> list[Request]:
    """Every request, in order."""
    return [
        Request(
            number=entry.request,
            erased_at=datetime.fromisoformat(entry.content["erased_at"]),
            **{
                name: tuple(entry.content[name])
                for name in ("pseudonyms", "user_ids", "visitor_ids", "person_ids")
            },
        )
        for entry in entries
        if entry.kind == REQUESTED
    ]


def open_requests(entries: Sequence[Entry]) -> list[Request]:
    """Requests that are not finished: a kill came in between, or a build failed."""
    finished = {entry.request for entry in entries if entry.kind == FINISHED}
    return [one for one in requests(entries) if one.number not in finished]


def request_content(request: Request) -> dict[str, Any]:
    """The content of the entry that asks for an erasure."""
    content = asdict(request)
    del content["number"]
    return {**content, "erased_at": request.erased_at.isoformat()}


def rewrites(entries: Iterable[Entry], request: int | None = None) -> list[Rewrite]:
    """Files that erasures changed, in order; those of one request if asked so."""
    return [
        Rewrite(**one)
        for entry in entries
        if entry.kind == REWRITTEN and request in (None, entry.request)
        for one in entry.content["files"]
    ]


def expected_hashes(entries: Sequence[Entry], path: str, sealed: str) -> frozenset[str]:
    """The hashes that a sealed file may have by now.

    Args:
        entries: the register.
        path: relative to the state folder.
        sealed: the hash that its seal holds.

    Returns:
        The last one; with those before it where the erasure is not finished.
    """
    finished = {entry.request for entry in entries if entry.kind == FINISHED}
    allowed, now = {sealed}, sealed
    for entry in entries:
        if entry.kind != REWRITTEN:
            continue
        for one in entry.content["files"]:
            if (one["path"], one["before"]) == (path, now):
                now = one["after"]
                allowed = {now} if entry.request in finished else {*allowed, now}
    return frozenset(allowed)


def write_input(paths: StatePaths) -> None:
    """Write `warehouse/inputs/erasures.parquet`: a row an erased visitor or user.

    Raises:
        LogIntegrityError: the register is not what was written.
    """
    rows = [
        {
            "request_number": one.number,
            "erased_at": one.erased_at.replace(tzinfo=None),
            "visitor_id": visitor,
            "user_id": user,
        }
        for one in requests(load(paths))
        for visitor, user in [
            *((visitor, None) for visitor in one.visitor_ids),
            *((None, user) for user in one.user_ids),
        ]
    ]
    make_folder(paths.warehouse_inputs)
    table = pa.Table.from_pylist(rows, schema=INPUT_SCHEMA)
    write_atomic_table(paths.warehouse_inputs / "erasures.parquet", table)


def _read(paths: StatePaths) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    found: list[str] = []
    files = sorted(paths.erasures.iterdir()) if paths.erasures.is_dir() else []
    for file in files:
        if file.name == _HEAD or file.name.startswith("."):
            continue
        place = f"records/erasures/{file.name}"
        match = _NAME.fullmatch(file.name)
        if match is None:
            found.append(f"{place}: is no entry of the erasure register")
            continue
        try:
            entry = _parse(file.read_bytes(), place)
        except LogIntegrityError as error:
            found.append(str(error))
            continue
        last = entries[-1] if entries else None
        if file.name != _name(entry.sequence, entry.kind):
            found.append(f"{place}: holds entry {entry.sequence}, {entry.kind}")
        elif entry.sequence != (1 if last is None else last.sequence + 1):
            found.append(f"{place}: an entry before it is missing")
        elif entry.previous != (NO_PREVIOUS if last is None else last.hash):
            found.append(f"{place}: does not name the hash of the entry before it")
        entries.append(entry)
    if not found:
        found += _head_problems(paths, entries)
    return entries, found


def _head_problems(paths: StatePaths, entries: Sequence[Entry]) -> list[str]:
    hashes = {0: NO_PREVIOUS, **{entry.sequence: entry.hash for entry in entries}}
    try:
        head = json.loads((paths.erasures / _HEAD).read_bytes())
        sequence, hashed = int(head["sequence"]), str(head["hash"])
    except FileNotFoundError:
        sequence, hashed = 0, NO_PREVIOUS
    except (ValueError, KeyError, TypeError):
        return [f"records/erasures/{_HEAD}: cannot be read"]
    if len(entries) - sequence not in (0, 1) or hashes.get(sequence) != hashed:
        return [f"records/erasures/{_HEAD}: names entry {sequence}, the last is {len(entries)}"]
    return []


def _parse(raw: bytes, place: str) -> Entry:
    try:
        content = json.loads(raw)
        if render_json(content) != raw or content["hash"] != content_hash(content):
            raise LogIntegrityError(f"{place}: is not what was written")
        entry = Entry(
            sequence=int(content["sequence"]),
            kind=content["kind"],
            request=int(content["request"]),
            at=datetime.fromisoformat(content["at"]),
            previous=content["previous"],
            content=content["content"],
            hash=content["hash"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogIntegrityError(f"{place}: is no entry of the erasure register") from error
    return entry


def _name(sequence: int, kind: str) -> str:
    return f"{sequence:08d}-{kind}.json"


def _write_head(paths: StatePaths, entry: Entry) -> None:
    head = render_json({"sequence": entry.sequence, "hash": entry.hash})
    write_atomic(paths.erasures / _HEAD, head)

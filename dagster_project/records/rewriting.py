"""Taking persons out of the records: the one way in which a part may be written anew.

What belongs here: which parts hold rows of some persons, and the entry that says by which request
they were replaced. Whether that request exists is for the erasure register, which `audit` asks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.records.entries import (
    CUSTOMER_CHANGES,
    OUTBOX,
    SCHEMAS,
    Entry,
    Part,
    add_entry,
    parts_of,
    recover,
    table_of,
)
from dagster_project.records.parts import read_part
from dagster_project.state import StatePaths

# Columns that name a person, by table; KPI values are of nobody.
_NAMING: Final[Mapping[str, tuple[str, ...]]] = {
    CUSTOMER_CHANGES: ("person_id",),
    OUTBOX: ("person_id", "visitor_id"),
}


@dataclass(frozen=True)
class Rewritten:
    """A part that lost rows; `path` is relative to the state folder, hashes are SHA-256."""

    path: str
    before: str
    after: str
    bytes: int
    rows_gone: int


def rewrite_without(
    paths: StatePaths, person_ids: Collection[str], request_number: int
) -> list[Rewritten]:
    """Write the parts that hold rows of some persons anew without them.

    The old hash, the new hash and the number of the request go into the chain. KPI values are of
    nobody and stay. A repeat after a kill finds what is left to do, and nothing where all is done.

    Args:
        paths: the state folder; the caller holds its lock.
        person_ids: whose rows go, and the visitors that they were.
        request_number: of the erasure register, in which it stands before this is called.

    Returns:
        What the request has replaced, by an earlier call as well.

    Raises:
        LogIntegrityError: the records differ from their chain.
    """
    chain = recover(paths)
    wanted = pa.array(sorted(set(person_ids)), pa.string())
    tables: dict[str, pa.Table] = {}
    for path in parts_of(chain):
        named = _named(paths, path, wanted)
        if named is not None and pc.any(named).as_py():
            rows = read_part(paths.home / path, SCHEMAS[table_of(path)])
            tables[path] = rows.filter(pc.invert(named))
    if tables:
        chain.append(add_entry(paths, chain, tables, erasure_request=request_number))
    return _replaced_by(chain, request_number)


def _replaced_by(chain: list[Entry], request_number: int) -> list[Rewritten]:
    found = []
    parts: dict[str, Part] = {}
    for entry in chain:
        if entry.erasure_request == request_number:
            found += [
                Rewritten(
                    path=part.path,
                    before=parts[part.path].sha256,
                    after=part.sha256,
                    bytes=part.bytes,
                    rows_gone=parts[part.path].rows - part.rows,
                )
                for part in entry.parts
            ]
        parts |= {part.path: part for part in entry.parts}
    return found


def _named(paths: StatePaths, path: str, wanted: pa.Array) -> pa.ChunkedArray | None:
    """Which rows of a part name one of some persons; null where none can."""
    names = _NAMING.get(table_of(path))
    if names is None:
        return None
    schema = pa.schema([SCHEMAS[table_of(path)].field(name) for name in names])
    rows = read_part(paths.home / path, schema)
    # A null is in no list.
    return reduce(pc.or_, (pc.is_in(rows[name], value_set=wanted) for name in names))

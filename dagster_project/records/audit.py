"""Whether the records are what was recorded: the chain, every part, nothing more or less.

Reads only; mending is `entries.recover`. A part may differ from what a publication wrote only where
an entry says that an erasure replaced it, by a request that the erasure register knows.
"""

from collections.abc import Container, Iterator
from pathlib import Path

import pyarrow as pa

from dagster_project.ingest import chains
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.records.entries import (
    EMPTY_FILE,
    SCHEMAS,
    Entry,
    Part,
    chain_folder,
    entry_files,
    hidden,
    place_problem,
    read_entry,
)
from dagster_project.records.parts import count_rows
from dagster_project.state import StatePaths

_HALF_DONE = " (a run is at it, or was ended: the next run finishes it)"


def record_problems(paths: StatePaths, known_requests: Container[int]) -> list[str]:
    """Every place where the records differ from their chain, one line each.

    Args:
        paths: the state folder.
        known_requests: numbers of the erasure register; no other request may replace a part.
    """
    entries, problems = _chain(paths)
    expected: dict[str, tuple[Entry, Part]] = {}
    for entry in entries:
        problems += _replacement_problems(entry, expected, known_requests)
        expected |= {part.path: (entry, part) for part in entry.parts}
    for entry, part in expected.values():
        problem = _part_problem(paths, entry, part)
        if problem is not None:
            half = _HALF_DONE if entry is entries[-1] and _waits(paths, part) else ""
            problems.append(f"{part.path}: {problem}{half}")
    return problems + list(_unnamed(paths, expected))


def _chain(paths: StatePaths) -> tuple[list[Entry], list[str]]:
    """The entries that can be read, and what is wrong with the chain."""
    entries: list[Entry] = []
    problems: list[str] = []
    # Null after an entry that cannot be read: whom the next one follows is not known then.
    before: chains.Head | None = chains.EMPTY_HEAD
    for file in entry_files(paths):
        try:
            entry = read_entry(file)
        except LogIntegrityError as error:
            problems.append(str(error))
            before = None
            continue
        problem = None if before is None else place_problem(entry, file.name, before)
        if problem is not None:
            problems.append(f"records/chain/{file.name}: {problem}")
        entries.append(entry)
        before = chains.Head(entry.sequence, entry.hash)
    try:
        head = chains.read_head_in(chain_folder(paths))
    except LogIntegrityError as error:
        return entries, [*problems, str(error)]
    problem = None if before is None else chains.head_problem(head, entries, "entry")
    if problem is not None:
        half = _HALF_DONE if chains.is_one_behind(head, entries) else ""
        problems.append(f"records/chain/{chains.HEAD_FILE}: {problem}{half}")
    return entries, problems


def _replacement_problems(
    entry: Entry, expected: dict[str, tuple[Entry, Part]], known_requests: Container[int]
) -> Iterator[str]:
    place = f"records/chain/{entry.name}"
    request = entry.erasure_request
    if (request is None) == (entry.publication is None):
        yield f"{place}: is neither a publication nor an erasure"
    elif request is not None and request not in known_requests:
        yield f"{place}: replaces parts by request {request}, which no erasure register holds"
    for part in entry.parts:
        found = expected[part.path][1].sha256 if part.path in expected else None
        if part.replaces != found or (found is not None and request is None):
            yield f"{place}: replaces {part.path} by another hash than it had"


def _part_problem(paths: StatePaths, entry: Entry, part: Part) -> str | None:
    file = paths.home / part.path
    if file.is_symlink() or not file.is_file():
        return f"is missing; entry {entry.sequence} names it"
    try:
        found = sha256_of(file)
        rows = count_rows(file)
    except (OSError, ValueError, pa.ArrowException):
        return f"cannot be read; entry {entry.sequence} names it"
    if found != part.sha256 or rows != part.rows:
        return f"differs from what entry {entry.sequence} holds"
    return None


def _waits(paths: StatePaths, part: Part) -> bool:
    """Whether a crash left the part under its hidden name."""
    beside = hidden(paths.home / part.path)
    return beside.is_file() and sha256_of(beside) == part.sha256


def _unnamed(paths: StatePaths, expected: dict[str, tuple[Entry, Part]]) -> Iterator[str]:
    for table in SCHEMAS:
        for file in sorted((paths.records / table).glob("*")):
            place = str(file.relative_to(paths.home))
            if place in expected or file.name.startswith("."):
                continue
            if file.name != EMPTY_FILE:
                yield f"{place}: no entry names it"
            elif not _is_empty(file):
                yield f"{place}: holds rows, and is there to hold none"
    known = {chains.HEAD_FILE, *(file.name for file in entry_files(paths))}
    for file in sorted(chain_folder(paths).glob("*")):
        if file.name not in known and not file.name.startswith("."):
            yield f"records/chain/{file.name}: is no entry"


def _is_empty(file: Path) -> bool:
    try:
        return count_rows(file) == 0
    except (OSError, ValueError, pa.ArrowException):
        return False

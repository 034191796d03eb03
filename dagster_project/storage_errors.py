"""Errors of storage (no room, no right to write, a damaged file), told from their words.

Four libraries write to the state folder (the operating system's calls, SQLite, DuckDB, Arrow), each
with errors of its own, and some reach us as text alone. Belongs here: recognising them, and what to
do then. Their words hold a reason and a path, and nothing from a row.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NO_ROOM: Final = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|database or disk is full|"
    r"disk I/O error|failed to offload data block",
    re.IGNORECASE,
)
_NOT_ALLOWED: Final = re.compile(
    r"Permission denied|Operation not permitted|Read-only file system|readonly database|"
    r"unable to open database file",
    re.IGNORECASE,
)
# DuckDB on its own file, which can be made anew.
_NO_DATABASE: Final = re.compile(
    r"it is not a valid DuckDB database file|Corrupt database file", re.IGNORECASE
)
# DuckDB on a Parquet file; each names it.
_DAMAGED: Final = re.compile(
    r"No magic bytes found at end of file|too small to be a Parquet file|Failed to read file .*:",
)
# What stands in quotes may be a value of a row, and a row may say anything.
_QUOTED: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_ALL: Final = (_NO_ROOM, _NOT_ALLOWED, _DAMAGED, _NO_DATABASE)


def advice(text: str, home: Path) -> str | None:
    """What to do about an error with these words; None where it is none of storage.

    Args:
        text: what was said.
        home: the state folder.
    """
    text = _QUOTED.sub("''", text)
    goes_on = "what was finished stays, and the next run goes on from there"
    if _NO_ROOM.search(text):
        return f"there is no room to write: see `df {home}`, make room and run again; {goes_on}"
    if _NOT_ALLOWED.search(text):
        return f"see owner and mode of what is below {home}, and run again; {goes_on}"
    if _NO_DATABASE.search(text):
        return (
            "the warehouse is damaged; nothing in it is lost, for the log has it: "
            "`footfall rebuild --replace` makes it anew"
        )
    if _DAMAGED.search(text):
        return (
            "a file is cut short or damaged: `footfall verify` names it if it is of the log; "
            "restore it from a backup and run again"
        )
    return None


def storage_line(text: str) -> str | None:
    """The first line that tells of storage, or None where no line does."""
    for line in text.splitlines():
        if any(words.search(_QUOTED.sub("''", line)) for words in _ALL):
            return line.strip()
    return None


def storage_message(error: BaseException) -> str | None:
    """What an error, or one behind it, tells of storage in one line; None where none does."""
    for one in _with_causes(error):
        if line := storage_line(str(one)):
            return line
    return None


def with_advice(text: str, home: Path) -> str:
    """What went wrong, and what to do where it was storage."""
    what_to_do = advice(text, home)
    return f"{text}; {what_to_do}" if what_to_do else text


def explained(error: BaseException, home: Path) -> str | None:
    """What an error tells of storage, and what to do; None where it tells nothing of it."""
    told = storage_message(error)
    return None if told is None else with_advice(told, home)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__

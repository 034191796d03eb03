"""What makes a row of files a chain: each bears its own hash and that of the one before; HEAD.

What belongs here: hashing the content of a member, and the file that names the last one. What the
members are is in `seals` (the log) and in the entries of `records`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from dagster_project.ingest.durable import render_json, write_atomic
from dagster_project.ingest.errors import LogIntegrityError

NO_PREVIOUS: Final = "0" * 64
HEAD_FILE: Final = "HEAD"


class Member(Protocol):
    """A file of a chain."""

    @property
    def sequence(self) -> int:
        """Its number, from 1."""

    @property
    def hash(self) -> str:
        """Of its content."""


@dataclass(frozen=True)
class Head:
    """What HEAD names: the last member. An empty chain has sequence 0 and 64 zeros."""

    sequence: int
    hash: str


EMPTY_HEAD: Final = Head(0, NO_PREVIOUS)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a member's content, `hash` left out."""
    kept = {key: value for key, value in content.items() if key != "hash"}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_head_in(folder: Path) -> Head:
    """What HEAD in a chain's folder names; `EMPTY_HEAD` where there is no such file.

    Raises:
        LogIntegrityError: HEAD is there and is not what `write_head_in` writes.
    """
    try:
        raw = (folder / HEAD_FILE).read_bytes()
    except FileNotFoundError:
        return EMPTY_HEAD
    try:
        content = json.loads(raw)
        head = Head(sequence=content["sequence"], hash=content["hash"])
        if render_json(asdict(head)) != raw or not isinstance(head.sequence, int):
            raise ValueError("other fields than sequence and hash")
    except (ValueError, KeyError, TypeError) as error:
        owner = folder.parent.name
        raise LogIntegrityError(
            f"{owner}/{folder.name}/{HEAD_FILE}: cannot be read ({error}); restore {owner}/ from "
            "a backup"
        ) from error
    return head


def write_head_in(folder: Path, head: Head) -> None:
    """Let HEAD name a member, whole or not at all."""
    write_atomic(folder / HEAD_FILE, render_json(asdict(head)))


def head_problem(head: Head, chain: Sequence[Member], noun: str = "seal") -> str | None:
    """Why HEAD does not name the end of the chain, or null where it does."""
    newest = Head(chain[-1].sequence, chain[-1].hash) if chain else EMPTY_HEAD
    if head == newest:
        return None
    if head.sequence > newest.sequence:
        return f"names {noun} {head.sequence}, but the chain ends at {newest.sequence}"
    if head.sequence < newest.sequence:
        return f"names {noun} {head.sequence}, but the chain goes on to {newest.sequence}"
    return f"names another hash than that of {noun} {newest.sequence}"


def is_one_behind(head: Head, chain: Sequence[Member]) -> bool:
    """Whether HEAD names the member before the last: all that a crash can leave."""
    if not chain:
        return False
    before = Head(chain[-2].sequence, chain[-2].hash) if len(chain) > 1 else EMPTY_HEAD
    return head == before

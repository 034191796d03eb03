"""The head of the chain as a line of text: kept elsewhere, it guards the log up to its seal.

Whoever may write to the state folder can make every hash anew, from any seal to the last, and HEAD
with them; nothing inside the folder shows that. A line that was printed before, signed and kept
where that person cannot write, does: the hash of a seal follows from all seals before it and from
all their parts. Belongs here: the line, reading it, and comparing it with the seals. Not here:
whether the log agrees with its seals (`verify`), and signing, which is what `gpg`, `ssh-keygen -Y
sign` and `minisign` are for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dagster_project.ingest import seals
from dagster_project.ingest.errors import LogIntegrityError, UsageError
from dagster_project.state import StatePaths

_LINE: Final = re.compile(
    r"footfall log head: seal (\d{1,18}) ([0-9a-f]{64}), "
    r"(\d{1,18}) parts, (\d{1,18}) rows, (\d{1,18}) bytes"
)


@dataclass(frozen=True)
class LogHead:
    """A seal of the chain, and what the log holds up to it.

    Attributes:
        sequence, hash: of the seal; 0 and 64 zeros for an empty log.
        parts, rows, bytes: of all seals up to it.
    """

    sequence: int
    hash: str
    parts: int
    rows: int
    bytes: int

    def __str__(self) -> str:
        """The line to keep."""
        return (
            f"footfall log head: seal {self.sequence} {self.hash}, {self.parts} parts, "
            f"{self.rows} rows, {self.bytes} bytes"
        )


def head_of(chain: Sequence[seals.Manifest]) -> LogHead:
    """The head of a chain of seals."""
    parts = [part for one in chain for part in one.parts]
    return LogHead(
        sequence=chain[-1].sequence if chain else seals.EMPTY_HEAD.sequence,
        hash=chain[-1].hash if chain else seals.EMPTY_HEAD.hash,
        parts=len(parts),
        rows=sum(part.rows for part in parts),
        bytes=sum(part.bytes for part in parts),
    )


def read_line(text: str) -> LogHead:
    """Read a line that was kept; white space around it and line breaks within do not matter.

    Raises:
        UsageError: it is no such line.
    """
    found = _LINE.fullmatch(" ".join(text.split()))
    if found is None:
        raise UsageError(
            f"--expect-head {text.strip()[:40]!r}…: is no head of a log; give the whole line that "
            "`footfall verify --print-head` printed"
        )
    sequence, seal_hash, parts, rows, size = found.groups()
    return LogHead(int(sequence), seal_hash, int(parts), int(rows), int(size))


def differences(paths: StatePaths, kept: Sequence[LogHead]) -> list[str]:
    """Where the log is not any more what it was when heads were printed, one line each.

    The place is a range of seals: it ends at the seal that a head names, and begins after the last
    one that another head shows to be as it was. So the more heads are kept, the narrower it is.

    Args:
        paths: the state folder.
        kept: heads printed before, in any order.
    """
    seals_there = _parsed(paths)
    problems = []
    trusted = 0
    for head in sorted(set(kept), key=lambda one: one.sequence):
        if head.sequence == 0:
            problems += _of_an_empty_log(head)
        elif head.sequence not in seals_there:
            last = max(seals_there, default=0)
            problems.append(
                f"log/manifests: seal {head.sequence} is gone, the seals end at {last}, and a head "
                f"that was kept names it ({head.hash[:12]}…); restore log/ from a backup"
            )
        elif problem := _problem_of_seal(seals_there, head, trusted):
            problems.append(problem)
        else:
            trusted = head.sequence
    return problems


def _parsed(paths: StatePaths) -> dict[int, seals.Manifest | str]:
    """Each seal by its number, or why its file is none."""
    found: dict[int, seals.Manifest | str] = {}
    for sequence, file in seals.manifest_files(paths):
        try:
            found[sequence] = seals.parse(file.read_bytes(), f"log/manifests/{file.name}")
        except LogIntegrityError as error:
            found[sequence] = str(error)
    return found


def _of_an_empty_log(head: LogHead) -> list[str]:
    # Every chain starts from it: nothing can have changed before the first seal.
    return [] if head == head_of([]) else ["a head that was kept: seal 0 has no content"]


def _problem_of_seal(
    seals_there: Mapping[int, seals.Manifest | str], head: LogHead, trusted: int
) -> str | None:
    """Why the seal that a head names is not what it was; None where it is.

    Args:
        seals_there: of the log, the one that the head names among them.
        head: what was kept.
        trusted: the last seal that is shown to be as it was.
    """
    seal = seals_there[head.sequence]
    if isinstance(seal, str):
        return f"{seal} (a head that was kept names it)"
    place = f"log/manifests/{seal.name}"
    if seal.hash != head.hash:
        first = trusted + 1
        which = f"seal {first}" if first == head.sequence else f"a seal from {first} on"
        return (
            f"{place}: has the hash {seal.hash[:12]}…, and a head that was kept says "
            f"{head.hash[:12]}…: {which} was written anew after that; restore log/ from a backup"
        )
    before = [seals_there.get(sequence) for sequence in range(1, head.sequence + 1)]
    found = head_of([one for one in before if isinstance(one, seals.Manifest)])
    if found != head:
        return (
            f"{place}: the log up to it holds {found.rows} rows in {found.parts} parts, and a head "
            f"that was kept says {head.rows} in {head.parts}: that line is not as it was printed, "
            "or a seal before it is gone"
        )
    return None

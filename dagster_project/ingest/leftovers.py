"""What a crash leaves in the log, told from what no crash leaves.

A seal that was being written has put its parts and its quarantine into place, and its manifest not
yet. Then the batch is in staging still: it is removed after the seal. So a file that no seal names
is a crash's only where the batch that waits in staging holds the same; any other may be of a seal
that somebody took away, and is evidence. Not here: what is done about it (`event_log.recover`
tidies up, `verify` tells).
"""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from dagster_project.ingest import batch, seals
from dagster_project.ingest.durable import sha256_of
from dagster_project.state import StatePaths

_DAY: Final = re.compile(r"arrival_date=(\d{4}-\d{2}-\d{2})")
_PART: Final = re.compile(r"\d{8,}-(\d{3,})\.parquet")
_QUARANTINE: Final = re.compile(r"\d{8,}\.parquet")


def is_half_written(file: Path) -> bool:
    """Whether the name is that of a file being written, which is nothing yet."""
    return file.name.startswith(".") and file.name.endswith(".tmp")


def unnamed_files(
    paths: StatePaths, chain: Sequence[seals.Manifest], sequence: int | None = None
) -> list[Path]:
    """Files of log and quarantine that no seal names and that are whole, in order.

    Args:
        paths: the state folder.
        chain: all seals.
        sequence: only files that bear the number of this seal; None for all.
    """
    named = {part.path for one in chain for part in one.parts}
    named |= {file.path for one in chain for file in one.quarantine}
    start = "" if sequence is None else f"{sequence:08d}"
    return [
        file
        for folder in (paths.log_events, paths.quarantine)
        for file in sorted(folder.glob("arrival_date=*/*"))
        if file.name.startswith(start)
        and str(file.relative_to(paths.home)) not in named
        and not is_half_written(file)
    ]


def half_written(paths: StatePaths) -> list[Path]:
    """Files of log, seals and quarantine whose writing a crash ended."""
    places = [
        *paths.log_events.glob("arrival_date=*/.*"),
        *paths.quarantine.glob("arrival_date=*/.*"),
        *paths.manifests.glob(".*"),
    ]
    return sorted(file for file in places if is_half_written(file))


def is_of_waiting_batch(paths: StatePaths, file: Path) -> bool:
    """Whether the batch in staging holds the same, so that nothing goes with this file.

    A batch that is loaded, or one of a replay.
    """
    return any(_is_the_same(file, original) for original in _staged_originals(paths, file))


def _is_the_same(file: Path, original: Path) -> bool:
    if file.is_symlink() or not (file.is_file() and original.is_file()):
        return False
    return file.samefile(original) or sha256_of(file) == sha256_of(original)


def _staged_originals(paths: StatePaths, file: Path) -> list[Path]:
    """The staged files of which a seal would make this one."""
    day = _DAY.fullmatch(file.parent.name)
    if day is None:
        return []
    try:
        folder = date.fromisoformat(day.group(1)).isoformat()
    except ValueError:
        return []
    if file.is_relative_to(paths.quarantine):
        name = batch.QUARANTINE_FILE if _QUARANTINE.fullmatch(file.name) else None
    else:
        part = _PART.fullmatch(file.name)
        name = f"part-{part.group(1)}.parquet" if part else None
    stagings = (paths.staging, paths.replay_staging)
    return [staging / folder / name for staging in stagings] if name else []

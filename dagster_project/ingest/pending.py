"""Which landed files wait to be loaded, under which arrival date, and which changed too late.

Here: looking at `landing/` and comparing it with the seals. Not here: opening a file as a reader
does (`readers`), and what becomes of its rows (`batch`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from dagster_project.ingest import seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.readers import file_ending
from dagster_project.state import StatePaths

_IGNORED_PREFIXES: Final = (".", "_")
_IGNORED_ENDINGS: Final = (".tmp", ".part", ".inprogress")


@dataclass(frozen=True, order=True)
class LandedFile:
    """A file below `landing/`, by the day that its folder names."""

    day: date
    source: str
    path: str
    bytes: int
    mtime_ns: int

    def is_still(self, paths: StatePaths) -> bool:
        """Whether size and time of change are those that the scan saw."""
        try:
            status = (paths.landing / self.path).stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.bytes, self.mtime_ns)


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
                    found.append(LandedFile(day, source, place, status.st_size, status.st_mtime_ns))
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

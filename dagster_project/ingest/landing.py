"""What lies in the landing folder: which files are read, and why the others are not.

Here: names alone. Not here: which of these files wait to be loaded (`pending`), opening one
(`readers`), and how a historical file comes into the folder (`historical_file`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.ingest.config import Settings
from dagster_project.ingest.readers import file_ending
from dagster_project.state import StatePaths


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

    Names that readers ignore, links and anything that is not a file are passed over; see
    `ignored_files`.
    """
    found = []
    for source in sorted(settings.sources):
        for day, folder in _day_folders(paths.landing / source, settings):
            for file in _names_in(folder):
                if why_ignored(file) is None and (status := _status_if_there(file)):
                    place = f"{source}/{folder.name}/{file.name}"
                    found.append(LandedFile(day, source, place, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _names_in(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it has gone since it was listed."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _status_if_there(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _day_folders(source_folder: Path, settings: Settings) -> Iterator[tuple[date, Path]]:
    if source_folder.is_symlink() or not source_folder.is_dir():
        return
    for folder in _names_in(source_folder):
        if why_folder_ignored(folder, settings) is None:
            yield date.fromisoformat(folder.name), folder


def why_folder_ignored(folder: Path, settings: Settings) -> str | None:
    """Say why a folder below a source's is not looked into, or null if it is."""
    if folder.is_symlink() or not folder.is_dir() or _as_day(folder.name) is None:
        return "not a folder named by its day, YYYY-MM-DD"
    day = date.fromisoformat(folder.name)
    general = settings.settings
    # Each arrival date is a partition: a mistyped year would make a hundred thousand of them.
    if day < general.earliest_event_date:
        return f"its day is before settings.earliest_event_date ({general.earliest_event_date})"
    if general.start is not None and day < general.start:
        return f"its day is before settings.start ({general.start}); set an earlier one to load it"
    return None


def _as_day(name: str) -> date | None:
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if day.isoformat() == name else None


def why_ignored(file: Path) -> str | None:
    """Say why a name in a day's folder is not read, or null if it is."""
    name = file.name
    if not name.isprintable():
        # No message could name it on one line, nor the log in UTF-8.
        return "its name holds control characters or is not UTF-8: give it another"
    if name.startswith((".", "_")) or name.endswith((".tmp", ".part", ".inprogress")):
        return "its name says that it is not finished"
    if file.is_symlink():
        return "a link: put the file itself into landing"
    if not file.is_file():
        return "not a file: sources put their files straight into the day's folder"
    if file_ending(name) is None:
        return "its ending is none of .jsonl .csv .tsv .parquet .log, each also .gz or .zst"
    return None


def ignored_files(paths: StatePaths, settings: Settings) -> dict[str, str]:
    """What lies in landing and is not read.

    Args:
        paths: the state.
        settings: its sources are the folders that are looked into.

    Returns:
        Name relative to `landing/` to the reason, sorted; hidden folders left out. What cannot be
        printed of a name is escaped.
    """
    found: dict[str, str] = {}
    if not paths.landing.is_dir():
        return found
    for folder in sorted(paths.landing.iterdir()):
        if folder.name.startswith("."):
            continue
        if folder.name not in settings.sources:
            if folder.is_dir() and not any(folder.iterdir()):
                continue
            found[_shown(folder.name)] = "no source of this name is declared in footfall.yml"
            continue
        if folder.is_symlink() or not folder.is_dir():
            found[folder.name] = "not a folder of its own"
            continue
        for day in sorted(folder.iterdir()):
            if day.name.startswith("."):
                continue
            place = f"{folder.name}/{_shown(day.name)}"
            if (reason := why_folder_ignored(day, settings)) is not None:
                found[place] = reason
                continue
            reasons = {file.name: why_ignored(file) for file in sorted(day.iterdir())}
            found.update({f"{place}/{_shown(name)}": why for name, why in reasons.items() if why})
    return found


def _shown(name: str) -> str:
    """A name as a message may show it: what is no printable character is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode()
        for char in name
    )

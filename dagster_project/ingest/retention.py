"""How long delivered data is kept in the clear or nearly so: landing and quarantine.

Every run enforces it. The log, which holds neither, is kept for ever.

Age is counted from the seal, and not from the arrival date: a year that was imported yesterday can
be looked at as long as yesterday's day.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from dagster_project.ingest import erasure_register, seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import crash_point, sha256_of
from dagster_project.ingest.seals import Manifest
from dagster_project.state import StatePaths


def enforce(paths: StatePaths, now: datetime, settings: Settings) -> list[str]:
    """Remove what is older than the settings allow.

    Args:
        paths: the state folder; the caller holds its lock.
        now: the time, UTC.
        settings: the settings.

    Returns:
        What was removed, relative to the state folder.
    """
    chain = seals.load_chain(paths)
    general = settings.settings
    removed = drop_quarantine(paths, chain, now, general.quarantine_days)
    if general.landing_days is not None:
        removed += drop_landed(paths, chain, now, general.landing_days)
    return removed


def drop_quarantine(
    paths: StatePaths, chain: Iterable[Manifest], now: datetime, keep_days: int
) -> list[str]:
    """Remove quarantine files whose seal is older than they may be kept."""
    removed = []
    for manifest in _older(chain, now, keep_days):
        for one in manifest.quarantine:
            file = paths.home / one.path
            if file.is_file():
                file.unlink()
                removed.append(one.path)
                crash_point("quarantine: expired file removed")
    return removed


def drop_landed(
    paths: StatePaths, chain: Iterable[Manifest], now: datetime, keep_days: int
) -> list[str]:
    """Remove landed files that were sealed longer ago than they may be kept.

    A file that is not what was sealed stays, for a person to look at: its content is in no seal.
    """
    entries = erasure_register.load(paths)
    removed = []
    for manifest in _older(chain, now, keep_days):
        for one in manifest.files:
            place = f"landing/{one.path}"
            file = paths.home / place
            if file.is_symlink() or not file.is_file():
                continue
            is_as_sealed = sha256_of(file) in erasure_register.expected_hashes(
                entries, place, one.sha256
            )
            if is_as_sealed:
                file.unlink()
                removed.append(place)
                _remove_if_empty(file.parent)
    return removed


def _older(chain: Iterable[Manifest], now: datetime, keep_days: int) -> Iterable[Manifest]:
    limit = now - timedelta(days=keep_days)
    return (manifest for manifest in chain if manifest.sealed_at < limit)


def _remove_if_empty(folder: Path) -> None:
    """Remove a day's folder, unless something is left in it or comes at this moment."""
    with suppress(OSError):
        folder.rmdir()

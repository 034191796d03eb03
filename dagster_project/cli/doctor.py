"""`footfall doctor`: what is wrong with the installation or the state, and how to mend it.

It changes nothing.
"""

import argparse
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from dagster_project import storage_errors
from dagster_project.ingest import batch, landing, lock, pending, preview, seals
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import ConfigError, FootfallError
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths

_PINNED: Final = {"duckdb": "1.5.5", "great-expectations": "1.24.1"}
_LOW_DISK_BYTES: Final = 2 * 1024**3
Finding = tuple[bool, str]


def register(subparsers: Any) -> None:
    """Add the command."""
    subparsers.add_parser("doctor", help="say what is wrong with the installation or the state")


def run(args: argparse.Namespace, home: Path) -> int:
    """One line a check; 1 where one found something."""
    paths = StatePaths(home)
    wrong = 0
    for name, check in _CHECKS.items():
        try:
            findings = list(check(paths))
        except FootfallError as error:
            findings = [(False, str(error))]
        except OSError as error:
            findings = [(False, f"{error.filename}: {error.strerror}; see its owner and mode")]
        except Exception as error:
            told = storage_errors.explained(error, home)
            if told is None:
                raise
            findings = [(False, told)]
        for good, text in findings or [(True, "nothing to say")]:
            print(f"{'ok' if good else '!!'}  {name}: {text}")
            wrong += not good
    return 1 if wrong else 0


def _installation(paths: StatePaths) -> Iterator[Finding]:
    found = sys.version_info[:2]
    yield (3, 11) <= found < (3, 13), f"Python {found[0]}.{found[1]} (3.11 or 3.12 is needed)"
    for package, wanted in _PINNED.items():
        try:
            have = version(package)
        except PackageNotFoundError:
            have = "missing"
        yield (
            have == wanted,
            f"{package} {have}" + ("" if have == wanted else f", {wanted} is needed: make setup"),
        )


def _folder(paths: StatePaths) -> Iterator[Finding]:
    if not paths.home.is_dir():
        yield False, f"{paths.home}: is missing; `footfall init` makes it"
        return
    free = shutil.disk_usage(paths.home).free
    text = f"{paths.home}: {free / 1e9:.1f} GB free"
    if free < _LOW_DISK_BYTES:
        text += (
            "; a run may stop for want of room: make room, or move the folder and set "
            "FOOTFALL_HOME. landing/ of closed days may be kept elsewhere"
        )
    yield free >= _LOW_DISK_BYTES, text


def _settings(paths: StatePaths) -> Iterator[Finding]:
    settings = load_settings(paths.settings_file)
    yield bool(settings.sources), f"{len(settings.sources)} sources declared"


def _keys(paths: StatePaths) -> Iterator[Finding]:
    if not paths.secrets.is_dir():
        has_log = paths.log.is_dir() and any(paths.log.rglob("*.*"))
        what = "restore it from its backup" if has_log else "`footfall init` makes it"
        yield False, f"{paths.secrets}: is missing; {what}"
        return
    for place in (paths.secrets, *sorted(paths.secrets.iterdir())):
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & 0o077:
            wanted = "700" if place.is_dir() else "600"
            yield False, f"{place}: mode {mode:o}, others can read it: chmod {wanted} {place}"
    with Vault.open(paths) as vault:
        yield True, f"vault holds {vault.count()} identifiers; keep a backup of secrets/ apart"


def _lock(paths: StatePaths) -> Iterator[Finding]:
    holder = lock.holder_of(paths)
    if holder is None:
        yield True, "free"
        return
    who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
    text = f"held by {who} (run {holder.get('run', '?')}) since {holder.get('since', '?')}"
    gone = lock.is_gone(holder)
    if gone:
        # The kernel's lock goes with the last process that has it: a child must live on.
        text += f"; it is gone, and a child of it holds the lock still: end it (fuser {paths.lock})"
    yield not gone, text


def _chain(paths: StatePaths) -> Iterator[Finding]:
    chain = seals.load_chain(paths)
    yield True, f"{len(chain)} seals, chain whole (`footfall verify` hashes the parts)"


def _landing(paths: StatePaths) -> Iterator[Finding]:
    try:
        settings = load_settings(paths.settings_file)
    except ConfigError:
        yield False, "not looked at, until footfall.yml can be read"
        return
    for place, reason in landing.ignored_files(paths, settings).items():
        yield False, f"landing/{place}: not read, {reason}"
    landed, chain = landing.scan_landing(paths, settings), seals.load_chain(paths)
    for text in pending.changed_files(paths, landed, chain):
        yield False, text
    for text in pending.refused_files(paths, settings, landed, chain):
        yield False, text
    for source, days in sorted(pending.days_read_otherwise(settings, chain).items()):
        yield (
            True,
            f"sources.{source}: {len(days)} sealed days were read by other settings than today's, "
            "and keep what they were read as",
        )
    today = datetime.now(UTC).date()
    files = pending.unsealed_files(paths, settings, landed, chain)
    later = sorted({file.day for file in files if file.day > today})
    waiting = [file for file in files if file.day <= today]
    closed = {one.arrival_date for one in chain if one.closes_day}
    late = [file for file in waiting if file.day in closed]
    told = f"{len(waiting)} files of {len({one.day for one in waiting})} days wait for the next run"
    if late:
        told += f", {len(late)} of them for closed days, which it loads under the open one"
    yield True, told
    for text in preview.misfits(paths, settings, waiting):
        yield False, text
    if later:
        yield True, f"files of {len(later)} days to come wait until then, the first for {later[0]}"


def _staging(paths: StatePaths) -> Iterator[Finding]:
    waiting = batch.staged_days(paths)
    for day in waiting:
        yield (
            False,
            f"{day}: a batch waits that was refused, or whose run was ended; `footfall run` looks "
            f"at it again and says why, `footfall accept {day} --reason TEXT` seals it as it is",
        )
    if not waiting:
        yield True, "no batch waits"


def _warehouse(paths: StatePaths) -> Iterator[Finding]:
    from dagster_project import serving, warehouse

    if not paths.warehouse_db.exists():
        yield True, "not built yet: footfall run"
        return
    sealed = [(one.sequence, one.arrival_date) for one in seals.load_chain(paths)]
    owed = warehouse.owed_days(paths, sealed)
    yield (
        not owed,
        f"{len(owed)} arrival dates are not built yet" + (": footfall run" if owed else ""),
    )
    number = serving.current_number(paths)
    yield (
        number is not None,
        f"published version {number}" if number else "nothing published: footfall run",
    )


def _records(paths: StatePaths) -> Iterator[Finding]:
    from dagster_project.records.entries import load_entries

    entries = load_entries(paths)
    yield True, f"{len(entries)} entries, chain whole (`footfall verify` hashes the parts)"


def _models(paths: StatePaths) -> Iterator[Finding]:
    from dagster_project import stale_models

    stale = stale_models.stale_models(paths)
    yield not stale, stale_models.describe(stale) if stale else "none is stale"


_CHECKS: Final[dict[str, Callable[[StatePaths], Iterator[Finding]]]] = {
    "installation": _installation,
    "state folder": _folder,
    "settings": _settings,
    "keys": _keys,
    "lock": _lock,
    "log": _chain,
    "landing": _landing,
    "staging": _staging,
    "warehouse": _warehouse,
    "records": _records,
    "models": _models,
}

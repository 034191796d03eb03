"""The immutable log: batches become seals, days are closed, and nothing sealed is ever rewritten.

Here: the order of writes that survives a crash, mending what a crash left, and which days still
have something to do. Not here: what is in a batch (`batch`), which files it is made of (`pending`),
and the form of a seal (`seals`).

The order, each step on disk before the next: pseudonyms, parts, their folder, quarantine, the
manifest, HEAD. A batch is in the log from the moment that its manifest has its name; before that, a
repeat starts from what landed, after it, from the seal.
"""

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.ingest import batch, leftovers, pending, seals, staging
from dagster_project.ingest.batch import StagedBatch
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import (
    crash_point,
    fsync_folder,
    make_folder,
    place_copy,
    sha256_of,
)
from dagster_project.ingest.errors import FootfallError, LogIntegrityError
from dagster_project.ingest.landing import LandedFile, scan_landing
from dagster_project.ingest.replay import ReplayPaths
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import Registry


def closing_time(day: date, settings: Settings) -> datetime:
    """When an arrival date takes no more: its end and the grace after it, UTC."""
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
    return end + timedelta(hours=settings.settings.grace_hours)


def stage_days(
    paths: StatePaths, settings: Settings, registry: Registry, vault: Vault, days: Sequence[date]
) -> list[StagedBatch]:
    """Stage what days have to load, each file in one of them; a closed day stages nothing.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings. registry: the contract. vault: open.
        days: arrival dates, in order; the first open one takes what came for closed days.

    Returns:
        A batch a day, in that order.
    """
    chain = seals.load_chain(paths)
    closed = {one.arrival_date for one in chain if one.closes_day}
    waiting = pending.unsealed_files(paths, settings, scan_landing(paths, settings), chain)
    files: dict[date, list[LandedFile]] = {}
    for day in days:
        if day not in closed:
            files[day] = [file for file in waiting if file.day == day or file.day in closed]
            waiting = [file for file in waiting if file not in files[day]]
    staged = {one.day: one for one in staging.stage(paths, settings, registry, vault, files)}
    return [staged.get(day) or StagedBatch(day, is_closed=True) for day in days]


def seal(
    paths: StatePaths,
    settings: Settings,
    vault: Vault,
    staged: StagedBatch,
    now: datetime,
    accepted_reason: str | None = None,
) -> seals.Manifest | None:
    """Add a staged batch to the log for ever; close its day when its time is over.

    Returns:
        The seal; None where there was nothing to add and nothing to close.

    Raises:
        LogIntegrityError: counts do not add up, or the chain is not what HEAD says.
        FootfallError: the day was closed or a file sealed since the batch was staged.
    """
    closes = now >= closing_time(staged.day, settings)
    if staged.is_closed or (staged.is_empty and not closes):
        return None
    chain = seals.load_chain(paths)
    _check_still_open(staged, chain)
    head = seals.read_head(paths)
    # A HEAD that a crash left behind would give its number away twice; `recover` mends it.
    seals.check_head(head, chain)
    sequence = head.sequence + 1
    vault.flush()
    crash_point("seal: vault flushed")
    make_folder(paths.manifests)
    parts = _place_parts(paths, staged, sequence)
    quarantine = _place_quarantine(paths, staged, sequence)
    crash_point("seal: parts placed")
    manifest = seals.append(
        paths,
        seals.Manifest(
            sequence=sequence,
            arrival_date=staged.day,
            sealed_at=now,
            contract_version=staged.contract_version,
            closes_day=closes,
            accepted_reason=accepted_reason,
            previous=head.hash,
            files=staged.files,
            refused=staged.refused,
            parts=tuple(parts),
            quarantine=tuple(quarantine),
            sources=staged.sources,
        ),
    )
    batch.discard(paths, staged.day)
    crash_point("seal: staging removed")
    return manifest


def _check_still_open(staged: StagedBatch, chain: Sequence[seals.Manifest]) -> None:
    """A batch that waited may have been overtaken: nothing must be in the log twice."""
    again = f"run `footfall run --from {staged.day} --to {staged.day}` to stage what is left"
    if any(one.arrival_date == staged.day and one.closes_day for one in chain):
        raise FootfallError(
            f"{staged.day}: was closed after this batch was staged; its files are loaded under the "
            "day that is open, by the next `footfall run`"
        )
    sealed = {file.path for one in chain for file in one.files}
    for file in staged.files:
        if file.path in sealed and file.replay is None:
            raise FootfallError(
                f"{staged.day}: landing/{file.path} was sealed after this batch was staged; {again}"
            )


def _place_parts(paths: StatePaths, staged: StagedBatch, sequence: int) -> list[seals.Part]:
    parts = []
    target_folder = paths.log_day(staged.day)
    for number, name in enumerate(staged.parts):
        make_folder(target_folder)
        target = target_folder / f"{sequence:08d}-{number:03d}.parquet"
        place_copy(paths.staging_day(staged.day) / name, target)
        target.chmod(0o444)
        crash_point("seal: part placed")
        dates = pc.min_max(pq.read_table(target, columns=["event_ts"])["event_ts"]).as_py()
        parts.append(
            seals.Part(
                path=str(target.relative_to(paths.home)),
                rows=pq.read_metadata(target).num_rows,
                bytes=target.stat().st_size,
                sha256=sha256_of(target),
                first_event_date=dates["min"].date() if dates["min"] else None,
                last_event_date=dates["max"].date() if dates["max"] else None,
            )
        )
    if parts:
        fsync_folder(target_folder)
    return parts


def _place_quarantine(
    paths: StatePaths, staged: StagedBatch, sequence: int
) -> list[seals.QuarantineFile]:
    if not staged.quarantine_rows:
        return []
    target_folder = paths.quarantine_day(staged.day)
    make_folder(target_folder)
    target = target_folder / f"{sequence:08d}.parquet"
    place_copy(batch.staged_quarantine(paths, staged.day), target)
    fsync_folder(target_folder)
    crash_point("seal: quarantine placed")
    return [
        seals.QuarantineFile(
            path=str(target.relative_to(paths.home)),
            rows=staged.quarantine_rows,
            bytes=target.stat().st_size,
            sha256=sha256_of(target),
        )
    ]


def recover(paths: StatePaths) -> list[str]:
    """Mend what a crash left: HEAD follows the newest seal, what was half done goes.

    Nothing is removed that is not there a second time: a file that no seal names goes only where
    the batch in staging holds the same. All is looked at before anything is touched.

    Args:
        paths: the state folder; the caller holds its lock.

    Returns:
        What was done, one line each.

    Raises:
        LogIntegrityError: the log differs from its seals in a way that no crash leaves.
    """
    done = []
    chain = seals.load_manifests(paths)
    head = seals.read_head(paths)
    _check_seals_are_there(paths, chain)
    is_behind = seals.is_one_behind(head, chain)
    if is_behind:
        head = seals.Head(chain[-1].sequence, chain[-1].hash)
    seals.check_head(head, chain)
    unsealed = leftovers.unnamed_files(paths, chain, head.sequence + 1)
    for file in unsealed:
        if not leftovers.is_of_waiting_batch(paths, file):
            raise LogIntegrityError(_of_no_crash(paths, file, head.sequence))
    if is_behind:
        seals.write_head(paths, head)
        done.append(f"log/manifests/HEAD: names seal {head.sequence} now; a crash left it behind")
    for file in [*unsealed, *leftovers.half_written(paths)]:
        file.unlink()
        done.append(f"{file.relative_to(paths.home)}: removed, since no seal names it")
        crash_point("recover: file removed")
    batch.remove_unfinished(paths)
    # A replay has a staging of its own, and starts anew from quarantine.
    shutil.rmtree(ReplayPaths(paths.home).staging, ignore_errors=True)
    sealed = {file for one in chain for file in _content_of(one)}
    for day in batch.staged_days(paths):
        try:
            staged = batch.staged_batch(paths, day)
        except FootfallError:
            continue  # Of another version: the next run of its day stages it anew.
        if sealed.issuperset(_content_of(staged)):
            batch.discard(paths, day)
            done.append(f"staging/{day}: removed, since the batch is sealed")
    return done


def _of_no_crash(paths: StatePaths, file: Path, last: int) -> str:
    return (
        f"{file.relative_to(paths.home)}: no seal names it, and no batch in staging holds the "
        f"same, so it may be of a seal that was taken away (the seals end at {last}); restore "
        "log/manifests from a backup, or move the file out if it never was sealed"
    )


def _content_of(loaded: StagedBatch | seals.Manifest) -> set[tuple[str, str]]:
    """(path, hash) of every file that was read or refused."""
    found = {(file.path, file.sha256) for file in loaded.files}
    return found | {(file.path, file.sha256) for file in loaded.refused}


def _check_seals_are_there(paths: StatePaths, chain: Sequence[seals.Manifest]) -> None:
    """Parts of a later seal without the seals before it: nothing here is to be tidied away."""
    after = len(chain) + 1
    for file in sorted(paths.log_events.glob("arrival_date=*/*.parquet")):
        number = file.name.partition("-")[0]
        if number.isdecimal() and int(number) > after:
            raise LogIntegrityError(
                f"{file.relative_to(paths.home)}: is of seal {int(number)}, but the seals end at "
                f"{len(chain)}; restore log/manifests from a backup"
            )


def accept(
    paths: StatePaths, settings: Settings, vault: Vault, day: date, reason: str, now: datetime
) -> seals.Manifest:
    """Seal a refused batch as it is.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings.
        vault: open.
        day: the arrival date whose batch waits.
        reason: why it is sealed all the same; kept in the seal.
        now: the time, UTC.

    Raises:
        FootfallError: no batch waits, no reason was given, or a file is another one by now.
    """
    if not reason.strip():
        raise FootfallError(f"{day}: a reason is needed; it is kept in the seal")
    recover(paths)
    staged = batch.staged_batch(paths, day)
    for file in staged.files:
        landed = paths.landing / file.path
        if not landed.is_file() or sha256_of(landed) != file.sha256:
            raise FootfallError(
                f"landing/{file.path}: is not what was staged any more; run "
                f"`footfall run --from {day} --to {day}` to stage it again"
            )
    manifest = seal(paths, settings, vault, staged, now, accepted_reason=reason.strip())
    if manifest is None:
        raise FootfallError(f"{day}: nothing to seal in the batch that waits")
    return manifest


def stragglers(paths: StatePaths, settings: Settings) -> list[str]:
    """Files that landed for closed days and wait to be loaded under an open one."""
    chain = seals.load_chain(paths)
    closed = {one.arrival_date for one in chain if one.closes_day}
    landed = scan_landing(paths, settings)
    return [
        file.path
        for file in pending.unsealed_files(paths, settings, landed, chain)
        if file.day in closed
    ]


def undone_days(paths: StatePaths, settings: Settings, now: datetime) -> list[date]:
    """Days with something to load or to close; today's for what came for closed days."""
    chain = seals.load_chain(paths)
    closed = {one.arrival_date for one in chain if one.closes_day}
    found = {
        one.arrival_date
        for one in chain
        if one.arrival_date not in closed and now >= closing_time(one.arrival_date, settings)
    }
    today = now.date()
    for file in pending.unsealed_files(paths, settings, scan_landing(paths, settings), chain):
        if file.day <= today:
            found.add(today if file.day in closed else file.day)
    return sorted(found)


def clock_problem(paths: StatePaths, now: datetime) -> str | None:
    """What to say where the clock was set back since the last seal; None where it was not.

    Nothing is lost by it: days close later, and files wait. It only warns, since the clock may have
    been wrong before and be right now.
    """
    chain = seals.load_chain(paths)
    last = max((one.sealed_at for one in chain), default=now)
    if now >= last:
        return None
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is before the last seal "
        f"({last:%Y-%m-%d %H:%M}): days are closed by the clock, so see that it is right"
    )

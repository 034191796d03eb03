"""From quarantined rows to a seal, with the checks that must hold before it.

Belongs here: the order of staging, check and seal of a replay, and what there is to say about it.
Not here: which rows wait and how they are staged (`ingest/replay`), and the command.

The share of quarantined rows refuses no replay: what stays in quarantine is not part of its batch.
"""

import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from dagster_project.ingest import event_log, seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.replay import ReplayPaths, stage_replay, waiting_rows
from dagster_project.ingest.vault import Vault
from dagster_project.loading import check_batches, registry_of
from dagster_project.state import StatePaths


@dataclass(frozen=True)
class ReplayReport:
    """What became of the rows that were tried.

    Attributes:
        day: the open arrival date that took what passes.
        seal: of those rows; null where none passes.
        stayed: rows that fail again, with today's reasons.
        undeclared: rows of sources that are not declared any more, by source.
    """

    day: date
    seal: seals.Manifest | None
    stayed: int
    reasons: Counter[str]
    undeclared: Counter[str]


def replay_quarantine(
    paths: StatePaths,
    settings: Settings,
    now: datetime,
    *,
    first: date | None = None,
    last: date | None = None,
    source: str | None = None,
) -> ReplayReport:
    """Try quarantined rows again, and seal those that pass into today's arrival date.

    A kill at any moment leaves either nothing of it or the seal: the rows then wait no more.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: today's.
        now: the time, UTC.
        first, last: arrival dates of the refused rows, inclusive; null for all.
        source: one source alone.

    Raises:
        FootfallError: what passes the contract fails a check of the batch; nothing was sealed.
        LogIntegrityError: the log differs from its seals.
    """
    event_log.recover(paths)
    day = now.date()
    registry = registry_of(settings)
    beside = ReplayPaths(paths.home)
    try:
        with Vault.open(paths) as vault:
            waiting = waiting_rows(paths, first, last, source)
            tried = stage_replay(beside, settings, registry, vault, day, waiting)
            sealed = None
            if tried.staged.files:
                reports = check_batches(beside, settings, registry, [tried.staged])
                failures = [line for one in reports for line in one.failures()]
                if failures:
                    raise FootfallError(
                        f"replay into {day}: {failures[0]} ({len(failures)} checks failed); "
                        "nothing was sealed and the rows stay in quarantine: narrow the replay "
                        "by --from, --to or --source"
                    )
                sealed = event_log.seal(beside, settings, vault, tried.staged, now)
    finally:
        shutil.rmtree(beside.staging, ignore_errors=True)
    return ReplayReport(day, sealed, tried.stayed, tried.reasons, tried.undeclared)

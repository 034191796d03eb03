"""From landed files to sealed days, with the checks that must hold before a seal.

Belongs here: the order of stage, check and seal over the days of a run, and what there is to say
about it afterwards. Not here: reading, treating or sealing itself (`ingest/`), the contract and its
suites (`expectations/`), and Dagster.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

from dagster_project import erasure
from dagster_project.arrival_statistics import compare_with_weeks_before
from dagster_project.ingest import (
    batch,
    event_log,
    retention,
    seals,
    verify,
    warehouse_inputs,
)
from dagster_project.ingest.config import Settings
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.ingest.landing import scan_landing
from dagster_project.ingest.pending import changed_files
from dagster_project.ingest.quarantine import count_reasons
from dagster_project.ingest.vault import Vault
from dagster_project.model_outputs import write_empty_outputs
from dagster_project.records.entries import recover as recover_records
from dagster_project.records.publications import record_served
from dagster_project.state import StatePaths
from dagster_project.worker_processes import validate_beside
from expectations.contract import Registry, batch_suite, counts_suite, load_registry, seals_suite
from expectations.data_docs import write_data_docs
from expectations.validate import Report

# Great Expectations costs a quarter of a second a suite, so small days are looked at together.
_DAYS_TOGETHER = 31
_ROWS_A_CHECK = 1_000_000
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class DayLoad:
    """What became of an arrival date in a run; `refusals` says why nothing was sealed.

    `refused_files` cannot be read as a whole; `unsettled_files` wait for the next run.
    """

    day: date
    read: int
    logged: int
    quarantined: int
    is_closed: bool
    sequence: int | None = None
    refusals: tuple[str, ...] = ()
    refused_files: tuple[str, ...] = ()
    unsettled_files: tuple[str, ...] = ()


@dataclass
class LoadReport:
    """What became of a run's days, and what the checks said.

    Attributes:
        days: in order, up to the first that was refused.
        reports: of the suites.
        integrity: places where the log differs from its seals.
        is_chain_broken: the seals cannot be followed, so that nothing was staged.
        changed_files: landed files that changed after their seal, of any day.
        unusual_volumes, unusual_nulls: what differs from the weeks before.
    """

    days: list[DayLoad] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    integrity: list[str] = field(default_factory=list)
    is_chain_broken: bool = False
    changed_files: list[str] = field(default_factory=list)
    unusual_volumes: list[str] = field(default_factory=list)
    unusual_nulls: list[str] = field(default_factory=list)

    @property
    def refused(self) -> list[DayLoad]:
        return [day for day in self.days if day.refusals]

    @property
    def files_not_loaded(self) -> list[str]:
        """Landed files that somebody has to look at, one line each."""
        new = [text for day in self.days for text in (*day.refused_files, *day.unsettled_files)]
        return new + self.changed_files


def registry_of(settings: Settings) -> Registry:
    """The registry with the event types that the settings add."""
    return load_registry(
        {
            name: {
                "description": "An event type of this installation.",
                "sessionable": event.sessionable,
                "role": event.role,
            }
            for name, event in settings.events.items()
        }
    )


def prepare_inputs(paths: StatePaths, settings: Settings) -> None:
    """Write what dbt reads beside the log."""
    warehouse_inputs.write_inputs(paths, settings, registry_of(settings))
    write_empty_outputs(paths)
    recover_records(paths)


def load_days(
    paths: StatePaths, settings: Settings, days: Sequence[date], now: datetime
) -> LoadReport:
    """Stage, check and seal arrival dates, in order, then verify what the log holds.

    A batch that the checks refuse stays in staging and its day open; the days before it are sealed,
    later ones are not started, since a person has to decide first. Where the chain of seals is
    broken, nothing is started at all: `refusals` of each day say where.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings.
        days: arrival dates, in order.
        now: the time by which days are closed, UTC.
    """
    report = LoadReport()
    try:
        event_log.recover(paths)
        # A version that was served and that a kill kept from being recorded.
        record_served(paths)
    except LogIntegrityError as error:
        _refuse_all(paths, days, now, str(error), report)
        return report
    # Before anything of a person is read again: what a kill has left open of an erasure.
    erasure.carry_out(paths, settings, registry_of(settings), now)
    _seal_days(paths, settings, days, now, report)
    retention.enforce(paths, now, settings)
    loaded = [one.day for one in report.days]
    _verify(paths, loaded, now, report)
    _compare(paths, loaded, report)
    if report.reports:
        write_data_docs(report.reports, paths.docs / "data", now=now)
    prepare_inputs(paths, settings)
    return report


def _seal_days(
    paths: StatePaths, settings: Settings, days: Sequence[date], now: datetime, report: LoadReport
) -> None:
    """Stage days, check them in groups and seal them, up to the first that is refused."""
    registry = registry_of(settings)
    report.changed_files = changed_files(
        paths, scan_landing(paths, settings), seals.load_chain(paths)
    )
    with Vault.open_or_create(paths) as vault:
        for first in range(0, len(days), _DAYS_TOGETHER):
            together = days[first : first + _DAYS_TOGETHER]
            staged = event_log.stage_days(paths, settings, registry, vault, together)
            if not _check_and_seal_all(paths, settings, registry, vault, staged, now, report):
                break


def _check_and_seal_all(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    staged: Sequence[batch.StagedBatch],
    now: datetime,
    report: LoadReport,
) -> bool:
    """Check and seal batches in groups of bounded size; whether all of them are sealed."""
    group: list[batch.StagedBatch] = []
    for position, one in enumerate(staged):
        group.append(one)
        is_last = position + 1 == len(staged)
        if not is_last and sum(each.logged for each in group) < _ROWS_A_CHECK:
            continue
        if not _check_and_seal(paths, settings, registry, vault, group, now, report):
            for later in staged[position + 1 :]:
                batch.discard(paths, later.day)
            return False
        group = []
    return True


def _refuse_all(
    paths: StatePaths, days: Sequence[date], now: datetime, problem: str, report: LoadReport
) -> None:
    """The seals cannot be followed: say where the log differs, and leave everything as it is."""
    _verify(paths, days, now, report)
    report.is_chain_broken = True
    # A problem that only `recover` sees, such as parts of a seal that is gone.
    report.integrity = report.integrity or [problem]
    report.days = [
        DayLoad(day, 0, 0, 0, is_closed=False, refusals=(report.integrity[0],)) for day in days
    ]


def _day_load(
    staged: batch.StagedBatch, sealed: seals.Manifest | None, refusals: tuple[str, ...]
) -> DayLoad:
    return DayLoad(
        day=staged.day,
        read=staged.read,
        logged=staged.logged,
        quarantined=staged.quarantined,
        is_closed=staged.is_closed or (sealed is not None and sealed.closes_day),
        sequence=None if sealed is None else sealed.sequence,
        refusals=refusals,
        refused_files=tuple(f"landing/{file.reason}" for file in staged.refused),
        unsettled_files=staged.unsettled,
    )


def _check_and_seal(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    vault: Vault,
    group: list[batch.StagedBatch],
    now: datetime,
    report: LoadReport,
) -> bool:
    """Check batches together and seal them; if something is found, singly, up to the first refused.

    Returns:
        Whether all of them are sealed.
    """
    found = check_batches(paths, settings, registry, group)
    together = all(one.success for one in found)
    if together:
        report.reports += found
    for position, staged in enumerate(group):
        refusals: tuple[str, ...] = ()
        if not together:
            alone = check_batches(paths, settings, registry, [staged])
            report.reports += alone
            if not all(one.success for one in alone):
                refusals = _refusals(paths, settings, staged, alone)
        sealed = None if refusals else event_log.seal(paths, settings, vault, staged, now)
        report.days.append(_day_load(staged, sealed, refusals))
        if refusals:
            # What waits in staging is what was refused, and nothing else.
            for later in group[position + 1 :]:
                batch.discard(paths, later.day)
            return False
    return True


def _refusals(
    paths: StatePaths, settings: Settings, staged: batch.StagedBatch, found: Sequence[Report]
) -> tuple[str, ...]:
    """Why a batch is refused: its share of quarantined rows and their reasons, then the suites."""
    lines = [line for one in found for line in one.failures()]
    share, limit = staged.quarantined_share, settings.settings.quarantine_share
    if share > limit:
        reasons = count_reasons(batch.staged_quarantine(paths, staged.day))
        most = ", ".join(f"{reason} ({rows:,})" for reason, rows in reasons[:_REASONS_SHOWN])
        lines.insert(
            0,
            f"{staged.quarantined:,} of {staged.read:,} rows ({share:.1%}) are quarantined, more "
            f"than settings.quarantine_share ({limit:.1%}); most often: {most}",
        )
    return tuple(lines)


def check_batches(
    paths: StatePaths, settings: Settings, registry: Registry, group: list[batch.StagedBatch]
) -> list[Report]:
    """Run the blocking suites over staged batches."""
    general = settings.settings
    full = [staged for staged in group if staged.files]
    if not full:
        return []
    limit = general.quarantine_share
    name = f"{full[0].day}" if len(full) == 1 else f"{full[0].day} to {full[-1].day}"
    counts = pa.Table.from_pylist(
        [
            {
                "source_file": file.path,
                "read": file.read,
                "logged": file.logged,
                "quarantined": file.quarantined,
                "withheld": sum(file.withheld.values()),
            }
            for staged in full
            for file in staged.files
        ],
        schema=_COUNTS_SCHEMA,
    )
    # The share is a batch's own: a bad day must not hide among good ones.
    strict = 0.0 if len(full) > 1 and any(one.quarantined_share > limit for one in full) else limit
    found = [
        validate_beside(counts_suite(max_quarantined_share=strict), counts, name=f"{name} counts")
    ]
    parts = [paths.staging_day(staged.day) / part for staged in full for part in staged.parts]
    if parts:
        suite = batch_suite(
            registry,
            arrival_date=[staged.day for staged in full],
            earliest_event_date=general.earliest_event_date,
            max_future_hours=general.max_future_hours,
        )
        found.append(validate_beside(suite, parts, name=f"{name} rows"))
    return found


_COUNTS_SCHEMA = pa.schema(
    [("source_file", pa.string())]
    + [(name, pa.int64()) for name in ("read", "logged", "quarantined", "withheld")]
)


def _verify(paths: StatePaths, days: Sequence[date], now: datetime, report: LoadReport) -> None:
    """The chain, the parts of the run's days, and the thirtieth of the log whose turn it is."""
    audit = verify.audit(paths, days, today=now.date())
    report.integrity += audit.problems
    if audit.seals.num_rows:
        report.reports.append(validate_beside(seals_suite(), audit.seals, name="seals"))
        report.integrity += report.reports[-1].failures()


def _compare(paths: StatePaths, days: Sequence[date], report: LoadReport) -> None:
    """Volumes and nulls against the weeks before, where the log is what was sealed."""
    if report.integrity:
        return
    chain = seals.load_chain(paths)
    try:
        findings = compare_with_weeks_before(paths, chain, days)
    except LogIntegrityError as error:
        report.integrity.append(str(error))
        return
    report.unusual_volumes, report.unusual_nulls = findings.volumes, findings.nulls

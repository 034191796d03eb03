"""`footfall run`: materialise every asset for the days that have landed and are not done."""

import argparse
import gc
import sys
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dagster_project.cli.arrival_date import arrival_date, check_range
from dagster_project.ingest.errors import FootfallError, LockHeldError, UsageError
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run", help="load, check, seal, build, train and publish the days that have landed"
    )
    parser.add_argument("--from", dest="first", type=arrival_date, metavar="D")
    parser.add_argument("--to", dest="last", type=arrival_date, metavar="D")


def run(args: argparse.Namespace, home: Path) -> int:
    """Run; 0 when every check passed, 1 when one failed."""
    from dagster_project.ingest import event_log

    paths = StatePaths(home)
    now = datetime.now(UTC)
    days = days_to_run(paths, args.first, args.last, now)
    if problem := event_log.clock_problem(paths, now):
        print(f"warning: {problem}", file=sys.stderr)
    if days is None:
        print("nothing to do: every day that has landed is loaded and built")
        _warn_of_files(paths)
        _enforce_retention(paths, now)
        _print_kpis(paths)
        return 0
    first, last = days
    print(f"{first} to {last}: {(last - first).days + 1} arrival dates")
    succeeded = _materialise(home, first, last)
    if succeeded:
        _print_kpis(paths)
    return 0 if succeeded else 1


def days_to_run(
    paths: StatePaths, first: date | None, last: date | None, now: datetime
) -> tuple[date, date] | None:
    """The first and the last arrival date of a run; None where nothing is to be done.

    Args:
        paths: the state folder.
        first, last: as asked for; None for what is owed.
        now: the time, UTC.

    Raises:
        UsageError: they make no sense.
        FootfallError: a day is owed that has not come, by this clock.
    """
    from dagster_project import warehouse
    from dagster_project.ingest import erasure_register, event_log, seals
    from dagster_project.ingest.config import load_settings

    settings = load_settings(paths.settings_file)
    _write_inputs(paths, settings, now)
    sealed = [(one.sequence, one.arrival_date) for one in seals.load_chain(paths)]
    owed = event_log.undone_days(paths, settings, now) + warehouse.owed_days(paths, sealed)
    if sealed and erasure_register.open_requests(erasure_register.load(paths)):
        # An erasure that a kill left half way: any day's run finishes it.
        owed.append(sealed[-1][1])
    wanted = (first or min(owed, default=None), last or max(owed, default=None))
    if wanted[0] is None or wanted[1] is None:
        return None
    first, last = wanted[0], wanted[1]
    if last > now.date() and last in owed:
        clock = event_log.clock_problem(paths, now) or f"today is {now.date()}, UTC"
        raise FootfallError(f"{last} is to be built and has not come yet: {clock}")
    if last > now.date():
        raise UsageError(f"--to {last}: after today ({now.date()}, UTC); name a day that has come")
    check_range(first, last)
    return first, last


def _warn_of_files(paths: StatePaths) -> None:
    """Landed files that no run loads until somebody acts; a run says the same by its checks."""
    from dagster_project.ingest import landing, pending, seals
    from dagster_project.ingest.config import load_settings

    settings = load_settings(paths.settings_file)
    landed, chain = landing.scan_landing(paths, settings), seals.load_chain(paths)
    for line in (
        *pending.changed_files(paths, landed, chain),
        *pending.refused_files(paths, settings, landed, chain),
    ):
        print(f"warning: {line}", file=sys.stderr)


def _write_inputs(paths: StatePaths, settings: Any, now: datetime) -> None:
    """Let the warehouse see today's settings, so that a change of them owes the whole log."""
    from dagster_project.ingest.lock import state_lock
    from dagster_project.loading import prepare_inputs

    # Whoever holds the lock is at work by the same settings.
    with suppress(LockHeldError), state_lock(paths, run="inputs", wait_s=0, now=now):
        prepare_inputs(paths, settings)


def _enforce_retention(paths: StatePaths, now: datetime) -> None:
    from dagster_project.ingest import retention
    from dagster_project.ingest.config import load_settings
    from dagster_project.ingest.lock import state_lock

    # Whoever holds the lock enforces it in our place.
    with suppress(LockHeldError), state_lock(paths, run="retention", wait_s=0, now=now):
        retention.enforce(paths, now, load_settings(paths.settings_file))


def _materialise(home: Path, first: date, last: date) -> bool:
    # What Dagster says of its own interfaces is for developers, who see it in the tests.
    warnings.filterwarnings("ignore", module="dagster")
    # Imports make millions of objects that stay: looking for cycles among them again and again is
    # a twentieth of a tiny day.
    gc.set_threshold(50_000, 20, 20)
    from dagster_project.worker_processes import (
        cool_down_validation,
        dismiss_workers,
        warm_up_validation,
    )

    warm_up_validation()
    try:
        from dagster_project.cli.progress import follow_run

        return follow_run(home, first, last)
    finally:
        cool_down_validation()
        dismiss_workers()


def _print_kpis(paths: StatePaths) -> None:
    from dagster_project import warehouse
    from dagster_project.cli.tables import render_table

    if not paths.warehouse_db.exists():
        return
    columns = [
        "report_date", "visitors", "sessions", "orders", "gross_revenue", "refunds", "aov",
        "session_conversion_rate", "bounce_rate",
    ]  # fmt: skip
    rows = warehouse.query(
        paths,
        "select report_date, visitors, sessions, orders, round(gross_revenue, 2), "
        "round(refunds, 2), round(aov, 2), round(session_conversion_rate, 4), "
        "round(bounce_rate, 4) from marts.kpi_daily "
        "order by report_date desc limit 14",
    )
    print(render_table(columns, rows[::-1]))

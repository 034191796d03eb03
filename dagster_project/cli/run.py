"""`footfall run`: materialise every asset for the days that have landed and are not done."""

import argparse
import gc
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dagster_project.cli.arrival_date import arrival_date
from dagster_project.ingest.errors import LockHeldError, UsageError


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run", help="load, check, seal, build, train and publish the days that have landed"
    )
    parser.add_argument("--from", dest="first", type=arrival_date, metavar="D")
    parser.add_argument("--to", dest="last", type=arrival_date, metavar="D")


def run(args: argparse.Namespace, home: Path) -> int:
    """Run; 0 when every check passed, 1 when one failed."""
    from dagster_project import warehouse
    from dagster_project.ingest import erasure_register, event_log, retention, seals
    from dagster_project.ingest.config import load_settings
    from dagster_project.ingest.lock import state_lock
    from dagster_project.state import StatePaths

    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    now = datetime.now(UTC)
    sealed = [(one.sequence, one.arrival_date) for one in seals.load_chain(paths)]
    open_days = event_log.undone_days(paths, settings, now) + warehouse.owed_days(paths, sealed)
    if sealed and erasure_register.open_requests(erasure_register.load(paths)):
        # An erasure that a kill left half way: any day's run finishes it.
        open_days.append(sealed[-1][1])
    first = args.first or min(open_days, default=None)
    last = args.last or max(open_days, default=None)
    if first is None or last is None:
        print("nothing to do: every day that has landed is loaded and built")
        # Whoever holds the lock enforces it in our place.
        with suppress(LockHeldError), state_lock(paths, run="retention", wait_s=0, now=now):
            retention.enforce(paths, now, settings)
        _print_kpis(paths)
        return 0
    if last > now.date():
        raise UsageError(f"--to {last}: after today ({now.date()}, UTC); name a day that has come")
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}; swap them")
    print(f"{first} to {last}: {(last - first).days + 1} arrival dates")
    succeeded = _materialise(home, first, last)
    if succeeded:
        _print_kpis(paths)
    return 0 if succeeded else 1


def _materialise(home: Path, first: date, last: date) -> bool:
    # What Dagster says of its own interfaces is for developers, who see it in the tests.
    warnings.filterwarnings("ignore", module="dagster")
    # Imports make millions of objects that stay: looking for cycles among them again and again is
    # a twentieth of a tiny day.
    gc.set_threshold(50_000, 20, 20)
    from dagster_project.worker_processes import cool_down_validation, warm_up_validation

    warm_up_validation()
    try:
        from dagster_project.cli.progress import follow_run

        return follow_run(home, first, last)
    finally:
        cool_down_validation()


def _print_kpis(paths: Any) -> None:
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

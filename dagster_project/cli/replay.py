"""`footfall replay`: try quarantined rows again under today's contract and settings."""

import argparse
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dagster_project.cli.arrival_date import arrival_date, check_range
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import UsageError
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths

_REASONS_SHOWN: Final = 5


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "replay",
        help="try quarantined rows again under today's contract",
        description=(
            "Try quarantined rows again under today's contract and settings. Rows that pass are "
            "sealed into today's arrival date, with the file and line they came from; rows that "
            "fail again stay in quarantine."
        ),
    )
    parser.add_argument(
        "--from", dest="first", type=arrival_date, metavar="D", help="first arrival date refused"
    )
    parser.add_argument(
        "--to", dest="last", type=arrival_date, metavar="D", help="last arrival date refused"
    )
    parser.add_argument("--source", metavar="S", help="rows of one source alone")


def run(args: argparse.Namespace, home: Path) -> int:
    """Try them."""
    from dagster_project.replaying import replay_quarantine

    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    check_range(args.first, args.last)
    if args.source is not None and args.source not in settings.sources:
        raise UsageError(
            f"--source {args.source}: no such source in {paths.settings_file.name}; declared: "
            f"{', '.join(sorted(settings.sources)) or 'none'}"
        )
    now = datetime.now(UTC)
    with state_lock(paths, run="replay", wait_s=settings.settings.lock_wait_s, now=now):
        report = replay_quarantine(
            paths, settings, now, first=args.first, last=args.last, source=args.source
        )
    if report.seal is None:
        print("no row passes; nothing was sealed")
    else:
        files = len(report.seal.files)
        print(f"{report.day}: sealed {report.seal.rows} rows of {files} files as seal "
              f"{report.seal.sequence}")  # fmt: skip
    if report.stayed:
        print(f"{report.stayed} rows stay in quarantine: {_most(report.reasons)}")
    for source, rows in sorted(report.undeclared.items()):
        print(f"{rows} rows of source {source} were not tried, since no such source is declared")
    if report.seal is not None:
        print(f"next: footfall run --from {report.day} --to {report.day}")
    return 0


def _most(reasons: Counter[str]) -> str:
    # Equal counts in the order of the alphabet, so that the line is the same each time.
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    said = ", ".join(f"{reason} ({rows})" for reason, rows in ordered[:_REASONS_SHOWN])
    more = len(ordered) - _REASONS_SHOWN
    return f"{said} and {more} more reasons" if more > 0 else said

"""`footfall import`: bring historical files into landing, each row on the day of its event."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.ingest.config import load_settings
from dagster_project.ingest.historical_file import import_file
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "import", help="bring a historical file into landing, by arrival day"
    )
    parser.add_argument("source", metavar="SOURCE", help="a source of footfall.yml")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)


def run(args: argparse.Namespace, home: Path) -> int:
    """Import each file, whole or not at all."""
    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    now = datetime.now(UTC)
    with state_lock(paths, run="import", wait_s=settings.settings.lock_wait_s, now=now):
        for file in args.files:
            days = import_file(paths, settings, args.source, file, today=now.date())
            span = f"{min(days)} to {max(days)}" if days else "no days"
            print(f"{file}: {sum(days.values())} rows on {len(days)} days ({span})")
    print("next: footfall run")
    return 0

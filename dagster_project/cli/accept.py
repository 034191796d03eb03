"""`footfall accept`: seal a batch that the checks refused, for a reason that stays in the seal."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.cli.arrival_date import arrival_date
from dagster_project.ingest import event_log
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.lock import state_lock
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("accept", help="seal a batch that the checks refused")
    parser.add_argument("day", type=arrival_date, metavar="D", help="arrival date")
    parser.add_argument("--reason", required=True, help="why; it is kept in the seal for ever")


def run(args: argparse.Namespace, home: Path) -> int:
    """Seal what waits in staging."""
    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    now = datetime.now(UTC)
    wait = settings.settings.lock_wait_s
    with (
        state_lock(paths, run=f"accept {args.day}", wait_s=wait, now=now),
        Vault.open(paths) as vault,
    ):
        manifest = event_log.accept(paths, settings, vault, args.day, args.reason, now)
    print(f"{args.day}: sealed {manifest.rows} rows as seal {manifest.sequence}")
    print(f"next: footfall run --from {args.day} --to {args.day}")
    return 0

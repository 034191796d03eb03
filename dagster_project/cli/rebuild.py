"""`footfall rebuild`: the warehouse anew from its inputs, compared with the present one."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.ingest.errors import UsageError

if TYPE_CHECKING:
    from dagster_project.rebuild import Rebuilt


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "rebuild",
        help="build the warehouse anew beside the present one, and compare or replace it",
        description=(
            "Build every table anew from the log, the settings and the models as they stand, in a "
            "file of its own, and compare all rows with the present warehouse."
        ),
        epilog="Exit codes: 0 equal or replaced, 1 something differs or failed, 2 wrong use.",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="put the new warehouse in place and publish it, whether or not something differs",
    )
    parser.add_argument(
        "--retrain",
        action="store_true",
        help="train the models of all their partitions anew before; needs --replace",
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Rebuild; 0 where nothing differs or the new warehouse is in place."""
    if args.retrain and not args.replace:
        raise UsageError(
            "--retrain: writes the models' files for good, so the warehouse has to follow; say "
            "--replace as well"
        )
    from dagster_project.ingest.config import load_settings
    from dagster_project.ingest.lock import state_lock
    from dagster_project.rebuild import rebuild
    from dagster_project.state import StatePaths

    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    wait = settings.settings.lock_wait_s
    now = datetime.now(UTC)
    with state_lock(paths, run="rebuild", wait_s=wait, now=now):
        done = rebuild(paths, settings, now, replace=args.replace, retrain=args.retrain)
    return _report(done)


def _report(done: "Rebuilt") -> int:
    """Say what was found, a line a finding, and what was done."""
    if done.trained:
        print(f"trained {done.trained} partitions of models anew")
    print(f"built {done.days} arrival dates anew")
    differences = done.comparison.differences if done.comparison else ()
    for difference in differences:
        for line in difference.lines:
            print(line, file=sys.stderr)
    sys.stderr.flush()
    if done.comparison is None:
        print(f"not compared: {done.not_comparable}")
    elif differences:
        print(f"{len(differences)} of {done.comparison.tables} tables differ")
    else:
        print(f"equal: {done.comparison.tables} tables, {done.comparison.rows:,} rows")
    if done.version is not None:
        print(f"replaced the warehouse, and published it as version {done.version}")
        return 0
    if differences:
        print("next: footfall rebuild --replace puts the new warehouse in place")
    return 1 if differences else 0

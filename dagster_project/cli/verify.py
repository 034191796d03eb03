"""`footfall verify`: the whole log and the records against their seals.

Exit code 1 and the places where it fails.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from dagster_project.ingest import seals, verify
from dagster_project.ingest.errors import UsageError
from dagster_project.records.audit import record_problems
from dagster_project.records.entries import load_entries
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    subparsers.add_parser("verify", help="check the whole log and the records against their seals")


def run(args: argparse.Namespace, home: Path) -> int:
    """Check everything; needs neither the keys nor the lock."""
    paths = StatePaths(home)
    if not paths.home.is_dir():
        raise UsageError(f"{home}: there is no state folder; `footfall init` makes one")
    found = verify.audit(paths)
    problems = [*found.problems, *record_problems(paths, known_requests=())]
    if problems:
        for line in problems:
            print(line, file=sys.stderr)
        print(f"{len(problems)} places differ from what was sealed", file=sys.stderr)
        return 1
    chain = seals.load_chain(paths)
    head = seals.read_head(paths)
    parts = sum(len(one.parts) for one in chain)
    print(
        f"ok: {head.sequence} seals, {parts} parts, {found.bytes / 1e6:.1f} MB, "
        f"head {head.sequence} {head.hash}"
    )
    print(f"ok: {len(load_entries(paths))} entries of records")
    return 0

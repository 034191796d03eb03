"""`footfall verify`: the whole log and the records against their seals.

Exit code 1 and the places where it fails.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from dagster_project.ingest import anchor, erasure_register, seals, verify
from dagster_project.ingest.errors import UsageError
from dagster_project.records.audit import record_problems
from dagster_project.records.entries import load_entries
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "verify",
        help="check the whole log and the records against their seals",
        description="Check the whole log and the records against their seals; needs neither the "
        "keys nor the lock.",
        epilog=(
            "Hashes inside the folder cannot show what somebody changed who made them all anew. "
            "So print the head from time to time, sign the line, and keep it where nobody who "
            "writes to the folder can: with --expect-head it shows that everything up to that "
            "seal is as it was."
        ),
    )
    parser.add_argument(
        "--print-head", action="store_true",
        help="print the head of a log that is whole in one line, to be signed and kept",
    )  # fmt: skip
    parser.add_argument(
        "--expect-head", action="append", default=[], metavar="LINE",
        help="a line kept before: fail unless its seal is there still; may be given several times",
    )  # fmt: skip


def run(args: argparse.Namespace, home: Path) -> int:
    """Check everything, and the log against the heads that were kept."""
    paths = StatePaths(home)
    if not paths.home.is_dir():
        raise UsageError(f"{home}: there is no state folder; `footfall init` makes one")
    kept = [anchor.read_line(text) for text in args.expect_head]
    found = verify.audit(paths)
    problems = [
        *found.problems,
        *anchor.differences(paths, kept),
        *record_problems(paths, known_requests=erasure_register.known_numbers(paths)),
    ]
    if problems:
        for line in problems:
            print(line, file=sys.stderr)
        print(f"{len(problems)} places differ from what was sealed", file=sys.stderr)
        return 1
    head = anchor.head_of(seals.load_chain(paths))
    if args.print_head:
        print(head)
        return 0
    print(
        f"ok: {head.sequence} seals, {head.parts} parts, {found.bytes / 1e6:.1f} MB, "
        f"head {head.sequence} {head.hash}"
    )
    if kept:
        print(f"ok: every seal up to {max(one.sequence for one in kept)} is that of a head kept")
    print(f"ok: {len(load_entries(paths))} entries of records")
    return 0

"""`footfall erase-person ID`: erase a person from all that is kept and from every rebuild."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import UsageError
from dagster_project.ingest.lock import state_lock
from dagster_project.ingest.vault import PREFIXES, Vault
from dagster_project.state import StatePaths


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "erase-person",
        help="erase a person, now and from every later rebuild",
        description="Erase the person behind an identifier: keys, delivered files, quarantine, "
        "model outputs, published tables. Events and totals stay, under pseudonyms that lead "
        "nowhere. It cannot be undone. Without ID, finishes an erasure that was ended half way.",
    )
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="an identifier; `-` reads it from stdin"
    )
    parser.add_argument("--kind", choices=sorted(PREFIXES), help="what ID is; else all are tried")


def run(args: argparse.Namespace, home: Path) -> int:
    """Ask for the erasure, carry it out, and say what went."""
    from dagster_project import erasure
    from dagster_project.identifiers import find_identifier, was_erased
    from dagster_project.ingest import erasure_register
    from dagster_project.loading import prepare_inputs, registry_of

    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    registry = registry_of(settings)
    now = datetime.now(UTC)
    value = sys.stdin.readline().strip("\r\n") if args.id == "-" else args.id
    with state_lock(paths, run="erase-person", wait_s=settings.settings.lock_wait_s, now=now):
        left_open = erasure_register.open_requests(erasure_register.load(paths))
        if value is None and not left_open:
            raise UsageError("erase-person: which one? give an identifier of the person")
        if left_open:
            # The person of a request that a kill left open may be the one named now, half gone.
            _carry_out(paths, settings, registry, now)
        if value is not None:
            with Vault.open(paths) as vault:
                try:
                    identifier = find_identifier(settings, vault, value, args.kind, make=True)
                except UsageError:
                    if not (left_open and was_erased(settings, vault, value, args.kind)):
                        raise
                    identifier = None
                    print("ID is that of a person who is erased")
            if identifier is not None:
                request, shared = erasure.ask_for(paths, identifier, now)
                print(
                    f"request {request.number}: {len(request.pseudonyms)} identifiers are this "
                    f"person's alone; {len(shared)} stay, since others share them"
                )
                _carry_out(paths, settings, registry, now)
        prepare_inputs(paths, settings)
    return 0


def _carry_out(paths: StatePaths, settings: Any, registry: Any, now: datetime) -> None:
    from dagster_project import erasure
    from dagster_project.loading import prepare_inputs

    done = erasure.carry_out(paths, settings, registry, now)
    for one in done:
        taken = one.taken_out
        print(
            f"request {taken.request.number}: {taken.identifiers} identifiers out of the vault, "
            f"{taken.rows} rows out of {taken.files} files of landing and quarantine, "
            f"{one.model_rows} rows out of model outputs"
        )
        for place in taken.unreadable:
            print(f"{place}: cannot be read, so nobody knows whether the person is in it; look at "
                  "it and remove it", file=sys.stderr)  # fmt: skip
    prepare_inputs(paths, settings)
    erasure.rebuild(paths, now)
    erasure.conclude(paths, now)
    for one in done:
        print(f"request {one.taken_out.request.number}: done, the published set is without them")

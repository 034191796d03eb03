"""`footfall export-person ID`: give out all that is held of a person, as JSON."""

import argparse
import json
import os
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
        "export-person",
        help="give out all that is held of a person, as JSON",
        description="Identifiers, events (encrypted text in clear), sessions, orders, scores, "
        "recommendations, refused rows and rows as they were delivered.",
    )
    parser.add_argument("id", metavar="ID", help="an identifier; `-` reads it on stdin")
    parser.add_argument("--kind", choices=sorted(PREFIXES), help="what ID is; else all are tried")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="a new file, readable by you alone; else stdout"
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Write the export."""
    import duckdb

    from dagster_project.identifiers import find_identifier
    from dagster_project.person_export import export_person

    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    value = sys.stdin.readline().strip("\r\n") if args.id == "-" else args.id
    wait = settings.settings.lock_wait_s
    now = datetime.now(UTC)
    with (
        state_lock(paths, run="export-person", wait_s=wait, now=now),
        Vault.open(paths) as vault,
    ):
        identifier = find_identifier(settings, vault, value, args.kind)
        if paths.warehouse_db.exists():
            with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
                found = export_person(con, paths, settings, vault, identifier)
        else:
            found = export_person(None, paths, settings, vault, identifier)
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    if args.output is None:
        sys.stdout.write(text)
    else:
        _write(args.output, text)
        print(f"wrote {args.output}: {len(found['events'])} events", file=sys.stderr)
    return 0


def _write(file: Path, text: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(
            f"--output {file}: cannot be written ({error.strerror}); name a new file"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as out:
        out.write(text)

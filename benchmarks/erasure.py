"""Seconds of an export and of an erasure, by the days that a shop has run.

    python -m benchmarks.erasure [--days 30] [--visitors 500]

An erasure is exempt from the cost of a day: it reads landing, quarantine and the events of the
warehouse once, builds one day and publishes. The parts are timed apart from the whole command.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.process import footfall, machine
from dagster_project import erasure
from dagster_project.identifiers import find_identifier
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.lock import state_lock
from dagster_project.ingest.vault import Vault
from dagster_project.loading import prepare_inputs, registry_of
from dagster_project.person import find_person
from dagster_project.state import StatePaths


def main() -> None:
    """Simulate, run, and erase two persons: one by the command, one part by part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.erasure")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--visitors", default="500", help="visits a day, ten events each")
    chosen = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="footfall-benchmark-") as folder:
        home = Path(folder) / "home"
        footfall(home, "init")
        footfall(
            home, "simulate", "--days", str(chosen.days), "--visitors", chosen.visitors,
            "--start", "2026-01-01",
        )  # fmt: skip
        print(f"{'run of all days':28} {footfall(home, 'run')}", flush=True)
        paths = StatePaths(home)
        _print_sizes(paths)
        first, second = _busiest_users(paths)
        exported = footfall(home, "export-person", first, "--kind", "user")
        print(f"{'footfall export-person':28} {exported}", flush=True)
        erased = footfall(home, "erase-person", first, "--kind", "user")
        print(f"{'footfall erase-person':28} {erased}", flush=True)
        _print_parts(paths, second)


def _print_sizes(paths: StatePaths) -> None:
    landed = sum(file.stat().st_size for file in paths.landing.rglob("*") if file.is_file())
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        (events,) = con.execute("select count(*) from core.fct_events").fetchall()[0]
    print(f"{'landed, events':28} {landed / 1e6:7.1f} MB {events:,} events", flush=True)


def _busiest_users(paths: StatePaths) -> list[str]:
    """The two users with the most lines in landing."""
    seen: Counter[str] = Counter()
    for file in paths.landing.rglob("*.jsonl"):
        for line in file.read_text().splitlines():
            try:
                user = json.loads(line).get("user_id")
            except (ValueError, AttributeError):
                continue
            if isinstance(user, str):
                seen[user] += 1
    return [user for user, _ in seen.most_common(2)]


def _print_parts(paths: StatePaths, user: str) -> None:
    settings = load_settings(paths.settings_file)
    registry = registry_of(settings)
    now = datetime.now(UTC)
    with state_lock(paths, run="benchmark", wait_s=0, now=now):
        started = time.perf_counter()
        with Vault.open(paths) as vault:
            identifier = find_identifier(settings, vault, user, "user")
        with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
            find_person(con, identifier.pseudonym)
        started = _part("find the person", started)
        erasure.ask_for(paths, identifier, now)
        started = _part("find again, write the request", started)
        erasure.carry_out(paths, settings, registry, now)
        started = _part("vault, files, models", started)
        prepare_inputs(paths, settings)
        erasure.rebuild(paths, now)
        started = _part("dbt and publication", started)
        erasure.conclude(paths, now)


def _part(name: str, started: float) -> float:
    now = time.perf_counter()
    print(f"    {name:32} {now - started:6.1f} s", flush=True)
    return now


if __name__ == "__main__":
    main()

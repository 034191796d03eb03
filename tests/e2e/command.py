"""The command, run as a person runs it: in a process of its own, on a state folder."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from dagster_project import dbt_build, loading, warehouse
from dagster_project.ingest import event_log
from dagster_project.ingest.config import load_settings
from dagster_project.serving import publish
from dagster_project.state import StatePaths

REPOSITORY = Path(__file__).parents[2]


def footfall(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `footfall WORDS` on a state folder."""
    environment = dict(os.environ, FOOTFALL_HOME=str(home), PYTHONPATH=str(REPOSITORY))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster_project.cli", *words],
        env=environment, capture_output=True, text=True, check=False, cwd=home.parent,
    )  # fmt: skip


def must(home: Path, *words: str) -> str:
    """Run a command that has to succeed; give what it printed."""
    done = footfall(home, *words)
    assert done.returncode == 0, f"footfall {' '.join(words)}: {done.stdout}\n{done.stderr}"
    return done.stdout


def served(home: Path) -> duckdb.DuckDBPyConnection:
    """The published set, read only."""
    return duckdb.connect(str((home / "serving" / "footfall.duckdb").resolve()), read_only=True)


def load_and_build(home: Path, last: date = date.max) -> None:
    """Load every landed day up to one, build all tables and publish, without training a model."""
    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    now = datetime.now(UTC)
    days = [day for day in event_log.undone_days(paths, settings, now) if day <= last]
    report = loading.load_days(paths, settings, days, now)
    assert not report.refused
    assert not report.integrity
    warehouse.begin_work(paths, days)
    manifest = dbt_build.read_manifest(paths)
    names = [
        node["name"]
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in {"model", "seed", "test"} and not unique_id.startswith("unit")
    ]
    failed = [one for one in dbt_build.build(paths, names) if not one.is_good]
    assert failed == []
    publish(paths)
    warehouse.strike_off(paths, dbt_build.outboxes(manifest))

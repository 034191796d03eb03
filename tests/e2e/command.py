"""The command, run as a person runs it: in a process of its own, on a state folder."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from dagster_project import cli, dbt_build, loading, training, warehouse
from dagster_project.ingest import event_log
from dagster_project.ingest.config import load_settings
from dagster_project.serving import publish
from dagster_project.state import StatePaths
from tests.children import CHILDREN, begin

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int | None
    stdout: str
    stderr: str


def begun(folder: Path, settings: str) -> Path:
    """A state folder in a folder, with these settings."""
    home = folder / "state"
    home.mkdir()
    (home / "footfall.yml").write_text(settings)
    must(home, "init")
    return home


def footfall(home: Path, *words: str) -> Done:
    """Run `footfall WORDS` on a state folder; what the process imports is imported before."""
    with tempfile.TemporaryDirectory(prefix="footfall-command-") as folder:
        places = (Path(folder) / "stdout", Path(folder) / "stderr")
        child = CHILDREN.Process(target=_command, args=(home, words, dict(os.environ), places))
        child.start()
        child.join()
        stdout, stderr = (place.read_text(encoding="utf-8") for place in places)
    return Done(child.exitcode, stdout, stderr)


def _command(
    home: Path, words: Sequence[str], environment: dict[str, str], places: Sequence[Path]
) -> None:
    begin()
    warnings.simplefilter("ignore")
    os.environ.clear()
    os.environ.update(environment, FOOTFALL_HOME=str(home))
    os.chdir(home.parent)
    for stream, place in zip((sys.stdout, sys.stderr), places, strict=True):
        with place.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    try:
        code = cli.main(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code)


def footfall_anew(home: Path, *words: str) -> Done:
    """Run `footfall WORDS` with an interpreter of its own, which takes six seconds longer."""
    environment = dict(os.environ, FOOTFALL_HOME=str(home), PYTHONPATH=str(REPOSITORY))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster_project.cli", *words],
        env=environment, capture_output=True, text=True, check=False, cwd=home.parent,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def must(home: Path, *words: str) -> str:
    """Run a command that has to succeed; give what it printed."""
    done = footfall(home, *words)
    assert done.returncode == 0, f"footfall {' '.join(words)}: {done.stdout}\n{done.stderr}"
    return done.stdout


def served(home: Path) -> duckdb.DuckDBPyConnection:
    """The published set, read only."""
    return duckdb.connect(str((home / "serving" / "footfall.duckdb").resolve()), read_only=True)


def load_and_build(home: Path, last: date = date.max, families: Sequence[str] = ()) -> None:
    """Load every landed day up to one, build all tables and publish.

    No model is trained but the named families of the latest day: a whole run trains seven.
    """
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
    _must_build(paths, names)
    if families:
        for family in families:
            training.FAMILIES[family](paths, settings, days[-1:])
        written = {folder.name for folder in paths.ml.iterdir()}
        _must_build(paths, {"int_work_set", "int_touched_partitions", *written})
    publish(paths)
    warehouse.strike_off(paths, dbt_build.outboxes(manifest))


def _must_build(paths: StatePaths, names: Collection[str]) -> None:
    failed = [one for one in dbt_build.build(paths, sorted(names)) if not one.is_good]
    assert failed == []

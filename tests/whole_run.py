"""A whole run in pieces, from landing to publication, with no Dagster around it.

What `footfall run` does, in its order, at a third of its time: a process that is to be lost needs
nothing else. Belongs here: the run, the state that it starts from, and what came out. Not here:
what disturbs it (`fault_injection`), and Dagster's own part
(`tests/e2e/test_dagster_partitions.py`).

All states take turns in one folder: dbt parses its project anew for each other place.
"""

import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project import dbt_build, loading, training, warehouse
from dagster_project.cli import main
from dagster_project.ingest import durable, event_log
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.lock import state_lock
from dagster_project.serving import SCHEMAS, VIEWED_SCHEMAS, publish
from dagster_project.state import StatePaths

DAYS = [date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)]
NOW = datetime(2026, 11, 4, 3, tzinfo=UTC)
Tables = dict[str, list[tuple[Any, ...]]]


def run_whole(home: Path, now: datetime = NOW) -> None:
    """What is owed, loaded, built, trained, built on and published."""
    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    with state_lock(paths, run="whole", wait_s=0, now=now):
        days = event_log.undone_days(paths, settings, now) or DAYS[-1:]
        report = loading.load_days(paths, settings, days, now)
        assert not report.refused
        assert not report.integrity
        owed = warehouse.begin_work(paths, days)
        manifest = dbt_build.read_manifest(paths)
        after_models = _behind_models(manifest)
        _build(paths, manifest, set(_built(manifest)) - after_models)
        for train in training.FAMILIES.values():
            train(paths, settings, owed)
        _build(paths, manifest, after_models | _scratch_of(manifest, after_models))
        publish(paths)
        warehouse.strike_off(paths, dbt_build.outboxes(manifest))


def run_and_note_steps(home: Path, notes: Path) -> None:
    """A whole run that writes down each step that it passes."""
    with notes.open("w") as file:
        durable.on_crash_point = lambda name: print(name, file=file, flush=True)
        run_whole(home)


def begin_state(home: Path) -> None:
    """A shop's three days have landed; two are built and published, the second not closed.

    The vault knows everybody who comes on the third day already: pseudonyms are made at random, and
    so every table can be compared, ids and all.
    """
    paths = StatePaths(home)
    shop = ["--days", "3", "--seed", "3", "--start", DAYS[0].isoformat(), "--visitors", "30"]
    for command in (["init"], ["simulate", *shop]):
        assert main(["--home", str(home), *command]) == 0
    elsewhere = StatePaths(home.with_name("everybody"))
    shutil.copytree(home, elsewhere.home)
    loading.load_days(elsewhere, load_settings(elsewhere.settings_file), DAYS, NOW)
    shutil.rmtree(paths.secrets)
    elsewhere.secrets.rename(paths.secrets)
    shutil.rmtree(elsewhere.home)
    run_whole(home, datetime(2026, 11, 2, 23, tzinfo=UTC))


def tables(home: Path) -> Tables:
    """Every table that is published, in order."""
    database = str((home / "serving" / "footfall.duckdb").resolve())
    with duckdb.connect(database, read_only=True) as con:
        names = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by 1"
        ).fetchall()
        assert {name.partition(".")[0] for (name,) in names} == {*SCHEMAS, *VIEWED_SCHEMAS}
        return {name: con.execute(f"from {name} order by all").fetchall() for (name,) in names}


def _built(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    kinds = {"model", "seed", "test"}
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in kinds}


def _behind_models(manifest: Mapping[str, Any]) -> set[str]:
    """What reads, at whatever distance, what the models write."""
    sources = manifest["sources"].items()
    waiting = [key for key, source in sources if source["source_name"] == "ml"]
    assert waiting
    found: set[str] = set()
    while waiting:
        for child in manifest["child_map"][waiting.pop()]:
            if child in _built(manifest) and child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _scratch_of(manifest: Mapping[str, Any], chosen: set[str]) -> set[str]:
    """The tables in memory behind chosen nodes, which are gone since the build before."""
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        for parent in manifest["parent_map"][waiting.pop()]:
            node = manifest["nodes"].get(parent)
            if node and node["config"]["materialized"] == "scratch" and parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def _build(paths: StatePaths, manifest: Mapping[str, Any], keys: set[str]) -> None:
    names = [manifest["nodes"][key]["name"] for key in sorted(keys)]
    broken = [one for one in dbt_build.build(paths, names) if not one.is_good]
    if broken:
        raise dbt_build.DbtError(next(one.message for one in broken if one.message))

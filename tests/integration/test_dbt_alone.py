"""dbt by itself, as somebody calls it who knows dbt and not footfall: all, unit tests too."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from dagster_project.ingest.config import load_settings
from dagster_project.loading import prepare_inputs
from dagster_project.state import StatePaths
from tests.dbt_manifest import DBT_PROJECT
from tests.landed_days import SETTINGS, event, json_lines, land, land_day, load, state_with


def dbt(paths: StatePaths, *words: str) -> subprocess.CompletedProcess[str]:
    environment = dict(
        os.environ, FOOTFALL_HOME=str(paths.home), DBT_PROFILES_DIR=str(DBT_PROJECT),
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )  # fmt: skip
    target = str(paths.home / "target")
    return subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), "--quiet", *words,
         "--target-path", target, "--log-path", target],
        cwd=DBT_PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    settings = SETTINGS + "bots: {max_views_per_minute: 3}\n"
    paths = state_with(tmp_path_factory.mktemp("alone") / "state", settings)
    land_day(paths, "2026-11-02")
    late = event(9, "2026-11-01T10:00:00Z", event_id="late")
    fast = [event(8, f"2026-11-03T12:00:0{n}Z", event_id=f"fast{n}") for n in range(4)]
    land(
        paths,
        "shop/2026-11-03/b.jsonl",
        json_lines(
            [
                *(event(n, f"2026-11-03T0{n}:00:00Z", event_id=f"b{n}") for n in range(3)),
                late,
                *fast,
            ]
        ),
    )
    load(paths, "2026-11-02", "2026-11-03", now="2026-11-04T03:00:00")
    prepare_inputs(paths, load_settings(paths.settings_file))
    done = dbt(paths, "build")
    assert done.returncode == 0, done.stdout[-3000:]
    return paths


def test_dbt_build_without_a_work_set_builds_everything(built):
    with duckdb.connect(str(built.warehouse_db), read_only=True) as con:
        found = con.execute(
            "select report_date, visitors from marts.kpi_daily order by 1"
        ).fetchall()
    assert [(str(day), visitors) for day, visitors in found] == [
        ("2026-11-01", 1), ("2026-11-02", 3), ("2026-11-03", 3)
    ]  # fmt: skip


def test_who_views_faster_than_the_settings_admit_is_counted_and_left_out(built):
    with duckdb.connect(str(built.warehouse_db), read_only=True) as con:
        found = con.execute(
            "select arrival_date::varchar, declared_bot_events, fast_visitor_events"
            " from dq.arrivals_daily order by 1"
        ).fetchall()
        (views,) = con.execute(
            "select page_views from marts.kpi_daily where report_date = '2026-11-03'"
        ).fetchall()
    assert found == [("2026-11-02", 0, 0), ("2026-11-03", 0, 4)]
    assert views == (3,)


def test_a_range_is_stored_in_the_order_of_its_dates(built):
    """Else each row group would span all of them, and every later day would read all (law 5)."""
    with duckdb.connect(str(built.warehouse_db), read_only=True) as con:
        dates = con.execute("select event_date from core.fct_events order by rowid").fetchall()
    # The late event came with the last day.
    assert [str(day) for (day,) in dates] == [
        "2026-11-01", *["2026-11-02"] * 3, *["2026-11-03"] * 7
    ]  # fmt: skip


def test_every_unit_test_and_data_test_of_the_project_passes(built):
    results = json.loads((built.home / "target" / "run_results.json").read_text())["results"]
    kinds = Counter((result["unique_id"].split(".")[0], result["status"]) for result in results)
    declared = Counter(
        line.strip()
        for file in DBT_PROJECT.rglob("_unit_tests*.yml")
        for line in file.read_text().splitlines()
        if line.startswith("  - name:")
    )
    assert kinds["unit_test", "pass"] == declared.total() >= 14
    assert kinds["test", "pass"] >= 23
    # Exposures are nodes that do nothing.
    assert {status for _, status in kinds} <= {"pass", "success", "no-op"}

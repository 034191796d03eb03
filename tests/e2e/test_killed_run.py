"""`footfall run` killed while it publishes: the tables end the same, and Dagster's pool is free."""

import shutil
from pathlib import Path

import pytest

from dagster_project.cli import main
from tests.e2e.command import footfall_anew, must, served
from tests.fault_injection import lose_process_at

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]
# Their rows hold no pseudonym, which a vault makes at random.
TABLES = (
    "marts.kpi_daily",
    "marts.kpi_daily_by_dimension",
    "marts.funnel_steps",
    "dq.arrivals_daily",
)
# Every step without Dagster around it is in test_whole_run_faults.
KILLS = ["serving: named"]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("landed") / "state"
    must(home, "init")
    must(home, "simulate", "--days", "3", "--seed", "3", "--start", DAYS[0], "--visitors", "30")
    return home


def tables(home: Path) -> dict[str, list[tuple[object, ...]]]:
    with served(home) as con:
        return {name: con.execute(f"from {name} order by all").fetchall() for name in TABLES}


def test_runs_that_are_killed_end_in_the_tables_of_one_that_is_not(landed, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed" / "state", tmp_path / "killed" / "state"
    for home in (undisturbed, killed):
        shutil.copytree(landed, home)
    # As on a person's machine: nothing is imported before.
    done = footfall_anew(undisturbed, "run")
    assert done.returncode == 0, done.stderr

    for step in KILLS:
        lose_process_at(step, 1, main, ["--home", str(killed), "run"])
    must(killed, "run")

    expected = tables(undisturbed)
    assert all(expected.values())
    assert tables(killed) == expected
    must(killed, "verify")
    assert "nothing to do" in must(killed, "run")

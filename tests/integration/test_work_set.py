"""The work set when the process dies around its commit: dates stay owed until all is built."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project import warehouse
from dagster_project.ingest import seals
from dagster_project.ingest.config import load_settings
from dagster_project.loading import prepare_inputs
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.landed_days import land_day, load, state_with

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
NOW = "2026-11-03T03:00:00"


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """Two days are sealed, and no warehouse is there."""
    paths = state_with(tmp_path / "state")
    for day in (FIRST, SECOND):
        land_day(paths, day.isoformat())
    load(paths, FIRST.isoformat(), SECOND.isoformat(), now=NOW)
    return paths


def begin(home: Path) -> None:
    warehouse.begin_work(StatePaths(home), [SECOND])


def strike_off(home: Path) -> None:
    warehouse.strike_off(StatePaths(home), ["state.outbox"])


def owed(paths: StatePaths) -> list[date]:
    chain = seals.load_chain(paths)
    return warehouse.owed_days(paths, [(one.sequence, one.arrival_date) for one in chain])


def outbox_rows(paths: StatePaths) -> int:
    ((rows,),) = warehouse.query(paths, "select count(*) from state.outbox")
    return int(rows)


@pytest.mark.parametrize("step", ["work set: before its commit", "work set: written"])
def test_a_kill_while_the_work_set_is_written_leaves_both_days_owed(paths, step):
    lose_process_at(step, 1, begin, paths.home)
    assert owed(paths) == [FIRST, SECOND]
    # The new warehouse owes the whole log, whatever was asked for.
    assert warehouse.begin_work(paths, []) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("step", "left"),
    [("work set: before it is struck off", [FIRST, SECOND]), ("work set: struck off", [])],
)
def test_the_work_set_and_its_outboxes_are_struck_off_together_or_not_at_all(paths, step, left):
    begin(paths.home)
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create table state.outbox as select 1 as person")

    lose_process_at(step, 1, strike_off, paths.home)

    assert owed(paths) == left
    assert outbox_rows(paths) == (1 if left else 0)
    strike_off(paths.home)
    assert owed(paths) == []


def test_a_kill_between_a_stale_warehouse_and_the_new_one_owes_everything(paths):
    begin(paths.home)
    warehouse.strike_off(paths, [])
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("update state.built set fingerprint = 'of other models'")

    lose_process_at("warehouse: stale one removed", 1, begin, paths.home)

    assert owed(paths) == [FIRST, SECOND]
    assert warehouse.begin_work(paths, []) == [FIRST, SECOND]


INPUTS = [
    "log_parts", "log_files", "log_replays", "log_days", "sources", "settings", "funnels",
    "event_types", "rates", "erasures",
]  # fmt: skip


def whole_tables(paths: StatePaths) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect() as con:
        return {
            name: con.execute(f"from '{paths.warehouse_inputs / name}.parquet'").fetchall()
            for name in INPUTS
        }


def inputs_of_new_settings(home: Path) -> None:
    paths = StatePaths(home)
    prepare_inputs(paths, load_settings(paths.settings_file))


def test_a_kill_at_any_file_that_dbt_reads_leaves_each_whole(paths):
    """One after the other: each file is the old one or the new one, and at last all are new."""
    before = whole_tables(paths)
    with paths.settings_file.open("a") as file:
        file.write("settings: {reporting_currency: USD}\n")
    for name in INPUTS:
        for step in ("written beside", "renamed"):
            lose_process_at(f"{name}.parquet: {step}", 1, inputs_of_new_settings, paths.home)
            found = whole_tables(paths)
            assert {key: rows for key, rows in found.items() if key != "settings"} == {
                key: rows for key, rows in before.items() if key != "settings"
            }
            assert found["settings"] in (before["settings"], [("UTC", "USD", 24, 7, 30, None)])
    inputs_of_new_settings(paths.home)
    assert whole_tables(paths) == {**before, "settings": [("UTC", "USD", 24, 7, 30, None)]}

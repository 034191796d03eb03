"""Law 3 through dbt itself: the same histories as elsewhere, by `dbt build` on a state folder.

Belongs here: a batch of histories followed by real builds, and dbt alone without a work set. Not
here: many histories, for which the compiled SQL is run without dbt (`compiled`): these few show
that its materialisations are dbt's. Dagster's part is in `tests/e2e/test_dagster_partitions.py`.
"""

import csv
from pathlib import Path
from random import Random

import duckdb
import pytest

from dagster_project import dbt_build, warehouse
from dagster_project.state import StatePaths
from tests.dbt_manifest import DBT_PROJECT
from tests.laws import oracle
from tests.laws.batches import random_batch
from tests.laws.compiled import compiled_models
from tests.laws.harness import CART_LIMITS, ORACLE_TABLES, TRIED
from tests.laws.histories import FUNNELS, REGISTRY, SOURCES, History, Row
from tests.laws.shop import RATES, TRIGGERS
from tests.laws.state_folder import write_log, write_settings
from tests.laws.warehouse import first_difference

SIZE = 8
# Six runs, of which one dies, with erasures to take up; the reporting time zone is New York, some
# visitors are too fast, and every table has rows in the end.
SEED = 61
RELATIONS = {model.name: model.relation for model in compiled_models()}


def seeded_hosts() -> dict[str, str]:
    """The hosts that dbt seeds, by which the oracle has to go here."""
    with (DBT_PROJECT / "seeds" / "referrer_hosts.csv").open(newline="") as file:
        return {row["host"]: row["kind"] for row in csv.DictReader(file)}


def expected_tables(history: History, number: int) -> dict[str, list[Row]]:
    """What the oracle makes of the log as run `number` sees it."""
    return oracle.build(
        history.rows_at(number), registry=REGISTRY, sources=SOURCES, settings=history.settings,
        as_of=history.as_of_at(number), funnels=FUNNELS, referrer_hosts=seeded_hosts(),
        erasures=history.erasures_at(number), cart_limits=CART_LIMITS, rates=RATES,
        triggers=TRIGGERS,
    )  # fmt: skip


def rows_of(paths: StatePaths, table: str) -> list[Row]:
    """A table of the warehouse file."""
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        found = con.execute(f"select * from {RELATIONS[table]}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def differences(paths: StatePaths, history: History, number: int) -> list[str]:
    """Every table in which the warehouse is not what the oracle says."""
    expected = expected_tables(history, number)
    found = [first_difference(t, rows, rows_of(paths, t)) for t, rows in expected.items()]
    return [difference for difference in found if difference]


def run(paths: StatePaths, history: History, number: int) -> None:
    """A run of the plan, through dbt.

    A killed one builds a share of its models and strikes nothing off.
    """
    plan = history.plan[number]
    write_log(paths, history, number)
    warehouse.begin_work(paths, list(plan.days))
    names = [model.name for model in compiled_models()]
    if plan.kill_after is not None:
        names = names[: int(plan.kill_after * len(names))]
    results = dbt_build.build(paths, ["referrer_hosts", *names])
    assert [result for result in results if not result.is_good] == []
    assert len(results) == 1 + len(names)
    if plan.kill_after is None:
        warehouse.strike_off(paths, dbt_build.outboxes(dbt_build.read_manifest(paths)))


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths(tmp_path / "state")


def test_histories_built_by_dbt_equal_the_oracle_after_every_run(paths):
    history = random_batch(Random(SEED), SIZE).whole
    write_settings(paths, history.timezone)
    for number, plan in enumerate(history.plan):
        run(paths, history, number)
        if plan.kill_after is None:
            assert differences(paths, history, number) == [], f"after run {number}"
    assert any(plan.kill_after is not None for plan in history.plan)
    TRIED.histories += SIZE


def test_dbt_without_a_work_set_builds_everything(paths):
    history = random_batch(Random(SEED), SIZE).whole
    write_settings(paths, history.timezone)
    last = len(history.plan) - 1
    write_log(paths, history, last)
    paths.warehouse.mkdir(parents=True, exist_ok=True)
    results = dbt_build.build(paths, ["referrer_hosts", *RELATIONS])
    assert [result for result in results if not result.is_good] == []
    assert differences(paths, history, last) == []
    assert {table for table in ORACLE_TABLES if rows_of(paths, table)} == set(ORACLE_TABLES)

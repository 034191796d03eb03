"""What MetricFlow counts is what the marts say, over random histories.

Belongs here: the acts that KPIs count, aggregated as the semantic models declare it, against
kpi_daily and kpi_daily_by_dimension. Not here: MetricFlow itself (`tests/e2e/test_golden_shop.py`).
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import yaml

from dagster_project.metric_queries import DIMENSIONS
from dagster_project.semantic_layer import MODELS_FILE, generated_files
from tests.laws.batches import random_batch
from tests.laws.harness import rebuild
from tests.laws.warehouse import Warehouse

HISTORIES = 60
# Wrong ways of counting, and the metric that tells.
BROKEN = {
    "an erased or tied user is a person alone": (
        "coalesce(tied.person_id, ", "coalesce(null, ", "persons",
    ),
    "bots make sessions": ("from sessions\n    where not is_bot", "from sessions", "sessions"),
    "a first order is a repeated one": (") > 1", ") > 0", "repeat_ordering_persons"),
    "a click counts each time": ("'impression ' || ", "event_persons.event_key || ", "clicks"),
    "an event shows one item": ("= 'impression' then event_persons.event_key", "= '' then ''",
                                "impressions"),
}  # fmt: skip


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """Many histories side by side, built in one run: law 3 says that this is all the same."""
    made = rebuild(random_batch(Random(9), HISTORIES).whole)
    yield made
    made.con.close()


def measures(model: str) -> dict[str, str]:
    """The SQL of each measure of a semantic model."""
    content: dict[str, Any] = yaml.safe_load(generated_files()[MODELS_FILE])
    found = next(one for one in content["semantic_models"] if one["name"] == model)
    return {
        one["name"]: f"count(distinct {one['expr']})"
        if one["agg"] == "count_distinct"
        else f"sum({one['expr']})"
        for one in found["measures"]
    }


def wrong(warehouse: Warehouse, mart: str, keys: str, dimension: str = "''") -> set[str]:
    """Metrics of which some row of a mart says another number than the acts."""
    columns = {name for name, *_ in warehouse.con.execute(f"describe marts.{mart}").fetchall()}
    counted = {name: sql for name, sql in measures("kpi_acts").items() if name in columns}
    where = "" if dimension == "''" else f"where dimension = '{dimension}'"
    answers = warehouse.con.execute(
        f"""
        with ours as (
            select {keys}, {", ".join(f"{sql} as {name}" for name, sql in counted.items())}
            from semantic.kpi_acts group by all
        ),
        theirs as (select * from marts.{mart} {where})
        select {
            ", ".join(
                f"count(*) filter (where coalesce(ours.{n}, 0) <> coalesce(theirs.{n}, 0))"
                for n in counted
            )
        }, count(theirs.report_date)
        from ours full join theirs using ({keys.replace(f"{dimension} as ", "")})
        """
    ).fetchone()
    assert answers[-1] > 100
    return {name for name, rows in zip(counted, answers, strict=False) if rows}


def test_the_acts_add_up_to_the_kpis_of_each_date(warehouse):
    assert wrong(warehouse, "kpi_daily", "report_date") == set()


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_acts_add_up_to_the_kpis_of_each_value(warehouse, dimension):
    found = wrong(
        warehouse, "kpi_daily_by_dimension", f"report_date, {dimension} as value", dimension
    )
    assert found == set()


@pytest.mark.parametrize(("rule", "change", "metric"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_count_is_noticed(warehouse, rule, change, metric):
    sql = next(one.sql for one in warehouse.models if one.name == "kpi_acts")
    assert rule in sql
    warehouse.con.execute("begin")
    try:
        changed = sql.replace(rule, change)
        warehouse.con.execute(f"create or replace view semantic.kpi_acts as {changed}")
        assert metric in wrong(warehouse, "kpi_daily", "report_date")
    finally:
        warehouse.con.execute("rollback")

"""A simulated shop's recommendations, from the log to `ml.bandit_policies`.

Its propensities are true, as the simulation knows; written down wrongly, they are noticed.
Belongs here: the way through the warehouse. Not here: policies and estimates (`tests/unit/ml`).
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from dagster_project.model_inputs import ModelInputs
from dagster_project.model_outputs import output_schema
from ml.bandit_policies import BanditRun, value_policies
from ml.simulation import SHOP, DayFile, Faults, Settings, Simulation
from ml.slot_impressions import IMPRESSIONS_SCHEMA
from tests.laws.compiled import compiled_models, models_behind
from tests.laws.warehouse import Warehouse
from tests.simulated_rows import rows_of

START, DAYS, LAST = date(2026, 3, 2), 8, date(2026, 3, 9)
NAMES = ("recommendation_shown", "recommendation_clicked", "order_completed")


@pytest.fixture(scope="module")
def files() -> list[DayFile]:
    shop = Simulation(
        Settings(seed=3, days=DAYS, start=START, visitors_per_day=500, faults=Faults.none())
    )
    return [file for day in shop.days() for file in day if file.source == SHOP]


@pytest.fixture(scope="module")
def warehouse(files: list[DayFile]) -> Iterator[Warehouse]:
    warehouse = Warehouse()
    warehouse.models = models_behind("ml_impressions", "ml_daily_orders")
    warehouse.add_rows([row for file in files for row in rows_of(file, NAMES)])
    warehouse.set_days(dict.fromkeys(sorted({file.date for file in files}), True))
    warehouse.run([])
    yield warehouse
    warehouse.con.close()


@pytest.fixture(scope="module")
def inputs(warehouse: Warehouse) -> tuple[pa.Table, pa.Table]:
    reader = ModelInputs(warehouse.con, 0)
    return reader.read("ml_impressions", LAST, 180), reader.read("ml_daily_orders", LAST, 180)


@pytest.fixture(scope="module")
def run(inputs: tuple[pa.Table, pa.Table]) -> BanditRun:
    return value_policies(*inputs, LAST)


def test_what_was_shown_and_clicked_is_what_the_shop_wrote(files, inputs):
    written: Counter[tuple[str, int]] = Counter()
    clicked = 0
    for file in files:
        for event in map(json.loads, file.lines):
            if event["event_name"] == "recommendation_shown" and file.date <= LAST:
                said = event["properties"]
                written[said["placement"], said["position"]] += 1
            clicked += event["event_name"] == "recommendation_clicked" and file.date <= LAST
    rows = inputs[0].to_pylist()
    assert Counter((row["list_id"], row["position"]) for row in rows) == written
    assert len(written) == 8
    assert sum(row["is_clicked"] for row in rows) == clicked > 100
    assert all(row["propensity"] > 0 for row in rows)


def test_the_shop_says_its_probabilities_truly_and_every_slot_is_valued(run):
    assert run.warning == ""
    found = {(row["list_id"], row["position"]) for row in run.policies.to_pylist()}
    assert ("(all)", None) in found
    assert {position for list_id, position in found if list_id == "product"} == {1, 2, 3, 4}
    for row in run.policies.to_pylist():
        if row["list_id"] == "(all)" and row["policy"] == "uniform":
            assert row["mean_weight"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        # Not given what stands above; that of the place below; all products alike.
        lambda p, position: p * 0.8,
        lambda p, position: np.roll(p, 1),
        lambda p, position: np.full(p.size, 1 / 60),
    ],
)
def test_a_shop_that_writes_down_other_probabilities_is_noticed(inputs, wrong):
    impressions, orders = inputs
    known = impressions.sort_by([("visitor_id", "ascending"), ("slate_number", "ascending"),
                                 ("list_id", "ascending"), ("position", "ascending")])  # fmt: skip
    stated = wrong(known["propensity"].to_numpy(), known["position"].to_numpy())
    place = known.column_names.index("propensity")
    told = known.set_column(place, IMPRESSIONS_SCHEMA.field("propensity"), pa.array(stated))
    assert "cannot be true" in value_policies(told, orders, LAST).warning


def test_dbts_table_holds_the_rows_of_the_partition(warehouse, run):
    dates = pa.array([LAST] * run.policies.num_rows, pa.date32())
    written = run.policies.add_column(0, pa.field("partition_date", pa.date32()), dates)
    assert written.schema == output_schema("bandit_policies")
    warehouse.con.register("written", written)
    warehouse.con.execute("insert into inputs.bandit_policies by name from written")
    warehouse.owe([LAST])
    for model in compiled_models():
        if model.name in {"int_work_set", "int_touched_partitions", "bandit_policies"}:
            warehouse.run_model(model)
    found = warehouse.con.execute("from ml.bandit_policies").to_arrow_table()
    assert found.num_rows == run.policies.num_rows > 300
    assert set(found.column_names) == set(written.column_names)

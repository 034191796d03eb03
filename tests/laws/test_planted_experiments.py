"""A simulated shop plants a lift of the order value: the mart finds it, and none where none is.

The shop's lines go straight into the log; from there to `marts.experiment_results` all is as in a
run. Belongs here: what the mart says of known truth. Not here: ingest, and how often the statistics
err (`tests/unit/ml`).
"""

from datetime import date, timedelta
from functools import cache

import pyarrow as pa

from dagster_project.model_inputs import ModelInputs
from dagster_project.model_outputs import output_schema
from ml.experiments import ExperimentParams, ExperimentPlan, analyse_experiments
from ml.simulation import SHOP, Faults, Settings, Simulation
from tests.laws.compiled import compiled_models
from tests.laws.warehouse import Row, Warehouse
from tests.simulated_rows import rows_of

START, DAYS, LAST = date(2026, 3, 2), 12, date(2026, 3, 13)
NAMES = ("experiment_viewed", "order_completed", "page_viewed", "page_pinged", "signed_up")
PARAMS = ExperimentParams(plans={"cart-bundle": ExperimentPlan(policies={"treatment": "linucb"})})


@cache
def shop_of(lift: float) -> Warehouse:
    """A shop whose treatment spends so much more, a share of the order value, analysed on LAST."""
    shop = Simulation(
        Settings(seed=2, days=DAYS, start=START, visitors_per_day=600, lift=lift,
                 faults=Faults.none())
    )  # fmt: skip
    files = [file for day in shop.days() for file in day if file.source == SHOP]
    warehouse = Warehouse()
    warehouse.add_rows([row for file in files for row in rows_of(file, NAMES)])
    days = sorted({file.date for file in files})
    warehouse.set_days(dict.fromkeys(days, True))
    warehouse.run([])
    moments = ModelInputs(warehouse.con, 0).read("ml_experiment_moments", LAST, 180)
    run = analyse_experiments(moments, LAST, PARAMS)
    dates = pa.array([LAST] * run.statistics.num_rows, pa.date32())
    statistics = run.statistics.add_column(0, pa.field("partition_date", pa.date32()), dates)
    assert statistics.schema == output_schema("experiment_statistics")
    write(warehouse, "experiment_statistics", statistics, LAST)
    return warehouse


def write(warehouse: Warehouse, output: str, rows: pa.Table, day: date) -> None:
    """The rows of an output's partition, as a run takes them up."""
    warehouse.con.register("written", rows)
    warehouse.con.execute(f"delete from inputs.{output}")
    warehouse.con.execute(f"insert into inputs.{output} by name from written")
    warehouse.owe([day])
    chosen = {"int_work_set", "int_touched_partitions", output}
    for model in compiled_models():
        if model.name in chosen:
            warehouse.run_model(model)


def mart_of(lift: float) -> dict[str, Row]:
    """What `marts.experiment_results` says of treatment against control, by metric."""
    rows = shop_of(lift).rows("experiment_results")
    assert {row["experiment"] for row in rows} == {"cart-bundle"}
    return {row["metric"]: row for row in rows if row["segment"] == "all" and not row["is_control"]}


def held_against(warehouse: Warehouse, expected: float) -> Row:
    """What `ml.policy_experiments` says where so much was expected of the policy, by order."""
    day = START - timedelta(days=1)
    row = {
        "partition_date": day, "list_id": "(all)", "policy": "linucb", "reward": "revenue",
        "method": "DR", "aov_change": expected, "aov_change_low": expected - 1,
        "aov_change_high": expected + 1,
    }  # fmt: skip
    write(warehouse, "bandit_policies", pa.Table.from_pylist([row]), day)
    (found,) = warehouse.rows("policy_experiments")
    return found


def test_a_planted_lift_of_a_quarter_is_found():
    aov = mart_of(0.25)["aov"]
    assert 0 < aov["ci_low"] < 0.25 < aov["ci_high"]
    assert aov["p_value"] < 0.01
    assert aov["srm_p_value"] > 0.001
    assert (aov["variant"], aov["control"], aov["as_of_date"]) == ("treatment", "control", LAST)


def test_no_lift_is_found_where_none_is_planted():
    found = mart_of(0.0)
    aov = found["aov"]
    assert aov["ci_low"] < 0 < aov["ci_high"]
    p_values = {name: row["p_value"] for name, row in found.items() if row["p_value"] is not None}
    assert {name: p for name, p in p_values.items() if p < 0.01} == {}


def test_what_a_policy_was_expected_to_do_is_held_against_what_its_experiment_finds():
    """An expectation of the planted lift comes true, one of the opposite does not."""
    warehouse = shop_of(0.25)
    first = held_against(warehouse, 0.0)
    change = first["found_change"]
    assert (first["variant"], first["policy"]) == ("treatment", "linucb")
    assert first["began_on"] >= START > first["expected_as_of_date"]
    assert 0 < first["found_low"] < change < first["found_high"]

    right, wrong = held_against(warehouse, change), held_against(warehouse, -change)
    assert (right["surprise"], right["is_as_expected"]) == (0, True)
    assert (wrong["surprise"], wrong["is_as_expected"]) == (2 * change, False)

"""A simulated shop plants a lift of the order value: the mart finds it, and none where none is.

The shop's lines go straight into the log; from there to `marts.experiment_results` all is as in a
run. Belongs here: what the mart says of known truth. Not here: ingest, and how often the statistics
err (`tests/unit/ml`).
"""

from datetime import date

import pyarrow as pa

from dagster_project.model_inputs import ModelInputs
from dagster_project.model_outputs import output_schema
from ml.experiments import analyse_experiments
from ml.simulation import SHOP, Faults, Settings, Simulation
from tests.laws.compiled import compiled_models
from tests.laws.warehouse import Row, Warehouse
from tests.simulated_rows import rows_of

START, DAYS, LAST = date(2026, 3, 2), 12, date(2026, 3, 13)
NAMES = ("experiment_viewed", "order_completed", "page_viewed", "page_pinged", "signed_up")


def mart_of(lift: float) -> dict[str, Row]:
    """What `marts.experiment_results` says of treatment against control, by metric."""
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
    run = analyse_experiments(moments, LAST)
    dates = pa.array([LAST] * run.statistics.num_rows, pa.date32())
    statistics = run.statistics.add_column(0, pa.field("partition_date", pa.date32()), dates)
    assert statistics.schema == output_schema("experiment_statistics")
    warehouse.con.register("statistics", statistics)
    warehouse.con.execute("insert into inputs.experiment_statistics by name from statistics")
    warehouse.owe([LAST])
    chosen = {"int_work_set", "int_touched_partitions", "experiment_statistics",
              "experiment_results"}  # fmt: skip
    for model in compiled_models():
        if model.name in chosen:
            warehouse.run_model(model)
    rows = warehouse.rows("experiment_results")
    warehouse.con.close()
    assert {row["experiment"] for row in rows} == {"cart-bundle"}
    return {row["metric"]: row for row in rows if row["segment"] == "all" and not row["is_control"]}


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

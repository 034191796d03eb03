"""A simulated shop plants a lift of the order value; the mart finds it, and nothing else.

Belongs here: the whole chain from event files to `marts.experiment_results`. Not here: how often
the statistics err (`tests/unit/ml/test_experiment_statistics.py`).
"""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dagster_project import dbt_build, training
from dagster_project.ingest.config import load_settings
from dagster_project.serving import publish
from dagster_project.state import StatePaths
from tests.e2e.command import load_and_build, must, served

DAYS = 12
START = date(2026, 3, 2)
LAST = date(2026, 3, 13)
Row = dict[str, Any]


def shop(home: Path, lift: float) -> list[Row]:
    """A shop with a planted lift, loaded, its experiment analysed on the last day and published."""
    home.mkdir()
    must(home, "init")
    must(home, "simulate", "--seed", "11", "--days", str(DAYS), "--start", START.isoformat(),
         "--visitors", "700", "--lift", str(lift))  # fmt: skip
    load_and_build(home)
    paths = StatePaths(home)
    made = training.analyse_experiments(paths, load_settings(paths.settings_file), [LAST])[LAST]
    assert made.reason == "1 experiments run: cart-bundle"
    names = ["int_work_set", "int_touched_partitions", "experiment_statistics",
             "experiment_results"]  # fmt: skip
    assert all(one.is_good for one in dbt_build.build(paths, names))
    publish(paths)
    with served(home) as con:
        found = con.execute("from marts.experiment_results where segment = 'all'")
        columns = [column for column, *_ in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def of(rows: list[Row], metric: str) -> Row:
    (row,) = (row for row in rows if row["metric"] == metric and not row["is_control"])
    return row


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    home = tmp_path_factory.mktemp("lift") / "state"
    return home, shop(home, 0.25)


def test_the_planted_lift_of_the_order_value_is_found(planted):
    _, rows = planted
    aov = of(rows, "aov")
    assert (aov["variant"], aov["control"]) == ("treatment", "control")
    assert aov["ci_low"] < 0.25 < aov["ci_high"]
    assert aov["ci_low"] > 0
    assert aov["p_value"] < 0.01
    assert aov["srm_p_value"] > 0.001
    assert aov["as_of_date"] == LAST


def test_means_are_those_of_the_truth(planted):
    """By the shop's own ledger: orders of persons who had seen the variant, as delivered."""
    home, rows = planted
    orders = pq.read_table(home / "truth" / "orders.parquet").to_pandas()
    delivered = orders[orders["is_delivered"]]
    means = delivered.groupby("variant")["first_revenue"].mean()
    aov = of(rows, "aov")
    assert aov["mean"] == pytest.approx(means["treatment"], rel=0.03)
    assert aov["control_mean"] == pytest.approx(means["control"], rel=0.03)


def test_no_other_metric_of_the_experiment_moves(planted):
    _, rows = planted
    others = {"session_conversion_rate", "orders_per_unit", "bounce_rate", "unit_conversion_rate"}
    found = {metric: of(rows, metric)["p_value_adjusted"] for metric in others}
    assert {metric: p for metric, p in found.items() if p is not None and p < 0.01} == {}

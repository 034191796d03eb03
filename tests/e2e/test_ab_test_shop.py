"""A published shop's A/B test through the whole job: 33,279 clicks, each with its user's bucket.

Belongs here: that `marts.experiment_results` says what pandas says. Not here: the statistics
themselves (`tests/integration/ml/test_ab_tests.py`), nor planted lifts (`tests/laws`).

The log is one file with a bucket beside each click. It is landed twice: as clicks, and as what was
met.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dagster_project.state import StatePaths
from tests.e2e.command import begun, load_and_build, served
from tests.landed_days import land

SETTINGS = """\
sources:
  shop:
    format: csv
    id_space: shop
    mapping:
      event_name: {column: event, values: {main: page_viewed, catalog: product_list_viewed,
        product1: product_viewed, product2: product_viewed, cart: product_added,
        payment_done: order_completed}}
      event_ts: timestamp
      anonymous_id: user_id
      order_id: transaction_ID
      revenue: transaction_value
  test:
    format: csv
    id_space: shop
    mapping:
      event_name: {sql: "'experiment_viewed'"}
      event_ts: timestamp
      anonymous_id: user_id
      properties: [experiment_id: {sql: "'checkout'"}, variant_id: user_backet]
"""
LAST = date(2020, 4, 29)
# Models look back 180 days: the log's first day is before that.
FIRST = LAST - timedelta(days=179)


@pytest.fixture(scope="module")
def users(shared_data: Path) -> pd.DataFrame:
    """A row a user with one bucket: bucket, orders and revenue in the window."""
    rows = pd.read_csv(shared_data / "clickstream_simple_shop" / "ab_test_demo.csv.gz")
    rows = rows[pd.to_datetime(rows["timestamp"]).dt.date >= FIRST]
    one = rows.groupby("user_id").agg(
        bucket=("user_backet", "first"), buckets=("user_backet", "nunique"),
        orders=("transaction_ID", "nunique"), revenue=("transaction_value", "sum"),
    )  # fmt: skip
    return one[one["buckets"] == 1]


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The rows of all users, by metric and variant."""
    home = begun(tmp_path_factory.mktemp("ab"), SETTINGS)
    content = (shared_data / "clickstream_simple_shop" / "ab_test_demo.csv.gz").read_bytes()
    for source in ("shop", "test"):
        land(StatePaths(home), f"{source}/{LAST}/a.csv.gz", content)
    load_and_build(home, families=["experiments"])
    with served(home) as con:
        found = con.execute("from marts.experiment_results where segment = 'all'").df()
    return found.set_index(["metric", "variant"])


@pytest.mark.parametrize("bucket", ["test", "control"])
def test_units_and_means_are_those_of_the_log(results, users, bucket):
    group = users[users["bucket"] == bucket]
    expected = {
        "unit_conversion_rate": (group["orders"] > 0).mean(),
        "orders_per_unit": group["orders"].mean(),
        "revenue_per_unit": group["revenue"].mean(),
        "aov": group["revenue"].sum() / group["orders"].sum(),
    }
    for metric, mean in expected.items():
        row = results.loc[(metric, bucket)]
        assert row["units"] == len(group)
        assert row["mean"] == pytest.approx(mean, rel=1e-9), metric


def test_the_difference_and_its_error_are_those_of_two_proportions(results, users):
    bought = {name: group["orders"] > 0 for name, group in users.groupby("bucket")}
    test, control = bought["test"], bought["control"]
    error = np.sqrt(test.var(ddof=1) / len(test) + control.var(ddof=1) / len(control))
    row = results.loc[("unit_conversion_rate", "test")]
    assert row["difference"] == pytest.approx(test.mean() - control.mean(), rel=1e-9)
    assert row["standard_error"] == pytest.approx(error, rel=1e-6)

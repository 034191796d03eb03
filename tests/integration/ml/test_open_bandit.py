"""The value of a policy on a published log of two policies in the same week.

Ten thousand impressions each on a fashion shop's front page (Open Bandit Dataset, campaign men).
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml.bandit_policies import DAILY_ORDERS_SCHEMA, value_policies
from ml.off_policy import policy_value
from ml.slot_impressions import IMPRESSIONS_SCHEMA


def test_the_uniform_policy_on_the_open_bandit_log(shared_data: Path):
    folder = shared_data / "bandit_obd_men"
    by_sampling, at_random = (
        pd.read_csv(folder / name / "men.csv.gz") for name in ("bts", "random")
    )
    uniform = np.full(10_000, 1 / 34)
    ips, snips = policy_value(by_sampling["click"], by_sampling["propensity_score"], uniform)
    # The publisher's figures for these rows.
    assert (round(ips.value, 6), round(snips.value, 6)) == (0.003009, 0.003189)
    # What showing at random brought indeed, within what 46 clicks can tell.
    brought = at_random["click"].mean()
    assert brought == 0.0046
    assert snips.low - 0.0014 < brought < snips.high + 0.0014
    assert snips.effective_impressions < 1_000


def as_impressions(log: pd.DataFrame) -> pa.Table:
    """Rows of the published log; each place is a list, as what stands above is unknown."""
    columns = {
        "visitor_id": [f"v{row}" for row in range(len(log))],
        "list_id": [f"men {place}" for place in log["position"]],
        "slate_number": range(len(log)),
        "position": [1] * len(log),
        "event_date": list(pd.to_datetime(log["timestamp"], format="mixed").dt.date),
        "product_id": [str(item) for item in log["item_id"]],
        "propensity": log["propensity_score"],
        "logged_by": ["bts"] * len(log),
        "favourite_category": pa.array([None] * len(log), pa.string()),
        "is_clicked": log["click"] == 1,
        "revenue": [0.0] * len(log),
        "impressions": [1] * len(log),
        "reward_days": [1] * len(log),
    }
    return pa.table(columns).cast(IMPRESSIONS_SCHEMA)


def test_slots_of_the_open_bandit_log_are_valued_and_its_propensities_are_true(shared_data: Path):
    log = pd.read_csv(shared_data / "bandit_obd_men" / "bts" / "men.csv.gz")
    last = date(2019, 11, 30)
    none = DAILY_ORDERS_SCHEMA.empty_table()
    run = value_policies(as_impressions(log), none, last + timedelta(days=1))
    assert run.warning == ""
    (found,) = (
        row
        for row in run.policies.to_pylist()
        if (row["list_id"], row["policy"], row["reward"], row["method"])
        == ("men 1", "uniform", "click", "IPS")
    )
    # The same by the formula: the last three of seven days, all 34 products.
    days = pd.to_datetime(log["timestamp"], format="mixed").dt.date
    mine = log[(log["position"] == 1) & (days > last - timedelta(days=3))]
    assert found["value"] == pytest.approx((mine["click"] / mine["propensity_score"] / 34).mean())
    assert found["impressions"] == len(mine)
    # Had the shop written down that it showed at random, it would have been noticed.
    untrue = value_policies(
        as_impressions(log.assign(propensity_score=1 / 34)), none, last + timedelta(days=1)
    )
    assert "(shares)" in untrue.warning

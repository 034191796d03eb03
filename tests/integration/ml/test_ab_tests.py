"""Statistics of experiments on two published A/B tests, against formulas written another way."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ml.experiment_statistics import Moments, compare, sample_ratio_p_value


def per_unit(values: pd.Series, denominator: float | pd.Series = 1.0) -> Moments:
    """Moments of units without a past."""
    columns = {"value": values.astype(float), "of": denominator, "before": 0.0, "of_before": 1.0}
    return Moments.of(pd.DataFrame(columns).to_numpy(dtype=float))


@pytest.fixture(scope="module")
def cats(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "ab_cookie_cats" / "cookie_cats.csv.gz")


def test_cookie_cats_retention_is_what_two_proportions_say(cats):
    groups = dict(tuple(cats.groupby("version")["retention_7"]))
    found = compare(per_unit(groups["gate_40"]), per_unit(groups["gate_30"]))
    shares = {name: group.mean() for name, group in groups.items()}
    error = np.sqrt(sum(p * (1 - p) / (len(groups[name]) - 1) for name, p in shares.items()))
    assert found.difference == pytest.approx(-0.0082013, abs=1e-7)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.00820129850 / error), rel=1e-5)
    # Pooled it is .00155425; with the variances apart .00155583, divided by n and not n − 1.
    assert found.p_value == pytest.approx(0.00155583, abs=2e-7)
    # Looked at again and again it is no proof: .0833, as a second implementation has it.
    assert found.p_value_sequential == pytest.approx(0.0833, abs=5e-5)
    assert found.lift_high < 0 < found.sequential_high


def test_cookie_cats_has_a_sample_ratio_mismatch(cats, shared_data):
    units = cats["version"].value_counts().sort_index().to_numpy(dtype=float)
    figures = json.loads((shared_data / "ab_cookie_cats" / "figures.json").read_text())
    expected = stats.chi2.sf(figures["srm_chi2_vs_50_50"], 1)
    p_value = sample_ratio_p_value(units, np.array([1.0, 1.0]))
    assert p_value == pytest.approx(expected, abs=1e-8)
    assert p_value == pytest.approx(0.008608, abs=1e-6)


def test_one_player_with_fifty_thousand_rounds_carries_no_verdict(cats):
    groups = dict(tuple(cats.groupby("version")["sum_game_rounds"]))
    trimmed = groups["gate_30"][groups["gate_30"] < 10_000]
    whole = compare(per_unit(groups["gate_30"]), per_unit(groups["gate_40"]))
    without = compare(per_unit(trimmed), per_unit(groups["gate_40"]))
    welch = stats.ttest_ind(trimmed, groups["gate_40"], equal_var=False)
    assert without.p_value == pytest.approx(welch.pvalue, rel=1e-3)
    assert whole.standard_error > 1.3 * without.standard_error


def test_a_shop_tests_buyers_and_order_values(shared_data):
    """The demo log's buckets: buyers a user, and revenue an order, a ratio of two sums a user."""
    folder = shared_data / "clickstream_simple_shop"
    rows = pd.read_csv(folder / "ab_test_demo.csv.gz")
    users = rows.groupby(["user_id", "user_backet"]).agg(
        orders=("transaction_ID", "nunique"), revenue=("transaction_value", "sum")
    )
    groups = {name: group for name, group in users.groupby("user_backet")}
    figures = json.loads((folder / "figures.json").read_text())["ab_test_demo"]["groups"]
    test, control = groups["test"], groups["control"]
    assert len(test) == figures["test"]["users"]
    assert len(control) == figures["control"]["users"]

    bought = compare(per_unit(test["orders"] > 0), per_unit(control["orders"] > 0))
    shares = [figures[name]["buyers"] / figures[name]["users"] for name in ("test", "control")]
    errors = [
        p * (1 - p) / (len(group) - 1) for p, group in zip(shares, (test, control), strict=True)
    ]
    assert bought.difference == pytest.approx(shares[0] - shares[1])
    assert bought.p_value == pytest.approx(
        2 * stats.norm.sf((shares[0] - shares[1]) / np.sqrt(sum(errors))), rel=1e-6
    )
    value = compare(
        per_unit(test["revenue"], test["orders"]), per_unit(control["revenue"], control["orders"])
    )
    means = [figures[name]["revenue"] / figures[name]["orders"] for name in ("test", "control")]
    assert value.lift == pytest.approx(means[0] / means[1] - 1)
    # Linearised by hand: each user's revenue less the mean order's times the user's orders.
    spread = [
        ((group["revenue"] - mean * group["orders"]) / group["orders"].mean()).var(ddof=1)
        / len(group)
        for mean, group in zip(means, (test, control), strict=True)
    ]
    assert value.standard_error == pytest.approx(np.sqrt(sum(spread)), rel=1e-9)

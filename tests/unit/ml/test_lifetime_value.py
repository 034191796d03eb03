"""A partition's lifetime values and churn risks: who is served by what, why, and law 4."""

import hashlib
import re
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from ml.bg_nbd import BgNbd, expected_orders, order_probability, probability_alive
from ml.gamma_gamma import GammaGamma, expected_value
from ml.lifetime_value import (
    CHURN_RISK_SCHEMA,
    CLV_PREDICTIONS_SCHEMA,
    LifetimeParams,
    LifetimeRun,
    predict_lifetime_value,
)
from ml.order_histories import ORDER_DATES_SCHEMA
from tests.unit.ml.buyer_simulation import order_dates, simulate

FIRST = date(2025, 1, 6)
AS_OF = FIRST + timedelta(weeks=52)


def rows(*orders: tuple[str, date, float | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"person_id": who, "order_date": day, "value": value} for who, day, value in orders],
        schema=ORDER_DATES_SCHEMA,
    )


def digest(run: LifetimeRun) -> str:
    hashed = hashlib.sha256(run.card_bytes())
    for table in (run.clv_predictions, run.churn_risk):
        hashed.update(repr(table.to_pylist()).encode())
    return hashed.hexdigest()


@pytest.fixture(scope="module")
def orders() -> pa.Table:
    """Orders of 700 persons, some of them after the partition."""
    return order_dates(simulate(700, 60.0, seed=3), FIRST)


@pytest.fixture(scope="module")
def run(orders: pa.Table) -> LifetimeRun:
    return predict_lifetime_value(orders, AS_OF)


def models_of(run: LifetimeRun) -> tuple[BgNbd, GammaGamma]:
    """The models by what the card says of them."""
    fit = run.card["fit"]
    return (
        BgNbd(**fit["bg_nbd"]["parameters"]),
        GammaGamma(**fit["gamma_gamma"]["parameters"]),
    )


def history_in(text: str) -> list[np.ndarray]:
    """x, t_x and T in weeks by the words of an explanation alone."""
    several = re.match(
        r"(\d+) order days from (\S+) to (\S+), [\d.]+ days apart; none in the (\d+)", text
    )
    one = re.match(r"one order day, (\S+); none in the (\d+) days since", text)
    if several:
        count, first, last, silent = several.groups()
        span = (date.fromisoformat(last) - date.fromisoformat(first)).days
        numbers = (int(count) - 1, span / 7, (span + int(silent)) / 7)
    else:
        numbers = (0, 0.0, int(one.group(2)) / 7)
    return [np.array([float(number)]) for number in numbers]


def test_the_model_is_served_where_people_order_as_it_says(run):
    assert run.served == "model", run.reason
    found = {(m["model"], m["metric"]): (m["value"], m["baseline_value"]) for m in run.metrics}
    for measure in (("bg_nbd", "rmse_orders"), ("gamma_gamma", "rmse_order_value"),
                    ("churn", "brier")):  # fmt: skip
        assert found[measure][0] < found[measure][1]
    # Numbers of 13 weeks and some 500 persons: within a quarter of what came.
    assert found["bg_nbd", "orders_predicted_to_actual"][0] == pytest.approx(1, abs=0.25)
    assert run.clv_predictions.schema == CLV_PREDICTIONS_SCHEMA
    assert run.churn_risk.schema == CHURN_RISK_SCHEMA


def test_the_score_is_watched_for_drift_where_the_model_gives_it(run):
    assert run.validation.churn.served == "model"
    assert "no_order_probability" in {one.name for one in run.shifts}


def test_every_score_follows_from_its_explanation_and_the_card(run):
    orders_by, value_by = models_of(run)
    for row in run.clv_predictions.to_pylist()[::17]:
        orders = expected_orders(orders_by, *history_in(row["explanation"]), 365 / 7)[0]
        assert row["expected_orders"] == pytest.approx(orders, rel=1e-9)
        mean, count = re.search(r"worth ([\d.]+) on average \((\d+)", row["explanation"]).groups()
        assert row["mean_order_value"] == pytest.approx(float(mean), abs=0.005)
        assert row["valued_order_days"] == int(count)
        value = expected_value(
            value_by, np.array([float(count)]), np.array([row["mean_order_value"]])
        )[0]
        assert row["order_value"] == pytest.approx(value, rel=1e-9)
        assert row["predicted_clv"] == pytest.approx(orders * value, rel=1e-9)
        assert row["clv_low"] < row["predicted_clv"] < row["clv_high"]
        assert row["orders_low"] < row["expected_orders"] < row["orders_high"]
    for row in run.churn_risk.to_pylist()[::17]:
        history = history_in(row["explanation"])
        alive = probability_alive(orders_by, *history)[0]
        assert row["churn_risk"] == pytest.approx(1 - alive, abs=1e-12)
        none = 1 - order_probability(orders_by, *history, 90 / 7)[0]
        assert row["no_order_probability"] == pytest.approx(none, rel=1e-9)


def test_ranks_tell_apart_those_who_ordered_once(run):
    churn = run.churn_risk.to_pylist()
    assert sorted(row["risk_rank"] for row in churn) == list(range(1, len(churn) + 1))
    once = sorted((r for r in churn if r["order_days"] == 1), key=lambda r: r["risk_rank"])
    assert {row["churn_risk"] for row in once} == {0}
    assert [r["usual_gap_days"] for r in once] == [None] * len(once)
    # The longest silent is the most likely lost.
    silent = [row["days_since_last_order"] for row in once]
    assert silent == sorted(silent, reverse=True)
    assert silent[0] > silent[-1]


def test_later_orders_and_the_order_of_rows_change_nothing(orders, run):
    known = orders.filter(pa.compute.less_equal(orders["order_date"], pa.scalar(AS_OF)))
    assert known.num_rows < orders.num_rows
    turned = known.take(pa.array(np.random.default_rng(1).permutation(known.num_rows)))
    assert digest(predict_lifetime_value(turned, AS_OF)) == digest(run)


def test_the_bytes_are_the_same_on_one_thread_and_two(orders, run):
    for threads in (1, 2):
        with threadpool_limits(threads):
            assert digest(predict_lifetime_value(orders, AS_OF)) == digest(run)


def test_the_gates_see_nothing_of_the_days_that_they_predict(orders, run):
    """Orders of the last days twice as many: the error grows, the predictions for it do not."""
    cut = AS_OF - timedelta(days=run.card["calibration"]["days"])
    more = [(f"p{n:05}", AS_OF, 10.0) for n in range(300)]
    known = {(row["person_id"], row["order_date"]) for row in orders.to_pylist()}
    added = rows(*[one for one in more if one[:2] not in known])
    after = predict_lifetime_value(pa.concat_tables([orders, added]), AS_OF)
    before, now = (
        [one["predicted"] for one in each.card["calibration"]["orders_by_repeats"]]
        for each in (run, after)
    )
    seen = [one["seen"] for one in after.card["calibration"]["orders_by_repeats"]]
    assert cut < AS_OF
    assert now == before
    assert seen != [one["seen"] for one in run.card["calibration"]["orders_by_repeats"]]


def test_a_discount_lowers_the_value_and_no_number_of_orders(orders, run):
    cheaper = predict_lifetime_value(orders, AS_OF, LifetimeParams(discount_rate=0.1))
    ours, theirs = (one.clv_predictions.to_pylist()[0] for one in (cheaper, run))
    assert ours["expected_orders"] == theirs["expected_orders"]
    # A tenth a year, orders rather earlier than later in it.
    assert 0.95 < ours["predicted_clv"] / theirs["predicted_clv"] < 0.965


def test_the_baseline_says_how_many_as_silent_ordered_again(orders):
    """With a gate that cannot be passed everything is by the baselines, and they explain it."""
    run = predict_lifetime_value(orders, AS_OF, LifetimeParams(min_persons=10_000))
    assert run.served == "baseline"
    assert "10000 needed" in run.reason
    for row in run.churn_risk.to_pylist()[::13]:
        assert row["is_baseline"]
        returned, persons, days = re.search(
            r"^(\d+) of (\d+) persons with .* in the (\d+) days after", row["explanation"]
        ).groups()
        assert row["churn_risk"] == pytest.approx(1 - (int(returned) + 1) / (int(persons) + 2))
        assert row["horizon_days"] == int(days) == 90
    for row in run.clv_predictions.to_pylist()[::13]:
        assert row["is_baseline"]
        assert row["clv_low"] is None
        # One order of an average person, and the days that it takes, are added to the person's own.
        pace = float(re.search(r"one order in ([\d.]+) days", row["explanation"]).group(1))
        age = (AS_OF - row["first_order_date"]).days
        assert row["expected_orders"] == pytest.approx(
            row["order_days"] / (age + pace) * 365, rel=1e-3
        )
        assert row["order_value"] == pytest.approx(row["mean_order_value"])


def test_nobody_who_ordered_gives_empty_tables_and_says_so():
    run = predict_lifetime_value(rows(), AS_OF)
    assert (run.clv_predictions.num_rows, run.churn_risk.num_rows) == (0, 0)
    assert run.served == "baseline"
    assert "0 days of history are too few" in run.reason
    assert run.metrics == []


def test_one_person_with_one_order_is_served_by_the_baseline():
    run = predict_lifetime_value(rows(("a", AS_OF, 9.0)), AS_OF)
    (clv,), (churn,) = run.clv_predictions.to_pylist(), run.churn_risk.to_pylist()
    assert (clv["predicted_clv"], clv["is_baseline"], clv["order_value"]) == (0, True, 9)
    assert (churn["churn_risk"], churn["is_baseline"]) == (None, True)
    assert churn["explanation"] == "too little history to compare with"


def test_one_time_buyers_alone_are_served_by_the_baseline():
    buyers = [(f"p{n}", FIRST + timedelta(days=n), 5.0 + n) for n in range(200)]
    run = predict_lifetime_value(rows(*buyers), FIRST + timedelta(days=220))
    assert "none of 200 persons ordered on a second day" in run.reason
    churn = run.churn_risk.to_pylist()
    assert all(row["is_baseline"] and row["churn_risk"] > 0.9 for row in churn)
    assert "0 of" in churn[0]["explanation"]
    values = run.clv_predictions.to_pylist()
    assert {row["predicted_clv"] for row in values} == {0}
    assert "nobody has ordered again" in values[0]["explanation"]


def test_orders_of_one_price_keep_it(orders):
    flat = orders.set_column(2, "value", pa.array([25.0] * orders.num_rows))
    run = predict_lifetime_value(flat, AS_OF)
    assert "all orders are worth 25" in run.reason
    # How often is still by the model, what is not by two models is marked.
    assert "orders by model" in run.reason
    row = run.clv_predictions.to_pylist()[0]
    assert (row["order_value"], row["is_baseline"]) == (25, True)
    assert row["clv_low"] < row["predicted_clv"] < row["clv_high"]


def test_orders_without_value_have_no_lifetime_value_where_none_has_one(orders):
    nothing = pa.array([None] * orders.num_rows, pa.float64())
    run = predict_lifetime_value(orders.set_column(2, "value", nothing), AS_OF)
    assert "0 persons with an order value" in run.reason
    row = run.clv_predictions.to_pylist()[0]
    assert (row["predicted_clv"], row["order_value"], row["mean_order_value"]) == (None,) * 3
    assert row["expected_orders"] > 0
    assert "none with a value" in row["explanation"]


@pytest.mark.parametrize("value", [None, float("nan"), 0.0, -4.0, float("inf")])
def test_a_value_that_is_none_does_not_count(value):
    orders = rows(("a", AS_OF - timedelta(days=9), 7.0), ("a", AS_OF, value), ("b", AS_OF, value))
    found = predict_lifetime_value(orders, AS_OF).clv_predictions.to_pylist()
    assert [row["valued_order_days"] for row in found] == [1, 0]
    assert [row["mean_order_value"] for row in found] == [7, None]
    # Whose orders state no value gets everybody's mean.
    assert [row["order_value"] for row in found] == [7, 7]


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        (rows(("a", AS_OF, 1.0), ("a", AS_OF, 2.0)), f"a has two rows of {AS_OF}"),
        (rows((None, AS_OF, 1.0)), "1 rows without person_id"),
        (rows(("a", None, 1.0)), "1 rows without order_date"),
        (rows().drop_columns(["value"]), "lack the columns value"),
    ],
)
def test_rows_that_cannot_be_are_told(orders, said):
    with pytest.raises(ValueError, match=said):
        predict_lifetime_value(orders, AS_OF)

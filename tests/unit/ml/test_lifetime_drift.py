"""Buyers of today against those of weeks before: a steady shop is no drift, a changed one is."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml import lifetime_drift
from ml.bg_nbd import fit_bg_nbd, group_histories
from ml.drift import Shift
from ml.lifetime_drift import lifetime_shifts
from ml.lifetime_value import predict_lifetime_value
from ml.order_histories import ORDER_DATES_SCHEMA, buyers_as_of, read_order_dates

FIRST = date(2025, 1, 1)
DAYS = 400
AS_OF = FIRST + timedelta(days=DAYS - 1)
NUMBERS = {"order_days", "days_since_last_order", "days_since_first_order", "mean_order_value",
           "no_order_probability"}  # fmt: skip


def shop(newcomers: int = 0, dearer: float = 1.0) -> pa.Table:
    """Four persons a day who come for good and order at rates of their own.

    `newcomers`: so many more a day in the last thirty; `dearer`: what orders of these days cost.
    """
    rng, rows = np.random.default_rng(0), []
    for began in range(DAYS):
        for number in range(4 + (newcomers if began >= DAYS - 30 else 0)):
            days = began + np.cumsum([0, *rng.geometric(rng.gamma(2, 0.01) + 0.002, 20)])
            for day in days[days < DAYS].tolist():
                value = rng.gamma(5.0, 10.0) * (dearer if day >= DAYS - 30 else 1.0)
                rows.append((f"p{began}-{number}", FIRST + timedelta(days=day), value))
    names = ORDER_DATES_SCHEMA.names
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(names, columns, strict=True)), schema=ORDER_DATES_SCHEMA)


def shifts_of(orders: pa.Table, as_of: date = AS_OF, *, scored: bool = True) -> dict[str, Shift]:
    book = read_order_dates(orders, as_of)
    histories = group_histories(*buyers_as_of(book, as_of).in_weeks)
    model = fit_bg_nbd(histories) if scored else None
    return {one.name: one for one in lifetime_shifts(book, as_of, model, 90)}


@pytest.fixture(scope="module")
def steady() -> pa.Table:
    return shop()


def test_a_steady_shop_is_no_drift_though_its_oldest_buyers_grow_older(steady, monkeypatch):
    found = shifts_of(steady)
    assert set(found) == NUMBERS
    assert [name for name, one in found.items() if one.is_beyond] == []
    columns = lifetime_drift._columns
    not_cut_off = lambda buyers, _, *rest: columns(buyers, DAYS, *rest)  # noqa: E731
    monkeypatch.setattr(lifetime_drift, "_columns", not_cut_off)
    assert shifts_of(steady, scored=False)["days_since_first_order"].is_beyond


def test_a_flood_of_newcomers_and_other_prices_are_found():
    newcomers = shifts_of(shop(newcomers=60))
    assert newcomers["days_since_first_order"].is_beyond
    assert newcomers["order_days"].is_beyond
    assert not newcomers["mean_order_value"].is_beyond
    dearer = shifts_of(shop(dearer=30.0), scored=False)
    assert {name for name, one in dearer.items() if one.is_beyond} == {"mean_order_value"}


def test_a_week_is_too_short_and_without_a_model_there_is_no_score(steady):
    assert shifts_of(steady, FIRST + timedelta(days=6), scored=False) == {}
    assert set(shifts_of(steady, scored=False)) == NUMBERS - {"no_order_probability"}


def test_the_indexes_are_metrics_with_their_bars(steady):
    """Nobody leaves this shop, so churn is by the rule, whose score has no model to compare."""
    run = predict_lifetime_value(steady, AS_OF)
    told = {row["metric"]: row for row in run.metrics if row["metric"].startswith("psi_")}
    assert run.validation.churn.served == "baseline"
    assert set(told) == {f"psi_{name}" for name in NUMBERS - {"no_order_probability"}}
    for one in run.shifts:
        row = told[f"psi_{one.name}"]
        assert (row["model"], row["value"], row["baseline_value"]) == (
            "lifetime", one.index, one.bar,
        )  # fmt: skip

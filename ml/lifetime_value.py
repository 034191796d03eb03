"""Lifetime value and churn risk of a partition: what people are expected to order, and who is gone.

Here: the predictions of models and of their baselines, the rows with their explanations, the card.
Not here: histories (order_histories.py), the models (bg_nbd.py, gamma_gamma.py), which of model and
baseline is better (lifetime_validation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from ml.bg_nbd import (
    BgNbd,
    Histories,
    expected_orders,
    order_probability,
    probability_alive,
)
from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.drift import Shift
from ml.gamma_gamma import GammaGamma, expected_value
from ml.lifetime_drift import lifetime_shifts
from ml.lifetime_rules import SilenceClasses, days_an_order, own_rate, own_value
from ml.lifetime_validation import (
    Fitted,
    LifetimeParams,
    Validation,
    discounted_orders,
    fit_models,
    validate,
)
from ml.likelihood import Z_95, log_variances
from ml.order_histories import Buyers, Floats, OrderBook, buyers_as_of, day_of, read_order_dates

__all__ = ["LifetimeParams", "LifetimeRun", "predict_lifetime_value"]

CODE_VERSION = "1"
CLV_PREDICTIONS_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("horizon_days", pa.int32()),
        ("is_baseline", pa.bool_()),
        ("predicted_clv", pa.float64()),
        ("clv_low", pa.float64()),
        ("clv_high", pa.float64()),
        ("expected_orders", pa.float64()),
        ("orders_low", pa.float64()),
        ("orders_high", pa.float64()),
        ("order_value", pa.float64()),
        ("order_days", pa.int64()),
        ("valued_order_days", pa.int64()),
        ("mean_order_value", pa.float64()),
        ("first_order_date", pa.date32()),
        ("last_order_date", pa.date32()),
        ("explanation", pa.string()),
        ("model_version", pa.string()),
    ]
)
CHURN_RISK_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("risk_rank", pa.int64()),
        ("is_baseline", pa.bool_()),
        ("churn_risk", pa.float64()),
        ("horizon_days", pa.int32()),
        ("no_order_probability", pa.float64()),
        ("expected_orders", pa.float64()),
        ("order_days", pa.int64()),
        ("days_since_last_order", pa.int64()),
        ("usual_gap_days", pa.float64()),
        ("explanation", pa.string()),
        ("model_version", pa.string()),
    ]
)
# No prediction lies so near to 0 that its logarithm is none.
_TINY = 1e-300


@dataclass(frozen=True)
class LifetimeRun:
    """Everything that a partition's run yields.

    Attributes:
        clv_predictions: CLV_PREDICTIONS_SCHEMA, by person_id.
        churn_risk: CHURN_RISK_SCHEMA, by person_id.
        metrics: rows of MODEL_METRICS_SCHEMA.
        card: the model card, plain JSON.
        validation: the comparison with simple rules, and the gates of orders, value and churn.
        shifts: how far buyers are from those of some weeks before.
    """

    clv_predictions: pa.Table
    churn_risk: pa.Table
    metrics: list[dict[str, Any]]
    card: dict[str, Any]
    validation: Validation
    shifts: list[Shift]

    @property
    def served(self) -> str:
        """Model, where orders, values and churn are all by theirs; else baseline."""
        return self.validation.served

    @property
    def reason(self) -> str:
        """What each of them is served by, and why."""
        return self.validation.reason

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


def predict_lifetime_value(
    order_dates: pa.Table, as_of: date, params: LifetimeParams | None = None
) -> LifetimeRun:
    """Predict orders, their value and churn for everybody who has ordered.

    Args:
        order_dates: ORDER_DATES_SCHEMA, all dates with an order as known at the partition.
        as_of: partition date; later dates are left out.
        params: settings; None for the defaults.

    Returns:
        The run; tables are empty where nobody has ordered.

    Raises:
        ValueError: see `read_order_dates`.
    """
    params = params or LifetimeParams()
    book = read_order_dates(order_dates, as_of)
    data = fingerprint(book.table)
    version = model_version("lifetime", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)
    buyers = buyers_as_of(book, as_of)
    # The search is over four numbers: threads that wait for each other take ten times as long.
    with threadpool_limits(limits=1, user_api="blas"):
        models = fit_models(buyers)
        validation = validate(book, as_of, models, params)
    scored_by = models.orders if validation.churn.served == "model" else None
    shifts = lifetime_shifts(book, as_of, scored_by, params.churn_days)
    measures = validation.measures | {
        ("lifetime", f"psi_{one.name}"): (one.index, one.bar) for one in shifts
    }
    metrics = metric_rows(measures, version, book.first_day, book.last_day)
    card = make_card(
        name="lifetime",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=book.first_day,
        data_to=book.last_day,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline="orders: each person's own rate with one average order added; value: each "
        "person's own mean; churn: the share of persons as long silent who ordered again",
        served=validation.served,
        gate_reason=validation.reason,
        counts={
            "order_days": book.table.num_rows,
            "persons": len(buyers.persons),
            "persons_with_several": int((buyers.order_days > 1).sum()),
        },
    )
    card["fit"] = models.as_json()
    card["calibration"] = validation.calibration
    return LifetimeRun(
        _clv_table(book, buyers, models, validation, params, version),
        _churn_table(book, buyers, models, validation, params, version),
        metrics,
        card,
        validation,
        shifts,
    )


@dataclass(frozen=True)
class _Predicted:
    """A prediction of each person.

    Attributes:
        values: (n,).
        spread: (n,) variances of their logarithms; None where a baseline says nothing of it.
    """

    values: Floats
    spread: Floats | None


def _discounted(
    buyers: Buyers, fit: BgNbd | None, histories: Histories, params: LifetimeParams
) -> _Predicted:
    """Orders within the horizon, each worth what it is today."""
    if fit is None:
        return _Predicted(own_rate(buyers, params.horizon_days) * params.mean_discount, None)

    def predict(move: Floats) -> Floats:
        found = discounted_orders(fit.moved(move), histories.all, params)
        return np.maximum(found, _TINY)

    spread = histories.per_person(log_variances(predict, fit.covariance))
    return _Predicted(histories.per_person(discounted_orders(fit, histories.all, params)), spread)


def _order_values(buyers: Buyers, fit: GammaGamma | None) -> _Predicted:
    """What a next order is worth."""
    if fit is None:
        return _Predicted(own_value(buyers), None)

    def predict(move: Floats) -> Floats:
        return expected_value(fit.moved(move), buyers.valued, buyers.mean_value)

    return _Predicted(predict(np.zeros(3)), log_variances(predict, fit.covariance))


def _clv_table(
    book: OrderBook,
    buyers: Buyers,
    models: Fitted,
    validation: Validation,
    params: LifetimeParams,
    version: str,
) -> pa.Table:
    size, histories = len(buyers.persons), models.histories
    orders_by = models.orders if validation.orders.served == "model" else None
    value_by = models.value if validation.value.served == "model" else None
    worth = _discounted(buyers, orders_by, histories, params)
    value = _order_values(buyers, value_by)
    orders = (
        own_rate(buyers, params.horizon_days)
        if orders_by is None
        else histories.per_person(expected_orders(orders_by, *histories.all, params.horizon_weeks))
    )
    low = high = clv_low = clv_high = np.full(size, np.nan)
    clv = worth.values * value.values
    if worth.spread is not None:
        low, high = _interval(orders, worth.spread)
        # The two fits know nothing of each other; a mean so far is taken as it is.
        spread = worth.spread if value.spread is None else worth.spread + value.spread
        clv_low, clv_high = _interval(clv, spread)
    mean_value = np.where(buyers.valued > 0, buyers.mean_value, np.nan)
    explanations = _clv_explanations(buyers, orders_by is not None, value_by is not None)
    return pa.Table.from_arrays(
        [
            book.person_ids.take(pa.array(buyers.persons)),
            pa.array(np.full(size, params.horizon_days), pa.int32()),
            pa.array(np.full(size, orders_by is None or value_by is None)),
            *map(_numbers, (clv, clv_low, clv_high, orders, low, high, value.values)),
            pa.array(buyers.order_days),
            pa.array(buyers.valued.astype(np.int64)),
            _numbers(mean_value),
            pa.array(buyers.first.astype(np.int32), pa.int32()).cast(pa.date32()),
            pa.array(buyers.last.astype(np.int32), pa.int32()).cast(pa.date32()),
            pa.array(explanations, pa.string()),
            pa.array([version] * size, pa.string()),
        ],
        schema=CLV_PREDICTIONS_SCHEMA,
    )


def _churn_table(
    book: OrderBook,
    buyers: Buyers,
    models: Fitted,
    validation: Validation,
    params: LifetimeParams,
    version: str,
) -> pa.Table:
    size, histories = len(buyers.persons), models.histories
    fit = models.orders if validation.churn.served == "model" else None
    if fit is not None:
        days, history = params.churn_days, histories.all
        risk = histories.per_person(1 - probability_alive(fit, *history))
        none = histories.per_person(1 - order_probability(fit, *history, days / 7))
        orders = histories.per_person(expected_orders(fit, *history, days / 7))
        order = np.lexsort((buyers.persons, none, orders))
        explanations: Sequence[str] = _histories_in_words(buyers)
    else:
        days = validation.days
        risk = none = validation.classes.risk(buyers)
        orders = own_rate(buyers, days)
        order = np.lexsort((buyers.persons, orders, -np.nan_to_num(risk)))
        explanations = _class_explanations(buyers, validation.classes, days)
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(1, size + 1)
    return pa.Table.from_arrays(
        [
            book.person_ids.take(pa.array(buyers.persons)),
            pa.array(rank),
            pa.array(np.full(size, fit is None)),
            _numbers(risk),
            pa.array(np.full(size, days), pa.int32()),
            _numbers(none),
            _numbers(orders),
            pa.array(buyers.order_days),
            pa.array(buyers.silent),
            _numbers(buyers.usual_gap),
            pa.array(explanations, pa.string()),
            pa.array([version] * size, pa.string()),
        ],
        schema=CHURN_RISK_SCHEMA,
    )


def _interval(values: Floats, log_variance: Floats) -> tuple[Floats, Floats]:
    """95 % around positive values."""
    # A bound of e^100 is as good as none, and finite.
    reach = np.minimum(Z_95 * np.sqrt(log_variance), 100.0)
    return values * np.exp(-reach), values * np.exp(reach)


def _numbers(values: Floats) -> pa.Array:
    """Doubles, null where there is no number."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _histories_in_words(buyers: Buyers) -> list[str]:
    """When each person ordered: what the models of orders and churn see, and all that they see."""
    days = {number: day_of(number).isoformat() for number in np.unique(
        np.concatenate([buyers.first, buyers.last])
    ).tolist()}  # fmt: skip
    return [
        f"one order day, {days[first]}; none in the {silent} days since"
        if count == 1
        else f"{count} order days from {days[first]} to {days[last]}, {gap:.1f} days apart; "
        f"none in the {silent} days since"
        for count, first, last, silent, gap in zip(
            buyers.order_days.tolist(),
            buyers.first.tolist(),
            buyers.last.tolist(),
            buyers.silent.tolist(),
            buyers.usual_gap.tolist(),
            strict=True,
        )
    ]


def _clv_explanations(buyers: Buyers, orders_by_model: bool, value_by_model: bool) -> list[str]:
    pace = days_an_order(buyers)
    as_so_far = (
        f"; as often as so far, with one order in {pace:.1f} days of an average person added"
        if np.isfinite(pace)
        else "; nobody has ordered again"
    )
    words = "; by BG/NBD" if orders_by_model else as_so_far
    worth = " and gamma-gamma" if value_by_model else ", at the mean so far"
    values = [
        f"worth {mean:.2f} on average ({count:.0f} with a value)" if count else "none with a value"
        for count, mean in zip(buyers.valued.tolist(), buyers.mean_value.tolist(), strict=True)
    ]
    when = _histories_in_words(buyers)
    return [f"{one}; {value}{words}{worth}" for one, value in zip(when, values, strict=True)]


def _class_explanations(buyers: Buyers, classes: SilenceClasses, days: int) -> Sequence[str]:
    place, known = classes.place(buyers), classes.in_words(days)
    if not known:
        return ["too little history to compare with"] * len(place)
    return [known[one] for one in place.tolist()]

"""Are the models of orders, value and churn better than simple rules on the last days?

Here: settings, the fits, the comparison over the days after a cut, the gates. Not here: the simple
rules (lifetime_rules.py), what is served (lifetime_value.py).

The models are fitted to what had been ordered by the cut and compared with the days after it up to
the partition, as known at the partition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from ml.bg_nbd import PARAMETERS as ORDER_PARAMETERS
from ml.bg_nbd import (
    BgNbd,
    Histories,
    expected_orders,
    fit_bg_nbd,
    group_histories,
    order_probability,
)
from ml.calibration import area_under_curve, brier, calibration_error, reliability
from ml.gamma_gamma import PARAMETERS as VALUE_PARAMETERS
from ml.gamma_gamma import GammaGamma, expected_value, fit_gamma_gamma
from ml.gate import GateDecision, decide
from ml.lifetime_rules import SilenceClasses, own_rate, own_value
from ml.likelihood import DegenerateFitError
from ml.order_histories import Buyers, Floats, OrderBook, buyers_as_of, orders_between

# Orders after the first, from 0 to 6 each alone and 7 or more together, as in the paper's figure.
_MOST_REPEATS = 7
History = tuple[Floats, Floats, Floats]
Measures = dict[tuple[str, str], tuple[float, float | None]]


@dataclass(frozen=True)
class LifetimeParams:
    """Settings of a run.

    Attributes:
        horizon_days: how far lifetime value looks.
        discount_rate: a year, 0.1 is a tenth; 0 for none.
        churn_days: how far the probability of no order looks.
        validation_days: last days that the gates predict; at most a quarter of the days there are.
        min_persons: with fewer to compare, a baseline is served.
    """

    horizon_days: int = 365
    discount_rate: float = 0.0
    churn_days: int = 90
    validation_days: int = 90
    min_persons: int = 30

    @property
    def horizon_weeks(self) -> float:
        """The horizon in the models' unit."""
        return self.horizon_days / 7

    def discount(self, days: float) -> float:
        """What one is worth today that comes in so many days."""
        return float((1 + self.discount_rate) ** (-days / 365))

    @property
    def mean_discount(self) -> float:
        """Of a steady flow over the horizon."""
        months = self.months
        return float(np.mean([self.discount((a + b) / 2) for a, b in months]))

    @property
    def months(self) -> list[tuple[float, float]]:
        """The horizon in equal parts of at most 30 days, in days."""
        count = -(-self.horizon_days // 30)
        edges = [self.horizon_days * part / count for part in range(count + 1)]
        return list(pairwise(edges))


@dataclass(frozen=True)
class Fitted:
    """What could be fitted to histories.

    Attributes:
        histories: the distinct ones.
        orders: the model of orders; None where it is degenerate.
        value: the model of values; None where it is degenerate.
        no_orders: why there is no model of orders; empty if there is.
        no_value: why there is none of values.
    """

    histories: Histories
    orders: BgNbd | None
    value: GammaGamma | None
    no_orders: str
    no_value: str

    @property
    def all_stay(self) -> bool:
        """Whether the model of orders sees nobody leave."""
        return self.orders is not None and self.orders.a == 0

    def as_json(self) -> dict[str, Any]:
        """Parameters with the standard errors of their logarithms, or why there are none."""
        found: dict[str, Any] = {}
        for name, model, names, why in (
            ("bg_nbd", self.orders, ORDER_PARAMETERS, self.no_orders),
            ("gamma_gamma", self.value, VALUE_PARAMETERS, self.no_value),
        ):
            found[name] = {"degenerate": why}
            if model is not None:
                errors = np.sqrt(np.diag(model.covariance)).tolist()
                parameters = {one: getattr(model, one) for one in names}
                found[name] = {
                    "parameters": parameters,
                    "log_standard_errors": dict(zip(parameters, errors, strict=True)),
                    "log_likelihood": model.log_likelihood,
                    "persons": model.persons,
                }
        return found


@dataclass(frozen=True)
class Validation:
    """What the last days say.

    Attributes:
        days: how many days were predicted; 0 where there are too few.
        orders: which of model and own rate predicts orders better.
        value: which of model and own mean predicts their value better.
        churn: which of model and silence tells better who does not order.
        classes: the baseline of churn, learned from these days.
        measures: (model, metric) -> (value of the model, value of the baseline).
        calibration: points of diagrams, plain JSON.
    """

    days: int
    orders: GateDecision
    value: GateDecision
    churn: GateDecision
    classes: SilenceClasses
    measures: Measures
    calibration: dict[str, Any]

    @property
    def gates(self) -> dict[str, GateDecision]:
        """All three, by what they decide on."""
        return {"orders": self.orders, "value": self.value, "churn": self.churn}

    @property
    def served(self) -> str:
        """Model, where all three are."""
        is_model = all(gate.served == "model" for gate in self.gates.values())
        return "model" if is_model else "baseline"

    @property
    def reason(self) -> str:
        """All three, in a sentence each."""
        return "; ".join(f"{name} by {gate.reason}" for name, gate in self.gates.items())


def fit_models(buyers: Buyers) -> Fitted:
    """Fit what can be fitted; a degenerate likelihood is a reason, not an error."""
    histories = group_histories(*buyers.in_weeks)
    orders: BgNbd | None = None
    value: GammaGamma | None = None
    no_orders = no_value = ""
    try:
        orders = fit_bg_nbd(histories)
    except DegenerateFitError as error:
        no_orders = str(error)
    valued = buyers.valued > 0
    try:
        value = fit_gamma_gamma(buyers.valued[valued], buyers.mean_value[valued])
    except DegenerateFitError as error:
        no_value = str(error)
    return Fitted(histories, orders, value, no_orders, no_value)


def discounted_orders(model: BgNbd, history: History, params: LifetimeParams) -> Floats:
    """(k,) expected orders within the horizon, each discounted from the middle of its month."""
    if params.discount_rate == 0:
        return expected_orders(model, *history, params.horizon_weeks)
    total = before = np.zeros(len(history[0]))
    for start, end in params.months:
        until = expected_orders(model, *history, end / 7)
        total = total + (until - before) * params.discount((start + end) / 2)
        before = until
    return total


def validate(book: OrderBook, as_of: date, models: Fitted, params: LifetimeParams) -> Validation:
    """Compare each model with its baseline on the last days.

    Args:
        book: order dates up to as_of.
        as_of: partition date.
        models: fitted as of the partition: where one is degenerate, its baseline is served.
        params: settings.

    Returns:
        The decisions, and all measures.
    """
    span = (as_of - book.first_day).days + 1 if book.first_day else 0
    days = min(params.validation_days, span // 4)
    cut = as_of - timedelta(days=days or span)
    past, before = (buyers_as_of(book, end) for end in (cut, cut - timedelta(days=days)))
    ordered, value = orders_between(book, past, cut, as_of)
    returned, _ = orders_between(book, before, cut - timedelta(days=days), cut)
    fitted = fit_models(past)
    too_short = "" if days else f"{span} days of history are too few to test on"
    no_orders = too_short or models.no_orders or fitted.no_orders
    no_value = too_short or models.no_value or fitted.no_value

    predicted = chances = np.zeros(0)
    if fitted.orders and not no_orders:
        h = fitted.histories
        predicted = h.per_person(expected_orders(fitted.orders, *h.all, days / 7))
        chances = 1 - h.per_person(order_probability(fitted.orders, *h.all, days / 7))
    none = (ordered == 0).astype(np.float64)
    orders = _compare_orders(past, predicted, ordered, days, no_orders, params)
    # Where nobody is seen to leave, everybody's risk would be none.
    no_churn = no_orders or ("nobody is seen to leave" if models.all_stay else "")
    by_silence = SilenceClasses.learned(before, returned > 0).risk(past)
    churn = _compare_churn(chances, by_silence, none, no_churn, params)
    worth = _compare_values(past, fitted, value, no_value, params)
    return Validation(
        days,
        orders[0],
        worth[0],
        churn[0],
        SilenceClasses.learned(past, ordered > 0),
        {**orders[1], **worth[1], **churn[1], **_parameters(models)},
        {
            "days": days,
            "orders_by_repeats": _by_repeats(past, predicted, ordered),
            "no_order": reliability(chances, none).points() if len(chances) else [],
        },
    )


def _degenerate(metric: str, reason: str) -> GateDecision:
    return GateDecision("baseline", f"baseline: {reason}", metric, 0.0, 0.0, 0)


def _compare_orders(
    past: Buyers, predicted: Floats, ordered: Floats, days: int, why: str, params: LifetimeParams
) -> tuple[GateDecision, Measures]:
    """Squared errors of the numbers of orders: absolute ones like a forecast of none best."""
    metric = "minus squared error of orders"
    if why:
        return _degenerate(metric, why), {}
    rate = own_rate(past, days)
    errors = [(one - ordered) ** 2 for one in (predicted, rate)]
    gate = decide(metric, -errors[0], -errors[1], min_pairs=params.min_persons)
    model = "bg_nbd"
    measures: Measures = {
        (model, "persons_validated"): (float(len(ordered)), float(len(ordered))),
        (model, "rmse_orders"): (float(errors[0].mean() ** 0.5), float(errors[1].mean() ** 0.5)),
    }
    if ordered.sum():
        shares = [float(one.sum() / ordered.sum()) for one in (predicted, rate)]
        measures[model, "orders_predicted_to_actual"] = (shares[0], shares[1])
    return gate, measures


def _compare_values(
    past: Buyers, fitted: Fitted, value: Floats, why: str, params: LifetimeParams
) -> tuple[GateDecision, Measures]:
    """Squared errors of the mean order value of those who ordered."""
    metric = "minus squared error of order value"
    if why or fitted.value is None:
        return _degenerate(metric, why), {}
    seen = np.isfinite(value)
    predicted = expected_value(fitted.value, past.valued, past.mean_value)[seen]
    errors = [(one - value[seen]) ** 2 for one in (predicted, own_value(past)[seen])]
    gate = decide(metric, -errors[0], -errors[1], min_pairs=params.min_persons)
    measures: Measures = {}
    if seen.any():
        roots = [float(one.mean() ** 0.5) for one in errors]
        measures["gamma_gamma", "rmse_order_value"] = (roots[0], roots[1])
    # The model takes it for none.
    several = past.valued > 1
    number, mean = past.valued[several], past.mean_value[several]
    if several.sum() > 2 and np.ptp(number) > 0 and np.ptp(mean) > 0:
        together = float(np.corrcoef(number, mean)[0, 1])
        measures["gamma_gamma", "correlation_of_number_and_value"] = (together, None)
    return gate, measures


def _compare_churn(
    chances: Floats, by_silence: Floats, none: Floats, why: str, params: LifetimeParams
) -> tuple[GateDecision, Measures]:
    """Brier scores of the probability of no order."""
    metric = "minus Brier score of no order"
    if why or not np.isfinite(by_silence).all():
        return _degenerate(metric, why or "there is no past to learn the baseline from"), {}
    both = (chances, by_silence)
    errors = [brier(one, none) for one in both]
    gate = decide(metric, -errors[0], -errors[1], min_pairs=params.min_persons)
    model = "churn"
    measures: Measures = {}
    if len(none):
        gaps = [calibration_error(reliability(one, none)) for one in both]
        measures = {
            (model, "brier"): (float(errors[0].mean()), float(errors[1].mean())),
            (model, "calibration_error"): (gaps[0], gaps[1]),
            (model, "share_without_order"): (float(none.mean()), None),
        }
        areas = [area_under_curve(one, none) for one in both]
        if areas[0] is not None:
            measures[model, "area_under_curve"] = (areas[0], areas[1])
    return gate, measures


def _by_repeats(past: Buyers, predicted: Floats, ordered: Floats) -> list[dict[str, float]]:
    """Mean orders predicted and seen, by the number of orders after the first."""
    if not len(predicted):
        return []
    repeats = np.minimum(past.order_days - 1, _MOST_REPEATS)
    found = []
    for number in np.unique(repeats).tolist():
        mine = repeats == number
        point = {"repeats": float(number), "persons": float(mine.sum())}
        point |= {"predicted": float(predicted[mine].mean()), "seen": float(ordered[mine].mean())}
        found.append(point)
    return found


def _parameters(models: Fitted) -> Measures:
    """The parameters as of the partition, so that their course over time can be seen."""
    found: Measures = {}
    for name, model, names in (
        ("bg_nbd", models.orders, ORDER_PARAMETERS),
        ("gamma_gamma", models.value, VALUE_PARAMETERS),
    ):
        for one in names if model else ():
            found[name, one] = (float(getattr(model, one)), None)
    return found

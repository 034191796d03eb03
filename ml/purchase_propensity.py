"""Who orders in the next days: the probability of a person, and what speaks for and against it.

Here: the examples, the comparison of boosting, logistic regression and the plain share on the last
outcomes known, the scores with their contributions, the card. Not here: what a feature counts and
which dates an outcome may see (`dbt/models/ml_inputs/ml_purchase_examples.sql`).

Both models are additive in the log-odds: boosting is kept from interactions, so that the share of
each feature in a score is exact, and the shares add up to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special
from threadpoolctl import threadpool_limits

from ml.calibration import area_under_curve, brier, calibration_error, reliability
from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.drift import Shift, column_shifts, population_stability
from ml.gate import GateDecision, decide

CODE_VERSION = "2"
# What a value of a feature is called; the order is that of contributions.
FEATURES = {
    "days_since_seen": "last seen {} days before",
    "active_days_7": "{} active days of 7",
    "active_days_30": "{} active days of 30",
    "product_views_7": "{} product views in 7 days",
    "product_views_30": "{} product views in 30 days",
    "cart_adds_7": "{} cart additions in 7 days",
    "cart_adds_30": "{} cart additions in 30 days",
    "checkouts_30": "{} checkouts in 30 days",
    "days_since_cart_add": "last cart addition {} days before (30: none)",
    "order_days_30": "{} order days of 30",
    "days_since_order": "last order {} days before (30: none)",
}
PURCHASE_EXAMPLES_SCHEMA = pa.schema(
    [("cut_date", pa.date32()), ("person_id", pa.string()), ("horizon_days", pa.int32())]
    + [(name, pa.int64()) for name in FEATURES]
    + [("ordered", pa.bool_())]
)
PURCHASE_PROPENSITY_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("horizon_days", pa.int32()),
        ("is_baseline", pa.bool_()),
        ("probability", pa.float64()),
        ("base_log_odds", pa.float64()),
        ("contributions", pa.list_(pa.float64())),
        ("explanation", pa.string()),
        ("model_version", pa.string()),
    ]
)
Floats = npt.NDArray[np.float64]
_REASONS = 3


@dataclass(frozen=True)
class PurchaseParams:
    """Settings of a run.

    Attributes:
        min_of_each: with fewer persons who ordered, or who did not, no model is fitted.
        min_persons: with fewer to compare, a baseline is served.
        iterations: trees of the boosting.
        leaves: of a tree.
        min_in_leaf: persons in a leaf.
        max_examples: at most so many are learned from, evenly over cuts and sorted ids.
    """

    min_of_each: int = 20
    min_persons: int = 30
    iterations: int = 60
    leaves: int = 8
    min_in_leaf: int = 40
    max_examples: int = 30_000


@dataclass(frozen=True)
class PurchaseRun:
    """Everything that a partition's run yields.

    Attributes:
        propensity: PURCHASE_PROPENSITY_SCHEMA, by person_id.
        metrics: rows of MODEL_METRICS_SCHEMA.
        card: the model card, plain JSON.
        gate: whether a model is served, or the plain share.
        shifts: how far features and scores of today are from those that were learned from.
    """

    propensity: pa.Table
    metrics: list[dict[str, Any]]
    card: dict[str, Any]
    gate: GateDecision
    shifts: list[Shift]

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


@dataclass(frozen=True)
class _Additive:
    """A fitted model of log-odds that is a sum over features.

    Attributes:
        base: log-odds at the reference.
        contributions: (n, k) features -> (n, k) what each adds to the base.
    """

    base: float
    contributions: Callable[[Floats], Floats]

    def probability(self, features: Floats) -> Floats:
        """(n,) from the sum."""
        return _probability(self.base + self.contributions(features).sum(axis=1))


def score_purchases(
    examples: pa.Table, as_of: date, params: PurchaseParams | None = None
) -> PurchaseRun:
    """Score everybody seen in the last 30 days.

    Args:
        examples: PURCHASE_EXAMPLES_SCHEMA; other columns are not looked at. Rows with cut_date
            as_of are scored, earlier ones with an outcome are learned from.
        as_of: partition date.
        params: settings; None for the defaults.

    Returns:
        The run; the table is empty where nobody was seen.

    Raises:
        ValueError: a column is missing, a person has two rows of a cut, a feature is null or below
            0, or an outcome is said of days that were not over.
    """
    params = params or PurchaseParams()
    known = _checked(examples, as_of)
    data = fingerprint(known)
    version = model_version("purchase", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)
    today = known.filter(pc.equal(known["cut_date"], pa.scalar(as_of)))
    past = known.filter(pc.is_valid(known["ordered"]))
    gate, name, measures, points = _compare(past, params)
    learned = _evenly(past, params.max_examples)
    model = _FITS[name](_features(learned), _outcomes(learned), params) if name else None
    before, now = _features(learned), _features(today)
    shifts = column_shifts(FEATURES, before, now) if len(before) and len(now) else []
    if model is not None and len(now):
        scores = model.probability(before), model.probability(now)
        shifts.append(population_stability("probability", *scores))
    measures |= {("purchase", f"psi_{one.name}"): (one.index, one.bar) for one in shifts}
    share = float(_outcomes(past).mean()) if past.num_rows else np.nan
    first, last = pc.min(known["cut_date"]).as_py(), pc.max(known["cut_date"]).as_py()
    metrics = metric_rows(measures, version, first, last)
    card = make_card(
        name="purchase",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=first,
        data_to=last,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline="the share of persons who ordered after earlier cuts",
        served=gate.served,
        gate_reason=gate.reason,
        counts={"examples": past.num_rows, "persons": today.num_rows},
    )
    card["features"] = list(FEATURES)
    card["champion"] = name or "share"
    card["calibration"] = points
    table = _table(today, model, share, past.num_rows, version)
    return PurchaseRun(table, metrics, card, gate, shifts)


def _checked(examples: pa.Table, as_of: date) -> pa.Table:
    missing = [n for n in PURCHASE_EXAMPLES_SCHEMA.names if n not in examples.column_names]
    if missing:
        raise ValueError(f"examples lack the columns {', '.join(missing)}")
    table = examples.select(PURCHASE_EXAMPLES_SCHEMA.names).cast(PURCHASE_EXAMPLES_SCHEMA)
    table = table.sort_by([("cut_date", "ascending"), ("person_id", "ascending")])
    for name in PURCHASE_EXAMPLES_SCHEMA.names[:-1]:
        if table[name].null_count:
            raise ValueError(f"examples have {table[name].null_count} rows without {name}")
    for name in FEATURES:
        if table.num_rows and pc.min(table[name]).as_py() < 0:
            raise ValueError(f"examples have a {name} below 0")
    keys = table.group_by(["cut_date", "person_id"]).aggregate([([], "count_all")])
    if keys.num_rows < table.num_rows:
        raise ValueError(f"{table.num_rows - keys.num_rows} persons have two rows of a cut")
    said = table.filter(pc.is_valid(table["ordered"]))
    if said.num_rows:
        horizon = timedelta(days=pc.max(said["horizon_days"]).as_py())
        last = pc.max(said["cut_date"]).as_py()
        if last + horizon > as_of:
            raise ValueError(
                f"an outcome of the {horizon.days} days after {last} was not known on {as_of}"
            )
    return table


def _evenly(table: pa.Table, most: int) -> pa.Table:
    """At most so many rows, at even distances."""
    if table.num_rows <= most:
        return table
    return table.take(pa.array(np.linspace(0, table.num_rows - 1, most).astype(np.int64)))


def _features(table: pa.Table) -> Floats:
    """(n, k) logarithms of 1 + each feature: the first view says more than the twentieth."""
    columns = [table[name].to_numpy().astype(np.float64) for name in FEATURES]
    return np.asarray(np.log1p(np.column_stack(columns)), dtype=np.float64)


def _outcomes(table: pa.Table) -> Floats:
    return np.asarray(table["ordered"].to_numpy(zero_copy_only=False), dtype=np.float64)


Measures = dict[tuple[str, str], tuple[float, float | None]]


def _compare(
    past: pa.Table, params: PurchaseParams
) -> tuple[GateDecision, str, Measures, dict[str, list[dict[str, float]]]]:
    """Learn from earlier cuts, predict the last one whose outcome is known."""
    metric = "minus Brier score of an order"
    last = pc.max(past["cut_date"])
    train = past.filter(pc.less(past["cut_date"], last)) if past.num_rows else past
    train = _evenly(train, params.max_examples)
    test = past.filter(pc.equal(past["cut_date"], last)) if past.num_rows else past
    happened, seen = _outcomes(train), _outcomes(test)
    fewest = int(min(happened.sum(), (1 - happened).sum()))
    if fewest < params.min_of_each or len(seen) < params.min_persons:
        reason = (
            f"baseline: {int(happened.sum())} of {len(happened)} persons ordered after earlier "
            f"cuts, and {len(seen)} to compare; {params.min_of_each} of each and "
            f"{params.min_persons} needed"
        )
        return GateDecision("baseline", reason, metric, 0.0, 0.0, 0), "", {}, {}
    features, asked = _features(train), _features(test)
    share = np.full(len(seen), happened.mean())
    found = {
        name: fit(features, happened, params).probability(asked) for name, fit in _FITS.items()
    }
    errors = {name: brier(one, seen) for name, one in found.items()}
    better = decide(metric, -errors["boosting"], -errors["logistic"], min_pairs=params.min_persons)
    name = "boosting" if better.served == "model" else "logistic"
    gate = decide(metric, -errors[name], -brier(share, seen), min_pairs=params.min_persons)
    measures: Measures = {}
    for one, predicted in found.items():
        of = f"purchase_{one}"
        gaps = [calibration_error(reliability(each, seen)) for each in (predicted, share)]
        measures[of, "brier"] = (float(errors[one].mean()), float(brier(share, seen).mean()))
        measures[of, "calibration_error"] = (gaps[0], gaps[1])
        area = area_under_curve(predicted, seen)
        if area is not None:
            measures[of, "area_under_curve"] = (area, 0.5)
    measures["purchase", "persons_validated"] = (float(len(seen)), float(len(seen)))
    measures["purchase", "share_ordered"] = (float(seen.mean()), float(happened.mean()))
    served = name if gate.served == "model" else ""
    points = {one: reliability(predicted, seen).points() for one, predicted in found.items()}
    gate = replace(gate, reason=gate.reason.replace("model:", f"{name}:", 1))
    return gate, served, measures, points


def _fit_logistic(features: Floats, ordered: Floats, params: PurchaseParams) -> _Additive:
    """Logistic regression on standardised features; the reference is the average person."""
    from sklearn.linear_model import LogisticRegression

    mean = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), 1e-12)
    fitted = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8)
    with _one_thread():
        fitted.fit((features - mean) / scale, ordered)
    weights = np.asarray(fitted.coef_[0] / scale, dtype=np.float64)
    return _Additive(float(fitted.intercept_[0]), lambda x: (x - mean) * weights)


def _fit_boosting(features: Floats, ordered: Floats, params: PurchaseParams) -> _Additive:
    """Boosted trees of one feature each; the reference is the person of all medians."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted = HistGradientBoostingClassifier(
        max_iter=params.iterations,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.min_in_leaf,
        interaction_cst="no_interactions",
        early_stopping=False,
        random_state=0,
    )
    reference = np.median(features, axis=0)
    with _one_thread():
        fitted.fit(features, ordered)
        base = float(fitted.decision_function(reference[None, :])[0])

    def contributions(x: Floats) -> Floats:
        found = np.zeros(x.shape)
        with _one_thread():
            for place in range(x.shape[1] if len(x) else 0):
                values, row = np.unique(x[:, place], return_inverse=True)
                asked = np.repeat(reference[None, :], len(values), axis=0)
                asked[:, place] = values
                found[:, place] = (fitted.decision_function(asked) - base)[row]
        return found

    return _Additive(base, contributions)


_FITS: dict[str, Callable[[Floats, Floats, PurchaseParams], _Additive]] = {
    "logistic": _fit_logistic,
    "boosting": _fit_boosting,
}


def _one_thread() -> threadpool_limits:
    """One thread for libraries that are loaded by now, those of scikit-learn among them.

    Threads that wait for each other cost more than they bring here, and the bytes are the same.
    """
    return threadpool_limits(limits=1)


def _probability(log_odds: Floats) -> Floats:
    return np.asarray(special.expit(log_odds), dtype=np.float64)


def _table(
    today: pa.Table, model: _Additive | None, share: float, examples: int, version: str
) -> pa.Table:
    size = today.num_rows
    if model is None:
        has_past = np.isfinite(share)
        chance = np.full(size, share)
        base = np.full(size, np.log(share / (1 - share)) if 0 < share < 1 else np.nan)
        parts: list[list[float]] = [[] for _ in range(size)]
        said = f"{share:.1%} of {examples} persons seen in 30 days ordered after earlier cuts"
        words = [said if has_past else "no outcome is known yet"] * size
    else:
        contributions = model.contributions(_features(today))
        chance = _probability(model.base + contributions.sum(axis=1))
        base = np.full(size, model.base)
        parts = contributions.tolist()
        words = _in_words(today, contributions, model.base)
    return pa.Table.from_arrays(
        [
            today["person_id"].combine_chunks(),
            today["horizon_days"].combine_chunks(),
            pa.array(np.full(size, model is None)),
            pa.array(chance, pa.float64(), mask=~np.isfinite(chance)),
            pa.array(base, pa.float64(), mask=~np.isfinite(base)),
            pa.array(parts, pa.list_(pa.float64())),
            pa.array(words, pa.string()),
            pa.array([version] * size, pa.string()),
        ],
        schema=PURCHASE_PROPENSITY_SCHEMA,
    )


def _in_words(today: pa.Table, contributions: Floats, base: float) -> list[str]:
    """The largest contributions, and what the others add up to; log-odds."""
    values = np.column_stack([today[name].to_numpy() for name in FEATURES])
    templates = list(FEATURES.values())
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :_REASONS]
    largest = np.take_along_axis(contributions, order, axis=1)
    rests = contributions.sum(axis=1) - largest.sum(axis=1)
    named = np.take_along_axis(values, order, axis=1)
    words = []
    for places, numbers, shares, rest in zip(
        order.tolist(), named.tolist(), largest.tolist(), rests.tolist(), strict=True
    ):
        said = [
            f"{templates[place].format(number)} {share:+.2f}"
            for place, number, share in zip(places, numbers, shares, strict=True)
        ]
        words.append(f"{'; '.join(said)}; the rest {rest:+.2f}; from {base:+.2f}")
    return words

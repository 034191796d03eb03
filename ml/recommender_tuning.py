"""Settings that past days find better: how feedback is weighted, then those of ALS.

An anchor learns from what lies before the week before the last and judges by that week, so that
the candidates are judged by days that no setting was chosen on. Here: what is tried, and what is
taken. Not here: the candidates' own back-test (recommender_validation.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from ml.als import AlsParams, fit_als
from ml.gate import decide, standard_error
from ml.interactions import build_matrix
from ml.list_comparison import compare_ndcg
from ml.recommender_backtest import Past
from ml.recommender_inputs import Feedback, Known, RecommendationParams
from ml.recommenders import ByFactors

FEEDBACK = "feedback"
ALS_SETTINGS = "als"
DEFAULT = "default"


@dataclass(frozen=True)
class Tried:
    """One candidate for a setting, on the same persons as the others.

    Attributes:
        name: of the candidate.
        value: mean NDCG at top_n.
        difference: from that of the default.
        standard_error: of the difference, paired by person; 0 for the default itself.
    """

    name: str
    value: float
    difference: float
    standard_error: float


@dataclass(frozen=True)
class Tuning:
    """What was tried for a setting, and what was taken.

    Attributes:
        chosen: name of the candidate; the default if nothing was tried.
        reason: why.
        persons: whom it was judged by.
        candidates: all, the default first.
    """

    chosen: str
    reason: str
    persons: int
    candidates: tuple[Tried, ...]

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Tuning:
        """From plain values."""
        tried = tuple(Tried(**one) for one in found["candidates"])
        return cls(found["chosen"], found["reason"], found["persons"], tried)


@dataclass(frozen=True)
class Tuned:
    """Settings that stand until the next anchor.

    Attributes:
        feedback: how what persons did is weighted.
        als: settings of ALS.
        tunings: setting -> what was tried.
    """

    feedback: Feedback
    als: AlsParams
    tunings: Mapping[str, Tuning]


def untuned(params: RecommendationParams, reason: str) -> Tuned:
    """The defaults, for a reason."""
    none = Tuning(DEFAULT, reason, 0, ())
    return Tuned(params.feedback, params.als, {FEEDBACK: none, ALS_SETTINGS: none})


def tune(past: Past, days: int, known: Known) -> Tuned:
    """The best settings on the days before those that the candidates are judged by.

    Others than the defaults are taken only where they are better beyond chance: a noisy choice
    costs nothing in quality, but it would change everybody's lists. Feedback is tried with the
    default ALS, whose settings are tried with what was taken.

    Args:
        past: the window without the days that candidates are judged by.
        days: how many days are judged by.
        known: what was known on the anchor.
    """
    params = known.params
    if known.days <= params.young_days:
        return untuned(params, f"no more than {params.young_days} days are known")
    if len(past.truth.persons) < params.min_tuning_persons:
        return untuned(params, _too_few(past, params))

    def earlier(most: int, feedback: Feedback) -> Past:
        return Past.of(_some_persons(past, most), past.cut, days, known, feedback)

    feedback, of_feedback = _tune_feedback(earlier(params.max_feedback_persons, params.feedback))
    als, of_als = _tune_als(earlier(params.max_tuning_persons, feedback))
    return Tuned(feedback, als, {FEEDBACK: of_feedback, ALS_SETTINGS: of_als})


def _tune_feedback(past: Past) -> tuple[Feedback, Tuning]:
    params = past.known.params
    types = set(pc.unique(past.rows["interaction"]).to_pylist())
    others = [one for one in params.feedback_alternatives if is_other(one, params.feedback, types)]
    tried = {one.name: one for one in (params.feedback, *others)}

    def weights(one: Feedback) -> Any:
        return one.weights(build_matrix(past.rows, past.cut, one.weighting), params)

    tuning = _tried(past, {name: (weights(one), params.als) for name, one in tried.items()})
    return tried[tuning.chosen], tuning


def is_other(one: Feedback, default: Feedback, types: Collection[str]) -> bool:
    """Whether feedback of these types is weighted otherwise, but for a factor.

    Of a log with orders alone no weights of types are better than others, only larger.
    """
    if (one.weighting.half_life_days, one.is_saturated) != (
        default.weighting.half_life_days,
        default.is_saturated,
    ):
        return True
    worth = [(one.weighting.by_type[t], default.weighting.by_type[t]) for t in sorted(types)]
    return any(a * worth[0][1] != b * worth[0][0] for a, b in worth)


def _tune_als(past: Past) -> tuple[AlsParams, Tuning]:
    params = past.known.params
    others = {f"alternative_{i}": one for i, one in enumerate(params.als_alternatives, 1)}
    tried = {DEFAULT: params.als, **others}
    tuning = _tried(past, {name: (past.weights, one) for name, one in tried.items()})
    return tried[tuning.chosen], tuning


def _tried(past: Past, candidates: Mapping[str, tuple[Any, AlsParams]]) -> Tuning:
    """ALS of every candidate's weights and settings, the default first, on what happened."""
    params = past.known.params
    if len(candidates) == 1:
        return Tuning(DEFAULT, "there is no alternative", 0, ())
    if len(past.truth.persons) < params.min_tuning_persons:
        return Tuning(DEFAULT, _too_few(past, params), 0, ())
    scores = {
        name: ByFactors.of(fit_als(weights, als), weights).scores
        for name, (weights, als) in candidates.items()
    }
    ndcg = compare_ndcg(scores, past.matrix.weights, past.truth, params.top_n)
    return choose_tried(ndcg, params)


def choose_tried(
    ndcg: Mapping[str, npt.NDArray[np.float64]], params: RecommendationParams
) -> Tuning:
    """Take the best candidate, if it beats the default by more than the best of so many would.

    One alternative must be better by one standard error of the paired difference, which noise is in
    16 % of cases; of m alternatives each has an m-th of that chance (Bonferroni).

    Args:
        ndcg: candidate -> (n,) of each person, `default` among them.
        params: settings.
    """
    metric, default = f"ndcg@{params.top_n}", ndcg[DEFAULT]
    min_z = float(-special.ndtri(special.ndtr(-1.0) / max(1, len(ndcg) - 1)))
    tried = tuple(_against(name, values, default) for name, values in ndcg.items())
    # Of equals the first: a sort is stable.
    best = sorted(tried, key=lambda one: -round(one.value, 9))
    for one in best:
        if one.name == DEFAULT:
            continue
        needed = params.min_validation_persons
        gate = decide(metric, ndcg[one.name], default, min_pairs=needed, min_z=min_z)
        if gate.served == "model":
            return Tuning(one.name, gate.reason, len(default), tried)
    reason = f"no alternative is better by {min_z:.2f} standard errors"
    return Tuning(DEFAULT, reason, len(default), tried)


def _against(name: str, values: npt.NDArray[np.float64], default: npt.NDArray[np.float64]) -> Tried:
    apart = values - default
    return Tried(name, float(values.mean()), float(apart.mean()), standard_error(apart))


def _too_few(past: Past, params: RecommendationParams) -> str:
    found, needed = len(past.truth.persons), params.min_tuning_persons
    return f"only {found} persons to judge by, {needed} needed"


def _some_persons(past: Past, most: int) -> pa.Table:
    """Rows of at most so many persons, evenly over the sorted ids."""
    persons = past.matrix.person_ids
    if len(persons) <= most:
        return past.rows
    take = np.linspace(0, len(persons) - 1, most).astype(np.int64)
    some = pa.array([persons[i] for i in take.tolist()], pa.string())
    return past.rows.filter(pc.is_in(past.rows["person_id"], value_set=some))

"""Which candidate recommends, and is it better than popularity? By the last days of its own window.

Here: the back-test of all candidates, the choice that stands until the next anchor. Not here: which
settings they have (recommender_tuning.py), what is measured (list_comparison.py), what is served
(recommendations.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.als import AlsParams
from ml.gate import GateDecision, decide
from ml.interactions import Weighting
from ml.list_comparison import POPULARITY, Comparison
from ml.recommender_backtest import Past
from ml.recommender_inputs import Feedback, Known, RecommendationParams
from ml.recommender_tuning import Tuning, tune, untuned
from ml.recommenders import ALS, fit_candidates
from ml.segment_comparison import SEGMENTS


@dataclass(frozen=True)
class Choice:
    """What an anchor settles until the next one.

    Attributes:
        as_of: date of the anchor.
        champion: the candidate that is served where the gate says so.
        gate: the champion against popularity.
        segments: popularity of segments against that of everybody.
        feedback: how what persons did is weighted.
        als: settings of ALS.
        tunings: setting -> what was tried for it.
        measures: candidate -> metric -> (value, value of popularity).
    """

    as_of: date
    champion: str
    gate: GateDecision
    segments: GateDecision
    feedback: Feedback
    als: AlsParams
    tunings: Mapping[str, Tuning]
    measures: Mapping[str, Mapping[str, tuple[float, float]]]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Choice:
        """From what `to_json` gave, also after JSON."""
        measures = {
            name: {metric: (pair[0], pair[1]) for metric, pair in of_one.items()}
            for name, of_one in found["measures"].items()
        }
        feedback = found["feedback"]
        return cls(
            date.fromisoformat(found["as_of"]),
            found["champion"],
            GateDecision(**found["gate"]),
            GateDecision(**found["segments"]),
            Feedback(**{**feedback, "weighting": Weighting(**feedback["weighting"])}),
            AlsParams(**found["als"]),
            {name: Tuning.from_json(one) for name, one in found["tunings"].items()},
            measures,
        )


def choose(known: Known) -> Choice:
    """Train on the days before, predict the products new to each person in the last days.

    Products seen in training are not ranked, for any side. Purchases before the window are not used
    here: bought pairs carry no date, and those of the last days would give the answer away.

    Args:
        known: what was known on the anchor.

    Returns:
        The champion: ALS, unless a challenger's NDCG@top_n beats it by the rule of the gate; it is
        served if it beats popularity by the same rule. Popularity of segments is, if it beats that
        of everybody by it on those who are served by either.
    """
    params = known.params
    days = min(params.validation_days, known.days // 4)
    tuned = untuned(params, "there is nothing to judge by")
    found = Comparison({ALS: np.zeros(0), POPULARITY: np.zeros(0)}, {})
    past = _past(known, days, params.feedback) if days >= 1 else None
    if past is not None and len(past.truth.persons):
        tuned = tune(past, days, known)
        past = past if tuned.feedback == params.feedback else _past(known, days, tuned.feedback)
        fitted = fit_candidates(past.matrix, past.weights, tuned.als, params)
        found = past.compare({name: one.scores for name, one in fitted.items()}, params.top_n)
    champion = _champion(found.ndcg, params)
    gate = _gate(found.ndcg[champion], found.ndcg[POPULARITY], params)
    measures = {name: _measures(found, name) for name in found.ndcg if name != POPULARITY}
    of_segments = Comparison({SEGMENTS: np.zeros(0), POPULARITY: np.zeros(0)}, {})
    if past is not None:
        of_segments = past.compare_segments(is_model_served=gate.served == "model")
    segments = _gate(of_segments.ndcg[SEGMENTS], of_segments.ndcg[POPULARITY], params)
    if segments.pairs:
        measures[SEGMENTS] = _measures(of_segments, SEGMENTS)
    return Choice(
        known.as_of,
        champion,
        gate,
        segments,
        tuned.feedback,
        tuned.als,
        tuned.tunings,
        measures,
    )


def _past(known: Known, days: int, feedback: Feedback) -> Past:
    return Past.of(known.window, known.as_of, days, known, feedback)


def _measures(found: Comparison, name: str) -> dict[str, tuple[float, float]]:
    persons = float(len(found.ndcg[name]))
    return {"persons_validated": (persons, persons)} | found.against_popularity(name)


def _gate(
    model: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64], params: RecommendationParams
) -> GateDecision:
    needed = params.min_validation_persons
    return decide(f"ndcg@{params.top_n}", model, baseline, min_pairs=needed)


def _champion(ndcg: Mapping[str, Any], params: RecommendationParams) -> str:
    """The best challenger that is better than ALS beyond chance, else ALS."""
    challengers = [name for name in ndcg if name not in (ALS, POPULARITY)]
    # Of equals the first: a sort is stable.
    for name in sorted(challengers, key=lambda one: -float(np.round(ndcg[one].mean(), 9))):
        if _gate(ndcg[name], ndcg[ALS], params).served == "model":
            return name
    return ALS

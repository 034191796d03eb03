"""Which candidate recommends, and is it better than popularity? By the last days of its own window.

Here: settings tuned on past days, the back-test of all candidates, the choice that stands until the
next anchor. Not here: what is measured (list_comparison.py), what is served (recommendations.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml.als import AlsParams, fit_als
from ml.diversity import CategoryRule
from ml.gate import GateDecision, decide
from ml.interactions import InteractionMatrix, bm25_weights, build_matrix
from ml.list_comparison import POPULARITY, Comparison, Truth, compare, find_truth
from ml.popularity import PopularityRanking
from ml.recommender_inputs import (
    Known,
    RecommendationParams,
    newcomers_on,
    popularity,
    popularity_scores,
)
from ml.recommenders import ALS, ByFactors, fit_candidates
from ml.segment_comparison import (
    SEGMENTS,
    compare_segments,
    segment_persons,
    with_empty_rows,
)
from ml.splits import split_by_date


@dataclass(frozen=True)
class Choice:
    """What an anchor settles until the next one.

    Attributes:
        as_of: date of the anchor.
        champion: the candidate that is served where the gate says so.
        gate: the champion against popularity.
        segments: popularity of segments against that of everybody.
        als: settings of ALS.
        measures: candidate -> metric -> (value, value of popularity).
    """

    as_of: date
    champion: str
    gate: GateDecision
    segments: GateDecision
    als: AlsParams
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
        return cls(
            date.fromisoformat(found["as_of"]),
            found["champion"],
            GateDecision(**found["gate"]),
            GateDecision(**found["segments"]),
            AlsParams(**found["als"]),
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
    als = params.als
    found = Comparison({ALS: np.zeros(0), POPULARITY: np.zeros(0)}, {})
    past = _Past.of(known.window, known.as_of, days, known) if days >= 1 else None
    if past is not None and len(past.truth.persons):
        als = _tuned(past, days, known)
        fitted = fit_candidates(past.matrix, past.weights, als, params)
        found = past.compare({name: one.scores for name, one in fitted.items()}, params.top_n)
    champion = _champion(found.ndcg, params)
    gate = _gate(found.ndcg[champion], found.ndcg[POPULARITY], params)
    measures = {name: _measures(found, name) for name in found.ndcg if name != POPULARITY}
    of_segments = Comparison({SEGMENTS: np.zeros(0), POPULARITY: np.zeros(0)}, {})
    if past is not None:
        of_segments = past.compare_segments(known, is_model_served=gate.served == "model")
    segments = _gate(of_segments.ndcg[SEGMENTS], of_segments.ndcg[POPULARITY], params)
    if segments.pairs:
        measures[SEGMENTS] = _measures(of_segments, SEGMENTS)
    return Choice(known.as_of, champion, gate, segments, als, measures)


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


@dataclass(frozen=True)
class _Past:
    """A window without its last days, and what happened in these.

    Attributes:
        rows: interactions up to the cut.
        cut: the last day that is learned from.
        matrix: of these rows.
        weights: the same by BM25.
        later: interactions after the cut.
        truth: what happened then.
        popularity: what was popular with all on the cut.
        rule: how many of one category a list may hold.
    """

    rows: pa.Table
    cut: date
    matrix: InteractionMatrix
    weights: Any
    later: pa.Table
    truth: Truth
    popularity: PopularityRanking
    rule: CategoryRule

    @classmethod
    def of(cls, window: pa.Table, as_of: date, days: int, known: Known) -> _Past:
        params = known.params
        rows, held_out, cut = split_by_date(window, as_of, days)
        matrix = build_matrix(rows, cut, params.weighting)
        return cls(
            rows,
            cut,
            matrix,
            bm25_weights(matrix.weights, params.bm25_k1, params.bm25_b),
            held_out,
            find_truth(matrix, matrix.weights, held_out, params),
            popularity(rows, cut, params),
            known.rule(matrix.product_ids),
        )

    def compare(self, candidates: Mapping[str, Any], k: int) -> Comparison:
        popular = popularity_scores(self.popularity, self.matrix)
        weights = self.matrix.weights
        return compare(candidates, popular, self.matrix, weights, self.truth, k, self.rule)

    def compare_segments(self, known: Known, *, is_model_served: bool) -> Comparison:
        params, matrix = known.params, self.matrix
        others = newcomers_on(known.visitors, self.cut, matrix.person_ids, params)
        persons = (*matrix.person_ids, *others)
        return compare_segments(
            segment_persons(self.rows, self.cut, known.visitors, persons, self.popularity, params),
            self.popularity,
            matrix,
            persons,
            with_empty_rows(matrix.weights, len(others)),
            self.later,
            params,
            self.rule,
            is_model_served=is_model_served,
        )


def _tuned(past: _Past, days: int, known: Known) -> AlsParams:
    """The best settings on the days before those that the candidates are judged by.

    Others than `als` are taken only where they are better beyond chance: a noisy choice costs
    nothing in quality, but it would change everybody's lists.
    """
    params = known.params
    if known.days <= params.young_days or len(past.truth.persons) < params.min_tuning_persons:
        return params.als
    earlier = _Past.of(_some_persons(past, params), past.cut, days, known)
    if len(earlier.truth.persons) < params.min_tuning_persons:
        return params.als
    tried = {str(i): one for i, one in enumerate((params.als, *params.als_alternatives))}
    scores = {
        name: ByFactors.of(fit_als(earlier.weights, one), earlier.weights).scores
        for name, one in tried.items()
    }
    ndcg = earlier.compare(scores, params.top_n).ndcg
    for name in sorted(tried, key=lambda one: -float(np.round(ndcg[one].mean(), 9))):
        if _gate(ndcg[name], ndcg["0"], params).served == "model":
            return tried[name]
    return params.als


def _some_persons(past: _Past, params: RecommendationParams) -> pa.Table:
    persons = past.matrix.person_ids
    if len(persons) <= params.max_tuning_persons:
        return past.rows
    take = np.linspace(0, len(persons) - 1, params.max_tuning_persons).astype(np.int64)
    some = pa.array([persons[i] for i in take.tolist()], pa.string())
    return past.rows.filter(pc.is_in(past.rows["person_id"], value_set=some))

"""Is the recommender better than popularity on the last days of its own window?

Here: the time split, the paired measures of both, the gate. Not here: what is served
(recommendations.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from threadpoolctl import threadpool_limits

from ml.als import AlsModel, AlsParams, TopN, fit_als, top_n
from ml.gate import GateDecision, decide
from ml.interactions import InteractionMatrix, Weighting, bm25_weights, build_matrix
from ml.popularity import rank_by_popularity
from ml.ranking_metrics import (
    average_precision_at_k,
    coverage,
    ndcg_at_k,
    novelty,
    rank_relevant,
    recall_at_k,
)
from ml.splits import split_by_date

_BLOCK = 512
_OF_RANKS = {"recall": recall_at_k, "ndcg": ndcg_at_k, "map": average_precision_at_k}


@dataclass(frozen=True)
class RecommendationParams:
    """Settings of a recommendation run.

    Attributes:
        als: settings of the factorisation.
        weighting: worth and half-life of interactions.
        bm25_k1: saturation of repeated interest.
        bm25_b: discount of long histories.
        window_days: days of interactions that are read.
        recent_days: window of popularity.
        validation_days: last days that the gate predicts; at most a quarter of the days there are.
        top_n: products recommended to a person.
        similar_n: similar products of a product.
        min_products: persons with fewer distinct products in the window get the baseline.
        exclude_bought: whether what a person has ever bought is kept off the lists; if not, it may
            be recommended although it was seen.
        min_validation_persons: with fewer, the gate serves the baseline.
        max_validation_persons: at most so many are measured, evenly over the sorted ids.
    """

    als: AlsParams = field(default_factory=AlsParams)
    weighting: Weighting = field(default_factory=Weighting)
    bm25_k1: float = 1.2
    bm25_b: float = 0.2
    window_days: int = 180
    recent_days: int = 7
    validation_days: int = 7
    top_n: int = 10
    similar_n: int = 10
    min_products: int = 2
    exclude_bought: bool = True
    min_validation_persons: int = 30
    max_validation_persons: int = 5000


@dataclass(frozen=True)
class Validation:
    """What the last days say.

    Attributes:
        gate: the decision.
        measures: metric -> (value of the model, value of the baseline).
    """

    gate: GateDecision
    measures: dict[str, tuple[float, float]]


def fit_matrix(matrix: InteractionMatrix, params: RecommendationParams) -> tuple[AlsModel, Any]:
    """Fit on BM25 weights; returns the model and the weights that it saw."""
    weights = bm25_weights(matrix.weights, params.bm25_k1, params.bm25_b)
    return fit_als(weights, params.als), weights


def validate(
    window: pa.Table, as_of: date, span_days: int, params: RecommendationParams
) -> Validation:
    """Train on the days before, predict the products new to each person in the last days.

    Products seen in training are not ranked, for either side. Purchases before the window are not
    used here: bought pairs carry no date, and those of the last days would give the answer away.

    Args:
        window: cleaned interactions of the window.
        as_of: its last day.
        span_days: days from the first interaction to as_of, inclusive.
        params: settings.

    Returns:
        The decision on NDCG@top_n and all measures.
    """
    k = params.top_n
    days = min(params.validation_days, span_days // 4)
    measured = _Measured.nothing()
    if days >= 1:
        train, held_out, cut = split_by_date(window, as_of, days)
        matrix = build_matrix(train, cut, params.weighting)
        persons, relevant = _relevant_products(matrix, held_out, as_of, params)
        if len(persons):
            model, _ = fit_matrix(matrix, params)
            popular = _popularity_scores(train, cut, matrix, params)
            measured = _measure(model, popular, matrix, persons, relevant, k)
    ndcg = measured.ndcg
    gate = decide(f"ndcg@{k}", ndcg[0], ndcg[1], min_pairs=params.min_validation_persons)
    validated = float(ndcg.shape[1])
    return Validation(gate, {"persons_validated": (validated, validated)} | measured.measures)


def _relevant_products(
    matrix: InteractionMatrix, held_out: pa.Table, as_of: date, params: RecommendationParams
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Persons with enough history, and the catalogue's products that were new to them later."""
    later = build_matrix(held_out, as_of, params.weighting)
    row_of = {p: i for i, p in enumerate(matrix.person_ids)}
    column_of = {p: i for i, p in enumerate(matrix.product_ids)}
    rows = np.array([row_of.get(p, -1) for p in later.person_ids], dtype=np.int64)
    columns = np.array([column_of.get(p, -1) for p in later.product_ids], dtype=np.int64)
    cells = later.weights.tocoo()
    row, column = rows[cells.row], columns[cells.col]
    known = (row >= 0) & (column >= 0)
    row, column = row[known], column[known]
    known = np.diff(matrix.weights.indptr)[row] >= params.min_products
    row, column = row[known], column[known]
    ones = np.ones(len(row), dtype=np.float32)
    visited = sparse.csr_matrix((ones, (row, column)), shape=matrix.weights.shape)
    new = visited - visited.multiply(matrix.weights != 0)
    new.eliminate_zeros()
    new.sort_indices()
    persons = np.flatnonzero(np.diff(new.indptr)).astype(np.int64)
    if len(persons) > params.max_validation_persons:
        take = np.linspace(0, len(persons) - 1, params.max_validation_persons).astype(np.int64)
        persons = persons[take]
    found = [new.indices[new.indptr[i] : new.indptr[i + 1]].astype(np.int64) for i in persons]
    return persons, found


def _popularity_scores(
    train: pa.Table, cut: date, matrix: InteractionMatrix, params: RecommendationParams
) -> npt.NDArray[np.float64]:
    """Scores without ties, in the very order in which popularity would be served."""
    ranking = rank_by_popularity(
        train, cut, params.weighting, params.recent_days, params.window_days
    )
    place = {product: i for i, product in enumerate(ranking.product_ids)}
    last = len(place)
    return np.array([-float(place.get(p, last)) for p in matrix.product_ids])


@dataclass(frozen=True)
class _Measured:
    """NDCG of the model and of the baseline, (2, n persons), and the means of all measures."""

    ndcg: npt.NDArray[np.float64]
    measures: dict[str, tuple[float, float]]

    @classmethod
    def nothing(cls) -> _Measured:
        """Nobody could be measured."""
        return cls(np.zeros((2, 0)), {})


def _measure(
    model: AlsModel,
    popular: npt.NDArray[np.float64],
    matrix: InteractionMatrix,
    persons: npt.NDArray[np.int64],
    relevant: list[npt.NDArray[np.int64]],
    k: int,
) -> _Measured:
    """At k, on which the gate decides, and at twice as many."""
    values = np.zeros((2, 2, len(_OF_RANKS), len(persons)))
    listed: tuple[list[TopN], list[TopN]] = ([], [])
    for start in range(0, len(persons), _BLOCK):
        part = persons[start : start + _BLOCK]
        with threadpool_limits(limits=1, user_api="blas"):
            scores = model.user_factors[part] @ model.item_factors.T
        seen = matrix.weights[part].toarray() != 0
        for side, block in enumerate((scores, np.broadcast_to(popular, scores.shape))):
            listed[side].append(top_n(block, 2 * k, seen))
            for i, row in enumerate(part):
                at = start + i
                of_person = rank_relevant(block[i], relevant[at], _row(matrix, row))
                values[side, :, :, at] = [
                    [measure(of_person, depth) for measure in _OF_RANKS.values()]
                    for depth in (k, 2 * k)
                ]
    owners = np.bincount(matrix.weights.indices, minlength=len(matrix.product_ids))
    items, ranks = (
        [np.concatenate([getattr(part, name) for part in side]) for side in listed]
        for name in ("items", "ranks")
    )
    measures: dict[str, tuple[float, float]] = {}
    for place, depth in enumerate((k, 2 * k)):
        means = values[:, place].mean(axis=2)
        for i, name in enumerate(_OF_RANKS):
            measures[f"{name}@{depth}"] = (float(means[0, i]), float(means[1, i]))
        model_lists, baseline_lists = (
            side[of_side <= depth] for side, of_side in zip(items, ranks, strict=True)
        )
        measures[f"coverage@{depth}"] = (
            coverage(model_lists, len(owners)),
            coverage(baseline_lists, len(owners)),
        )
        measures[f"novelty@{depth}"] = (
            novelty(model_lists, owners, len(matrix.person_ids)),
            novelty(baseline_lists, owners, len(matrix.person_ids)),
        )
    return _Measured(values[:, 0, list(_OF_RANKS).index("ndcg")], measures)


def _row(matrix: InteractionMatrix, row: int) -> npt.NDArray[np.int64]:
    indptr = matrix.weights.indptr
    return np.asarray(matrix.weights.indices[indptr[row] : indptr[row + 1]], dtype=np.int64)

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

from ml.als import AlsModel, AlsParams, fit_als, top_n
from ml.gate import GateDecision, decide
from ml.interactions import InteractionMatrix, Weighting, bm25_weights, build_matrix
from ml.popularity import rank_by_popularity
from ml.ranking_metrics import (
    average_precision_at_k,
    coverage,
    ndcg_at_k,
    rank_relevant,
    recall_at_k,
)
from ml.splits import split_by_date

_BLOCK = 512


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
    values = np.zeros((2, 3, 0))
    covered = (0.0, 0.0)
    if days >= 1:
        train, held_out, cut = split_by_date(window, as_of, days)
        matrix = build_matrix(train, cut, params.weighting)
        persons, relevant = _relevant_products(matrix, held_out, as_of, params)
        if len(persons):
            model, _ = fit_matrix(matrix, params)
            popular = _popularity_scores(train, cut, matrix, params)
            values, covered = _measure(model, popular, matrix, persons, relevant, k)
    gate = decide(f"ndcg@{k}", values[0, 1], values[1, 1], min_pairs=params.min_validation_persons)
    measures = {"persons_validated": (float(values.shape[2]), float(values.shape[2]))}
    if values.shape[2]:
        for i, name in enumerate(("recall", "ndcg", "map")):
            measures[f"{name}@{k}"] = (float(values[0, i].mean()), float(values[1, i].mean()))
        measures[f"coverage@{k}"] = covered
    return Validation(gate, measures)


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


def _measure(
    model: AlsModel,
    popular: npt.NDArray[np.float64],
    matrix: InteractionMatrix,
    persons: npt.NDArray[np.int64],
    relevant: list[npt.NDArray[np.int64]],
    k: int,
) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """(2 sides, 3 measures, n persons), and the coverage of both."""
    values = np.zeros((2, 3, len(persons)))
    listed: tuple[list[Any], list[Any]] = ([], [])
    for start in range(0, len(persons), _BLOCK):
        part = persons[start : start + _BLOCK]
        with threadpool_limits(limits=1, user_api="blas"):
            scores = model.user_factors[part] @ model.item_factors.T
        seen = matrix.weights[part].toarray() != 0
        for side, block in enumerate((scores, np.broadcast_to(popular, scores.shape))):
            listed[side].append(top_n(block, k, seen).items)
            for i, row in enumerate(part):
                at = start + i
                ranks = rank_relevant(block[i], relevant[at], _row(matrix, row))
                values[side, :, at] = (
                    recall_at_k(ranks, k),
                    ndcg_at_k(ranks, k),
                    average_precision_at_k(ranks, k),
                )
    n_items = len(matrix.product_ids)
    covered = [coverage(np.concatenate(side), n_items) for side in listed]
    return values, (covered[0], covered[1])


def _row(matrix: InteractionMatrix, row: int) -> npt.NDArray[np.int64]:
    indptr = matrix.weights.indptr
    return np.asarray(matrix.weights.indices[indptr[row] : indptr[row + 1]], dtype=np.int64)

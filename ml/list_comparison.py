"""Lists of several candidates held against what the same persons did next.

Here: whom and which products that is measured on, and all measures at two depths. Not here: what
is concluded from it (recommender_validation.py), what a measure is (ranking_metrics.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from threadpoolctl import threadpool_limits

from ml.als import TopN, top_n
from ml.interactions import InteractionMatrix
from ml.ranking_metrics import (
    average_precision_at_k,
    coverage,
    ndcg_at_k,
    novelty,
    rank_relevant,
    recall_at_k,
)
from ml.recommender_inputs import RecommendationParams, cells

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
# Scores (m, n_products) of m rows of the matrix.
Scores = Callable[[IntArray], Any]

POPULARITY = "popularity"
_BLOCK = 512
_OF_RANKS = {"recall": recall_at_k, "ndcg": ndcg_at_k, "map": average_precision_at_k}


@dataclass(frozen=True)
class Truth:
    """What persons did next.

    Attributes:
        persons: (n,) rows of the matrix.
        relevant: n arrays of columns, each with at least one.
    """

    persons: IntArray
    relevant: list[IntArray]


@dataclass(frozen=True)
class Comparison:
    """Candidates on the same persons.

    Attributes:
        ndcg: candidate -> (n,) NDCG at k of each person.
        measures: candidate -> measure -> mean; empty where nobody could be measured.
    """

    ndcg: dict[str, FloatArray]
    measures: dict[str, dict[str, float]]

    def against_popularity(self, name: str) -> dict[str, tuple[float, float]]:
        """Each measure of a candidate, beside that of popularity."""
        return {
            metric: (value, self.measures[POPULARITY][metric])
            for metric, value in self.measures.get(name, {}).items()
        }


def find_truth(
    matrix: InteractionMatrix, excluded: Any, later: pa.Table, params: RecommendationParams
) -> Truth:
    """Persons with enough history who later did something with a product open to them.

    Args:
        matrix: what was known before.
        excluded: csr of its shape, set where a product is not ranked for a person.
        later: columns person_id and product_id; what is not in the matrix is left out.
        params: settings.
    """
    visited = cells(later, matrix.person_ids, matrix.product_ids)
    enough = np.diff(matrix.weights.indptr) >= params.min_products
    visited = sparse.diags(enough.astype(np.float32)) @ (visited != 0)
    new = (visited - visited.multiply(excluded != 0)).tocsr()
    new.eliminate_zeros()
    new.sort_indices()
    persons = np.flatnonzero(np.diff(new.indptr)).astype(np.int64)
    if len(persons) > params.max_validation_persons:
        take = np.linspace(0, len(persons) - 1, params.max_validation_persons).astype(np.int64)
        persons = persons[take]
    return Truth(persons, [_row(new, int(row)) for row in persons])


def compare(
    candidates: Mapping[str, Scores],
    popular: FloatArray,
    matrix: InteractionMatrix,
    excluded: Any,
    truth: Truth,
    k: int,
) -> Comparison:
    """Measure candidates and popularity at k and at twice as many.

    Args:
        candidates: name -> scores.
        popular: (n_products,) scores of popularity, the same for everybody.
        matrix: what was known before.
        excluded: csr of its shape, set where a product is not ranked for a person.
        truth: what happened.
        k: the depth that decisions are made at.
    """

    def by_popularity(rows: IntArray) -> Any:
        return np.broadcast_to(popular, (len(rows), len(popular)))

    sides: dict[str, Scores] = {**candidates, POPULARITY: by_popularity}
    values = np.zeros((len(sides), 2, len(_OF_RANKS), len(truth.persons)))
    listed: list[list[TopN]] = [[] for _ in sides]
    for start in range(0, len(truth.persons), _BLOCK):
        part = truth.persons[start : start + _BLOCK]
        closed = excluded[part]
        left_out = closed.toarray() != 0
        for side, scores_of in enumerate(sides.values()):
            with threadpool_limits(limits=1, user_api="blas"):
                block = scores_of(part)
            listed[side].append(top_n(block, 2 * k, left_out))
            for i in range(len(part)):
                ranks = rank_relevant(block[i], truth.relevant[start + i], _row(closed, i))
                values[side, :, :, start + i] = [
                    [measure(ranks, depth) for measure in _OF_RANKS.values()]
                    for depth in (k, 2 * k)
                ]
    ndcg = list(_OF_RANKS).index("ndcg")
    return Comparison(
        {name: values[side, 0, ndcg] for side, name in enumerate(sides)},
        {
            name: _means(values[side], listed[side], matrix, k)
            for side, name in enumerate(sides)
            if len(truth.persons)
        },
    )


def _means(
    values: FloatArray, listed: list[TopN], matrix: InteractionMatrix, k: int
) -> dict[str, float]:
    items = np.concatenate([part.items for part in listed])
    ranks = np.concatenate([part.ranks for part in listed])
    owners = np.bincount(matrix.weights.indices, minlength=len(matrix.product_ids))
    found: dict[str, float] = {}
    for place, depth in enumerate((k, 2 * k)):
        for name, mean in zip(_OF_RANKS, values[place].mean(axis=1), strict=True):
            found[f"{name}@{depth}"] = float(mean)
        of_depth = items[ranks <= depth]
        found[f"coverage@{depth}"] = coverage(of_depth, len(owners))
        found[f"novelty@{depth}"] = novelty(of_depth, owners, len(matrix.person_ids))
    return found


def _row(matrix: Any, row: int) -> IntArray:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.int64)

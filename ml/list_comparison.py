"""Lists of several candidates held against what the same persons did next.

Here: whom and which products that is measured on, and all measures at two depths. Not here: what
is concluded from it (recommender_validation.py), what a measure is (ranking_metrics.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse
from threadpoolctl import threadpool_limits

from ml.als import TopN
from ml.diversity import CategoryRule, category_coverage, intra_list_diversity
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
    matrix: InteractionMatrix,
    excluded: Any,
    later: pa.Table,
    params: RecommendationParams,
    among: npt.NDArray[np.bool_] | None = None,
) -> Truth:
    """Persons who later did something with a product open to them.

    Args:
        matrix: what was known before.
        excluded: csr of its shape, set where a product is not ranked for a person.
        later: columns person_id and product_id; what is not in the matrix is left out.
        params: settings.
        among: (n_persons,) who is looked at; None for those with enough history.
    """
    visited = cells(later, matrix.person_ids, matrix.product_ids)
    if among is None:
        among = np.diff(matrix.weights.indptr) >= params.min_products
    visited = sparse.diags(among.astype(np.float32)) @ (visited != 0)
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
    rule: CategoryRule,
) -> Comparison:
    """Measure candidates and popularity at k and at twice as many.

    Recall, NDCG and MAP are those of the whole rankings, in which ties can be told; list recall,
    coverage, novelty and diversity those of lists within the rule of categories, as served.

    Args:
        candidates: name -> scores.
        popular: (n_products,) scores of popularity, the same for everybody.
        matrix: what was known before.
        excluded: csr of its shape, set where a product is not ranked for a person.
        truth: what happened.
        k: the depth that decisions are made at.
        rule: how many products of one category a list may hold.
    """

    def by_popularity(rows: IntArray) -> Any:
        return np.broadcast_to(popular, (len(rows), len(popular)))

    sides: dict[str, Scores] = {**candidates, POPULARITY: by_popularity}
    values = np.zeros((len(sides), 2, len(_OF_RANKS) + 1, len(truth.persons)))
    depths = (k, 2 * k)
    listed: list[tuple[list[TopN], ...]] = [([], []) for _ in sides]
    for start in range(0, len(truth.persons), _BLOCK):
        part = truth.persons[start : start + _BLOCK]
        closed = excluded[part]
        left_out = closed.toarray() != 0
        for side, scores_of in enumerate(sides.values()):
            with threadpool_limits(limits=1, user_api="blas"):
                block = scores_of(part)
            for place, found in enumerate(_lists(block, depths, left_out, rule)):
                listed[side][place].append(replace(found, rows=found.rows + start))
                values[side, place, -1, start : start + len(part)] = _recall_of_lists(
                    found, truth.relevant[start : start + len(part)]
                )
            for i in range(len(part)):
                ranks = rank_relevant(block[i], truth.relevant[start + i], _row(closed, i))
                values[side, :, :-1, start + i] = [
                    [measure(ranks, depth) for measure in _OF_RANKS.values()] for depth in depths
                ]
    ndcg = list(_OF_RANKS).index("ndcg")
    return Comparison(
        {name: values[side, 0, ndcg] for side, name in enumerate(sides)},
        {
            name: _means(values[side], dict(zip(depths, listed[side], strict=True)), matrix, rule)
            for side, name in enumerate(sides)
            if len(truth.persons)
        },
    )


def compare_ndcg(
    candidates: Mapping[str, Scores], excluded: Any, truth: Truth, k: int
) -> dict[str, FloatArray]:
    """NDCG at k of each person by each candidate, as in `compare` and nothing else.

    Args:
        candidates: name -> scores.
        excluded: csr (n_persons, n_products), set where a product is not ranked for a person.
        truth: what happened.
        k: depth.
    """
    found = {name: np.zeros(len(truth.persons)) for name in candidates}
    for start in range(0, len(truth.persons), _BLOCK):
        part = truth.persons[start : start + _BLOCK]
        closed = excluded[part]
        for name, scores_of in candidates.items():
            with threadpool_limits(limits=1, user_api="blas"):
                block = scores_of(part)
            for i in range(len(part)):
                ranks = rank_relevant(block[i], truth.relevant[start + i], _row(closed, i))
                found[name][start + i] = ndcg_at_k(ranks, k)
    return found


def _lists(block: Any, depths: tuple[int, ...], left_out: Any, rule: CategoryRule) -> list[TopN]:
    """The lists of a block at each depth, the deepest last."""
    if rule.is_on:
        return [rule.top_n(block, depth, left_out) for depth in depths]
    # Without a rule a shorter list is the head of a longer one.
    one = rule.top_n(block, depths[-1], left_out)
    heads = [one.ranks <= depth for depth in depths]
    return [TopN(one.rows[i], one.ranks[i], one.items[i], one.scores[i]) for i in heads]


def _recall_of_lists(lists: TopN, relevant: list[IntArray]) -> list[float]:
    edges = np.searchsorted(lists.rows, np.arange(len(relevant) + 1))
    return [
        float(np.isin(one, lists.items[start:end]).mean())
        for one, (start, end) in zip(relevant, pairwise(edges.tolist()), strict=True)
    ]


def _means(
    values: FloatArray,
    listed: Mapping[int, list[TopN]],
    matrix: InteractionMatrix,
    rule: CategoryRule,
) -> dict[str, float]:
    owners = np.bincount(matrix.weights.indices, minlength=len(matrix.product_ids))
    found: dict[str, float] = {}
    for place, (depth, parts) in enumerate(listed.items()):
        for name, mean in zip((*_OF_RANKS, "list_recall"), values[place].mean(axis=1), strict=True):
            found[f"{name}@{depth}"] = float(mean)
        items = np.concatenate([part.items for part in parts])
        found[f"coverage@{depth}"] = coverage(items, len(owners))
        found[f"novelty@{depth}"] = novelty(items, owners, len(matrix.person_ids))
        if rule.knows_any:
            rows = np.concatenate([part.rows for part in parts])
            found[f"diversity@{depth}"] = intra_list_diversity(rows, items, rule.codes)
            found[f"category_coverage@{depth}"] = category_coverage(items, rule.codes)
    return found


def _row(matrix: Any, row: int) -> IntArray:
    return np.asarray(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]], dtype=np.int64)

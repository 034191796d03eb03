"""Lists of a partition as tables: by the champion, by popularity, and similar products.

Here: who is served by which side, the reasons, the order of rows. Not here: the fits
(recommenders.py), the choice between them (recommender_validation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from ml.als import AlsModel, TopN, list_best, similar_products
from ml.interactions import InteractionMatrix
from ml.popularity import PopularityRanking
from ml.reasons import because, popular
from ml.recommender_inputs import Known, RecommendationParams, cells
from ml.recommenders import Recommender

RECOMMENDATIONS_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("rank", pa.int32()),
        ("product_id", pa.string()),
        ("score", pa.float64()),
        ("reason", pa.string()),
        ("is_baseline", pa.bool_()),
        ("model_version", pa.string()),
    ]
)
SIMILAR_PRODUCTS_SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("rank", pa.int32()),
        ("similar_product_id", pa.string()),
        ("score", pa.float64()),
        ("model_version", pa.string()),
    ]
)


@dataclass(frozen=True)
class Lists:
    """The lists of a partition.

    Attributes:
        table: RECOMMENDATIONS_SCHEMA, by person_id and rank.
        by_model: persons who are served by the champion.
        newcomers: visitors without history in the window.
    """

    table: pa.Table
    by_model: int
    newcomers: int


def list_products(known: Known, champion: Recommender, is_served: bool, version: str) -> Lists:
    """List the best products of everybody, with reasons.

    Args:
        known: what was known on the date.
        champion: fitted to it.
        is_served: whether the gate serves it; if not, everybody gets what is popular.
        version: of the model.
    """
    matrix, params = known.matrix, known.params
    history = np.diff(matrix.weights.indptr)
    by_model = (history >= params.min_products) & is_served
    served = np.flatnonzero(by_model).astype(np.int64)
    n_products = len(matrix.product_ids)
    lists = list_best(champion.scores, served, n_products, params.top_n, known.excluded)
    persons, others_bought = _without_history(matrix, known.visitors, known.bought, params)
    everybody = sparse.vstack([known.excluded, others_bought], format="csr")
    newcomers = np.arange(len(matrix.person_ids), len(persons), dtype=np.int64)
    unpersonal = np.concatenate([np.flatnonzero(~by_model).astype(np.int64), newcomers])
    parts = [
        _model_rows(matrix, champion, lists, served),
        _popular_rows(matrix, known.popularity(), everybody, unpersonal, params),
    ]
    table = _recommendations_table(matrix, persons, parts, version)
    return Lists(table, int(by_model.sum()), len(newcomers))


@dataclass(frozen=True)
class _Rows:
    """Rows of the recommendations, column by column.

    Attributes:
        persons: (n,) rows of the matrix, then visitors without history.
        ranks: (n,) 1-based.
        products: (n,) column of the matrix.
        scores: (n,) float64.
        reasons: (n,) texts.
        is_baseline: which side they come from.
    """

    persons: Any
    ranks: Any
    products: Any
    scores: Any
    reasons: list[str]
    is_baseline: bool


def _without_history(
    matrix: InteractionMatrix, visitors: pa.Table, pairs: pa.Table, params: RecommendationParams
) -> tuple[tuple[str, ...], Any]:
    """Persons of the matrix and then visitors who are not in it; what these have bought."""
    others = sorted(set(visitors["person_id"].to_pylist()) - set(matrix.person_ids))
    bought = cells(pairs, tuple(others), matrix.product_ids)
    if not params.exclude_bought:
        bought = sparse.csr_matrix(bought.shape, dtype=np.float32)
    return (*matrix.person_ids, *others), bought


def _model_rows(matrix: InteractionMatrix, model: Recommender, lists: TopN, served: Any) -> _Rows:
    starts = np.searchsorted(lists.rows, np.arange(len(served) + 1)).tolist()
    names = np.array(matrix.product_ids, dtype=object)
    indptr, indices = matrix.weights.indptr, matrix.weights.indices
    reasons: list[str] = []
    for i, row in enumerate(served.tolist()):
        items = lists.items[starts[i] : starts[i + 1]]
        if not len(items):
            continue
        past = slice(indptr[row], indptr[row + 1])
        shares = model.shares(row, items)
        reasons += because(shares, names[indices[past]], matrix.strongest[past].tolist())
    return _Rows(served[lists.rows], lists.ranks, lists.items, lists.scores, reasons, False)


def _popular_rows(
    matrix: InteractionMatrix,
    ranking: PopularityRanking,
    excluded: Any,
    persons: Any,
    params: RecommendationParams,
) -> _Rows:
    column_of = {product: j for j, product in enumerate(matrix.product_ids)}
    columns = np.array([column_of[product] for product in ranking.product_ids], dtype=np.int64)
    kept: list[Any] = []
    is_open = np.ones(len(matrix.product_ids), dtype=bool)
    for row in persons.tolist():
        left_out = excluded.indices[excluded.indptr[row] : excluded.indptr[row + 1]]
        is_open[left_out] = False
        # No more than so many of the most popular can be left out.
        most = columns[: params.top_n + len(left_out)]
        kept.append(np.flatnonzero(is_open[most])[: params.top_n])
        is_open[left_out] = True
    lengths = np.array([len(places) for places in kept], dtype=np.int64)
    places = np.concatenate([*kept, np.zeros(0, dtype=np.int64)])
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    reasons = [popular(days) for days in ranking.days.tolist()]
    return _Rows(
        np.repeat(persons, lengths),
        np.arange(len(places)) - first + 1,
        columns[places],
        ranking.scores[places],
        [reasons[place] for place in places.tolist()],
        True,
    )


def _recommendations_table(
    matrix: InteractionMatrix, person_ids: tuple[str, ...], parts: list[_Rows], version: str
) -> pa.Table:
    persons = np.concatenate([part.persons for part in parts])
    ranks = np.concatenate([part.ranks for part in parts])
    # A person is served by one side only.
    by_id = np.empty(len(person_ids), dtype=np.int64)
    by_id[np.argsort(np.array(person_ids, dtype=object), kind="stable")] = np.arange(len(by_id))
    order = np.lexsort((ranks, by_id[persons]))
    baseline = np.concatenate([np.full(len(part.ranks), part.is_baseline) for part in parts])
    products = np.concatenate([part.products for part in parts])
    reasons = pa.array([text for part in parts for text in part.reasons], pa.string())
    return pa.Table.from_arrays(
        [
            pa.array(person_ids, pa.string()).take(pa.array(persons[order])),
            pa.array(ranks[order].astype(np.int32)),
            pa.array(matrix.product_ids, pa.string()).take(pa.array(products[order])),
            pa.array(np.concatenate([part.scores for part in parts])[order]),
            reasons.take(pa.array(order)),
            pa.array(baseline[order].astype(bool)),
            pa.array([version] * len(order), pa.string()),
        ],
        schema=RECOMMENDATIONS_SCHEMA,
    )


def similar_table(matrix: InteractionMatrix, model: AlsModel, n: int, version: str) -> pa.Table:
    """SIMILAR_PRODUCTS_SCHEMA: the n products whose vectors are nearest to each product's."""
    lists = similar_products(model, n)
    ids = np.array(matrix.product_ids, dtype=object)
    return pa.Table.from_arrays(
        [
            pa.array(ids[lists.rows], pa.string()),
            pa.array(lists.ranks.astype(np.int32), pa.int32()),
            pa.array(ids[lists.items], pa.string()),
            pa.array(lists.scores, pa.float64()),
            pa.array([version] * len(lists.rows), pa.string()),
        ],
        schema=SIMILAR_PRODUCTS_SCHEMA,
    )

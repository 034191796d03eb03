"""Lists of a partition as tables: by the champion, by popularity, and similar products.

Here: who is served by which side, the reasons, the order of rows. Not here: the fits
(recommenders.py), the choice between them (recommender_validation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ml.als import AlsModel, TopN, list_best, similar_products
from ml.diversity import CategoryRule
from ml.interactions import InteractionMatrix
from ml.reasons import because, popular
from ml.recommender_inputs import Known
from ml.recommenders import Recommender
from ml.segment_comparison import segment_persons
from ml.segment_popularity import SegmentRanking
from ml.segments import Segment

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
# How much deeper than a list is looked before a whole ranking is gone through.
_DEEPER = 5
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
        by_segment: persons who are served what is popular in their segment.
    """

    table: pa.Table
    by_model: int
    newcomers: int
    by_segment: int


def list_products(
    known: Known, champion: Recommender, is_served: bool, by_segment: bool, version: str
) -> Lists:
    """List the best products of everybody, with reasons.

    Args:
        known: what was known on the date.
        champion: fitted to it.
        is_served: whether the gate serves it; if not, everybody gets what is popular.
        by_segment: whether what is popular is that of a person's segment, where it is known.
        version: of the model.
    """
    matrix, params = known.matrix, known.params
    rule = known.rule(matrix.product_ids)
    history = np.diff(matrix.weights.indptr)
    by_model = (history >= params.min_products) & is_served
    served = np.flatnonzero(by_model).astype(np.int64)
    n_products = len(matrix.product_ids)
    lists = list_best(champion.scores, served, n_products, params.top_n, known.excluded, rule.top_n)
    persons, excluded = known.everybody()
    newcomers = np.arange(len(matrix.person_ids), len(persons), dtype=np.int64)
    unpersonal = np.concatenate([np.flatnonzero(~by_model).astype(np.int64), newcomers])
    parts = [_model_rows(matrix, champion, lists, served)]
    for ranking, of_segment in _by_segment(known, persons, unpersonal, by_segment):
        parts.append(_popular_rows(matrix, ranking, excluded, of_segment, params.top_n, rule))
    table = _recommendations_table(matrix, persons, parts, version)
    return Lists(table, int(by_model.sum()), len(newcomers), _segmented(parts))


def _by_segment(
    known: Known, persons: tuple[str, ...], rows: Any, by_segment: bool
) -> list[tuple[SegmentRanking, Any]]:
    """What is popular with whom, and the rows of the persons whom it is served to."""
    everybody = known.popularity()
    if not by_segment:
        return [(SegmentRanking.of_everybody(everybody), rows)]
    names = [persons[row] for row in rows.tolist()]
    found = segment_persons(
        known.window, known.as_of, known.visitors, names, everybody, known.params
    )
    places: dict[Segment, list[int]] = {}
    for row, segment in zip(rows.tolist(), found.segments, strict=True):
        places.setdefault(segment, []).append(row)
    return [(found.rankings[one], np.array(of, dtype=np.int64)) for one, of in places.items()]


def _segmented(parts: list[_Rows]) -> int:
    return sum(len(np.unique(part.persons)) for part in parts if part.by_segment)


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
        by_segment: whether they are what is popular in a segment.
    """

    persons: Any
    ranks: Any
    products: Any
    scores: Any
    reasons: list[str]
    is_baseline: bool
    by_segment: bool = False


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
    popular_with: SegmentRanking,
    excluded: Any,
    persons: Any,
    n: int,
    rule: CategoryRule,
) -> _Rows:
    ranking = popular_with.ranking
    column_of = {product: j for j, product in enumerate(matrix.product_ids)}
    columns = np.array([column_of[product] for product in ranking.product_ids], dtype=np.int64)
    kept: list[Any] = []
    is_open = np.ones(len(matrix.product_ids), dtype=bool)
    alike: Any = None
    for row in persons.tolist():
        left_out = excluded.indices[excluded.indptr[row] : excluded.indptr[row + 1]]
        if alike is not None and not len(left_out):
            kept.append(alike)
            continue
        is_open[left_out] = False
        kept.append(_best_open(columns, is_open, len(left_out), n, rule))
        is_open[left_out] = True
        if not len(left_out):
            alike = kept[-1]
    lengths = np.array([len(places) for places in kept], dtype=np.int64)
    places = np.concatenate([*kept, np.zeros(0, dtype=np.int64)])
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    reasons = [
        popular(days, popular_with.chain[named])
        for days, named in zip(ranking.days.tolist(), popular_with.named.tolist(), strict=True)
    ]
    return _Rows(
        np.repeat(persons, lengths),
        np.arange(len(places)) - first + 1,
        columns[places],
        ranking.scores[places],
        [reasons[place] for place in places.tolist()],
        is_baseline=True,
        by_segment=len(popular_with.chain) > 1,
    )


def _best_open(columns: Any, is_open: Any, n_closed: int, n: int, rule: CategoryRule) -> Any:
    """Places of the first n products of a ranking that are open, within the rule."""
    for factor in (1, _DEEPER):
        # No more than so many of the most popular can be closed.
        places = np.flatnonzero(is_open[columns[: factor * n + n_closed]])
        if rule.is_settled(columns[places[: factor * n]], n):
            break
    else:
        places = np.flatnonzero(is_open[columns])
    return places[rule.choose(columns[places], n)]


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

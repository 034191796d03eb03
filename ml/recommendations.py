"""Recommendations of a partition: who is shown what, and why.

Here: the window, the fit, the gate's consequence, the lists with reasons, the card. Not here:
reading and writing tables, and the partition column, which is the folder's name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from ml.als import AlsModel, TopN, confidence, explain, recommend, similar_products
from ml.cards import canonical_json, fingerprint, make_card, model_version
from ml.gate import GateDecision
from ml.interactions import InteractionMatrix, build_matrix, clean_interactions
from ml.popularity import PopularityRanking, rank_by_popularity
from ml.reasons import because, popular
from ml.recommender_validation import RecommendationParams, fit_matrix, validate

__all__ = ["RecommendationParams", "RecommendationRun", "recommend_partition"]

CODE_VERSION = "3"

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
BOUGHT_SCHEMA = pa.schema([("person_id", pa.string()), ("product_id", pa.string())])
VISITORS_SCHEMA = pa.schema([("person_id", pa.string())])


@dataclass(frozen=True)
class RecommendationRun:
    """Everything that a partition's run yields.

    Attributes:
        recommendations: RECOMMENDATIONS_SCHEMA, by person_id and rank. Scores of the model and of
            the baseline are on different scales: compare ranks, not scores, across is_baseline.
        similar_products: SIMILAR_PRODUCTS_SCHEMA, by product_id and rank.
        metrics: rows of MODEL_METRICS_SCHEMA.
        card: the model card, plain JSON.
        gate: the decision.
        user_factors: (n_persons, k) float32, rows in order of person_ids.
        item_factors: (n_products, k) float32, rows in order of product_ids.
        person_ids: sorted.
        product_ids: sorted.
    """

    recommendations: pa.Table
    similar_products: pa.Table
    metrics: list[dict[str, Any]]
    card: dict[str, Any]
    gate: GateDecision
    user_factors: Any
    item_factors: Any
    person_ids: tuple[str, ...]
    product_ids: tuple[str, ...]

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


def recommend_partition(
    interactions: pa.Table,
    bought: pa.Table,
    as_of: date,
    params: RecommendationParams | None = None,
    visitors: pa.Table | None = None,
) -> RecommendationRun:
    """Make the recommendations and similar products of a partition.

    A person is never recommended what was seen in the window or, where set, ever bought. A person
    with fewer than `min_products` products, a visitor without any, and everybody where the gate
    found the model no better, is served by popularity.

    Args:
        interactions: INTERACTIONS_SCHEMA; rows before the window are left out, so handing over
            more history changes nothing.
        bought: BOUGHT_SCHEMA, pairs bought before the window as of the partition; those of the
            window are among the interactions.
        as_of: partition date.
        params: settings; None for the defaults.
        visitors: VISITORS_SCHEMA, persons who get a list even if they did nothing with a product.

    Returns:
        The run; tables are empty where the window is empty.

    Raises:
        ValueError: see `clean_interactions`.
    """
    params = params or RecommendationParams()
    first_day = as_of - timedelta(days=params.window_days - 1)
    window = clean_interactions(interactions)
    window = window.filter(pc.greater_equal(window["event_date"], pa.scalar(first_day)))
    pairs = bought.select(BOUGHT_SCHEMA.names).cast(BOUGHT_SCHEMA).drop_null()
    data_from = pc.min(window["event_date"]).as_py()
    data_to = pc.max(window["event_date"]).as_py()
    ever_bought = pa.concat_tables([pairs, _bought(window)])
    others = VISITORS_SCHEMA.empty_table() if visitors is None else visitors
    others = others.select(VISITORS_SCHEMA.names).cast(VISITORS_SCHEMA).drop_null()
    data = fingerprint(window) + fingerprint(pairs) + fingerprint(others)
    version = model_version("als", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)

    span_days = (as_of - data_from).days + 1 if data_from else 0
    validation = validate(window, as_of, span_days, params)
    matrix = build_matrix(window, as_of, params.weighting)
    model, weights = fit_matrix(matrix, params)
    ranking = rank_by_popularity(
        window, as_of, params.weighting, params.recent_days, params.window_days
    )
    excluded = _excluded(matrix, ever_bought, params)
    history = np.diff(matrix.weights.indptr)
    by_model = (history >= params.min_products) & (validation.gate.served == "model")

    served = np.flatnonzero(by_model).astype(np.int64)
    lists = recommend(model, served, params.top_n, excluded)
    by_popularity = np.flatnonzero(~by_model).astype(np.int64)
    persons, others_bought = _without_history(matrix, others, pairs, params)
    everybody = sparse.vstack([excluded, others_bought], format="csr")
    newcomers = np.arange(len(matrix.person_ids), len(persons), dtype=np.int64)
    unpersonal = np.concatenate([by_popularity, newcomers])
    parts = [
        _model_rows(matrix, model, weights, lists, served),
        _popular_rows(matrix, ranking, everybody, unpersonal, params),
    ]
    metrics = [
        {
            "model": "als",
            "model_version": version,
            "metric": metric,
            "value": value,
            "baseline_value": baseline,
            "data_from": data_from,
            "data_to": data_to,
        }
        for metric, (value, baseline) in sorted(validation.measures.items())
    ]
    card = make_card(
        name="als",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=data_from,
        data_to=data_to,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline=f"most popular products of the last {params.recent_days} days",
        served=validation.gate.served,
        gate_reason=validation.gate.reason,
        counts={
            "rows": window.num_rows,
            "persons": len(matrix.person_ids),
            "products": len(matrix.product_ids),
            "persons_served_by_model": int(by_model.sum()),
            "persons_without_history": len(newcomers),
        },
    )
    return RecommendationRun(
        recommendations=_recommendations_table(matrix, persons, parts, version),
        similar_products=_similar_table(matrix, similar_products(model, params.similar_n), version),
        metrics=metrics,
        card=card,
        gate=validation.gate,
        user_factors=model.user_factors,
        item_factors=model.item_factors,
        person_ids=matrix.person_ids,
        product_ids=matrix.product_ids,
    )


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


def _bought(window: pa.Table) -> pa.Table:
    """Pairs of the orders among interactions."""
    orders = window.filter(pc.equal(window["interaction"], "order"))
    return orders.select(BOUGHT_SCHEMA.names)


def _excluded(matrix: InteractionMatrix, pairs: pa.Table, params: RecommendationParams) -> Any:
    """Csr (n_persons, n_products), set where a product stays off the person's list."""
    bought = _cells(pairs, matrix.person_ids, matrix.product_ids)
    seen = (matrix.weights != 0).astype(np.float32)
    if params.exclude_bought:
        return (bought + seen).tocsr()
    kept = (seen - seen.multiply(bought != 0)).tocsr()
    kept.eliminate_zeros()
    return kept


def _without_history(
    matrix: InteractionMatrix, visitors: pa.Table, pairs: pa.Table, params: RecommendationParams
) -> tuple[tuple[str, ...], Any]:
    """Persons of the matrix and then visitors who are not in it; what these have bought."""
    others = sorted(set(visitors["person_id"].to_pylist()) - set(matrix.person_ids))
    bought = _cells(pairs, tuple(others), matrix.product_ids)
    if not params.exclude_bought:
        bought = sparse.csr_matrix(bought.shape, dtype=np.float32)
    return (*matrix.person_ids, *others), bought


def _cells(pairs: pa.Table, person_ids: tuple[str, ...], product_ids: tuple[str, ...]) -> Any:
    """Csr (persons, products), set where there is a pair."""
    persons = pc.index_in(pairs["person_id"], pa.array(person_ids, pa.string()))
    products = pc.index_in(pairs["product_id"], pa.array(product_ids, pa.string()))
    known = pc.and_(pc.is_valid(persons), pc.is_valid(products))
    rows = persons.filter(known).to_numpy()
    columns = products.filter(known).to_numpy()
    shape = (len(person_ids), len(product_ids))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _model_rows(
    matrix: InteractionMatrix, model: AlsModel, weights: Any, lists: TopN, served: Any
) -> _Rows:
    trusted = confidence(weights, model.params.alpha)
    factors = model.item_factors.astype(np.float64)
    gram = factors.T @ factors
    starts = np.searchsorted(lists.rows, np.arange(len(served) + 1)).tolist()
    names = np.array(matrix.product_ids, dtype=object)
    reasons: list[str] = []
    for i, row in enumerate(served.tolist()):
        items = lists.items[starts[i] : starts[i + 1]]
        if not len(items):
            continue
        cells = slice(trusted.indptr[row], trusted.indptr[row + 1])
        past = trusted.indices[cells]
        shares = explain(model, past, trusted.data[cells], gram, items)
        reasons += because(shares, names[past], matrix.strongest[cells].tolist())
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


def _similar_table(matrix: InteractionMatrix, lists: TopN, version: str) -> pa.Table:
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

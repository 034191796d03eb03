"""Recommendations of a partition: who is shown what, and why.

Here: the fit (in full at an anchor, one warm step from the day before on other days), the gate's
consequence, the metrics, the card. Not here: reading and writing tables, which parent is at hand,
and the partition column, which is the folder's name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from ml.als import AlsModel, fit_als, warm_step
from ml.cards import canonical_json, make_card, metric_rows, model_version
from ml.gate import GateDecision
from ml.recommendation_lists import (
    RECOMMENDATIONS_SCHEMA,
    SIMILAR_PRODUCTS_SCHEMA,
    Lists,
    list_products,
    similar_table,
)
from ml.recommender_inputs import (
    BOUGHT_SCHEMA,
    PRODUCTS_SCHEMA,
    Known,
    RecommendationParams,
    prepare,
)
from ml.recommender_state import RecommenderState
from ml.recommender_validation import choose
from ml.recommenders import ByFactors, Recommender, able_champion, fit_challenger
from ml.segments import VISITORS_SCHEMA

__all__ = [
    "BOUGHT_SCHEMA",
    "CODE_VERSION",
    "PRODUCTS_SCHEMA",
    "RECOMMENDATIONS_SCHEMA",
    "SIMILAR_PRODUCTS_SCHEMA",
    "VISITORS_SCHEMA",
    "RecommendationParams",
    "RecommendationRun",
    "fit_partition",
    "list_partition",
    "recommend_partition",
]

CODE_VERSION = "6"


@dataclass(frozen=True)
class FittedPartition:
    """A partition's model, before anybody is listed.

    Attributes:
        known: what it was fitted to, weighted as its anchor chose.
        model: the factorisation.
        state: what the next day goes on from.
    """

    known: Known
    model: AlsModel
    state: RecommenderState

    def champion(self) -> tuple[str, Recommender]:
        """The candidate whose lists may be served, by name, fitted."""
        name = able_champion(self.state.choice.champion, self.known.matrix, self.known.params)
        if name == "als":
            return name, ByFactors.of(self.model, self.known.weights)
        return name, fit_challenger(name, self.known.matrix)


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
        state: what the next day goes on from.
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
    state: RecommenderState
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
    parent: RecommenderState | None = None,
    products: pa.Table | None = None,
) -> RecommendationRun:
    """Make the recommendations and similar products of a partition.

    A person is never recommended what was seen in the window or, where set, ever bought. A person
    with fewer than `min_products` products, a visitor without any, and everybody where the gate
    found no candidate better, is served by popularity: that of the person's segment where past
    days found it better, else that of everybody. Of one category a list holds no more than its
    share, unless it would be shorter.

    Args:
        interactions: INTERACTIONS_SCHEMA; rows before the window are left out, so handing over
            more history changes nothing.
        bought: BOUGHT_SCHEMA, pairs bought before the window as of the partition; those of the
            window are among the interactions.
        as_of: partition date.
        params: settings; None for the defaults.
        visitors: VISITORS_SCHEMA; who was here in the recent days gets a list even without having
            done anything with a product.
        parent: state of the day before, for one warm step; None for a full fit.
        products: PRODUCTS_SCHEMA, the last known category of each product that has one.

    Returns:
        The run; tables are empty where the window is empty.

    Raises:
        ValueError: see `clean_interactions` and `fit_partition`.
    """
    settings = params or RecommendationParams()
    known = prepare(interactions, bought, as_of, settings, visitors, products)
    return list_partition(fit_partition(known, parent))


def fit_partition(known: Known, parent: RecommenderState | None) -> FittedPartition:
    """Fit a partition: in full, or by one step from the day before.

    A full fit looks anew for settings and for the champion; a step keeps those of its anchor.

    Args:
        known: what was known on its date.
        parent: state of the day before; None for a full fit.

    Raises:
        ValueError: the parent is not of the day before.
    """
    if parent is not None and (known.as_of - parent.as_of).days != 1:
        raise ValueError(f"{known.as_of}: the parent is of {parent.as_of}, not of the day before")
    choice = choose(known) if parent is None else parent.choice
    known = known.weighted(choice.feedback)
    made_of = asdict(known.params) | {
        "as_of": known.as_of,
        "choice": choice.to_json(),
        "parent": parent.sha256() if parent else None,
    }
    name = able_champion(choice.champion, known.matrix, known.params)
    version = model_version(name, CODE_VERSION, made_of, known.fingerprint)
    products = known.matrix.product_ids
    factors = None if parent is None else parent.factors_of(products)
    if factors is None or not factors.any():
        # From nothing a step leads nowhere: none of today's products was known yesterday.
        model = fit_als(known.weights, choice.als)
    else:
        model = warm_step(known.weights, factors, choice.als)
    state = RecommenderState(
        as_of=known.as_of,
        version=version,
        parent=made_of["parent"],
        choice=choice,
        product_ids=products,
        item_factors=model.item_factors,
    )
    return FittedPartition(known, model, state)


def list_partition(fitted: FittedPartition) -> RecommendationRun:
    """List products for everybody, with reasons, metrics and card."""
    known, state, choice = fitted.known, fitted.state, fitted.state.choice
    name, champion = fitted.champion()
    is_served, by_segment = (gate.served == "model" for gate in (choice.gate, choice.segments))
    lists = list_products(known, champion, is_served, by_segment, state.version)
    similar = similar_table(known.matrix, fitted.model, known.params.similar_n, state.version)
    metrics = _metrics(known, state)
    return RecommendationRun(
        recommendations=lists.table,
        similar_products=similar,
        metrics=metrics,
        card=_card(fitted, name, lists, metrics),
        gate=choice.gate,
        state=state,
        user_factors=fitted.model.user_factors,
        item_factors=fitted.model.item_factors,
        person_ids=known.matrix.person_ids,
        product_ids=known.matrix.product_ids,
    )


def _metrics(known: Known, state: RecommenderState) -> list[dict[str, Any]]:
    """What the back-test of the anchor found of each candidate, and how old it is."""
    choice = state.choice
    age = {"days_since_back_test": (float((known.as_of - choice.as_of).days), None)}
    return metric_rows(
        {
            (model, metric): pair
            for model, measures in choice.measures.items()
            for metric, pair in {**measures, **age}.items()
        },
        state.version,
        known.data_from,
        known.data_to,
    )


def _card(
    fitted: FittedPartition, name: str, lists: Lists, metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    known, state, choice = fitted.known, fitted.state, fitted.state.choice
    card = make_card(
        name=name,
        version=state.version,
        code_version=CODE_VERSION,
        as_of=known.as_of,
        data_from=known.data_from,
        data_to=known.data_to,
        data_fingerprint=known.fingerprint,
        params=asdict(known.params),
        metrics=metrics,
        baseline=f"most popular products of the last {known.params.recent_days} days",
        served=choice.gate.served,
        gate_reason=choice.gate.reason,
        counts={
            "rows": known.window.num_rows,
            "persons": len(known.matrix.person_ids),
            "products": len(known.matrix.product_ids),
            "persons_served_by_model": lists.by_model,
            "persons_without_history": lists.newcomers,
            "persons_served_by_segment": lists.by_segment,
        },
    )
    return card | {
        "champion": name if choice.gate.served == "model" else "popularity",
        "segments": {"served": choice.segments.served, "reason": choice.segments.reason},
        "lineage": {
            "anchor": choice.as_of.isoformat(),
            "parent_sha256": state.parent,
            "sha256": state.sha256(),
            "champion": name,
            "als": asdict(choice.als),
            "feedback": asdict(choice.feedback),
        },
        "tuning": {name: asdict(one) for name, one in choice.tunings.items()},
    }

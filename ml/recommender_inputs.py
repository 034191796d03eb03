"""What was known on a partition's date, made ready for recommending; and the settings.

Here: the window, the matrices, which product stays off whose list, popularity in its serving order.
Not here: any fit (recommenders.py), and reading tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from ml.als import AlsParams
from ml.cards import fingerprint
from ml.diversity import CategoryRule
from ml.interactions import (
    DEFAULT_WEIGHTS,
    InteractionMatrix,
    Weighting,
    bm25_weights,
    build_matrix,
    clean_interactions,
)
from ml.popularity import PopularityRanking, rank_by_popularity
from ml.segment_popularity import SegmentPrior
from ml.segments import VISITORS_SCHEMA

BOUGHT_SCHEMA = pa.schema([("person_id", pa.string()), ("product_id", pa.string())])
PRODUCTS_SCHEMA = pa.schema([("product_id", pa.string()), ("category", pa.string())])
MONDAY = 0


@dataclass(frozen=True)
class Feedback:
    """How what persons did becomes the weights that models learn from.

    Attributes:
        name: what a card calls it.
        weighting: worth and half-life of interactions.
        is_saturated: whether BM25 lets repetition saturate; else weights are the worth itself.
    """

    name: str
    weighting: Weighting
    is_saturated: bool = True

    def weights(self, matrix: InteractionMatrix, params: RecommendationParams) -> Any:
        """Csr of the pattern of a matrix by this weighting: what the models learn from."""
        if not self.is_saturated:
            return matrix.weights
        return bm25_weights(matrix.weights, params.bm25_k1, params.bm25_b)


# One thing is changed at a time: crossed, they would be 18 fits a Monday in place of 6.
FEEDBACK_ALTERNATIVES = (
    Feedback("half_life_7", Weighting(half_life_days=7.0)),
    Feedback("half_life_90", Weighting(half_life_days=90.0)),
    Feedback("types_alike", Weighting(dict.fromkeys(DEFAULT_WEIGHTS, 1.0))),
    Feedback("types_squared", Weighting({name: w * w for name, w in DEFAULT_WEIGHTS.items()})),
    Feedback("not_saturated", Weighting(), is_saturated=False),
)


@dataclass(frozen=True)
class RecommendationParams:
    """Settings of a recommendation run.

    Attributes:
        als: settings of the factorisation, until an anchor finds better ones.
        als_alternatives: what an anchor tries against them on past days.
        weighting: worth and half-life of interactions, until an anchor finds better ones; what is
            popular goes by it always.
        feedback_alternatives: what an anchor tries against it on past days, of the same types.
        bm25_k1: saturation of repeated interest.
        bm25_b: discount of long histories.
        window_days: days of interactions that are read.
        recent_days: window of popularity.
        young_days: a log with fewer days before the partition is fitted in full every day.
        validation_days: last days that the back-test predicts; at most a quarter of the days there
            are.
        top_n: products recommended to a person.
        similar_n: similar products of a product.
        min_products: persons with fewer distinct products in the window get the baseline.
        exclude_bought: whether what a person has ever bought is kept off the lists; if not, it may
            be recommended although it was seen.
        min_validation_persons: with fewer, the gate serves the baseline.
        max_validation_persons: at most so many are measured, evenly over the sorted ids.
        min_tuning_persons: with fewer persons to judge by, settings stand.
        max_tuning_persons: at most so many are learned from in tuning of `als`, evenly over the
            sorted ids.
        max_feedback_persons: the same in tuning of the feedback.
        max_ease_products: EASE inverts a dense matrix of this size at most; with more products it
            is no candidate.
        segment_prior: how far the popularity of a segment is believed.
        max_category_share: of a list that products of one category may have; 1 for no limit.
    """

    als: AlsParams = field(default_factory=AlsParams)
    als_alternatives: tuple[AlsParams, ...] = (
        AlsParams(factors=64),
        AlsParams(regularization=3.0),
        AlsParams(regularization=30.0),
    )
    weighting: Weighting = field(default_factory=Weighting)
    feedback_alternatives: tuple[Feedback, ...] = FEEDBACK_ALTERNATIVES
    bm25_k1: float = 1.2
    bm25_b: float = 0.2
    window_days: int = 180
    recent_days: int = 7
    young_days: int = 28
    validation_days: int = 7
    top_n: int = 10
    similar_n: int = 10
    min_products: int = 2
    exclude_bought: bool = True
    min_validation_persons: int = 30
    max_validation_persons: int = 5000
    min_tuning_persons: int = 200
    max_tuning_persons: int = 20_000
    max_feedback_persons: int = 5000
    max_ease_products: int = 3000
    segment_prior: SegmentPrior = field(default_factory=SegmentPrior)
    max_category_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse alternatives by which other persons or products would be known."""
        names = [one.name for one in (self.feedback, *self.feedback_alternatives)]
        if len(set(names)) < len(names):
            raise ValueError(f"feedback_alternatives: a name comes twice in {', '.join(names)}")
        for one in self.feedback_alternatives:
            if one.weighting.by_type.keys() != self.weighting.by_type.keys():
                raise ValueError(
                    f"feedback_alternatives: {one.name} weighs other types than weighting does"
                )

    @property
    def feedback(self) -> Feedback:
        """What is learned from until an anchor finds better."""
        return Feedback("default", self.weighting)


@dataclass(frozen=True)
class Known:
    """What was known on a date.

    Attributes:
        as_of: the date.
        params: settings.
        window: cleaned interactions of the window.
        bought: BOUGHT_SCHEMA, pairs bought before the window.
        visitors: VISITORS_SCHEMA, of the days that segments are known by.
        products: PRODUCTS_SCHEMA, those with a category.
        feedback: how `matrix` and `weights` are weighted.
        data_from: date of the first interaction in the window; None where there is none.
        data_to: of the last.
        matrix: worth of the interactions.
        weights: csr of the same pattern: what the models learn from.
        excluded: csr (n_persons, n_products), set where a product stays off the person's list.
    """

    as_of: date
    params: RecommendationParams
    window: pa.Table
    bought: pa.Table
    visitors: pa.Table
    products: pa.Table
    feedback: Feedback
    data_from: date | None
    data_to: date | None
    matrix: InteractionMatrix
    weights: Any
    excluded: Any

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all rows, in whatever order."""
        tables = (self.window, self.bought, self.visitors, self.products)
        return "".join(fingerprint(table) for table in tables)

    @property
    def days(self) -> int:
        """From the first interaction to the date, inclusive; 0 where there is none."""
        return (self.as_of - self.data_from).days + 1 if self.data_from else 0

    @property
    def is_anchor(self) -> bool:
        """Whether the date is one of a full fit: a Monday, or any while the log is young."""
        return self.as_of.weekday() == MONDAY or self.days <= self.params.young_days

    def weighted(self, feedback: Feedback) -> Known:
        """The same, weighted otherwise: of the same persons and products."""
        if feedback == self.feedback:
            return self
        matrix = build_matrix(self.window, self.as_of, feedback.weighting)
        weights = feedback.weights(matrix, self.params)
        return replace(self, feedback=feedback, matrix=matrix, weights=weights)

    def popularity(self) -> PopularityRanking:
        """Products by what everybody did lately."""
        return popularity(self.window, self.as_of, self.params)

    def rule(self, product_ids: tuple[str, ...]) -> CategoryRule:
        """How many of one category a list of these products may hold, by today's categories."""
        categories = dict(zip(*self.products.to_pydict().values(), strict=True))
        return CategoryRule.of(product_ids, categories, self.params.max_category_share)

    def everybody(self) -> tuple[tuple[str, ...], Any]:
        """Persons of the matrix, then visitors without a history; csr of what is excluded."""
        others = newcomers_on(self.visitors, self.as_of, self.matrix.person_ids, self.params)
        bought = cells(self.bought, others, self.matrix.product_ids)
        if not self.params.exclude_bought:
            bought = sparse.csr_matrix(bought.shape, dtype=np.float32)
        excluded = sparse.vstack([self.excluded, bought], format="csr")
        return (*self.matrix.person_ids, *others), excluded


def prepare(
    interactions: pa.Table,
    bought: pa.Table,
    as_of: date,
    params: RecommendationParams,
    visitors: pa.Table | None = None,
    products: pa.Table | None = None,
) -> Known:
    """Cut the window and build the matrices.

    Args:
        interactions: INTERACTIONS_SCHEMA; rows before the window are left out.
        bought: BOUGHT_SCHEMA.
        as_of: partition date.
        params: settings.
        visitors: VISITORS_SCHEMA; None for nobody.
        products: PRODUCTS_SCHEMA; None where no category is known.

    Raises:
        ValueError: see `clean_interactions`; or a product has two categories.
    """
    window = clean_interactions(interactions)
    first_day = as_of - timedelta(days=params.window_days - 1)
    window = window.filter(pc.greater_equal(window["event_date"], pa.scalar(first_day)))
    pairs = bought.select(BOUGHT_SCHEMA.names).cast(BOUGHT_SCHEMA).drop_null()
    others = VISITORS_SCHEMA.empty_table() if visitors is None else visitors
    others = others.select(VISITORS_SCHEMA.names).cast(VISITORS_SCHEMA)
    others = others.filter(pc.is_valid(others["person_id"]))
    goods = PRODUCTS_SCHEMA.empty_table() if products is None else products
    goods = goods.select(PRODUCTS_SCHEMA.names).cast(PRODUCTS_SCHEMA).drop_null()
    if len(pc.unique(goods["product_id"])) < goods.num_rows:
        raise ValueError("products: one has two categories; give the last one")
    matrix = build_matrix(window, as_of, params.weighting)
    orders = window.filter(pc.equal(window["interaction"], "order"))
    ever_bought = pa.concat_tables([pairs, orders.select(BOUGHT_SCHEMA.names)])
    return Known(
        as_of=as_of,
        params=params,
        window=window,
        bought=pairs,
        visitors=others,
        products=goods,
        feedback=params.feedback,
        data_from=pc.min(window["event_date"]).as_py(),
        data_to=pc.max(window["event_date"]).as_py(),
        matrix=matrix,
        weights=params.feedback.weights(matrix, params),
        excluded=_excluded(matrix, ever_bought, params),
    )


def popularity(window: pa.Table, as_of: date, params: RecommendationParams) -> PopularityRanking:
    """Rank the products of a window as they would be served on its last day."""
    return rank_by_popularity(
        window, as_of, params.weighting, params.recent_days, params.window_days
    )


def newcomers_on(
    visitors: pa.Table, day: date, person_ids: Sequence[str], params: RecommendationParams
) -> tuple[str, ...]:
    """Who was here in the recent days up to a date and is none of those persons, by id."""
    dates = visitors["event_date"]
    first = day - timedelta(days=params.recent_days - 1)
    is_recent = pc.and_(
        pc.greater_equal(dates, pa.scalar(first)), pc.less_equal(dates, pa.scalar(day))
    )
    return tuple(sorted(set(visitors["person_id"].filter(is_recent).to_pylist()) - set(person_ids)))


def popularity_scores(
    ranking: PopularityRanking, matrix: InteractionMatrix
) -> npt.NDArray[np.float64]:
    """(n_products,) scores without ties, in the very order in which popularity is served."""
    place = {product: i for i, product in enumerate(ranking.product_ids)}
    last = len(place)
    return np.array([-float(place.get(p, last)) for p in matrix.product_ids])


def cells(pairs: pa.Table, person_ids: tuple[str, ...], product_ids: tuple[str, ...]) -> Any:
    """Csr (persons, products), set where there is a pair; pairs of others are left out."""
    persons = pc.index_in(pairs["person_id"], pa.array(person_ids, pa.string()))
    products = pc.index_in(pairs["product_id"], pa.array(product_ids, pa.string()))
    known = pc.and_(pc.is_valid(persons), pc.is_valid(products))
    rows = persons.filter(known).to_numpy()
    columns = products.filter(known).to_numpy()
    shape = (len(person_ids), len(product_ids))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _excluded(matrix: InteractionMatrix, pairs: pa.Table, params: RecommendationParams) -> Any:
    bought = cells(pairs, matrix.person_ids, matrix.product_ids)
    seen = (matrix.weights != 0).astype(np.float32)
    if params.exclude_bought:
        return (bought + seen).tocsr()
    kept = (seen - seen.multiply(bought != 0)).tocsr()
    kept.eliminate_zeros()
    return kept

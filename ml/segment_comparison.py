"""Popularity of segments held against that of everybody, by what persons did next.

Here: who is served which popularity, and on whom the two are compared. Not here: how a segment's
popularity comes about (segment_popularity.py), what is concluded (recommender_validation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from ml.diversity import CategoryRule
from ml.interactions import InteractionMatrix
from ml.list_comparison import Comparison, IntArray, compare, find_truth
from ml.popularity import PopularityRanking
from ml.recommender_inputs import RecommendationParams, popularity_scores
from ml.segment_popularity import SegmentRanking, rank_segments
from ml.segments import EVERYBODY, Segment, segments_on

SEGMENTS = "segment_popularity"


@dataclass(frozen=True)
class SegmentedPersons:
    """The segment of each person, and what is popular in it.

    Attributes:
        segments: (n,) one a person.
        rankings: segment -> its ranking, of those that occur.
    """

    segments: list[Segment]
    rankings: dict[Segment, SegmentRanking]


def segment_persons(
    rows: pa.Table,
    day: date,
    visitors: pa.Table,
    person_ids: Sequence[str],
    everybody: PopularityRanking,
    params: RecommendationParams,
) -> SegmentedPersons:
    """Find the segments of persons on a date, and rank products in them.

    Args:
        rows: INTERACTIONS_SCHEMA, up to the date.
        day: the date.
        visitors: VISITORS_SCHEMA; rows after the date are not looked at.
        person_ids: (n,) whom it is asked of.
        everybody: what is popular with all on the date.
        params: settings.
    """
    ids = pc.unique(visitors["person_id"]).to_pylist()
    segment_of = dict(zip(ids, segments_on(visitors, day, ids), strict=True))
    segments = [segment_of.get(person, EVERYBODY) for person in person_ids]
    rankings = rank_segments(
        rows,
        day,
        everybody,
        segment_of,
        segments,
        params.weighting,
        params.recent_days,
        params.segment_prior,
    )
    return SegmentedPersons(segments, rankings)


def compare_segments(
    past: SegmentedPersons,
    everybody: PopularityRanking,
    matrix: InteractionMatrix,
    person_ids: tuple[str, ...],
    excluded: Any,
    later: pa.Table,
    params: RecommendationParams,
    rule: CategoryRule,
    *,
    is_model_served: bool,
) -> Comparison:
    """Measure popularity of segments and of everybody on those who are served by one of them.

    These are persons whose segment is known: where the model is served, those with too little
    history for it, else all.

    Args:
        past: segments of the persons, as they were known.
        everybody: what was popular with all.
        matrix: what persons had done by then.
        person_ids: those of the matrix, then visitors without a history.
        excluded: csr (n_persons, n_products), set where a product is not ranked for a person.
        later: columns person_id and product_id, what happened then.
        params: settings.
        rule: of the products of the matrix.
        is_model_served: whether who has enough history is served by a model.
    """
    n_others = len(person_ids) - len(matrix.person_ids)
    wider = replace(
        matrix, person_ids=person_ids, weights=with_empty_rows(matrix.weights, n_others)
    )
    history = np.diff(wider.weights.indptr)
    among = np.array([len(past.rankings[one].chain) > 1 for one in past.segments], dtype=bool)
    if is_model_served:
        among &= history < params.min_products
    truth = find_truth(wider, excluded, later, params, among)
    code_of = {segment: code for code, segment in enumerate(past.rankings)}
    codes = np.array([code_of[one] for one in past.segments], dtype=np.int64)
    of_segments = np.array(
        [popularity_scores(one.ranking, matrix) for one in past.rankings.values()],
        dtype=np.float32,  # which holds places exactly
    )

    def scores(rows: IntArray) -> Any:
        return of_segments[codes[rows]]

    popular = popularity_scores(everybody, matrix)
    return compare({SEGMENTS: scores}, popular, wider, excluded, truth, params.top_n, rule)


def with_empty_rows(weights: Any, n: int) -> Any:
    """A csr matrix with n rows more, for persons who did nothing."""
    nothing = sparse.csr_matrix((n, weights.shape[1]), dtype=weights.dtype)
    return sparse.vstack([weights, nothing], format="csr")

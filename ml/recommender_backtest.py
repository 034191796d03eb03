"""A window without its last days, and what happened in these: what a back-test learns and asks.

Here: the cut, and whom it is judged by. Not here: what is tried on it (recommender_tuning.py,
recommender_validation.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa

from ml.diversity import CategoryRule
from ml.interactions import InteractionMatrix, build_matrix
from ml.list_comparison import Comparison, Truth, compare, find_truth
from ml.popularity import PopularityRanking
from ml.recommender_inputs import Feedback, Known, newcomers_on, popularity, popularity_scores
from ml.segment_comparison import compare_segments, segment_persons, with_empty_rows
from ml.splits import split_by_date


@dataclass(frozen=True)
class Past:
    """A window without its last days, and what happened in these.

    Attributes:
        known: what it is cut from.
        rows: interactions up to the cut.
        cut: the last day that is learned from.
        matrix: of these rows.
        weights: what the models learn from.
        later: interactions after the cut.
        truth: what happened then.
    """

    known: Known
    rows: pa.Table
    cut: date
    matrix: InteractionMatrix
    weights: Any
    later: pa.Table
    truth: Truth

    @classmethod
    def of(cls, window: pa.Table, as_of: date, days: int, known: Known, feedback: Feedback) -> Past:
        """Cut off the last days of a window that ends on as_of."""
        rows, held_out, cut = split_by_date(window, as_of, days)
        matrix = build_matrix(rows, cut, feedback.weighting)
        weights = feedback.weights(matrix, known.params)
        truth = find_truth(matrix, matrix.weights, held_out, known.params)
        return cls(known, rows, cut, matrix, weights, held_out, truth)

    @cached_property
    def popularity(self) -> PopularityRanking:
        """What was popular with all on the cut."""
        return popularity(self.rows, self.cut, self.known.params)

    @cached_property
    def rule(self) -> CategoryRule:
        """How many of one category a list may hold."""
        return self.known.rule(self.matrix.product_ids)

    def compare(self, candidates: Mapping[str, Any], k: int) -> Comparison:
        """Candidates and popularity on what happened."""
        popular = popularity_scores(self.popularity, self.matrix)
        weights = self.matrix.weights
        return compare(candidates, popular, self.matrix, weights, self.truth, k, self.rule)

    def compare_segments(self, *, is_model_served: bool) -> Comparison:
        """Popularity of segments and of all, on those whom either would serve."""
        params, matrix, visitors = self.known.params, self.matrix, self.known.visitors
        others = newcomers_on(visitors, self.cut, matrix.person_ids, params)
        persons = (*matrix.person_ids, *others)
        return compare_segments(
            segment_persons(self.rows, self.cut, visitors, persons, self.popularity, params),
            self.popularity,
            matrix,
            persons,
            with_empty_rows(matrix.weights, len(others)),
            self.later,
            params,
            self.rule,
            is_model_served=is_model_served,
        )

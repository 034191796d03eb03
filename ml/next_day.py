"""Next-day truth: what yesterday's lists were worth, once today is known.

Here: the measures of a partition's lists on what persons did on the day after, beside those of the
popularity of that partition. Not here: the back-test on days before (recommender_validation.py).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml.als import solve_users
from ml.cards import metric_rows
from ml.list_comparison import IntArray, Scores, compare, find_truth
from ml.recommender_inputs import Known, popularity_scores
from ml.recommender_state import RecommenderState
from ml.recommenders import ALS, able_champion, fit_challenger
from ml.segment_comparison import SEGMENTS, compare_segments, segment_persons


def next_day_truth(before: Known, state: RecommenderState, after: pa.Table) -> list[dict[str, Any]]:
    """Measure a partition's champion, and its segments, on what persons newly did after it.

    Persons are those with enough history for the champion, as identity was known then; products are
    those that its lists may hold: neither seen in the window nor, where set, ever bought. So it is
    measured on days on which popularity was served as well. Popularity of segments is measured on
    those who are served by popularity and whose segment was known.

    Args:
        before: what was known on the partition.
        state: of the partition.
        after: interactions known on a later partition; those after `before.as_of` count.

    Returns:
        Rows of MODEL_METRICS_SCHEMA, with the version of the partition that is measured, and the
        dates that it is measured on; the number of persons alone where there were none, and nothing
        where nobody was known.
    """
    if not before.matrix.person_ids:
        return []
    before = before.weighted(state.choice.feedback)
    later = after.filter(pc.greater(after["event_date"], pa.scalar(before.as_of)))
    truth = find_truth(before.matrix, before.excluded, later, before.params)
    name = able_champion(state.choice.champion, before.matrix, before.params)
    persons = float(len(truth.persons))
    measures = {"persons": (persons, persons)}
    if len(truth.persons):
        popular = popularity_scores(before.popularity(), before.matrix)
        scores = {name: _scores(name, before, state)}
        k = before.params.top_n
        rule = before.rule(before.matrix.product_ids)
        found = compare(scores, popular, before.matrix, before.excluded, truth, k, rule)
        measures |= found.against_popularity(name)
    by_model = {name: measures} | _of_segments(before, state, later)
    return metric_rows(
        {
            (model, f"next_day_{metric}"): pair
            for model, of_one in by_model.items()
            for metric, pair in of_one.items()
        },
        state.version,
        pc.min(later["event_date"]).as_py(),
        pc.max(later["event_date"]).as_py(),
    )


def _of_segments(
    before: Known, state: RecommenderState, later: pa.Table
) -> dict[str, dict[str, tuple[float, float]]]:
    """Popularity of segments beside that of everybody; empty where there was nobody to ask."""
    persons, excluded = before.everybody()
    everybody = before.popularity()
    found = compare_segments(
        segment_persons(
            before.window, before.as_of, before.visitors, persons, everybody, before.params
        ),
        everybody,
        before.matrix,
        persons,
        excluded,
        later,
        before.params,
        before.rule(before.matrix.product_ids),
        is_model_served=state.choice.gate.served == "model",
    )
    number = float(len(found.ndcg[SEGMENTS]))
    if not number:
        return {}
    return {SEGMENTS: {"persons": (number, number)} | found.against_popularity(SEGMENTS)}


def _scores(name: str, before: Known, state: RecommenderState) -> Scores:
    """The champion as it was: persons are solved again, only those who are asked for."""
    if name != ALS:
        return fit_challenger(name, before.matrix).scores
    factors = state.factors_of(before.matrix.product_ids)

    def scores(rows: IntArray) -> Any:
        solved = solve_users(before.weights[rows], factors, state.choice.als)
        return solved.user_factors @ factors.T

    return scores

"""Next-day truth: what yesterday's lists were worth, once today is known.

Here: the measures of a partition's lists on what persons did on the day after, beside those of the
popularity of that partition. Not here: the back-test on days before (recommender_validation.py).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml.als import solve_users
from ml.list_comparison import IntArray, Scores, compare, find_truth
from ml.recommender_inputs import Known, popularity_scores
from ml.recommender_state import RecommenderState
from ml.recommenders import ALS, able_champion, fit_challenger


def next_day_truth(before: Known, state: RecommenderState, after: pa.Table) -> list[dict[str, Any]]:
    """Measure a partition's champion on what persons newly did on the days after it.

    Persons are those with enough history for the champion, as identity was known then; products are
    those that its lists may hold: neither seen in the window nor, where set, ever bought. So it is
    measured on days on which popularity was served as well.

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
    later = after.filter(pc.greater(after["event_date"], pa.scalar(before.as_of)))
    truth = find_truth(before.matrix, before.excluded, later, before.params)
    name = able_champion(state.choice.champion, before.matrix, before.params)
    persons = float(len(truth.persons))
    measures = {"persons": (persons, persons)}
    if len(truth.persons):
        popular = popularity_scores(before.popularity(), before.matrix)
        scores = {name: _scores(name, before, state)}
        k = before.params.top_n
        found = compare(scores, popular, before.matrix, before.excluded, truth, k)
        measures |= found.against_popularity(name)
    return [
        {
            "model": name,
            "model_version": state.version,
            "metric": f"next_day_{metric}",
            "value": value,
            "baseline_value": baseline,
            "data_from": pc.min(later["event_date"]).as_py(),
            "data_to": pc.max(later["event_date"]).as_py(),
        }
        for metric, (value, baseline) in sorted(measures.items())
    ]


def _scores(name: str, before: Known, state: RecommenderState) -> Scores:
    """The champion as it was: persons are solved again, only those who are asked for."""
    if name != ALS:
        return fit_challenger(name, before.matrix).scores
    factors = state.factors_of(before.matrix.product_ids)

    def scores(rows: IntArray) -> Any:
        solved = solve_users(before.weights[rows], factors, state.choice.als)
        return solved.user_factors @ factors.T

    return scores

"""From scores to p-values and flags, by rank in a history of the same kind.

Here: what log-ins and days of file access have in common. Not here: any score.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.causal_counts import at_least_before

# Histories of different length make scores of different size: each is ranked among its like.
HISTORY_STEPS = (1, 5, 20)

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def ranked_p_values(
    scores: FloatArray, pool: BoolArray, known: IntArray, wanted: BoolArray
) -> FloatArray:
    """Share of earlier cases with a history of like length that are at least as surprising.

    Args:
        scores: (n,) in row order.
        pool: (n,) rows that others are compared with.
        known: (n,) length of a row's history, in whatever it is counted.
        wanted: (n,) rows that get a p-value.

    Returns:
        (n,) (r + 1) / (m + 1), of the m earlier rows of the pool; NaN where not wanted.
    """
    like = np.searchsorted(HISTORY_STEPS, known, side="right").astype(np.int64)
    above, size = at_least_before(scores, pool, like, wanted)
    return np.where(wanted, (above + 1) / (size + 1), np.nan).astype(np.float64)


def flagged(
    scores: FloatArray, p_values: FloatArray, rate: float, min_score: float, max_p_value: float
) -> BoolArray:
    """Flag by false discovery rate, or by a score that is beyond doubt.

    The second way exists because ranks are blunt once intruders stand in the history.

    Args:
        scores: (m,) of the cases of one partition.
        p_values: (m,) in (0, 1].
        rate: false discovery rate of Benjamini-Hochberg, the first way.
        min_score: of the second way.
        max_p_value: of the second way, so that a change for everybody brings no storm of flags.
    """
    is_beyond_doubt = (scores >= min_score) & (p_values <= max_p_value)
    return np.asarray(benjamini_hochberg(p_values, rate) | is_beyond_doubt, dtype=bool)


def benjamini_hochberg(p_values: FloatArray, rate: float) -> BoolArray:
    """Flag the tests whose expected share of false alarms stays below a rate.

    Chosen over a fixed p < 0.001, which brings false alarms in proportion to the number of logins:
    what an analyst feels is the share of alarms that are false. P-values ranked in one common
    history depend positively on each other, under which the procedure still holds (Bates et al.,
    2023, Testing for outliers with conformal p-values).

    Args:
        p_values: (m,) in (0, 1].
        rate: false discovery rate.

    Returns:
        (m,) true for the k smallest, k the largest with p_(k) <= rate x k / m.

    Source: Benjamini, Hochberg (1995).
    """
    m = len(p_values)
    if m == 0:
        return np.zeros(0, dtype=bool)
    ranked = np.sort(p_values)
    passing = np.flatnonzero(ranked <= rate * np.arange(1, m + 1) / m)
    if not len(passing):
        return np.zeros(m, dtype=bool)
    return np.asarray(p_values <= ranked[passing[-1]], dtype=bool)

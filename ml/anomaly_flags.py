"""From surprisals to scores in words, and to p-values and flags by rank in a history of the kind.

Here: what log-ins, networks and days of file access have in common. Not here: any surprisal.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ml.causal_counts import at_least_before

# Histories of different length make scores of different size: each is ranked among its like.
HISTORY_STEPS = (1, 5, 20)
_SCORE_DECIMALS = 3

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def added_up(parts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Round (n, k) parts, so that the (n,) sums of them are exactly what their words add up to."""
    rounded = np.asarray(np.round(parts, _SCORE_DECIMALS) + 0.0, dtype=np.float64)
    return rounded, np.round(rounded.sum(axis=1), _SCORE_DECIMALS)


def sum_in_words(score: float, parts: Iterable[tuple[str, float]]) -> str:
    """A score as the sum of its parts, in their order."""
    sums = " + ".join(f"{name} {value:.3f}" for name, value in parts)
    return f"Surprise {score:.3f} nats = {sums}"


def ranked_p_values(
    scores: FloatArray, pool: BoolArray, known: IntArray, wanted: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Rank each case among the earlier ones with a history of like length.

    Args:
        scores: (n,) in row order.
        pool: (n,) rows that others are compared with.
        known: (n,) length of a row's history, in whatever it is counted.
        wanted: (n,) rows that get a p-value.

    Returns:
        (n,) p-values (r + 1) / (m + 1), r of the m earlier rows of the pool being at least as
        surprising; (n,) shares r / m, 1 where m is 0. Both NaN where not wanted.
    """
    like = np.searchsorted(HISTORY_STEPS, known, side="right").astype(np.int64)
    above, size = at_least_before(scores, pool, like, wanted)
    p_values = np.where(wanted, (above + 1) / (size + 1), np.nan)
    shares = np.where(wanted, np.where(size > 0, above, 1) / np.maximum(size, 1), np.nan)
    return p_values.astype(np.float64), shares.astype(np.float64)


def flagged(
    scores: FloatArray,
    p_values: FloatArray,
    rate: float,
    min_score: float,
    rare: BoolArray,
) -> BoolArray:
    """Flag by false discovery rate, or by a score that is beyond doubt.

    The second way exists because ranks are blunt once intruders stand in the history.

    Args:
        scores: (m,) of the cases of one partition.
        p_values: (m,) in (0, 1].
        rate: false discovery rate of Benjamini-Hochberg, the first way.
        min_score: of the second way.
        rare: (m,) whether few earlier ones were as surprising, of the second way, so that a change
            for everybody brings no storm of flags.
    """
    is_beyond_doubt = (scores >= min_score) & rare
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

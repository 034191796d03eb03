"""How good probabilities are: do they tell people apart, and do they mean what they say?

Here: Brier score, area under the curve, expected calibration error, the reliability diagram's
points. Not here: any model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Points of a reliability diagram, one a group of people with like predictions.

    Attributes:
        predicted: (k,) mean prediction of the group, rising.
        observed: (k,) mean outcome.
        counts: (k,) people.
    """

    predicted: Floats
    observed: Floats
    counts: Floats

    def points(self) -> list[dict[str, float]]:
        """As plain JSON."""
        return [
            {"predicted": p, "observed": o, "persons": n}
            for p, o, n in zip(
                self.predicted.tolist(), self.observed.tolist(), self.counts.tolist(), strict=True
            )
        ]


def reliability(predicted: Floats, observed: Floats, groups: int = 10) -> Reliability:
    """Group people by prediction, equal ones together, into groups of about equal size.

    Args:
        predicted: (n,) predictions.
        observed: (n,) what happened; 0 or 1 for probabilities.
        groups: at most so many.

    Returns:
        The points; none without people.
    """
    if not len(predicted):
        nothing = np.zeros(0)
        return Reliability(nothing, nothing, nothing)
    # By mean rank, so that equal predictions fall into one group.
    rank = (_mean_ranks(predicted) - 0.5) / len(predicted)
    group = np.minimum((rank * groups).astype(np.int64), groups - 1)
    _, group = np.unique(group, return_inverse=True)
    counts = np.bincount(group).astype(np.float64)
    return Reliability(
        np.bincount(group, predicted) / counts, np.bincount(group, observed) / counts, counts
    )


def calibration_error(found: Reliability) -> float:
    """Expected calibration error: mean distance of the points from the diagonal, by people."""
    total = found.counts.sum()
    gaps = np.abs(found.predicted - found.observed) * found.counts
    return float(gaps.sum() / total) if total else 0.0


def brier(predicted: Floats, observed: Floats) -> Floats:
    """(n,) squared errors of probabilities; their mean is the Brier score."""
    return np.asarray((predicted - observed) ** 2, dtype=np.float64)


def area_under_curve(predicted: Floats, observed: Floats) -> float | None:
    """Chance that somebody with the outcome is ranked above somebody without, ties half.

    Args:
        predicted: (n,) any scores.
        observed: (n,) 0 or 1.

    Returns:
        0 to 1; None where all outcomes are the same.
    """
    hits = observed > 0.5
    with_it, without = int(hits.sum()), int((~hits).sum())
    if not with_it or not without:
        return None
    ranks = _mean_ranks(predicted)
    return float((ranks[hits].sum() - with_it * (with_it + 1) / 2) / (with_it * without))


def _mean_ranks(values: Floats) -> Floats:
    """Rank of each, from 1; equal values have the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])

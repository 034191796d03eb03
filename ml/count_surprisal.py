"""How surprising is a number of events on a day, against earlier days?

Here: the usual number of a person or a network, and the tail beyond it. Not here: which numbers.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.causal_counts import sums_before

# Beyond it a tail says nothing more, nats.
MOST = 20.0
# Bounds of 1 / shape, what the variance has beyond Poisson's in units of the squared mean.
_LEAST_SPREAD, _MOST_SPREAD = 0.1, 10.0
# Days of anybody before which nothing is known to be unusual.
_LEAST_KNOWN = 5

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def count_surprisal(
    days: IntArray, groups: IntArray, count: IntArray, base: npt.NDArray[np.float64], pseudo: float
) -> tuple[FloatArray, FloatArray]:
    """Usual number, and the surprisal of at least so many: -ln 2 P(N >= n), not below 0.

    N is negative binomial: its mean is the group's own rate of earlier days, shrunk to everybody's,
    times the base; its dispersion is everybody's, by moments (Hilbe, 2011, Negative Binomial
    Regression). At least so many as half of all days have is no surprise.

    Args:
        days: (m,) days since 1970, ascending; a row is a group's day.
        groups: (m,) code of the group, such as a person.
        count: (m,) events of the day.
        base: (m,) what they are a rate of: 1 for a day, or a number of chances.
        pseudo: of everybody's base, added to the group's own.

    Returns:
        (m,) usual number; (m,) nats, at most MOST.
    """
    order = np.argsort(groups, kind="stable")
    first = np.searchsorted(groups[order], groups[order], side="left")
    before = np.searchsorted(days, days, side="left")
    # Half an event of nobody's keeps what was never done from being infinitely strange.
    rate = (sums_before(count)[before] + 0.5) / (sums_before(base)[before] + 1)
    own, chances = (np.empty(len(days)) for _ in range(2))
    for found, values in ((own, count), (chances, base)):
        total = sums_before(values[order])
        found[order] = total[:-1] - total[first]
    usual = base * (own + pseudo * rate) / (chances + pseudo)
    return usual, _tail_surprisal(count, usual, before)


def _tail_surprisal(count: IntArray, usual: FloatArray, before: IntArray) -> FloatArray:
    # What is far off, as attacks are, must not widen what is usual.
    error = np.minimum((count - usual) ** 2, 25 * (usual + usual**2 + 0.2))
    spread = sums_before(error - usual)[before] / np.maximum(sums_before(usual**2)[before], 1e-9)
    shape = 1 / np.clip(spread, _LEAST_SPREAD, _MOST_SPREAD)
    tail = np.ones(len(count))
    some = (count > 0) & (before >= _LEAST_KNOWN)
    share = usual[some] / (usual[some] + shape[some])
    tail[some] = special.betainc(count[some], shape[some], share)
    return np.asarray(np.maximum(-np.log(np.maximum(2 * tail, math.exp(-MOST))), 0.0))

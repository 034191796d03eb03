"""Are today's people like those that a model has learned from?

Here: how far two samples are apart, and how far chance alone gets. Not here: which columns are
looked at, and what follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

# The field's rule of thumb: a shift of .1 is to be watched, one of .25 to be acted on.
ACT = 0.25
_CHANCE = 0.001


@dataclass(frozen=True)
class Shift:
    """How far something is from where it was.

    Attributes:
        name: of the column.
        index: population stability index.
        bar: what is to be acted on: ACT, or in small samples what chance exceeds once in 1,000.
    """

    name: str
    index: float
    bar: float

    @property
    def is_beyond(self) -> bool:
        """Whether it is to be acted on."""
        return self.index > self.bar


def population_stability(name: str, before: Floats, now: Floats, groups: int = 10) -> Shift:
    """Compare two samples of one column by groups of the first.

    PSI = sum over groups of (q - p) ln(q / p), p and q the shares of the groups before and now,
    with half a row more in each.

    Args:
        name: of the column.
        before: (n,) what was learned from.
        now: (m,) what is scored.
        groups: quantiles of `before`; fewer where values are equal, and two beyond its ends.

    Raises:
        ValueError: one of the two is empty.

    Sources: Siddiqi (2006), Credit Risk Scorecards; Yurdakul (2018), Statistical Properties of
    Population Stability Index: without a shift it is (1/n + 1/m) times a chi-squared of groups - 1.
    """
    if not len(before) or not len(now):
        raise ValueError(f"{name}: nothing to compare")
    # With a group below and one above all that was there, which a constant column has need of.
    quantiles = np.quantile(before, np.arange(1, groups + 1) / groups, method="lower")
    edges = np.unique([np.nextafter(before.min(), -np.inf), *quantiles])
    p, q = (_shares(edges, values) for values in (before, now))
    chance = special.chdtri(len(edges), _CHANCE) * (1 / len(before) + 1 / len(now))
    return Shift(name, float(((q - p) * np.log(q / p)).sum()), max(ACT, float(chance)))


def column_shifts(names: Iterable[str], before: Floats, now: Floats) -> list[Shift]:
    """Compare the columns of two samples, (n, k) and (m, k), each by itself."""
    return [population_stability(name, before[:, i], now[:, i]) for i, name in enumerate(names)]


def say(
    shifts: Iterable[Shift], said: str = "today's persons are unlike those that were learned from"
) -> str:
    """What is to be acted on, the farthest first; empty where there is nothing.

    Args:
        shifts: of columns.
        said: what is wrong where one is beyond its bar.
    """
    beyond = sorted((one for one in shifts if one.is_beyond), key=lambda one: -one.index)
    if not beyond:
        return ""
    named = ", ".join(f"{one.name} (PSI {one.index:.2f}, bar {one.bar:.2f})" for one in beyond)
    return f"{said}: {named}"


def _shares(edges: Floats, values: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return np.asarray((counts + 0.5) / (len(values) + 0.5 * len(counts)), dtype=np.float64)

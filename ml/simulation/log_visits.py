"""When sessions happen, and whose they are: the estimation from the sessions of a log.

Here: sessions a day and their hour, who comes back and after how long. What is done in a session is
in `semi_markov` and `log_wares`.
"""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from math import fsum
from typing import Generic, TypeVar

from ml.simulation.semi_markov import BINS, Weights, weigh
from ml.simulation.settings import DAY, HOUR, SESSION_GAP

DAYS_A_WEEK = 7
T = TypeVar("T")


@dataclass(frozen=True)
class Calendar:
    """When sessions begin.

    Attributes:
        means: sessions a day, Monday first.
        spread: variance of a day's level about its weekday's mean, as a share of the mean's
            square, beyond what chance makes.
        hours: UTC hours of the day, Monday first.
    """

    means: tuple[float, ...]
    spread: float
    hours: tuple[Weights[int], ...]

    def draw(self, rng: random.Random, weekday: int) -> list[int]:
        """Moments of a day at which sessions begin, ms since midnight, ascending."""
        level = 1.0
        if self.spread > 0:
            level = rng.gammavariate(1 / self.spread, self.spread)
        mean = self.means[weekday] * level
        moments = []
        passed = rng.expovariate(1.0)
        while passed < mean:
            moments.append(self.hours[weekday].draw(rng) * HOUR + int(rng.random() * HOUR))
            passed += rng.expovariate(1.0)
        return sorted(moments)


@dataclass(frozen=True)
class Returns:
    """How long ago the visitor of a session was there before.

    Attributes:
        edges: ms, ascending; between two neighbours lies a bin of gaps.
        bins: numbers of bins; None stands for: never, as far as the log tells.
    """

    edges: tuple[float, ...]
    bins: Weights[int | None]

    @property
    def share(self) -> float:
        """Of sessions whose visitor was there before."""
        return 1.0 - self.bins.share(None)

    def draw(self, rng: random.Random) -> int | None:
        """Milliseconds since the beginning of the session before; None for a new visitor."""
        at = self.bins.draw(rng)
        if at is None:
            return None
        return int(rng.uniform(self.edges[at], self.edges[at + 1]))


def fit_calendar(starts: Sequence[int], first: date, days: int, support: int) -> Calendar:
    """Estimate when sessions begin.

    Args:
        starts: ms since the midnight before `first`, each within the days.
        first: the log's first UTC day.
        days: of the log, at least 1.
        support: an hour of a weekday with fewer sessions has the share of all weekdays.

    Returns:
        A weekday that the log does not have is like the mean of all days.
    """
    by_day = Counter(start // DAY for start in starts)
    weekdays = [(first + timedelta(days=day)).weekday() for day in range(days)]
    there = Counter(weekdays)
    sums: Counter[int] = Counter()
    for day, weekday in enumerate(weekdays):
        sums[weekday] += by_day[day]
    means = tuple(
        sums[w] / there[w] if there[w] else len(starts) / days for w in range(DAYS_A_WEEK)
    )
    free = days - len(there)
    spread = 0.0
    if free > 0 and starts:
        # The variance of a negative binomial is mean + spread * mean².
        beyond = fsum(
            (by_day[day] - means[w]) ** 2 * days / free - means[w] for day, w in enumerate(weekdays)
        )
        spread = max(0.0, beyond / fsum(means[w] ** 2 for w in weekdays))
    return Calendar(means, spread, _hours(starts, weekdays, support))


def _hours(
    starts: Sequence[int], weekdays: Sequence[int], support: int
) -> tuple[Weights[int], ...]:
    cells = Counter((weekdays[start // DAY], start % DAY // HOUR) for start in starts)
    every = Counter(start % DAY // HOUR for start in starts)
    all_hours = range(DAY // HOUR)
    pooled = {hour: every[hour] / len(starts) for hour in all_hours if every[hour] >= support}
    # So few that no hour has enough: any hour is like the others.
    pooled = pooled or dict.fromkeys(all_hours, 1.0)
    found = []
    for weekday in range(DAYS_A_WEEK):
        whole = sum(cells[weekday, hour] for hour in all_hours)
        weights = [
            (
                hour,
                cells[weekday, hour]
                if cells[weekday, hour] >= support
                else max(whole, 1) * pooled.get(hour, 0.0),
            )
            for hour in all_hours
        ]
        found.append(weigh(weights))
    return tuple(found)


def fit_returns(visits: Sequence[tuple[int, int]], support: int) -> Returns:
    """Estimate how long ago a session's visitor was there before.

    A first visit in the log may have one before the log: it is a gap that is longer than the time
    since the log's beginning, and the distribution is Kaplan and Meier's (1958).

    Args:
        visits: (visitor, ms since the log's beginning), in this order.
        support: gaps in a bin, at least; and sessions still to be told at the longest gap.

    Returns:
        What is left of the distribution counts as new.
    """
    told: list[tuple[int, bool]] = []
    for _, group in groupby(visits, key=lambda visit: visit[0]):
        moments = [moment for _, moment in group]
        told.append((moments[0], False))
        told += [(later - earlier, True) for earlier, later in pairwise(moments)]
    # A gap that is seen comes before one of the same length that is not told.
    told.sort(key=lambda gap: (gap[0], not gap[1]))
    jumps: list[tuple[int, float]] = []
    never = 1.0
    for at, (gap, is_seen) in enumerate(told):
        left = len(told) - at
        if left < support:
            break
        if is_seen:
            jumps.append((gap, never / left))
            never -= never / left
    count = min(BINS, len(jumps) // support)
    if not count:
        return Returns((), Weights((None,), (1.0,)))
    bounds = [len(jumps) * k // count for k in range(count + 1)]
    bins = [jumps[a:b] for a, b in pairwise(bounds)]
    means = [fsum(g * w for g, w in some) / fsum(w for _, w in some) for some in bins]
    inner = [(a + b) / 2 for a, b in pairwise(means)]
    # As wide outwards as inwards, so that the mean of the outer bins is theirs; a gap of less
    # than a session's would be no return.
    lowest = max(float(SESSION_GAP), 2 * means[0] - inner[0]) if inner else means[0]
    highest = 2 * means[-1] - inner[-1] if inner else means[0]
    weights: list[tuple[int | None, float]] = [
        (at, fsum(w for _, w in some)) for at, some in enumerate(bins)
    ]
    return Returns((lowest, *inner, highest), weigh([*weights, (None, never)]))


class Crowd(Generic[T]):
    """Visitors by the moment of their last session; sessions come in order of time."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._visitors: list[T] = []

    def leave(self, visitor: T, start: int, end: int) -> None:
        """A visitor's session is over; none began later."""
        self._starts.append(start)
        self._ends.append(end)
        self._visitors.append(visitor)

    def take(self, moment: int, gap: int) -> T | None:
        """Whoever's last session began about `gap` before the moment, and is well over.

        None where that is before the first day, or nobody is left.
        """
        wanted = moment - gap
        if wanted < 0:
            return None
        at = min(bisect(self._starts, wanted), len(self._starts) - 1)
        while at >= 0 and self._ends[at] + SESSION_GAP >= moment:
            at -= 1
        if at < 0:
            return None
        del self._starts[at], self._ends[at]
        return self._visitors.pop(at)

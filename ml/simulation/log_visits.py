"""When sessions happen, and whose they are: the estimation from the sessions of a log.

Here: sessions a day and their hour, who comes back and after how long. What is done in a session is
in `semi_markov` and `log_wares`.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from math import fsum
from typing import Generic, TypeVar

from ml.simulation.semi_markov import Weights, weigh
from ml.simulation.settings import DAY, HOUR, SESSION_GAP

DAYS_A_WEEK = 7
MOST_LOYAL = 8
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
    """How many days ago the visitor of a session was there before, and who comes back.

    Attributes:
        days: ranges of days, first and last; None stands for: never, as far as the log tells.
        loyalty: how likely a visitor is to come back after so many sessions, from one on; the last
            one holds for all more.
    """

    days: Weights[tuple[int, int] | None]
    loyalty: tuple[float, ...]

    @property
    def share(self) -> float:
        """Of sessions whose visitor was there before."""
        return 1.0 - self.days.share(None)

    def draw(self, rng: random.Random) -> int | None:
        """Days since the session before; None for a new visitor."""
        drawn = self.days.draw(rng)
        return rng.randint(*drawn) if drawn is not None else None


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


def fit_returns(visits: Sequence[tuple[int, int]], days: int, support: int) -> Returns:
    """Estimate how many days ago a session's visitor was there before.

    A first visit in the log may have one before the log: its gap is longer than the time since
    the log's beginning, and the distribution is that of Kaplan and Meier (1958).

    Args:
        visits: (visitor, ms since the log's beginning), in this order.
        days: of the log.
        support: gaps in a range of days, at least; and sessions still to be told at its end.

    Returns:
        What is left of the distribution counts as new.
    """
    seen: Counter[int] = Counter()
    censored: Counter[int] = Counter()
    followed: dict[int, list[int]] = {}
    for _, group in groupby(visits, key=lambda visit: visit[0]):
        on = [moment // DAY for _, moment in group]
        censored[on[0]] += 1
        seen.update(later - earlier for earlier, later in pairwise(on))
        for number, day in enumerate(on):
            # As much time to come back for each of them.
            if day < days / 2:
                there = followed.setdefault(min(number, MOST_LOYAL - 1), [0, 0])
                there[0] += 1
                there[1] += number + 1 < len(on) and on[number + 1] - day <= days / 2
    ranges: list[tuple[tuple[int, int] | None, float]] = []
    left, never, mass, count, first = len(visits), 1.0, 0.0, 0, 0
    for gap in range(days):
        if left < support:
            break
        mass += never * seen[gap] / left
        never *= 1 - seen[gap] / left
        count += seen[gap]
        left -= seen[gap] + censored[gap]
        if count >= support:
            ranges.append(((first, gap), mass))
            mass, count, first = 0.0, 0, gap + 1
    told = fsum(weight for _, weight in ranges)
    shares = [
        followed[number][1] / followed[number][0]
        for number in sorted(followed)
        if followed[number][0] >= support
    ]
    return Returns(weigh([*ranges, (None, max(0.0, 1 - told))]), tuple(shares) or (1.0,))


class Crowd(Generic[T]):
    """Visitors by the day of their last session, and by how many they have had."""

    def __init__(self, loyalty: Sequence[float]) -> None:
        self._loyalty = loyalty
        self._days: dict[int, list[list[tuple[T, int]]]] = {}

    def leave(self, visitor: T, day: int, sessions: int, end: int) -> None:
        """A visitor's session, the last of so many, is over."""
        levels = self._days.setdefault(day, [[] for _ in self._loyalty])
        levels[min(sessions, len(self._loyalty)) - 1].append((visitor, end))

    def take(self, rng: random.Random, day: int, moment: int) -> T | None:
        """Somebody whose last session was on a day and is well over; None where nobody is left."""
        levels = self._days.get(day, [])
        weights = (
            [
                (level, len(visitors) * loyal)
                for level, (visitors, loyal) in enumerate(zip(levels, self._loyalty, strict=True))
            ]
            if levels
            else []
        )
        if not any(weight > 0 for _, weight in weights):
            return None
        visitors = levels[weigh(weights).draw(rng)]
        at = rng.randrange(len(visitors))
        if visitors[at][1] + SESSION_GAP >= moment:
            return None
        visitors[at], visitors[-1] = visitors[-1], visitors[at]
        return visitors.pop()[0]

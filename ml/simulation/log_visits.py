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
from operator import itemgetter
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
        loyalty: how often a visitor comes back in a day of waiting, after so many sessions, from
            one on; the last one holds for all more.
        pull: how many times likelier somebody with a cart comes back on this day or the next.
    """

    days: Weights[tuple[int, int] | None]
    loyalty: tuple[float, ...]
    pull: float = 1.0

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


def fit_returns(visits: Sequence[tuple[int, int, bool]], days: int, support: int) -> Returns:
    """Estimate how many days ago a session's visitor was there before.

    A first visit in the log may have one before the log: its gap is longer than the time since
    the log's beginning, and the distribution is that of Kaplan and Meier (1958).

    Args:
        visits: visitor, ms since the log's beginning, whether something was left in the cart; in
            this order.
        days: of the log.
        support: gaps in a range of days, at least; and sessions still to be told at its end.

    Returns:
        What is left of the distribution counts as new.
    """
    visitors = [
        [moment for _, moment, _ in group] for _, group in groupby(visits, key=itemgetter(0))
    ]
    seen = Counter(
        later // DAY - earlier // DAY for own in visitors for earlier, later in pairwise(own)
    )
    not_seen = Counter(own[0] // DAY for own in visitors)
    ranges: list[tuple[tuple[int, int] | None, float]] = []
    left, never, share, count, first = len(visits), 1.0, 0.0, 0, 0
    for gap in range(days):
        if left < support:
            break
        share += never * seen[gap] / left
        never *= 1 - seen[gap] / left
        count += seen[gap]
        left -= seen[gap] + not_seen[gap]
        if count >= support:
            ranges.append(((first, gap), share))
            share, count, first = 0.0, 0, gap + 1
    told = fsum(weight for _, weight in ranges)
    if told < 1:
        ranges.append((None, 1 - told))
    return Returns(weigh(ranges), _loyalty(visitors, days, support), _pull(visits, days, support))


def _loyalty(visitors: Sequence[Sequence[int]], days: int, support: int) -> tuple[float, ...]:
    """Returns in a day of waiting for somebody, by how many sessions they have had.

    A visitor's last session is waited after until the log ends: the estimate of an exponential
    waiting time of which not all is seen.
    """
    there: Counter[int] = Counter()
    back: Counter[int] = Counter()
    waited: Counter[int] = Counter()
    for moments in visitors:
        for number, (moment, until) in enumerate(pairwise([*moments, days * DAY])):
            level = min(number, MOST_LOYAL - 1)
            there[level] += 1
            back[level] += number + 1 < len(moments)
            waited[level] += until - moment
    rates = (back[level] / waited[level] for level in sorted(there) if there[level] >= support)
    return tuple(rate * DAY for rate in rates) or (1.0,)


def _pull(visits: Sequence[tuple[int, int, bool]], days: int, support: int) -> float:
    """How much likelier a return by the next day is with something in the cart."""
    there, back = [0, 0], [0, 0]
    # The last one has nobody after it; what follows nothing never comes back.
    for (visitor, moment, has_cart), later in zip(
        visits, [*visits[1:], (-1, 0, False)], strict=True
    ):
        if moment // DAY < days - 1:
            there[has_cart] += 1
            back[has_cart] += later[0] == visitor and later[1] // DAY - moment // DAY <= 1
    if min(back) < support:
        return 1.0
    return (back[1] / there[1]) / (back[0] / there[0])


class Crowd(Generic[T]):
    """Visitors by the day of their last session, how many they have had, and their carts."""

    def __init__(self, returns: Returns) -> None:
        self._weights = [(loyalty, loyalty * returns.pull) for loyalty in returns.loyalty]
        # day -> level of loyalty -> without and with something in the cart
        self._days: dict[int, list[tuple[list[tuple[T, int]], list[tuple[T, int]]]]] = {}

    def leave(self, visitor: T, sessions: int, start: int, end: int, *, has_cart: bool) -> None:
        """A visitor's session, the last of so many, is over."""
        levels = self._days.setdefault(start // DAY, [([], []) for _ in self._weights])
        levels[min(sessions, len(levels)) - 1][has_cart].append((visitor, end))

    def take(self, rng: random.Random, moment: int, gap: int) -> T | None:
        """Somebody whose last session was so many days before, or nearly so.

        None where that is before the first day, or nobody is found.
        """
        today = moment // DAY
        if gap > today:
            return None
        # From a day that nobody is left of, to the nearest one.
        for apart in range(gap + 1):
            for days in {gap + apart: None, gap - apart: None}:
                visitor = self._take(rng, today - days, moment, is_near=days <= 1)
                if visitor is not None:
                    return visitor
        return None

    def _take(self, rng: random.Random, day: int, moment: int, *, is_near: bool) -> T | None:
        groups = [
            (group, weight[has_cart and is_near] * len(group))
            for level, weight in zip(self._days.get(day, ()), self._weights, strict=False)
            for has_cart, group in enumerate(level)
        ]
        if not any(weight for _, weight in groups):
            return None
        visitors = weigh(groups).draw(rng)
        at = rng.randrange(len(visitors))
        # Within a session's gap it would be no other session.
        if visitors[at][1] + SESSION_GAP >= moment:
            return None
        visitors[at], visitors[-1] = visitors[-1], visitors[at]
        return visitors.pop()[0]

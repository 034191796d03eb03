"""When visits happen: trend, week, planted spike days, and the hour of the day.

Each is a function of the seed and the day's number alone, so that a longer simulation begins with
the shorter one.
"""

import random
from bisect import bisect
from datetime import date, timedelta
from itertools import accumulate

from ml.simulation.settings import DAY, HOUR, Settings

# Monday first: a shop is busiest on Sunday evening and Monday.
WEEK = (1.08, 0.98, 0.95, 0.94, 0.93, 0.98, 1.14)
TREND_PER_DAY = 0.0015
SPIKE_EVERY, SPIKE_FROM, SPIKE_TO = 28, 17, 25
# Local hours 0 to 23.
HOURS = (13, 8, 3, 1, 1, 2, 7, 14, 22, 28, 31, 33, 36, 35, 32, 32, 34, 38, 44, 52, 56, 48, 31, 21)
_HOURS_TOTAL = tuple(accumulate(HOURS))


def spike_days(seed: int, days: int) -> tuple[int, ...]:
    """The planted spike days, as day numbers: one in each full stretch of 28 days."""
    found = []
    for block in range(days // SPIKE_EVERY + 1):
        offset = random.Random(f"spike {seed} {block}").randint(SPIKE_FROM, SPIKE_TO)
        if block * SPIKE_EVERY + offset < days:
            found.append(block * SPIKE_EVERY + offset)
    return tuple(found)


def day_weights(settings: Settings) -> list[float]:
    """Intensity of visits for each day, about 1 on average."""
    spikes = set(spike_days(settings.seed, settings.days))
    return [
        WEEK[_weekday(settings.start, day)]
        * (1.0 + TREND_PER_DAY * min(day, 730))
        * (1.0 + settings.spike if day in spikes else 1.0)
        for day in range(settings.days)
    ]


def _weekday(start: date, day: int) -> int:
    return (start + timedelta(days=day)).weekday()


class Clock:
    """Turns waiting times, in average days, into moments of the simulated calendar."""

    def __init__(self, settings: Settings) -> None:
        self._running = list(accumulate(day_weights(settings)))

    def elapsed(self, moment: int) -> float:
        """Average days from the start until the end of the moment's day."""
        day = moment // DAY
        return self._running[day] if day < len(self._running) else float("inf")

    def day_after(self, average_days: float) -> int | None:
        """The day's number on which so many average days are over; None past the end."""
        day = bisect(self._running, average_days)
        return day if day < len(self._running) else None


def time_of_day(rng: random.Random, utc_offset: int) -> int:
    """A moment within a UTC day, ms, by the local daytime profile."""
    hour = bisect(_HOURS_TOTAL, rng.random() * _HOURS_TOTAL[-1])
    return int(((hour - utc_offset) % 24) * HOUR + rng.random() * HOUR)

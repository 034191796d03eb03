"""Many histories in one database at once: they cost little more than one.

Belongs here: putting histories side by side (their ids differ, their days lie over a month apart,
their runs are the same), and taking one out again to name the culprit. Not here: what a history
holds (`histories`), what is compared (`harness`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from tests.laws.histories import (
    BASE_DATES,
    TIMEZONES,
    History,
    Row,
    Run,
    Seals,
    random_history,
    recut,
    with_kills,
)  # fmt: skip

# Longer than the widest reach of a metric (30 dates), so that one history's work is not another's.
APART = timedelta(days=34)


@dataclass(frozen=True)
class Batch:
    """Histories side by side.

    Attributes:
        whole: all of them as one history.
        parts: each alone, with the runs of the whole as far as they concern it.
    """

    whole: History
    parts: tuple[History, ...]


def random_batch(rng: Random, size: int) -> Batch:
    """So many random histories with one reporting time zone, runs and kills in common."""
    timezone = rng.choice(TIMEZONES)
    members: list[History] = []
    base = date(2019, 12, 30)
    for number in range(size):
        one = random_history(rng, base=base, prefix=f"h{number}-", timezone=timezone, kills=False,
                             first_request=1 + 100 * number)  # fmt: skip
        members.append(one)
        base = next_base(rng, one.as_of + APART)
    runs = with_kills(rng, side_by_side(rng, members))
    seals: Seals = {day: parts for one in members for day, parts in one.seals.items()}
    erasures = tuple(erasure for one in members for erasure in one.erasures)
    whole = History(dict(sorted(seals.items())), runs, timezone, erasures)
    return Batch(whole, tuple(part_of(whole, set(one.seals), one.erasures) for one in members))


def recut_batch(rng: Random, batch: Batch) -> History:
    """Every history's rows on other arrival days with the same last one, all in a single run."""
    seals: Seals = {}
    for part in batch.parts:
        seals |= recut(part, rng).seals
    days = tuple(sorted(seals))
    whole = batch.whole
    plan = (Run(days, dict.fromkeys(days, 1), erased=whole.plan[-1].erased),)
    return History({day: seals[day] for day in days}, plan, whole.timezone, whole.erasures)


def next_base(rng: Random, earliest: date) -> date:
    """The earliest date possible, or the next awkward one of the year (changes of clocks, ends)."""
    if rng.randrange(2) == 0:
        return earliest
    years = (earliest.year, earliest.year + 1)
    awkward = (date(year, one.month, min(one.day, 28)) for year in years for one in BASE_DATES)
    return min(day for day in awkward if day >= earliest)


def side_by_side(rng: Random, members: list[History]) -> list[Run]:
    """As many runs as the longest plan has; each history's runs at places of its own among them.

    At a place without a run of its own, a history rests or asks for days once more.
    """
    places = max(len(one.plan) for one in members)
    asked: list[set[date]] = [set() for _ in range(places)]
    visible: list[dict[date, int]] = [{} for _ in range(places)]
    erased: list[frozenset[int]] = [frozenset()] * places
    for one in members:
        chosen = sorted(rng.sample(range(places), len(one.plan)))
        latest = Run((), {})
        for place in range(places):
            if place in chosen:
                latest = one.plan[chosen.index(place)]
                asked[place] |= set(latest.days)
            elif latest.visible and rng.randrange(100) >= 70:
                asked[place].add(rng.choice(sorted(latest.visible)))
            visible[place] |= latest.visible
            erased[place] |= latest.erased
    return [
        Run(tuple(sorted(days)), seals, erased=requests)
        for days, seals, requests in zip(asked, visible, erased, strict=True)
        if days
    ]


def part_of(whole: History, days: set[date], erasures: tuple[Row, ...] = ()) -> History:
    """What a plan for many days means for some of them; runs that are nothing to them fall away."""
    plan: list[Run] = []
    owed: set[date] = set()
    requests = {one["request_number"] for one in erasures}
    for run in whole.plan:
        mine = (set(run.days) | (owed if run.kill_after is None else set())) & days
        visible = {day: seals for day, seals in run.visible.items() if day in days}
        if mine:
            erased = run.erased & requests
            plan.append(replace(run, days=tuple(sorted(mine)), visible=visible, erased=erased))
            owed = set() if run.kill_after is None else owed | mine
    seals = {day: whole.seals[day] for day in sorted(days)}
    return History(seals, tuple(plan), whole.timezone, erasures)


def smallest(
    history: History, fails: Callable[[History], str | None], tries: int = 150
) -> tuple[History, str]:
    """Leave out rows and runs while the history still fails.

    Args:
        history: one that fails.
        fails: the difference, or None.
        tries: how many smaller ones to look at.
    """
    difference = fails(history) or ""
    size = max(1, len(history.log_rows) // 2)
    while size and tries > 0:
        at, shrunk = 0, False
        while at < len(history.log_rows) and tries > 0:
            smaller = without_rows(history, at, size)
            tries -= 1
            found = fails(smaller)
            if found:
                history, difference, shrunk = smaller, found, True
            else:
                at += size
        if not shrunk or size > 1:
            size //= 2
    for number in reversed(range(len(history.plan) - 1)):
        smaller = without_run(history, number)
        found = fails(smaller) if tries > 0 else None
        tries -= 1
        if found:
            history, difference = smaller, found
    return history, difference


def without_run(history: History, number: int) -> History:
    """The history less a run; the next one is asked for its days too, for what is new is run."""
    run, following, *later = history.plan[number:]
    days = tuple(sorted({*run.days, *following.days}))
    plan = (*history.plan[:number], replace(following, days=days), *later)
    return replace(history, plan=plan)


def without_rows(history: History, at: int, size: int) -> History:
    """The history less so many rows of its log from a place on; days and seals stay."""
    left, number = {}, 0
    for day in sorted(history.seals):
        kept = []
        for seal in history.seals[day]:
            kept.append(tuple(row for n, row in enumerate(seal, number) if not at <= n < at + size))
            number += len(seal)
        left[day] = tuple(kept)
    return replace(history, seals=left)

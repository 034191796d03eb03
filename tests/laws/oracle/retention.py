"""Retention by following each person: which period it begins in, and in which it is active.

Belongs here: docs/metrics.md, `marts.retention_cohorts` and `marts.lifecycle`. Not here: who a
person is (`identity`).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from tests.laws.oracle.events import Row
from tests.laws.oracle.kpis import Facts

OFFSETS = {"day": 30, "week": 26, "month": 24}
DAY = timedelta(days=1)


def first_date(period: str, day: date) -> date:
    """The first date of the period that a date lies in."""
    if period == "week":
        return day - day.weekday() * DAY
    return day.replace(day=1) if period == "month" else day


def next_period(period: str, first: date) -> date:
    """The first date of the period after the one that begins on a date."""
    if period == "month":
        return first_date(period, first + 31 * DAY)
    return first + (7 * DAY if period == "week" else DAY)


def beginnings(facts: Facts) -> dict[str, dict[str, date]]:
    """Cohort type -> person -> report date of its first session, sign-up, order."""
    rows = {
        "visit": facts.sessions,
        "sign_up": [event for event in facts.events if event["role"] == "sign_up"],
        "order": facts.orders,
    }
    found: dict[str, dict[str, date]] = {}
    for cohort_type, mine in rows.items():
        first: dict[str, date] = {}
        for row in mine:
            person, day = row["person_id"], row["report_date"]
            if person is not None:
                first[person] = min(day, first.get(person, day))
        found[cohort_type] = first
    return found


def periods_from(period: str, first: date, last: date, most: int) -> list[date]:
    """The period that begins on `first` and those after it that begin by `last`, at most `most`."""
    found = [first]
    while len(found) <= most and (following := next_period(period, found[-1])) <= last:
        found.append(following)
    return found


def activity(facts: Facts) -> dict[str, set[date]]:
    """Person -> report dates of its sessionable events."""
    active: dict[str, set[date]] = defaultdict(set)
    for event in facts.events:
        if event["is_sessionable"] and event["person_id"] is not None:
            active[event["person_id"]].add(event["report_date"])
    return active


def cohort_rows(
    period: str, starts: list[date], persons: list[set[date]], as_of: date | None
) -> list[Row]:
    """The rows of a cohort, in which its type is left out.

    Args:
        period: what it is counted in.
        starts: first dates of the periods that have a row, the cohort's own first.
        persons: for each person of the cohort the first dates of the periods it was active in.
        as_of: latest closed arrival date.
    """
    came = Counter(start for active in persons for start in active)
    came_last = Counter(max(active) for active in persons if active)
    table = []
    for offset, start in enumerate(starts):
        counts = {
            "bounded": came[start],
            "rolling": sum(count for last, count in came_last.items() if last >= start),
        }
        ends = next_period(period, start) - DAY
        for mode, count in counts.items():
            retained = count if offset else len(persons)
            table.append(
                {
                    "mode": mode,
                    "period": period,
                    "cohort_date": starts[0],
                    "offset": offset,
                    "cohort_size": len(persons),
                    "retained": retained,
                    "rate": retained / len(persons),
                    "is_complete": as_of is not None and ends <= as_of,
                }
            )
    return table


def retention_cohorts(facts: Facts, as_of: date | None, offsets: Mapping[str, int]) -> list[Row]:
    """`marts.retention_cohorts`.

    Args:
        facts: rows of no bots.
        as_of: latest closed arrival date.
        offsets: period -> the last offset that has a row.

    Readings: without an as_of date no period is complete. Activity before the cohort's period is
    none of its offsets.
    """
    if not facts.events:
        return []
    days = [event["report_date"] for event in facts.events]
    last = max([*days, as_of] if as_of else days)
    active = activity(facts)
    table = []
    for cohort_type, first_of in beginnings(facts).items():
        for period, most in offsets.items():
            cohorts: dict[date, list[set[date]]] = defaultdict(list)
            for person, day in first_of.items():
                theirs = {first_date(period, one) for one in active.get(person, ())}
                cohorts[first_date(period, day)].append(theirs)
            for cohort_date, persons in cohorts.items():
                starts = periods_from(period, cohort_date, last, most)
                rows = cohort_rows(period, starts, persons, as_of)
                table.extend({"cohort_type": cohort_type, **row} for row in rows)
    return table


def standing(active: set[date], before: date, start: date) -> str | None:
    """What a person is in the period that begins on `start`, after the one on `before`.

    Args:
        active: first dates of the periods in which it was active.
    """
    if start not in active:
        return "dormant" if before in active else None
    if start == min(active):
        return "new"
    return "returning" if before in active else "resurrected"


def lifecycle(facts: Facts, as_of: date | None) -> list[Row]:
    """`marts.lifecycle`. Reading: without an as_of date no period is complete."""
    persons = activity(facts).values()
    if not persons:
        return []
    days = [event["report_date"] for event in facts.events]
    last = max([*days, as_of] if as_of else days)
    table = []
    for period in OFFSETS:
        active = [{first_date(period, one) for one in theirs} for theirs in persons]
        # Who was active neither in a period nor in the one before is nothing in it.
        stands: dict[date, Counter[str | None]] = defaultdict(Counter)
        for theirs in active:
            for one in theirs | {next_period(period, one) for one in theirs}:
                before = first_date(period, one - DAY)
                stands[one][standing(theirs, before, one)] += 1
        start = min(stands)
        while start <= last:
            found = stands[start]
            counts = {f"{name}_persons": found[name]
                      for name in ("new", "returning", "resurrected", "dormant")}  # fmt: skip
            came = found["new"] + found["resurrected"]
            before, start = start, next_period(period, start)
            table.append(
                {
                    "period": period,
                    "period_start": before,
                    "active_persons": came + found["returning"],
                    **counts,
                    "quick_ratio": came / found["dormant"] if found["dormant"] else None,
                    "is_complete": as_of is not None and start - DAY <= as_of,
                }
            )
    return table

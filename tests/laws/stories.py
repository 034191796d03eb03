"""Histories told step by step, for situations that a test calls by name.

Belongs here: making a `History` of batches in the order in which they come, and rows in few words.
Not here: the situations themselves (the tests), nor random ones (`histories`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tests.laws.experiment_blocks import met
from tests.laws.histories import History, Row, Run, Seals, number_lines
from tests.laws.log_rows import log_row

Step = tuple[date, list[Row]]


def at(text: str) -> datetime:
    """A time of May 2026: `11 10:00`, `11 10:00:00.000001`."""
    return datetime.fromisoformat(f"2026-05-{text}")


def day(number: int) -> date:
    """A day of May 2026."""
    return date(2026, 5, number)


def event(event_id: str, name: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """A row of the log, by a device's anonymous id."""
    return log_row(event_id, name, at(when), anonymous_id=visitor, **columns)


def view(event_id: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """A page view."""
    return event(event_id, "page_viewed", when, visitor, **columns)


def exposure(
    event_id: str, when: str, variant: str, visitor: str | None = "v", **columns: Any
) -> Row:
    """An exposure to a variant of the experiment `x`."""
    properties = met("x", variant)
    return event(event_id, "experiment_viewed", when, visitor, properties=properties, **columns)


def told(
    *steps: Step, timezone: str = "UTC", erasures: Sequence[tuple[int, str, str]] = ()
) -> History:
    """A history in which each step brings one seal of a day, and then that day is run.

    A step without rows brings no seal, where the day has one already: the day runs once more.

    Args:
        steps: the day and the rows of each.
        timezone: reporting time zone.
        erasures: from which step on (0 is the first) which `visitor_id` or `user_id` is erased.
    """
    register = tuple(
        {"request_number": number, "erased_at": at("30 00:00"), "visitor_id": None,
         "user_id": None, kind: value}
        for number, (_, kind, value) in enumerate(erasures, start=1)
    )  # fmt: skip
    batches: dict[date, list[tuple[Row, ...]]] = defaultdict(list)
    visible: dict[date, int] = {}
    plan = []
    for number, (arrived, rows) in enumerate(steps):
        if rows or arrived not in visible:
            mine = [dict(row, arrival_date=arrived) for row in rows]
            number_lines(mine, f"{arrived}/{len(batches[arrived])}.jsonl")
            batches[arrived].append(tuple(mine))
            visible[arrived] = len(batches[arrived])
        erased = {
            one["request_number"]
            for one, (step, *_) in zip(register, erasures, strict=True)
            if step <= number
        }
        plan.append(Run((arrived,), dict(visible), erased=frozenset(erased)))
    seals: Seals = {arrived: tuple(batches[arrived]) for arrived in sorted(batches)}
    return History(seals, tuple(plan), timezone, register)


def one(rows: list[Row], **wanted: Any) -> Row:
    """The single row with these values."""
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def killed(history: History, number: int, share: float) -> History:
    """The same plan, but that run `number` is killed and then comes again."""
    run = history.plan[number]
    dead = replace(run, kill_after=share)
    plan = (*history.plan[:number], dead, run, *history.plan[number + 1 :])
    return replace(history, plan=plan)

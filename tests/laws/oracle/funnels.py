"""Funnels by trying every attempt: ordered, strict (all choices) and any order (best matching).

Belongs here: docs/metrics.md, `core.fct_funnel_entries` and `marts.funnel_steps`.
"""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from tests.laws.oracle.events import Row, in_order
from tests.laws.oracle.kpis import ratio
from tests.laws.oracle.lines import product_lines

UNIT_COLUMNS = {"person": "person_id", "visitor": "visitor_id", "session": "session_id"}
LINE_PROPERTIES = {"product_id", "category", "brand"}
SESSION_DIMENSIONS = ("device_type", "country", "source", "channel")
MICROSECOND = timedelta(microseconds=1)


def walk_ordered(events: list[Row], first: Row, names: list[str], last_ts: datetime) -> Any:
    """Times of the steps reached: always the earliest unused event."""
    used, times = [first["event_key"]], [first["event_ts"]]
    for name in names[1:]:
        for event in events:
            if (
                event["event_name"] == name
                and event["event_key"] not in used
                and times[-1] <= event["event_ts"] <= last_ts
            ):
                used.append(event["event_key"])
                times.append(event["event_ts"])
                break
        else:
            break
    return times


def walk_strict(
    events: list[Row], having: list[Row], used: list[Row], names: list[str], last_ts: datetime
) -> list[datetime]:
    """Times of the steps reached by the best choice of those `having` what is held.

    Reading: of choices that reach equally far, the one whose times are earliest, step by step.
    """
    now = used[-1]["event_ts"]
    best: list[datetime] = []
    if len(used) < len(names):
        for event in having:
            if (
                event["event_name"] != names[len(used)]
                or any(event is other for other in used)
                or not now <= event["event_ts"] <= last_ts
                or any(now < between["event_ts"] < event["event_ts"] for between in events)
            ):
                continue
            times = walk_strict(events, having, [*used, event], names, last_ts)[len(used) :]
            if not best or (-len(times), times) < (-len(best), best):
                best = times
    return [event["event_ts"] for event in used] + best


def most_served(candidates: list[list[str]], used: frozenset[str]) -> int:
    """How many steps can be served, one event each, by trying every choice and none."""
    if not candidates:
        return 0
    best = most_served(candidates[1:], used)
    for key in candidates[0]:
        if best == len(candidates):
            break
        if key not in used:
            best = max(best, 1 + most_served(candidates[1:], used | {key}))
    return best


def values_held(event: Row, hold: str | None) -> list[str | None]:
    """What an event has of the property that its funnel holds, in order; [None] if it holds none.

    Of products the distinct values of the event's lines in `fct_product_interactions`, else its own
    column's, as of anything else; of a key of the properties its text, whole number or truth.
    """
    if hold is None:
        return [None]
    if hold.startswith("properties."):
        value = json.loads(event["properties"] or "{}").get(hold.removeprefix("properties."))
        if isinstance(value, str):
            return [value]
        return [json.dumps(value)] if isinstance(value, int) else []
    found = {event[hold]}
    lines = product_lines(event)
    if hold in LINE_PROPERTIES and lines:
        found = {line[hold] for line in lines}
    return sorted(value for value in found if value is not None)


def attempt(events: list[Row], first: Row, held: str | None, funnel: Row) -> Any:
    """Steps reached by the attempt that starts at `first`, and their times (none for any order)."""
    hold, names = funnel.get("hold"), [name for _, name in funnel["steps"]]
    last_ts = first["event_ts"] + timedelta(seconds=funnel["window_s"])
    having = [event for event in events if held in values_held(event, hold)]
    for event in having:
        if (
            event["event_name"] in funnel.get("excluded", ())
            and first["event_ts"] <= event["event_ts"]
        ):
            # Nothing at or after it counts, and times are whole microseconds.
            last_ts = min(last_ts, event["event_ts"] - MICROSECOND)
    if funnel["mode"] == "ordered":
        times = walk_ordered(having, first, names, last_ts)
        return len(times), times
    if funnel["mode"] == "strict":
        times = walk_strict(events, having, [first], names, last_ts)
        return len(times), times
    if funnel["mode"] != "any":
        raise ValueError(f"funnel mode {funnel['mode']!r} is not ordered, strict or any")
    within = [e for e in having if e is not first and first["event_ts"] <= e["event_ts"] <= last_ts]
    candidates = [[e["event_key"] for e in within if e["event_name"] == n] for n in names[1:]]
    return 1 + most_served(candidates, frozenset()), None


def funnel_entries(events: list[Row], funnels: list[Row], session_rows: list[Row]) -> list[Row]:
    """`core.fct_funnel_entries`.

    Args:
        events: of no bot, with a visitor, persons, sessions and lines written to them.
        funnels: declared funnels.
        session_rows: `core.fct_sessions`.

    Reading: `step_at` is null for mode any.
    """
    sessions = {session["session_id"]: session for session in session_rows}
    table = []
    for funnel in funnels:
        unit_column = UNIT_COLUMNS[funnel["unit"]]
        by_unit: dict[str, list[Row]] = defaultdict(list)
        for event in sorted(events, key=in_order):
            if event[unit_column] is not None:
                by_unit[event[unit_column]].append(event)
        first_name = funnel["steps"][0][1]
        for unit_id, mine in by_unit.items():
            best: dict[Any, Row] = {}
            starts = [
                (first, held)
                for first in mine
                if first["event_name"] == first_name
                for held in values_held(first, funnel.get("hold"))
            ]
            for first, held in starts:
                reached, times = attempt(mine, first, held, funnel)
                day = first["report_date"]
                if day not in best or reached > best[day]["reached"]:
                    session = sessions.get(first["session_id"], {})
                    best[day] = {
                        "funnel": funnel["funnel"],
                        "unit_id": unit_id,
                        "entry_date": day,
                        "entered_at": first["event_ts"],
                        "held_value": held,
                        "reached": reached,
                        "step_at": times,
                        **{name: session.get(name) for name in SESSION_DIMENSIONS},
                        "category": first["category"],
                    }
            table.extend(best.values())
    return table


def quantile(values: list[float], share: float) -> float | None:
    """Between the neighbours of place `share * (n - 1)` in a straight line; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    below, part = divmod(share * (len(ordered) - 1), 1)
    low, high = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
    return low + (high - low) * part


def seconds_between(units: list[Row], step: int, since: int) -> list[float]:
    """What the units took from one step to another; none for step 1 and any order."""
    if step == 1:
        return []
    return [
        (unit["step_at"][step - 1] - unit["step_at"][since - 1]).total_seconds()
        for unit in units
        if unit["step_at"] is not None
    ]


def funnel_steps(entries: list[Row], funnels: list[Row]) -> list[Row]:
    """`marts.funnel_steps`."""
    table = []
    for funnel in funnels:
        groups: dict[tuple[Any, str, str], list[Row]] = defaultdict(list)
        for entry in entries:
            if entry["funnel"] == funnel["funnel"]:
                groups[entry["entry_date"], "(all)", "(all)"].append(entry)
                for name in (*SESSION_DIMENSIONS, "category"):
                    value = "(not set)" if entry[name] is None else entry[name]
                    groups[entry["entry_date"], name, value].append(entry)
        for (day, dimension, value), units in groups.items():
            for step, (step_name, _) in enumerate(funnel["steps"], start=1):
                entrants = sum(unit["reached"] >= max(step - 1, 1) for unit in units)
                there = [unit for unit in units if unit["reached"] >= step]
                from_previous = seconds_between(there, step, step - 1)
                from_first = seconds_between(there, step, 1)
                table.append(
                    {
                        "funnel": funnel["funnel"],
                        "mode": funnel["mode"],
                        "unit": funnel["unit"],
                        "dimension": dimension,
                        "value": value,
                        "entry_date": day,
                        "step": step,
                        "step_name": step_name,
                        "entrants": entrants,
                        "conversions": len(there),
                        "rate_from_previous": ratio(len(there), entrants),
                        "rate_from_first": ratio(len(there), len(units)),
                        "median_seconds_from_previous": quantile(from_previous, 0.5),
                        "p90_seconds_from_previous": quantile(from_previous, 0.9),
                        "median_seconds_from_first": quantile(from_first, 0.5),
                        "p90_seconds_from_first": quantile(from_first, 0.9),
                    }
                )
    return table

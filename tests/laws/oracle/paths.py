"""Paths by walking each session: which event follows which, and after how long.

Belongs here: docs/metrics.md, `marts.behaviour_transitions` and `marts.top_paths`. Not here:
what a session is (`sessions`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import groupby, pairwise
from statistics import median

from tests.laws.oracle.events import Row, in_order
from tests.laws.oracle.kpis import Facts

START, EXIT = "(start)", "(exit)"
PATH_STATES, TOP_PATHS = 12, 100


def walks(facts: Facts) -> Iterator[tuple[Row, list[Row]]]:
    """Each session with its events in order."""
    events_of: dict[str, list[Row]] = defaultdict(list)
    for event in facts.events:
        if event["session_id"] is not None:
            events_of[event["session_id"]].append(event)
    for session in facts.sessions:
        yield session, sorted(events_of[session["session_id"]], key=in_order)


def behaviour_transitions(facts: Facts) -> list[Row]:
    """`marts.behaviour_transitions`.

    Args:
        facts: rows of no bots.

    Reading: coming and leaving take no time, so their seconds are null.
    """
    seconds: dict[tuple[date, str, str], list[float | None]] = defaultdict(list)
    for session, walk in walks(facts):
        month = session["report_date"].replace(day=1)
        seconds[month, START, walk[0]["event_name"]].append(None)
        for one, following in pairwise(walk):
            took = (following["event_ts"] - one["event_ts"]).total_seconds()
            seconds[month, one["event_name"], following["event_name"]].append(took)
        seconds[month, walk[-1]["event_name"], EXIT].append(None)
    leaving: dict[tuple[date, str], int] = defaultdict(int)
    for (month, state, _), took_each in seconds.items():
        leaving[month, state] += len(took_each)
    table = []
    for (month, state, next_state), took_each in seconds.items():
        known = [took for took in took_each if took is not None]
        table.append(
            {
                "report_month": month,
                "state": state,
                "next_state": next_state,
                "count": len(took_each),
                "probability": len(took_each) / leaving[month, state],
                "median_seconds": median(known) if known else None,
            }
        )
    return table


def path_of(walk: list[Row]) -> str:
    """The names of a session's events, repeats in a row once, the first twelve and a sign."""
    names = [name for name, _ in groupby(event["event_name"] for event in walk)]
    more = ["…"] if len(names) > PATH_STATES else []
    return " > ".join([*names[:PATH_STATES], *more])


def top_paths(facts: Facts) -> list[Row]:
    """`marts.top_paths`; a session converts when an order began in it."""
    sessions: dict[date, Counter[str]] = defaultdict(Counter)
    converting: dict[date, Counter[str]] = defaultdict(Counter)
    for session, walk in walks(facts):
        month = session["report_date"].replace(day=1)
        sessions[month][path_of(walk)] += 1
        converting[month][path_of(walk)] += session["orders"] >= 1
    table = []
    for month, counts in sessions.items():
        ranked = sorted(counts, key=lambda path, counts=counts: (-counts[path], path))
        for rank, path in enumerate(ranked[:TOP_PATHS], start=1):
            table.append(
                {
                    "report_month": month,
                    "path_rank": rank,
                    "path": path,
                    "sessions": counts[path],
                    "converting_sessions": converting[month][path],
                    "share": counts[path] / counts.total(),
                    "conversion_rate": converting[month][path] / counts[path],
                }
            )
    return table

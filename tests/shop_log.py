"""Lines of events as a log that shoppers are fitted to, and what is compared of two logs.

Belongs here: the warehouse's part of it in short (sessions, traffic, order values), for lines that
arrive once and well formed; distances. Which of them are near is for the tests to say.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from expectations.contract import load_registry
from ml.simulation import SESSIONABLE, SHOP, DayFile, Settings, Simulation
from ml.simulation.log_model import EVENT_SCHEMA, LINE_SCHEMA, SESSION_SCHEMA, Log
from ml.simulation.settings import DAY, MINUTE

FUNNEL = ("product_viewed", "product_added", "checkout_started", "order_completed")
# Their contract requires values of properties, which do not go out.
LEFT_OUT = {"experiment_viewed", "product_reviewed"}
ROLES = {event.name: event.role for event in load_registry().events.values()}
Event = dict[str, Any]


def shop_events(settings: Settings) -> list[Event]:
    """What the persons of an invented shop did; crawlers are left out."""
    simulation = Simulation(settings)
    events = events_of(simulation.days())
    bots = {
        device.anonymous_id
        for person in simulation.truth.persons
        if person.is_bot
        for device in person.devices
    }
    return [event for event in events if event["anonymous_id"] not in bots]


def events_of(days: Iterable[list[DayFile]]) -> list[Event]:
    """Sessionable events of the shop's files."""
    return [
        event
        for files in days
        for file in files
        if file.source == SHOP
        for event in map(json.loads, file.lines)
        if event["event_name"] in SESSIONABLE - LEFT_OUT
    ]


def sessions_of(events: Iterable[Event]) -> list[list[Event]]:
    """Each visitor's events, cut where nothing happened for more than 30 minutes."""
    visitors: dict[str, list[tuple[int, str, Event]]] = defaultdict(list)
    for event in events:
        row = (moment_of(event), event["event_id"], event)
        visitors[event["anonymous_id"]].append(row)
    sessions: list[list[Event]] = []
    for rows in visitors.values():
        rows.sort(key=lambda row: row[:2])
        last = None
        for moment, _, event in rows:
            if last is None or moment - last > 30 * MINUTE:
                sessions.append([])
            sessions[-1].append(event)
            last = moment
    return sessions


def log_of(sessions: Sequence[Sequence[Event]], first: date, last: date) -> Log:
    """Sessions as the tables that a model is fitted to."""
    rows: dict[str, list[dict[str, Any]]] = {"sessions": [], "events": [], "lines": []}
    for number, session in enumerate(sessions):
        key = f"session {number}"
        rows["sessions"].append(_session(key, session))
        for event in session:
            rows["events"].append(_event(key, event))
            rows["lines"] += [
                {"event_key": event["event_id"], **{name: line.get(name) for name in _LINE}}
                for line in event.get("properties", {}).get("products", ())
                if event["event_name"] == "order_completed"
            ]
    return Log(
        pa.Table.from_pylist(rows["sessions"], SESSION_SCHEMA),
        pa.Table.from_pylist(rows["events"], EVENT_SCHEMA),
        pa.Table.from_pylist(rows["lines"], LINE_SCHEMA),
        first,
        last,
    )


_LINE = ("product_id", "price", "quantity")


def _session(key: str, session: Sequence[Event]) -> dict[str, Any]:
    first = session[0]
    host = urlsplit(first.get("referrer", "")).hostname
    return {
        "session_id": key,
        "visitor_id": f"visitor {first['anonymous_id']}",
        "source": SHOP,
        "device_type": first.get("device_type"),
        "country": first.get("country"),
        "traffic_source": first.get("utm_source", host),
        "traffic_medium": first.get("utm_medium", "referral" if host else None),
    }


def _event(key: str, event: Event) -> dict[str, Any]:
    name = event["event_name"]
    fields = ("product_id", "category", "brand", "price", "quantity", "revenue")
    return {
        "session_id": key,
        "event_ts": datetime.fromisoformat(event["event_ts"]).replace(tzinfo=None),
        "event_key": event["event_id"],
        "event_name": name,
        "role": ROLES[name],
        **{field: event.get(field) for field in fields},
    }


def moment_of(event: Event) -> int:
    """Milliseconds since 1970."""
    return round(datetime.fromisoformat(event["event_ts"]).timestamp() * 1000)


def distances(
    sessions: Sequence[Sequence[Event]], others: Sequence[Sequence[Event]]
) -> dict[str, float]:
    """How far two logs of equally many days are from each other; 0 is the same.

    Kolmogorov-Smirnov distances of events and of seconds a session; differences of the rates of
    the funnel's steps and of sessions with an order; relative differences of the mean order value,
    of sessions, of visitors and of their days; of events by name the sum of the differences, as a
    share of all.
    """
    one, other = describe(sessions), describe(others)
    found = {name: ks(one[name], other[name]) for name in ("events", "seconds")}
    for name in (*FUNNEL, "converting"):
        found[name] = abs(one[name] - other[name])
    for name in ("order value", "sessions", "visitors", "visits"):
        found[name] = abs(other[name] / one[name] - 1) if one[name] else abs(other[name])
    names = one["names"].keys() | other["names"].keys()
    apart = sum(abs(one["names"][name] - other["names"][name]) for name in names)
    found["names"] = apart / one["names"].total()
    return found


def describe(sessions: Sequence[Sequence[Event]]) -> dict[str, Any]:
    """The figures that are compared."""
    reached = np.array([_steps(session) for session in sessions])
    at_least = [float(np.sum(reached >= step)) for step in range(len(FUNNEL) + 1)]
    orders = [event["revenue"] for session in sessions for event in session if "revenue" in event]
    visits = {(session[0]["anonymous_id"], moment_of(session[0]) // DAY) for session in sessions}
    return {
        "events": [len(session) for session in sessions],
        "seconds": [(moment_of(s[-1]) - moment_of(s[0])) / 1000 for s in sessions],
        **{
            name: at_least[step + 1] / at_least[step] if at_least[step] else 0.0
            for step, name in enumerate(FUNNEL)
        },
        "converting": sum(_has_order(session) for session in sessions) / len(sessions),
        "order value": float(np.mean(orders)) if orders else 0.0,
        "sessions": len(sessions),
        "visitors": len({visitor for visitor, _ in visits}),
        "visits": len(visits),
        "names": Counter(event["event_name"] for session in sessions for event in session),
    }


def _steps(session: Sequence[Event]) -> int:
    """How many steps of the funnel a session went, in their order."""
    step = 0
    for event in session:
        step += step < len(FUNNEL) and event["event_name"] == FUNNEL[step]
    return step


def _has_order(session: Sequence[Event]) -> bool:
    return any(event["event_name"] == FUNNEL[-1] for event in session)


def ks(values: Sequence[float], others: Sequence[float]) -> float:
    """The largest difference of two empirical distribution functions."""
    one, other = np.sort(values), np.sort(others)
    at = np.concatenate([one, other])
    below = np.searchsorted(one, at, "right") / len(one)
    return float(np.max(np.abs(below - np.searchsorted(other, at, "right") / len(other))))


def words_of(content: Any) -> set[str]:
    """All texts in a JSON value, keys left out."""
    if isinstance(content, Mapping):
        return set().union(*(words_of(value) for value in content.values()))
    if isinstance(content, list):
        return set().union(*map(words_of, content))
    return {content} if isinstance(content, str) else set()

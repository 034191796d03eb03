"""Sessions: runs by the gap or by the tracker, cut at each full 24 hours, and what a session shows.

Belongs here: docs/metrics.md, "Sessions". Not here: its channel (`channels`), persons.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.laws.oracle import channels
from tests.laws.oracle.events import Row, hashed, in_order

GAP = timedelta(minutes=30)
CUT = timedelta(hours=24)
EPOCH = datetime(1970, 1, 1)


def tracker_session(event: Row, sources: dict[str, Row]) -> tuple[str, str] | None:
    """Source and id of the tracker's session that the event stays in; None where gaps decide."""
    if sources[event["source"]]["sessions"] == "gap" or event["source_session_id"] is None:
        return None
    return event["source"], event["source_session_id"]


def assign_sessions(winners: list[Row], sources: dict[str, Row]) -> list[list[Row]]:
    """Group sessionable winners into sessions, each in order, and write session_id to them."""
    kept: dict[tuple[str, tuple[str, str] | None], list[Row]] = defaultdict(list)
    for event in sorted(winners, key=in_order):
        if event["is_sessionable"]:
            kept[event["visitor_id"], tracker_session(event, sources)].append(event)
    sessions: list[list[Row]] = []
    for (_, tracked), events in kept.items():
        runs: list[list[Row]] = []
        for event in events:
            event["is_source_session"] = tracked is not None
            is_apart = bool(runs) and event["event_ts"] - runs[-1][-1]["event_ts"] > GAP
            if not runs or (is_apart and tracked is None):
                runs.append([])
            runs[-1].append(event)
        for run in runs:
            cuts: dict[int, list[Row]] = defaultdict(list)
            for event in run:
                event["run_started_at"] = run[0]["event_ts"]
                cuts[(event["event_ts"] - run[0]["event_ts"]) // CUT].append(event)
            sessions.extend(cuts[number] for number in sorted(cuts))
    for session in sessions:
        session_id = hashed(session[0]["visitor_id"], session[0]["event_key"])
        for event in session:
            event["session_id"] = session_id
    return sessions


def engaged_seconds(events: list[Row]) -> int | None:
    """Null without pings; else a sum over pages of what their 10-second buckets show."""
    buckets: dict[str | None, set[int]] = defaultdict(set)
    for event in events:
        if event["role"] == "ping":
            buckets[event["page_path"]].add((event["event_ts"] - EPOCH) // timedelta(seconds=10))
    if not buckets:
        return None
    return sum(10 * (len(seen) - 1) + 5 for seen in buckets.values())


def first_of(events: list[Row], column: str) -> Any:
    """First value that is not null."""
    return next((e[column] for e in events if e[column] is not None), None)


def summarise(events: list[Row], orders: list[Row], referrer_hosts: dict[str, str]) -> Row:
    """One row of `core.fct_sessions`, its number within the visitor still missing."""
    first, last = events[0], events[-1]
    origin = channels.origin_of_session(events)
    source, medium = channels.traffic_of(origin, referrer_hosts)
    roles = [event["role"] for event in events]
    pages = [e for e in events if e["role"] == "page_view" and e["page_path"] is not None]
    engaged_s = engaged_seconds(events)
    page_views = roles.count("page_view")
    is_engaged = (engaged_s or 0) >= 10 or page_views >= 2 or len(orders) >= 1
    return {
        "session_id": first["session_id"],
        "visitor_id": first["visitor_id"],
        "user_id": first_of(events[::-1], "user_id"),
        "last_event_user_id": last["user_id"],
        "started_at": first["event_ts"],
        "ended_at": last["event_ts"],
        "run_started_at": first["run_started_at"],
        "report_date": first["report_date"],
        "duration_s": (last["event_ts"] - first["event_ts"]).total_seconds(),
        "event_count": len(events),
        "page_views": page_views,
        "product_views": roles.count("product_view"),
        "cart_adds": roles.count("cart_add"),
        "engaged_s": engaged_s,
        "orders": len(orders),
        "revenue": sum((o["gross_revenue"] or Decimal(0) for o in orders), Decimal(0)),
        "entry_page": pages[0]["page_path"] if pages else None,
        "exit_page": pages[-1]["page_path"] if pages else None,
        **origin,
        "traffic_source": source,
        "traffic_medium": medium,
        "channel": channels.channel_of(source, medium, origin["utm_campaign"], referrer_hosts),
        "device_type": first_of(events, "device_type"),
        "country": first_of(events, "country"),
        "source_session_id": first_of(events, "source_session_id"),
        "source": first["source"],
        "is_source_session": first["is_source_session"],
        "is_engaged": is_engaged,
        "is_bounce": not is_engaged,
        "is_bot": any(event["is_bot"] for event in events),
        "is_late_changed": any(e["arrival_date"] > e["event_date"] for e in events),
    }


def build_sessions(
    grouped: list[list[Row]], orders: list[Row], referrer_hosts: dict[str, str]
) -> list[Row]:
    """`core.fct_sessions`."""
    orders_in: dict[str | None, list[Row]] = defaultdict(list)
    for order in orders:
        orders_in[order["session_id"]].append(order)
    table = [
        summarise(events, orders_in[events[0]["session_id"]], referrer_hosts) for events in grouped
    ]
    numbers: dict[str, int] = defaultdict(int)
    for session in sorted(table, key=lambda s: (s["started_at"], s["session_id"])):
        numbers[session["visitor_id"]] += 1
        session["session_number"] = numbers[session["visitor_id"]]
        session["is_new_visitor"] = session["session_number"] == 1
    return table

"""Signing in, and what is done with content, event by event.

Belongs here: docs/metrics.md, `core.fct_auth_events`, `core.fct_content_views` and
`marts.content_engagement`. Not here: what log-ins say of persons (`identity`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from tests.laws.oracle.commerce import property_of
from tests.laws.oracle.events import Row, in_order, pick
from tests.laws.oracle.kpis import ratio, value_of
from tests.laws.oracle.lines import as_number, as_text

AUTH_ROLES = {"login", "login_failed", "logout", "password_change"}
AUTH_COLUMNS = [
    "event_key", "source", "user_id", "visitor_id", "device_id", "ip_truncated", "country",
    "device_type", "os", "browser", "event_date", "report_date", "is_bot",
]  # fmt: skip


def auth_events(winners: list[Row]) -> list[Row]:
    """`core.fct_auth_events`."""
    return [
        {
            **pick(event, AUTH_COLUMNS),
            "action": event["role"],
            "method": as_text(property_of(event, "method")),
            "failure_reason": as_text(property_of(event, "failure_reason")),
            "is_mfa": property_of(event, "is_mfa"),
            "occurrences": int(as_number(property_of(event, "occurrences")) or 1),
            "occurred_at": event["event_ts"],
        }
        for event in winners
        if event["role"] in AUTH_ROLES
    ]


def first_of(values: list[Any]) -> Any:
    """The first that is not null."""
    return next((value for value in values if value is not None), None)


def as_double(value: Any) -> float | None:
    """A number as a property gives it."""
    number = as_number(value)
    return None if number is None else float(number)


def content_views(winners: list[Row]) -> list[Row]:
    """`core.fct_content_views`."""
    views: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for event in sorted(winners, key=in_order):
        if event["role"] == "content":
            content_id = as_text(property_of(event, "content_id"))
            views[event["session_id"] or event["event_key"], content_id].append(event)
    table = []
    for (_, content_id), events in views.items():
        first, last = events[0], events[-1]
        progress = [as_double(property_of(event, "progress_pct")) for event in events]
        reached = [percent for percent in progress if percent is not None and 0 <= percent <= 100]
        lengths = [as_double(property_of(event, "duration_s")) for event in events]
        is_completed = 100 in progress or any(
            event["event_name"] == "content_completed" for event in events
        )
        share = max(reached) / 100 if reached else None
        dwell = (last["event_ts"] - first["event_ts"]).total_seconds()
        types = [as_text(property_of(event, "content_type")) for event in events]
        table.append(
            {
                **pick(first, ["event_key", "source", "visitor_id", "session_id"]),
                **pick(first, ["event_date", "report_date"]),
                "content_id": content_id,
                "content_type": first_of(types),
                "user_id": first_of([event["user_id"] for event in reversed(events)]),
                "is_completed": is_completed,
                "is_bot": any(event["is_bot"] for event in events),
                "event_count": len(events),
                "share_seen": 1.0 if is_completed else share,
                "dwell_s": dwell if len(events) > 1 else None,
                "duration_s": first_of([n for n in lengths if n is not None and n >= 0]),
                "started_at": first["event_ts"],
                "ended_at": last["event_ts"],
            }
        )
    return table


def exact(views: list[Row], column: str) -> list[Decimal]:
    """The values of a column that are there, to six decimals."""
    return [round(Decimal(view[column]), 6) for view in views if view[column] is not None]


def content_engagement(views: list[Row]) -> list[Row]:
    """`marts.content_engagement`, from `core.fct_content_views`."""
    by_content: dict[tuple[date, str], list[Row]] = defaultdict(list)
    for view in sorted(views, key=lambda view: (view["started_at"], view["event_key"])):
        if not view["is_bot"]:
            by_content[view["report_date"], value_of(view["content_id"])].append(view)
    table = []
    for (day, content_id), mine in by_content.items():
        shares, dwells = exact(mine, "share_seen"), exact(mine, "dwell_s")
        completions = sum(view["is_completed"] for view in mine)
        table.append(
            {
                "report_date": day,
                "content_id": content_id,
                "content_type": first_of([view["content_type"] for view in reversed(mine)]),
                "content_views": len(mine),
                "content_visitors": len({view["visitor_id"] for view in mine} - {None}),
                "completions": completions,
                "views_with_share": len(shares),
                "share_seen_sum": sum(shares, Decimal(0)),
                "views_with_dwell": len(dwells),
                "dwell_s_sum": sum(dwells, Decimal(0)),
                "completion_rate": ratio(completions, len(mine)),
                "average_share_seen": ratio(sum(shares), len(shares)),
                "average_dwell_s": ratio(sum(dwells), len(dwells)),
            }
        )
    return table

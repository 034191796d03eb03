"""Which events are a machine's: by what they say themselves, or by how fast their visitor was.

Belongs here: docs/metrics.md, "is_bot". Not here: what marts then leave out.
"""

from collections import defaultdict
from datetime import date, datetime

from tests.laws.oracle.events import Row

VIEWS = ("page_view", "product_view")


def mark_machines(winners: list[Row], copies: list[Row], settings: Row) -> None:
    """Write `is_declared_bot` and `is_bot` to winners.

    Readings: an event has the visitor of its winner; who was fast is asked of all copies, each with
    its own visitor, time and role, and an event counts once in a minute however often it came.
    """
    fast = fast_days(copies, settings.get("max_views_per_minute") or None)
    for event in winners:
        event["is_declared_bot"] = event["is_bot"]
        event["is_bot"] |= (event["visitor_id"], event["event_date"]) in fast


def fast_days(copies: list[Row], limit: int | None) -> set[tuple[str, date]]:
    """Visitors with the dates on which a minute of theirs has more views than the limit."""
    seen: dict[tuple[str, datetime], set[str]] = defaultdict(set)
    for copy in copies:
        if copy["role"] in VIEWS and copy["visitor_id"] is not None:
            minute = copy["event_ts"].replace(second=0, microsecond=0)
            seen[copy["visitor_id"], minute].add(copy["event_key"])
    return {
        (visitor, minute.date())
        for (visitor, minute), keys in seen.items()
        if limit is not None and len(keys) > limit
    }

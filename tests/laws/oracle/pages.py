"""Page views: how long each lasted, and what is counted of a page.

Belongs here: docs/metrics.md, `core.fct_page_views` and `marts.page_engagement`. Not here: sessions
(`sessions`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from tests.laws.oracle.commerce import property_of
from tests.laws.oracle.engagement import as_double, exact
from tests.laws.oracle.events import Row, pick
from tests.laws.oracle.kpis import ratio, value_of
from tests.laws.oracle.sessions import EPOCH

COLUMNS = [
    "event_key", "source", "visitor_id", "user_id", "session_id", "event_date", "report_date",
    "is_bot", "page_path",
]  # fmt: skip


def page_views(winners: list[Row], grouped: list[list[Row]]) -> list[Row]:
    """`core.fct_page_views`.

    Args:
        winners: all of them.
        grouped: those of each session, in order.
    """
    alone = [[event] for event in winners if event["session_id"] is None]
    table = []
    for events in [*grouped, *alone]:
        places = [place for place, event in enumerate(events) if event["role"] == "page_view"]
        for number, place in enumerate(places, start=1):
            is_last = number == len(places)
            until = len(events) if is_last else places[number]
            view = view_of(events[place:until])
            if not is_last:
                view["dwell_s"] = seconds(events[place], events[until])
            view["view_number"] = None if view["session_id"] is None else number
            table.append(view)
    return table


def seconds(first: Row, last: Row) -> float:
    """From one event to another."""
    return (last["event_ts"] - first["event_ts"]).total_seconds()


def view_of(events: list[Row]) -> Row:
    """A page view with its own events after it, as if no other followed."""
    first = events[0]
    pings = {int((event["event_ts"] - EPOCH).total_seconds() // 10)
             for event in events if event["role"] == "ping"}  # fmt: skip
    depths = [as_double(property_of(event, "scroll_depth_pct")) for event in events]
    known = [depth for depth in depths if depth is not None and 0 <= depth <= 100]
    return {
        **pick(first, COLUMNS),
        "viewed_at": first["event_ts"],
        "dwell_s": seconds(first, events[-1]) if len(events) > 1 else None,
        "engaged_s": 10 * (len(pings) - 1) + 5 if pings else None,
        "scroll_depth_pct": max(known, default=None),
    }


def page_engagement(views: list[Row], sessions: list[Row]) -> list[Row]:
    """`marts.page_engagement`.

    Args:
        views: `core.fct_page_views`, bots' as well.
        sessions: `core.fct_sessions` of no bots.
    """
    seen: dict[tuple[date, str], list[Row]] = defaultdict(list)
    for view in views:
        if not view["is_bot"]:
            seen[view["report_date"], value_of(view["page_path"])].append(view)
    entered: dict[tuple[date, str], list[Row]] = defaultdict(list)
    left: dict[tuple[date, str], list[Row]] = defaultdict(list)
    for session in sessions:
        for pages, page in ((entered, session["entry_page"]), (left, session["exit_page"])):
            if page is not None:
                pages[session["report_date"], page].append(session)
    table = []
    for day, page in seen.keys() | entered.keys() | left.keys():
        mine, began = seen[day, page], entered[day, page]
        dwells, depths = exact(mine, "dwell_s"), exact(mine, "scroll_depth_pct")
        engaged = [view["engaged_s"] for view in mine if view["engaged_s"] is not None]
        bounces, exits = sum(session["is_bounce"] for session in began), len(left[day, page])
        table.append(
            {
                "report_date": day,
                "page_path": page,
                "page_views": len(mine),
                "page_visitors": len({view["visitor_id"] for view in mine} - {None}),
                "entrances": len(began),
                "bounces": bounces,
                "exits": exits,
                "views_with_dwell": len(dwells),
                "dwell_s_sum": sum(dwells, Decimal(0)),
                "views_with_pings": len(engaged),
                "engaged_s_sum": sum(engaged),
                "views_with_scroll": len(depths),
                "scroll_depth_pct_sum": sum(depths, Decimal(0)),
                "entrance_bounce_rate": ratio(bounces, len(began)),
                "exit_rate": ratio(exits, len(mine)),
                "average_page_dwell_s": ratio(sum(dwells), len(dwells)),
                "average_page_engaged_s": ratio(sum(engaged), len(engaged)),
                "average_scroll_depth_pct": ratio(sum(depths), len(depths)),
            }
        )
    return table

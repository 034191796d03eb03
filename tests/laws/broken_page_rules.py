"""The rules that keep law 3 for page views, each broken on purpose, and who notices.

Belongs here: what is broken in the models of pages, and the histories made for it. Not here: how a
rule is broken and applied (`broken_rules`).
"""

import json
from datetime import date, datetime
from typing import Any

from tests.laws.broken_rules import BrokenRule, deletes_by, keeps, text
from tests.laws.histories import Row
from tests.laws.log_rows import log_row
from tests.laws.stories import day, event, told, view


def ping(event_id: str, when: str, page: str = "/a", **properties: Any) -> Row:
    """A ping of a page, with what it says of the scrolling."""
    said = json.dumps(properties)
    return event(event_id, "page_pinged", when, page_path=page, properties=said)


# A page, and what comes 20 minutes after it late: another page, in the same session.
LATE_PAGE = told(
    (day(12), [view("a", "11 10:00", page_path="/a"), ping("p", "11 10:25")]),
    (day(13), [view("b", "11 10:20", page_path="/b")]),
)
# Two sessions, which a late view makes one; then it turns out to be another's.
JOINED_PAGES = told(
    (day(12), [
        view("a", "11 10:00", page_path="/a"), view("b", "11 10:40", page_path="/b"),
    ]),
    (day(13), [view("m", "11 10:20", page_path="/m")]),
    (day(11), [view("m", "11 10:20", "other", page_path="/m")]),
)  # fmt: skip
# A page before midnight, whose session goes on after it.
PAST_MIDNIGHT = told(
    (day(12), [view("a", "11 23:50", page_path="/a")]),
    (day(13), [ping("p", "12 00:10")]),
)


def in_march(event_id: str, name: str, when: str) -> Row:
    """An event of March 2026, in an app that keeps its tracker's sessions."""
    at = datetime.fromisoformat(f"2026-03-{when}")
    return log_row(
        event_id, name, at, anonymous_id="v", source="app", source_session_id="s", page_path="/a"
    )


# 29 March has 23 hours in Berlin: the session begins on the 28th there and ends on the 30th.
THREE_DATES = told(
    (date(2026, 3, 30), [
        in_march("x", "screen_viewed", "28 22:30"), in_march("a", "page_viewed", "29 12:00"),
    ]),
    (date(2026, 3, 31), [in_march("p", "page_pinged", "29 22:10")]),
    timezone="Europe/Berlin",
)  # fmt: skip
# What was a view was a log-in.
NO_VIEW = told(
    (day(13), [view("a", "11 10:00", page_path="/a")]),
    (day(12), [event("a", "login_failed", "11 10:00", user_id="u")]),
)
SCROLLED_FAR = told(
    (day(11), [view("a", "11 10:00", page_path="/a"), ping("p", "11 10:01", scroll_depth_pct=400)])
)

BROKEN_PAGE_RULES = (
    BrokenRule("page views that vanished stay", NO_VIEW, "fct_page_views", deletes_by()),
    BrokenRule(
        "page views of touched events alone",
        LATE_PAGE,
        "fct_page_views",
        keeps("event_key in (select event_key from intermediate.int_event_copies)"),
    ),
    BrokenRule(
        "a page stays until the next session",
        JOINED_PAGES,
        "fct_page_views",
        text(r"coalesce\(session_id, event_key\) as walk", "visitor_id as walk"),
    ),
    BrokenRule(
        "more than the whole page can be scrolled",
        SCROLLED_FAR,
        "fct_page_views",
        text(r"scrolled_pct between 0 and 100", "true"),
    ),
    BrokenRule("pages of dates that vanished stay", NO_VIEW, "page_engagement", deletes_by()),
)

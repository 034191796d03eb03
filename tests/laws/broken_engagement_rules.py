"""The rules that keep law 3 for log-ins, searches and content, each broken on purpose.

Belongs here: what is broken in these models, and the histories made for it. Not here: how a rule is
broken and applied (`broken_rules`).
"""

import json
from decimal import Decimal

from tests.laws.broken_rules import BrokenRule, deletes_by, keeps, sees, text
from tests.laws.histories import Row
from tests.laws.noticing import DISPLACED_KINDS
from tests.laws.stories import day, event, told, view


def content(event_id: str, when: str, name: str = "progressed", **properties: object) -> Row:
    """An event of one piece of content."""
    said = json.dumps({"content_id": "c", **properties})
    return event(event_id, f"content_{name}", when, properties=said)


def search(event_id: str, when: str, query: str, **properties: object) -> Row:
    """A search."""
    said = json.dumps({"query": query, **properties})
    return event(event_id, "products_searched", when, properties=said)


def order(event_id: str, name: str, when: str, revenue: int, **columns: object) -> Row:
    """An event of one order."""
    return event(event_id, name, when, **{"order_id": "1", "revenue": Decimal(revenue), **columns})


# Two sessions with the same content, which a late view makes one; and then two again.
BRIDGED_VIEWS = told(
    (day(12), [content("a", "11 10:00", progress_pct=20), content("b", "11 10:40")]),
    (day(13), [view("m", "11 10:20")]),
    (day(11), [view("m", "11 10:20", "other")]),
)
# What began a view was something else.
DISPLACED_VIEW = told(
    (day(12), [content("a", "11 10:00"), content("b", "11 10:10", progress_pct=120)]),
    (day(11), [view("a", "11 10:00")]),
)
OVER_MIDNIGHT = told(
    (day(11), [content("a", "11 23:50"), search("s", "11 23:50", "hat")]),
    (
        day(13),
        [content("b", "12 00:10", "completed"), order("o", "order_completed", "12 00:12", 5)],
    ),
)
SEARCHED = told(
    (day(11), [
        search("s", "11 10:00", " Red  HAT", result_count=0),
        search("t", "11 10:05", "bag", result_count=-1),
        event("p", "product_viewed", "11 10:06", product_id="p"),
        event("x", "product_viewed", "11 10:02", product_id="p", is_bot=True),
        order("o", "order_completed", "11 10:10", 5),
    ]),
    (day(14), [order("u", "order_updated", "14 10:00", 9)]),
)  # fmt: skip
DISPLACED_SEARCH = told(
    (day(12), [search("s", "11 10:00", "hat")]),
    (day(11), [view("s", "11 10:00")]),
)


def says(event_id: str, when: str, consent: object, visitor: str = "v") -> Row:
    """An answer to the question for consent."""
    return event(event_id, "consent_updated", when, visitor, consent=json.dumps(consent))


# Yes, then a list without it; another device, which turns out to be the same person's.
ANSWERED = told(
    (day(11), [says("a", "10 10:00", {"ads": True, "x/y": "granted"})]),
    (day(12), [says("b", "11 10:00", ["x/y"]), says("c", "12 10:00", {"ads": False}, "w")]),
    (day(15), [
        event("l", "login_succeeded", "15 10:00", user_id="u"),
        event("m", "login_succeeded", "15 10:00", "w", user_id="u"),
    ]),
)  # fmt: skip
DISPLACED_ANSWER = told(
    (day(12), [says("a", "11 10:00", {"ads": True})]),
    (day(11), [view("a", "11 10:00")]),
)

BROKEN_ENGAGEMENT_RULES = (
    BrokenRule("log-ins that vanished stay", DISPLACED_KINDS, "fct_auth_events", deletes_by()),
    BrokenRule(
        "log-ins of copies that lost",
        DISPLACED_KINDS,
        "fct_auth_events",
        text(r"copy_number = 1 and role in", "role in"),
    ),
    BrokenRule(
        "views that another took over stay", BRIDGED_VIEWS, "fct_content_views", deletes_by()
    ),
    BrokenRule(
        "views of touched events alone",
        BRIDGED_VIEWS,
        "fct_content_views",
        keeps("event_key in (select event_key from intermediate.int_event_copies)"),
    ),
    BrokenRule(
        "a view goes on in the next session",
        BRIDGED_VIEWS,
        "fct_content_views",
        text(r"coalesce\(session_id, event_key\), content_id", "visitor_id, content_id"),
    ),
    BrokenRule(
        "more than all of it can be seen",
        DISPLACED_VIEW,
        "fct_content_views",
        text(r"progress_pct between 0 and 100", "true"),
    ),
    BrokenRule(
        "content of dates that vanished stays",
        told((day(12), [content("a", "11 10:00")]), (day(11), [view("a", "11 10:00")])),
        "content_engagement",
        deletes_by(),
    ),
    BrokenRule(
        "content and searches of copies' dates alone",
        OVER_MIDNIGHT,
        "int_touched_engagement_dates",
        sees("intermediate.int_window_events"),
    ),
    BrokenRule("searches that vanished stay", DISPLACED_SEARCH, "fct_searches", deletes_by()),
    BrokenRule(
        "queries of dates that vanished stay", DISPLACED_SEARCH, "search_performance", deletes_by()
    ),
    BrokenRule(
        "the last search of a session led to all that it did",
        told((day(11), [
            search("s", "11 10:00", "hat"),
            event("c", "product_clicked", "11 10:03", product_id="p"),
            search("t", "11 10:05", "bag"),
        ])),
        "fct_searches",
        text(r"rows between unbounded preceding and current row",
             "rows between unbounded preceding and unbounded following"),
    ),
    BrokenRule(
        "a search is led by touched orders alone",
        told(
            (day(11), [
                search("s", "11 10:00", "hat"), order("o", "order_completed", "11 10:10", 5),
            ]),
            (day(12), [view("v", "11 10:20")]),
        ),
        "fct_searches",
        sees("intermediate.int_remade_orders",
             "order_key in (select order_key from intermediate.int_touched_orders)"),
    ),
    BrokenRule(
        "what a bot did is something that a search led to",
        SEARCHED,
        "fct_searches",
        text(r"where not led\.is_bot", "where true"),
    ),
    BrokenRule(
        "a query is as it was typed",
        SEARCHED,
        "fct_searches",
        text(r"lower\(regexp_replace\(searches\.stated_query, '\\s\+', ' ', 'g'\)\)",
             "searches.stated_query"),
    ),
    BrokenRule(
        "hits below none are counted",
        SEARCHED,
        "fct_searches",
        text(r"case when searches\.stated_count >= 0 then searches\.stated_count end",
             "searches.stated_count"),
    ),
    BrokenRule(
        "answers that vanished stay", DISPLACED_ANSWER, "int_person_consents", deletes_by()
    ),
    BrokenRule(
        "a list leaves everything else as it was",
        ANSWERED,
        "consent_daily",
        text(r"or statements\.is_whole", ""),
    ),
    BrokenRule(
        "answers stay with the person that a visitor was",
        ANSWERED,
        "int_person_consents",
        sees("intermediate.int_touched_visitor_days",
             "report_date in (select report_date from intermediate.int_touched_points)"),
    ),
    BrokenRule(
        "a purpose with a slash is not found",
        ANSWERED,
        "int_person_consents",
        text(r"replace\(replace\(purpose, '~', '~0'\), '/', '~1'\)", "purpose"),
    ),
    BrokenRule(
        "consent ends with its last answer",
        DISPLACED_ANSWER,
        "consent_daily",
        text(r"any_value\(as_of\.as_of_date\)", "max(moves.report_date)"),
    ),
)  # fmt: skip

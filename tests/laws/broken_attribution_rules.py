"""The rules that keep law 3 for channels, touchpoints and attribution, each broken on purpose.

Belongs here: what is broken in their models, and the histories made for it. Not here: how a rule is
broken and applied (`broken_rules`).
"""

from datetime import datetime
from decimal import Decimal

from tests.laws.broken_rules import BrokenRule, deletes_by, keeps, sees, text
from tests.laws.histories import Row
from tests.laws.noticing import DISPLACED_ORDER, DISPLACED_VISITOR, ORDER_WITHOUT_VISITOR
from tests.laws.stories import day, event, told, view


def bought(event_id: str, when: str, visitor: str | None = "v", **columns: object) -> Row:
    """An order of 100 with an id of its own."""
    return event(event_id, "order_completed", when, visitor,
                 **{"order_id": event_id, "revenue": Decimal(100), **columns})  # fmt: skip


def came(event_id: str, when: str, medium: str, visitor: str = "v", **columns: object) -> Row:
    """A visit by a channel that the medium alone decides."""
    return view(event_id, when, visitor, utm_medium=medium, **columns)


def in_april(row: Row, day_of_april: int) -> Row:
    """The row, on a day of the month before."""
    return dict(row, event_ts=datetime(2026, 4, day_of_april, 10))


# What brought somebody is known only after the order.
EMAIL_LATE = told(
    (day(15), [view("d", "14 09:00"), bought("o", "14 09:05")]),
    (day(16), [came("e", "11 10:00", "email")]),
)
# … or was before it, on another day.
EMAIL_BEFORE = told(
    (day(11), [came("e", "11 10:00", "email")]),
    (day(14), [view("d", "14 09:00"), bought("o", "14 09:05")]),
)
# Thirty days to the microsecond.
AT_THE_EDGE = told(
    (day(31), [came("e", "01 10:00", "email"), view("d", "31 10:00"), bought("o", "31 10:00")]),
)
ONLY_A_BOT_CAME = told(
    (day(14), [
        came("b", "14 07:00", "email", is_bot=True), view("d", "14 09:00"), bought("o", "14 09:05"),
    ]),
)  # fmt: skip
# Somebody else signs in before the session ends.
ANOTHERS_SESSION = told(
    (day(11), [
        came("a", "11 10:00", "email", user_id="u"), bought("o", "11 10:05", user_id="u"),
        view("b", "11 10:10", user_id="w"),
    ]),
)  # fmt: skip
CAME_AGAIN_AFTER = told(
    (day(12), [view("d", "11 09:00"), bought("o", "11 09:05"), came("e", "11 10:00", "email")]),
)
# A visit of April is lost until an order of May.
LOST_UNTIL_MAY = told(
    (day(1), [in_april(came("e", "01 10:00", "email"), 20)]),
    (day(5), [view("d", "05 09:00"), bought("o", "05 09:05")]),
)
# … that was known before it.
LOST_AND_FOUND = told(
    (day(5), [view("d", "05 09:00"), bought("o", "05 09:05")]),
    (day(6), [in_april(came("e", "01 10:00", "email"), 20)]),
)
# Email - SMS and SMS lead to orders; later somebody comes by email and SMS and leaves. Without
# email a half of all orders was lost, and is two thirds now.
LOST_LATER = told(
    (day(12), [
        came("a", "11 10:00", "email"), came("b", "12 10:00", "sms"), bought("o", "12 10:05"),
        came("c", "12 10:00", "sms", "other"), bought("p", "12 10:05", "other"),
    ]),
    (day(14), [came("d", "13 10:00", "email", "third"), came("e", "14 10:00", "sms", "third")]),
)  # fmt: skip
# The only order of a month turns out to be a page view.
NEVER_ORDERED = told(
    (day(12), [bought("o", "11 10:00")]),
    (day(11), [view("o", "11 10:00")]),
)
THREE_WAYS = told(
    (day(13), [
        came("e", "11 10:00", "email"), came("s", "12 10:00", "sms"),
        came("a", "13 10:00", "audio"), bought("o", "13 10:05"),
    ]),
)  # fmt: skip
OWN_REFERRER = told(
    (day(11), [
        view("a", "11 10:00", referrer="https://shop.example/", page_url="https://shop.example/p"),
    ]),
)  # fmt: skip
CAMPAIGN_AND_CLICK = told(
    (day(11), [came("a", "11 10:00", "email", properties='{"click_id_kind": "gclid"}')]),
)
NEAR = r"range\(0, 30 \+ 2\)"

BROKEN_ATTRIBUTION_RULES = (
    BrokenRule(
        "a page of the shop's own is where somebody came from",
        OWN_REFERRER,
        "int_session_origins",
        text(r"then null\s+else referrer", "then referrer else referrer"),
    ),
    BrokenRule(
        "a click counts before the campaign",
        CAMPAIGN_AND_CLICK,
        "int_session_origins",
        text(r"when coalesce\(source_said, medium_said\) is not null then 'campaign'", ""),
    ),
    BrokenRule(
        "touchpoints that vanished stay", DISPLACED_VISITOR, "fct_touchpoints", deletes_by()
    ),
    BrokenRule(
        "later touchpoints are left as they were",
        EMAIL_LATE,
        "int_touched_touchpoints",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule(
        "touchpoints look at touched dates alone",
        EMAIL_BEFORE,
        "fct_touchpoints",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule(
        "a session lends its channel for a day less",
        AT_THE_EDGE,
        "fct_touchpoints",
        text(r"interval \(30\) day", "interval (29) day"),
    ),
    BrokenRule(
        "bots lend their channel to persons",
        ONLY_A_BOT_CAME,
        "fct_touchpoints",
        text(r"partition by visitor_id, is_bot", "partition by visitor_id"),
    ),
    BrokenRule(
        "orders of touched persons are left out",
        EMAIL_LATE,
        "int_touched_paths",
        sees("intermediate.int_touched_persons"),
    ),
    BrokenRule(
        "orders of touched dates alone",
        EMAIL_LATE,
        "int_touched_paths",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule(
        "orders that are none any more are left out",
        DISPLACED_ORDER,
        "int_touched_paths",
        sees("intermediate.int_event_copies"),
    ),
    BrokenRule(
        "orders of nobody are left out",
        ORDER_WITHOUT_VISITOR,
        "int_touched_paths",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule("paths that vanished stay", DISPLACED_ORDER, "int_order_touches", deletes_by()),
    BrokenRule(
        "paths look at the order's date alone",
        EMAIL_BEFORE,
        "int_order_touches",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule(
        "paths of the order's own session alone",
        EMAIL_BEFORE,
        "int_order_touches",
        sees("intermediate.int_person_days"),
    ),
    BrokenRule(
        "the order's own session counts only where it is the person's",
        ANOTHERS_SESSION,
        "int_order_touches",
        text(r"where session_id in \(select session_id from orders\)", "where false"),
    ),
    BrokenRule(
        "what lies exactly thirty days back is left out",
        AT_THE_EDGE,
        "int_order_touches",
        text(r"interval \(30\) day\s+<=", "interval (30) day <"),
    ),
    BrokenRule(
        "who comes again after the order counts for it",
        CAME_AGAIN_AFTER,
        "int_order_touches",
        text(r"and persons_orders\.ordered_at >= persons_sessions\.started_at", ""),
    ),
    BrokenRule(
        "bots' sessions count",
        ONLY_A_BOT_CAME,
        "int_order_touches",
        text(r"(from visiting_days\)\s+)and not is_bot", r"\1"),
    ),
    BrokenRule(
        "lost sessions of touched dates' months alone",
        LOST_UNTIL_MAY,
        "int_touched_person_months",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule("what is lost no more stays", LOST_UNTIL_MAY, "int_lost_touches", deletes_by()),
    BrokenRule(
        "an order of the next month finds nothing",
        LOST_AND_FOUND,
        "int_lost_touches",
        text(NEAR, "range(0, 1)"),
    ),
    BrokenRule(
        "sessions in a path are lost as well",
        LOST_AND_FOUND,
        "int_lost_touches",
        text(r"and session_id not in \(select session_id from in_a_path\)", ""),
    ),
    BrokenRule(
        "the session of an order is lost where it is another person's",
        ANOTHERS_SESSION,
        "int_lost_touches",
        text(r"select session_id from ordering_sessions\s+union", ""),
    ),
    BrokenRule(
        "months in which nobody ordered who is known are left out",
        ORDER_WITHOUT_VISITOR,
        "int_touched_months",
        sees("intermediate.int_touched_paths"),
    ),
    BrokenRule(
        "months without an order of the day are left out",
        LOST_LATER,
        "int_touched_months",
        sees("intermediate.int_touched_person_months"),
    ),
    BrokenRule(
        "effects in months that have no order any more stay",
        NEVER_ORDERED,
        "int_removal_effects",
        deletes_by(),
    ),
    BrokenRule(
        "journeys that led nowhere are left out",
        LOST_LATER,
        "int_removal_effects",
        sees("intermediate.int_lost_touches"),
    ),
    BrokenRule(
        "effects change the orders of touched dates alone",
        LOST_LATER,
        "int_touched_attribution",
        keeps(
            "model <> 'markov' or report_date in "
            "(select report_date from intermediate.int_touched_paths)"
        ),
    ),
    BrokenRule(
        "shares on dates without an order any more stay",
        NEVER_ORDERED,
        "attribution",
        deletes_by(),
    ),
    BrokenRule(
        "of equal remainders the later touch has the unit",
        THREE_WAYS,
        "attribution",
        text(r"(credit_units\) \* weight % total_weight desc, position)", r"\1 desc"),
    ),
)  # fmt: skip

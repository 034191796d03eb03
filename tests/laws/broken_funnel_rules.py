"""What funnels hold, exclude, are cut by and how long they take, each rule broken on purpose.

Belongs here: what is broken in the models of funnels, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

import json

from tests.laws.broken_rules import BrokenRule, sees, text
from tests.laws.noticing import FUNNEL_FROM_THE_DAY_BEFORE
from tests.laws.stories import day, event, told

Row = dict[str, object]


def added(event_id: str, when: str, product: str | None = "p", who: str = "v", **columns):
    return event(event_id, "product_added", when, who, product_id=product, **columns)


def removed(event_id: str, when: str, product: str | None = "p"):
    return event(event_id, "product_removed", when, product_id=product)


def ordered(event_id: str, when: str, product: str | None = "p", who: str = "v", **columns):
    return event(event_id, "order_completed", when, who, product_id=product, order_id=event_id,
                 **columns)  # fmt: skip


def listing(*products: Row) -> str:
    return json.dumps({"products": products})


TAKEN_OUT = told(
    (day(11), [added("a", "11 10:00"), ordered("o", "11 10:10")]),
    (day(12), [removed("r", "11 10:05")]),
)
TAKEN_OUT_ON_THE_NEXT_DATE = told(
    (day(12), [added("a", "11 22:00"), ordered("o", "12 02:00")]),
    (day(13), [removed("r", "12 01:00")]),
)
TAKEN_OUT_AT_ONCE = told(
    (day(11), [added("a", "11 10:00"), removed("r", "11 10:00"), ordered("o", "11 10:10")])
)
TAKEN_OUT_WITH_THE_ORDER = told(
    (day(11), [added("a", "11 10:00"), removed("r", "11 10:10"), ordered("o", "11 10:10")])
)
ANOTHER_TAKEN_OUT = told(
    (day(11), [added("a", "11 10:00"), removed("r", "11 10:05", "q"), ordered("o", "11 10:10")])
)
ANOTHER_ORDERED = told((day(11), [added("a", "11 10:00"), ordered("o", "11 10:10", "q")]))
NOTHING_HELD = told((day(11), [added("a", "11 10:00", None), ordered("o", "11 10:10", None)]))
ORDER_OF_SEVERAL = told(
    (day(11), [
        added("a", "11 10:00"),
        ordered("o", "11 10:10", "z", properties=listing({"product_id": "q"}, {"product_id": "p"})),
    ])
)  # fmt: skip
LINE_WITHOUT_CATEGORY = told(
    (day(11), [
        event("e", "product_viewed", "11 10:00", category="bags",
              properties=listing({"product_id": "p"})),
    ])
)  # fmt: skip
FRACTION_HELD = told((day(11), [added("a", "11 10:00", properties=json.dumps({"cart_id": 1.5}))]))
ANOTHER_CART_ORDERED = told(
    (day(11), [
        added("a", "11 10:00", properties=json.dumps({"cart_id": "c"})),
        ordered("o", "11 10:10", properties=json.dumps({"cart_id": "d"})),
    ])
)  # fmt: skip
SEVERAL_ADDED = told(
    (day(11), [
        added("a", "11 10:00", None, properties=listing({"product_id": "q"}, {"product_id": "p"})),
    ])
)  # fmt: skip
# The session began on the date before, with no step; what comes late, on that date, says the
# country of it all.
COUNTRY_TOLD_LATE = told(
    (day(12), [event("a", "products_searched", "11 23:50"), added("b", "12 00:05")]),
    (day(13), [event("late", "products_searched", "11 23:40", country="DE")]),
)
SLOW_AND_FAST = told(
    (day(11), [
        added("a", "11 10:00"), ordered("o", "11 10:01"),
        added("b", "11 10:00", who="w"), ordered("n", "11 10:10", who="w"),
    ])
)  # fmt: skip

BROKEN_FUNNEL_RULES = (
    BrokenRule(
        "entries of the date of what ends them alone",
        TAKEN_OUT_ON_THE_NEXT_DATE,
        "int_funnels",
        text(r"cast\(any_value\(window_s\) // 86400 \+ 1 as integer\)", "0"),
    ),
    BrokenRule(
        "what ends an attempt is not read",
        TAKEN_OUT,
        "int_funnel_events",
        text(r"unnest\(excluded_names\)", "unnest(event_names)"),
    ),
    BrokenRule(
        "an attempt goes on after what is excluded",
        TAKEN_OUT,
        "fct_funnel_entries",
        text(r"events\.excluded_ts", "cast(null as timestamp)"),
    ),
    BrokenRule(
        "what is excluded at the time of the entry ends nothing",
        TAKEN_OUT_AT_ONCE,
        "int_funnel_events",
        text(r"between current row and", "between interval 1 microsecond following and"),
    ),
    BrokenRule(
        "a step at the time of what is excluded counts",
        TAKEN_OUT_WITH_THE_ORDER,
        "fct_funnel_entries",
        text(r"excluded_ts - interval 1 microsecond", "excluded_ts"),
    ),
    BrokenRule(
        "what is excluded ends attempts of other values too",
        ANOTHER_TAKEN_OUT,
        "int_funnel_events",
        text(r"partition by funnel, unit_id, held_value", "partition by funnel, unit_id"),
    ),
    BrokenRule(
        "a later step may be of another value",
        ANOTHER_ORDERED,
        "fct_funnel_entries",
        text(r"and walks\.held_value is not distinct from events\.held_value", ""),
    ),
    BrokenRule(
        "in any order a step may be of another value",
        ANOTHER_ORDERED,
        "fct_funnel_entries",
        text(r"and attempts\.held_value is not distinct from events\.held_value", ""),
    ),
    BrokenRule(
        "an attempt holds nothing",
        NOTHING_HELD,
        "int_funnel_events",
        text(r"where held_value is not null", ""),
    ),
    BrokenRule(
        "what an event lists is not looked at",
        ORDER_OF_SEVERAL,
        "int_funnel_events",
        sees("core.fct_product_interactions"),
    ),
    BrokenRule(
        "what a line leaves open is told by the event's own column",
        LINE_WITHOUT_CATEGORY,
        "int_funnel_events",
        text(r"when line_values\.event_key is not null", "when line_values.value is not null"),
    ),
    BrokenRule(
        "whatever stands in a property is held",
        FRACTION_HELD,
        "int_funnel_events",
        text(r"'BIGINT', 'UBIGINT', 'BOOLEAN'", "'BIGINT', 'UBIGINT', 'BOOLEAN', 'DOUBLE'"),
    ),
    BrokenRule(
        "every property holds the same",
        ANOTHER_CART_ORDERED,
        "int_funnel_events",
        text(r"then timed\.property_value", "then timed.hold"),
    ),
    BrokenRule(
        "of values that get equally far the greatest counts",
        SEVERAL_ADDED,
        "fct_funnel_entries",
        text(r"attempts\.held_value\s+\) = 1", "attempts.held_value desc) = 1"),
    ),
    BrokenRule(
        "an entry keeps the dimensions that its session had",
        COUNTRY_TOLD_LATE,
        "int_touched_visitor_days",
        sees("intermediate.int_events_sessionized"),
    ),
    BrokenRule(
        "a session is sought on the date of the entry alone",
        COUNTRY_TOLD_LATE,
        "fct_funnel_entries",
        text(r"\[entry_date - 2, entry_date - 1, entry_date\]", "[entry_date]"),
    ),
    BrokenRule(
        "a value that is not known is left out",
        FUNNEL_FROM_THE_DAY_BEFORE,
        "funnel_steps",
        text(r"coalesce\(country, '\(not set\)'\)", "country"),
    ),
    BrokenRule(
        "half of the units are nine tenths of them",
        SLOW_AND_FAST,
        "funnel_steps",
        text(r"0\.9(\) within group \(order by seconds_from_first\))", r"0.5\1"),
    ),
)

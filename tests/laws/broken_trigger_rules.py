"""The rules of triggers, each broken on purpose, and who notices.

Belongs here: what is broken in the models of triggers, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

from decimal import Decimal

from tests.laws.broken_rules import BrokenRule, deletes_by, sees, text
from tests.laws.histories import Row
from tests.laws.stories import day, event, told


def bags(when: str, *products: str, visitor: str = "v") -> list[Row]:
    """Views of bags, a minute apart from a full hour on, named by it."""
    return [
        event(f"{when}-{number}", "product_viewed", f"{when}:0{number}", visitor,
              product_id=product, category="bags")
        for number, product in enumerate(products)
    ]  # fmt: skip


def bag(event_id: str, when: str, product: str, visitor: str = "v", **columns: object) -> Row:
    """One view of a bag."""
    return event(event_id, "product_viewed", when, visitor, product_id=product, category="bags",
                 **columns)  # fmt: skip


def reviews(*given: tuple[str, str, float]) -> list[Row]:
    """Reviews of shoes: hour of the 11th, product, stars; a visitor each."""
    return [
        event(f"r{hour}", "product_reviewed", f"11 {hour}:00", f"v{hour}", product_id=product,
              category="shoes", properties=f'{{"rating": {stars}}}')
        for hour, product, stars in given
    ]  # fmt: skip


def put(event_id: str, when: str, price: str = "9", **columns: object) -> Row:
    """Something put into a cart."""
    return event(event_id, "product_added", when, product_id=event_id, price=Decimal(price),
                 **columns)  # fmt: skip


OVER_MIDNIGHT = told(
    (day(11), [bag("a", "11 23:55", "p1")]),
    (day(12), [bag("b", "12 00:05", "p2")]),
)
# What the 12th lacked happened on the 11th and came later.
BEFORE_MIDNIGHT_LATE = told(
    (day(12), [bag("b", "12 00:05", "p2")]),
    (day(13), [bag("a", "11 23:55", "p1")]),
)
# Things that have nothing to do with one another, each of a visitor of its own.
ONE_DAY = told((day(11), [
    *bags("11 08", "p1", "p1", "p1", visitor="thrice"),
    bag("bot-1", "11 09:00", "p1", "bot", is_bot=True),
    bag("bot-2", "11 09:05", "p2", "bot", is_bot=True),
    *bags("11 10", "p1", "p2", visitor="b1"),
    *bags("11 11", "p1", "p2", visitor="b2"),
    *bags("11 12", "p1", "p2", visitor="b3"),
    *reviews(*((f"{hour:02}", "worst", 1) for hour in range(12))),
    *reviews(("12", "bad", 2), ("13", "as_bad", 2), ("14", "fair", 3), ("15", "good", 5)),
    put("once", "11 10:00", visitor="twice"),
    put("again", "11 11:00", visitor="twice"),
    put("just", "11 10:00", price="8", visitor="just"),
    put("bot-3", "11 10:00", visitor="bot", is_bot=True),
    put("late", "11 23:45", visitor="late"),
]))  # fmt: skip
# One is held back by a day less a minute or two, the other is not by a day.
TWO_DAYS = told(
    (day(11), [*bags("11 12", "p1", "p2"), *bags("11 10", "p1", "p2", visitor="other")]),
    (day(12), [*bags("12 11", "p1", "p2"), *bags("12 10", "p1", "p2", visitor="other")]),
)
A_DAY_LATER_TOGETHER = told((day(12), [*bags("11 10", "p1", "p2"), *bags("12 10", "p1", "p2")]))
# An earlier moment lets the second through, which holds back the third; the fourth stands.
CHAIN_MOVED = told(
    (day(15), [
        row for when in ("11 12", "12 10", "13 09", "15 10") for row in bags(when, "p1", "p2")
    ]),
    (day(16), bags("11 09", "p1", "p2")),
)  # fmt: skip
# The firing that held the next day's back turns out to be two visitors', and another to be none.
DISPLACED = told(
    (day(12), [
        *bags("11 12", "p1", "p2"), *bags("12 10", "p1", "p2"),
        *bags("11 10", "p1", "p2", visitor="never"),
    ]),
    (day(11), [
        bag("11 12-1", "11 12:01", "p2", "other"),
        event("11 10-1", "page_viewed", "11 10:01", "never"),
    ]),
)  # fmt: skip
# Within the half hour, as is known two days later.
ORDERED_LATER = told(
    (day(11), [put("a", "11 10:00")]),
    (day(13), [event("o", "order_completed", "11 10:20", order_id="1", revenue=Decimal(9))]),
)
# In the order of events the log-out comes after the view of the same instant.
LOGGED_OUT_AT_ONCE = told((day(11), [
    *bags("11 10", "p1"), bag("11 10-1", "11 10:01", "p2", user_id="u"),
    event("out-7", "logged_out", "11 10:01", user_id="u"),
]))  # fmt: skip

BROKEN_TRIGGER_RULES = (
    BrokenRule(
        "a window ends before its last microsecond",
        OVER_MIDNIGHT,
        "int_trigger_moments",
        text(r"to_seconds\(window_s\) preceding", "to_seconds(window_s - 1) preceding"),
    ),
    BrokenRule(
        "evidence leaves out the window's first instant",
        OVER_MIDNIGHT,
        "int_trigger_firings",
        text(r"events\.event_ts >= walk\.fired_at", "events.event_ts > walk.fired_at"),
    ),
    BrokenRule(
        "views are counted, not products",
        ONE_DAY,
        "int_trigger_moments",
        text(r"count\(distinct product_id\)", "count(product_id)"),
    ),
    BrokenRule(
        "moments on the date of the event alone",
        BEFORE_MIDNIGHT_LATE,
        "int_trigger_moments",
        text(r"rules\.reach_days as later_days", "0 as later_days"),
    ),
    BrokenRule(
        "events of the firing's date alone",
        OVER_MIDNIGHT,
        "int_trigger_moments",
        text(r"dates\.fired_date - rules\.reach_days", "dates.fired_date"),
    ),
    BrokenRule(
        "a cool-down ends with the run",
        TWO_DAYS,
        "int_trigger_firings",
        sees("intermediate.int_trigger_firings"),
    ),
    BrokenRule(
        "a cool-down that reaches over runs ends too late",
        TWO_DAYS,
        "int_trigger_firings",
        text(r"followed\.fired_at >= kept\.fired_at", "followed.fired_at > kept.fired_at"),
    ),
    BrokenRule(
        "a cool-down ends too late",
        A_DAY_LATER_TOGETHER,
        "int_trigger_firings",
        text(r"to_seconds\(cooldown_s\) following", "to_seconds(cooldown_s + 1) following"),
    ),
    BrokenRule(
        "firings after the touched date stand",
        CHAIN_MOVED,
        "int_touched_firings",
        text(
            r"firings\.fired_at >= starts\.first_date",
            "cast(firings.fired_at as date) = starts.first_date",
        ),
    ),
    BrokenRule(
        "later firings go with what is made again, and do not come back",
        CHAIN_MOVED,
        "int_trigger_moments",
        sees("intermediate.int_touched_firings"),
    ),
    BrokenRule(
        "firings that vanished stay",
        DISPLACED,
        "int_trigger_firings",
        deletes_by(),
    ),
    BrokenRule(
        "visitors of winners alone",
        DISPLACED,
        "int_touched_triggers",
        sees("intermediate.int_event_copies", "copy_number = 1"),
    ),
    BrokenRule(
        "a cart is looked at again by its own events alone",
        ORDERED_LATER,
        "int_touched_triggers",
        sees("intermediate.int_cart_actions_remade"),
    ),
    BrokenRule(
        "carts that fired no more stay",
        ORDERED_LATER,
        "int_trigger_carts",
        deletes_by(),
    ),
    BrokenRule(
        "a cart fires at its last pause",
        ONE_DAY,
        "int_trigger_carts",
        text(r"followed\.cart_key order by followed\.step_number", "followed.cart_key "
             "order by followed.step_number desc"),
    ),
    BrokenRule(
        "an order does not end a pause",
        ORDERED_LATER,
        "int_trigger_carts",
        text(r"coalesce\(\s*lead\((.*?)\),\s*carts\.ordered_at", r"coalesce(lead(\1), null"),
    ),
    BrokenRule(
        "a cart fires before its time has passed",
        ONE_DAY,
        "trigger_firings",
        text(r"rules\.condition <> 'idle_cart'\s*or", "true or"),
    ),
    BrokenRule(
        "a bot's cart fires",
        ONE_DAY,
        "int_trigger_carts",
        text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "a cart of just the value fires",
        ONE_DAY,
        "int_trigger_carts",
        text(r"followed\.value > rules", "followed.value >= rules"),
    ),
    BrokenRule(
        "views that were none stay",
        DISPLACED,
        "int_trigger_events",
        deletes_by(),
    ),
    BrokenRule(
        "bots fire",
        ONE_DAY,
        "int_trigger_events",
        text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "a review of exactly the stars that are bad is not",
        ONE_DAY,
        "int_trigger_moments",
        text(r"events\.rating <= rules\.max_rating", "events.rating < rules.max_rating"),
    ),
    BrokenRule(
        "a budget has one more",
        ONE_DAY,
        "trigger_firings",
        text(r"\) <= rules\.daily_budget", ") <= rules.daily_budget + 1"),
    ),
    BrokenRule(
        "a budget goes to the last",
        ONE_DAY,
        "trigger_firings",
        text(r"order by known\.fired_at,", "order by known.fired_at desc,"),
    ),
    BrokenRule(
        "a visitor is held out of all rules or of none",
        ONE_DAY,
        "trigger_firings",
        text(r"of_persons\.rule \|\| chr\(31\) \|\| ", ""),
    ),
    BrokenRule(
        "products rated alike are suggested",
        ONE_DAY,
        "trigger_firings",
        text(
            r"disliked\.average_rating < ratings\.average_rating",
            "disliked.average_rating <= ratings.average_rating",
        ),
    ),
    BrokenRule(
        "who logged in for the view alone is not its person",
        LOGGED_OUT_AT_ONCE,
        "trigger_firings",
        text(r"when within_budget\.user_id is not null", "when false"),
    ),
    BrokenRule(
        "the least liked are suggested first",
        ONE_DAY,
        "trigger_firings",
        text(r"order by ratings\.average_rating desc", "order by ratings.average_rating"),
    ),
)  # fmt: skip

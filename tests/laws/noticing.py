"""Histories that notice a broken rule: told ones, each for a rule or two, and a random batch.

Belongs here: the histories. Not here: the rules (`broken_rules`), nor what the tables hold at the
end (`test_law3_scenarios` has stories with their numbers by hand).
"""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from tests.laws.batches import random_batch
from tests.laws.histories import Row
from tests.laws.stories import at, day, event, told, view


def of_order(event_id: str, name: str, when: str, order_id: str, **columns: object) -> Row:
    """An event of an order, with one line."""
    return event(event_id, name, when, order_id=order_id, product_id=f"p{order_id}",
                 **{"revenue": Decimal(5), **columns})  # fmt: skip


def every_twenty_minutes(start: str, count: int) -> list[Row]:
    """Page views of a visitor who does not rest."""
    times = [at(start) + number * timedelta(minutes=20) for number in range(count)]
    return [view(f"r{time:%d%H%M}", f"{time:%d %H:%M}") for time in times]


RANDOM_BATCH = random_batch(Random(10), 12).whole

# The older arrival comes last, with another visitor under the same id.
DISPLACED_VISITOR = told(
    (day(12), [view("e", "11 10:00", "late")]),
    (day(11), [view("e", "11 10:00", "early")]),
)
# … with another order.
DISPLACED_ORDER = told(
    (day(12), [of_order("o", "order_completed", "11 10:00", "2")]),
    (day(11), [of_order("o", "order_completed", "11 10:00", "1")]),
)
# … with nothing of what the first ones said.
DISPLACED_KINDS = told(
    (day(12), [
        of_order("r", "order_refunded", "11 10:00", "1"),
        event("p", "product_viewed", "11 10:01", product_id="p"),
        event("l", "login_succeeded", "11 10:02", user_id="u"),
    ]),
    (day(11), [view("r", "11 10:00"), view("p", "11 10:01"), view("l", "11 10:02")]),
)  # fmt: skip
# … as something that is no step of any funnel.
DISPLACED_STEP = told(
    (day(12), [event("s", "product_viewed", "11 10:00", product_id="p")]),
    (day(11), [event("s", "email_sent", "11 10:00")]),
)
# … as something that a bot did, the only thing of its day.
DISPLACED_BY_BOT = told(
    (day(12), [view("e", "11 10:00")]),
    (day(11), [view("e", "11 10:00", is_bot=True)]),
)
# What comes late lies exactly a gap before one session, or after one.
GAP_BEFORE = told((day(12), [view("b", "11 10:30")]), (day(13), [view("a", "11 10:00")]))
GAP_AFTER = told((day(12), [view("a", "11 10:00")]), (day(13), [view("b", "11 10:30")]))
# A session that began two dates before it goes on, by then as the run's second cut.
NEARLY_A_DAY = told(
    (day(11), every_twenty_minutes("10 23:55", 72)),
    (day(12), [view("late", "12 00:04")]),
)
OVER_MIDNIGHT = told(
    (day(11), [view("a", "11 23:45")]),
    (day(12), [view("b", "12 00:05")]),
)
TWO_DAYS_AWAKE = told(
    (day(13), every_twenty_minutes("11 10:00", 150)),
    (day(14), [view("late", "13 11:05")]),
)
# Who did not rest for two days had begun earlier: each cut comes earlier.
AWAKE_BEFORE = told(
    (day(13), every_twenty_minutes("11 10:00", 150)),
    (day(14), [view("late", "11 09:35")]),
)
# A log-in after the fact, on a device that was somebody else's: their past moves.
LOG_INS = told(
    (day(11), [view("a", "11 10:00"), of_order("o", "order_completed", "11 10:05", "1")]),
    (day(15), [event("l", "login_succeeded", "15 10:00", user_id="u")]),
    (day(16), [event("m", "login_succeeded", "10 10:00", user_id="w")]),
)
# Two devices turn out to be one person's: a date of the past, not their first, has a person less.
ONE_PERSON_LESS = told(
    (day(11), [
        view("a", "09 10:00"), view("b", "10 10:00", "other"),
        view("c", "11 10:00"), view("d", "11 10:00", "other"),
    ]),
    (day(15), [
        event("l", "login_succeeded", "15 10:00", user_id="u"),
        event("m", "login_succeeded", "15 10:00", "other", user_id="u"),
    ]),
)  # fmt: skip
ORDER_WITHOUT_VISITOR = told(
    (day(12), [event("o", "order_completed", "12 10:00", None, order_id="1", revenue=Decimal(9))]),
    (day(15), [event("u", "order_updated", "15 10:00", None, order_id="1", revenue=Decimal(3))]),
)
ORDER_UPDATED_LATER = told(
    (day(11), [view("a", "11 10:00"), of_order("o", "order_completed", "11 10:05", "1")]),
    (day(20), [event("u", "order_updated", "20 08:00", None, order_id="1", revenue=Decimal(3))]),
)
NO_LONGER_NEW = told(
    (day(14), [view("b", "14 10:00")]),
    (day(15), [view("a", "11 10:00")]),
)
FUNNEL_FROM_THE_DAY_BEFORE = told(
    (day(12), [event("a", "product_viewed", "11 23:00")]),
    (day(13), [event("b", "product_added", "12 01:00")]),
)
# 9 June is the last date whose month holds 11 May.
MONTH_LATER = told(
    (date(2026, 6, 9), [view("b", "31 10:00")]),
    (date(2026, 6, 10), [view("a", "11 10:00", "another")]),
)

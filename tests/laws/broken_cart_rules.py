"""The rules of carts, each broken on purpose, and who notices.

Belongs here: what is broken in the models of carts, and the histories made for it. Not here: how a
rule is broken and applied (`broken_rules`).

In the shop of the laws a cart is abandoned after 24 hours and recovered within 2 days more.
"""

import json
from decimal import Decimal
from typing import Any

from tests.laws.broken_rules import BrokenRule, deletes_by, keeps, sees, text
from tests.laws.histories import Row
from tests.laws.stories import day, event, told


def cart(event_id: str, name: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """An event of a cart; of one that has an id where `cart_id` is given."""
    cart_id = columns.pop("cart_id", None)
    named = {} if cart_id is None else {"properties": json.dumps({"cart_id": cart_id})}
    item: Row = {}
    if name in ("product_added", "product_removed"):
        item = {"product_id": "p", "price": Decimal(10), "quantity": Decimal(1)}
    return event(event_id, name, when, visitor, **{**item, **named, **columns})


def add(event_id: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """One piece of p at 10.00, put in."""
    return cart(event_id, "product_added", when, visitor, **columns)


def remove(event_id: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """One piece of p, taken out."""
    return cart(event_id, "product_removed", when, visitor, **columns)


def look(event_id: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """The cart was looked at."""
    return cart(event_id, "cart_viewed", when, visitor, **columns)


def order(event_id: str, when: str, visitor: str | None = "v", **columns: Any) -> Row:
    """An order with a number of its own."""
    return cart(event_id, "order_completed", when, visitor, **{"order_id": event_id, **columns})


# Left at ten, looked at a day later to the microsecond, and a microsecond after that.
AT_THE_TIMEOUT = told(
    (day(13), [
        add("a", "11 10:00"), look("b", "12 10:00"),
        add("c", "11 10:00", "w"), look("d", "12 10:00:00.000001", "w"), add("e", "12 11:00", "w"),
    ]),
)  # fmt: skip
# Ordered when the recovery window closes, and a microsecond later.
AT_THE_END_OF_RECOVERY = told(
    (day(14), [
        add("a", "11 10:00"), order("b", "14 10:00"),
        add("c", "11 10:00", "w"), order("d", "14 10:00:00.000001", "w"),
    ]),
)  # fmt: skip
# The order of three days later comes a day after the cart was found abandoned.
RECOVERED_LATER = told((day(12), [add("a", "11 10:00")]), (day(14), [order("b", "13 11:00")]))
# Two carts are abandoned before an order answers both, while a third is open.
TWICE_ABANDONED = told(
    (day(14), [add("a", "11 10:00"), add("b", "12 12:00"), add("c", "13 13:00")]),
    (day(15), [order("d", "13 14:00")]),
)
# A late look joins two carts; that it was another visitor's parts them again.
JOINED = told(
    (day(13), [add("a", "11 10:00"), add("b", "12 20:00")]),
    (day(15), [look("c", "12 09:00")]),
)
PARTED = told(
    (day(13), [add("a", "11 10:00"), add("b", "12 20:00")]),
    (day(15), [look("c", "12 09:00")]),
    (day(14), [look("c", "12 09:00", "w")]),
)
# Nothing at all was put in.
NEVER_OPENED = told(
    (day(13), [add("a", "11 10:00")]),
    (day(12), [cart("a", "page_viewed", "11 10:00")]),
)
# The first thing put in turns out to have been something that is in no cart.
OPENED_LATER = told(
    (day(13), [add("a", "11 10:00"), add("b", "11 23:00")]),
    (day(12), [cart("a", "page_viewed", "11 10:00")]),
)
# What a cart held hangs on what was put in before midnight.
OVER_MIDNIGHT = told((day(11), [add("a", "11 23:50")]), (day(12), [remove("b", "12 00:10")]))
# More is taken out than there is; one piece put in then is one piece.
BELOW_NOTHING = told(
    (day(11), [
        add("a", "11 10:00"), add("b", "11 10:00", product_id="q"),
        remove("c", "11 10:01", quantity=Decimal(5)), add("d", "11 10:02"),
    ]),
)  # fmt: skip
# A removal says -1 where another would say 1.
NEGATIVE_REMOVAL = told((day(11), [
    add("a", "11 10:00", quantity=Decimal(2)), remove("b", "11 10:01", quantity=Decimal(-1)),
]))  # fmt: skip
# The price changes; of another product none is known, or in another currency.
PRICES = told(
    (day(11), [
        add("a", "11 10:00"), add("b", "11 10:01", price=Decimal(12)),
        add("c", "11 10:02", price=None), add("d", "11 10:03", product_id="q", price=None),
        add("e", "11 10:04", product_id="r", currency="USD"),
    ]),
)  # fmt: skip
# Emptied, and filled again without a price: the emptied cart's is not its own.
FILLED_AGAIN = told(
    (day(11), [
        add("a", "11 10:00"), remove("b", "11 10:01"), add("c", "11 10:02", price=None),
    ]),
)  # fmt: skip
# Ordered, and filled again: nothing of before is in it.
ORDERED_AND_FILLED_AGAIN = told(
    (day(11), [add("a", "11 10:00"), order("b", "11 10:01"), add("c", "11 10:02")]),
    (day(12), [remove("d", "11 10:03")]),
)
# The same id in two sources; the order names the cart, from another visitor.
SAME_CART_ID = told(
    (day(11), [
        add("a", "11 10:00", cart_id="c"),
        add("b", "11 10:00", "w", cart_id="c", source="till"),
        order("o", "11 11:00", "x", cart_id="c"),
    ]),
)  # fmt: skip
# The tracker says undefined for want of an id: nobody shares that cart.
JUNK_CART_ID = told(
    (day(11), [
        add("a", "11 10:00", cart_id="undefined"), order("b", "11 11:00", "w", cart_id="undefined"),
    ]),
)  # fmt: skip
# An order names no cart: it is of the one used last, which a late event makes another one.
USED_LAST = told(
    (day(13), [
        add("a", "11 10:00", cart_id="c1"), add("b", "11 11:00", cart_id="c2"),
        order("o", "13 10:00"),
    ]),
    (day(14), [look("c", "11 12:00", cart_id="c1")]),
    (day(12), [look("c", "11 12:00", "w", cart_id="c1")]),
)  # fmt: skip
# An order names a cart that nobody has used; a late event has.
NAMES_A_CART_USED_LATE = told(
    (day(13), [add("a", "11 10:00"), order("o", "12 09:00", cart_id="c1")]),
    (day(14), [add("b", "11 11:00", "w", cart_id="c1")]),
)
# … or used too long ago, while others went on with the cart.
USED_LONG_AGO = told(
    (day(14), [
        add("a", "11 10:00", cart_id="c1"), look("b", "12 09:00", "w", cart_id="c1"),
        look("c", "13 08:00", "w", cart_id="c1"), look("d", "14 07:00", "w", cart_id="c1"),
        order("o", "14 11:00"),
    ]),
)  # fmt: skip
# The order belongs to an earlier cart: its first event arrives late.
ORDERED_EARLIER = told(
    (day(16), [add("a", "11 10:00"), add("b", "16 10:00"), order("o", "16 11:00", order_id="1")]),
    (day(17), [order("n", "11 11:00", order_id="1")]),
)
# … or it was no order at all.
NEVER_ORDERED = told(
    (day(13), [add("a", "11 10:00"), order("o", "11 13:00")]),
    (day(12), [cart("o", "page_viewed", "11 13:00")]),
)
# Of one cart a bot had a hand in.
BOT = told((day(11), [
    add("a", "11 10:00"), look("b", "11 10:01", is_bot=True), add("c", "11 10:00", "w"),
]))  # fmt: skip
# At its very midnight a cart is abandoned; a microsecond younger, the next day.
DUE_AT_MIDNIGHT = told(
    (day(11), [add("a", "11 00:00"), add("b", "11 00:00:00.000001", "w")]),
    (day(12), []),
)

BROKEN_CART_RULES = (
    BrokenRule(
        "a day to the microsecond is too long a rest", AT_THE_TIMEOUT, "int_cart_actions_remade",
        text(r"> limits\.timeout", ">= limits.timeout"),
    ),
    BrokenRule(
        "an order a day later to the microsecond is none of the cart's", RECOVERED_LATER,
        "int_carts", text(r"<=( carts\.last_event_at \+ limits\.timeout)", r">\1"),
    ),
    BrokenRule(
        "the last moment of recovery is too late", AT_THE_END_OF_RECOVERY, "int_carts",
        text(r"<=( carts\.last_event_at \+ limits\.reach)", r"<\1"),
    ),
    BrokenRule(
        "a cart counts as used whenever that was", USED_LONG_AGO, "int_cart_orders",
        text(r"(on orders\.visitor_id[^>]*>=) orders\.ordered_at - limits\.reach",
             r"\1 timestamp '1900-01-01'"),
    ),
    BrokenRule(
        "windows reach no further back than an open cart", RECOVERED_LATER, "int_cart_windows",
        text(r"points\.touched_at - limits\.reach", "points.touched_at - limits.timeout"),
    ),
    BrokenRule(
        "windows leave out the stretch that begins after the touched moment", PARTED,
        "int_cart_windows",
        text(r"<= points\.touched_at \+ limits\.timeout", "<= points.touched_at"),
    ),
    BrokenRule(
        "touched moments outside of stretches are no windows", AT_THE_TIMEOUT, "int_cart_windows",
        keeps("started_at < ended_at"),
    ),
    BrokenRule(
        "stretches that were joined stay", JOINED, "int_cart_stretches", deletes_by(),
    ),
    BrokenRule("carts that were joined stay", JOINED, "int_carts", deletes_by()),
    BrokenRule(
        "a cart without a stretch is not found again after a kill", NEVER_OPENED,
        "int_displaced_carts",
        text(r"from windows\n\n\),\n\nfinal", "from windows where started_at < ended_at), final"),
        dies_after="int_cart_stretches",
    ),
    BrokenRule(
        "events that are of no cart any more stay", OPENED_LATER, "fct_cart_events", deletes_by(),
    ),
    BrokenRule(
        "actions that vanished stay", OPENED_LATER, "int_cart_actions", deletes_by(),
    ),
    BrokenRule(
        "dates of which a cart has gone keep it", NEVER_OPENED, "int_touched_cart_dates",
        sees("intermediate.int_event_copies"),
    ),
    BrokenRule(
        "carts are made of the touched events alone", OVER_MIDNIGHT, "int_cart_actions_remade",
        sees("intermediate.int_cart_actions",
             "event_key in (select event_key from intermediate.int_event_copies)"),
    ),
    BrokenRule(
        "what is in a cart may be less than nothing", BELOW_NOTHING, "int_cart_steps",
        text(r"least\(0, min\(total\)", "least(0, 0 * min(total)"),
    ),
    BrokenRule(
        "a negative removal puts in", NEGATIVE_REMOVAL, "int_cart_steps",
        text(r"-abs\(lines\.quantity\)", "-lines.quantity"),
    ),
    BrokenRule(
        "the first price holds", PRICES, "int_cart_steps", text(r"last_value\(", "first_value("),
    ),
    BrokenRule(
        "a piece without a price makes the price unknown", PRICES, "int_cart_steps",
        text(r" ignore nulls", ""),
    ),
    BrokenRule(
        "the emptied cart's price is known in the next one", FILLED_AGAIN, "int_cart_steps",
        text(r"partition by in_carts\.cart_key, held\.product_id",
             "partition by in_carts.spell, held.product_id"),
    ),
    BrokenRule(
        "a cart goes on when it was emptied", FILLED_AGAIN, "int_cart_steps",
        text(r"item_count > 0 and item_count = quantity_change", "false"),
    ),
    BrokenRule(
        "the event that empties a cart is none of it", FILLED_AGAIN, "int_cart_steps",
        text(r"item_count > 0 or quantity_change < 0", "item_count > 0"),
    ),
    BrokenRule(
        "what was ordered is still in the cart", ORDERED_AND_FILLED_AGAIN, "int_cart_steps",
        text(r"1 as is_order", "0 as is_order"),
    ),
    BrokenRule(
        "a cart_id is the same in every source", SAME_CART_ID, "int_cart_actions",
        text(r"md5\('cart' \|\| chr\(31\) \|\| source", "md5('cart' || chr(31) || 'web'"),
    ),
    BrokenRule(
        "an order by another visitor is not of the cart that it names", SAME_CART_ID,
        "int_cart_orders", text(r"actions\.holder_key\s+and actions", "'' and actions"),
    ),
    BrokenRule(
        "a cart's id may be undefined", JUNK_CART_ID, "int_cart_actions",
        text(r"'undefined', ", ""),
    ),
    BrokenRule(
        "an order is of the cart that its visitor used first", USED_LAST, "int_cart_orders",
        text(r"used_order desc", "used_order"),
    ),
    BrokenRule(
        "an order stays with the cart that was used last before a late event", USED_LAST,
        "int_cart_points",
        text(r"on orders_after\.visitor_id = copies\.visitor_id", "on false"),
    ),
    BrokenRule(
        "whom an order was taken from is not looked at", USED_LAST, "int_cart_points",
        text(r"on moments\.visitor_id = actions_before\.visitor_id", "on false"),
    ),
    BrokenRule(
        "an order stays with its visitor's cart when the named one turns up",
        NAMES_A_CART_USED_LATE, "int_cart_points",
        text(r"on orders_after\.named_holder_key = copies\.holder_key", "on false"),
    ),
    BrokenRule(
        "orders that moved leave carts as they were", ORDERED_EARLIER, "int_cart_points",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule(
        "orders that are none any more end their carts", NEVER_ORDERED, "int_cart_points",
        text(r"where\s+role = 'order'\s+union", "where false union"),
    ),
    BrokenRule(
        "an order is taken by one cart alone", TWICE_ABANDONED, "int_carts",
        text(r"partition by carts\.cart_key order by orders\.event_order",
             "partition by orders.order_key order by carts.last_event_order desc"),
    ),
    BrokenRule("carts of bots are counted", BOT, "int_cart_days", text(r"and not is_bot", "")),
    BrokenRule(
        "a cart is a bot's if its first event is", BOT, "int_carts",
        text(r"bool_or\(is_bot\)", "arg_min(is_bot, step_number)"),
    ),
    BrokenRule(
        "a cart due at midnight is due on the date that begins", DUE_AT_MIDNIGHT, "int_carts",
        text(r"abandoned_at - interval 1 microsecond", "abandoned_at"),
    ),
    BrokenRule(
        "carts fall due a day late", DUE_AT_MIDNIGHT, "fct_carts",
        text(r"due_date <= as_of\.as_of_date", "due_date < as_of.as_of_date"),
    ),
)  # fmt: skip

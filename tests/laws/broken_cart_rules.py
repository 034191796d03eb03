"""The rules of carts, each broken on purpose, and who notices.

Belongs here: what is broken in the models of carts, and the histories made for it. Not here: how a
rule is broken and applied (`broken_rules`).

In the shop of the laws a cart is abandoned after 24 hours and recovered within 2 days more.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tests.laws.broken_rules import BrokenRule, deletes_by, keeps, sees, text
from tests.laws.histories import History, Row
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


Story = list[list[Row]]


def own(name: str, row: Row) -> Row:
    """A row with visitor, event and order of the story's own."""
    return {
        **row,
        "event_id": f"{name} {row['event_id']}",
        "anonymous_id": row["anonymous_id"] and f"{name} {row['anonymous_id']}",
        "order_id": row["order_id"] and f"{name} {row['order_id']}",
    }


def together(arrivals: Sequence[date], stories: Mapping[str, Story]) -> History:
    """Stories side by side in one history, whose runs they share: step by step a day arrives."""
    return told(*(
        (arrived, [own(name, row) for name, steps in stories.items() for row in steps[number]])
        for number, arrived in enumerate(arrivals)
    ))  # fmt: skip


# All arrives at once.
AT_ONCE: dict[str, Story] = {
    # Left at ten, looked at a day later to the microsecond, and a microsecond after that.
    "timeout": [[
        add("a", "11 10:00"), look("b", "12 10:00"),
        add("c", "11 10:00", "w"), look("d", "12 10:00:00.000001", "w"), add("e", "12 11:00", "w"),
    ]],
    # Ordered when the timeout, when the recovery window closes, and a microsecond later.
    "end of recovery": [[
        add("x", "11 10:00", "u"), order("y", "12 10:00", "u"),
        add("a", "11 10:00"), order("b", "14 10:00"),
        add("c", "11 10:00", "w"), order("d", "14 10:00:00.000001", "w"),
    ]],
    # More is taken out than there is; one piece put in then is one piece.
    "below nothing": [[
        add("a", "11 10:00"), add("b", "11 10:00", product_id="q"),
        remove("c", "11 10:01", quantity=Decimal(5)), add("d", "11 10:02"),
    ]],
    # A removal says -1 where another would say 1.
    "negative removal": [[
        add("a", "11 10:00", quantity=Decimal(2)), remove("b", "11 10:01", quantity=Decimal(-1)),
    ]],
    # The price changes; of another product none is known, or in another currency.
    "prices": [[
        add("a", "11 10:00"), add("b", "11 10:01", price=Decimal(12)),
        add("c", "11 10:02", price=None), add("d", "11 10:03", product_id="q", price=None),
        add("e", "11 10:04", product_id="r", currency="USD"),
    ]],
    # Emptied, and filled again without a price: the emptied cart's is not its own.
    "filled again": [[
        add("a", "11 10:00"), remove("b", "11 10:01"), add("c", "11 10:02", price=None),
    ]],
    # The same id in two sources; the order names the cart, from another visitor.
    "same cart_id": [[
        add("a", "11 10:00", cart_id="c3"),
        add("b", "11 10:00", "w", cart_id="c3", source="till"),
        order("o", "11 11:00", "x", cart_id="c3"),
    ]],
    # The tracker says undefined for want of an id: nobody shares that cart.
    "junk": [[
        add("a", "11 10:00", cart_id="undefined"), order("b", "11 11:00", "w", cart_id="undefined"),
    ]],
    # The order's visitor used the cart too long ago, while others went on with it.
    "used long ago": [[
        add("a", "11 10:00", cart_id="c4"), look("b", "12 09:00", "w", cart_id="c4"),
        look("c", "13 08:00", "w", cart_id="c4"), look("d", "14 07:00", "w", cart_id="c4"),
        order("o", "14 11:00"),
    ]],
    # Of one cart a bot had a hand in.
    "bot": [[
        add("a", "11 10:00"), look("b", "11 10:01", is_bot=True), add("c", "11 10:00", "w"),
    ]],
}  # fmt: skip
# A later day brings what belongs in between.
LATER: dict[str, Story] = {
    # The order of three days later comes after the cart was found abandoned.
    "recovered": [[add("a", "11 10:00")], [order("b", "13 11:00")]],
    # Two carts are abandoned before an order answers both, while a third is open.
    "twice abandoned": [
        [add("a", "11 10:00"), add("b", "12 12:00"), add("c", "13 13:00")],
        [order("d", "13 14:00")],
    ],
    # A late look joins two carts.
    "joined": [[add("a", "11 10:00"), add("b", "12 20:00")], [look("c", "12 09:00")]],
    # What a cart holds hangs on what was put in long before.
    "over midnight": [[add("a", "11 23:50")], [remove("b", "12 00:10")]],
    # Ordered, and filled again: nothing of before is in it.
    "filled again": [
        [add("a", "11 10:00"), order("b", "11 10:01"), add("c", "11 10:02")],
        [remove("d", "11 10:03")],
    ],
    # An order names no cart: it is of the one used last, which a late event makes another one.
    "used last": [
        [
            add("a", "11 10:00", cart_id="c1"), add("b", "11 11:00", cart_id="c2"),
            order("o", "13 10:00"),
        ],
        [look("c", "11 12:00", cart_id="c1")],
    ],
    # An order names a cart that nobody has used; a late event has.
    "names a cart": [
        [add("a", "11 10:00"), order("o", "12 09:00", cart_id="c5")],
        [add("b", "11 11:00", "w", cart_id="c5")],
    ],
    # The order belongs to an earlier cart: its first event arrives late.
    "ordered earlier": [
        [add("a", "11 10:00"), add("b", "16 10:00"), order("o", "16 11:00", order_id="1")],
        [order("n", "11 11:00", order_id="1")],
    ],
}  # fmt: skip
# An older arrival comes last and says that it was something else, or somebody else.
DISPLACED: dict[str, Story] = {
    # What joined two carts was another visitor's look.
    "parted": [
        [add("a", "11 10:00"), look("c", "12 09:00"), add("b", "12 20:00")],
        [look("c", "12 09:00", "w")],
    ],
    # Nothing at all was put in.
    "never opened": [[add("a", "10 10:00")], [cart("a", "page_viewed", "10 10:00")]],
    # The cart was opened later.
    "opened later": [
        [add("a", "11 10:00"), add("b", "11 23:00")], [cart("a", "page_viewed", "11 10:00")],
    ],
    # It was no order.
    "never ordered": [
        [add("a", "11 10:00"), order("o", "11 13:00")], [cart("o", "page_viewed", "11 13:00")],
    ],
}  # fmt: skip
SEEN_AT_ONCE = together([day(14)], AT_ONCE)
SEEN_LATER = together([day(16), day(17)], LATER)
SEEN_OTHERWISE = together([day(17), day(16)], DISPLACED)
# At its very midnight a cart is abandoned; a microsecond younger, the next day.
DUE_AT_MIDNIGHT = told(
    (day(11), [add("a", "11 00:00"), add("b", "11 00:00:00.000001", "w")]), (day(12), [])
)
# The session began on the date before, and what comes late says how it was found.
FOUND_BEFORE_MIDNIGHT = told(
    (day(12), [cart("a", "page_viewed", "11 23:50"), add("b", "12 00:05", category="bags")]),
    (day(13), [cart("late", "page_viewed", "11 23:45", utm_medium="email")]),
)
# … and its cart is touched later, by an order, when the session is not.
ORDERED_AFTER_MIDNIGHT = told(
    (day(12), [
        cart("a", "page_viewed", "11 23:50", utm_medium="email"),
        add("b", "12 00:05", category="bags"),
    ]),
    (day(14), [order("c", "13 11:00")]),
)  # fmt: skip
RECOVERED_LATER = told((day(16), [add("a", "11 10:00")]), (day(17), [order("b", "13 11:00")]))
TWO_PUT_IN_AT_ONCE = told(
    (day(11), [
        add("a", "11 10:00", category="own", properties=json.dumps({"products": [
            {"product_id": "p", "category": "bags"}, {"product_id": "q", "category": "hats"},
        ]})),
    ])
)  # fmt: skip

BROKEN_CART_RULES = (
    BrokenRule(
        "a day to the microsecond is too long a rest", SEEN_AT_ONCE, "int_cart_actions_remade",
        text(r"> limits\.timeout", ">= limits.timeout"),
    ),
    BrokenRule(
        "an order a day later to the microsecond is none of the cart's", SEEN_LATER,
        "int_carts", text(r"<=( carts\.last_event_at \+ limits\.timeout)", r">\1"),
    ),
    BrokenRule(
        "the last moment of recovery is too late", SEEN_AT_ONCE, "int_carts",
        text(r"<=( carts\.last_event_at \+ limits\.reach)", r"<\1"),
    ),
    BrokenRule(
        "a cart counts as used whenever that was", SEEN_AT_ONCE, "int_cart_orders",
        text(r"(on orders\.visitor_id[^>]*>=) orders\.ordered_at - limits\.reach",
             r"\1 timestamp '1900-01-01'"),
    ),
    BrokenRule(
        "windows reach no further back than an open cart", SEEN_LATER, "int_cart_windows",
        text(r"points\.touched_at - limits\.reach", "points.touched_at - limits.timeout"),
    ),
    BrokenRule(
        "windows leave out the stretch that begins after the touched moment", SEEN_LATER,
        "int_cart_windows",
        text(r"<= points\.touched_at \+ limits\.timeout", "<= points.touched_at"),
    ),
    BrokenRule(
        "touched moments outside of stretches are no windows", SEEN_AT_ONCE, "int_cart_windows",
        keeps("started_at < ended_at"),
    ),
    BrokenRule(
        "stretches that were joined stay", SEEN_LATER, "int_cart_stretches", deletes_by(),
    ),
    BrokenRule("carts that were joined stay", SEEN_LATER, "int_carts", deletes_by()),
    BrokenRule(
        "a cart without a stretch is not found again after a kill", SEEN_OTHERWISE,
        "int_displaced_carts",
        text(r"from windows\n\n\),\n\nfinal", "from windows where started_at < ended_at), final"),
        dies_after="int_cart_stretches",
    ),
    BrokenRule(
        "events that are of no cart any more stay", SEEN_OTHERWISE, "fct_cart_events", deletes_by(),
    ),
    BrokenRule(
        "actions that vanished stay", SEEN_OTHERWISE, "int_cart_actions", deletes_by(),
    ),
    BrokenRule(
        "dates of which a cart has gone keep it", SEEN_OTHERWISE, "int_touched_cart_dates",
        sees("intermediate.int_event_copies"),
    ),
    BrokenRule(
        "carts are made of the touched events alone", SEEN_LATER, "int_cart_actions_remade",
        sees("intermediate.int_cart_actions",
             "event_key in (select event_key from intermediate.int_event_copies)"),
    ),
    BrokenRule(
        "what is in a cart may be less than nothing", SEEN_AT_ONCE, "int_cart_steps",
        text(r"least\(0, min\(total\)", "least(0, 0 * min(total)"),
    ),
    BrokenRule(
        "a negative removal puts in", SEEN_AT_ONCE, "int_cart_steps",
        text(r"-abs\(lines\.quantity\)", "-lines.quantity"),
    ),
    BrokenRule(
        "the first price holds", SEEN_AT_ONCE, "int_cart_steps",
        text(r"last_value\(", "first_value("),
    ),
    BrokenRule(
        "a piece without a price makes the price unknown", SEEN_AT_ONCE, "int_cart_steps",
        text(r" ignore nulls", ""),
    ),
    BrokenRule(
        "the emptied cart's price is known in the next one", SEEN_AT_ONCE, "int_cart_steps",
        text(r"partition by in_carts\.cart_key, held\.product_id",
             "partition by in_carts.spell, held.product_id"),
    ),
    BrokenRule(
        "a cart goes on when it was emptied", SEEN_AT_ONCE, "int_cart_steps",
        text(r"item_count > 0 and item_count = quantity_change", "false"),
    ),
    BrokenRule(
        "the event that empties a cart is none of it", SEEN_AT_ONCE, "int_cart_steps",
        text(r"item_count > 0 or quantity_change < 0", "item_count > 0"),
    ),
    BrokenRule(
        "what was ordered is still in the cart", SEEN_LATER, "int_cart_steps",
        text(r"1 as is_order", "0 as is_order"),
    ),
    BrokenRule(
        "a cart_id is the same in every source", SEEN_AT_ONCE, "int_cart_actions",
        text(r"md5\('cart' \|\| chr\(31\) \|\| source", "md5('cart' || chr(31) || 'web'"),
    ),
    BrokenRule(
        "an order by another visitor is not of the cart that it names", SEEN_AT_ONCE,
        "int_cart_orders", text(r"actions\.holder_key\s+and actions", "'' and actions"),
    ),
    BrokenRule(
        "a cart's id may be undefined", SEEN_AT_ONCE, "int_cart_actions",
        text(r"'undefined', ", ""),
    ),
    BrokenRule(
        "an order is of the cart that its visitor used first", SEEN_LATER, "int_cart_orders",
        text(r"used_order desc", "used_order"),
    ),
    BrokenRule(
        "an order stays with the cart that was used last before a late event", SEEN_LATER,
        "int_cart_points",
        text(r"on orders_after\.visitor_id = copies\.visitor_id", "on false"),
    ),
    BrokenRule(
        "whom an order was taken from is not looked at", SEEN_LATER, "int_cart_points",
        text(r"on moments\.visitor_id = actions_before\.visitor_id", "on false"),
    ),
    BrokenRule(
        "an order stays with its visitor's cart when the named one turns up",
        SEEN_LATER, "int_cart_points",
        text(r"on orders_after\.named_holder_key = copies\.holder_key", "on false"),
    ),
    BrokenRule(
        "orders that moved leave carts as they were", SEEN_LATER, "int_cart_points",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule(
        "orders that are none any more end their carts", SEEN_OTHERWISE, "int_cart_points",
        text(r"where\s+role = 'order'\s+union", "where false union"),
    ),
    BrokenRule(
        "an order is taken by one cart alone", SEEN_LATER, "int_carts",
        text(r"partition by carts\.cart_key order by orders\.event_order",
             "partition by orders.order_key order by carts.last_event_order desc"),
    ),
    BrokenRule(
        "carts of bots are counted", SEEN_AT_ONCE, "int_cart_days", text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "a cart is a bot's if its first event is", SEEN_AT_ONCE, "int_carts",
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
    BrokenRule(
        "a cart keeps the channel that its session had", FOUND_BEFORE_MIDNIGHT,
        "int_cart_days_by_dimension", sees("intermediate.int_touched_dates"),
    ),
    BrokenRule(
        "a cart that has ended stays open by dimension", RECOVERED_LATER,
        "int_cart_days_by_dimension", sees("intermediate.int_touched_cart_dates"),
    ),
    BrokenRule(
        "carts of bots are counted by dimension", SEEN_AT_ONCE,
        "int_cart_days_by_dimension", text(r"and not is_bot", ""),
    ),
    BrokenRule(
        "a cart's session is sought on the date of the cart alone", ORDERED_AFTER_MIDNIGHT,
        "int_cart_days_by_dimension",
        text(r"\[report_date - 2, report_date - 1, report_date\]", "[report_date]"),
    ),
    BrokenRule(
        "a cart is of its first event's own category", TWO_PUT_IN_AT_ONCE,
        "int_cart_days_by_dimension", sees("core.fct_product_interactions"),
    ),
)  # fmt: skip

"""The rules that keep law 3 for products, each broken on purpose, and who notices.

Belongs here: what is broken in the models of commerce, and the histories made for it. Not here: how
a rule is broken and applied (`broken_rules`).
"""

import json
from decimal import Decimal

from tests.laws.broken_rules import BrokenRule, deletes_by, sees, text
from tests.laws.histories import Row
from tests.laws.noticing import DISPLACED_KINDS
from tests.laws.stories import day, event, told


def basket(event_id: str, name: str, when: str, *products: str, order_id: str = "1") -> Row:
    """An event of an order, by nobody, with a line a product."""
    lines = [{"product_id": product, "price": 5} for product in products]
    return event(event_id, name, when, None, order_id=order_id,
                 properties=json.dumps({"products": lines}))  # fmt: skip


# An update takes one product out of the order and puts another in.
UPDATED = told(
    (day(11), [basket("o", "order_completed", "11 10:00", "a", "b")]),
    (day(14), [basket("u", "order_updated", "13 10:00", "b", "c")]),
)
# The order was another one, whose update is left without it.
DISPLACED_BASKET = told(
    (day(13), [
        basket("o", "order_completed", "11 10:00", "a"),
        basket("u", "order_updated", "12 10:00", "b"),
    ]),
    (day(12), [basket("o", "order_completed", "11 10:00", "c", order_id="2")]),
)  # fmt: skip
# … and of the first one only a line of the till.
DISPLACED_LINE = told(
    (day(13), [
        event("k", "order_completed", "11 10:00", None, source="till", order_id="1",
              product_id="a"),
        event("l", "order_completed", "12 10:00", None, source="till", order_id="1",
              product_id="b"),
    ]),
    (day(12), [event("k", "order_completed", "11 10:00", None, source="till", order_id="2",
                     product_id="a")]),
)  # fmt: skip
REFUNDED = told(
    (day(11), [
        event("r", "order_refunded", "11 10:00", product_id="a", price=Decimal(5),
              quantity=Decimal(-1)),
    ]),
    (day(12), [
        event("s", "order_refunded", "11 10:00", product_id="a", price=Decimal(3),
              quantity=Decimal(1)),
    ]),
)  # fmt: skip
REVIEWED = told(
    (day(11), [
        event(f"r{stars}", "product_reviewed", f"11 10:0{stars}", product_id="a",
              properties=json.dumps({"rating": stars}))
        for stars in (0, 2, 5, 6)
    ]),
)  # fmt: skip
LISTED = told(
    (day(11), [
        event("l", "product_list_viewed", "11 10:00", product_id="a"),
        event("b", "product_list_viewed", "11 10:00", product_id="a", is_bot=True),
    ]),
    (day(12), [event("m", "product_list_viewed", "11 11:00", product_id="a")]),
)  # fmt: skip
# Orders of a date that the window of four has left, and of one after as_of; one of four products;
# three partners of one.
WINDOWED = told(
    (day(11), [basket("o", "order_completed", "11 10:00", "a", "b")]),
    (day(14), [
        basket("p", "order_completed", "14 10:00", "a", "b", "c", order_id="2"),
        basket("q", "order_completed", "14 11:00", "a", "b", "c", "d", order_id="3"),
        basket("s", "order_completed", "14 11:00", "a", "c", "c", order_id="5"),
        basket("v", "order_completed", "14 11:00", "a", "e", order_id="7"),
        dict(basket("r", "order_completed", "14 12:00", "a", "d", order_id="4"), is_bot=True),
    ]),
    (day(15), [basket("t", "order_completed", "16 00:10", "b", "d", order_id="6")]),
)  # fmt: skip

# What was shown was a page.
NOTHING_SHOWN = told(
    (day(13), [event("p", "promotion_viewed", "12 10:00", impression_id="i")]),
    (day(12), [event("p", "page_viewed", "12 10:00")]),
)

BROKEN_COMMERCE_RULES = (
    BrokenRule(
        "products of an order on the dates of their own lines alone",
        UPDATED,
        "int_touched_product_dates",
        sees("intermediate.int_order_events"),
    ),
    BrokenRule(
        "an order that an event left keeps the date that it had by it",
        DISPLACED_LINE,
        "int_touched_product_dates",
        text(r"union\s+select\s+order_key,\s+report_date,?\s+from order_copies", ""),
    ),
    BrokenRule(
        "products of touched lines alone, none of the order's others",
        DISPLACED_BASKET,
        "int_touched_product_dates",
        sees("intermediate.int_order_lines"),
    ),
    BrokenRule(
        "products that lost an order keep it",
        UPDATED,
        "product_performance",
        deletes_by(),
    ),
    BrokenRule(
        "lists touch no product",
        LISTED,
        "int_touched_products",
        text(r"'list_view', ", ""),
    ),
    BrokenRule(
        "refunds touch no product",
        REFUNDED,
        "int_touched_products",
        text(r"'refund', ", ""),
    ),
    BrokenRule(
        "a refund's sign is kept",
        REFUNDED,
        "product_performance",
        text(r"abs\((sum\(refund_lines\.line_revenue\))\)", r"\1"),
    ),
    BrokenRule(
        "reviews that vanished stay",
        told(
            (day(12), [event("r", "product_reviewed", "11 10:00", product_id="a")]),
            (day(11), [event("r", "page_viewed", "11 10:00")]),
        ),
        "fct_reviews",
        deletes_by(),
    ),
    BrokenRule(
        "stars beyond the scale are stars",
        REVIEWED,
        "fct_reviews",
        text(r"case when stated_rating between 1 and 5 then stated_rating end", "stated_rating"),
    ),
    BrokenRule(
        "two stars are not negative",
        REVIEWED,
        "fct_reviews",
        text(r"stated_rating <= 2", "stated_rating < 2"),
    ),
    BrokenRule(
        "products of what became something else keep their counts",
        DISPLACED_KINDS,
        "product_performance",
        deletes_by(),
    ),
    BrokenRule(
        "affinity never lets an order go",
        WINDOWED,
        "product_affinity",
        text(r"interval \(4 - 1\) day", "interval (4) day"),
    ),
    BrokenRule(
        "affinity looks beyond as_of",
        WINDOWED,
        "product_affinity",
        text(
            r"(- interval \(4 - 1\) day,\s+cast\(as_of_date as timestamp\))", r"\1 + interval 1 day"
        ),
    ),
    BrokenRule(
        "large orders have pairs",
        WINDOWED,
        "product_affinity",
        text(r"product_count <= 3", "product_count > 0"),
    ),
    BrokenRule(
        "bots' orders have pairs",
        WINDOWED,
        "product_affinity",
        text(r" and not is_bot", ""),
    ),
    BrokenRule(
        "a product that is twice in an order is two",
        WINDOWED,
        "product_affinity",
        text(r"select distinct\s+order_key", "select order_key"),
    ),
    BrokenRule(
        "partners as frequent as each other in any order",
        WINDOWED,
        "product_affinity",
        text(
            r"others\.orders_with_product,\s+directed\.other_product_id",
            "directed.other_product_id desc",
        ),
    ),
    BrokenRule(
        "a product has a partner too many",
        WINDOWED,
        "product_affinity",
        text(r"counts\.rank <= 2", "counts.rank <= 3"),
    ),
    BrokenRule(
        "placements of dates that vanished stay",
        NOTHING_SHOWN,
        "impression_performance",
        deletes_by(),
    ),
    BrokenRule(
        "an array that was shown is one impression",
        told(
            (
                day(11),
                [
                    event(
                        "r",
                        "recommendation_shown",
                        "11 10:00",
                        properties=json.dumps(
                            {"products": [{"product_id": "a"}, {"product_id": "b"}]}
                        ),
                    ),
                ],
            )
        ),
        "impression_performance",
        text(r"coalesce\(lines\.line_count, 1\)", "1"),
    ),
)

"""Orders, items and refunds of the oracle: hand-made rows, values worked out from the page."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
HOUR = timedelta(hours=1)


def order(event_id, at=NOON, **columns):
    return log_row(event_id, "order_completed", at, **{"anonymous_id": "a", **columns})


def products(*items):
    return json.dumps({"products": list(items)})


def test_an_order_sent_twice_keeps_the_value_that_arrived_first_and_the_time_of_the_earliest(
    tables,
):
    (row,) = tables(
        order("1", order_id="o", revenue=Decimal(10), coupon="first"),
        order(
            "2",
            NOON - HOUR,
            order_id="o",
            revenue=Decimal(99),
            anonymous_id="b",
            arrival_date=date(2026, 3, 3),
        ),
    )["fct_orders"]
    assert (row["gross_revenue"], row["coupon"]) == (Decimal(10), "first")
    assert row["ordered_at"] == NOON - HOUR


def test_the_last_update_that_states_a_value_replaces_it(tables):
    built = tables(
        order("1", order_id="o", revenue=Decimal(10), product_id="p", quantity=Decimal(3)),
        log_row("2", "order_updated", NOON + HOUR, order_id="o", revenue=Decimal(7)),
        log_row("3", "order_updated", NOON + 2 * HOUR, order_id="o"),
        log_row("4", "order_updated", NOON, order_id="nobody's", revenue=Decimal(1)),
    )
    (row,) = built["fct_orders"]
    assert row["gross_revenue"] == Decimal(7)
    assert (row["items"], row["line_count"], built["fct_order_items"]) == (0, 0, [])


def test_line_grain_adds_lines_up_and_takes_no_update(tables):
    line = {"source": "till", "order_id": "o", "price": Decimal("2.50")}
    built = tables(
        order("1", **line, product_id="p", quantity=Decimal(2)),
        order("2", NOON + HOUR, **line, product_id="q"),
        log_row("3", "order_updated", NOON, source="till", order_id="o", revenue=Decimal(1)),
    )
    (row,) = built["fct_orders"]
    assert (row["gross_revenue"], row["items"], row["line_count"]) == (Decimal("7.50"), 3, 2)
    assert {i["ordered_at"] for i in built["fct_order_items"]} == {NOON}


def test_orders_without_an_id_are_orders_of_their_own_and_may_have_no_value(tables):
    built = tables(order("1"), order("2", revenue=Decimal(5), currency="USD"))
    assert [o["gross_revenue"] for o in built["fct_orders"]] == [None, None]
    (day,) = built["kpi_daily"]
    assert (day["orders"], day["orders_without_value"], day["aov"]) == (2, 2, None)


def test_aov_leaves_out_orders_without_value_and_counts_those_of_zero(tables):
    (day,) = tables(order("1", revenue=Decimal(9)), order("2", revenue=Decimal(0)), order("3"))[
        "kpi_daily"
    ]
    assert day["aov"] == 4.5
    assert (day["gross_revenue"], day["revenue_per_session"]) == (Decimal(9), 9.0)


def test_lines_come_from_products_only_if_it_is_a_filled_array_of_objects(tables):
    given = products({"product_id": "p", "price": 2, "quantity": 3}, {"product_id": 7})
    built = tables(
        order("1", properties=given, product_id="own"),
        order("2", properties=products(), product_id="empty"),
        order("3", properties='{"products": "p"}', product_id="text"),
        order("4", properties=products("p"), product_id="no objects"),
    )
    assert {
        (i["product_id"], i["price"], i["quantity"], i["line_number"])
        for i in built["fct_order_items"]
    } == {
        ("p", 2, 3, 1),
        ("7", None, 1, 2),
        ("empty", None, 1, 1),
        ("text", None, 1, 1),
        ("no objects", None, 1, 1),
    }


def test_refunds_are_positive_and_count_without_their_order(tables):
    def refund(event_id, **columns):
        return log_row(event_id, "order_refunded", NOON, **columns)

    built = tables(
        refund("1", order_id="o", revenue=Decimal(-4)),
        refund("2", properties=products({"price": 3, "quantity": -2}, {"quantity": 1})),
        refund("3"),
        refund("4", is_bot=True, revenue=Decimal(100)),
    )
    # |-4| = 4; |3 x -2| = 6; nothing stated: 0; the bot's is left out.
    assert {r["amount"] for r in built["fct_refunds"]} == {4, 6, None, 100}
    (day,) = built["kpi_daily"]
    assert (day["refunds"], day["net_revenue"], day["clv_to_date"]) == (10, -10, None)


def test_an_order_converts_the_session_of_its_first_event(tables):
    built = tables(
        order("1", order_id="o", revenue=Decimal(10)),
        order("2", NOON - HOUR, order_id="o", source_line=2),
        order("3", NOON + HOUR, revenue=Decimal(1)),
    )
    sessions = sorted(built["fct_sessions"], key=lambda s: s["started_at"])
    assert [(s["orders"], s["revenue"]) for s in sessions] == [(1, 10), (0, 0), (1, 1)]


def test_products_keep_the_last_that_is_known(tables):
    def viewed(event_id, at, **columns):
        return log_row(event_id, "product_viewed", at, product_id="p", **columns)

    built = tables(
        viewed("1", NOON, category="shoes", price=Decimal(5), is_bot=True),
        viewed("2", NOON + HOUR, price=Decimal(6), currency="USD", brand="b"),
        log_row("3", "product_list_viewed", NOON, product_id="q"),
    )
    (row,) = built["dim_products"]
    assert (row["category"], row["brand"], row["last_price"]) == ("shoes", "b", Decimal(5))
    assert (row["interaction_count"], row["last_seen_at"]) == (2, NOON + HOUR)

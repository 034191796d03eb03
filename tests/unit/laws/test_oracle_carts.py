"""Carts of the oracle: hand-made baskets, counted by hand, with the page's 24 hours and 7 days."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
HOUR = timedelta(hours=1)
LATER = date(2026, 3, 31)


def event(name, hours, visitor="a", **columns):
    """An event so many hours after noon; `cart_id` goes into the properties."""
    named = {"cart_id": columns.pop("cart_id")} if "cart_id" in columns else {}
    at = NOON + hours * HOUR
    return log_row(f"{name}-{visitor}-{hours}-{named}", name, at, anonymous_id=visitor,
                   **{"properties": json.dumps(named), **columns})  # fmt: skip


def put(hours, visitor="a", product="p", **columns):
    item = {"product_id": product, "price": Decimal(10), "quantity": Decimal(1)}
    return event("product_added", hours, visitor, **{**item, **columns})


def take(hours, visitor="a", product="p", **columns):
    return event("product_removed", hours, visitor, product_id=product, **columns)


def bought(hours, visitor="a", **columns):
    return event("order_completed", hours, visitor, **columns)


def states(built):
    carts = sorted(built["fct_carts"], key=lambda cart: cart["opened_at"])
    return [cart["state"] for cart in carts]


def test_a_cart_is_ordered_emptied_or_abandoned(tables):
    rows = [
        put(0, "a"), bought(24, "a"),
        put(0, "b"), put(1, "b"), take(2, "b"), take(3, "b"),
        put(0, "c"),
    ]  # fmt: skip
    built = tables(*rows, as_of=LATER)
    assert sorted(states(built)) == ["abandoned", "emptied", "ordered"]
    counts = built["cart_abandonment"][0]
    assert (counts["carts"], counts["cart_abandonment_rate"]) == (3, 1 / 3)
    assert counts["median_minutes_to_order"] == 24 * 60


def test_a_cart_is_open_until_as_of_is_a_day_after_its_last_event(tables):
    # Left on 2 March at noon: abandoned on the 3rd at noon, so from the 3rd's end on.
    for day, state in ((2, "open"), (3, "abandoned")):
        built = tables(put(0), as_of=date(2026, 3, day))
        assert states(built) == [state]
        rate = built["cart_abandonment"][0]["cart_abandonment_rate"]
        assert rate == (None if state == "open" else 1.0)
    assert states(tables(put(0))) == ["open"]


def test_an_order_recovers_within_seven_days_and_is_the_same_cart(tables):
    for hours, state in ((24 * 8, "recovered"), (24 * 8 + 0.001, "abandoned")):
        built = tables(put(0), bought(hours), as_of=LATER)
        assert states(built) == [state]
        counts = built["cart_abandonment"][0]
        assert (counts["abandoned_carts"], counts["ended_carts"]) == (1, 1)
        assert counts["cart_recovery_rate"] == (1.0 if state == "recovered" else 0.0)


def test_what_comes_after_the_end_is_another_cart(tables):
    assert states(tables(put(0), put(25), bought(26), as_of=LATER)) == ["recovered", "ordered"]
    assert states(tables(put(0), bought(1), put(2), as_of=LATER)) == ["ordered", "abandoned"]
    assert states(tables(put(0), take(1), put(2), as_of=LATER)) == ["emptied", "abandoned"]
    assert states(tables(take(0), bought(1), as_of=LATER)) == []


def test_value_is_price_by_quantity_of_what_is_in_it(tables):
    rows = [
        put(0, quantity=Decimal(3)), put(1, product="q", price=Decimal("2.50")),
        take(2, quantity=Decimal(1)), put(3, product="r", price=None),
    ]  # fmt: skip
    cart = tables(*rows, as_of=LATER)["fct_carts"][0]
    assert (cart["value"], cart["peak_value"]) == (Decimal("22.5"), Decimal("32.5"))
    assert (cart["item_count"], cart["product_count"], cart["unpriced_item_count"]) == (4, 3, 1)


def test_a_cart_id_is_a_cart_of_its_source_whoever_uses_it(tables):
    rows = [put(0, "a", cart_id="c"), put(1, "b", cart_id="c"), bought(2, "z", cart_id="c")]
    assert states(tables(*rows, as_of=LATER)) == ["ordered"]
    rows = [put(0, "a", cart_id="c"), put(1, "b", cart_id="c", source="till"), bought(2, "b")]
    assert states(tables(*rows, as_of=LATER)) == ["abandoned", "ordered"]


def test_an_order_that_names_no_cart_is_of_the_one_its_visitor_used_last(tables):
    rows = [put(0, cart_id="c1"), put(1, cart_id="c2"), put(2), bought(3)]
    assert states(tables(*rows, as_of=LATER)) == ["abandoned", "abandoned", "ordered"]
    rows = [put(0, cart_id="c1"), bought(3, cart_id="unknown to all"), put(4, cart_id="undefined")]
    assert states(tables(*rows, as_of=LATER)) == ["ordered", "abandoned"]


def test_bots_carts_stand_in_the_facts_and_in_no_mart(tables):
    built = tables(put(0), event("cart_viewed", 1, is_bot=True), as_of=LATER)
    assert [cart["is_bot"] for cart in built["fct_carts"]] == [True]
    assert built["cart_abandonment"] == []

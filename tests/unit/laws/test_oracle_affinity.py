"""Affinity of the oracle: hand-made baskets, counted by hand."""

import json
from datetime import datetime, timedelta

import pytest

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)
AS_OF = (NOON + 5 * DAY).date()


def basket(number, products, at=NOON, **columns):
    lines = [{"product_id": product} for product in products]
    return log_row(f"o{number}", "order_completed", at, order_id=str(number), anonymous_id="a",
                   properties=json.dumps({"products": lines}), **columns)  # fmt: skip


def pairs(built):
    return {(row["product_id"], row["other_product_id"]): row for row in built["product_affinity"]}


def test_support_confidence_and_lift_of_four_baskets(tables):
    rows = [basket(1, "ab"), basket(2, "abc"), basket(3, "a"), basket(4, "bb")]
    found = pairs(tables(*rows, as_of=AS_OF))
    assert found.keys() == {("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")}
    # a in 3 of 4, b in 3, both in 2; 2/3 of the orders of a, against 3/4 of all.
    row = found["a", "b"]
    assert (row["support"], row["lift"]) == (0.5, pytest.approx(8 / 9))
    assert row["confidence"] == pytest.approx(2 / 3)
    assert (found["c", "a"]["confidence"], found["a", "c"]["confidence"]) == (
        1,
        pytest.approx(1 / 3),
    )


def test_partners_are_ranked_by_orders_then_by_lift_then_by_name(tables):
    rows = [basket(1, "abcd"), basket(2, "ab"), basket(3, "c")]
    ranked = [
        row for row in tables(*rows, as_of=AS_OF)["product_affinity"] if row["product_id"] == "a"
    ]
    # d and c come once with a; c was also ordered alone.
    assert [(row["rank"], row["other_product_id"]) for row in ranked] == [
        (1, "b"),
        (2, "d"),
        (3, "c"),
    ]


def test_the_window_ends_with_as_of_and_bots_and_large_orders_are_left_out(tables):
    large = [f"p{number}" for number in range(51)]
    rows = [
        basket(1, "ab", NOON - 174 * DAY),
        basket(2, "cd", NOON - 175 * DAY),
        basket(3, "ef", NOON + 6 * DAY),
        basket(4, "gh", is_bot=True),
        basket(5, large),
    ]
    built = tables(*rows, as_of=AS_OF)
    assert pairs(built).keys() == {("a", "b"), ("b", "a")}
    assert {row["orders_in_window"] for row in built["product_affinity"]} == {1}
    assert tables(*rows)["product_affinity"] == []


def test_a_product_has_twenty_partners(tables):
    built = tables(basket(1, [f"p{number:02}" for number in range(30)]), as_of=AS_OF)
    mine = [row for row in built["product_affinity"] if row["product_id"] == "p00"]
    assert [row["other_product_id"] for row in mine] == [f"p{number:02}" for number in range(1, 21)]

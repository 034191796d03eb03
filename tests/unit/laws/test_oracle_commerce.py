"""Reviews and products of the oracle: hand-made rows, counted by hand."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)
TODAY = NOON.date()


def row(event_id, name, at=NOON, properties=None, **columns):
    given = {"anonymous_id": "a", "properties": json.dumps(properties or {}), **columns}
    return log_row(event_id, name, at, **given)


def review(event_id, rating, product_id="p", **columns):
    return row(event_id, "product_reviewed", properties={"rating": rating}, product_id=product_id,
               **columns)  # fmt: skip


def product(built, product_id, day=TODAY):
    rows = built["product_performance"]
    found = [r for r in rows if (r["product_id"], r["report_date"]) == (product_id, day)]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("stated", "rating", "is_negative"),
    [
        (1, 1, True),
        (2, 2, True),
        (2.5, Decimal("2.5"), False),
        ("5", 5, False),
        (0, None, False),
        (6, None, False),
        ("good", None, False),
        (True, None, False),
        (None, None, False),
    ],
)
def test_a_rating_is_a_number_of_one_to_five_stars(tables, stated, rating, is_negative):
    (found,) = tables(review("1", stated))["fct_reviews"]
    assert (found["rating"], found["is_negative"]) == (rating, is_negative)


def test_a_review_without_stars_is_a_review_and_no_part_of_the_average(tables):
    built = tables(review("1", 4), review("2", 1), review("3", None), review("4", 5, is_bot=True))
    assert len(built["fct_reviews"]) == 4
    found = product(built, "p")
    assert (found["reviews"], found["negative_reviews"], found["rating_sum"]) == (2, 1, 5)
    assert found["average_rating"] == 2.5


def test_an_event_counts_once_for_a_product_and_an_impression_once_an_item(tables):
    twice = {"products": [{"product_id": "p"}, {"product_id": "p"}, {"product_id": "q"}]}
    built = tables(
        row("1", "product_list_viewed", properties=twice),
        row("2", "recommendation_shown", properties=twice),
        row("3", "product_viewed", product_id="p"),
        row("4", "product_viewed", product_id="p", is_bot=True),
    )
    found = product(built, "p")
    assert (found["list_views"], found["impressions"], found["product_views"]) == (1, 2, 1)
    assert product(built, "q")["impressions"] == 1


def test_clicks_count_once_an_impression_and_each_without_one(tables):
    clicks = [
        row(str(number), "promotion_clicked", product_id="p", impression_id=impression)
        for number, impression in enumerate(("i", "i", "j", None, None))
    ]
    found = product(tables(row("s", "promotion_viewed", product_id="p"), *clicks), "p")
    # i, j, and two that name no impression; of one shown.
    assert (found["clicks"], found["impressions"], found["ctr"]) == (4, 1, 4)


def test_an_order_counts_on_the_date_of_its_first_event_with_the_lines_of_the_last_update(tables):
    built = tables(
        row("1", "order_completed", order_id="o", product_id="p", price=Decimal(5)),
        row("2", "order_updated", NOON + DAY, order_id="o",
            properties={"products": [{"product_id": "q", "price": 3, "quantity": 2}]}),
    )  # fmt: skip
    assert product(built, "p") is None
    assert product(built, "q", TODAY + DAY) is None
    found = product(built, "q")
    assert (found["orders"], found["items"], found["gross_revenue"]) == (1, 2, 6)


def test_a_line_without_a_price_adds_pieces_and_no_revenue(tables):
    found = product(tables(row("1", "order_completed", product_id="p", revenue=Decimal(9))), "p")
    assert (found["orders"], found["items"], found["gross_revenue"]) == (1, 1, 0)
    assert found["view_to_order_rate"] is None


def test_a_refund_counts_on_its_own_date_with_either_sign(tables):
    built = tables(
        row("1", "order_completed", order_id="o", product_id="p", price=Decimal(5)),
        row("2", "order_refunded", NOON + DAY, product_id="p", price=Decimal(5),
            quantity=Decimal(-1)),
    )  # fmt: skip
    assert product(built, "p")["net_revenue"] == 5
    found = product(built, "p", TODAY + DAY)
    assert (found["orders"], found["refunds"], found["net_revenue"]) == (0, 5, -5)

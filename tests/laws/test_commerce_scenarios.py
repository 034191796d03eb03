"""Products situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what moves a product's counts to another date or product. Not here: the counting
itself (`tests/unit/laws/test_oracle_commerce.py`), nor rules broken on purpose.
"""

import json
from datetime import date
from decimal import Decimal

from tests.laws.judging import outcome_by
from tests.laws.stories import Row, day, event, told

outcome = outcome_by("fct_reviews", "product_performance", "impression_performance")


def basket(event_id: str, name: str, when: str, *products: str, order_id: str = "1") -> Row:
    """An event of an order with a line a product, each of 5 euros."""
    lines = [{"product_id": product, "price": 5} for product in products]
    return event(
        event_id, name, when, order_id=order_id, properties=json.dumps({"products": lines})
    )


def counts(tables: dict[str, list[Row]], column: str) -> dict[tuple[date, str], object]:
    """A column of product_performance by date and product, where it is not 0."""
    return {
        (row["report_date"], row["product_id"]): row[column]
        for row in tables["product_performance"]
        if row[column]
    }


def test_an_update_that_arrives_late_takes_products_out_of_the_first_dates_order():
    steps = [(day(11), [basket("o", "order_completed", "11 10:00", "a", "b")])]
    assert counts(outcome(told(*steps)), "orders") == {(day(11), "a"): 1, (day(11), "b"): 1}
    steps.append((day(14), [basket("u", "order_updated", "13 10:00", "b", "c")]))
    assert counts(outcome(told(*steps)), "orders") == {(day(11), "b"): 1, (day(11), "c"): 1}


def test_an_earlier_line_that_arrives_late_moves_all_products_of_the_order():
    # The till sends a line an event.
    first = event("l", "order_completed", "13 09:00", order_id="7", product_id="a", source="till")
    second = event("k", "order_completed", "12 23:59", order_id="7", product_id="b", source="till")
    steps = [(day(13), [first])]
    assert counts(outcome(told(*steps)), "items") == {(day(13), "a"): 1}
    steps.append((day(15), [second]))
    assert counts(outcome(told(*steps)), "items") == {(day(12), "a"): 1, (day(12), "b"): 1}


def test_the_texts_of_a_line_are_trimmed_and_an_empty_one_names_no_product():
    steps = (day(11), [basket("o", "order_completed", "11 10:00", " a\t", "a", "", " ")])
    assert counts(outcome(told(steps)), "items") == {(day(11), "a"): 2}


def test_a_displaced_order_gives_its_products_and_its_date_back():
    displaced = told(
        (day(13), [
            basket("o", "order_completed", "11 10:00", "a"),
            basket("u", "order_updated", "12 10:00", "b"),
        ]),
        (day(12), [basket("o", "order_completed", "11 10:00", "c", order_id="2")]),
    )  # fmt: skip
    assert counts(outcome(displaced), "orders") == {(day(11), "c"): 1}


def test_a_click_that_turns_out_to_be_a_copy_of_another_impression_counts_once():
    shown = [event("s", "promotion_viewed", "11 10:00", product_id="a", impression_id="i")]
    clicks = [
        event(f"c{number}", "promotion_clicked", f"11 10:0{number}", product_id="a",
              impression_id=impression)
        for number, impression in ((1, "i"), (2, "j"))
    ]  # fmt: skip
    again = dict(clicks[1], impression_id="i")
    tables = outcome(told((day(12), shown + clicks), (day(11), [again])))
    assert counts(tables, "clicks") == {(day(11), "a"): 1}
    assert counts(tables, "ctr") == {(day(11), "a"): 1.0}


def test_a_refund_of_a_bots_order_and_a_persons_count_apart():
    rows = [
        event("o", "order_completed", "11 10:00", order_id="1", product_id="a", price=Decimal(5),
              is_bot=True),
        event("r", "order_refunded", "11 11:00", order_id="1", product_id="a", price=Decimal(5)),
    ]  # fmt: skip
    tables = outcome(told((day(11), rows)))
    assert counts(tables, "orders") == {}
    assert counts(tables, "net_revenue") == {(day(11), "a"): Decimal(-5)}


def test_a_session_that_is_cut_anew_rewrites_the_session_of_its_reviews():
    rating = {"properties": json.dumps({"rating": 1})}
    rows = [event("r", "product_reviewed", "11 10:40", product_id="a", **rating)]
    alone = outcome(told((day(11), rows)))["fct_reviews"]
    steps = ((day(11), rows), (day(12), [event("v", "page_viewed", "11 10:20")]))
    (review,) = outcome(told(*steps))["fct_reviews"]
    assert review["session_id"] != alone[0]["session_id"]
    assert review["is_negative"]


def placements(tables: dict[str, list[Row]]) -> dict[tuple[object, ...], tuple[object, ...]]:
    """By date, kind and placement: viewers, impressions, clicks."""
    return {
        (row["report_date"], row["kind"], row["placement"]): (
            row["viewers"], row["impressions"], row["clicks"],
        )
        for row in tables["impression_performance"]
    }  # fmt: skip


def shown(event_id: str, name: str, when: str, visitor: str = "v", **properties: object) -> Row:
    """A promotion or recommendation, shown or clicked, of impression id `i`."""
    said = json.dumps(properties)
    return event(event_id, name, when, visitor, impression_id="i", properties=said)


def test_a_promotion_stands_by_its_id_and_a_list_by_its_own():
    two = [{"product_id": "a"}, {"product_id": "b"}]
    rows = [
        shown("p", "promotion_viewed", "11 10:00", promotion_id="sale", list_id="top"),
        shown("q", "promotion_viewed", "11 10:01", "w", promotion_id="sale"),
        shown("c", "promotion_clicked", "11 10:02", promotion_id="sale"),
        shown("d", "promotion_clicked", "11 10:03", promotion_id="sale"),
        shown("r", "recommendation_shown", "11 10:04", list_id="home", products=two),
        shown("s", "recommendation_shown", "11 10:05", placement="basket"),
        shown("t", "recommendation_clicked", "11 10:06"),
    ]
    assert placements(outcome(told((day(11), rows)))) == {
        (day(11), "promotion", "sale"): (2, 2, 1),
        (day(11), "recommendation", "home"): (1, 2, 0),
        (day(11), "recommendation", "basket"): (1, 1, 0),
        (day(11), "recommendation", "(not set)"): (0, 0, 1),
    }


def test_what_was_shown_elsewhere_leaves_its_placement():
    rows = [shown("p", "promotion_viewed", "12 10:00", promotion_id="sale")]
    moved = [shown("p", "promotion_viewed", "12 10:00", promotion_id="gift")]
    tables = outcome(told((day(13), rows), (day(12), moved)))
    assert placements(tables) == {(day(12), "promotion", "gift"): (1, 1, 0)}

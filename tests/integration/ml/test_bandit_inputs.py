"""What is known of recommendations that were shown: the view over histories by hand."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from dagster_project.model_inputs import ModelInputs
from tests.laws.compiled import models_behind
from tests.laws.model_shop import arriving, load
from tests.laws.stories import day, event
from tests.laws.warehouse import Row, Warehouse

Read = Callable[..., list[dict]]


@pytest.fixture(scope="module")
def emptied() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    warehouse.models = models_behind("ml_impressions", "ml_daily_orders")
    yield warehouse
    warehouse.con.close()


@pytest.fixture
def read(emptied) -> Iterator[Read]:
    """Load days, and read what is known on one of them; taken back afterwards."""

    def read(days: dict[date, list[Row]], as_of: date, table: str = "ml_impressions") -> list[dict]:
        for arrived, rows in days.items():
            load(emptied, arriving(arrived, rows), [arrived])
        return ModelInputs(emptied.con, 0).read(table, as_of, 30).to_pylist()

    with emptied.undone():
        yield read


def shown(key: str, when: str, product: str, visitor: str = "a", **said: object) -> Row:
    said = {"list_id": "home", "position": 1, "propensity": 0.5} | said
    known = {name: value for name, value in said.items() if value is not None}
    return event(key, "recommendation_shown", when, visitor, product_id=product,
                 impression_id=f"i{key}", properties=json.dumps(known))  # fmt: skip


def click(key: str, when: str, of: str, visitor: str = "a", **columns: object) -> Row:
    return event(key, "recommendation_clicked", when, visitor, impression_id=f"i{of}", **columns)


def order(key: str, when: str, price: int, visitor: str = "a", **columns: object) -> Row:
    columns = {"order_id": key, "product_id": "p", "quantity": Decimal(2)} | columns
    return event(key, "order_completed", when, visitor, price=Decimal(price), **columns)


def paid(rows: list[dict]) -> dict[str, tuple[bool, float]]:
    return {row["product_id"]: (row["is_clicked"], row["revenue"]) for row in rows}


def test_an_order_after_a_click_within_a_day_pays_the_product_that_was_clicked(read):
    rows = [
        shown("1", "05 10:00", "p"), shown("2", "05 10:00", "q", position=2),
        click("c", "05 10:01", "1"),
        # Before the click, of another product, of another device, and a day after the impression.
        order("o0", "05 10:00", 1), order("o1", "05 10:02", 10, product_id="q"),
        order("o2", "05 10:02", 100, visitor="b"), order("o3", "06 10:00", 1000),
        order("o4", "06 09:59", 7),
    ]  # fmt: skip
    assert paid(read({day(6): rows}, day(6))) == {"p": (True, 14.0), "q": (False, 0.0)}


def test_a_click_is_of_the_device_that_was_shown_it_and_of_the_item_of_a_list(read):
    chances = {"p": 0.25, "q": 0.5, "r": None}
    items = [
        {"product_id": name, "position": place, "propensity": chance}
        for place, (name, chance) in enumerate(chances.items(), start=1)
    ]
    rows = [
        shown("1", "05 10:00", "x", products=items),
        # By somebody else, before it, of no product and of one of the list.
        click("c0", "05 10:01", "1", visitor="b", product_id="p"),
        click("c1", "05 09:59", "1", product_id="p"),
        click("c2", "05 10:01", "1"), click("c3", "05 10:02", "1", product_id="q"),
        click("c4", "05 10:03", "1", product_id="q"),
    ]  # fmt: skip
    found = read({day(5): rows}, day(5))
    assert paid(found) == {"p": (False, 0.0), "q": (True, 0.0), "r": (False, 0.0)}
    # The event's own propensity, .5, is of none of several items.
    assert {row["product_id"]: row["propensity"] for row in found} == chances
    assert {(row["position"], row["slate_number"]) for row in found} == {(1, 1), (2, 1), (3, 1)}


def test_a_line_of_an_order_pays_its_last_click_alone(read):
    rows = [
        shown("1", "05 10:00", "p"), shown("2", "05 11:00", "p", list_id="basket"),
        click("c1", "05 10:01", "1"), click("c2", "05 11:01", "2"), order("o", "05 12:00", 5),
    ]  # fmt: skip
    found = read({day(5): rows}, day(5))
    assert {row["list_id"]: (row["is_clicked"], row["revenue"]) for row in found} == {
        "home": (True, 0.0), "basket": (True, 10.0),
    }  # fmt: skip


def test_clicks_and_orders_are_those_that_were_known(read):
    rows = {
        day(5): [shown("1", "05 10:00", "p"), click("c", "05 10:01", "1"),
                 order("o", "05 10:02", 5)],
        day(6): [event("u", "order_updated", "05 11:00", "a", order_id="o", product_id="p",
                       price=Decimal(3), quantity=Decimal(1))],
        # The order began before the click, as is known only now.
        day(7): [order("again", "05 10:00:30", 5, order_id="o")],
    }  # fmt: skip
    read(rows, day(7))
    assert [paid(read({}, day(n)))["p"] for n in (5, 6, 7)] == [
        (True, 10.0), (True, 3.0), (True, 0.0),
    ]  # fmt: skip
    daily = [read({}, day(n), "ml_daily_orders") for n in (4, 5, 6)]
    assert daily[0] == []
    for found, revenue in zip(daily[1:], (10.0, 3.0), strict=True):
        assert found == [{"event_date": day(5), "orders": 1, "gross_revenue": revenue}]


def test_slates_end_where_positions_start_again_or_somebody_pauses(read):
    rows = [
        shown("1", "05 10:00", "p"), shown("2", "05 10:00", "q", position=2),
        shown("3", "05 10:05", "r"), shown("4", "05 10:36", "s", position=2),
        shown("5", "05 10:06", "t", visitor="b"), shown("6", "05 10:06", "u", list_id="basket"),
    ]  # fmt: skip
    found = {row["product_id"]: row for row in read({day(5): rows}, day(5))}
    assert {name: row["slate_number"] for name, row in found.items()} == {
        "p": 1, "q": 1, "r": 2, "s": 3, "t": 1, "u": 1,
    }  # fmt: skip
    assert (found["t"]["visitor_id"], found["u"]["list_id"]) != (found["p"]["visitor_id"], "home")


def test_what_states_no_probability_is_counted_by_list_and_stays_in_slates_that_do(read):
    rows = [
        shown("1", "05 10:00", "p", propensity=None), shown("2", "05 10:01", "q", position=2),
        shown("3", "06 11:00", "r", propensity=None), shown("4", "05 11:00", "s", propensity=None),
        dict(shown("5", "05 12:00", "t", visitor="b"), impression_id=None),
        dict(shown("6", "05 13:00", "u"), is_bot=True),
        shown("7", "05 14:00", "v", list_id=None, placement="cart"),
    ]  # fmt: skip
    # What is logged a second time under its id was shown once.
    rows.append(dict(shown("2", "05 12:00", "q", position=2), event_id="2b"))
    found = read({day(6): rows}, day(6))
    assert {(row["product_id"], row["list_id"]): row["propensity"] for row in found} == {
        ("p", "home"): None, ("q", "home"): 0.5, ("v", "cart"): 0.5, (None, "home"): None,
    }  # fmt: skip
    (counted,) = (row for row in found if row["product_id"] is None)
    assert (counted["impressions"], counted["event_date"]) == (3, day(5))
    assert {row["impressions"] for row in found if row["product_id"]} == {1}


def test_the_favourite_category_is_that_of_the_dates_before(read):
    def act(key: str, name: str, when: str, category: str) -> Row:
        return event(key, name, when, "a", product_id="p", category=category)

    rows = [
        act("1", "product_viewed", "03 10:00", "hats"),
        act("2", "product_viewed", "03 11:00", "hats"),
        act("3", "product_added", "04 10:00", "shoes"),
        *[act(f"4{n}", "product_viewed", f"05 09:0{n}", "belts") for n in range(9)],
        shown("a", "04 12:00", "p"), shown("b", "05 12:00", "p"), shown("c", "03 12:00", "p"),
    ]  # fmt: skip
    found = read({day(5): rows}, day(5))
    # Two views against one addition, which is worth three.
    assert {row["event_date"].day: row["favourite_category"] for row in found} == {
        3: None, 4: "hats", 5: "shoes",
    }  # fmt: skip


def test_the_window_ends_on_the_partition(read):
    rows = [shown("1", "04 10:00", "p"), shown("2", "06 10:00", "q")]
    assert set(paid(read({day(4): rows}, day(4)))) == {"p"}
    assert set(paid(read({}, day(4) + timedelta(days=30)))) == {"q"}

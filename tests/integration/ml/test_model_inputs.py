"""What models read, as it was known on a date: the views of `ml_inputs` on histories by hand."""

import hashlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from dagster_project.model_inputs import ModelInputs
from tests.laws.model_shop import arriving, load
from tests.laws.stories import day, event, view
from tests.laws.warehouse import Row, Warehouse

Read = Callable[..., list[dict]]


def md5(*parts: str) -> str:
    """The hash of docs/metrics.md."""
    return hashlib.md5("\x1f".join(parts).encode()).hexdigest()


def user(name: str) -> str:
    """The person of a user id."""
    return md5("user", name)


def visitor(name: str) -> str:
    """The person of an anonymous id that is tied to nobody."""
    return md5("visitor", md5("anonymous", name))


@pytest.fixture
def warehouse():
    warehouse = Warehouse()
    yield warehouse
    warehouse.con.close()


@pytest.fixture
def read(warehouse) -> Read:
    """Load days, and read a table as of one of them."""

    def read(days: dict[date, list[Row]], table: str, as_of: date, window: int = 180) -> list[dict]:
        for arrived, rows in days.items():
            load(warehouse, arriving(arrived, rows), [arrived])
        return ModelInputs(warehouse.con, 0).read(table, as_of, window).to_pylist()

    return read


def order(key: str, when: str, who: str, product: str) -> Row:
    return event(
        key, "order_completed", when, who, order_id=key, product_id=product, price=Decimal(1)
    )


def test_interactions_are_of_the_window_and_what_was_bought_is_of_the_time_before(read):
    rows = {
        day(1): [order("old", "01 10:00", "a", "p1")],
        day(10): [event("seen", "product_viewed", "10 10:00", "a", product_id="p2")],
    }
    (seen,) = read(rows, "ml_interactions", day(10), window=5)
    assert (seen["product_id"], seen["interaction"], seen["n"]) == ("p2", "view", 1)
    (bought,) = read({}, "ml_bought", day(10), window=5)
    assert bought == {"person_id": visitor("a"), "product_id": "p1"}


def test_a_person_is_who_was_known_then(read):
    rows = {
        day(1): [order("o", "01 10:05", "a", "p2")],
        day(2): [event("seen", "product_viewed", "02 10:00", "a", product_id="p1")],
        day(3): [event("login", "login_succeeded", "03 10:00", "a", user_id="u")],
    }  # fmt: skip
    read(rows, "ml_interactions", day(3))
    for table in ("ml_interactions", "ml_bought", "ml_visitors"):
        assert {row["person_id"] for row in read({}, table, day(2), 1)} == {visitor("a")}, table
        assert {row["person_id"] for row in read({}, table, day(3), 2)} == {user("u")}, table


def test_visitors_are_those_with_a_sessionable_event_in_the_window_and_no_bots(read):
    rows = {
        day(1): [view("old", "01 10:00", "early")],
        day(9): [view("new", "09 10:00", "late"), view("bot", "09 11:00", "robot", is_bot=True),
                 event("mail", "email_sent", "09 12:00", "mailed")],
    }  # fmt: skip
    found = read(rows, "ml_visitors", day(10), window=7)
    assert [row["person_id"] for row in found] == [visitor("late")]


def test_a_log_in_is_scored_on_the_day_it_arrived(read):
    def login(key: str, when: str, **columns: object) -> Row:
        return event(key, "login_succeeded", when, "a", user_id="u", **columns)

    rows = {
        day(5): [login("first", "05 10:00")],
        day(6): [login("second", "06 10:00"), login("late", "04 10:00", device_id="d")],
        day(7): [login("third", "07 10:00")],
    }
    found = read(rows, "ml_logins", day(6))
    assert [(row["event_ts"].day, row["is_scored"]) for row in found] == [
        (4, True), (5, False), (6, True),
    ]  # fmt: skip
    assert {row["person_id"] for row in found} == {user("u")}


def test_a_days_counts_are_those_that_had_arrived(read):
    rows = {
        day(5): [view("a", "05 10:00", "a"), view("b", "05 10:01", "a")],
        day(6): [view("late", "05 11:00", "b")],
    }

    def on_the_fifth(as_of: date) -> dict[str, float]:
        found = read({}, "ml_kpi_series", as_of)
        return {row["metric"]: row["value"] for row in found if row["report_date"] == day(5)}

    read(rows, "ml_kpi_series", day(5))
    assert (on_the_fifth(day(5))["visitors"], on_the_fifth(day(5))["page_views"]) == (1, 2)
    assert (on_the_fifth(day(6))["visitors"], on_the_fifth(day(6))["page_views"]) == (2, 3)

"""What models read, as it was known on a date: the views of `ml_inputs` on histories by hand."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.integration.ml.known_rows import bought, md5, order, user, visitor
from tests.laws.stories import day, event, view
from tests.laws.warehouse import Row


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


@pytest.fixture
def countries(warehouse) -> None:
    """Two countries, each as it is written by code and by name."""
    warehouse.con.execute(
        "insert into inputs.countries values ('DE', 'DE', 'Germany'), ('Germany', 'DE', 'Germany'),"
        " ('FR', 'FR', 'France'), ('FRA', 'FR', 'France')"
    )


@pytest.mark.usefixtures("countries")
def test_a_visitor_has_a_country_and_device_a_date_as_they_were_last_told_by_then(read):
    rows = {
        day(8): [
            view("a", "08 10:00", "a", country="DE", device_type="mobile"),
            view("b", "08 11:00", "a", country="FRA"),
            view("c", "08 12:00", "a", device_type="desktop"),
            view("d", "08 10:00", "b", country="Atlantis"),
        ],
        day(9): [view("e", "09 10:00", "a"), view("late", "08 13:00", "a", country="Germany")],
    }
    read(rows, "ml_visitors", day(9))

    def of_a(as_of: date) -> list[tuple]:
        found = [row for row in read({}, "ml_visitors", as_of) if row["person_id"] == visitor("a")]
        return sorted((row["event_date"].day, row["country"], row["device_type"]) for row in found)

    assert of_a(day(8)) == [(8, "France", "desktop")]
    assert of_a(day(9)) == [(8, "Germany", "desktop"), (9, None, None)]
    (other,) = (row for row in read({}, "ml_visitors", day(8)) if row["person_id"] == visitor("b"))
    assert other["country"] is None


@pytest.mark.usefixtures("countries")
def test_a_person_of_two_devices_has_the_country_of_the_last(read):
    rows = [
        view("a", "08 10:00", "phone", user_id="u", country="DE", device_type="mobile"),
        view("b", "08 11:00", "laptop", user_id="u", country="FR"),
    ]
    (found,) = read({day(8): rows}, "ml_visitors", day(8))
    assert (found["person_id"], found["country"], found["device_type"]) == (
        user("u"), "France", "mobile",
    )  # fmt: skip


def test_a_product_has_the_category_that_was_told_last_by_then(read):
    def seen(key: str, when: str, product: str, category: str | None) -> Row:
        return event(key, "product_viewed", when, "a", product_id=product, category=category)

    rows = {
        day(1): [seen("old", "01 10:00", "p4", "shoes")],
        day(8): [seen("a", "08 10:00", "p1", "shoes"), seen("b", "08 11:00", "p1", "hats"),
                 seen("c", "08 12:00", "p1", None), seen("d", "08 10:00", "p2", None)],
        day(9): [seen("late", "08 13:00", "p1", "gloves")],
    }  # fmt: skip
    read(rows, "ml_products", day(9))
    assert read({}, "ml_products", day(8), 3) == [{"product_id": "p1", "category": "hats"}]
    assert read({}, "ml_products", day(9), 3) == [{"product_id": "p1", "category": "gloves"}]


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


def test_a_log_in_is_as_many_as_its_line_says_and_one_where_it_says_nothing(read):
    said = {"a": {"occurrences": 5}, "b": {}, "c": {"occurrences": "many"}}
    rows = [
        event(key, "login_failed", f"05 10:0{number}", None, user_id="u",
              properties=json.dumps(properties))
        for number, (key, properties) in enumerate(said.items())
    ]  # fmt: skip
    found = read({day(5): rows}, "ml_logins", day(5))
    assert [row["occurrences"] for row in found] == [5, 1, 1]


def test_a_file_lies_in_its_folder_and_is_itself_where_it_has_none(read):
    def access(key: str, name: str, **properties: str) -> Row:
        return event(key, name, "05 10:00", None, user_id="u", device_id="pc",
                     properties=json.dumps(properties))  # fmt: skip

    rows = [
        access("a", "file_accessed", file_path="/finance/2026/a.xlsx"),
        access("b", "file_downloaded", file_path="C:\\share\\b.doc", file_id="7"),
        access("c", "file_access_denied", file_path="/top.txt"),
        access("d", "file_accessed", file_path="bare.txt"),
        access("e", "file_accessed", file_id="7"),
        access("f", "file_accessed"),
    ]
    found = read({day(5): rows}, "ml_file_accesses", day(5))
    key = {md5("web", row["event_id"], str(day(5))): row["event_id"] for row in rows}
    assert {key.get(row["event_key"], row["event_key"]): row["place"] for row in found} == {
        "a": "/finance/2026", "b": "C:/share", "c": "/", "d": "bare.txt", "e": "7", "f": None,
    }  # fmt: skip
    assert sum(row["is_download"] for row in found) == sum(row["is_denied"] for row in found) == 1
    assert {(row["person_id"], row["device"], row["is_scored"]) for row in found} == {
        (user("u"), "pc", True)
    }


def read_through(who: str, first: str, **columns: object) -> list[Row]:
    """Five pages from a minute on, each two seconds longer than the last; one is seen twice."""
    seen = [(0, "/a"), (2, "/b"), (6, "/c"), (12, "/a"), (20, "/d")]
    return [
        view(f"{who}{n}", f"{first}:{second:02}", who, page_path=path, **columns)
        for n, (second, path) in enumerate(seen)
    ]


def test_sessions_are_what_was_read_and_are_scored_when_some_of_it_arrives(read, warehouse):
    rows = {
        day(4): [*read_through("a", "04 10:00"), *read_through("robot", "04 11:00", is_bot=True)],
        day(5): [
            *read_through("b", "05 10:00", device_type="tv"),
            event("cart", "product_added", "05 10:01", "b", product_id="p"),
            event("ping", "page_pinged", "05 10:02", "b"),
            event("shown", "promotion_viewed", "05 10:02", "b"),
            # Too few, and a second session of products, which do not count beside pages.
            *(view(f"c{n}", f"05 10:0{n}", "c") for n in range(3)),
            *(event(f"d{n}", "product_viewed", f"05 12:0{n}", "b", product_id=f"p{n}")
              for n in range(5)),
            *(event(f"e{n}", "product_viewed", f"05 12:0{n}", "e", product_id="p")
              for n in range(4)),
        ],
        day(6): [view("late", "04 10:03", "a", page_path="/e")],
        day(7): [event("login", "login_succeeded", "07 10:00", "b", user_id="u")],
    }  # fmt: skip
    warehouse.take_any_pace()
    read(rows, "ml_sessions", day(7))

    def on(as_of: date) -> dict[tuple[str, int], dict]:
        found = read({}, "ml_sessions", as_of, 7)
        key = {md5("web", row["event_id"], str(row["event_ts"].date())): row["event_id"]
               for some in rows.values() for row in some}  # fmt: skip
        return {key[row["event_key"]]: row for row in found}

    found = on(day(5))
    assert {name: row["is_scored"] for name, row in found.items()} == {
        "a0": False, "robot0": False, "b0": True, "e0": True,
    }  # fmt: skip
    b = found["b0"]
    assert (b["views"], b["places"], b["acts"], b["device_type"]) == (5, 4, 1, "tv")
    # Gaps of 2, 4, 6 and 8 seconds.
    assert (b["gap_low_s"], b["gap_s"], b["gap_high_s"]) == (3.5, 5.0, 6.5)
    assert (b["person_id"], found["a0"]["person_id"]) == (visitor("b"), None)
    assert len(b["view_event_keys"]) == 5
    assert b["view_event_keys"][0] == b["event_key"]
    assert (found["e0"]["views"], found["e0"]["places"]) == (4, 1)
    assert [found[name]["is_bot"] for name in ("a0", "robot0")] == [False, True]
    in_core = "select session_id from core.fct_events where event_key = ?"
    assert warehouse.con.execute(in_core, [b["event_key"]]).fetchall() == [(b["session_id"],)]
    # An event that came late makes its session one to be scored; who b is came later still.
    late = on(day(6))
    assert {name for name, row in late.items() if row["is_scored"]} == {"a0"}
    assert (late["a0"]["views"], found["a0"]["views"]) == (6, 5)


def test_an_order_is_worth_what_was_known_and_counts_by_its_first_event(read):
    rows = {
        day(3): [bought("o", "03 10:00", 20)],
        # An update, and then the same order again, which began earlier than it was known to.
        day(4): [event("u", "order_updated", "04 10:00", "a", order_id="o", revenue=Decimal(15),
                       currency="EUR")],
        day(5): [bought("again", "02 10:00", 99), order("p", "05 10:00", "b", "p1")],
    }  # fmt: skip
    read(rows, "ml_order_dates", day(5))
    mine = {"person_id": visitor("a")}
    assert read({}, "ml_order_dates", day(2)) == []
    assert read({}, "ml_order_dates", day(3)) == [{**mine, "order_date": day(3), "value": 20}]
    assert read({}, "ml_order_dates", day(4)) == [{**mine, "order_date": day(3), "value": 15}]
    found = sorted(read({}, "ml_order_dates", day(5)), key=lambda row: row["order_date"])
    assert found[0] == {**mine, "order_date": day(2), "value": 15}
    assert found[1]["order_date"] == day(5)


def test_features_end_with_the_cut_and_outcomes_begin_after_it(read):
    def add(key: str, when: str) -> Row:
        return event(key, "product_added", when, "a", product_id="p1")

    rows = {
        day(2): [view("v", "02 10:00", "a")],
        day(9): [add("c", "09 23:59")],
        day(10): [order("o", "10 00:00", "a", "p1")],
        day(16): [view("w", "16 10:00", "b")],
    }
    read(rows, "ml_purchase_examples", day(16))

    def at(as_of: date) -> dict[tuple[int, str], dict]:
        found = read({}, "ml_purchase_examples", as_of)
        return {(row["cut_date"].day, row["person_id"]): row for row in found}

    seen, a, b = at(day(16)), visitor("a"), visitor("b")
    # Cuts of the 16th, 9th and 2nd; nobody was seen by those before.
    assert set(seen) == {(16, a), (16, b), (9, a), (2, a)}
    assert [seen[cut, a]["ordered"] for cut in (16, 9, 2)] == [None, True, False]
    names = ("days_since_seen", "active_days_7", "active_days_30", "cart_adds_7", "cart_adds_30",
             "days_since_cart_add", "order_days_30", "days_since_order")  # fmt: skip
    # The order of the 10th is 6 days before the 16th, the cart addition of the 9th 7 days: not of
    # the week up to it, but of the one up to the 9th, to which the order of the 10th is unknown.
    assert [seen[16, a][name] for name in names] == [6, 1, 3, 0, 1, 7, 1, 6]
    assert [seen[9, a][name] for name in names] == [0, 1, 2, 1, 1, 0, 0, 30]
    assert [seen[2, a][name] for name in names] == [0, 1, 1, 0, 0, 30, 0, 30]


def test_an_order_that_arrives_late_is_no_outcome_before(read):
    rows = {
        day(9): [view("v", "09 10:00", "a")],
        day(17): [order("o", "12 10:00", "a", "p1"), view("w", "17 10:00", "a")],
    }
    read(rows, "ml_purchase_examples", day(17))

    def outcome(as_of: date) -> list[bool | None]:
        found = read({}, "ml_purchase_examples", as_of)
        return [row["ordered"] for row in found if row["cut_date"] == as_of - timedelta(days=7)]

    assert outcome(day(16)) == [False]
    # A cut of the 10th, to which the order of the 12th is to come.
    assert outcome(day(17)) == [True]


def look(key: str, when: str, product: str, who: str = "a", **columns) -> Row:
    return event(key, "product_viewed", when, who, product_id=product, **columns)


def test_product_steps_are_of_one_visit_over_up_to_three_products(read):
    rows = [
        # p and p again are one look; r is four products after the first p.
        look("1", "10 10:00", "p"), look("2", "10 10:01", "p"), look("3", "10 10:02", "q"),
        look("4", "10 10:03", "s"), look("5", "10 10:04", "p"), look("6", "10 10:05", "r"),
        # Half an hour is no pause yet, a microsecond more is.
        look("7", "10 10:35", "t"), look("8", "10 11:05:00.000001", "u"),
        # A visit over midnight is of the date of its first look; a bot makes none.
        look("9", "10 23:50", "x", "b"), look("10", "11 00:10", "y", "b"),
        look("11", "10 12:00", "x", "c", is_bot=True), look("12", "10 12:01", "z", "c"),
    ]  # fmt: skip
    found = read({day(11): rows}, "ml_product_steps", day(11))
    assert {one.pop("n") for one in found} == {1}
    assert {(one["event_date"].day, *list(one.values())[1:]) for one in found} == {
        (10, "p", "q", 1), (10, "p", "s", 2), (10, "q", "s", 1), (10, "q", "p", 2),
        (10, "q", "r", 3), (10, "s", "p", 1), (10, "s", "r", 2), (10, "s", "t", 3),
        (10, "p", "r", 1), (10, "p", "t", 2), (10, "r", "t", 1), (10, "x", "y", 1),
    }  # fmt: skip

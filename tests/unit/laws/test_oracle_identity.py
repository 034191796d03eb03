"""Identity of the oracle: hand-made rows, intervals worked out from docs/metrics.md."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
HOUR = timedelta(hours=1)
BEGINNING, END = datetime(1900, 1, 1), datetime(9999, 12, 31)


def md5(*parts):
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


A = md5("anonymous", "a")
OWN = md5("visitor", A)


def person(user):
    return md5("user", user)


def login(event_id, at, user, **columns):
    return log_row(event_id, "login_succeeded", at, anonymous_id="a", user_id=user, **columns)


def logout(event_id, at, user):
    return log_row(event_id, "logged_out", at, anonymous_id="a", user_id=user)


def intervals(built):
    rows = sorted(built["map_visitor_person"], key=lambda r: r["valid_from"])
    return [(r["valid_from"], r["valid_to"], r["person_id"]) for r in rows]


def test_another_user_ends_a_tie_and_the_first_reaches_back(tables):
    built = tables(
        login("1", NOON, "u"),
        login("2", NOON + HOUR, "u"),
        login("3", NOON + 2 * HOUR, "v"),
        log_row("4", "page_viewed", NOON - HOUR, anonymous_id="a"),
        log_row("5", "page_viewed", NOON + 2 * HOUR, anonymous_id="a"),
    )
    switch = NOON + 2 * HOUR
    assert intervals(built) == [(BEGINNING, switch, person("u")), (switch, END, person("v"))]
    evidence = [r["evidence_event_key"] for r in built["map_visitor_person"]]
    assert evidence == [md5("web", n, "2026-03-02") for n in "13"]
    # u has events 1, 2, 4; v has 3, 5 (the switch is inclusive).
    assert {p["user_id"]: p["event_count"] for p in built["dim_persons"]} == {"u": 3, "v": 2}


def test_logout_leaves_the_visitor_its_own_until_the_next_login(tables):
    built = tables(
        login("1", NOON, "u"), logout("2", NOON + HOUR, "u"), login("3", NOON + 3 * HOUR, "u")
    )
    assert intervals(built) == [
        (BEGINNING, NOON + HOUR, person("u")),
        (NOON + HOUR, NOON + 3 * HOUR, OWN),
        (NOON + 3 * HOUR, END, person("u")),
    ]


def test_a_tie_of_no_length_is_dropped_and_its_neighbours_of_one_user_join(tables):
    # At NOON + HOUR u and v log in at once; whichever is first by key, v holds from there only if
    # it is last. Ids are searched so that v comes first: u, v, u at one instant.
    at = NOON + HOUR
    keys = sorted("23456789", key=lambda n: md5("web", n, "2026-03-02"))
    built = tables(login("1", NOON, "u"), login(keys[0], at, "v"), login(keys[1], at, "u"))
    assert intervals(built) == [(BEGINNING, END, person("u"))]
    assert built["map_visitor_person"][0]["evidence_event_key"] == md5("web", "1", "2026-03-02")
    swapped = tables(login("1", NOON, "u"), login(keys[0], at, "u"), login(keys[1], at, "v"))
    assert intervals(swapped) == [(BEGINNING, at, person("u")), (at, END, person("v"))]


def test_a_visitor_with_more_than_five_users_is_nobodys_before_its_first_login(tables):
    def users(count):
        return [login(str(n), NOON + n * HOUR, f"u{n}") for n in range(count)]

    assert intervals(tables(*users(5)))[0] == (BEGINNING, NOON + HOUR, person("u0"))
    assert intervals(tables(*users(6)))[0] == (BEGINNING, NOON, OWN)


def test_a_visitor_known_by_user_id_alone_is_that_users_for_all_time(tables):
    built = tables(log_row("1", "email_sent", NOON, user_id="u"))
    assert intervals(built) == [(BEGINNING, END, person("u"))]
    assert built["map_visitor_person"][0]["evidence_event_key"] is None


def test_an_events_own_user_wins_and_no_identifier_means_no_person(tables):
    built = tables(
        log_row("1", "page_viewed", NOON, anonymous_id="a"),
        log_row("2", "page_viewed", NOON),
    )
    (row,) = built["dim_persons"]
    assert (row["person_id"], row["is_known"], row["user_id"]) == (OWN, False, None)


def test_a_refund_without_visitor_is_its_orders_persons(tables):
    built = tables(
        log_row("1", "order_completed", NOON, anonymous_id="a", order_id="o", revenue=Decimal(10)),
        login("2", NOON + HOUR, "u"),
        log_row("3", "order_refunded", NOON + HOUR, order_id="o", revenue=Decimal(3)),
        log_row("4", "order_refunded", NOON + HOUR, order_id="o", user_id="v", revenue=Decimal(1)),
    )
    money = {c["user_id"]: (c["gross_revenue"], c["refunds"]) for c in built["customer_360"]}
    assert money == {"u": (10, 3), "v": (0, 1)}

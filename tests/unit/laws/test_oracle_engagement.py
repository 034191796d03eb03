"""Log-ins, searches and content of the oracle: hand-made rows, counted by hand."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
MINUTE = timedelta(minutes=1)


def row(name, minute, properties=None, **columns):
    given = {"anonymous_id": "a", "properties": json.dumps(properties or {}), **columns}
    return log_row(f"{name}-{minute}", name, NOON + minute * MINUTE, **given)


def search(minute, query, hits=None, **columns):
    return row("products_searched", minute, {"query": query, "result_count": hits}, **columns)


def order(minute, order_id, revenue, **columns):
    return row("order_completed", minute, order_id=order_id, revenue=Decimal(revenue), **columns)


def by_query(built):
    return {found["query"]: found for found in built["search_performance"]}


def test_what_a_session_does_counts_for_its_last_search_before(tables):
    found = by_query(
        tables(
            row("product_viewed", 0, product_id="p"),
            search(1, "Hat"),
            search(2, " red\t HAT "),
            row("product_clicked", 3, product_id="p"),
            order(4, "1", 10),
            order(5, "2", 5),
        )
    )
    hat, red = found["hat"], found["red hat"]
    assert (hat["searches_with_click"], hat["orders"], hat["search_order_rate"]) == (0, 0, 0)
    assert (red["searches_with_click"], red["orders"], red["gross_revenue"]) == (1, 2, 15)
    # Two orders after one search.
    assert (red["searches_with_order"], red["search_order_rate"]) == (1, 1)


def test_another_session_and_bots_are_nothing_that_a_search_led_to(tables):
    found = by_query(
        tables(
            search(0, "hat"),
            order(1, "1", 10, is_bot=True),
            row("product_viewed", 2, product_id="p", is_bot=True),
            order(40, "2", 10),
            search(41, "bot", is_bot=True),
        )
    )
    assert found.keys() == {"hat"}
    assert (found["hat"]["searches_with_click"], found["hat"]["orders"]) == (0, 0)


def test_an_order_counts_where_its_first_event_lies(tables):
    built = tables(search(0, "hat"), order(1, "1", 10), search(2, "bag"), order(3, "1", 10))
    found = by_query(built)
    assert (found["hat"]["orders"], found["bag"]["orders"]) == (1, 0)


def test_searches_without_hits_are_a_share_of_those_whose_hits_are_known(tables):
    hits = (0, 3, "1", None, -1, "many")
    found = by_query(tables(*(search(number, "hat", one) for number, one in enumerate(hits))))
    hat = found["hat"]
    assert (hat["searches"], hat["searches_with_result_count"], hat["results_shown"]) == (6, 3, 4)
    assert hat["zero_result_share"] == pytest.approx(1 / 3)
    assert hat["average_results"] == pytest.approx(4 / 3)


def test_a_search_for_nothing_is_not_set(tables):
    found = by_query(
        tables(*(search(number, query) for number, query in enumerate(("", " ", None))))
    )
    assert {query: one["searches"] for query, one in found.items()} == {"(not set)": 3}


def content(name, minute, content_id="c", **properties):
    return row(f"content_{name}", minute, {"content_id": content_id, **properties})


def test_a_view_is_what_one_session_does_with_one_piece(tables):
    views = tables(
        content("started", 0, duration_s=300),
        content("started", 1, "other"),
        content("progressed", 2, progress_pct=25, content_type="video"),
        content("progressed", 3, progress_pct="50"),
        content("progressed", 40, progress_pct=75),
    )["fct_content_views"]
    found = {(view["content_id"], view["started_at"]): view for view in views}
    first = found["c", NOON]
    assert (first["share_seen"], first["dwell_s"], first["duration_s"]) == (0.5, 180, 300)
    assert (first["event_count"], first["content_type"], first["is_completed"]) == (
        3,
        "video",
        False,
    )
    other = found["other", NOON + MINUTE]
    assert (other["share_seen"], other["dwell_s"], other["event_count"]) == (None, None, 1)
    assert found["c", NOON + 40 * MINUTE]["share_seen"] == 0.75


@pytest.mark.parametrize(
    "last", [content("completed", 1), content("progressed", 1, progress_pct=100)], ids=["by", "at"]
)
def test_a_completed_view_has_seen_all(tables, last):
    (view,) = tables(content("progressed", 0, progress_pct=10), last)["fct_content_views"]
    assert (view["is_completed"], view["share_seen"]) == (True, 1)


def test_averages_of_content_are_over_the_views_that_tell(tables):
    rows = [content("started", 0), content("completed", 2), content("started", 100)]
    (found,) = tables(*rows)["content_engagement"]
    assert (found["content_views"], found["content_visitors"], found["completions"]) == (2, 1, 1)
    assert (found["completion_rate"], found["average_share_seen"]) == (0.5, 1)
    assert (found["views_with_dwell"], found["average_dwell_s"]) == (1, 120)


def test_log_ins_say_how_and_why_not(tables):
    rows = [
        row(
            "login_failed",
            0,
            {"method": "password", "failure_reason": "wrong", "occurrences": 5},
            user_id="u",
        ),
        row("login_succeeded", 1, {"method": "sso", "is_mfa": True}, user_id="u"),
        row("password_changed", 2, user_id="u", ip_truncated="10.0.0.0", country="DE"),
        row("page_viewed", 3),
    ]
    found = {one["action"]: one for one in tables(*rows)["fct_auth_events"]}
    assert found.keys() == {"login_failed", "login", "password_change"}
    assert (found["login_failed"]["failure_reason"], found["login_failed"]["is_mfa"]) == (
        "wrong",
        None,
    )
    assert (found["login"]["method"], found["login"]["is_mfa"]) == ("sso", True)
    assert (found["login_failed"]["occurrences"], found["login"]["occurrences"]) == (5, 1)
    assert (found["password_change"]["ip_truncated"], found["password_change"]["country"]) == (
        "10.0.0.0",
        "DE",
    )

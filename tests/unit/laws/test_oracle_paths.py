"""Transitions of the oracle: hand-made sessions, counted by hand."""

from datetime import date, datetime, timedelta

import pytest

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)


def did(name, seconds, visitor="a", **columns):
    when = NOON + timedelta(seconds=seconds)
    return log_row(f"{visitor}{seconds}", name, when, anonymous_id=visitor, **columns)


def steps(built):
    return {
        (row["state"], row["next_state"]): (row["count"], row["median_seconds"])
        for row in built["behaviour_transitions"]
    }


def test_each_session_goes_from_start_to_exit(tables):
    view, add = "product_viewed", "product_added"
    rows = [
        did(view, 0), did(view, 10), did(add, 40),
        did(view, 0, "b"), did(add, 60, "b"), did("page_viewed", 5, "c"),
    ]  # fmt: skip
    built = tables(*rows)
    assert steps(built) == {
        ("(start)", view): (2, None),
        ("(start)", "page_viewed"): (1, None),
        (view, view): (1, 10.0),
        (view, add): (2, 45.0),
        (add, "(exit)"): (2, None),
        ("page_viewed", "(exit)"): (1, None),
    }
    shares = {
        (row["state"], row["next_state"]): row["probability"]
        for row in built["behaviour_transitions"]
    }
    assert shares[view, add] == pytest.approx(2 / 3)
    assert shares["(start)", view] == pytest.approx(2 / 3)
    assert {row["report_month"] for row in built["behaviour_transitions"]} == {date(2026, 3, 1)}


def test_a_gap_ends_a_walk_and_the_month_is_that_of_its_beginning(tables):
    night = datetime(2026, 3, 31, 23, 50)
    rows = [
        log_row(str(minutes), "page_viewed", night + timedelta(minutes=minutes), anonymous_id="a")
        for minutes in (0, 20, 51)
    ]
    built = tables(*rows)
    found = {
        (row["report_month"].month, row["state"], row["next_state"]): row["count"]
        for row in built["behaviour_transitions"]
    }
    assert found == {
        (3, "(start)", "page_viewed"): 1,
        (3, "page_viewed", "page_viewed"): 1,
        (3, "page_viewed", "(exit)"): 1,
        (4, "(start)", "page_viewed"): 1,
        (4, "page_viewed", "(exit)"): 1,
    }


def test_equal_times_go_by_key_and_bots_and_back_offices_go_nowhere(tables):
    rows = [
        did("page_viewed", 0),
        log_row("same", "product_viewed", NOON, anonymous_id="a"),
        did("email_sent", 5),
        did("page_viewed", 0, "bot", is_bot=True),
        did("page_viewed", 9, "bot"),
    ]
    built = tables(*rows)
    first, second = (
        event["event_name"]
        for event in sorted(
            (one for one in built["fct_events"] if one["event_ts"] == NOON and not one["is_bot"]),
            key=lambda one: one["event_key"],
        )
    )
    assert steps(built) == {
        ("(start)", first): (1, None),
        (first, second): (1, 0.0),
        (second, "(exit)"): (1, None),
    }

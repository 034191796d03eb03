"""Pages situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what ends a page view, and which date it counts on. Not here: rules broken on purpose.
"""

from datetime import date

from tests.laws.broken_page_rules import (
    JOINED_PAGES,
    LATE_PAGE,
    PAST_MIDNIGHT,
    THREE_DATES,
    ping,
)
from tests.laws.judging import outcome_by
from tests.laws.stories import Row, day, event, killed, told, view

outcome = outcome_by("fct_page_views", "page_engagement")


def seen(tables: dict[str, list[Row]]) -> dict[object, tuple[object, ...]]:
    """Of each page view by its path: number, dwell, engaged seconds, depth."""
    names = ("view_number", "dwell_s", "engaged_s", "scroll_depth_pct")
    return {
        row["page_path"]: tuple(row[name] for name in names) for row in tables["fct_page_views"]
    }


def pages(tables: dict[str, list[Row]], *names: str) -> dict[tuple[date, str], tuple[object, ...]]:
    """Columns of page_engagement by date and page."""
    return {
        (row["report_date"], row["page_path"]): tuple(row[name] for name in names)
        for row in tables["page_engagement"]
    }


def test_a_page_stays_until_the_next_one_or_the_last_thing_that_happens():
    rows = [
        view("a", "11 10:00", page_path="/a"),
        ping("p", "11 10:00", scroll_depth_pct=20),
        ping("q", "11 10:01", scroll_depth_pct=60),
        event("e", "product_clicked", "11 10:02", page_path="/a"),
        view("b", "11 10:05", page_path="/b"),
        ping("r", "11 10:06", "/b", scroll_depth_pct=-1),
        view("c", "12 10:00", page_path="/c"),
    ]
    assert seen(outcome(told((day(12), rows)))) == {
        # Pinged in two spans of ten seconds.
        "/a": (1, 300, 15, 60),
        "/b": (2, 60, 5, None),
        "/c": (1, None, None, None),
    }


def test_sessions_begin_and_end_with_pages_and_bounce_where_there_is_one_alone():
    rows = [
        view("a", "11 10:00", page_path="/a"), view("b", "11 10:05", page_path="/b"),
        view("c", "11 11:00", "w", page_path="/a"), view("d", "11 12:00", "x"),
    ]  # fmt: skip
    names = ("page_views", "page_visitors", "entrances", "bounces", "exits")
    assert pages(outcome(told((day(11), rows))), *names) == {
        (day(11), "/a"): (2, 2, 2, 1, 1),
        (day(11), "/b"): (1, 1, 0, 0, 1),
        (day(11), "(not set)"): (1, 1, 0, 0, 0),
    }
    ratios = ("entrance_bounce_rate", "exit_rate", "average_page_dwell_s")
    assert pages(outcome(told((day(11), rows))), *ratios)[day(11), "/a"] == (0.5, 0.5, 300)


def test_a_page_that_arrives_late_ends_the_one_before_it():
    assert seen(outcome(LATE_PAGE)) == {"/a": (1, 1200, None, None), "/b": (2, 300, 5, None)}
    for share in (0.6, 0.8, 0.95):
        assert seen(outcome(killed(LATE_PAGE, 1, share)))["/a"][1] == 1200, share


def test_pages_of_two_sessions_that_a_late_view_joins_and_a_later_copy_parts():
    assert seen(outcome(JOINED_PAGES)) == {
        "/a": (1, None, None, None), "/b": (1, None, None, None), "/m": (1, None, None, None),
    }  # fmt: skip


def test_what_happens_after_midnight_counts_for_the_page_of_the_day_before():
    found = pages(outcome(PAST_MIDNIGHT), "page_views", "dwell_s_sum", "engaged_s_sum", "exits")
    assert found == {(day(11), "/a"): (1, 1200, 5, 1)}


def test_what_happens_on_the_third_date_of_a_session_counts_for_the_page_of_the_second():
    found = pages(outcome(THREE_DATES), "page_views", "dwell_s_sum")
    assert found[date(2026, 3, 29), "/a"] == (1, 36_600)


def test_a_view_of_nobody_has_no_session_and_a_machines_none_in_the_mart():
    rows = [
        view("a", "11 10:00", None, page_path="/a"),
        view("b", "11 10:01", "bot", page_path="/b", is_bot=True),
    ]
    tables = outcome(told((day(11), rows)))
    assert seen(tables)["/a"] == (None, None, None, None)
    assert pages(tables, "page_views", "page_visitors", "entrances") == {(day(11), "/a"): (1, 0, 0)}

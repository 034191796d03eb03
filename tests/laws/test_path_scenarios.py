"""Paths situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what late data does to transitions and paths. Not here: the counting itself
(`tests/unit/laws/test_oracle_paths.py`), nor rules broken on purpose.
"""

from datetime import date

from tests.laws.judging import outcome_by
from tests.laws.stories import day, event, killed, told, view

outcome = outcome_by("behaviour_transitions", "top_paths", "int_transition_days", "int_path_days")

Row = dict[str, object]


def steps(tables: dict[str, list[Row]], month: date) -> dict[tuple[object, object], object]:
    """State and next state of a month -> count."""
    return {
        (row["state"], row["next_state"]): row["count"]
        for row in tables["behaviour_transitions"]
        if row["report_month"] == month
    }


def paths(tables: dict[str, list[Row]]) -> dict[object, object]:
    """Path -> sessions."""
    return {row["path"]: row["sessions"] for row in tables["top_paths"]}


def test_a_late_event_in_between_takes_the_step_apart():
    history = told(
        (day(12), [view("a", "11 10:00"), event("c", "product_added", "11 10:20")]),
        (day(13), [event("b", "product_viewed", "11 10:10")]),
    )
    for one in (history, killed(history, 1, 0.6)):
        tables = outcome(one)
        assert paths(tables) == {"page_viewed > product_viewed > product_added": 1}
        assert ("page_viewed", "product_added") not in steps(tables, date(2026, 5, 1))


def test_a_late_event_that_joins_two_sessions_moves_one_into_the_month_before():
    end = date(2026, 5, 31)
    history = told(
        (date(2026, 6, 1), [view("a", "31 23:40"), row_of_june("b", 20)]),
        (date(2026, 6, 2), [view("between", "31 23:58")]),
    )
    tables = outcome(history)
    assert steps(tables, date(2026, 6, 1)) == {}
    assert steps(tables, end.replace(day=1)) == {
        ("(start)", "page_viewed"): 1,
        ("page_viewed", "page_viewed"): 2,
        ("page_viewed", "(exit)"): 1,
    }
    assert paths(tables) == {"page_viewed": 1}


def test_a_run_killed_once_sessions_have_moved_is_mended_by_the_next():
    """The dates that sessions left can be told from events alone by then."""
    history = told(
        (day(12), [view("a", "11 23:40"), event("b", "product_viewed", "12 00:20")]),
        (day(13), [event("between", "product_added", "11 23:58")]),
    )
    for share in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        tables = outcome(killed(history, 1, share))
        assert paths(tables) == {"page_viewed > product_added > product_viewed": 1}, share
        assert ("(start)", "product_viewed") not in steps(tables, date(2026, 5, 1)), share


def row_of_june(event_id: str, minutes: int) -> Row:
    """A page view in the first hour of June."""
    row = view(event_id, "31 23:00")
    row["event_ts"] = row["event_ts"].replace(month=6, day=1, hour=0, minute=minutes)
    return row


def test_a_session_that_turns_out_to_be_a_bots_walks_no_more():
    tables = outcome(
        told(
            (day(11), [view("a", "11 10:00"), view("b", "11 10:05"), view("o", "11 11:00", "w")]),
            (day(12), [view("c", "11 10:06", is_bot=True)]),
        )
    )
    assert steps(tables, date(2026, 5, 1)) == {
        ("(start)", "page_viewed"): 1, ("page_viewed", "(exit)"): 1,
    }  # fmt: skip


def test_a_long_path_is_told_by_its_first_states():
    names = ["product_viewed", "product_added"] * 7
    rows = [event(str(n), name, f"11 10:{n:02d}") for n, name in enumerate(names)]
    tables = outcome(told((day(11), rows)))
    assert paths(tables) == {" > ".join([*names[:12], "…"]): 1}

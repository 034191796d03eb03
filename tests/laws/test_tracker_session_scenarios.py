"""Sessions that a source's tracker made, situation by situation: law 3, and what they are by hand.

Belongs here: `sessions: source`, which the source `app` of the laws' shop says. Not here: sessions
by the gap (`test_law3_scenarios`), nor rules broken on purpose (`broken_tracker_rules`).
"""

from datetime import timedelta

import pytest

from tests.laws.histories import History
from tests.laws.judging import outcome_by
from tests.laws.stories import Step, at, day, event, killed, told, view

outcome = outcome_by("fct_sessions", "fct_events", "fct_touchpoints")

Row = dict[str, object]


def seen(event_id: str, when: str, session: str | None = "s", **columns: object) -> Row:
    """A page view in the app, in a session of its tracker."""
    return view(event_id, when, source="app", source_session_id=session, **columns)


def sessions(*steps: Step) -> list[Row]:
    """What they are at the end, by start."""
    rows = outcome(told(*steps))["fct_sessions"]
    return sorted(rows, key=lambda row: (row["started_at"], row["session_number"]))


def spans(*steps: Step) -> list[tuple[object, ...]]:
    """The tracker's id, start, end and number of events of each session."""
    return [
        (row["source_session_id"], row["started_at"], row["ended_at"], row["event_count"])
        for row in sessions(*steps)
    ]


def test_a_pause_ends_no_session_of_the_tracker():
    rows = [seen("a", "11 10:00"), seen("b", "11 11:00"), seen("c", "11 11:10", "t")]
    (one, other) = sessions((day(11), rows))
    assert (one["started_at"], one["ended_at"]) == (at("11 10:00"), at("11 11:00"))
    assert (one["is_source_session"], one["duration_s"], one["session_number"]) == (True, 3600, 1)
    assert (other["source_session_id"], other["event_count"]) == ("t", 1)


def test_an_event_without_an_id_and_one_of_another_source_go_by_the_gap():
    rows = [
        seen("a", "11 10:00"), seen("b", "11 10:10", None),
        view("c", "11 10:20", source_session_id="s"), seen("d", "11 10:40"),
    ]  # fmt: skip
    assert spans((day(11), rows)) == [
        ("s", at("11 10:00"), at("11 10:40"), 2),
        ("s", at("11 10:10"), at("11 10:20"), 2),
    ]
    assert [row["is_source_session"] for row in sessions((day(11), rows))] == [True, False]


def test_an_id_is_one_session_of_each_visitor():
    rows = [seen("a", "11 10:00"), seen("b", "11 10:10", visitor="w")]
    assert len(sessions((day(11), rows))) == 2


def test_a_session_over_midnight_takes_what_comes_days_later():
    late = (day(20), [seen("b", "11 23:40")])
    steps = ((day(11), [seen("a", "11 22:00")]), (day(12), [seen("c", "12 01:00")]), late)
    assert spans(*steps) == [("s", at("11 22:00"), at("12 01:00"), 3)]
    assert sessions(*steps)[0]["is_late_changed"]


def test_a_session_that_goes_on_is_cut_at_each_full_day_from_its_first_event():
    microsecond = timedelta(microseconds=1)
    rows = [seen("a", "11 10:00"), seen("b", "12 09:59:59.999999"), seen("c", "12 10:00")]
    assert spans((day(11), rows[:1]), (day(12), rows[1:])) == [
        ("s", at("11 10:00"), at("12 10:00") - microsecond, 2),
        ("s", at("12 10:00"), at("12 10:00"), 1),
    ]


def test_an_earlier_first_event_moves_every_cut():
    steps = ((day(11), [seen("b", "11 10:00")]), (day(12), [seen("c", "12 09:00")]))
    assert spans(*steps) == [("s", at("11 10:00"), at("12 09:00"), 2)]
    assert spans(*steps, (day(13), [seen("a", "11 08:00")])) == [
        ("s", at("11 08:00"), at("11 10:00"), 2),
        ("s", at("12 09:00"), at("12 09:00"), 1),
    ]


def test_an_event_a_month_later_counts_from_the_first_one():
    """10:00 of the 31st is a cut's first moment, 09:59 the last minute of the cut before."""
    rows = [seen("b", "31 09:59"), seen("c", "31 10:00")]
    assert spans((day(11), [seen("a", "11 10:00")]), (day(31), rows)) == [
        ("s", at("11 10:00"), at("11 10:00"), 1),
        ("s", at("31 09:59"), at("31 09:59"), 1),
        ("s", at("31 10:00"), at("31 10:00"), 1),
    ]


def test_sessions_that_begin_together_are_numbered_and_lend_each_other_nothing():
    rows = [seen("a", "11 10:00", utm_medium="cpc"), view("b", "11 10:00")]
    tables = outcome(told((day(11), rows), (day(12), [view("c", "12 10:00")])))
    assert sorted(row["session_number"] for row in tables["fct_sessions"]) == [1, 2, 3]
    direct = [row for row in tables["fct_touchpoints"] if row["channel"] == "Direct"]
    lent = {row["started_at"]: row["last_non_direct_channel"] for row in direct}
    assert lent == {at("11 10:00"): "Direct", at("12 10:00"): "Paid Other"}


def test_an_order_counts_in_the_session_that_its_tracker_says():
    rows = [
        seen("a", "11 10:00"), view("b", "11 10:00"),
        event("o", "order_completed", "11 12:00", source="app", source_session_id="s",
              order_id="1", revenue=5),
    ]  # fmt: skip
    orders = {row["is_source_session"]: row["orders"] for row in sessions((day(11), rows))}
    assert orders == {True: 1, False: 0}


MOVED = told(
    (day(12), [seen("a", "11 10:00"), seen("e", "11 12:00"), seen("z", "12 11:00")]),
    (day(11), [seen("e", "11 12:00", "t"), seen("b", "11 09:00", "t")]),
)


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
def test_a_run_killed_while_an_event_changes_its_session_is_mended_by_the_next(share: float):
    history: History = killed(MOVED, 1, share)
    rows = outcome(history)["fct_sessions"]
    assert {(row["source_session_id"], row["event_count"]) for row in rows} == {
        ("s", 1), ("s", 1), ("t", 2),
    }  # fmt: skip

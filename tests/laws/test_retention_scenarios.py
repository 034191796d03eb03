"""Retention situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what moves a person's cohort, and what a period's end changes. Not here: the counting
itself (`tests/unit/laws/test_oracle_retention.py`), nor rules broken on purpose.

11 May 2026 is a Monday. The shop of the laws has rows for 4 days, 2 weeks and 1 month.
"""

from datetime import date

from tests.laws.judging import outcome_by
from tests.laws.stories import day, event, killed, told, view

outcome = outcome_by(
    "retention_cohorts", "int_person_cohorts", "int_cohort_activity", "customer_360", "lifecycle",
    "int_lifecycle_periods",
)  # fmt: skip

Row = dict[str, object]


def curve(
    tables: dict[str, list[Row]],
    cohort_date: date,
    *,
    cohort_type: str = "visit",
    mode: str = "bounded",
    period: str = "day",
    column: str = "retained",
) -> list[object]:
    """A column of a cohort, by offset."""
    wanted = (cohort_type, mode, period, cohort_date)
    found = {
        row["offset"]: row[column]
        for row in tables["retention_cohorts"]
        if (row["cohort_type"], row["mode"], row["period"], row["cohort_date"]) == wanted
    }
    assert sorted(found) == list(range(len(found)))
    return [found[offset] for offset in range(len(found))]


def test_a_period_becomes_complete_without_any_event():
    rows = [view("a", "11 10:00"), view("b", "12 10:00")]
    for last, complete in ((11, [True, False]), (12, [True, True]), (13, [True, True, True])):
        quiet = [(day(number), []) for number in range(12, last + 1)]
        tables = outcome(told((day(11), rows), *quiet))
        assert curve(tables, day(11), column="is_complete") == complete, last
        assert curve(tables, day(11))[:2] == [1, 1]
    weeks = [curve(outcome(told((day(11), rows), (day(last), []))), day(11), period="week",
                   column="is_complete") for last in (16, 17)]  # fmt: skip
    assert weeks == [[False], [True]]


def test_an_earlier_visit_that_arrives_late_moves_the_person_in_all_periods():
    steps = ((day(13), [view("b", "13 10:00")]), (day(14), [view("c", "14 10:00")]))
    tables = outcome(told(*steps))
    assert curve(tables, day(13)) == [1, 1]
    tables = outcome(told(*steps, (day(15), [view("a", "11 10:00")])))
    assert curve(tables, day(13)) == []
    assert curve(tables, day(11)) == [1, 0, 1, 1, 0]


def test_a_log_in_joins_two_pasts_in_the_older_ones_cohort():
    rows = [view("a", "11 10:00"), view("b", "13 10:00", "w"), view("c", "14 10:00", "w")]
    ties = [
        event("l", "login_succeeded", "15 10:00", user_id="u"),
        event("m", "login_succeeded", "15 10:00", "w", user_id="u"),
    ]
    tables = outcome(told((day(14), rows)))
    assert (curve(tables, day(11)), curve(tables, day(13))) == ([1, 0, 0, 0], [1, 1])
    tables = outcome(told((day(14), rows), (day(15), ties)))
    assert curve(tables, day(11)) == [1, 0, 1, 1, 0]
    assert curve(tables, day(13)) == []


def test_a_day_touches_its_own_periods_and_those_of_the_persons_that_moved():
    rows = [view("a", "11 10:00"), view("b", "18 10:00"), view("o", "20 10:00", "other")]
    steps = ((day(25), rows), (day(26), [view("c", "26 10:00")]))
    may = ("month", day(1))

    def touched(*more: tuple[date, list[Row]]) -> set[tuple[object, object]]:
        """What the last run counted again."""
        periods = outcome(told(*steps, *more))["int_touched_periods"]
        return {(row["period"], row["active_date"]) for row in periods}

    assert touched() == {("day", day(26)), ("week", day(25)), may}
    # The 10th is a Sunday. The other visitor's 20th is no matter of this one's.
    days = {("day", day(number)) for number in (10, 11, 18, 26)}
    weeks = {("week", day(number)) for number in (4, 11, 18, 25)}
    assert touched((day(27), [view("d", "10 10:00")])) == {*days, *weeks, may}


def test_a_run_killed_between_the_cohorts_and_what_they_did_is_mended_by_the_next():
    history = told(
        (day(14), [view("a", "14 10:00")]),
        (day(15), [event("s", "signed_up", "11 10:00")]),
    )
    for share in (0.8, 0.85, 0.9, 0.95):
        tables = outcome(killed(history, 1, share))
        assert curve(tables, day(11), cohort_type="sign_up") == [1, 0, 0, 1, 0]


def test_rolling_retention_falls_when_the_last_visit_was_somebody_elses():
    steps = ((day(14), [view("a", "11 10:00"), view("b", "14 10:00")]),)
    tables = outcome(told(*steps))
    assert curve(tables, day(11), mode="rolling") == [1, 1, 1, 1]
    tables = outcome(told(*steps, (day(13), [view("b", "14 10:00", "other")])))
    assert curve(tables, day(11), mode="rolling") == [1, 0, 0, 0]
    assert curve(tables, day(14), mode="rolling") == [1]


def test_who_begins_at_a_reporting_zones_midnight_begins_on_its_date_and_month():
    # 22:30 UTC on 31 May is 1 June in Berlin.
    rows = [view("a", "31 22:30"), view("b", "31 21:30", "other")]
    tables = outcome(told((date(2026, 6, 1), rows), timezone="Europe/Berlin"))
    assert curve(tables, date(2026, 6, 1), period="month") == [1]
    assert curve(tables, date(2026, 5, 1), period="month") == [1, 0]
    # Both are of the ISO weeks of 1 June and of 25 May.
    assert curve(tables, date(2026, 6, 1), period="week") == [1]
    assert curve(tables, date(2026, 5, 25), period="week") == [1, 0]


def test_an_erased_person_stays_in_its_cohort():
    rows = [
        event("l", "login_succeeded", "11 09:00", user_id="u"),
        view("a", "11 10:00"),
        view("b", "12 10:00"),
    ]
    tables = outcome(told((day(12), rows), (day(13), []), erasures=[(1, "user_id", "u")]))
    assert tables["customer_360"] == []
    assert curve(tables, day(11)) == [1, 1, 0]


def standings(
    tables: dict[str, list[Row]], period: str = "day"
) -> dict[object, tuple[object, ...]]:
    """Of each period new, returning, resurrected and dormant persons."""
    names = ("new_persons", "returning_persons", "resurrected_persons", "dormant_persons")
    return {
        row["period_start"]: tuple(row[name] for name in names)
        for row in tables["lifecycle"]
        if row["period"] == period
    }


def test_an_earlier_visit_that_arrives_late_makes_a_new_person_a_returning_one():
    steps = ((day(13), [view("b", "12 10:00"), view("c", "13 10:00")]),)
    assert standings(outcome(told(*steps))) == {day(12): (1, 0, 0, 0), day(13): (0, 1, 0, 0)}
    late = standings(outcome(told(*steps, (day(14), [view("a", "11 10:00")]))))
    assert late == {
        day(11): (1, 0, 0, 0), day(12): (0, 1, 0, 0), day(13): (0, 1, 0, 0), day(14): (0, 0, 0, 1),
    }  # fmt: skip


def test_who_comes_after_a_gap_is_resurrected_by_day_and_returns_by_week():
    rows = [view("a", "11 10:00"), view("b", "13 10:00"), view("c", "18 10:00")]
    tables = outcome(told((day(18), rows)))
    days = standings(tables)
    assert (days[day(12)], days[day(13)], days[day(14)]) == (
        (0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 0, 1),
    )  # fmt: skip
    assert days[day(15)] == (0, 0, 0, 0)
    assert standings(tables, "week") == {day(11): (1, 0, 0, 0), day(18): (0, 1, 0, 0)}


def test_a_log_in_that_joins_two_pasts_makes_one_new_person_of_two():
    rows = [view("a", "11 10:00"), view("b", "12 10:00", "w")]
    ties = [
        event("l", "login_succeeded", "14 10:00", user_id="u"),
        event("m", "login_succeeded", "14 10:00", "w", user_id="u"),
    ]
    apart = standings(outcome(told((day(12), rows))))
    assert apart == {day(11): (1, 0, 0, 0), day(12): (1, 0, 0, 1)}
    joined = standings(outcome(told((day(12), rows), (day(14), ties))))
    assert (joined[day(11)], joined[day(12)]) == ((1, 0, 0, 0), (0, 1, 0, 0))
    # A log-in alone is no activity.
    assert (joined[day(13)], joined[day(14)]) == ((0, 0, 0, 1), (0, 0, 0, 0))


def test_a_quiet_month_has_a_row_once_it_has_begun():
    steps = ((day(11), [view("a", "11 10:00")]), (date(2026, 6, 2), []))
    months = standings(outcome(told(*steps)), "month")
    assert months == {day(1): (1, 0, 0, 0), date(2026, 6, 1): (0, 0, 0, 1)}

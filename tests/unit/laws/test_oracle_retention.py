"""Retention of the oracle: hand-made visits, counted by hand."""

from datetime import date, datetime, timedelta

from tests.laws.log_rows import log_row

# A Monday.
NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)


def view(day, visitor="a", **columns):
    event_id = f"{visitor}-{day}"
    return log_row(event_id, "page_viewed", NOON + day * DAY, anonymous_id=visitor, **columns)


def named(name, day, visitor="a", **columns):
    event_id = f"{name}-{visitor}-{day}"
    return log_row(event_id, name, NOON + day * DAY, anonymous_id=visitor, **columns)


def curve(built, cohort_type, mode, period, cohort_date, column="retained"):
    """A column of a cohort, by offset."""
    wanted = (cohort_type, mode, period, cohort_date)
    rows = [
        row
        for row in built["retention_cohorts"]
        if (row["cohort_type"], row["mode"], row["period"], row["cohort_date"]) == wanted
    ]
    rows.sort(key=lambda row: row["offset"])
    assert [row["offset"] for row in rows] == list(range(len(rows)))
    return [row[column] for row in rows]


def test_bounded_counts_the_very_period_and_rolling_that_or_any_later_one(tables):
    # Of three on Monday, a comes back on Tuesday and Thursday, b on Thursday, c never.
    rows = [view(0), view(1), view(3), view(0, "b"), view(3, "b"), view(0, "c")]
    built = tables(*rows, as_of=(NOON + 4 * DAY).date())
    monday = NOON.date()
    assert curve(built, "visit", "bounded", "day", monday) == [3, 1, 0, 2, 0]
    assert curve(built, "visit", "rolling", "day", monday) == [3, 2, 2, 2, 0]
    assert curve(built, "visit", "bounded", "day", monday, "rate") == [1, 1 / 3, 0, 2 / 3, 0]
    assert curve(built, "visit", "bounded", "day", monday, "cohort_size") == [3] * 5


def test_a_period_is_complete_once_its_last_date_is_closed(tables):
    # Sunday 8 March ends the week of the 2nd; the week and the month after it are under way.
    rows = [view(0), view(7)]
    for day, complete in ((7, [False, False]), (8, [True, False]), (15, [True, True])):
        built = tables(*rows, as_of=date(2026, 3, day))
        weeks = curve(built, "visit", "bounded", "week", NOON.date(), "is_complete")
        assert weeks[:2] == complete, day
    built = tables(*rows, as_of=date(2026, 3, 31))
    assert curve(built, "visit", "rolling", "month", date(2026, 3, 1), "is_complete") == [True]
    assert (
        curve(tables(*rows), "visit", "bounded", "day", NOON.date(), "is_complete") == [False] * 8
    )


def test_rows_go_on_to_the_later_of_as_of_and_the_last_event_but_not_beyond_their_number(tables):
    built = tables(view(0), view(40), as_of=(NOON + 3 * DAY).date())
    assert len(curve(built, "visit", "bounded", "day", NOON.date())) == 31
    # 2 March to 11 April: the weeks of 2, 9, 16, 23, 30 March and 6 April; March and April.
    assert curve(built, "visit", "bounded", "week", NOON.date()) == [1, 0, 0, 0, 0, 1]
    assert curve(built, "visit", "bounded", "month", date(2026, 3, 1)) == [1, 1]
    # Rolling looks beyond the last offset that has a row.
    assert curve(built, "visit", "rolling", "day", NOON.date()) == [1] * 31


def test_sign_ups_and_orders_have_cohorts_of_their_own_and_count_any_activity(tables):
    rows = [view(0), named("signed_up", 1), named("order_completed", 2), view(4)]
    built = tables(*rows, as_of=(NOON + 4 * DAY).date())
    dates = [(NOON + day * DAY).date() for day in range(5)]
    assert curve(built, "visit", "bounded", "day", dates[0]) == [1, 1, 1, 0, 1]
    assert curve(built, "sign_up", "bounded", "day", dates[1]) == [1, 1, 0, 1]
    assert curve(built, "order", "bounded", "day", dates[2]) == [1, 0, 1]


def test_a_log_in_moves_a_person_into_the_cohort_of_its_first_device(tables):
    rows = [view(0, "a"), view(2, "b")]
    apart = tables(*rows, as_of=(NOON + 3 * DAY).date())
    assert curve(apart, "visit", "bounded", "day", (NOON + 2 * DAY).date()) == [1, 0]
    ties = [named("login_succeeded", 3, who, user_id="u") for who in ("a", "b")]
    one = tables(*rows, *ties, as_of=(NOON + 3 * DAY).date())
    assert curve(one, "visit", "bounded", "day", NOON.date()) == [1, 0, 1, 0]
    assert curve(one, "visit", "bounded", "day", (NOON + 2 * DAY).date()) == []


def test_bots_and_back_office_events_are_nobodys_return(tables):
    rows = [view(0), view(1, is_bot=True), named("email_sent", 2), view(0, "bot", is_bot=True)]
    built = tables(*rows, as_of=(NOON + 2 * DAY).date())
    assert curve(built, "visit", "bounded", "day", NOON.date()) == [1, 0, 0]
    assert curve(built, "visit", "rolling", "day", NOON.date()) == [1, 0, 0]


def test_a_session_over_midnight_is_activity_of_both_dates(tables):
    at = datetime(2026, 3, 2, 23, 50)
    rows = [
        log_row(str(minutes), "page_viewed", at + timedelta(minutes=minutes), anonymous_id="a")
        for minutes in (0, 20)
    ]
    built = tables(*rows, as_of=date(2026, 3, 3))
    assert curve(built, "visit", "bounded", "day", date(2026, 3, 2)) == [1, 1]
    assert curve(built, "visit", "bounded", "day", date(2026, 3, 3)) == []


def test_each_active_person_is_new_returning_or_resurrected_and_a_silence_counts_once(tables):
    # a comes on days 0, 1, 3 and 4; b on 0 and 3; c on 3 alone; on day 5 nobody does.
    rows = [view(0), view(1), view(3), view(4), view(0, "b"), view(3, "b"), view(3, "c")]
    built = tables(*rows, as_of=(NOON + 4 * DAY).date())["lifecycle"]
    names = ("active_persons", "new_persons", "returning_persons", "resurrected_persons",
             "dormant_persons", "quick_ratio", "is_complete")  # fmt: skip
    days = {
        row["period_start"].day: tuple(row[name] for name in names)
        for row in built
        if row["period"] == "day"
    }
    assert days == {
        2: (2, 2, 0, 0, 0, None, True),
        3: (1, 0, 1, 0, 1, 0.0, True),
        4: (0, 0, 0, 0, 1, 0.0, True),
        5: (3, 1, 0, 2, 0, None, True),
        6: (1, 0, 1, 0, 2, 0.0, True),
    }
    weeks = [row for row in built if row["period"] == "week"]
    assert [(row["active_persons"], row["new_persons"]) for row in weeks] == [(3, 3)]
    assert not weeks[0]["is_complete"]

"""Consent of the oracle: hand-made answers, counted by hand."""

import json
from datetime import datetime, timedelta

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
DAY = timedelta(days=1)


def says(day, consent, visitor="a", minute=0, **columns):
    at = NOON + day * DAY + timedelta(minutes=minute)
    return log_row(f"{visitor}-{day}-{minute}", "consent_updated", at, anonymous_id=visitor,
                   consent=json.dumps(consent), **columns)  # fmt: skip


def by_day(built, purpose, *columns):
    rows = [row for row in built["consent_daily"] if row["purpose"] == purpose]
    rows.sort(key=lambda row: row["report_date"])
    return [tuple(row[column] for column in columns) for row in rows]


STOCKS = ("consenting_persons", "refusing_persons", "grants", "withdrawals")


def test_who_consents_is_who_did_less_who_took_it_back(tables):
    built = tables(
        says(0, {"ads": True}),
        says(0, {"ads": "denied"}, "b"),
        says(2, {"ads": False}),
        says(2, {"ads": "GRANTED"}, "b"),
        as_of=(NOON + 3 * DAY).date(),
    )
    assert by_day(built, "ads", *STOCKS) == [(1, 1, 1, 0), (1, 1, 0, 0), (1, 1, 1, 1), (1, 1, 0, 0)]
    assert by_day(built, "ads", "consent_rate")[0] == (0.5,)


def test_the_last_answer_of_a_date_holds(tables):
    built = tables(says(0, {"ads": True}), says(0, {"ads": False}, minute=5))
    assert by_day(built, "ads", *STOCKS) == [(0, 1, 0, 0)]


def test_a_list_says_no_to_what_it_leaves_out(tables):
    built = tables(says(0, ["ads", "analytics"]), says(1, ["ads"]), says(2, []))
    assert by_day(built, "analytics", *STOCKS) == [(1, 0, 1, 0), (0, 1, 0, 1), (0, 1, 0, 0)]
    assert by_day(built, "ads", *STOCKS) == [(1, 0, 1, 0), (1, 0, 0, 0), (0, 1, 0, 1)]


def test_an_object_says_nothing_of_what_it_leaves_out(tables):
    built = tables(says(0, {"ads": True}), says(1, {"analytics": True}))
    assert by_day(built, "ads", "consenting_persons") == [(1,), (1,)]


def test_one_answer_is_for_everything_and_bots_and_nothing_are_none(tables):
    built = tables(says(0, "all"), says(0, True, "b"), says(0, "no", "c"), says(0, None, "d"),
                   says(0, True, "bot", is_bot=True))  # fmt: skip
    assert by_day(built, "(all)", "consenting_persons", "refusing_persons") == [(2, 1)]


def test_a_person_on_two_devices_answers_once(tables):
    ties = [
        log_row(f"l{who}", "login_succeeded", NOON, anonymous_id=who, user_id="u") for who in "ab"
    ]
    apart = tables(says(0, {"ads": True}), says(1, {"ads": False}, "b"))
    assert by_day(apart, "ads", "consenting_persons", "refusing_persons") == [(1, 0), (1, 1)]
    one = tables(says(0, {"ads": True}), says(1, {"ads": False}, "b"), *ties)
    assert by_day(one, "ads", "consenting_persons", "refusing_persons") == [(1, 0), (0, 1)]

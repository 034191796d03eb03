"""Events and sessions of the oracle: hand-made rows, values worked out from docs/metrics.md."""

import hashlib
from datetime import date, datetime, timedelta

import pytest

from tests.laws.log_rows import log_row

NOON = datetime(2026, 3, 2, 12)
MICROSECOND = timedelta(microseconds=1)
HALF_HOUR = timedelta(minutes=30)


def md5(*parts):
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def view(event_id, at, **columns):
    return log_row(event_id, "page_viewed", at, **{"anonymous_id": "a", **columns})


def test_keys_are_hashes_of_source_id_date_and_of_kind_and_value(tables):
    built = tables(view("1", NOON), log_row("2", "page_viewed", NOON, device_id="a"))
    keys = {e["event_id"]: (e["event_key"], e["visitor_id"]) for e in built["fct_events"]}
    assert keys == {
        "1": (md5("web", "1", "2026-03-02"), md5("anonymous", "a")),
        "2": (md5("web", "2", "2026-03-02"), md5("device", "a")),
    }


def test_first_to_arrive_wins_and_a_changed_copy_is_a_conflict(tables):
    kept = view("1", NOON, arrival_date=date(2026, 3, 2), source_line=7)
    same = view("1", NOON, arrival_date=date(2026, 3, 3), sent_ts=NOON)
    other = view("1", NOON + HALF_HOUR, arrival_date=date(2026, 3, 2), source_line=8)
    built = tables(other, same, kept)
    (event,) = built["fct_events"]
    assert (event["event_ts"], event["source_line"]) == (NOON, 7)
    assert {(d["source_line"], d["is_conflict"]) for d in built["fct_event_duplicates"]} == {
        (1, False),
        (8, True),
    }
    arrivals = {a["arrival_date"]: a for a in built["arrivals_daily"]}
    assert (arrivals[date(2026, 3, 2)]["duplicates"], arrivals[date(2026, 3, 2)]["conflicts"]) == (
        1,
        1,
    )
    assert (arrivals[date(2026, 3, 3)]["duplicates"], arrivals[date(2026, 3, 3)]["conflicts"]) == (
        1,
        0,
    )


def test_same_id_on_another_event_date_is_another_event(tables):
    built = tables(
        view("1", NOON), view("1", NOON + timedelta(days=1)), view("1", NOON, source="till")
    )
    assert len(built["fct_events"]) == 3
    assert built["fct_event_duplicates"] == []


@pytest.mark.parametrize(("gap", "sessions"), [(HALF_HOUR, 1), (HALF_HOUR + MICROSECOND, 2)])
def test_session_splits_only_after_more_than_thirty_minutes(tables, gap, sessions):
    built = tables(view("1", NOON), view("2", NOON + gap))
    assert len(built["fct_sessions"]) == sessions
    assert [s["session_number"] for s in built["fct_sessions"]] == [1, 2][:sessions]


def test_run_is_cut_at_exactly_24_hours_from_its_first_event(tables):
    # 49 views, one each half hour: 0 h … 24 h. The 48 before 24 h are cut 0, the last is cut 1.
    rows = [view(str(n), NOON + n * HALF_HOUR) for n in range(49)]
    rows.append(view("just below", NOON + timedelta(hours=24) - MICROSECOND))
    first, second = sorted(tables(*rows)["fct_sessions"], key=lambda s: s["started_at"])
    assert (first["event_count"], second["event_count"]) == (49, 1)
    assert second["started_at"] == NOON + timedelta(hours=24)
    assert second["run_started_at"] == NOON
    assert (second["session_number"], second["is_new_visitor"]) == (2, False)
    assert first["duration_s"] == 86_399.999999


def test_events_at_one_instant_are_in_order_of_their_key(tables):
    rows = [view(n, NOON, page_path=f"/{n}") for n in "1234"]
    (session,) = tables(*rows)["fct_sessions"]
    by_key = sorted("1234", key=lambda n: md5("web", n, "2026-03-02"))
    assert session["entry_page"] == f"/{by_key[0]}"
    assert session["exit_page"] == f"/{by_key[-1]}"
    first_key = md5("web", by_key[0], "2026-03-02")
    assert session["session_id"] == md5(md5("anonymous", "a"), first_key)


def test_events_outside_sessions_have_no_session(tables):
    built = tables(
        log_row("1", "login_succeeded", NOON, anonymous_id="a", user_id="u"),
        log_row("2", "custom_thing", NOON, anonymous_id="a"),
        log_row("3", "page_viewed", NOON),
    )
    assert built["fct_sessions"] == []
    assert {e["event_id"]: e["is_unregistered"] for e in built["fct_events"]} == {
        "1": False,
        "2": True,
        "3": False,
    }


def test_engaged_time_counts_ten_second_buckets_of_each_page(tables):
    def ping(event_id, second, path):
        at = NOON + timedelta(seconds=second)
        return log_row(event_id, "page_pinged", at, anonymous_id="a", page_path=path)

    # page /a: buckets 0, 1, 1 -> 10 x (2 - 1) + 5 = 15; no page: one bucket -> 5.
    (session,) = tables(
        ping("1", 9, "/a"), ping("2", 10, "/a"), ping("3", 19.9, "/a"), ping("4", 0, None)
    )["fct_sessions"]
    assert (session["engaged_s"], session["is_engaged"]) == (20, True)
    (alone,) = tables(ping("1", 9, "/a"))["fct_sessions"]
    assert (alone["engaged_s"], alone["is_bounce"]) == (5, True)


def test_session_takes_its_campaign_from_the_first_event_that_has_any_of_the_four(tables):
    (session,) = tables(
        view("1", NOON),
        view("2", NOON + MICROSECOND, referrer="https://www.Google.com:443/search"),
        view("3", NOON + HALF_HOUR, utm_source="news", utm_medium="email"),
    )["fct_sessions"]
    assert (session["utm_medium"], session["channel"]) == (None, "Organic Search")


def test_report_date_follows_the_reporting_zone_over_the_change_of_clocks(tables):
    # Berlin leaves winter time on 2026-03-29 at 01:00 UTC: 22:30 UTC is 23:30 before, 00:30 after.
    built = tables(
        view("1", datetime(2026, 3, 28, 22, 30)),
        view("2", datetime(2026, 3, 29, 22, 30)),
        timezone="Europe/Berlin",
    )
    assert {e["event_id"]: e["report_date"] for e in built["fct_events"]} == {
        "1": date(2026, 3, 28),
        "2": date(2026, 3, 30),
    }

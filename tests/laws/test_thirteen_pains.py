"""What users of other warehouses suffer from, thirteen pains, and that footfall has none of them.

Belongs here: a short story or two for each, its numbers by hand. Every story is compared with the
oracle after each of its runs and with a full rebuild at its end. Not here: the rules at length
(`test_law3_scenarios`, `test_funnels_told_apart`, `test_law5_cost_of_a_day`).
"""

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ml.anomaly_series import score_last_day, score_series
from tests.landed_days import event as landed_event
from tests.landed_days import json_lines, land, load, sealed_files, state_with
from tests.laws.compiled import compiled_models
from tests.laws.judging import OF_THE_SPINE, outcome_by
from tests.laws.long_history import arriving, day_number
from tests.laws.rows_read import ROW_GROUP, read_by_model, warehouse_in_small_row_groups
from tests.laws.stories import at, day, event, one, told, view

outcome = outcome_by(*OF_THE_SPINE)

Rows = list[dict[str, Any]]


def md5(*parts: str) -> str:
    """The hash of docs/metrics.md."""
    return hashlib.md5("\x1f".join(parts).encode()).hexdigest()


def column(rows: Rows, name: str, by: str = "started_at") -> list[Any]:
    return [row[name] for row in sorted(rows, key=lambda row: row[by])]


def order(event_id: str, when: str, revenue: int, **columns: Any) -> dict[str, Any]:
    named = {"order_id": "1", **columns}
    return event(event_id, "order_completed", when, revenue=Decimal(revenue), **named)


def restless(start: str, hours: int, **columns: Any) -> Rows:
    """A page view every twenty minutes."""
    times = [at(start) + number * timedelta(minutes=20) for number in range(3 * hours)]
    return [view(f"r{time:%d%H%M}", f"{time:%d %H:%M}", **columns) for time in times]


def test_session_numbers_go_on_from_run_to_run_as_in_a_full_rebuild():
    """Pain 1: incremental differs from full refresh; session numbers restart at 1."""
    tables = outcome(told(*((day(n), [view(f"e{n}", f"{n} 10:00")]) for n in (11, 12, 13))))
    assert column(tables["fct_sessions"], "session_number") == [1, 2, 3]
    assert column(tables["fct_sessions"], "is_new_visitor") == [True, False, False]


def test_a_session_starts_with_its_own_first_page_view_though_that_comes_late():
    """Pain 1: a session starts after its own first page view."""
    tables = outcome(told(
        (day(11), [view("b", "11 10:10", page_path="/second")]),
        (day(12), [view("a", "11 10:00", page_path="/first")]),
    ))  # fmt: skip
    session = one(tables["fct_sessions"])
    assert (session["started_at"], session["entry_page"]) == (at("11 10:00"), "/first")
    assert {row["session_id"] for row in tables["fct_events"]} == {session["session_id"]}


def test_an_event_of_150_days_ago_counts_on_its_own_day():
    """Pain 2: late events lost beyond a look-back, or kept by luck of the run."""
    arrived = day(11) + timedelta(days=150)
    tables = outcome(told(
        (day(11), [view("a", "11 10:00")]),
        (arrived - timedelta(days=1), []),
        (arrived, [view("b", "11 10:20"), view("c", "11 20:00", "another")]),
    ))  # fmt: skip
    of_that_day = one(tables["kpi_daily"], report_date=day(11))
    assert (of_that_day["page_views"], of_that_day["visitors"], of_that_day["sessions"]) == (
        3,
        2,
        2,
    )
    assert column(tables["fct_sessions"], "event_count") == [2, 1]


def test_an_event_dated_in_the_future_stops_no_later_load():
    """Pain 3: the high-water mark is the greatest event time, which one wrong clock moves."""
    tables = outcome(told(
        (day(11), [view("wrong", "31 10:00"), view("a", "11 10:00")]),
        (day(12), [view("b", "12 10:00")]),
        (day(13), [view("c", "13 10:00")]),
    ))  # fmt: skip
    views = {row["report_date"]: row["page_views"] for row in tables["kpi_daily"]}
    assert [views[day(number)] for number in (11, 12, 13, 30, 31)] == [1, 1, 1, 0, 1]


def test_events_without_a_time_of_sending_are_there_beside_those_with_one():
    """Pain 3: rows with a null device time are dropped by a comparison with it."""
    rows = [view("a", "11 10:00", sent_ts=None), view("b", "11 10:01", sent_ts=at("11 10:02"))]
    tables = outcome(told((day(11), rows), (day(12), [view("c", "11 10:02", sent_ts=None)])))
    assert one(tables["fct_sessions"])["event_count"] == 3


def test_a_row_without_any_time_is_kept_in_quarantine_and_counted(tmp_path: Path):
    """Pain 3: silently dropped."""
    settings = "settings: {quarantine_share: 1}\nsources: {shop: {format: canonical}}\n"
    paths = state_with(tmp_path / "state", settings)
    rows = [landed_event(1, "2026-05-11T10:00:00Z"), landed_event(2, "")]
    land(paths, "shop/2026-05-11/a.jsonl", json_lines(rows))
    load(paths, "2026-05-11", now="2026-05-12T06:00:00")
    file = sealed_files(paths)["shop/2026-05-11/a.jsonl"]
    assert (file.read, file.logged, file.quarantined) == (2, 1, 1)


def test_of_copies_the_first_to_arrive_survives_by_an_order_without_ties():
    """Pain 4: which duplicate survives is arbitrary, since the order has ties.

    All three bear one time and one id; two came in one file. The first line of it wins, whichever
    day is run first.
    """
    first_file = [view("e", "11 10:00", "line 1"), view("e", "11 10:00", "line 2")]
    later = [view("e", "11 10:00", "next day")]
    for steps in ([(day(11), first_file), (day(12), later)],
                  [(day(12), later), (day(11), first_file)]):  # fmt: skip
        tables = outcome(told(*steps))
        assert one(tables["fct_events"])["visitor_id"] == md5("anonymous", "line 1")
        assert len(tables["fct_event_duplicates"]) == 2


def test_a_file_delivered_twice_makes_no_second_session():
    """Pain 4: duplicate sessions and keys."""
    rows = [view("a", "11 23:50"), view("b", "12 00:10")]
    tables = outcome(told((day(11), rows), (day(12), rows), (day(12), rows)))
    assert one(tables["fct_sessions"])["event_count"] == 2
    assert one(tables["kpi_daily"], report_date=day(11))["page_views"] == 1
    assert one(tables["kpi_daily"], report_date=day(12))["page_views"] == 1


def test_a_session_over_midnight_is_one_in_two_partitions():
    """Pain 5: sessions split at the border of a day; ids unique only in their partition."""
    tables = outcome(told(
        (day(11), [view("a", "11 23:45"), view("x", "11 12:00", "another")]),
        (day(12), [view("b", "12 00:05"), view("y", "12 12:00", "another")]),
    ))  # fmt: skip
    assert sorted(column(tables["fct_sessions"], "event_count")) == [1, 1, 2]
    assert len({row["session_id"] for row in tables["fct_sessions"]}) == 3
    # The session belongs wholly to the date on which it started.
    assert column(tables["kpi_daily"], "sessions", "report_date") == [2, 1]


def test_a_log_in_reaches_back_to_the_visitors_first_event_however_old():
    """Pain 6: older rows left stale beyond a look-back."""
    login = event("l", "login_succeeded", "31 10:00", user_id="u")
    tables = outcome(told(
        (date(2026, 5, 1), [view("a", "01 10:00"), order("o", "01 10:05", 20)]),
        (date(2026, 8, 31), [login | {"event_ts": at("31 10:00").replace(month=8)}]),
    ))  # fmt: skip
    person = one(tables["customer_360"])
    assert person["person_id"] == md5("user", "u")
    assert (person["first_seen_at"], person["monetary"]) == (at("01 10:00"), 20)


def test_a_log_in_touches_its_own_visitor_and_no_other():
    """Pain 6: full-table updates on every run."""
    crowd = [view(f"e{number}", "11 10:00", f"v{number}") for number in range(30)]
    login = event("l", "login_succeeded", "12 10:00", "v7", user_id="u")
    tables = outcome(told((day(11), crowd), (day(12), [login])))
    touched = {row["visitor_id"] for row in tables["int_touched_visitors"]}
    assert touched == {md5("anonymous", "v7")}
    assert len(tables["dim_persons"]) == 30


def test_two_people_on_one_device_stay_two_and_each_keeps_the_own_orders():
    """Pain 6: two people on one device merged for ever."""
    tables = outcome(told(
        (day(11), [event("l", "login_succeeded", "11 10:00", user_id="ann"),
                   order("o", "11 10:05", 10, order_id="1")]),
        (day(12), [event("m", "login_succeeded", "12 10:00", user_id="bob"),
                   order("p", "12 10:05", 5, order_id="2")]),
    ))  # fmt: skip
    spent = {row["user_id"]: row["monetary"] for row in tables["customer_360"]}
    assert spent == {"ann": 10, "bob": 5}


def test_a_session_goes_on_when_a_user_id_appears():
    """Pain 6: a session broken when a user id appears."""
    rows = [view("a", "11 10:00"), view("b", "11 10:05", user_id="u"), view("c", "11 10:10")]
    tables = outcome(told(*((day(11), [row]) for row in rows)))
    session = one(tables["fct_sessions"])
    assert (session["event_count"], session["user_id"]) == (3, "u")
    assert one(tables["customer_360"])["session_count"] == 1


def test_a_day_does_not_read_the_history_of_events_before_it(tmp_path):
    """Pain 7: correctness bought with whole-history scans.

    By day 60 the table of events is four times as long as on day 15, by several row groups. What
    is read of it may be three row groups more, as it lies on their borders.
    """
    warehouse = warehouse_in_small_row_groups(tmp_path)
    read = {}
    for numbers in (range(1, 15), range(15, 16), range(16, 60), range(60, 61)):
        warehouse.add_rows([row for number in numbers for row in arriving(number)])
        warehouse.set_days({day_number(number): True for number in range(1, numbers[-1] + 1)})
        warehouse.owe([day_number(number) for number in numbers])
        read[numbers[-1]] = sum(
            read_by_model(warehouse, model)["core.fct_events"] for model in compiled_models()
        )
        warehouse.strike_off()
        warehouse.con.execute("checkpoint")
    stored = len(warehouse.rows("fct_events"))
    warehouse.con.close()
    assert stored > 8 * ROW_GROUP
    assert read[60] <= read[15] + 3 * ROW_GROUP


def test_an_endless_visitor_has_a_session_a_day_in_core_and_a_bot_none_in_the_marts():
    """Pain 8: very long sessions excluded, quarantined for ever, or re-read for months."""
    for is_bot in (False, True):
        rows = [*restless("11 10:00", 60, is_bot=is_bot), view("other", "11 10:00", "another")]
        by_day = [
            (day(number), [row for row in rows if row["event_ts"].date() == day(number)])
            for number in (11, 12, 13)
        ]
        tables = outcome(told(*by_day))
        restless_ones = [row for row in tables["fct_sessions"] if row["event_count"] > 1]
        # 24 h, 24 h and 12 h at three an hour.
        assert column(restless_ones, "event_count") == [72, 72, 36]
        sessions = column(tables["kpi_daily"], "sessions", "report_date")
        assert sessions == ([1, 0, 0] if is_bot else [2, 1, 1])


def test_steps_of_the_same_moment_convert_in_order_of_the_funnel():
    """Pain 9: same-second steps never convert."""
    names = ("order_completed", "product_added", "product_viewed")
    rows = [event(f"{n}", name, "11 10:00", product_id="p") for n, name in enumerate(names)]
    tables = outcome(told((day(11), rows)))
    assert one(tables["fct_funnel_entries"], funnel="purchase")["reached"] == 3


def test_one_event_serves_one_step_of_a_funnel():
    """Pain 9: one event serves two steps. The funnel looks twice, then orders."""
    look = event("a", "product_viewed", "11 10:00", product_id="p")
    tables = outcome(told((day(11), [look, order("o", "11 10:05", 5)])))
    assert one(tables["fct_funnel_entries"], funnel="second_look")["reached"] == 1
    again = event("b", "product_viewed", "11 10:01", product_id="p")
    tables = outcome(told((day(11), [look, order("o", "11 10:05", 5)]), (day(12), [again])))
    assert one(tables["fct_funnel_entries"], funnel="second_look")["reached"] == 3


def test_the_persons_of_a_funnel_are_as_many_as_its_counts_say():
    """Pain 9: the persons' list disagrees with the counts.

    Three look, of whom one has looked, added and looked again; two add; one orders.
    """
    steps = {
        "a": ("product_viewed", "product_added", "product_viewed"),
        "b": ("product_viewed", "product_added", "order_completed"),
        "c": ("product_viewed", "order_completed"),
    }
    rows = [
        event(f"{who}{n}", name, f"11 10:0{n}", who, product_id="p", order_id=who)
        for who, names in steps.items() for n, name in enumerate(names)
    ]  # fmt: skip
    tables = outcome(told((day(11), rows[::2]), (day(12), rows[1::2])))
    listed = [row["reached"] for row in tables["fct_funnel_entries"] if row["funnel"] == "purchase"]
    counted = [
        row
        for row in tables["funnel_steps"]
        if (row["funnel"], row["dimension"]) == ("purchase", "(all)")
    ]
    assert sorted(listed) == [1, 2, 3]
    assert column(counted, "conversions", "step") == [3, 2, 1]


def test_durations_end_at_the_last_event_and_time_away_is_in_none():
    """Pain 10: durations of hundreds of hours; idle time counted."""
    rows = [view("a", "11 10:00"), view("b", "11 10:20"), view("c", "25 10:00")]
    tables = outcome(told((day(11), rows[:1]), (day(25), rows[1:])))
    assert column(tables["fct_sessions"], "duration_s") == [1200, 0]


def test_engaged_seconds_count_pings_and_not_the_pause_between_them():
    """Pain 10: idle time counted; 0 seconds.

    Pings of 10:00:00, 10:00:10 and 10:25:00 lie in three buckets of ten seconds: 10 × 2 + 5.
    """
    times = ("11 10:00:00", "11 10:00:10", "11 10:25:00")
    rows = [event(f"p{when}", "page_pinged", when, page_path="/") for when in times]
    tables = outcome(told((day(11), rows[1:]), (day(12), rows[:1])))
    session = one(tables["fct_sessions"])
    assert (session["engaged_s"], session["duration_s"]) == (25, 1500)


@pytest.mark.parametrize(("zone", "counted_on"), [("UTC", 11), ("Europe/Berlin", 12)])
def test_a_date_is_that_of_the_reporting_time_zone_in_every_table(zone, counted_on):
    """Pain 11: time zones. 22:30 UTC of 11 May is half past midnight in Berlin."""
    tables = outcome(told((day(11), [view("a", "11 22:20"), order("o", "11 22:30", 8)]),
                          timezone=zone))  # fmt: skip
    kpis = one(tables["kpi_daily"], orders=1)
    by_source = one(tables["kpi_daily_by_dimension"], dimension="source")
    assert one(tables["fct_orders"])["report_date"] == day(counted_on)
    for row in (kpis, by_source):
        assert (row["report_date"], row["gross_revenue"], row["sessions"]) == (
            day(counted_on),
            8,
            1,
        )


def test_figures_by_dimension_add_up_to_the_figures_beside_them():
    """Pain 11: figures that differ from the tool beside it."""
    tables = outcome(told(
        (day(11), [order("o", "11 10:00", 7, device_type="phone"), view("a", "11 11:00", "w")]),
        (day(12), [order("p", "11 12:00", 5, order_id="2", visitor="w", country="DE")]),
    ))  # fmt: skip
    whole = one(tables["kpi_daily"], report_date=day(11))
    assert (whole["orders"], whole["gross_revenue"]) == (2, 12)
    for dimension in ("device_type", "country", "channel", "source"):
        parts = [
            row for row in tables["kpi_daily_by_dimension"]
            if (row["dimension"], row["report_date"]) == (dimension, day(11))
        ]  # fmt: skip
        assert sum(row["orders"] for row in parts) == 2
        assert sum(row["gross_revenue"] for row in parts) == 12


# Monday to Sunday, a shop that is half as busy at weekends.
WEEK = [100.0, 100.0, 100.0, 100.0, 100.0, 50.0, 50.0]


def test_a_tested_day_has_no_say_in_what_is_expected_of_it():
    """Pain 12: the tested point sits inside its own training window."""
    usual, wild = (score_last_day([*WEEK * 5, value]) for value in (100.0, 100_000.0))
    assert usual is not None
    assert wild is not None
    assert (wild.expected, wild.low, wild.high) == (usual.expected, usual.low, usual.high)
    assert (usual.is_anomaly, wild.is_anomaly) == (False, True)


def test_a_day_without_data_is_no_anomaly_and_teaches_nothing():
    """Pain 12: missing data reads as an anomaly."""
    assert score_last_day([*WEEK * 5, None]) is None
    after = score_series([*WEEK * 4, *[None] * 7, *WEEK])
    assert [score.day for score in after[-7:]] == list(range(35, 42))
    assert not any(score.is_anomaly for score in after)


def test_a_quiet_weekend_is_usual_and_a_monday_like_it_is_not():
    """Pain 12: seasonality ignored."""
    assert not any(score.is_anomaly for score in score_series(WEEK * 6))
    monday = score_last_day([*WEEK * 6, 50.0])
    assert monday is not None
    assert (round(monday.expected), monday.is_anomaly) == (100, True)


def test_an_order_sent_twice_under_two_event_ids_is_one_order():
    """Pain 13: an order sent twice under two event ids counted twice.

    Its first arrival gives its value, though the second one is run first.
    """
    tables = outcome(told(
        (day(12), [order("second", "11 10:01", 60)]), (day(11), [order("first", "11 10:00", 50)]),
    ))  # fmt: skip
    assert one(tables["fct_orders"])["gross_revenue"] == 50
    kpis = one(tables["kpi_daily"], report_date=day(11))
    assert (kpis["orders"], kpis["gross_revenue"], kpis["aov"]) == (1, 50, 50)
    person = one(tables["customer_360"])
    assert (person["order_count"], person["monetary"]) == (1, 50)
    assert one(tables["fct_sessions"])["orders"] == 1


def test_something_put_into_a_cart_counts_once_however_often_it_is_sent():
    """Pain 13: one cart listed as abandoned many times.

    There is no table of carts yet: what exists is the count of things put into them.
    """
    add = event("a", "product_added", "11 10:00", product_id="p", price=Decimal(3))
    tables = outcome(told((day(11), [add, add]), (day(12), [add]), (day(13), [add])))
    adds = column(tables["kpi_daily"], "cart_adds", "report_date")
    assert adds == [1, 0, 0]
    assert one(tables["fct_sessions"])["cart_adds"] == 1

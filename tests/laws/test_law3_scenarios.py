"""Law 3, situation by situation: each is compared after every run, and its numbers are by hand.

Belongs here: one short history a test, made so that a careless increment gets it wrong. Not here:
chance (`test_law3_incremental_equals_rebuild`), kills at every place (`test_law3_kills`).
"""

import hashlib
from datetime import timedelta
from decimal import Decimal

from tests.laws.judging import OF_THE_SPINE, outcome_by
from tests.laws.stories import at, day, event, killed, one, told, view

outcome = outcome_by(*OF_THE_SPINE)


def md5(*parts: str) -> str:
    """The hash of docs/metrics.md."""
    return hashlib.md5("\x1f".join(parts).encode()).hexdigest()


def visitor(anonymous_id: str) -> str:
    """The visitor of an anonymous id."""
    return md5("anonymous", anonymous_id)


def counts(rows: list[dict], column: str) -> list:
    """A column in order of the rows' first key columns."""
    return [row[column] for row in sorted(rows, key=lambda row: row["started_at"])]


def test_the_copy_that_arrived_first_wins_though_it_turns_up_last_with_another_visitor():
    tables = outcome(told(
        (day(12), [view("e", "11 10:00", "late"), view("f", "11 10:10", "late")]),
        (day(11), [view("e", "11 10:00", "early"), view("g", "11 10:20", "early")]),
    ))  # fmt: skip
    winner = one(tables["fct_events"], event_id="e")
    assert winner["visitor_id"] == visitor("early")
    loser = one(tables["fct_event_duplicates"])
    assert (loser["visitor_id"], loser["is_conflict"]) == (visitor("late"), True)
    sessions = {row["visitor_id"]: row["event_count"] for row in tables["fct_sessions"]}
    assert sessions == {visitor("early"): 2, visitor("late"): 1}


def test_a_displaced_winner_leaves_no_visitor_person_session_or_map_row_behind():
    tables = outcome(told(
        (day(12), [view("e", "11 10:00", "late")]),
        (day(11), [view("e", "11 10:00", "early")]),
    ))  # fmt: skip
    assert [row["visitor_id"] for row in tables["fct_sessions"]] == [visitor("early")]
    assert {row["visitor_id"] for row in tables["map_visitor_person"]} == {visitor("early")}
    persons = [md5("visitor", visitor("early"))]
    assert [row["person_id"] for row in tables["dim_persons"]] == persons
    assert [row["person_id"] for row in tables["customer_360"]] == persons


def test_a_third_copy_finds_the_loser_of_the_first_two():
    copies = {
        number: [event("e", "order_completed", "11 10:00", f"v{number}", order_id=f"o{number}",
                       revenue=Decimal(number))]
        for number in (11, 12, 13)
    }  # fmt: skip
    tables = outcome(told((day(13), copies[13]), (day(12), copies[12]), (day(11), copies[11])))
    assert one(tables["fct_events"])["visitor_id"] == visitor("v11")
    assert len(tables["fct_event_duplicates"]) == 2
    assert one(tables["fct_orders"])["gross_revenue"] == 11
    assert one(tables["arrivals_daily"], arrival_date=day(13))["duplicates"] == 1
    assert one(tables["arrivals_daily"], arrival_date=day(11))["duplicates"] == 0


def test_a_late_event_makes_one_session_of_two():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00"), view("c", "11 10:50"), view("d", "11 20:00")]),
        (day(12), [view("b", "11 10:25")]),
    ))  # fmt: skip
    assert counts(tables["fct_sessions"], "event_count") == [3, 1]
    assert counts(tables["fct_sessions"], "session_number") == [1, 2]
    assert counts(tables["fct_sessions"], "is_late_changed") == [True, False]
    assert len({row["session_id"] for row in tables["fct_events"]}) == 2


def test_a_late_event_before_all_others_renames_the_first_session_and_moves_who_is_new():
    tables = outcome(told(
        (day(12), [view("b", "12 00:05"), view("c", "12 09:00")]),
        (day(13), [view("a", "11 23:50")]),
    ))  # fmt: skip
    assert counts(tables["fct_sessions"], "report_date") == [day(11), day(12)]
    days = {row["report_date"]: row["new_visitors"] for row in tables["kpi_daily"]}
    assert days == {day(11): 1, day(12): 0, day(13): 0}


def test_an_earlier_session_renumbers_all_later_ones_however_far():
    far = [view(f"s{number}", f"{number} 10:00") for number in (13, 14, 20)]
    tables = outcome(told((day(20), far), (day(21), [view("early", "11 10:00")])))
    assert counts(tables["fct_sessions"], "session_number") == [1, 2, 3, 4]
    assert counts(tables["fct_sessions"], "is_new_visitor") == [True, False, False, False]
    days = {row["report_date"]: row["new_visitors"] for row in tables["kpi_daily"]}
    assert (days[day(11)], days[day(13)]) == (1, 0)


def test_exactly_thirty_minutes_stay_one_session_whichever_side_comes_late():
    first, second = view("a", "11 10:00"), view("b", "11 10:30")
    for early, late in ((first, second), (second, first)):
        tables = outcome(told((day(11), [early]), (day(12), [late])))
        assert counts(tables["fct_sessions"], "event_count") == [2]


def test_a_microsecond_more_than_thirty_minutes_makes_two_sessions():
    first, second = view("a", "11 10:00"), view("b", "11 10:30:00.000001")
    for early, late in ((first, second), (second, first)):
        tables = outcome(told((day(11), [early]), (day(12), [late])))
        assert counts(tables["fct_sessions"], "event_count") == [1, 1]


def every_twenty_minutes(hours: int) -> list[dict]:
    """A visitor who never rests, from 11 May 10:00 on."""
    start = at("11 10:00")
    times = (start + timedelta(minutes=20 * number) for number in range(3 * hours))
    return [view(f"r{number}", f"{time:%d %H:%M}") for number, time in enumerate(times)]


def test_a_run_is_cut_at_each_full_day_from_its_first_event():
    rows = every_twenty_minutes(50)
    by_day = {n: [row for row in rows if row["event_ts"].date() == day(n)] for n in (11, 12, 13)}
    tables = outcome(told(*((day(n), mine) for n, mine in by_day.items())))
    assert counts(tables["fct_sessions"], "event_count") == [72, 72, 6]
    assert set(counts(tables["fct_sessions"], "run_started_at")) == {at("11 10:00")}


def test_a_late_first_event_moves_every_cut_of_the_run():
    rows = every_twenty_minutes(50)
    tables = outcome(told((day(13), rows), (day(14), [view("zero", "11 09:50")])))
    assert counts(tables["fct_sessions"], "started_at")[:2] == [at("11 09:50"), at("12 10:00")]
    assert counts(tables["fct_sessions"], "event_count") == [73, 72, 6]


def test_a_late_event_joins_two_long_runs_and_their_cuts_hang_on_the_first():
    rows = every_twenty_minutes(50)
    gap = [row for row in rows if not at("12 02:00") <= row["event_ts"] < at("12 02:40")]
    bridge = [row for row in rows if at("12 02:00") <= row["event_ts"] < at("12 02:40")]
    tables = outcome(told((day(13), gap), (day(14), bridge)))
    assert counts(tables["fct_sessions"], "event_count") == [72, 72, 6]


def test_an_event_late_in_the_second_cut_leaves_the_first_cut_and_keeps_its_anchor():
    rows = every_twenty_minutes(50)
    late = view("late", "12 15:10")
    tables = outcome(told((day(13), rows), (day(14), [late])))
    assert counts(tables["fct_sessions"], "event_count") == [72, 73, 6]


def test_older_days_after_newer_ones():
    tables = outcome(told(
        (day(13), [view("c", "13 00:10"), event("p", "product_viewed", "13 00:20")]),
        (day(11), [view("a", "11 10:00", device_type="phone")]),
        (day(12), [view("b", "12 23:50")]),
    ))  # fmt: skip
    assert counts(tables["fct_sessions"], "event_count") == [1, 3]
    assert [row["mau"] for row in sorted(tables["kpi_daily"], key=lambda r: r["report_date"])] == [
        1, 1, 1,
    ]  # fmt: skip


def test_seals_within_a_day_the_second_with_the_copy_that_counts_as_first():
    history = told(
        (day(11), [view("e", "11 10:00", "b"), view("f", "11 10:05", "b")]),
        (day(11), [view("e", "11 10:00", "a")]),
        (day(11), [view("g", "11 10:30", "a")]),
    )
    second = history.seals[day(11)][1][0]
    second["source_file"] = f"web/{day(11)}/.first.jsonl"
    tables = outcome(history)
    assert one(tables["fct_events"], event_id="e")["visitor_id"] == visitor("a")
    assert one(tables["arrivals_daily"])["rows_logged"] == 4


def test_recency_begins_when_the_first_day_is_closed():
    # A history's last seal closes its day: the first of two runs sees no closed one.
    order = event("o", "order_completed", "11 10:00", order_id="1", revenue=Decimal(5))
    tables = outcome(told((day(11), [order]), (day(11), [view("a", "11 11:00")])))
    assert one(tables["customer_360"])["recency_days"] == 0


def test_a_day_run_twice_changes_nothing():
    rows = [view("a", "11 10:00", user_id="u"), view("b", "11 10:10"), view("a", "11 10:00")]
    once = outcome(told((day(11), rows)))
    twice = outcome(told((day(11), rows), (day(11), []), (day(11), [])))
    for name in ("fct_events", "fct_sessions", "kpi_daily", "customer_360", "dim_persons"):
        assert sorted(map(repr, once[name])) == sorted(map(repr, twice[name]))


def test_a_log_in_relabels_the_visitors_past():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00"), event("p", "product_viewed", "11 10:01", product_id="x",
                                                category="hats")]),
        (day(15), [event("l", "login_succeeded", "15 10:00", user_id="u")]),
    ))  # fmt: skip
    person = one(tables["customer_360"])
    assert person["person_id"] == md5("user", "u")
    assert (person["event_count"], person["favourite_category"]) == (3, "hats")
    assert one(tables["dim_persons"])["is_known"]


def test_a_log_in_of_another_user_in_between_splits_the_past_and_its_rolling_counts():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00"), view("b", "13 10:00")]),
        (day(15), [event("l", "login_succeeded", "15 10:00", user_id="u")]),
        (day(16), [event("m", "login_succeeded", "12 10:00", user_id="w")]),
    ))  # fmt: skip
    seen = {row["user_id"]: row["event_count"] for row in tables["dim_persons"]}
    assert seen == {"w": 3, "u": 1}
    assert one(tables["kpi_daily"], report_date=day(13))["mau"] == 1


def test_a_sixth_user_makes_a_device_shared_and_takes_its_past_from_the_first():
    users = [
        event(f"l{n}", "login_succeeded", f"{n} 10:00", user_id=f"u{n}") for n in range(12, 17)
    ]
    sixth = event("l6", "login_succeeded", "18 10:00", user_id="u6")
    tables = outcome(told((day(11), [view("a", "11 10:00")]), (day(17), users), (day(18), [sixth])))
    own = one(tables["customer_360"], person_id=md5("visitor", visitor("v")))
    assert (own["event_count"], own["first_seen_at"]) == (1, at("11 10:00"))


def test_a_log_in_that_turns_out_to_be_somebody_elses_gives_the_past_back():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00")]),
        (day(15), [event("l", "login_succeeded", "12 10:00", "v", user_id="u")]),
        (day(12), [event("l", "login_succeeded", "12 10:00", "other", user_id="u")]),
    ))  # fmt: skip
    assert one(tables["dim_persons"], is_known=False)["event_count"] == 1
    assert one(tables["dim_persons"], is_known=True)["event_count"] == 1


def money(event_id: str, name: str, when: str, amount: int | None, **columns) -> dict:
    """An event of order 1."""
    revenue = None if amount is None else Decimal(amount)
    return event(event_id, name, when, order_id="1", revenue=revenue, **columns)


def test_an_update_much_later_restates_the_day_of_the_order():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00"), money("o", "order_completed", "11 10:05", 50)]),
        (day(20), [money("u", "order_updated", "20 08:00", 30)]),
        (day(21), [money("n", "order_updated", "21 08:00", None)]),
    ))  # fmt: skip
    assert one(tables["fct_orders"])["gross_revenue"] == 30
    assert one(tables["kpi_daily"], report_date=day(11))["gross_revenue"] == 30
    assert one(tables["fct_sessions"])["revenue"] == 30
    assert one(tables["customer_360"])["monetary"] == 30


def test_an_update_before_its_order_waits_for_it():
    tables = outcome(told(
        (day(11), [money("u", "order_updated", "11 12:00", 30)]),
        (day(12), [money("o", "order_completed", "11 10:00", 50)]),
    ))  # fmt: skip
    assert one(tables["fct_orders"])["gross_revenue"] == 30


def test_an_order_that_was_a_copy_of_another_vanishes():
    tables = outcome(told(
        (day(12), [event("o", "order_completed", "11 10:00", order_id="2", revenue=Decimal(9))]),
        (day(11), [event("o", "order_completed", "11 10:00", order_id="1", revenue=Decimal(7))]),
    ))  # fmt: skip
    assert one(tables["fct_orders"])["order_id"] == "1"
    assert one(tables["kpi_daily"], report_date=day(11))["gross_revenue"] == 7


def test_an_order_follows_its_session_when_a_late_event_renames_it():
    tables = outcome(told(
        (day(11), [money("o", "order_completed", "11 10:00", 50), view("b", "11 11:00")]),
        (day(12), [view("a", "11 09:45", utm_source="google", utm_medium="cpc")]),
    ))  # fmt: skip
    order, first = one(tables["fct_orders"]), one(tables["fct_sessions"], orders=1)
    assert order["session_id"] == first["session_id"]
    paid = one(tables["kpi_daily_by_dimension"], dimension="channel", value="Paid Search")
    assert paid["gross_revenue"] == 50


def test_a_refund_without_visitor_goes_to_the_person_of_its_order_that_arrives_later():
    tables = outcome(told(
        (day(15), [money("r", "order_refunded", "15 10:00", 20) | {"anonymous_id": None}]),
        (day(16), [money("o", "order_completed", "11 10:00", 50)]),
        (day(17), [event("l", "login_succeeded", "17 10:00", user_id="u")]),
    ))  # fmt: skip
    assert one(tables["customer_360"], user_id="u")["monetary"] == 30
    assert one(tables["kpi_daily"], report_date=day(15))["net_revenue"] == -20


def test_a_step_that_arrives_late_lets_an_entry_of_another_day_reach_further():
    tables = outcome(told(
        (day(11), [event("a", "product_viewed", "11 23:00"),
                   event("c", "order_completed", "12 01:00")]),
        (day(14), [event("b", "product_added", "11 23:30")]),
    ))  # fmt: skip
    entry = one(tables["fct_funnel_entries"], funnel="purchase")
    assert (entry["entry_date"], entry["reached"]) == (day(11), 3)


def test_a_run_that_dies_after_identity_relabelled_the_past_still_moves_it():
    history = told(
        (day(11), [view("a", "11 10:00"), money("o", "order_completed", "11 10:05", 50)]),
        (day(15), [event("l", "login_succeeded", "15 10:00", user_id="u")]),
    )
    follow = outcome_by("customer_360", "int_person_days", "int_person_totals")
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        tables = follow(killed(history, 1, share))
        assert one(tables["customer_360"])["person_id"] == md5("user", "u")


def test_report_dates_of_another_zone_move_with_a_late_event():
    tables = outcome(told(
        (day(12), [view("b", "11 22:20")]), (day(13), [view("a", "11 21:55")]),
        timezone="Europe/Berlin",
    ))  # fmt: skip
    assert one(tables["fct_sessions"])["report_date"] == day(11)
    days = {row["report_date"]: row["page_views"] for row in tables["kpi_daily"]}
    assert (days[day(11)], days[day(12)]) == (1, 1)

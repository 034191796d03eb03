"""Random histories: what they must contain to be worth checking, and what a plan promises."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from tests.laws import shop
from tests.laws.histories import History, histories, random_history, recut
from tests.laws.oracle import build

HALF_HOUR = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)
BEGINNING, END = datetime(1900, 1, 1), datetime(9999, 12, 31)
SEEDS = range(400)
# What recutting arrival days may change.
ARRIVAL_COLUMNS = {"arrival_date", "source_file", "source_line", "is_late_changed"}


def tables(history):
    return build(
        history.log_rows,
        registry=shop.REGISTRY,
        sources=shop.SOURCES,
        settings=history.settings,
        as_of=history.as_of,
        funnels=shop.FUNNELS,
        referrer_hosts=shop.REFERRER_HOSTS,
        erasures=list(history.erasures),
        rates=shop.RATES,
    )


def without_arrival(rows):
    """Rows as comparable text, in one order, the arrival columns left out."""
    kept = [{k: v for k, v in row.items() if k not in ARRIVAL_COLUMNS} for row in rows]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in kept)


def map_traits(built):
    for row in built["map_visitor_person"]:
        tied = row["evidence_event_key"] is not None
        if tied and row["valid_from"] == BEGINNING:
            yield "first tie reaches back"
        if not tied and row["valid_from"] != BEGINNING and row["valid_to"] != END:
            yield "logged out between two ties"
        if tied and row["valid_from"] != BEGINNING:
            yield "identity switch"
    ties = {r["visitor_id"] for r in built["map_visitor_person"] if r["evidence_event_key"]}
    for row in built["map_visitor_person"]:
        if row["visitor_id"] in ties and row["valid_from"] == BEGINNING:
            yield "tied later" if row["evidence_event_key"] else "shared visitor"


def tie_traits(history, built):
    persons: dict[str, set[str]] = {}
    bearers = Counter((row["tie_kind"], row["key_id"]) for row in built["map_user_person"])
    for row in built["map_user_person"]:
        persons.setdefault(row["person_id"], set()).add(row["user_id"])
        yield f"tied by {row['tie_kind']}"
        yield "oldest" if row["is_oldest"] else "absorbed"
    for users in persons.values():
        yield "person of several users"
        if len(users) > max(bearers.values()):
            yield "chain of users"
    shown: dict[tuple[str, str], set[str]] = {}
    for row in history.log_rows:
        for name, value in json.loads(row["properties"]).items():
            if name in ("crm_id", "email") and row["user_id"]:
                shown.setdefault((name, str(value)), set()).add(row["user_id"])
                shown.setdefault((name, f"of {row['user_id']}"), set()).add(str(value))
    for (_, what), others in shown.items():
        if len(others) > 5:
            yield "user of many keys" if what.startswith("of ") else "key of many users"


def erasure_traits(history, built):
    for one in history.erasures:
        yield "erased user" if one["user_id"] else "erased visitor"
    if history.erasures and history.plan[0].erased != history.plan[-1].erased:
        yield "erased between runs"
    persons = {row["person_id"] for row in built["dim_persons"]}
    for row in built["map_visitor_person"]:
        if row["is_erased"]:
            yield "erased in part" if row["person_id"] in persons else "erased person"


def gap_traits(built):
    names = {
        timedelta(0): "tied times",
        HALF_HOUR: "gap of exactly 30 minutes",
        HALF_HOUR + MICROSECOND: "gap of 30 minutes and 1 microsecond",
    }
    times: dict[str, list[datetime]] = {}
    for event in built["fct_events"]:
        if event["is_sessionable"]:
            times.setdefault(event["visitor_id"], []).append(event["event_ts"])
    for visits in times.values():
        for before, after in pairwise(sorted(visits)):
            if after - before in names:
                yield names[after - before]


def session_traits(built):
    for session in built["fct_sessions"]:
        if session["started_at"] != session["run_started_at"]:
            yield "run cut at 24 hours"
        if session["ended_at"].date() != session["started_at"].date():
            yield "session over midnight"
        if session["engaged_s"]:
            yield "engaged time"
        yield f"channel {session['channel']}"
        if session["is_late_changed"] and session["session_number"] > 1:
            yield "late event in a later session"


def order_traits(built):
    sent = Counter(e["role"] for e in built["fct_events"])
    if sent["order"] > len(built["fct_orders"]):
        yield "order of several events"
    for order in built["fct_orders"]:
        yield "order with value" if order["gross_revenue"] is not None else "order without value"
        if order["order_id"] is None:
            yield "order without id"
        if order["line_count"] > 1:
            yield "order of several lines"
        if order["session_id"] is None:
            yield "order outside a session"
    for refund in built["fct_refunds"]:
        yield "refund with order" if refund["order_key"] else "refund without order"
        yield "refund without amount" if refund["amount"] is None else "refund with amount"
        if refund["visitor_id"] is None:
            yield "refund without visitor"


def event_traits(built):
    for loser in built["fct_event_duplicates"]:
        yield "conflict" if loser["is_conflict"] else "duplicate"
    for event in built["fct_events"]:
        if event["is_unregistered"]:
            yield "unregistered"
        if event["visitor_id"] is None:
            yield "nobody"
        if event["report_date"] != event["event_date"]:
            yield "report date of another zone"
        if event["arrival_date"] < event["event_date"]:
            yield "arrived before its date"
    arrivals: dict[object, set[object]] = defaultdict(set)
    for event in built["fct_events"]:
        if event["is_bot"] and not event["is_declared_bot"]:
            yield "too fast"
            arrivals[event["visitor_id"], event["event_date"]].add(event["arrival_date"])
    if any(len(dates) > 1 for dates in arrivals.values()):
        yield "too fast on several arrival days"


def mart_traits(history, built):
    for entry in built["fct_funnel_entries"]:
        yield f"funnel {entry['funnel']} reached {entry['reached']}"
    for row in built["kpi_daily"]:
        if row["repeat_ordering_persons"]:
            yield "repeat order"
        if row["report_date"] > history.as_of:
            yield "report date after as_of"
        if row["ctr"]:
            yield "clicks on impressions"
    for row in built["customer_360"]:
        yield "customer with orders" if row["order_count"] else "customer without orders"


def plan_traits(history):
    for run in history.plan:
        yield "kill" if run.kill_after else "finished run"
        yield "range" if len(run.days) > 1 else "single day"
        if min(run.days) < max(run.visible):
            yield "older day after newer"
        if any(run.visible[day] < len(history.seals[day]) for day in run.days):
            yield "first seal alone"


EXPECTED = {
    *("first tie reaches back", "logged out between two ties", "identity switch", "shared visitor"),
    *("tied by crm", "tied by email", "oldest", "absorbed", "person of several users"),
    *("chain of users", "key of many users", "user of many keys"),
    *("erased user", "erased visitor", "erased between runs", "erased in part", "erased person"),
    *("tied times", "gap of exactly 30 minutes", "gap of 30 minutes and 1 microsecond"),
    *("run cut at 24 hours", "session over midnight", "engaged time"),
    *("late event in a later session", "channel Email", "channel Direct", "channel Organic Search"),
    *("order of several events", "order with value", "order without value", "order without id"),
    *("order of several lines", "order outside a session", "refund with order"),
    *("refund without order", "refund without amount", "refund with amount"),
    *("refund without visitor", "conflict", "duplicate", "unregistered", "nobody"),
    *("funnel purchase reached 3", "funnel direct reached 3", "funnel visit reached 3"),
    *("funnel same_product reached 2", "funnel same_kind reached 3", "funnel kept reached 2"),
    *("funnel second_look reached 3", "report date of another zone", "arrived before its date"),
    *("repeat order", "report date after as_of", "clicks on impressions"),
    *("customer with orders", "customer without orders", "kill", "finished run", "range"),
    *("single day", "older day after newer", "first seal alone"),
    *("too fast", "too fast on several arrival days"),
}


def test_random_histories_contain_every_awkward_case_often():
    found: Counter[str] = Counter()
    for seed in SEEDS:
        history = random_history(Random(seed))
        built = tables(history)
        found.update(
            {
                *map_traits(built),
                *tie_traits(history, built),
                *erasure_traits(history, built),
                *gap_traits(built),
                *session_traits(built),
                *order_traits(built),
                *event_traits(built),
                *mart_traits(history, built),
                *plan_traits(history),
            }
        )
    rare = {trait: found[trait] for trait in EXPECTED if found[trait] < len(SEEDS) // 100}
    assert rare == {}


@pytest.mark.parametrize("seed", range(40))
def test_cutting_the_same_arrivals_into_other_days_changes_only_arrival_columns(seed):
    history = random_history(Random(seed))
    other = recut(history, Random(seed))
    assert other.as_of == history.as_of
    assert len(other.log_rows) == len(history.log_rows)
    before, after = tables(history), tables(other)
    for name in set(before) - {"arrivals_daily"}:
        assert without_arrival(before[name]) == without_arrival(after[name]), name


def assert_plan_keeps_its_promises(history: History):
    last = history.plan[-1]
    assert last.kill_after is None
    assert history.closed_at(len(history.plan) - 1) == set(history.seals)
    assert history.rows_at(len(history.plan) - 1) == history.log_rows
    assert history.erasures_at(len(history.plan) - 1) == list(history.erasures)
    found = [
        row for n in range(len(history.plan)) for _, seal in history.new_seals(n) for row in seal
    ]
    assert len(found) == len(history.log_rows)
    asked: set[object] = set()
    for run in history.plan:
        asked |= set(run.days)
        assert set(run.visible) == asked


def test_plans_end_with_everything_in_the_log_and_finished():
    for seed in SEEDS:
        assert_plan_keeps_its_promises(random_history(Random(seed)))


def test_every_row_could_have_arrived_when_it_did():
    for seed in SEEDS:
        history = random_history(Random(seed))
        for one in (history, recut(history, Random(seed))):
            rows = one.log_rows
            places = {(r["source_file"], r["source_line"]) for r in rows}
            assert len(places) == len(rows)
            for row in rows:
                assert row["event_ts"].date() <= row["arrival_date"] + timedelta(days=1)


def test_the_same_seed_gives_the_same_history():
    assert random_history(Random(7)) == random_history(Random(7))


def test_a_prefix_keeps_histories_apart():
    ids = [
        {
            row[column]
            for row in random_history(Random(seed), prefix=prefix).log_rows
            for column in ("event_id", "anonymous_id", "device_id", "user_id", "order_id")
            if row[column] is not None
        }
        for seed, prefix in ((1, "h1-"), (2, "h2-"))
    ]
    assert ids[0].isdisjoint(ids[1])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_the_strategy_gives_histories_that_the_oracle_can_build(history):
    assert_plan_keeps_its_promises(history)
    built = tables(history)
    assert len(built["fct_events"]) + len(built["fct_event_duplicates"]) == len(history.log_rows)

"""Searches and content situation by situation: law 3 after every run, and the numbers by hand.

Belongs here: what moves what a search led to, and where a view ends. Not here: the counting itself
(`tests/unit/laws/test_oracle_engagement.py`), nor rules broken on purpose.
"""

import json
from decimal import Decimal

from tests.laws.broken_engagement_rules import content, order, search
from tests.laws.judging import outcome_by
from tests.laws.stories import day, event, killed, told, view

outcome = outcome_by(
    "fct_content_views", "content_engagement", "fct_searches", "search_performance",
)  # fmt: skip


def led(tables):
    """Orders and revenue by date and query."""
    return {
        (row["report_date"], row["query"]): (row["orders"], row["gross_revenue"])
        for row in tables["search_performance"]
    }


def test_a_search_that_arrives_late_takes_the_order_from_the_one_before_it():
    steps = [
        (day(12), [search("s", "11 10:00", "hat"), order("o", "order_completed", "11 10:20", 5)])
    ]
    assert led(outcome(told(*steps))) == {(day(11), "hat"): (1, 5)}
    steps.append((day(13), [search("t", "11 10:10", "bag")]))
    assert led(outcome(told(*steps))) == {(day(11), "hat"): (0, 0), (day(11), "bag"): (1, 5)}


def test_an_order_that_is_updated_weeks_later_is_worth_more_to_its_search():
    steps = (
        (day(11), [search("s", "10 23:55", "hat"), order("o", "order_completed", "11 00:05", 5)]),
        (day(30), [order("u", "order_updated", "30 10:00", 9, visitor=None)]),
    )
    assert led(outcome(told(*steps))) == {(day(10), "hat"): (1, Decimal(9))}


def test_a_session_that_a_late_event_joins_leads_from_its_search_to_its_order():
    steps = [
        (day(12), [search("s", "11 10:00", "hat"), order("o", "order_completed", "11 10:50", 5)])
    ]
    assert led(outcome(told(*steps))) == {(day(11), "hat"): (0, 0)}
    steps.append((day(13), [event("p", "product_viewed", "11 10:25", product_id="p")]))
    history = told(*steps)
    assert led(outcome(history)) == {(day(11), "hat"): (1, 5)}
    for share in (0.6, 0.8):
        assert led(outcome(killed(history, 1, share))) == {(day(11), "hat"): (1, 5)}, share


def test_views_that_a_late_event_joins_and_a_later_copy_parts():
    steps = [(day(12), [content("a", "11 10:00", progress_pct=20), content("b", "11 10:40")])]
    steps.append((day(13), [view("m", "11 10:20")]))
    (joined,) = outcome(told(*steps))["fct_content_views"]
    assert (joined["dwell_s"], joined["share_seen"]) == (2400, 0.2)
    steps.append((day(11), [view("m", "11 10:20", "other")]))
    history = told(*steps)
    for one in (history, killed(history, 2, 0.6), killed(history, 2, 0.75)):
        parted = outcome(one)["fct_content_views"]
        assert sorted((view["event_count"], view["dwell_s"]) for view in parted) == [(1, None)] * 2


def test_a_line_that_stands_for_several_attempts_says_so_until_another_copy_of_it_wins():
    outcome = outcome_by("fct_auth_events")

    def refused(**properties: object):
        said = json.dumps(properties)
        return event("a", "login_failed", "11 10:00", user_id="u", properties=said)

    steps = [(day(12), [refused(occurrences=5), event("b", "login_failed", "11 10:00")])]
    found = outcome(told(*steps))["fct_auth_events"]
    assert sorted(one["occurrences"] for one in found) == [1, 5]
    steps.append((day(11), [refused(occurrences="3")]))
    found = outcome(told(*steps))["fct_auth_events"]
    assert sorted(one["occurrences"] for one in found) == [1, 3]


def test_a_view_over_midnight_counts_on_the_date_it_began():
    rows = [content("a", "11 23:50"), content("b", "12 00:10", "completed")]
    (found,) = outcome(told((day(12), rows)))["content_engagement"]
    assert (found["report_date"], found["completions"], found["dwell_s_sum"]) == (day(11), 1, 1200)

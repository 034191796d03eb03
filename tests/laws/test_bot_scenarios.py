"""Visitors too fast for a person, situation by situation, with numbers by hand.

Belongs here: short histories, compared after every run; the shop takes three views a minute. Not
here: chance (`test_law3_incremental_equals_rebuild`), rules broken on purpose (`broken_bot_rules`).
"""

from tests.laws.broken_bot_rules import IN_CART, ORDERS, views
from tests.laws.judging import Tables, outcome_by
from tests.laws.stories import Step, day, event, one, told, view

outcome = outcome_by("fct_events", "fct_sessions", "fct_product_interactions", "kpi_daily",
                     "arrivals_daily", "int_fast_visitor_days")  # fmt: skip


def after(*steps: Step) -> Tables:
    """What a story comes to, beside a visitor who views a page on each date."""
    quiet = [view(f"q{date:02}", f"{date} 12:00", "quiet") for date in (11, 12)]
    return outcome(told((day(12), quiet), *steps))


def machines(tables: Tables) -> str:
    """The ids of events that are a machine's, in one word."""
    return "".join(sorted(row["event_id"] for row in tables["fct_events"] if row["is_bot"]))


def kpis(tables: Tables, number: int, *names: str) -> list[int]:
    """Some numbers of a date."""
    row = one(tables["kpi_daily"], report_date=day(number))
    return [row[name] for name in names]


def test_a_view_that_comes_days_later_takes_a_visitors_date_out_of_the_marts():
    on_time = (day(12), [*views("abc"), IN_CART])
    before = after(on_time)
    assert machines(before) == ""
    assert kpis(before, 11, "visitors", "page_views", "cart_adds") == [2, 4, 1]
    later = after(on_time, (day(15), views("d", "11 10:00")))
    assert machines(later) == "abcdput"
    assert kpis(later, 11, "visitors", "page_views", "cart_adds") == [1, 1, 0]
    assert one(later["int_fast_visitor_days"]) == {
        "visitor_id": one(later["fct_events"], event_id="a")["visitor_id"], "event_date": day(11),
        "peak_views_per_minute": 4, "fast_from_arrival_date": day(15),
    }  # fmt: skip
    assert [row["is_bot"] for row in later["fct_sessions"]].count(True) == 2
    assert not one(later["fct_events"], event_id="d")["is_declared_bot"]


def test_how_many_were_too_fast_is_told_by_the_date_on_which_each_arrived():
    tables = after((day(13), [*views("abc"), view("m", "11 09:00", is_bot=True)]),
                   (day(15), views("d", "11 10:00")))  # fmt: skip
    told_of = {
        row["arrival_date"]: (row["declared_bot_events"], row["fast_visitor_events"])
        for row in tables["arrivals_daily"]
    }
    assert told_of == {day(12): (0, 0), day(13): (1, 3), day(15): (0, 1)}


def test_a_view_that_is_sent_again_counts_once():
    assert machines(after((day(12), views("abc")), (day(13), views("abc")))) == ""


def test_a_copy_counts_by_what_it_says_itself():
    """The fourth view is another visitor's event, and its copy this one's view."""
    tables = after((day(12), [*views("abc"), view("d", "11 10:00:30", "other")]),
                   (day(13), views("xxxd")[3:]))  # fmt: skip
    assert machines(tables) == "abc"


def test_orders_and_other_things_of_one_minute_are_no_views():
    pings = [event(f"p{n}", "page_pinged", f"11 10:00:{n:02}", page_path="/") for n in range(4)]
    adds = [event(f"a{n}", "product_added", f"11 10:00:{n:02}", product_id="p") for n in range(4)]
    assert machines(after((day(12), [*ORDERS, *pings, *adds, *views("abc")]))) == ""


def test_product_views_count_with_page_views():
    products = [event(n, "product_viewed", "11 10:00:50", product_id=n) for n in "cd"]
    assert machines(after((day(12), [*views("ab"), *products]))) == "abcd"


def test_minutes_are_those_of_the_clock():
    apart = [*views("ab", "11 10:00"), *views("cd", "11 10:01")]
    assert machines(after((day(12), apart))) == ""


def test_a_session_over_midnight_is_a_machines_by_either_date_and_its_events_by_their_own():
    tables = after((day(12), [*views("abcd", "11 23:59"), *views("e", "12 00:00")]))
    assert machines(tables) == "abcd"
    session = one(tables["fct_sessions"], event_count=5)
    assert session["is_bot"]
    assert kpis(tables, 12, "page_views", "sessions") == [2, 1]


def test_who_is_known_as_fast_stays_so_for_what_comes_later():
    assert machines(after((day(12), views("abcd")), (day(14), [IN_CART]))) == "abcdput"


def test_nobody_is_too_fast_without_a_visitor():
    assert machines(after((day(12), views("abcd", visitor=None)))) == ""

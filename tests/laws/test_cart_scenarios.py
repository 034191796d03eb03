"""Carts situation by situation: law 3 after every run, and what stands in the end by hand.

Belongs here: what a later day makes of a cart, and kills while one falls due. Not here: the walk
through a cart's events itself (`tests/unit/laws/test_oracle_carts.py`), nor rules broken on purpose
(`broken_cart_rules`).

In the shop of the laws a cart is abandoned after 24 hours and recovered within 2 days more.
"""

from decimal import Decimal

from tests.laws.broken_cart_rules import add, look, order, remove
from tests.laws.harness import Tables
from tests.laws.judging import killed_after, outcome_by
from tests.laws.stories import at, day, one, told

CARTS = (
    "fct_carts", "fct_cart_events", "cart_abandonment", "int_cart_actions", "int_cart_stretches",
    "int_carts", "int_cart_days",
)  # fmt: skip
outcome = outcome_by(*CARTS)


def told_of(tables: Tables) -> list[tuple[object, ...]]:
    """State and value of each cart, by the time it was opened."""
    carts = sorted(tables["fct_carts"], key=lambda cart: cart["opened_at"])
    return [(cart["state"], int(cart["value"])) for cart in carts]


def test_a_cart_falls_due_on_a_day_that_brings_nothing():
    steps = ((day(11), [add("a", "11 10:00")]), (day(12), []))
    open_cart, due = (outcome(told(*steps[:number])) for number in (1, 2))
    assert told_of(open_cart) == [("open", 10)]
    assert told_of(due) == [("abandoned", 10)]
    assert one(due["fct_carts"])["abandoned_at"] == at("12 10:00")
    rates = [one(tables["cart_abandonment"]) for tables in (open_cart, due)]
    assert [rate["cart_abandonment_rate"] for rate in rates] == [None, 1.0]
    assert one(due["cart_abandonment"])["abandoned_value"] == 10


def test_a_cart_that_falls_due_while_a_run_dies_is_abandoned_after_the_next():
    history = told((day(11), [add("a", "11 10:00")]), (day(12), [add("b", "12 11:00", "w")]))
    for dead in ("int_cart_actions", "int_carts"):
        tables = outcome(killed_after(history, 1, dead, CARTS))
        assert told_of(tables) == [("abandoned", 10), ("open", 10)], dead


def test_value_over_time_is_what_was_in_the_cart_after_each_event():
    rows = [
        add("a", "11 10:00", quantity=Decimal(2)),
        add("b", "11 10:05", product_id="q", price=Decimal("2.50")),
        look("c", "11 10:06"),
        remove("d", "12 09:00", price=Decimal(9)),
        order("e", "12 09:30"),
    ]
    tables = outcome(told((day(11), rows[:3]), (day(12), rows[3:])))
    steps = sorted(tables["fct_cart_events"], key=lambda step: step["step_number"])
    assert [(step["item_count"], step["value"]) for step in steps] == [
        (2, 20), (3, Decimal("22.5")), (3, Decimal("22.5")), (2, Decimal("11.5"))
    ]  # fmt: skip
    cart = one(tables["fct_carts"])
    assert (cart["state"], cart["value"], cart["peak_value"]) == (
        "ordered", Decimal("11.5"), Decimal("22.5")
    )  # fmt: skip
    assert cart["ended_at"] == cart["ordered_at"] == at("12 09:30")
    assert one(tables["cart_abandonment"])["median_minutes_to_order"] == 23.5 * 60


def test_a_late_event_keeps_a_cart_alive_that_was_abandoned():
    steps = ((day(13), [add("a", "11 10:00"), add("b", "12 20:00")]),)
    assert told_of(outcome(told(*steps))) == [("abandoned", 10), ("abandoned", 10)]
    tables = outcome(told(*steps, (day(14), [look("c", "12 09:00")])))
    assert told_of(tables) == [("abandoned", 20)]
    cart = one(tables["fct_carts"])
    assert (cart["last_event_at"], cart["event_count"]) == (at("12 20:00"), 3)
    assert one(tables["cart_abandonment"])["report_date"] == day(11)


def test_an_order_that_was_no_order_leaves_the_cart_to_be_abandoned():
    steps = ((day(13), [add("a", "11 10:00"), order("o", "11 11:00")]),)
    assert told_of(outcome(told(*steps))) == [("ordered", 10)]
    tables = outcome(told(*steps, (day(12), [look("o", "11 11:00")])))
    assert told_of(tables) == [("abandoned", 10)]
    assert one(tables["fct_carts"])["last_event_at"] == at("11 11:00")


def test_one_order_sent_twice_ends_one_cart():
    rows = [
        add("a", "11 10:00"), order("o", "11 11:00", order_id="1"),
        add("b", "12 10:00"), order("p", "12 11:00", order_id="1"),
    ]  # fmt: skip
    tables = outcome(told((day(12), rows), (day(13), [])))
    assert told_of(tables) == [("ordered", 10), ("abandoned", 10)]


def test_a_cart_with_an_id_goes_on_with_another_visitor_and_one_without_anybody_is_none():
    rows = [
        add("a", "11 10:00", cart_id="c"),
        add("b", "11 11:00", "w", cart_id="c"),
        add("c", "11 12:00", None, cart_id="d"),
        add("d", "11 13:00", None),
        order("o", "11 14:00", "w"),
    ]
    tables = outcome(told((day(11), rows), (day(12), [])))
    assert told_of(tables) == [("ordered", 20), ("abandoned", 10)]
    anonymous = one(tables["fct_carts"], cart_id="d")
    assert (anonymous["visitor_id"], anonymous["user_id"]) == (None, None)


def test_a_cart_over_midnight_counts_on_the_reporting_zones_date_of_its_opening():
    # 22:30 UTC on 11 May is 12 May in Berlin.
    rows = [add("a", "11 22:30"), add("b", "11 21:30", "w"), order("o", "12 08:00", "w")]
    tables = outcome(told((day(12), rows), (day(13), []), timezone="Europe/Berlin"))
    counts = {
        row["report_date"]: (row["ordered_carts"], row["abandoned_carts"])
        for row in tables["cart_abandonment"]
    }
    assert counts == {day(11): (1, 0), day(12): (0, 1)}


def test_a_day_makes_again_the_carts_that_it_touches_and_no_others():
    rows = [add("a", "11 10:00"), order("o", "11 11:00"), add("b", "11 10:00", "w")]
    steps = ((day(11), rows), (day(18), [add("c", "18 10:00")]), (day(25), [add("d", "25 10:00")]))
    tables = outcome(told(*steps))
    assert [step["event_ts"] for step in tables["int_cart_steps"]] == [at("25 10:00")]
    late = outcome(told(*steps, (day(26), [look("e", "11 10:30")])))
    # What an order may still recover reaches three days back; nothing else does.
    assert {step["event_ts"].day for step in late["int_cart_steps"]} == {11}
    assert len({step["cart_key"] for step in late["int_cart_steps"]}) == 1

"""Triggers situation by situation: law 3 after every run, and what fires by hand.

Belongs here: windows, cool-downs, budgets, and what late events do to them. Not here: what is sent
(`tests/integration/records`), nor rules broken on purpose.

The shop's rule `bags_compared` wants two different bags within ten minutes, fires once a day for a
visitor and twice a day in all; `shoes_disliked` wants a review of at most two stars, once an hour;
`cart_left` a cart of more than 8 left alone for half an hour, once a day.
"""

from datetime import datetime
from decimal import Decimal

import pytest

from tests.laws.compiled import compiled_models
from tests.laws.judging import outcome_by
from tests.laws.stories import at, day, event, killed, told
from tests.laws.warehouse import Warehouse

outcome = outcome_by(
    "trigger_firings", "int_trigger_events", "int_trigger_carts", "int_trigger_firings"
)  # fmt: skip

Row = dict[str, object]


def bag(event_id: str, when: str, product: str, visitor: str = "v", **columns: object) -> Row:
    """A view of a bag."""
    return event(event_id, "product_viewed", when, visitor, product_id=product, category="bags",
                 **columns)  # fmt: skip


def review(event_id: str, when: str, product: str, stars: float, visitor: str = "v") -> Row:
    """A review of shoes."""
    return event(event_id, "product_reviewed", when, visitor, product_id=product,
                 category="shoes", properties=f'{{"rating": {stars}}}')  # fmt: skip


def fired(tables: dict[str, list[Row]], rule: str = "bags_compared") -> list[datetime]:
    """When a rule fired, in order."""
    return sorted(row["fired_at"] for row in tables["trigger_firings"] if row["rule"] == rule)


def test_the_window_is_ten_minutes_to_the_microsecond_and_crosses_midnight():
    first = bag("a", "11 23:55", "p1")
    for second, times in (("12 00:05:00", [at("12 00:05")]), ("12 00:05:00.000001", [])):
        tables = outcome(told((day(11), [first]), (day(12), [bag("b", second, "p2")])))
        assert fired(tables) == times, second


def test_the_same_product_thrice_is_one():
    rows = [bag(f"{n}", f"11 10:0{n}", "p1") for n in range(3)]
    assert fired(outcome(told((day(11), rows)))) == []
    assert fired(outcome(told((day(11), [*rows, bag("x", "11 10:03", "p2")])))) == [at("11 10:03")]


def test_a_late_view_completes_a_firing_and_another_brings_it_forward():
    steps = ((day(11), [bag("a", "11 10:00", "p1"), bag("c", "11 10:09", "p2")]),)
    assert fired(outcome(told(*steps))) == [at("11 10:09")]
    steps = (*steps, (day(13), [bag("b", "11 10:04", "p3")]))
    assert fired(outcome(told(*steps))) == [at("11 10:04")]


def test_a_copy_that_arrived_first_takes_a_firing_back():
    rows = [bag("a", "11 10:00", "p1"), bag("b", "11 10:05", "p2")]
    steps = ((day(12), rows),)
    assert fired(outcome(told(*steps))) == [at("11 10:05")]
    # By the older arrival it was somebody else's view.
    steps = (*steps, (day(11), [bag("b", "11 10:05", "p2", "other")]))
    assert fired(outcome(told(*steps))) == []


def test_a_cool_down_lets_the_first_moment_after_it_through_and_late_data_moves_the_chain():
    pairs = [
        bag(f"{number}{product}", f"{number} {hour}:0{product}", f"p{product}")
        for number, hour in ((11, "12"), (12, "10"), (13, "09"))
        for product in (1, 2)
    ]
    # The 12th at 10:02 is within a day of the 11th at 12:02; the 13th at 9:02 is beyond.
    tables = outcome(told((day(13), pairs)))
    assert fired(tables) == [at("11 12:02"), at("13 09:02")]
    # An earlier moment on the 11th lets the 12th through, which holds back the 13th.
    earlier = [bag("x1", "11 10:01", "p1"), bag("x2", "11 10:02", "p2")]
    tables = outcome(told((day(13), pairs), (day(14), earlier)))
    assert fired(tables) == [at("11 10:02"), at("12 10:02")]


def test_a_cool_down_ends_exactly_when_it_is_over():
    rows = [bag(f"{n}{p}", f"{n} 10:0{p}", f"p{p}") for n in (11, 12) for p in (1, 2)]
    assert fired(outcome(told((day(12), rows)))) == [at("11 10:02"), at("12 10:02")]


def test_a_days_budget_goes_to_the_first_and_late_data_may_put_another_out():
    def of(visitor: str, minute: int) -> list[Row]:
        return [bag(f"{visitor}{n}", f"11 10:{minute + n:02}", f"p{n}", visitor) for n in (0, 1)]

    steps = ((day(11), [*of("a", 10), *of("b", 20), *of("c", 30)]),)
    assert fired(outcome(told(*steps))) == [at("11 10:11"), at("11 10:21")]
    steps = (*steps, (day(12), of("d", 0)))
    assert fired(outcome(told(*steps))) == [at("11 10:01"), at("11 10:11")]


def test_what_is_over_the_budget_has_used_its_cool_down():
    rows = [
        bag(f"{visitor}{n}", f"11 10:{minute + n:02}", f"p{n}", visitor)
        for visitor, minute in (("a", 10), ("b", 20), ("c", 30))
        for n in (0, 1)
    ]
    again = [bag(f"again{n}", f"12 09:0{n}", f"p{n}", "c") for n in (0, 1)]
    assert fired(outcome(told((day(12), [*rows, *again])))) == [at("11 10:11"), at("11 10:21")]


def test_a_bad_review_is_answered_with_better_rated_shoes_as_they_stand():
    rows = [
        review("bad", "11 10:00", "worst", 2),
        review("one", "11 11:00", "best", 5, "a"),
        review("two", "11 12:00", "good", 4, "b"),
        review("none", "11 13:00", "fair", 2.5, "c"),
    ]
    (row,) = outcome(told((day(11), rows)))["trigger_firings"]
    assert (row["fired_at"], row["suggested_product_ids"]) == (
        at("11 10:00"), ["best", "good", "fair"],
    )  # fmt: skip
    assert (row["discount_min_pct"], row["discount_max_pct"]) == (10.0, 15.0)
    # A later review makes the fair ones no better than the worst.
    tables = outcome(told((day(11), rows), (day(12), [review("new", "12 10:00", "fair", 1, "c")])))
    first = min(tables["trigger_firings"], key=lambda row: row["fired_at"])
    assert first["suggested_product_ids"] == ["best", "good"]


def test_a_bots_views_fire_nothing():
    rows = [bag("a", "11 10:00", "p1", is_bot=True), bag("b", "11 10:05", "p2", is_bot=True)]
    assert fired(outcome(told((day(11), rows)))) == []


def test_a_log_in_later_names_the_person_and_leaves_the_firing_as_it_was():
    rows = [bag("a", "11 10:00", "p1"), bag("b", "11 10:05", "p2")]
    (before,) = outcome(told((day(11), rows)))["trigger_firings"]
    tie = (day(12), [event("l", "login_succeeded", "12 10:00", user_id="u")])
    (after,) = outcome(told((day(11), rows), tie))["trigger_firings"]
    assert after["person_id"] != before["person_id"]
    assert after["firing_id"] == before["firing_id"]
    assert after["is_holdout"] == before["is_holdout"]


def add(event_id: str, when: str, price: str, **columns: object) -> Row:
    """Something put into the visitor's cart, of which the shop's rule asks for more than 8."""
    return event(event_id, "product_added", when, product_id=event_id, price=Decimal(price),
                 **columns)  # fmt: skip


def test_a_cart_left_alone_for_half_an_hour_fires_over_midnight_once():
    rows = [add("a", "11 23:00", "9"), add("b", "11 23:50", "5"), add("c", "12 09:00", "1")]
    tables = outcome(told((day(11), rows[:2])))
    # Of the second pause the date that would tell is not over; of the first it is.
    assert fired(tables, "cart_left") == [at("11 23:30")]
    assert fired(outcome(told((day(12), rows))), "cart_left") == [at("11 23:30")]


def test_a_pause_that_ends_after_the_last_closed_date_is_not_known_yet():
    steps = ((day(11), [add("a", "11 23:40", "9")]),)
    assert fired(outcome(told(*steps)), "cart_left") == []
    assert fired(outcome(told(*steps, (day(12), []))), "cart_left") == [at("12 00:10")]


def test_an_order_within_the_half_hour_keeps_the_cart_from_firing_and_a_later_one_does_not():
    def ordered(when: str) -> Row:
        return event("o", "order_completed", when, order_id="1", revenue=Decimal(9))

    steps = ((day(11), [add("a", "11 10:00", "9")]),)
    for when, times in (("11 10:30", []), ("11 10:30:00.000001", [at("11 10:30")])):
        # The order is known a day later, so what had fired is taken back.
        tables = outcome(told(*steps, (day(12), [ordered(when)])))
        assert fired(tables, "cart_left") == times


def test_a_late_removal_that_leaves_too_little_takes_the_cart_back():
    steps = ((day(11), [add("a", "11 10:00", "5"), add("b", "11 10:05", "4")]),)
    assert fired(outcome(told(*steps)), "cart_left") == [at("11 10:35")]
    removal = event("r", "product_removed", "11 10:06", product_id="b")
    assert fired(outcome(told(*steps, (day(12), [removal]))), "cart_left") == []


@pytest.mark.parametrize("dies_after", ["int_trigger_events", "int_trigger_firings"])
def test_a_run_killed_beside_the_firings_is_mended_by_the_next(dies_after):
    first = [bag("a", "11 10:00", "p1"), bag("c", "11 10:09", "p2")]
    history = told((day(11), first), (day(13), [bag("b", "11 10:04", "p3")]))
    names = [model.name for model in compiled_models()]
    share = (names.index(dies_after) + 1.5) / len(names)
    assert fired(outcome(killed(history, 1, share))) == [at("11 10:04")]


def test_the_held_out_are_about_the_share_that_is_set_and_stay_the_same():
    warehouse = Warehouse()
    held_out = []
    for number in (11, 12):
        warehouse.add_rows([
            dict(review(f"r{number}{v}", f"{number} 10:{v % 60:02}", "p", 1, f"v{v}"),
                 arrival_date=day(number))
            for v in range(400)
        ])  # fmt: skip
        warehouse.set_days({day(number): True})
        warehouse.run([day(number)])
        firings = [row for row in warehouse.rows("trigger_firings")
                   if row["fired_at"].day == number]  # fmt: skip
        assert len(firings) == 400
        held_out.append({row["visitor_id"] for row in firings if row["is_holdout"]})
    # The share is 0.5; 400 tosses lie within 40 of 200 but for one time in 15,000.
    assert 160 < len(held_out[0]) < 240
    assert held_out[0] == held_out[1]

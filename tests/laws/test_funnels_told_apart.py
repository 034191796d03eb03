"""Funnels through the SQL: every rule told apart from its neighbour by a case by hand.

Each case is one day and its own visitors, so that entries and steps can be worked out on paper; the
same events go through funnels that differ in one rule. They come at once, and cut over two arrivals
where every second event is late. Not here: random histories
(`test_law3_incremental_equals_rebuild`).
"""

import hashlib
from collections.abc import Iterator
from datetime import date

import pytest

from tests.laws.funnel_days import ARRIVALS, second, warehouse_of
from tests.laws.shop import declared
from tests.laws.stories import day
from tests.laws.stories import event as event_row
from tests.laws.warehouse import Row, Warehouse

A, B, C, OTHER = "product_viewed", "product_added", "order_completed", "page_viewed"
MINUTE = 60
FUNNELS = [
    declared("ordered", "ordered", "visitor", 10 * MINUTE, A, B, C),
    declared("strict", "strict", "visitor", 10 * MINUTE, A, B, C),
    declared("any", "any", "visitor", 10 * MINUTE, A, B, C),
    declared("person", "ordered", "person", 120 * MINUTE, A, B),
    declared("visitor", "ordered", "visitor", 120 * MINUTE, A, B),
    declared("session", "ordered", "session", 120 * MINUTE, A, B),
    declared("again", "ordered", "visitor", 10 * MINUTE, A, A),
]


def walk(number: int, who: str, *events: tuple[str, float], **columns: object) -> list[Row]:
    """Events of one visitor at seconds after noon of a day."""
    return [
        event_row(
            f"{number}-{who}-{place}", name, f"{second(number, s):%d %H:%M:%S.%f}", who, **columns
        )
        for place, (name, s) in enumerate(events)
    ]


def the_events() -> list[Row]:
    """All cases, a day each."""
    return [
        # 1: C comes before B, and something else between A and B.
        *walk(1, "a", (A, 0), (OTHER, 1), (C, 2), (B, 3)),
        # 2: the last moment of the window, and a microsecond later.
        *walk(2, "a", (A, 0), (B, 600)),
        *walk(2, "b", (A, 0), (B, 600.000001)),
        # 3: all at one time; and B a microsecond before A.
        *walk(3, "a", (C, 0), (B, 0), (A, 0)),
        *walk(3, "b", (B, -0.000001), (A, 0)),
        # 4: one view, two views, and two at one time.
        *walk(4, "a", (A, 0)),
        *walk(4, "b", (A, 0), (A, 5)),
        *walk(4, "c", (A, 0), (A, 0)),
        # 5: three attempts; the second is the first of two that reach B.
        *walk(5, "a", (A, 0), (A, 1000), (B, 1005), (A, 2000), (B, 2001)),
        # 6: medians over units: 10, 20 and 60 s to B; 30 and 50 s from B to C; one stays at A.
        *walk(6, "a", (A, 0), (B, 10), (C, 40)),
        *walk(6, "b", (A, 0), (B, 20), (C, 70)),
        *walk(6, "c", (A, 0), (B, 60)),
        *walk(6, "d", (A, 0)),
        # 7: over midnight.
        *walk(7, "a", (A, 43_195), (B, 43_205)),
        # 8: a person on two devices, and the first of them after a pause of an hour.
        *walk(8, "a", (A, 0), user_id="u"),
        *walk(8, "z", (B, 600), user_id="u"),
        *walk(8, "a2", (OTHER, 0)),
        event_row("8-later", B, f"{second(8, 3600):%d %H:%M:%S}", "a"),
        # 9: what lies between is a bot's, or at the very time of a step.
        *walk(9, "a", (A, 0), (B, 4)),
        event_row("9-bot", OTHER, f"{second(9, 2):%d %H:%M:%S}", "a", is_bot=True),
        *walk(9, "b", (A, 0), (OTHER, 0), (B, 4), (OTHER, 4)),
        # 10: the nearest B leaves a B between itself and C, the second B does not.
        *walk(10, "a", (A, 0), (B, 0), (B, 3), (C, 5)),
    ]


@pytest.fixture(scope="module", params=ARRIVALS)
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    with warehouse_of(the_events(), FUNNELS, request.param) as made:
        yield made


def visitor(who: str) -> str:
    """The visitor of an anonymous id."""
    return hashlib.md5(f"anonymous\x1f{who}".encode()).hexdigest()


def entry(warehouse: Warehouse, funnel: str, number: int, unit_id: str | None = None) -> Row:
    """The one entry of a unit, or of the only unit, on a day."""
    found = [
        row
        for row in warehouse.rows("fct_funnel_entries")
        if (row["funnel"], row["entry_date"]) == (funnel, day(number))
        and unit_id in (None, row["unit_id"])
    ]
    assert len(found) == 1, found
    return found[0]


def reached(warehouse: Warehouse, funnel: str, number: int, who: str = "a") -> int:
    return entry(warehouse, funnel, number, visitor(who))["reached"]


def times(row: Row, number: int) -> list[float]:
    """Step times in seconds after noon."""
    return [(step - second(number, 0)).total_seconds() for step in row["step_at"]]


def steps(warehouse: Warehouse, funnel: str, entry_date: date, more: int = 0) -> list[tuple]:
    """Number, counts, rates and median of every step of a date; `more` columns of times."""
    columns = (
        "step", "entrants", "conversions", "rate_from_previous", "rate_from_first",
        "median_seconds_from_previous", "p90_seconds_from_previous", "median_seconds_from_first",
        "p90_seconds_from_first",
    )[: 6 + more]  # fmt: skip
    return sorted(
        tuple(row[column] for column in columns)
        for row in warehouse.rows("funnel_steps")
        if (row["funnel"], row["entry_date"], row["dimension"]) == (funnel, entry_date, "(all)")
    )


def test_ordered_strict_and_any_order_see_one_walk_differently(warehouse):
    assert reached(warehouse, "ordered", 1) == 2
    assert reached(warehouse, "strict", 1) == 1
    assert reached(warehouse, "any", 1) == 3


def test_only_orders_have_times(warehouse):
    assert times(entry(warehouse, "ordered", 1), 1) == [0, 3]
    assert times(entry(warehouse, "strict", 1), 1) == [0]
    assert entry(warehouse, "any", 1)["step_at"] is None
    assert [row[5] for row in steps(warehouse, "ordered", day(1))] == [None, 3, None]
    assert [row[5] for row in steps(warehouse, "any", day(1))] == [None, None, None]


@pytest.mark.parametrize("mode", ["ordered", "strict", "any"])
def test_the_window_holds_its_last_moment_and_no_microsecond_more(warehouse, mode):
    assert reached(warehouse, mode, 2, "a") == 2
    assert reached(warehouse, mode, 2, "b") == 1


@pytest.mark.parametrize("mode", ["ordered", "strict", "any"])
def test_equal_times_are_in_order_and_an_earlier_one_is_not(warehouse, mode):
    assert reached(warehouse, mode, 3, "a") == 3
    assert reached(warehouse, mode, 3, "b") == 1


def test_one_event_serves_one_step(warehouse):
    assert reached(warehouse, "again", 4, "a") == 1
    assert reached(warehouse, "again", 4, "b") == 2
    assert reached(warehouse, "again", 4, "c") == 2
    # Three enter; b's second view comes after 5 s, c's at once.
    assert steps(warehouse, "again", day(4)) == [
        (1, 3, 3, 1, 1, None), (2, 3, 2, pytest.approx(2 / 3), pytest.approx(2 / 3), 2.5),
    ]  # fmt: skip


def test_the_furthest_attempt_of_a_date_counts_and_of_equals_the_earliest(warehouse):
    for mode in ("ordered", "strict"):
        found = entry(warehouse, mode, 5)
        assert found["entered_at"] == second(5, 1000)
        assert times(found, 5) == [1000, 1005]
    assert entry(warehouse, "any", 5)["entered_at"] == second(5, 1000)
    assert steps(warehouse, "ordered", day(5))[1] == (2, 1, 1, 1, 1, 5)


def test_steps_count_units_and_take_the_median_of_those_that_arrive(warehouse):
    expected = [
        (1, 4, 4, 1, 1, None),
        (2, 4, 3, 0.75, 0.75, 20),
        (3, 3, 2, pytest.approx(2 / 3), 0.5, 40),
    ]
    assert steps(warehouse, "ordered", day(6)) == expected
    assert steps(warehouse, "strict", day(6)) == expected
    assert [row[:5] for row in steps(warehouse, "any", day(6))] == [row[:5] for row in expected]


def test_p90_and_the_time_since_the_first_step_are_of_those_that_arrive(warehouse):
    # To B 10, 20 and 60 s: place 0.9 x 2 = 1.8, so 20 + 0.8 x 40 = 52. From B to C 30 and 50 s:
    # 30 + 0.9 x 20 = 48. From A to C 40 and 70 s: the median 55, and 40 + 0.9 x 30 = 67.
    for mode in ("ordered", "strict"):
        times = [row[5:] for row in steps(warehouse, mode, day(6), more=3)]
        assert times[0] == (None, None, None, None)
        assert times[1:] == [pytest.approx((20, 52, 20, 52)), pytest.approx((40, 48, 55, 67))]
    assert {row[5:] for row in steps(warehouse, "any", day(6), more=3)} == {(None,) * 4}


def test_an_entry_belongs_to_the_date_of_its_first_step(warehouse):
    # Noon and 43,195 s are five seconds to midnight.
    assert reached(warehouse, "ordered", 7) == 2
    assert steps(warehouse, "ordered", day(7))[1] == (2, 1, 1, 1, 1, 10)


def test_the_unit_is_the_person_the_visitor_or_the_session(warehouse):
    # The person adds on the other device after ten minutes, this device after an hour, when the
    # session is over.
    assert times(entry(warehouse, "person", 8), 8) == [0, 600]
    assert times(entry(warehouse, "visitor", 8, visitor("a")), 8) == [0, 3600]
    assert times(entry(warehouse, "session", 8), 8) == [0]


def test_strict_minds_neither_bots_nor_what_happens_at_the_time_of_a_step(warehouse):
    assert reached(warehouse, "strict", 9, "a") == 2
    assert reached(warehouse, "strict", 9, "b") == 2


def test_strict_leaves_the_choice_open_and_takes_the_furthest(warehouse):
    assert times(entry(warehouse, "strict", 10), 10) == [0, 3, 5]
    assert times(entry(warehouse, "ordered", 10), 10) == [0, 0, 5]

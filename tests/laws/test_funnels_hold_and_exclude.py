"""What a funnel holds, what ends an attempt, and by which dimensions it is cut: cases by hand.

Each case is one day, worked out on paper; the same events go through funnels of each mode, at once
and cut over two arrivals where every second event is late. Not here: order, windows and units
(`test_funnels_told_apart`), random histories (`test_law3_incremental_equals_rebuild`).
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.laws.funnel_days import ARRIVALS, second, warehouse_of
from tests.laws.shop import declared
from tests.laws.stories import day, event
from tests.laws.warehouse import Row, Warehouse

A, B, C, GONE, OTHER = (
    "product_viewed", "product_added", "order_completed", "product_removed", "page_viewed",
)  # fmt: skip
MODES = ("ordered", "strict", "any")
WINDOW_S = 600
FUNNELS = [
    *(declared(m, m, "visitor", WINDOW_S, A, B, C, hold="product_id", excluded=(GONE,))
      for m in MODES),
    *(declared(f"free_{m}", m, "visitor", WINDOW_S, A, B, C, excluded=(GONE,)) for m in MODES),
    declared("kind", "ordered", "visitor", WINDOW_S, A, B, hold="category"),
    declared("banner", "ordered", "visitor", WINDOW_S, OTHER, A, hold="impression_id"),
    declared("list", "ordered", "visitor", WINDOW_S, A, B, hold="properties.list"),
    declared("long", "ordered", "visitor", 7_200, A, B),
]  # fmt: skip
Step = tuple[str, float, str | None]


def walk(number: int, who: str, *steps: Step, **columns: Any) -> list[Row]:
    """Events of one visitor at seconds after noon of a day, each of a product or of none."""
    return [
        event(f"{number}-{who}-{place}", name, f"{second(number, s):%d %H:%M:%S.%f}", who,
              product_id=product, **columns)
        for place, (name, s, product) in enumerate(steps)
    ]  # fmt: skip


def of_products(number: int, who: str, name: str, seconds: float, *products: Row) -> Row:
    """An event that lists products, its own column saying another."""
    (row,) = walk(number, f"{who}", (name, seconds, "own"), category="own",
                  properties=json.dumps({"products": products}))  # fmt: skip
    return dict(row, event_id=f"{number}-{who}-{name}-{seconds}")


def the_events() -> list[Row]:
    """All cases, a day each."""
    p, q = {"product_id": "p"}, {"product_id": "q"}
    return [
        # 1: the nearest B is of another product.
        *walk(1, "a", (A, 0, "p"), (B, 1, "q"), (B, 2, "p")),
        # 2: nothing to hold.
        *walk(2, "a", (A, 0, None), (B, 1, None)),
        # 3: taken out at the time of a step, and a microsecond after it.
        *walk(3, "a", (A, 0, "p"), (B, 5, "p"), (GONE, 5, "p")),
        *walk(3, "b", (A, 0, "p"), (B, 5, "p"), (GONE, 5.000001, "p"), (C, 6, "p")),
        # 4: taken out at the time of the entry, and a microsecond before it.
        *walk(4, "a", (A, 0, "p"), (GONE, 0, "p"), (B, 1, "p")),
        *walk(4, "b", (GONE, -0.000001, "p"), (A, 0, "p"), (B, 1, "p")),
        # 5: another product, or one that is not said, is taken out.
        *walk(5, "a", (A, 0, "p"), (GONE, 1, "q"), (B, 2, "p")),
        *walk(5, "b", (A, 0, "p"), (GONE, 1, None), (B, 2, "p")),
        # 6: steps of several products.
        of_products(6, "a", A, 0, p, q),
        *walk(6, "a", (B, 1, "q"), (A, 500, "q")),
        *walk(6, "b", (A, 0, "p"), (B, 1, "p")),
        of_products(6, "b", C, 2, q, p, q),
        # 7: what is listed counts, not the column beside it, nor for what it leaves open.
        of_products(7, "a", A, 0, q),
        *walk(7, "a", (B, 1, "own"), category="own"),
        # 8: taken out, and looked at again.
        *walk(8, "a", (A, 0, "p"), (GONE, 1, "p"), (A, 2, "p"), (B, 3, "p")),
        # 9: two products that get equally far.
        of_products(9, "a", A, 0, q, p),
        # 10: dimensions of the session of step 1, one of which is told before it.
        *walk(10, "a", (OTHER, 0, None), country="DE", device_type="phone", utm_medium="email"),
        *walk(10, "a1", (A, 1, "p")),
        *[dict(row, anonymous_id="a") for row in walk(10, "a2", (A, 1, "p"), category="shoes")],
        *[dict(row, anonymous_id="a") for row in walk(10, "a3", (B, 3_601, "p"), country="FR")],
        # 11: an impression's id.
        *walk(11, "a", (OTHER, 0, None), impression_id="i"),
        *[dict(row, anonymous_id="a") for row in walk(11, "a2", (A, 1, "p"), impression_id="j")],
        *[dict(row, anonymous_id="a") for row in walk(11, "a3", (A, 2, "p"), impression_id="i")],
        # 12: a key of the properties; what is neither a text, a whole number nor a truth is none.
        *in_list(12, "a", "x", "x"),
        *in_list(12, "b", "x", "y"),
        *in_list(12, "c", 7, "7"),
        *in_list(12, "d", True, "true"),
        *in_list(12, "e", 1.5, 1.5),
        *in_list(12, "f", ["x"], ["x"]),
        *in_list(12, "g", None, None),
    ]


def in_list(number: int, who: str, *values: Any) -> list[Row]:
    """A product looked at and added, from a list that each event names in its own way."""
    steps = zip((A, B), values, strict=True)
    return [
        event(f"{number}-{who}-{name}", name, f"{second(number, place):%d %H:%M:%S.%f}", who,
              properties=json.dumps({"list": value}))
        for place, (name, value) in enumerate(steps)
    ]  # fmt: skip


@pytest.fixture(scope="module", params=ARRIVALS)
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    with warehouse_of(the_events(), FUNNELS, request.param) as made:
        yield made


def entries(warehouse: Warehouse, funnel: str, number: int) -> list[tuple]:
    """Held value, steps reached, and seconds of the entry, of all units of a day."""
    return sorted(
        (row["held_value"], row["reached"], (row["entered_at"] - second(number, 0)).total_seconds())
        for row in warehouse.rows("fct_funnel_entries")
        if (row["funnel"], row["entry_date"]) == (funnel, day(number))
    )


def reached(warehouse: Warehouse, number: int, prefix: str = "") -> list[list[int]]:
    """Steps reached by the units of a day, in each mode."""
    return [[row[1] for row in entries(warehouse, prefix + mode, number)] for mode in MODES]


def test_every_step_has_the_value_of_the_first_and_strict_minds_the_others(warehouse):
    assert entries(warehouse, "ordered", 1) == [("p", 2, 0)]
    assert entries(warehouse, "strict", 1) == [("p", 1, 0)]
    assert entries(warehouse, "any", 1) == [("p", 2, 0)]
    assert entries(warehouse, "free_strict", 1) == [(None, 2, 0)]


def test_without_a_value_there_is_no_attempt(warehouse):
    assert reached(warehouse, 2) == [[], [], []]
    assert reached(warehouse, 2, "free_") == [[2], [2], [2]]


@pytest.mark.parametrize("prefix", ["", "free_"])
def test_steps_count_strictly_before_what_ends_the_attempt(warehouse, prefix):
    assert reached(warehouse, 3, prefix) == [[1, 2]] * 3


@pytest.mark.parametrize("prefix", ["", "free_"])
def test_what_comes_with_the_entry_ends_it_and_what_came_before_does_not(warehouse, prefix):
    assert reached(warehouse, 4, prefix) == [[1, 2]] * 3


def test_held_an_attempt_ends_by_its_own_value_alone(warehouse):
    assert reached(warehouse, 5) == [[2, 2], [1, 1], [2, 2]]
    assert reached(warehouse, 5, "free_") == [[1, 1]] * 3


def test_an_event_of_several_products_serves_the_attempt_of_each(warehouse):
    for mode in MODES:
        assert entries(warehouse, mode, 6) == [("p", 3, 0), ("q", 2, 0)]


def test_what_an_event_lists_counts_and_not_its_own_column(warehouse):
    assert entries(warehouse, "ordered", 7) == [("q", 1, 0)]
    # The line names no category.
    assert entries(warehouse, "kind", 7) == []


def test_an_attempt_after_what_ended_another_goes_on(warehouse):
    for mode in MODES:
        assert entries(warehouse, mode, 8) == [("p", 2, 2)]


def test_of_values_that_get_equally_far_the_least_counts(warehouse):
    assert [entries(warehouse, mode, 9) for mode in MODES] == [[("p", 1, 0)]] * 3


def test_an_impression_is_held_by_its_id(warehouse):
    (found,) = entries(warehouse, "banner", 11)
    assert found == ("i", 2, 0)


def test_a_key_of_the_properties_is_held_by_its_text(warehouse):
    assert entries(warehouse, "list", 12) == [
        ("7", 2, 0), ("true", 2, 0), ("x", 1, 0), ("x", 2, 0),
    ]  # fmt: skip


def test_steps_are_cut_by_the_session_of_the_first_and_add_up(warehouse):
    rows = [
        (row["dimension"], row["value"], row["step"], row["entrants"], row["conversions"])
        for row in warehouse.rows("funnel_steps")
        if (row["funnel"], row["entry_date"]) == ("long", day(10))
    ]
    # a looks on a phone in Germany, after a mail, at shoes, and adds an hour later in France;
    # of a1, who looks alone, nothing is known but the source and that it came directly.
    known = [("country", "DE"), ("device_type", "phone"), ("channel", "Email"),
             ("category", "shoes")]  # fmt: skip
    unknown = [("country", "(not set)"), ("device_type", "(not set)"), ("channel", "Direct"),
               ("category", "(not set)")]  # fmt: skip
    expected = [
        *((*name, step, 1, 1) for name in known for step in (1, 2)),
        *((*name, step, 1, 2 - step) for name in unknown for step in (1, 2)),
        *((*name, step, 2, 3 - step) for name in [("(all)", "(all)"), ("source", "web")]
          for step in (1, 2)),
    ]  # fmt: skip
    assert sorted(rows) == sorted(expected)

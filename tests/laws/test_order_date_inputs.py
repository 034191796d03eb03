"""What lifetime value is made from, held to the oracle as of an arrival date.

Belongs here: dates on which persons ordered in random histories, as known on days of theirs, and
rules of these broken on purpose. Not here: the models (`tests/unit/ml`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random

import pytest

from tests.laws.account_blocks import account_story
from tests.laws.bot_blocks import burst
from tests.laws.broken_experiment_rules import BrokenInput
from tests.laws.broken_rules import text
from tests.laws.building_blocks import Scene, copies, identity_story, late_bridge, order_story
from tests.laws.commerce_blocks import basket
from tests.laws.compiled import models_behind
from tests.laws.harness import rebuild
from tests.laws.histories import REGISTRY, SOURCES, History, Run, seal_rows
from tests.laws.oracle.order_dates import order_dates
from tests.laws.shop import RATES
from tests.laws.warehouse import Row, Warehouse, first_difference

BLOCKS = (
    *[order_story] * 6, basket, identity_story, late_bridge, copies, copies, account_story,
    burst, burst,
)  # fmt: skip
SHOPS, ROWS = 6, 120
OFFSETS = (0, 1, 2, 5)


@cache
def shop() -> History:
    """Six histories side by side, far apart in time, all days in one run."""
    rng, seals = Random(11), {}
    for number in range(SHOPS):
        first = date(2024, 1, 8) + number * timedelta(days=60)
        scene = Scene(rng, [first + timedelta(days=offset) for offset in OFFSETS], f"h{number}-")
        while len(scene.rows) < ROWS:
            rng.choice(BLOCKS)(scene)
        seals |= seal_rows(rng, scene)
    days = tuple(sorted(seals))
    return History(seals, (Run(days, {day: len(seals[day]) for day in days}),))


@cache
def expected(as_of: date) -> list[Row]:
    return order_dates(
        shop().log_rows, registry=REGISTRY, sources=SOURCES, settings=shop().settings,
        rates=RATES, as_of=as_of,
    )  # fmt: skip


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """All days, of which each question sees those up to a date."""
    built = rebuild(shop(), models_behind("ml_order_dates"))
    yield built
    built.con.close()


def differences(warehouse: Warehouse) -> Iterator[str]:
    for as_of in sorted(shop().seals):
        warehouse.con.execute("set variable as_of_date = ?::date", [as_of])
        found = warehouse.rows("ml_order_dates")
        difference = first_difference("order dates", expected(as_of), found)
        if difference:
            yield f"as of {as_of}: {difference}"


def test_order_dates_are_those_of_the_oracle_on_every_arrival_date(warehouse):
    assert next(differences(warehouse), None) is None


def test_the_histories_hold_enough_to_compare():
    """Orders with a value and without, of persons who order again, and past ones that changed."""
    days = sorted(shop().seals)
    last = {(row["person_id"], row["order_date"]): row["value"] for row in expected(days[-1])}
    assert len(last) >= 40
    assert None in last.values()
    assert len({person for person, _ in last}) < len(last)
    changed = [
        row
        for day in days
        for row in expected(day)
        if last.get((row["person_id"], row["order_date"]), "gone") != row["value"]
    ]
    assert len(changed) >= 10


_LATER = r"arrival_date > cast\(getvariable\('as_of_date'\) as date\)"
BROKEN = (
    BrokenInput("orders are worth what they are worth today", "ml_order_dates",
                text(_LATER, "false")),
    BrokenInput("events that came later change an order", "ml_order_dates",
                text(r"arrival_date <= cast\(getvariable\('as_of_date'\) as date\)\s+and role",
                     "role")),
    BrokenInput("evidence that came later names the person", "ml_order_dates",
                text(r"arrival_date <= cast\(getvariable\('as_of_date'\) as date\)\s+"
                     r"and visitor_id in", "visitor_id in")),
    BrokenInput("orders that changed since are left out", "ml_order_dates",
                text(r"\) as valued", ") as valued where false")),
    BrokenInput("orders that are as they were are left out", "ml_order_dates",
                text(r"where order_key not in", "where false and order_key not in")),
    BrokenInput("bots order", "ml_order_dates", text(r"and not is_bot", "")),
    BrokenInput("who was too fast by what came later never ordered", "ml_bots_found_later",
                text(r"where not is_declared_bot", "where false")),
    BrokenInput("an order counts by its last event", "ml_order_dates",
                text(r"partition by order_key order by event_ts, event_key\)",
                     "partition by order_key order by event_ts desc, event_key)")),
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: one.says)
def test_a_broken_rule_is_noticed(warehouse, broken: BrokenInput):
    model = next(one for one in warehouse.models if one.name == broken.model)
    warehouse.run_model(broken.change(model))
    try:
        assert next(differences(warehouse), None)
    finally:
        warehouse.run_model(model)

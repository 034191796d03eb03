"""What the statistics of experiments are made from, held to the oracle as of an arrival date.

Belongs here: sums of units after and before exposure in random histories, as known on days of
theirs, and rules of these sums broken on purpose. Not here: the statistics (`tests/unit/ml`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random

import pytest

from tests.laws.account_blocks import account_story
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_INPUTS, BrokenInput
from tests.laws.building_blocks import (
    Scene,
    copies,
    identity_story,
    impressions,
    long_run,
    order_story,
    pings,
)
from tests.laws.experiment_blocks import experiment_story
from tests.laws.harness import rebuild
from tests.laws.histories import REGISTRY, SOURCES, History, Run, seal_rows
from tests.laws.oracle import experiments
from tests.laws.shop import RATES
from tests.laws.warehouse import Row, Warehouse, first_difference

WINDOW = timedelta(days=60)


BLOCKS = (
    *[experiment_story] * 6, order_story, impressions, identity_story, pings, copies, account_story,
)  # fmt: skip
SHOPS, ROWS = 6, 150
# Two days, a few days later, and so much later that the first experiments are over.
OFFSETS = (0, 1, 4, 38)


@cache
def shops() -> dict[str, History]:
    """Histories full of experiments, by the prefix of their ids; far apart in time."""
    rng, found = Random(6), {}
    for number in range(SHOPS):
        first = date(2024, 1, 8) + number * timedelta(days=120)
        days = [first + timedelta(days=offset) for offset in OFFSETS]
        scene = Scene(rng, days, f"h{number}-")
        long_run(scene)
        while len(scene.rows) < ROWS:
            rng.choice(BLOCKS)(scene)
        seals = seal_rows(rng, scene)
        run = Run(tuple(days), {day: len(seals[day]) for day in days})
        found[scene.prefix] = History(seals, (run,))
    return found


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """All days of all shops, of which each question sees those up to a date."""
    seals = {day: parts for shop in shops().values() for day, parts in shop.seals.items()}
    days = tuple(sorted(seals))
    built = rebuild(History(seals, (Run(days, {day: len(seals[day]) for day in days}),)))
    yield built
    built.con.close()


@cache
def expected_by_text(text: str) -> dict[date, list[Row]]:
    """What the oracle says of a history, filled as it is asked."""
    return {}


def expected(history: History, as_of: date) -> list[Row]:
    known = expected_by_text(history.describe())
    if as_of not in known:
        known[as_of] = rows_of_the_oracle(history, as_of)
    return known[as_of]


def rows_of_the_oracle(history: History, as_of: date) -> list[Row]:
    return experiments.moments(
        history.log_rows, registry=REGISTRY, sources=SOURCES, settings=history.settings,
        rates=RATES,
        as_of=as_of, window_from=as_of - WINDOW,
    )  # fmt: skip


def found(warehouse: Warehouse, as_of: date, prefix: str) -> list[Row]:
    """The sums of the experiments of one of the histories."""
    warehouse.con.execute("set variable as_of_date = ?::date", [as_of])
    warehouse.con.execute("set variable window_from = ?::date", [as_of - WINDOW])
    rows = warehouse.rows("ml_experiment_moments")
    return [row for row in rows if row["experiment"].startswith(prefix)]


def differences(warehouse: Warehouse) -> Iterator[str]:
    for prefix, shop in shops().items():
        for as_of in sorted(shop.seals):
            rows = expected(shop, as_of)
            difference = first_difference("moments", rows, found(warehouse, as_of, prefix))
            if difference:
                yield f"{prefix} as of {as_of}: {difference}"


def test_sums_of_units_are_those_of_the_oracle_on_every_arrival_date(warehouse):
    assert next(differences(warehouse), None) is None


def test_the_histories_hold_enough_to_compare(warehouse):
    """Units that are contaminated, that did something, and that had done something before."""
    rows = [row for shop in shops().values() for day in shop.seals for row in expected(shop, day)]
    assert sum(row["metric"] == "aov" and row["segment"] == "all" for row in rows) >= 10
    assert any(row["contaminated_units"] for row in rows)
    for metric in experiments.METRICS:
        mine = [row for row in rows if row["metric"] == metric]
        assert any(row["sum_numerator"] for row in mine), metric
        assert any(row["sum_denominator_before"] for row in mine), metric


@pytest.fixture
def put_back(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The views of the models as they are, when the test is over."""
    yield warehouse
    for model in warehouse.models:
        if model.relation.startswith("ml_inputs."):
            warehouse.run_model(model)


@pytest.mark.parametrize("broken", BROKEN_EXPERIMENT_INPUTS, ids=lambda one: one.says)
def test_a_broken_rule_is_noticed(put_back, broken: BrokenInput):
    model = next(one for one in put_back.models if one.name == broken.model)
    put_back.run_model(broken.change(model))
    assert next(differences(put_back), None)

"""What the statistics of experiments are made from, held to the oracle as of an arrival date.

Belongs here: sums of units after and before exposure in random histories, as known on days of
theirs, and rules of these sums broken on purpose. Not here: the statistics (`tests/unit/ml`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random

import pytest

from tests.laws.batches import Batch, random_batch
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_INPUTS, BrokenInput
from tests.laws.harness import rebuild
from tests.laws.histories import REGISTRY, SOURCES, History
from tests.laws.oracle import experiments
from tests.laws.shop import RATES
from tests.laws.warehouse import Row, Warehouse, first_difference

WINDOW = timedelta(days=60)


@cache
def batch() -> Batch:
    return random_batch(Random(1), 16)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """All days of many histories, of which each question sees those up to a date."""
    built = rebuild(batch().whole)
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
        history.log_rows, registry=REGISTRY, sources=SOURCES, settings=history.settings, rates=RATES,
        as_of=as_of, window_from=as_of - WINDOW,
    )  # fmt: skip


def found(warehouse: Warehouse, as_of: date, prefix: str) -> list[Row]:
    """The sums of the experiments of one of the histories."""
    warehouse.con.execute("set variable as_of_date = ?::date", [as_of])
    warehouse.con.execute("set variable window_from = ?::date", [as_of - WINDOW])
    rows = warehouse.rows("ml_experiment_moments")
    return [row for row in rows if row["experiment"].startswith(prefix)]


def differences(warehouse: Warehouse, parts: dict[str, History]) -> Iterator[str]:
    for prefix, part in parts.items():
        for as_of in sorted(part.seals):
            rows = expected(part, as_of)
            difference = first_difference("moments", rows, found(warehouse, as_of, prefix))
            if difference:
                yield f"{prefix} as of {as_of}: {difference}"


def test_sums_of_units_are_those_of_the_oracle_on_every_arrival_date(warehouse):
    parts = {f"h{number}-": part for number, part in enumerate(batch().parts)}
    assert next(differences(warehouse, parts), None) is None


def test_the_histories_hold_enough_to_compare(warehouse):
    """Units that are contaminated, that did something, and that had done something before."""
    rows = [row for part in batch().parts for row in expected(part, part.as_of)]
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
    parts = {f"h{number}-": part for number, part in enumerate(batch().parts)}
    assert next(differences(put_back, parts), None)

"""Law 3 when a run dies: wherever it does, once or twice, the runs after it mend everything.

Belongs here: kills after each stored model, inside models, and of the run that should have mended
the first kill. Not here: kills at places of chance (`test_law3_incremental_equals_rebuild`).

A test walks through the run that dies only once. Before each model it does all that would come
after a kill there, compares, takes that back, and lets the killed run go on to the next model.
"""

import os
from collections.abc import Callable, Collection, Sequence
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from tests.laws.batches import APART, next_base, side_by_side
from tests.laws.compiled import compiled_models, statements
from tests.laws.harness import (
    TABLES,
    TRIED,
    Kill,
    Tables,
    break_off,
    digests,
    expected_tables,
    load,
    oracle_difference,
    rebuild,
    start,
)  # fmt: skip
from tests.laws.histories import BASE_DATES, History, Run, Seals, random_history
from tests.laws.warehouse import Warehouse

SIZE = 6
# In this shop over half of the log is asked for in the middle run and never again.
OWED_ALONE = 130
FIRST, MIDDLE, LAST = range(3)
Mend = Callable[[Warehouse, int], None]


def in_three_runs(plan: Sequence[Run]) -> tuple[Run, ...]:
    """The same requests, neighbouring ones together, as three runs."""
    ends = [len(plan) * number // 3 for number in range(4)]
    thirds = [plan[start:end] for start, end in pairwise(ends)]
    return tuple(
        Run(
            tuple(sorted({day for run in third for day in run.days})),
            third[-1].visible,
            erased=third[-1].erased,
        )
        for third in thirds
    )


@cache
def shop(seed: int) -> History:
    """Histories side by side with three runs in common, none of them killed."""
    rng = Random(seed)
    members: list[History] = []
    base = BASE_DATES[0]
    for number in range(SIZE):
        one = random_history(rng, base=base, prefix=f"h{number}-", timezone="UTC", kills=False,
                             first_request=1 + 100 * number)  # fmt: skip
        members.append(one)
        base = next_base(rng, one.as_of + APART)
    seals: Seals = {day: parts for one in members for day, parts in one.seals.items()}
    plan = in_three_runs(side_by_side(rng, members))
    erasures = tuple(erasure for one in members for erasure in one.erasures)
    return History(dict(sorted(seals.items())), plan, erasures=erasures)


@cache
def at_the_end(seed: int) -> tuple[Tables, dict[str, tuple[int, int]]]:
    """What the oracle and a rebuild make of a shop, the latter by digests; both say the same."""
    history = shop(seed)
    expected = expected_tables(history, LAST)
    rebuilt = rebuild(history)
    assert oracle_difference(expected, rebuilt) is None
    found = digests(rebuilt, TABLES)
    rebuilt.con.close()
    return expected, found


def difference(seed: int, warehouse: Warehouse) -> str | None:
    """Where a warehouse is not, row for row, what a rebuild is and so what the oracle says."""
    expected, rebuilt = at_the_end(seed)
    found = digests(warehouse, TABLES)
    wrong = [table for table in TABLES if found[table] != rebuilt[table]]
    return f"{wrong}, {oracle_difference(expected, warehouse)}" if wrong else None


def run_whole(history: History, numbers: range, warehouse: Warehouse) -> None:
    """Do runs of the plan, each to its end."""
    for number in numbers:
        load(history, number, warehouse)
        start(warehouse, history.plan[number].days, None)


def not_mended(seed: int, number: int, mend: Mend, places: Collection[int]) -> list[str]:
    """Kill a run before every model and after the last one; say where what came after mends it not.

    Args:
        seed: of the shop.
        number: the run that is killed.
        mend: what comes after a kill before the model of a number.
        places: kill before the models of these numbers.
    """
    history, warehouse = shop(seed), Warehouse()
    run_whole(history, range(number), warehouse)
    load(history, number, warehouse)
    warehouse.owe(history.plan[number].days)
    names = [model.name for model in warehouse.models]
    failures = []
    for place in range(len(names) + 1):
        if place in places:
            TRIED.kills += 1
            TRIED.histories += SIZE
            with warehouse.undone():
                mend(warehouse, place)
                found = difference(seed, warehouse)
            if found:
                failures.append(f"killed before {[*names, 'the end'][place]}: {found}")
        if place < len(names):
            for count in range(1, len(statements(warehouse.models[place]))):
                break_off(warehouse, Kill(place, count))
            warehouse.run_model(warehouse.models[place])
    warehouse.con.close()
    return failures


def after_stored_models(every: int = 1) -> list[int]:
    """Places right after the models whose rows outlive a run, and before all of them.

    Between two of these a run leaves what it left at the first: scratch tables are made anew.

    Args:
        every: so many places further is the next; with FOOTFALL_ALL_RULES set, the one after.
    """
    scratch = {"scratch", "made_view"}
    models = enumerate(compiled_models(), start=1)
    stored = [place for place, model in models if model.materialized not in scratch]
    return [0, *stored][:: 1 if os.environ.get("FOOTFALL_ALL_RULES") else every]


@pytest.mark.parametrize("half", [0, 1])
def test_the_next_run_mends_a_kill_after_any_stored_model_and_inside_each(half):
    """The next run brings other days; those of the killed one are owed.

    Every model has died before after each of its statements, and left nothing.
    """

    def mend(warehouse: Warehouse, place: int) -> None:
        run_whole(shop(OWED_ALONE), range(LAST, LAST + 1), warehouse)

    assert not_mended(OWED_ALONE, MIDDLE, mend, after_stored_models()[half::2]) == []


def test_a_run_that_dies_elsewhere_than_the_one_before_it_is_mended_too():
    """The first run dies, the next one anywhere; the third finishes."""
    history, models = shop(14), compiled_models()

    def mend(warehouse: Warehouse, place: int) -> None:
        load(history, MIDDLE, warehouse)
        start(warehouse, history.plan[MIDDLE].days, Kill(11 * place % (len(models) + 1)))
        run_whole(history, range(LAST, LAST + 1), warehouse)

    assert not_mended(14, FIRST, mend, after_stored_models(4)) == []


def test_the_same_run_once_more_mends_a_kill_after_a_stored_model():
    def mend(warehouse: Warehouse, place: int) -> None:
        start(warehouse, (), None)

    assert not_mended(11, LAST, mend, after_stored_models(2)) == []


def test_a_run_that_forgets_what_a_killed_one_owed_is_noticed():
    """The control: had the dead run left no work set, the next one would not finish its work."""
    names = [model.name for model in compiled_models()]
    places = {0, names.index("fct_events"), names.index("fct_sessions")}

    def mend(warehouse: Warehouse, place: int) -> None:
        warehouse.con.execute("delete from state.work_set")
        run_whole(shop(OWED_ALONE), range(LAST, LAST + 1), warehouse)

    assert len(not_mended(OWED_ALONE, MIDDLE, mend, places)) == len(places)

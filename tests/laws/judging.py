"""Histories followed by the models behind some tables alone, and judged by these.

Belongs here: following a history for the sake of chosen tables, remembering what the oracle and a
rebuild say of it, and a story's outcome. Not here: all tables at once (`harness`), nor histories
(`stories`). All models of a run cost seconds, those behind a table a fraction of that; chance
(`test_law3_incremental_equals_rebuild`) and kills (`test_law3_kills`) go through all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from tests.laws.compiled import Model, models_behind
from tests.laws.harness import Tables, expected_tables, follow_to_end, rebuild, sorted_rows
from tests.laws.histories import History
from tests.laws.stories import killed
from tests.laws.warehouse import Warehouse

# From events to KPIs and persons, in whatever domain.
OF_THE_SPINE = (
    "fct_events", "fct_event_duplicates", "fct_sessions", "fct_orders", "fct_order_items",
    "fct_refunds", "fct_funnel_entries", "funnel_steps", "map_visitor_person", "map_user_person",
    "dim_persons", "customer_360", "kpi_daily", "kpi_daily_by_dimension", "arrivals_daily",
    "int_person_days", "int_kpi_days", "int_active_persons",
)  # fmt: skip


@cache
def _expected_by_text(text: str) -> dict[int, Tables]:
    """What the oracle says of a history after each run, filled as it is asked."""
    return {}


@cache
def _rebuilt_by_text(text: str) -> dict[str, list[str]]:
    """What a rebuild of a history by the models as they are holds, filled as it is asked."""
    return {}


def rebuilt_tables(history: History, tables: Sequence[str]) -> dict[str, list[str]]:
    """The rows of some tables after a rebuild from the log."""
    # By which runs it came to be is nothing to a rebuild.
    known = _rebuilt_by_text(replace(history, plan=history.plan[-1:]).describe())
    if not known.keys() >= set(tables):
        fresh = rebuild(history, models_behind(*tables))
        known.update({table: sorted_rows(fresh, table) for table in tables})
        fresh.con.close()
    return known


def follow(
    history: History, tables: Sequence[str], models: Sequence[Model] | None = None
) -> tuple[Warehouse, str | None]:
    """Follow a history up to its end or to the first difference.

    Args:
        history: log and plan.
        tables: which to judge, by the oracle (where it has them) after each finished run, and by a
            rebuild at the end.
        models: others than the project's models behind these tables, in running order.

    Returns:
        The warehouse, open, and where a table is not what it should be, None where all are.
    """
    known = _expected_by_text(history.describe())

    def expected(number: int) -> Tables:
        if number not in known:
            known[number] = expected_tables(history, number)
        return {table: rows for table, rows in known[number].items() if table in tables}

    warehouse, found = follow_to_end(history, models or models_behind(*tables), expected)
    if found is None:
        rebuilt = rebuilt_tables(history, tables)
        wrong = [table for table in tables if sorted_rows(warehouse, table) != rebuilt[table]]
        found = f"{wrong} differ from a rebuild" if wrong else None
    return warehouse, found


def difference(
    history: History, tables: Sequence[str], models: Sequence[Model] | None = None
) -> str | None:
    """Where tables are not what the oracle says after a run, or a rebuild at the end."""
    warehouse, found = follow(history, tables, models)
    warehouse.con.close()
    return found


def outcome_by(*tables: str) -> Callable[[History], Tables]:
    """A function that follows a story for some tables and gives what it came to.

    It gives these tables and all that they are made of, at the end of a history that keeps law 3
    all along, and raises an AssertionError where a table differs from the oracle after a run, or
    from a rebuild at the end.

    Args:
        tables: names of compared models.
    """

    def outcome(history: History) -> Tables:
        warehouse, found = follow(history, tables)
        assert found is None, f"{found}\n{history.describe()}"
        # Inputs of models read variables that no run sets.
        names = [m.name for m in warehouse.models if not m.relation.startswith("ml_inputs.")]
        rows = {name: warehouse.rows(name) for name in names}
        warehouse.con.close()
        return rows

    return outcome


def killed_after(history: History, number: int, model: str, tables: Sequence[str]) -> History:
    """The same plan, but that run `number` is killed after a model and then comes again.

    Args:
        history: log and plan.
        number: of the run.
        model: one of those behind the tables.
        tables: for whose sake the history is followed.
    """
    names = [one.name for one in models_behind(*tables)]
    return killed(history, number, (names.index(model) + 1.5) / len(names))

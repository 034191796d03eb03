"""The tables of carts alone: the models behind them, followed through a history and judged.

Belongs here: which models and tables these are, and the difference to the oracle and to a rebuild
by them. Not here: histories, nor the other tables (`harness`): with all models a history would cost
three times as much.
"""

from functools import cache

from tests.laws.compiled import Model, models_behind
from tests.laws.harness import Tables, expected_tables, follow_to_end, rebuild, sorted_rows
from tests.laws.histories import History
from tests.laws.stories import killed
from tests.laws.warehouse import Warehouse

OF_ORACLE = ("fct_carts", "fct_cart_events", "cart_abandonment")
TABLES = (*OF_ORACLE, "int_cart_actions", "int_cart_stretches", "int_carts", "int_cart_days")
MODELS = models_behind(*TABLES)


@cache
def known(text: str) -> dict[int, Tables]:
    """What the oracle says of a history after each run, filled as it is asked."""
    return {}


def follow(history: History, models: tuple[Model, ...] = MODELS) -> tuple[Warehouse, str | None]:
    """Follow a history; the warehouse, open, and the first difference there is.

    Args:
        history: log and plan.
        models: others than the project's, in running order.
    """
    said = known(history.describe())

    def expected(number: int) -> Tables:
        if number not in said:
            tables = expected_tables(history, number)
            said[number] = {table: tables[table] for table in OF_ORACLE}
        return said[number]

    warehouse, found = follow_to_end(history, models, expected)
    if found is None:
        fresh = rebuild(history, MODELS)
        wrong = [t for t in TABLES if sorted_rows(warehouse, t) != sorted_rows(fresh, t)]
        fresh.con.close()
        found = f"{wrong} differ from a rebuild" if wrong else None
    return warehouse, found


def difference(history: History, models: tuple[Model, ...] = MODELS) -> str | None:
    """Where tables of carts are not what the oracle says after a run, or a rebuild at the end."""
    warehouse, found = follow(history, models)
    warehouse.con.close()
    return found


def outcome(history: History) -> Tables:
    """The tables of carts, and what the last run remade, of a history that keeps law 3 all along.

    Raises:
        AssertionError: a table differs from the oracle after a run, or from a rebuild at the end.
    """
    warehouse, found = follow(history)
    assert found is None, f"{found}\n{history.describe()}"
    tables = {table: warehouse.rows(table) for table in (*TABLES, "int_cart_steps")}
    warehouse.con.close()
    return tables


def killed_after(history: History, number: int, model: str) -> History:
    """The same plan, but that run `number` is killed after a model and then comes again."""
    names = [one.name for one in MODELS]
    return killed(history, number, (names.index(model) + 1.5) / len(names))

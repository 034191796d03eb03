"""The rules of carts have teeth: each, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules and the histories (`broken_cart_rules`).

Only the models behind the tables of carts run here: a history costs a third of what all cost.
"""

from functools import cache

import pytest

from tests.laws.broken_cart_rules import BROKEN_CART_RULES
from tests.laws.broken_rules import BrokenRule
from tests.laws.compiled import Model, models_behind
from tests.laws.harness import Tables, expected_tables, follow_to_end, rebuild, sorted_rows
from tests.laws.histories import History
from tests.laws.stories import killed

OF_ORACLE = ("fct_carts", "fct_cart_events", "cart_abandonment")
TABLES = (*OF_ORACLE, "int_cart_actions", "int_cart_stretches", "int_carts", "int_cart_days")
MODELS = models_behind(*TABLES)


def history_of(rule: BrokenRule) -> History:
    """The history that notices, killed where the rule says."""
    if rule.dies_after is None:
        return rule.noticed_by
    names = [model.name for model in MODELS]
    return killed(rule.noticed_by, 1, (names.index(rule.dies_after) + 1.5) / len(names))


@cache
def known(text: str) -> dict[int, Tables]:
    """What the oracle says of a history after each run, filled as it is asked."""
    return {}


def difference(history: History, models: tuple[Model, ...] = MODELS) -> str | None:
    """Where tables of carts are not what the oracle says after a run, or a rebuild at the end."""
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
    warehouse.con.close()
    return found


@pytest.mark.parametrize("rule", BROKEN_CART_RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_of_carts_is_noticed(rule):
    assert difference(history_of(rule), tuple(rule.applied(MODELS)))


def test_nothing_is_noticed_where_no_rule_of_carts_is_broken():
    histories = {history_of(rule).describe(): history_of(rule) for rule in BROKEN_CART_RULES}
    assert {text: difference(one) for text, one in histories.items()} == dict.fromkeys(histories)

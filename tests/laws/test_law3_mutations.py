"""Law 3 has teeth: each rule that keeps it, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules (`broken_rules` and the other modules of that name) and the histories (`noticing`,
`noticing_identity`).
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import pytest

from tests.laws.broken_attribution_rules import BROKEN_ATTRIBUTION_RULES
from tests.laws.broken_commerce_rules import BROKEN_COMMERCE_RULES
from tests.laws.broken_engagement_rules import BROKEN_ENGAGEMENT_RULES
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_RULES
from tests.laws.broken_identity_rules import BROKEN_IDENTITY_RULES
from tests.laws.broken_path_rules import BROKEN_PATH_RULES
from tests.laws.broken_retention_rules import BROKEN_RETENTION_RULES
from tests.laws.broken_rules import BROKEN_RULES, BrokenRule, chosen
from tests.laws.broken_tracker_rules import BROKEN_TRACKER_RULES
from tests.laws.broken_trigger_rules import BROKEN_TRIGGER_RULES
from tests.laws.compiled import Model, models_ahead, models_behind
from tests.laws.harness import (
    ORACLE_TABLES,
    REBUILT_TABLES,
    Tables,
    expected_tables,
    follow_to_end,
    rebuild,
    sorted_rows,
)  # fmt: skip
from tests.laws.histories import History
from tests.laws.stories import killed

RULES = (
    *BROKEN_RULES,
    *BROKEN_IDENTITY_RULES,
    *BROKEN_RETENTION_RULES,
    *BROKEN_PATH_RULES,
    *BROKEN_TRACKER_RULES,
    *chosen(
        *BROKEN_ATTRIBUTION_RULES,
        *BROKEN_COMMERCE_RULES,
        *BROKEN_ENGAGEMENT_RULES,
        *BROKEN_EXPERIMENT_RULES,
        *BROKEN_TRIGGER_RULES,
    ),
)
TABLES = (*ORACLE_TABLES, *REBUILT_TABLES)


@cache
def concerned(*models: str) -> tuple[str, ...]:
    """The tables that hang on models, which alone can tell that one of these is broken."""
    ahead = {model.name for model in models_ahead(*models)}
    return tuple(table for table in TABLES if table in ahead)


def models_of(*broken: str) -> tuple[Model, ...]:
    """The models that make these tables: half of all, where a mart's rule is broken."""
    return models_behind(*concerned(*broken), *broken)


def history_of(rule: BrokenRule) -> History:
    """The history that notices, killed where the rule says."""
    if rule.dies_after is None:
        return rule.noticed_by
    names = [model.name for model in models_of(rule.model)]
    return killed(rule.noticed_by, 1, (names.index(rule.dies_after) + 1.5) / len(names))


@cache
def expected_by_text(text: str) -> dict[int, Tables]:
    """What the oracle says of a history after each run, filled as it is asked."""
    return {}


@cache
def rebuilt_by_text(text: str, tables: tuple[str, ...]) -> dict[str, list[str]]:
    """What a rebuild of a history by the models as they are holds, filled when it is asked."""
    return {}


def difference(
    history: History, tables: tuple[str, ...], models: Sequence[Model] | None = None
) -> str | None:
    """Where tables are not what the oracle says after a run, or a rebuild at the end."""
    text = history.describe()
    known, rebuilt = expected_by_text(text), rebuilt_by_text(text, tables)

    def expected(number: int) -> Tables:
        if number not in known:
            known[number] = expected_tables(history, number)
        return {table: rows for table, rows in known[number].items() if table in tables}

    warehouse, found = follow_to_end(history, models or models_behind(*tables), expected)
    if found is None:
        if not rebuilt:
            fresh = rebuild(history, models_behind(*tables))
            rebuilt.update({table: sorted_rows(fresh, table) for table in tables})
            fresh.con.close()
        wrong = [table for table in tables if sorted_rows(warehouse, table) != rebuilt[table]]
        found = f"{wrong} differ from a rebuild" if wrong else None
    warehouse.con.close()
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_is_noticed(rule):
    broken = rule.applied(models_of(rule.model))
    assert difference(history_of(rule), concerned(rule.model), broken)


def test_nothing_is_noticed_where_nothing_is_broken():
    histories: dict[str, History] = {}
    broken: dict[str, set[str]] = defaultdict(set)
    for rule in RULES:
        history = history_of(rule)
        histories[history.describe()] = history
        broken[history.describe()].add(rule.model)
    noticed = {
        text: difference(history, concerned(*sorted(broken[text])))
        for text, history in histories.items()
    }
    assert noticed == dict.fromkeys(histories)

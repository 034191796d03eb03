"""Law 3 has teeth: each rule that keeps it, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules (`broken_rules` and the other modules of that name) and the histories (`noticing`,
`noticing_identity`).
"""

from collections import defaultdict

import pytest

from tests.laws.broken_attribution_rules import BROKEN_ATTRIBUTION_RULES
from tests.laws.broken_cart_rules import BROKEN_CART_RULES
from tests.laws.broken_commerce_rules import BROKEN_COMMERCE_RULES
from tests.laws.broken_engagement_rules import BROKEN_ENGAGEMENT_RULES
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_RULES
from tests.laws.broken_identity_rules import BROKEN_IDENTITY_RULES
from tests.laws.broken_path_rules import BROKEN_PATH_RULES
from tests.laws.broken_retention_rules import BROKEN_RETENTION_RULES
from tests.laws.broken_rules import BROKEN_RULES, BrokenRule, chosen
from tests.laws.broken_tracker_rules import BROKEN_TRACKER_RULES
from tests.laws.broken_trigger_rules import BROKEN_TRIGGER_RULES
from tests.laws.compiled import models_ahead, models_behind, nearest
from tests.laws.harness import TABLES
from tests.laws.histories import History
from tests.laws.judging import difference, killed_after

RULES = (
    *BROKEN_RULES,
    *BROKEN_IDENTITY_RULES,
    *BROKEN_RETENTION_RULES,
    *BROKEN_PATH_RULES,
    *BROKEN_TRACKER_RULES,
    *chosen(
        *BROKEN_ATTRIBUTION_RULES,
        *BROKEN_CART_RULES,
        *BROKEN_COMMERCE_RULES,
        *BROKEN_ENGAGEMENT_RULES,
        *BROKEN_EXPERIMENT_RULES,
        *BROKEN_TRIGGER_RULES,
    ),
)


def near(rule: BrokenRule) -> tuple[str, ...]:
    """The tables that a rule's model is first seen in: most rules are noticed there."""
    return nearest(rule.model, frozenset(TABLES))


def nearest_of_all(rule: BrokenRule) -> tuple[str, ...]:
    """Of the near tables the one with the fewest models behind it."""
    return (min(near(rule), key=lambda table: len(models_behind(table))),)


def concerned(rule: BrokenRule) -> tuple[str, ...]:
    """All tables that hang on a rule's model."""
    ahead = {model.name for model in models_ahead(rule.model)}
    return tuple(table for table in TABLES if table in ahead)


def history_of(rule: BrokenRule, tables: tuple[str, ...]) -> History | None:
    """The history that notices, killed where the rule says; None if no table needs that model."""
    if rule.dies_after is None:
        return rule.noticed_by
    if all(model.name != rule.dies_after for model in models_behind(*tables)):
        return None
    return killed_after(rule.noticed_by, 1, rule.dies_after, tables)


def noticed(rule: BrokenRule, tables: tuple[str, ...]) -> bool:
    """Whether these tables are not what they should be where the rule is broken."""
    history = history_of(rule, tables)
    broken = rule.applied(models_behind(*tables, rule.model))
    return history is not None and difference(history, tables, broken) is not None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_is_noticed(rule):
    assert any(noticed(rule, find(rule)) for find in (nearest_of_all, near, concerned))


def test_nothing_is_noticed_where_nothing_is_broken():
    """Every history by every table that is near to a rule that it notices."""
    histories: dict[str, History] = {}
    tables: dict[str, set[str]] = defaultdict(set)
    for rule in RULES:
        history = history_of(rule, near(rule)) or history_of(rule, concerned(rule))
        histories[history.describe()] = history
        tables[history.describe()].update(near(rule))
    found = {
        text: difference(history, tuple(sorted(tables[text])))
        for text, history in histories.items()
    }
    assert found == dict.fromkeys(histories)

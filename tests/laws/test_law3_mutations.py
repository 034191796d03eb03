"""Law 3 has teeth: each rule that keeps it, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules (`broken_rules` and the other modules of that name) and the histories (`noticing`,
`noticing_identity`).
"""

import pytest

from tests.laws.broken_attribution_rules import BROKEN_ATTRIBUTION_RULES
from tests.laws.broken_bot_rules import BROKEN_BOT_RULES
from tests.laws.broken_cart_rules import BROKEN_CART_RULES
from tests.laws.broken_commerce_rules import BROKEN_COMMERCE_RULES
from tests.laws.broken_engagement_rules import BROKEN_ENGAGEMENT_RULES
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_RULES
from tests.laws.broken_funnel_rules import BROKEN_FUNNEL_RULES
from tests.laws.broken_identity_rules import BROKEN_IDENTITY_RULES
from tests.laws.broken_page_rules import BROKEN_PAGE_RULES
from tests.laws.broken_path_rules import BROKEN_PATH_RULES
from tests.laws.broken_retention_rules import BROKEN_RETENTION_RULES
from tests.laws.broken_rules import BROKEN_RULES, BrokenRule, chosen
from tests.laws.broken_standing_rules import BROKEN_STANDING_RULES
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
        *BROKEN_BOT_RULES,
        *BROKEN_CART_RULES,
        *BROKEN_COMMERCE_RULES,
        *BROKEN_ENGAGEMENT_RULES,
        *BROKEN_EXPERIMENT_RULES,
        *BROKEN_FUNNEL_RULES,
        *BROKEN_PAGE_RULES,
        *BROKEN_STANDING_RULES,
        *BROKEN_TRIGGER_RULES,
    ),
)
# What some tables notice in a history, by its text, where no rule is broken; filled as it is asked.
UNBROKEN: dict[tuple[str, tuple[str, ...]], str | None] = {}


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
    """Whether these tables are not what they should be where the rule is broken.

    Raises:
        AssertionError: they are not either where it is not.
    """
    history = history_of(rule, tables)
    broken = rule.applied(models_behind(*tables, rule.model))
    if history is None or difference(history, tables, broken) is None:
        return False
    control = history.describe(), tables
    if control not in UNBROKEN:
        UNBROKEN[control] = difference(history, tables)
    assert UNBROKEN[control] is None
    return True


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_is_noticed_and_nothing_where_it_is_not_broken(rule):
    assert any(noticed(rule, find(rule)) for find in (nearest_of_all, near, concerned))

"""Law 3 has teeth: each rule that keeps it, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules (`broken_rules` and the other modules of that name) and the histories (`noticing`,
`noticing_identity`).
"""

from functools import cache

import pytest

from tests.laws.broken_attribution_rules import BROKEN_ATTRIBUTION_RULES
from tests.laws.broken_commerce_rules import BROKEN_COMMERCE_RULES
from tests.laws.broken_engagement_rules import BROKEN_ENGAGEMENT_RULES
from tests.laws.broken_experiment_rules import BROKEN_EXPERIMENT_RULES
from tests.laws.broken_identity_rules import BROKEN_IDENTITY_RULES
from tests.laws.broken_path_rules import BROKEN_PATH_RULES
from tests.laws.broken_retention_rules import BROKEN_RETENTION_RULES
from tests.laws.broken_rules import BROKEN_RULES, BrokenRule
from tests.laws.broken_tracker_rules import BROKEN_TRACKER_RULES
from tests.laws.broken_trigger_rules import BROKEN_TRIGGER_RULES
from tests.laws.compiled import compiled_models
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
    *BROKEN_ATTRIBUTION_RULES,
    *BROKEN_COMMERCE_RULES,
    *BROKEN_ENGAGEMENT_RULES,
    *BROKEN_EXPERIMENT_RULES,
    *BROKEN_TRIGGER_RULES,
    *BROKEN_TRACKER_RULES,
)
TABLES = (*ORACLE_TABLES, *REBUILT_TABLES)


def history_of(rule: BrokenRule) -> History:
    """The history that notices, killed where the rule says."""
    if rule.dies_after is None:
        return rule.noticed_by
    names = [model.name for model in compiled_models()]
    return killed(rule.noticed_by, 1, (names.index(rule.dies_after) + 1.5) / len(names))


@cache
def expected_by_text(text: str) -> dict[int, Tables]:
    """What the oracle says of a history after each run, filled as it is asked."""
    return {}


@cache
def rebuilt_by_text(text: str) -> dict[str, list[str]]:
    """What a rebuild of a history by the models as they are holds, filled when it is asked."""
    return {}


def difference(history: History, models=None) -> str | None:
    """Where tables are not what the oracle says after a run, or a rebuild at the end."""
    text = history.describe()
    known, rebuilt = expected_by_text(text), rebuilt_by_text(text)

    def expected(number: int) -> Tables:
        if number not in known:
            known[number] = expected_tables(history, number)
        return known[number]

    warehouse, found = follow_to_end(history, models, expected)
    if found is None:
        if not rebuilt:
            fresh = rebuild(history)
            rebuilt.update({table: sorted_rows(fresh, table) for table in TABLES})
            fresh.con.close()
        wrong = [table for table in TABLES if sorted_rows(warehouse, table) != rebuilt[table]]
        found = f"{wrong} differ from a rebuild" if wrong else None
    warehouse.con.close()
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_is_noticed(rule):
    assert difference(history_of(rule), rule.applied(compiled_models()))


def test_nothing_is_noticed_where_nothing_is_broken():
    histories = {history_of(rule).describe(): history_of(rule) for rule in RULES}
    assert {text: difference(one) for text, one in histories.items()} == dict.fromkeys(histories)

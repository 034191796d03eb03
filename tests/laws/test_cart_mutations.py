"""The rules of carts have teeth: each, broken on purpose, is noticed.

Belongs here: that the histories notice, and that they notice nothing where nothing is broken. Not
here: the rules and the histories (`broken_cart_rules`).
"""

import pytest

from tests.laws.broken_cart_rules import BROKEN_CART_RULES
from tests.laws.broken_rules import BrokenRule, chosen
from tests.laws.cart_tables import MODELS, difference, killed_after
from tests.laws.histories import History

RULES = chosen(*BROKEN_CART_RULES)


def history_of(rule: BrokenRule) -> History:
    """The history that notices, killed where the rule says."""
    if rule.dies_after is None:
        return rule.noticed_by
    return killed_after(rule.noticed_by, 1, rule.dies_after)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_broken_rule_of_carts_is_noticed(rule):
    assert difference(history_of(rule), tuple(rule.applied(MODELS)))


def test_nothing_is_noticed_where_no_rule_of_carts_is_broken():
    histories = {history_of(rule).describe(): history_of(rule) for rule in RULES}
    assert {text: difference(one) for text, one in histories.items()} == dict.fromkeys(histories)

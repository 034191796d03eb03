"""Triggers in the settings: what a rule needs, what it gets by default, and the line of a fault."""

import pytest

from dagster_project.ingest.config import default_settings_text, parse_settings
from dagster_project.ingest.errors import ConfigError

RULE = """\
triggers:
  compared:
    when: products_viewed
    category: smartphones
    products: 3
    window: 10 minutes
    respond: {action: bundle, category: headphones}
"""


def test_a_new_installation_has_the_three_rules_of_the_design():
    triggers = parse_settings(default_settings_text()).triggers
    assert {name: rule.when for name, rule in triggers.items()} == {
        "smartphones_compared": "products_viewed",
        "cart_abandoned": "idle_cart",
        "shoes_disliked": "negative_review",
    }
    cart = triggers["cart_abandoned"].row("cart_abandoned", cart_pause_s=1800)
    assert (cart["value_over"], cart["window_s"], cart["cooldown_s"]) == (200.0, 1800, 1)
    assert (cart["discount_min_pct"], cart["discount_max_pct"]) == (10.0, 15.0)


def test_a_rule_is_a_row_with_its_defaults():
    row = parse_settings(RULE).triggers["compared"].row("compared", cart_pause_s=1800)
    assert row == {
        "rule": "compared", "condition": "products_viewed", "category": "smartphones",
        "product_count": 3, "window_s": 600, "max_rating": None, "value_over": None,
        "response": "bundle", "suggest": "recommended", "suggested_category": "headphones",
        "discount_min_pct": None, "discount_max_pct": None, "cooldown_s": 7 * 86_400,
        "daily_budget": None, "holdout_share": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            RULE.replace("    window: 10 minutes\n", ""),
            "yml:2: triggers.compared: window is missin",
        ),
        (RULE.replace("10 minutes", "soon"), ":6: triggers.compared.window: 'soon' is no length"),
        (RULE.replace("products_viewed", "bored"), ":3: triggers.compared.when: 'bored' is not"),
        (RULE + "    max_rating: 2\n", ":8: triggers.compared.max_rating: has no meaning for prod"),
        (RULE + "    holdout_pct: 101\n", ":8: triggers.compared.holdout_pct: 101"),
        (RULE + "    daily_budget: 0\n", ":8: triggers.compared.daily_budget: 0"),
        (RULE + "    cooldwn: 3\n", ":8: triggers.compared.cooldwn: no such key"),
        (
            RULE.replace("category: headphones", "discount_pct: [15, 10]"),
            ":7: triggers.compared.respond.discount_pct: goes from the least",
        ),
        (
            RULE.replace("category: headphones", "suggest: better_rated"),
            ":7: triggers.compared.respond.suggest: better_rated follows a negative_review",
        ),
        (RULE.replace("  compared:", "  Compared:"), ":2: triggers.Compared: "),
    ],
)
def test_a_fault_names_its_line_and_key(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    assert message in str(caught.value)

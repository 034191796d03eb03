"""The block `experiments:` of footfall.yml."""

from typing import get_args

import pytest

from dagster_project.ingest.config import parse_settings
from dagster_project.ingest.config_experiments import PolicyName
from dagster_project.ingest.errors import ConfigError
from ml.slot_policies import POLICIES


def test_an_experiment_names_its_control_its_shares_and_its_size():
    settings = parse_settings(
        "experiments:\n"
        "  free-shipping: {control: a, variants: {a: 90.0, b: 10}, units: 20000}\n"
        "  plain: {}\n"
    )
    one = settings.experiments["free-shipping"]
    assert (one.control, one.variants, one.units) == ("a", {"a": 90.0, "b": 10.0}, 20_000)
    assert settings.experiments["plain"].variants == {}


def test_a_variant_is_given_to_a_policy_that_is_valued():
    settings = parse_settings("experiments:\n  x: {policies: {b: linucb}}\n")
    assert settings.experiments["x"].policies == {"b": "linucb"}
    assert get_args(PolicyName) == POLICIES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{control: c, variants: {a: 1, b: 1}}", "x.control: 'c' is none of the variants"),
        ("{variants: {a: 0}}", "greater than 0"),
        ("{units: 0}", "x.units"),
        ("{variants: {a: 1, b: 1}, policies: {c: ucb1}}", "x.policies: 'c' is none of the var"),
        ("{policies: {b: by_lot}}", "x.policies"),
        ("{winner: a}", "no such key"),
    ],
)
def test_what_makes_no_sense_is_refused_by_line_and_key(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_settings(f"experiments:\n  x: {text}\n")

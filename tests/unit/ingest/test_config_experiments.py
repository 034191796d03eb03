"""The block `experiments:` of footfall.yml."""

import pytest

from dagster_project.ingest.config import parse_settings
from dagster_project.ingest.errors import ConfigError


def test_an_experiment_names_its_control_its_shares_and_its_size():
    settings = parse_settings(
        "experiments:\n"
        "  free-shipping: {control: a, variants: {a: 90.0, b: 10}, units: 20000}\n"
        "  plain: {}\n"
    )
    one = settings.experiments["free-shipping"]
    assert (one.control, one.variants, one.units) == ("a", {"a": 90.0, "b": 10.0}, 20_000)
    assert settings.experiments["plain"].variants == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{control: c, variants: {a: 1, b: 1}}", "x.control: 'c' is none of the variants"),
        ("{variants: {a: 0}}", "greater than 0"),
        ("{units: 0}", "x.units"),
        ("{winner: a}", "no such key"),
    ],
)
def test_what_makes_no_sense_is_refused_by_line_and_key(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_settings(f"experiments:\n  x: {text}\n")

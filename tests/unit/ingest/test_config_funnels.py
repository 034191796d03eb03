"""The block `funnels:`: what holds, what excludes, and the faults that name line and key."""

import pytest

from dagster_project.ingest.config import parse_settings
from dagster_project.ingest.errors import ConfigError


def funnel(*lines):
    return "funnels:\n  f:\n" + "".join(f"    {line}\n" for line in (*lines, "steps: [x, y]"))


def test_nothing_is_held_and_nothing_excluded_unless_said():
    declared = parse_settings(funnel()).funnels["f"]
    assert (declared.hold, declared.exclude) == (None, [])


def test_one_excluding_event_needs_no_list():
    assert parse_settings(funnel("exclude: z")).funnels["f"].exclude == ["z"]


def test_every_step_is_a_row_with_what_the_funnel_says():
    rows = parse_settings(funnel("hold: brand", "exclude: [z, a, z]")).funnels["f"].rows("f")
    assert [(row["step"], row["event_name"], row["hold"], row["excluded"]) for row in rows] == [
        (1, "x", "brand", ["a", "z"]),
        (2, "y", "brand", ["a", "z"]),
    ]


def test_a_key_of_the_properties_is_held_like_a_column():
    assert parse_settings(funnel("hold: properties.plan_Id")).funnels["f"].hold == (
        "properties.plan_Id"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hold: price", "footfall.yml:3: funnels.f.hold: 'price' is not one of product_id, "),
        ("hold: [product_id]", "footfall.yml:3: funnels.f.hold: ['product_id'] is not one of "),
        ("hold: properties", "footfall.yml:3: funnels.f.hold: 'properties' is not one of "),
        ("hold: properties.a.b", "'properties.a.b' is not one of product_id, "),
        ("hold: 'properties.a\"'", "nor properties.KEY, a key of an event's properties"),
        ("exclude: [z, y]", "footfall.yml:3: funnels.f.exclude: 'y' is a step; "),
        ("exclude: Gone", "footfall.yml:3: funnels.f.exclude.0: 'Gone' does not have the form "),
        ("exclude: 3", "footfall.yml:3: funnels.f.exclude: 3: "),
        ("excludes: z", "footfall.yml:3: funnels.f.excludes: no such key"),
    ],
)
def test_a_wrong_declaration_is_told_with_line_and_key(line, message):
    with pytest.raises(ConfigError) as caught:
        parse_settings(funnel(line))
    assert message in str(caught.value)

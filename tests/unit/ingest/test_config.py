"""Settings: what is read, and the line and key that an error names."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.ingest.config import default_settings_text, load_settings, parse_settings
from dagster_project.ingest.config_lines import parse_yaml
from dagster_project.ingest.errors import ConfigError

SHOP = """\
sources:
  shop:
    format: csv
    mapping:
      event_name: event
      event_ts: {column: ts, unit: ms}
"""


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_settings_of_a_new_installation_are_the_defaults(tmp_path):
    file = tmp_path / "footfall.yml"
    file.write_text(default_settings_text())

    settings = load_settings(file)

    assert list(settings.sources) == ["shop", "identity"]
    assert settings.settings == parse_settings("").settings
    assert list(settings.funnels) == ["purchase", "product"]


def test_the_commented_source_of_a_new_installation_is_valid():
    text = default_settings_text()
    start = text.index("  # legacy_shop:")
    end = text.index("\nsettings:")
    example = "".join(
        line.replace("  # ", "  ", 1) + "\n"
        for line in text[start:end].splitlines()
        if "or {column" not in line
    )

    source = parse_settings("sources:\n" + example).sources["legacy_shop"]

    assert source.mapping is not None
    assert source.mapping["event_ts"].unit == "ms"
    assert source.properties == ["*"]


def test_the_commented_pace_of_a_new_installation_is_valid_and_no_pace_is_the_default():
    text = default_settings_text()
    start = text.index("# bots:")
    example = text[start : text.index("\n\n", start)].replace("# ", "", 1).replace("\n# ", "\n", 1)

    assert parse_settings(example).bots.max_views_per_minute == 120
    assert parse_settings(text).bots.max_views_per_minute is None
    assert parse_settings("bots: {max_views_per_minute: 0}").bots.max_views_per_minute == 0


def test_defaults_are_those_of_the_design():
    settings = parse_settings("").settings
    assert settings.start is None
    assert settings.reporting_timezone == "UTC"
    assert settings.quarantine_share == 0.05
    assert settings.max_line_bytes == 10 * 1024 * 1024
    assert settings.earliest_event_date == date(2000, 1, 1)
    assert {"null", "0", "-1", "anonymous"} <= set(settings.junk_identifiers)


def test_a_source_whose_rows_say_their_session_may_keep_it():
    mapped = parse_settings(SHOP + "      source_session_id: sid\n    sessions: source\n")
    assert mapped.sources["shop"].sessions == "source"
    built_in = parse_settings("sources:\n  web: {format: ga4, sessions: source}\n")
    assert built_in.sources["web"].sessions == "source"
    assert parse_settings(SHOP).sources["shop"].sessions == "gap"


def test_a_column_alone_is_a_mapping():
    mapping = parse_settings(SHOP).sources["shop"].mapping
    assert mapping is not None
    assert mapping["event_name"].column == "event"


def test_funnel_window_is_text_or_seconds():
    text = "funnels:\n  a: {window: 30 minutes, steps: [x, y]}\n  b: {window: 90, steps: [x, y]}\n"
    funnels = parse_settings(text).funnels
    assert funnels["a"].window_s == 1800
    assert funnels["b"].window_s == 90


def test_funnel_steps_are_named_after_their_event_unless_named():
    text = "funnels:\n  a:\n    steps: [x, {event: y, name: Bought}]\n"
    steps = parse_settings(text).funnels["a"].steps
    assert [(step.event, step.name) for step in steps] == [("x", "x"), ("y", "Bought")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SHOP.replace("unit: ms", "unit: weeks"),
            "footfall.yml:6: sources.shop.mapping.event_ts.unit: "
            "'weeks' is not one of s, ms, us, ns",
        ),
        (SHOP + "      foo: x\n", "footfall.yml:7: sources.shop.mapping.foo: no field"),
        (SHOP + "      price: {valu: 3}\n", "footfall.yml:7: sources.shop.mapping.price.valu: no"),
        (SHOP + "      price: {column: p, unit: s}\n", ".price.unit: is for event_ts and sent_ts"),
        (SHOP + "      price: {column: p, value: x}\n", ".price: give exactly one of"),
        (SHOP + "      price: {value: 3}\n", ".price.value: 3 is not text; put it in quotes"),
        (
            SHOP + "      properties: '*'\n",
            "footfall.yml:7: sources.shop.mapping.properties: is no",
        ),
        (
            SHOP + "      properties: ['*', {a: b, c: d}]\n",
            "footfall.yml:7: sources.shop.mapping.properties: is no list of columns, or of a name",
        ),
        (
            SHOP + "      properties: [a, {a: b}]\n",
            "footfall.yml:7: sources.shop.mapping.properties: 'a' is a column and a name",
        ),
        (
            SHOP + "      properties: [{a: {sql: now()}}]\n",
            "footfall.yml:7: sources.shop.mapping.properties.a.sql: the function now() is not",
        ),
        (
            SHOP + "      properties: [{a: {column: b, unit: s}}]\n",
            "footfall.yml:7: sources.shop.mapping.properties.a.unit: is for event_ts and sent_ts",
        ),
        (
            SHOP + "      properties: [{a: 3}]\n",
            "footfall.yml:7: sources.shop.mapping.properties.a",
        ),
        (SHOP + "    named_properties: {a: b}\n", "sources.shop.properties: stands inside mapping"),
        (SHOP + "    sessions: source\n", "sources.shop.sessions: 'source' needs rows that say"),
        (
            "sources:\n  web:\n    format: access_log\n    sessions: source\n",
            "footfall.yml:4: sources.web.sessions: 'source' needs rows",
        ),
        (SHOP + "    format: csv\n", "footfall.yml:7: sources.shop.format: given twice, first in"),
        (SHOP + "    timezone: Mars/Base\n", "footfall.yml:7: sources.shop.timezone: 'Mars/Base'"),
        (SHOP + "    delimiter: ab\n", "footfall.yml:7: sources.shop.delimiter: "),
        (SHOP.replace("event_name: event", "price: p"), ":4: sources.shop.mapping: event_name is"),
        (SHOP.replace(", unit: ms", ", format: '%Q'"), "'%Q' is no strptime format"),
        ("sources:\n  shop: {format: csv}\n", "footfall.yml:2: sources.shop.mapping: is missing"),
        ("sources:\n  Shop: {format: csv}\n", "footfall.yml:2: sources.Shop: 'Shop' does not have"),
        (
            "sources:\n  a:\n    format: canonical\n    mapping: {event_ts: x}\n",
            "footfall.yml:4: sources.a.mapping: the canonical format has none",
        ),
        (
            "sources:\n  a:\n    format: ga4\n    mapping: {event_ts: x}\n",
            "footfall.yml:4: sources.a.mapping: the ga4 format has none",
        ),
        (
            "sources:\n  hosts:\n    format: auth_log\n    sessions: source\n",
            "footfall.yml:4: sources.hosts.sessions: 'source' needs rows",
        ),
        (
            "sources:\n  a:\n    format: segment\n    visitors: address_and_agent\n",
            "footfall.yml:4: sources.a.visitors: is for the format access_log alone",
        ),
        (
            "sources:\n  a:\n    format: segment\n    site: https://a.example\n",
            "footfall.yml:4: sources.a.site: is for the format access_log alone",
        ),
        (
            "sources:\n  a:\n    format: access_log\n    site: https://a.example/shop\n",
            "footfall.yml:4: sources.a.site: 'https://a.example/shop' does not have",
        ),
        ("settings:\n  grace_hours: -1\n", "footfall.yml:2: settings.grace_hours: -1: "),
        ("settings:\n  start: 2020-13-01\n", "footfall.yml:2: settings.start: "),
        ("bots:\n  max_views_per_minute: -1\n", "footfall.yml:2: bots.max_views_per_minute: -1: "),
        ("bots:\n  max_views: 9\n", "footfall.yml:2: bots.max_views: no such key"),
        ("settings:\n  reporting_currency: euro\n", "settings.reporting_currency: 'euro' does not"),
        ("funnels:\n  a: {steps: [x]}\n", "footfall.yml:2: funnels.a.steps: "),
        ("\n\nsurces: {}\n", "footfall.yml:3: surces: no such key"),
        ("- 1\n", "footfall.yml:1: the file must be a mapping"),
        ("a: 'b\n", "footfall.yml:2: not valid YAML"),
    ],
)
def test_an_error_names_line_and_key(text, message):
    assert message in error_of(text)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("(select 1)", "subquery is not allowed"),
        ("a in (select b)", "subquery is not allowed"),
        ("sum(a)", "the function sum() is not allowed"),
        ("row_number() over ()", "window is not allowed"),
        ("random()", "the function random() is not allowed"),
        ("now()", "the function now() is not allowed"),
        ("getenv('HOME')", "the function getenv() is not allowed"),
        ("getvariable('x')", "the function getvariable() is not allowed"),
        ("read_text('/etc/passwd')", "the function read_text() is not allowed"),
        ("unnest([1, 2])", "the function unnest() is not allowed"),
        ("columns(*)", "star is not allowed"),
        ("1) + (2", "not an expression"),
        ("1, 2", "give a single value"),
        ("a from t", "give a single value"),
        ("1; select 2", "more than one statement"),
        ("a + 1", "not usable"),
        ('"A" || "a"', "differ in case alone"),
    ],
)
def test_an_expression_that_reaches_beyond_its_row_is_refused(expression, problem):
    quoted = expression.replace("'", "''")
    message = error_of(SHOP + f"      price: {{sql: '{quoted}'}}\n")
    assert message.startswith("footfall.yml:7: sources.shop.mapping.price.sql: ")
    assert problem in message


def test_columns_of_an_expression_are_required_of_the_file():
    text = SHOP + "      price: {sql: 'case when \"Qty\"::int > 0 then amount end'}\n"
    assert parse_settings(text).sources["shop"].required_columns == ("Qty", "amount", "event", "ts")


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
        "a: &a [*a]\n",
        "[" * 100_000,
        "a: {" * 5000,
        "a: !!python/object/apply:os.system [ls]\n",
        "settings: {lock_wait_s: " + "9" * 5000 + "}",
        'a: "\\UFFFFFFFF"\n',
        "\x00",
        "x" * 1_000_001,
    ],
)
def test_a_hostile_file_is_one_error(text):
    error_of(text)


def test_a_file_that_is_not_utf8_is_named_with_the_line():
    with pytest.raises(ConfigError, match=r"footfall\.yml:2: not UTF-8"):
        parse_yaml(b"sources:\n  caf\xe9: 1\n", "footfall.yml")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="footfall init"):
        load_settings(tmp_path / "footfall.yml")


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_one_error(data):
    problem = ""
    try:
        parse_yaml(data, "footfall.yml")
    except ConfigError as error:
        problem = str(error)
    assert "\n" not in problem


PIECES = ["sources", "shop", "format", "mapping", "csv", "sql", "*", "&a", "null", "1", "{", "}"]
PIECES += ["[", "]", ": ", "- ", "\n", "\n  ", "\n    ", ",", "'", "settings", "steps", "funnels"]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_text_is_settings_or_one_error(pieces):
    problem = ""
    try:
        parse_settings("".join(pieces))
    except ConfigError as error:
        problem = str(error)
    assert "\n" not in problem

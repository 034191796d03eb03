"""Consent: what a source asks of its rows, and that the others are counted and stored nowhere."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest.config import parse_settings
from dagster_project.ingest.config_consent import ConsentSettings
from dagster_project.ingest.consent import missing_consent_sql
from dagster_project.ingest.errors import ConfigError
from tests.landed_days import (
    bytes_below,
    event,
    json_lines,
    land,
    seal_unchecked,
    sealed_files,
    state_with,
)

SETTINGS = """\
sources: {shop: {format: canonical, consent: {required: [analytics, profiling]}}}
settings: {quarantine_share: 1.0}
"""


@pytest.mark.parametrize(
    ("consent", "missing"),
    [
        ({"analytics": True}, None),
        ({"analytics": "Granted", "ads": False}, None),
        ({"analytics": 1}, None),
        ("granted", None),
        ("analytics", None),
        (True, None),
        (["ads", "analytics"], None),
        ({"analytics": False}, "no_consent: analytics"),
        ({"analytics": "denied"}, "no_consent: analytics"),
        ({"analytics": None}, "no_consent: analytics"),
        ({"ads": True}, "no_consent: analytics"),
        ({}, "no_consent: analytics"),
        ("denied", "no_consent: analytics"),
        (False, "no_consent: analytics"),
        (["ads"], "no_consent: analytics"),
        ([], "no_consent: analytics"),
        (None, "no_consent: analytics"),
    ],
)
def test_answer_is_read_in_the_forms_that_sources_write(consent: Any, missing: str | None) -> None:
    sql = missing_consent_sql({"shop": ConsentSettings(required=["analytics"])})
    text = json.dumps(consent)
    for given in {text, f" {text} "}:
        row = "select 'shop' as source, 'page_viewed' as event_name, ?::varchar as consent"
        assert duckdb.execute(f"select {sql} from ({row})", [given]).fetchall() == [(missing,)]


def test_no_answer_and_a_broken_one_are_no_consent() -> None:
    sql = missing_consent_sql({"shop": ConsentSettings(required=["analytics"])})
    for given in (None, "{broken", ""):
        row = "select 'shop' as source, 'page_viewed' as event_name, ?::varchar as consent"
        found = duckdb.execute(f"select {sql} from ({row})", [given]).fetchall()
        assert found == [("no_consent: analytics",)]


def test_source_that_asks_for_nothing_costs_nothing() -> None:
    assert missing_consent_sql({"shop": ConsentSettings(default="granted")}) is None


def test_rows_without_consent_are_withheld_by_the_first_category_missing(tmp_path: Path) -> None:
    paths = state_with(tmp_path / "home", SETTINGS)
    both = {"analytics": True, "profiling": True}
    rows = [
        event(1, "2026-01-01T10:00:00Z", consent=both),
        event(2, "2026-01-01T10:00:00Z", consent={"analytics": True}),
        event(3, "2026-01-01T10:00:00Z", consent={"profiling": True}, anonymous_id="secret-cookie"),
        event(4, "2026-01-01T10:00:00Z"),
        # Breaks the contract too: it must not be kept in quarantine either.
        event(5, "not a time"),
        event(6, "2026-01-01T10:00:00Z", event_name="consent_updated", consent={"analytics": 0}),
        event(7, "not a time", consent=both),
    ]
    land(paths, "shop/2026-01-01/a.jsonl", json_lines(rows) + b"{broken\n")

    seal_unchecked(paths, "2026-01-01", now="2026-01-03T00:00:00")

    file = sealed_files(paths)["shop/2026-01-01/a.jsonl"]
    assert (file.read, file.logged, file.quarantined) == (8, 2, 2)
    assert file.withheld == {"no_consent: analytics": 3, "no_consent: profiling": 1}


def test_source_without_required_categories_withholds_nothing(tmp_path: Path) -> None:
    paths = state_with(tmp_path / "home")
    rows = [event(1, "2026-01-01T10:00:00Z", consent={"analytics": False})]
    land(paths, "shop/2026-01-01/a.jsonl", json_lines(rows))

    seal_unchecked(paths, "2026-01-01", now="2026-01-03T00:00:00")

    file = sealed_files(paths)["shop/2026-01-01/a.jsonl"]
    assert (file.logged, file.withheld) == (1, {})


def test_word_that_stands_in_for_missing_consent_is_taken(tmp_path: Path) -> None:
    settings = "sources: {shop: {format: canonical, consent: granted}}\n"
    paths = state_with(tmp_path / "home", settings)
    land(paths, "shop/2026-01-01/a.jsonl", json_lines([event(1, "2026-01-01T10:00:00Z")]))

    seal_unchecked(paths, "2026-01-01", now="2026-01-03T00:00:00")

    file = sealed_files(paths)["shop/2026-01-01/a.jsonl"]
    assert (file.logged, file.quarantined) == (1, 0)
    (part,) = (paths.home / name for name in bytes_below(paths.home) if "log/events" in name)
    found = duckdb.execute("select consent from read_parquet(?)", [str(part)]).fetchall()
    assert found == [('"granted"',)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("required: analytics", "footfall.yml:4: sources.shop.consent.required: "),
        ("required: ['a\"b']", "footfall.yml:4: sources.shop.consent.required"),
        ("needed: [a]", "footfall.yml:4: sources.shop.consent.needed: no such key"),
        ("default: true", "footfall.yml:4: sources.shop.consent.default: True is not text"),
        ("exempt_events: [Order Completed]", "footfall.yml:4: sources.shop.consent.exempt_events"),
    ],
)
def test_error_in_the_settings_names_line_and_key(text: str, message: str) -> None:
    file = f"sources:\n  shop:\n    format: canonical\n    consent: {{{text}}}\n"
    with pytest.raises(ConfigError) as caught:
        parse_settings(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_consent_is_a_word_json_or_a_block() -> None:
    def consent(text: str) -> ConsentSettings:
        settings = parse_settings(f"sources: {{shop: {{format: canonical, consent: {text}}}}}\n")
        return settings.sources["shop"].consent

    assert consent("granted").default == '"granted"'
    assert consent("'{\"ads\": false}'").default == '{"ads": false}'
    assert consent("{required: [ads]}") == ConsentSettings(required=["ads"])
    assert consent("{required: [ads]}").exempt_events == ["consent_updated"]

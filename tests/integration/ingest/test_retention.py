"""How long what was delivered is kept, and that each run sees to it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_project.ingest import retention
from dagster_project.ingest.config import load_settings, parse_settings
from dagster_project.ingest.errors import ConfigError
from dagster_project.state import StatePaths
from tests.landed_days import (
    bytes_below,
    event,
    json_lines,
    land,
    load,
    seal_unchecked,
    state_with,
)

SETTINGS = """\
sources: {shop: {format: canonical}}
settings: {quarantine_share: 1.0, quarantine_days: 20, landing_days: 10}
"""
SEALED = "2026-01-02T03:00:00"
GOOD = event(1, "2026-01-01T10:00:00Z")
BAD = event(2, "no time")


def day_with_a_refused_row(home: Path, settings: str = SETTINGS) -> StatePaths:
    paths = state_with(home, settings)
    land(paths, "shop/2026-01-01/a.jsonl", json_lines([GOOD, BAD]))
    seal_unchecked(paths, "2026-01-01", now=SEALED)
    return paths


def kept(paths: StatePaths, at: str) -> tuple[int, int]:
    """Files in landing and in quarantine after a run at a time."""
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    retention.enforce(paths, now, load_settings(paths.settings_file))
    return len(bytes_below(paths.landing)), len(bytes_below(paths.quarantine))


def test_days_are_counted_from_the_seal_and_the_last_is_whole(tmp_path: Path) -> None:
    paths = day_with_a_refused_row(tmp_path / "home")
    assert kept(paths, "2026-01-12T03:00:00") == (1, 1)
    assert kept(paths, "2026-01-12T03:00:01") == (0, 1)
    assert kept(paths, "2026-01-22T03:00:00") == (0, 1)
    assert kept(paths, "2026-01-22T03:00:01") == (0, 0)


def test_landing_is_kept_for_ever_unless_set(tmp_path: Path) -> None:
    paths = day_with_a_refused_row(tmp_path / "home", SETTINGS.replace(", landing_days: 10", ""))
    assert kept(paths, "2036-01-01T00:00:00") == (1, 0)


def test_quarantine_is_kept_for_ninety_days_unless_set(tmp_path: Path) -> None:
    plain = "sources: {shop: {format: canonical}}\nsettings: {quarantine_share: 1.0}\n"
    paths = day_with_a_refused_row(tmp_path / "home", plain)
    assert kept(paths, "2026-04-02T03:00:00") == (1, 1)  # 29 + 28 + 31 + 2 days
    assert kept(paths, "2026-04-02T03:00:01") == (1, 0)


def test_file_that_is_not_sealed_or_changed_since_stays(tmp_path: Path) -> None:
    paths = day_with_a_refused_row(tmp_path / "home")
    land(paths, "shop/2026-01-01/late.jsonl", json_lines([GOOD]))
    changed = paths.landing / "shop/2026-01-01/a.jsonl"
    changed.write_bytes(changed.read_bytes() + b'{"x": 1}\n')
    assert kept(paths, "2036-01-01T00:00:00") == (2, 0)


def test_every_run_enforces_it_even_one_that_closes_no_day(tmp_path: Path) -> None:
    paths = day_with_a_refused_row(tmp_path / "home")
    report = load(paths, "2026-03-01", now="2026-03-01T12:00:00")
    assert not report.integrity
    assert (bytes_below(paths.landing), bytes_below(paths.quarantine)) == ({}, {})


@pytest.mark.parametrize("value", ["0", "-1", "soon", "4000", "1.5"])
def test_days_that_make_no_sense_are_refused_with_their_line(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^footfall.yml:2: settings.landing_days: "):
        parse_settings(f"settings:\n  landing_days: {value}\n")

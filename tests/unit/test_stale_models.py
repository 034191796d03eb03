"""Stale models: what an older day does to later partitions, and what a later day does not."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project import stale_models
from dagster_project.ingest import seals
from dagster_project.ingest.seals import Manifest, Part
from dagster_project.stale_models import StaleModel, describe, log_up_to
from dagster_project.state import StatePaths

FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)


def seal(sequence: int, day: date, *hashes: str) -> Manifest:
    """A seal of a day with a part of each hash."""
    parts = tuple(
        Part(f"log/events/arrival_date={day}/{sequence}-{sha}.parquet", 1, 1, sha, day, day)
        for sha in hashes
    )
    return Manifest(
        sequence=sequence, arrival_date=day, sealed_at=datetime(2026, 3, 9, tzinfo=UTC),
        contract_version=1, closes_day=True, accepted_reason=None, previous="", files=(),
        refused=(), parts=parts, quarantine=(), sources={},
    )  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths(tmp_path)


def train(paths: StatePaths, chain: list[Manifest], *days: date) -> None:
    """Leave what training leaves behind: a card, and the log it has seen."""
    for day, seen in log_up_to(chain, days).items():
        folder = paths.models / "anomalies" / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.json").write_text("{}")
        (folder / stale_models.FILE).write_bytes(seen.content(day))


def stale(
    paths: StatePaths, chain: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> list[StaleModel]:
    monkeypatch.setattr(seals, "load_chain", lambda _: chain)
    return stale_models.stale_models(paths)


def test_a_later_day_makes_no_model_stale(paths, monkeypatch):
    chain = [seal(1, FIRST, "a"), seal(2, SECOND, "b")]
    train(paths, chain, FIRST, SECOND)
    assert stale(paths, [*chain, seal(3, THIRD, "c")], monkeypatch) == []


def test_an_older_day_makes_the_models_after_it_stale_and_no_other(paths, monkeypatch):
    chain = [seal(1, FIRST, "a"), seal(2, THIRD, "c")]
    train(paths, chain, FIRST, THIRD)
    found = stale(paths, [*chain, seal(3, SECOND, "b1", "b2")], monkeypatch)
    assert found == [StaleModel("anomalies", THIRD, 2)]


def test_a_model_made_again_is_no_longer_stale(paths, monkeypatch):
    chain = [seal(1, FIRST, "a"), seal(2, THIRD, "c")]
    train(paths, chain, THIRD)
    chain.append(seal(3, SECOND, "b"))
    train(paths, chain, THIRD)
    assert stale(paths, chain, monkeypatch) == []


def test_a_second_batch_of_an_open_day_makes_its_model_stale_and_an_empty_seal_does_not(
    paths, monkeypatch
):
    chain = [seal(1, FIRST, "a")]
    train(paths, chain, FIRST)
    assert stale(paths, [*chain, seal(2, FIRST)], monkeypatch) == []
    found = stale(paths, [*chain, seal(2, FIRST, "more")], monkeypatch)
    assert found == [StaleModel("anomalies", FIRST, 1)]


def test_a_model_that_does_not_say_what_it_has_seen_is_stale(paths, monkeypatch):
    chain = [seal(1, FIRST, "a")]
    train(paths, chain, FIRST)
    (paths.models / "anomalies" / FIRST.isoformat() / stale_models.FILE).unlink()
    assert stale(paths, chain, monkeypatch) == [StaleModel("anomalies", FIRST, 1)]


def test_the_line_names_the_dates_and_the_command():
    line = describe([StaleModel("anomalies", SECOND, 1), StaleModel("recommendations", THIRD, 1)])
    assert "2 dates (2026-03-02 to 2026-03-03)" in line
    assert "footfall run --from 2026-03-02 --to 2026-03-03" in line

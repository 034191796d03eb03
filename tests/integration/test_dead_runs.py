"""A killed run's slot: freed by the next run, and left alone while somebody writes."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.dead_runs import free_slots_of_dead_runs
from dagster_project.cli.init import initialise
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths

NOW = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A state whose pool a run has claimed that is no more, and another one waits."""
    paths = StatePaths(tmp_path / "state")
    initialise(paths)
    with dg.DagsterInstance.from_config(str(paths.dagster)) as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("warehouse")
        assert storage.claim_concurrency_slot("warehouse", "killed", "event_log").is_claimed
        assert not storage.claim_concurrency_slot("warehouse", "next", "event_log").is_claimed
    return paths


def can_claim(paths: StatePaths) -> bool:
    with dg.DagsterInstance.from_config(str(paths.dagster)) as instance:
        storage = instance.event_log_storage
        return storage.claim_concurrency_slot("warehouse", "third", "event_log").is_claimed


def test_the_slot_of_a_killed_run_is_freed(paths):
    assert free_slots_of_dead_runs(paths, NOW) == ["killed", "next"]
    assert can_claim(paths)
    assert free_slots_of_dead_runs(paths, NOW) == ["third"]


def test_a_slot_is_left_while_another_process_writes(paths):
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    writer = context.Process(target=hold_lock, args=(paths.home, held, done))
    writer.start()
    try:
        assert held.wait(60)
        assert free_slots_of_dead_runs(paths, NOW) == []
        assert not can_claim(paths)
    finally:
        done.set()
        writer.join(60)


def hold_lock(home: Path, held, done) -> None:
    with state_lock(StatePaths(home), run="writer", wait_s=0, now=NOW):
        held.set()
        done.wait(60)


def test_a_state_without_pools_has_nothing_to_free(tmp_path):
    assert free_slots_of_dead_runs(StatePaths(tmp_path), NOW) == []

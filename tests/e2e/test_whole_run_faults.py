"""Law 3 over the whole run: killed at each step, or out of room, the next run ends in all tables.

A shop's third day arrives on two that are built. Runs die at one step after the other, each going
on from where the one before was killed; then one is let through. Every published table must equal,
row for row, what a run makes that nobody disturbed.
"""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from dagster_project.state import StatePaths
from tests.fault_injection import (
    FilesUpTo,
    lose_process_after,
    lose_process_at,
    told_under,
)
from tests.whole_run import (
    Tables,
    begin_state,
    run_and_note_steps,
    run_whole,
    tables,
)

# Steps after the log is sealed, in the order of a run. Those inside the log, of publication, of
# files that are put in place together and of the work set each have their own test of every step:
# tests/integration/ingest/test_kill.py, tests/integration/test_serving.py,
# tests/unit/test_partition_files.py, tests/integration/test_work_set.py.
KILLS = [
    "dbt: fct_sessions finished",
    "partitions: one renamed",
    "dbt: customer_360 finished",
    "serving: swapped",
    "work set: before it is struck off",
]
RANDOM_KILLS, SEED = 1, 7
# Every step that a run passes, from landing to publication: a new one must be killed somewhere.
KNOWN_STEPS = re.compile(
    r"vault: identifiers stored|staging: (part written|quarantine written|out of its place)|"
    r"seal: (vault flushed|part placed|quarantine placed|parts placed|staging removed)|"
    r"manifest: (before|sealed)|HEAD: written|"
    r"(report\.json|HEAD|\d{8}-2026-11-0[23]\.json): (written beside|renamed)|"
    r"(log_parts|log_files|log_replays|log_days|sources|settings|funnels|triggers|event_types|rates|"
    r"erasures)"
    r"\.parquet: (written beside|renamed)|"
    r"work set: (before its commit|written|before it is struck off|struck off)|"
    r"dbt: \w+ finished|partitions: (written beside|one renamed|renamed)|"
    r"serving: (built|named|linked|swapped)"
)


@dataclass(frozen=True)
class Shop:
    """Where runs take place, the state that they start from, and what they should end in."""

    home: Path
    begun: Path
    steps: list[str]
    seconds: float
    expected: Tables

    def begin(self) -> None:
        """The third day has landed, and no run has seen it."""
        shutil.rmtree(self.home)
        shutil.copytree(self.begun, self.home, symlinks=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("whole")
    home, begun, notes = folder / "state", folder / "begun", folder / "steps"
    assert told_under(None, home, begin_state, home) == ""
    before = tables(home)
    shutil.copytree(home, begun, symlinks=True)
    started = time.monotonic()
    assert told_under(None, home, run_and_note_steps, home, notes) == ""
    seconds = time.monotonic() - started
    expected = tables(home)
    # The day brings something to every table but those that need more history.
    changed = {name for name in expected if expected[name] != before.get(name)}
    assert {"core.fct_events", "marts.kpi_daily", "marts.customer_360", "ml.model_metrics"} <= (
        changed
    )
    return Shop(home, begun, notes.read_text().splitlines(), seconds, expected)


def test_every_step_of_a_run_has_a_name_that_is_killed_at(shop):
    assert [step for step in shop.steps if not KNOWN_STEPS.fullmatch(step)] == []
    assert set(KILLS) <= set(shop.steps)
    # In their order, so that each run gets beyond where the one before it died.
    assert sorted(KILLS, key=shop.steps.index) == KILLS


def test_runs_that_die_or_have_no_room_end_in_the_tables_of_one_that_nobody_disturbed(shop):
    """Each goes on from where the one before it ended; the long form is `make kills`."""
    shop.begin()
    for step in KILLS:
        lose_process_at(step, 1, run_whole, shop.home)
    rng = Random(SEED)
    for _ in range(RANDOM_KILLS):
        lose_process_after(rng.uniform(0, shop.seconds), run_whole, shop.home)
    # Larger than any file but the warehouse, of which nothing beyond the half can be written.
    size = StatePaths(shop.home).warehouse_db.stat().st_size
    said = told_under(FilesUpTo(size // 2), shop.home, run_whole, shop.home)
    assert said.startswith("footfall: ")
    assert said.count("\n") == 1
    assert "there is no room to write" in said

    assert told_under(None, shop.home, run_whole, shop.home) == ""

    found = tables(shop.home)
    names = sorted({*found, *shop.expected})
    assert [name for name in names if found.get(name) != shop.expected.get(name)] == []

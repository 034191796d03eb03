"""A killed run keeps nothing from the runs that come after it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dagster_project import dead_runs
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths

REPOSITORY = Path(__file__).parents[2]
# A run that has shown its sign of life and holds the pool's only slot, until somebody ends it.
RUN = """
import sys, time
from pathlib import Path
import dagster as dg
from dagster_project import dead_runs
from dagster_project.state import StatePaths

home, run_id = Path(sys.argv[1]), sys.argv[2]
with dg.DagsterInstance.local_temp(str(home / "dagster")) as instance:
    with dead_runs.sign_of_life(StatePaths(home), run_id):
        claim = instance.event_log_storage.claim_concurrency_slot("warehouse", run_id, "event_log")
        print(claim.slot_status.value, flush=True)
        time.sleep(120)
"""


@dg.op(pool="warehouse", required_resource_keys={"state"})
def write_something() -> None: ...


@dg.job(executor_def=dg.in_process_executor)
def writing() -> None:
    write_something()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster").mkdir()
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(home / "dagster")) as made:
        made.event_log_storage.set_concurrency_slots("warehouse", 1)
        yield made


def started_elsewhere(
    instance: dg.DagsterInstance, home: Path
) -> tuple[str, subprocess.Popen[str]]:
    """A run of another process that has the slot."""
    run = instance.create_run_for_job(writing, status=dg.DagsterRunStatus.STARTED)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(home), run.run_id],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "CLAIMED"
    return run.run_id, process


def holders(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.event_log_storage.get_concurrency_run_ids())


def test_a_killed_run_is_ended_and_its_slot_given_to_the_next(instance, home):
    run_id, process = started_elsewhere(instance, home)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # Dagster itself has noticed nothing.
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED
    assert holders(instance) == {run_id}

    done = writing.execute_in_process(
        instance=instance, resources={"state": FootfallState(home=str(home))}
    )
    assert done.success
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert holders(instance) == set()
    assert list((home / "dagster" / "alive").iterdir()) == []


def test_a_run_that_lives_keeps_its_slot(instance, home):
    run_id, process = started_elsewhere(instance, home)
    try:
        assert dead_runs.clear_up(instance, StatePaths(home), "another") == []
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED
        assert holders(instance) == {run_id}
    finally:
        process.kill()
        process.wait()


def test_a_finished_run_that_left_its_slot_behind_loses_it(instance, home):
    run = instance.create_run_for_job(writing, status=dg.DagsterRunStatus.FAILURE)
    instance.event_log_storage.claim_concurrency_slot("warehouse", run.run_id, "event_log")
    assert dead_runs.clear_up(instance, StatePaths(home), "another") == [run.run_id]
    assert holders(instance) == set()


def test_a_run_that_has_not_come_to_its_first_step_is_left_alone(instance, home):
    run = instance.create_run_for_job(writing, status=dg.DagsterRunStatus.STARTED)
    assert dead_runs.clear_up(instance, StatePaths(home), "another") == []
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED

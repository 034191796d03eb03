"""Processes beside a run that are ended from outside, as a machine without memory does."""

import os
import signal

import pyarrow as pa
import pytest

from dagster_project import worker_processes
from dagster_project.worker_processes import WorkerLostError, map_in_order, validate_beside
from expectations.contract import counts_suite


def nothing() -> None: ...


def twice_unless_killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes.os, "cpu_count", lambda: 2)


@pytest.mark.usefixtures("two_processors")
def test_a_worker_that_is_killed_ends_the_work_with_one_clear_line():
    with pytest.raises(WorkerLostError, match="was ended from outside, most often for want of mem"):
        list(map_in_order(twice_unless_killed, [(n,) for n in range(6)], 6, nothing))


@pytest.mark.usefixtures("two_processors")
def test_a_check_is_made_here_where_the_process_for_it_was_killed(monkeypatch):
    pool = worker_processes.started(1, nothing)
    os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
    monkeypatch.setattr(worker_processes, "_validator", pool)
    counts = pa.table(
        {"source_file": ["a"], "read": [3], "logged": [2], "quarantined": [0], "withheld": [0]}
    )

    report = validate_beside(counts_suite(max_quarantined_share=0.5), counts, name="counts")

    # One row is lost, and the check says so though its process is gone.
    assert not report.success
    assert worker_processes._validator is None

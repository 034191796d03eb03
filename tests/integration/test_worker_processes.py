"""Processes beside a run that are ended from outside, as a machine without memory does."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dagster_project import worker_processes
from dagster_project.worker_processes import (
    WorkerLostError,
    dismiss_workers,
    map_in_order,
    validate_beside,
)
from expectations.contract import counts_suite


def nothing() -> None: ...


def twice_unless_killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def worker_of(_number: int) -> int:
    return os.getpid()


def otherwise() -> None: ...


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker_processes.os, "cpu_count", lambda: 2)
    yield
    dismiss_workers()


def workers_of(count: int, prepare: Callable[[], None]) -> set[int]:
    return set(map_in_order(worker_of, [(n,) for n in range(count)], count, prepare))


@pytest.mark.usefixtures("two_processors")
def test_a_worker_that_is_killed_ends_the_work_with_one_clear_line():
    with pytest.raises(WorkerLostError, match="was ended from outside, most often for want of mem"):
        list(map_in_order(twice_unless_killed, [(n,) for n in range(6)], 6, nothing))


@pytest.mark.usefixtures("two_processors")
def test_after_a_lost_worker_the_next_work_is_done_by_others():
    with pytest.raises(WorkerLostError):
        list(map_in_order(twice_unless_killed, [(n,) for n in range(6)], 6, nothing))
    assert list(map_in_order(abs, [(-n,) for n in range(6)], 6, nothing)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.usefixtures("two_processors")
def test_workers_stay_for_work_that_begins_the_same_until_they_are_dismissed():
    first, again = workers_of(12, nothing), workers_of(12, nothing)
    assert os.getpid() not in first
    assert len(first | again) <= 2
    other = workers_of(12, otherwise)
    assert not other & first
    dismiss_workers()
    assert not any(Path(f"/proc/{pid}").exists() for pid in first | again | other)
    # Few items are worth no process.
    assert workers_of(5, nothing) == {os.getpid()}


@pytest.mark.usefixtures("two_processors")
def test_work_that_nobody_waits_for_any_more_is_called_off():
    results = map_in_order(worker_of, [(n,) for n in range(12)], 12, nothing)
    next(results)
    results.close()
    assert len(workers_of(12, nothing)) <= 2


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

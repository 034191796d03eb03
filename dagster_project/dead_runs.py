"""Runs whose process has gone: ended for Dagster, and their places in the pool given free.

A run that is killed (kill -9, a power cut) stays `started` in Dagster and keeps its slot in the
pool `warehouse`, so that every later run would wait for it for ever. Each run therefore holds an
flock on a file of its own while it lives; the kernel lets go of it however the process ends.
Belongs here: holding that sign of life, and clearing up after runs that have none. Not here: the
lock of the state folder (`ingest/lock.py`), which guards the data.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from dagster_project.ingest.durable import make_folder
from dagster_project.state import StatePaths

_ENDED = (
    "The process of this run has gone without a word (killed, or the machine went down). What it "
    "finished stays; the days that it owed are built by the next run."
)


@contextmanager
def sign_of_life(paths: StatePaths, run_id: str) -> Iterator[None]:
    """Show while the block lasts that the run's process is there."""
    file = _sign(paths, run_id)
    make_folder(file.parent)
    # Locked before it has its name: a sign that nobody holds means death.
    unnamed = file.with_name(f".{run_id}.{os.getpid()}")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unnamed.rename(file)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def clear_up(instance: dg.DagsterInstance, paths: StatePaths, own_run: str) -> list[str]:
    """End the runs that are dead and free what they hold in the pools.

    A run is dead if its sign of life is there and nobody holds it, or if it holds a slot though it
    has no sign at all or is finished: a run takes slots only after it shows the sign.

    Args:
        instance: Dagster's instance, on whose storage the runs are.
        paths: the state folder.
        own_run: the run that asks; it is alive.

    Returns:
        The ids of the runs that were cleared up.
    """
    storage = instance.event_log_storage
    pooled = storage.supports_global_concurrency_limits
    holding = storage.get_concurrency_run_ids() if pooled else set()
    running = {
        run.run_id: run
        for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    }
    dead: list[str] = []
    for run_id in sorted({*holding, *running} - {own_run}):
        sign = _sign(paths, run_id)
        if run_id in running and (_is_held(sign) or not (sign.exists() or run_id in holding)):
            continue
        if run_id in running:
            instance.report_run_failed(running[run_id], message=_ENDED)
        if run_id in holding:
            storage.free_concurrency_slots_for_run(run_id)
        sign.unlink(missing_ok=True)
        dead.append(run_id)
    return dead


def _sign(paths: StatePaths, run_id: str) -> Path:
    return paths.dagster / "alive" / run_id


def _is_held(sign: Path) -> bool:
    """Whether some process holds the file."""
    try:
        with sign.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False

"""Slots that killed runs left claimed in Dagster's pools.

A run that is killed keeps its slot in the pool `warehouse`, and every later one would wait for it
without a word. Who writes is decided by the state's lock, which goes with its process: while it is
free, no claimed slot has a run at work behind it. Whether a run succeeded is none of this module's
business.
"""

from datetime import datetime

import dagster as dg

from dagster_project.ingest.errors import LockHeldError
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths


def free_slots_of_dead_runs(paths: StatePaths, now: datetime) -> list[str]:
    """Free the slots of runs that are gone; does nothing while another process holds the lock.

    Args:
        paths: the state folder.
        now: the time to write into the lock.

    Returns:
        The ids of the runs whose slots are free now.
    """
    if not (paths.dagster / "dagster.yaml").is_file():
        return []  # Dagster's own defaults have no pools.
    try:
        with (
            state_lock(paths, run="freeing slots of dead runs", wait_s=0, now=now),
            dg.DagsterInstance.from_config(str(paths.dagster)) as instance,
        ):
            storage = instance.event_log_storage
            infos = storage.get_concurrency_infos(sorted(storage.get_concurrency_keys()))
            dead = {
                step.run_id
                for info in infos.values()
                for step in (*info.claimed_slots, *info.pending_steps)
            }
            for run_id in sorted(dead):
                storage.free_concurrency_slots_for_run(run_id)
            return sorted(dead)
    except LockHeldError:
        return []

"""The one resource: a state folder and what it says about itself.

Belongs here: where the state is, its settings, its lock. Assets get all of it from here and read no
environment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import dagster as dg

from dagster_project import dead_runs
from dagster_project.ingest.config import Settings, load_settings
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths


class FootfallState(dg.ConfigurableResource[None]):
    """A state folder.

    Attributes:
        home: the folder, absolute.
        now: an ISO time that stands in for the clock in tests and replays; empty for the clock.
    """

    home: str
    now: str = ""

    @cached_property
    def paths(self) -> StatePaths:
        return StatePaths(Path(self.home))

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.paths.settings_file)

    def clock(self) -> datetime:
        """The time by which days are closed, UTC."""
        return datetime.fromisoformat(self.now) if self.now else datetime.now(UTC)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["FootfallState"]:
        """Before the first step of a run: free what dead runs hold, else it would wait for them."""
        if context.run is None or context.instance is None:
            yield self
            return
        with dead_runs.sign_of_life(self.paths, context.run.run_id):
            dead_runs.clear_up(context.instance, self.paths, context.run.run_id)
            yield self

    @contextmanager
    def writing(self, run_id: str) -> Iterator[StatePaths]:
        """Hold the state's lock: one writer at a time, whoever started it."""
        with state_lock(
            self.paths, run=run_id, wait_s=self.settings.settings.lock_wait_s, now=self.clock()
        ):
            yield self.paths

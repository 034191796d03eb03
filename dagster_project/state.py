"""Where the state lives: the one map of `$FOOTFALL_HOME`.

Only paths belong here; who writes what into them is the business of the modules that own it.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class StatePaths:
    """Every place below the state folder.

    Attributes:
        home: the state folder, absolute.
    """

    home: Path

    @property
    def settings_file(self) -> Path:
        return self.home / "footfall.yml"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def replay_staging(self) -> Path:
        """Where a replay stages, so that a batch that waits is not thrown away."""
        return self.home / "staging" / ".replay"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def log_events(self) -> Path:
        return self.log / "events"

    @property
    def manifests(self) -> Path:
        return self.log / "manifests"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse"

    @property
    def warehouse_db(self) -> Path:
        return self.warehouse / "footfall.duckdb"

    @property
    def warehouse_rebuild(self) -> Path:
        """Where a rebuild makes its warehouse; gone when it ends."""
        return self.warehouse / "rebuild"

    @property
    def warehouse_inputs(self) -> Path:
        """Small Parquet tables that dbt reads beside the log: parts, files, days, settings."""
        return self.warehouse / "inputs"

    @property
    def ml(self) -> Path:
        return self.home / "ml"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def records(self) -> Path:
        return self.home / "records"

    @property
    def erasures(self) -> Path:
        """The erasure register."""
        return self.records / "erasures"

    @property
    def serving(self) -> Path:
        return self.home / "serving"

    @property
    def serving_db(self) -> Path:
        return self.serving / "footfall.duckdb"

    @property
    def dagster(self) -> Path:
        return self.home / "dagster"

    @property
    def docs(self) -> Path:
        return self.home / "docs"

    def landing_day(self, source: str, day: date) -> Path:
        return self.landing / source / day.isoformat()

    def staging_day(self, day: date) -> Path:
        return self.staging / day.isoformat()

    def log_day(self, day: date) -> Path:
        return self.log_events / f"arrival_date={day.isoformat()}"

    def quarantine_day(self, day: date) -> Path:
        return self.quarantine / f"arrival_date={day.isoformat()}"

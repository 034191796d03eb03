"""The one assembly point: everything that Dagster knows comes out of `build_defs`."""

import os
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project import dbt_build
from dagster_project.assets.dbt_models import dbt_model_assets
from dagster_project.assets.event_log import event_log_asset
from dagster_project.assets.models import model_assets
from dagster_project.assets.serving import published_marts_asset
from dagster_project.ingest.config import load_settings
from dagster_project.jobs import daily_job, daily_schedule, late_files_sensor
from dagster_project.partitions import daily_partitions, first_day
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths

# A lock that another process holds, a disk that was full: worth two more tries.
_RETRY = dg.RetryPolicy(max_retries=2, delay=30)


def build_defs(**overrides: Any) -> dg.Definitions:
    """All definitions over one state folder.

    Args:
        overrides: `home` (the state folder), `now` (ISO time instead of the clock),
            `retry` (a retry policy); tests pass their own.
    """
    home = Path(overrides.get("home") or os.environ.get("FOOTFALL_HOME") or ".footfall").absolute()
    paths = StatePaths(home)
    retry = overrides.get("retry", _RETRY)
    settings = load_settings(paths.settings_file) if paths.settings_file.exists() else None
    partitions = daily_partitions(first_day(paths, settings))
    models = dbt_model_assets(paths, partitions, retry)
    trained = model_assets(partitions, retry)
    marts = [key for key in models.keys if key.path[0] in {"core", "marts", "ml", "dq"}]
    assets = [
        event_log_asset(partitions, retry),
        models,
        *trained,
        published_marts_asset(dbt_build.read_manifest(paths), marts, partitions, retry),
    ]
    job = daily_job(partitions)
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        schedules=[daily_schedule(job, settings.settings.schedule_hour if settings else 3)],
        sensors=[late_files_sensor(job)],
        resources={"state": FootfallState(home=str(home), now=overrides.get("now", ""))},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dg` and `dagster` load."""
    return build_defs()

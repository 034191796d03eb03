"""The one assembly point: everything that Dagster knows comes out of `build_defs`."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project import dbt_build
from dagster_project.assets.dbt_models import dbt_model_assets, seed_specs
from dagster_project.assets.event_log import event_log_asset
from dagster_project.assets.models import model_assets
from dagster_project.assets.records import record_specs
from dagster_project.assets.serving import published_marts_asset
from dagster_project.column_schemas import written_tables
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.durable import make_folder
from dagster_project.jobs import daily_job, daily_schedule, late_files_sensor
from dagster_project.partitions import daily_partitions, first_day
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths

# `backfill_policy` is marked as beta in every version so far; each asset that has one would say so.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

# A lock that another process holds, a disk that was full: worth two more tries.
_RETRY = dg.RetryPolicy(max_retries=2, delay=30)


def build_defs(**overrides: Any) -> dg.Definitions:
    """All definitions over one state folder.

    Args:
        overrides: `home` (the state folder), `now` (ISO time instead of the clock),
            `retry` (a retry policy), `loggers`; tests pass their own.
    """
    home = Path(overrides.get("home") or os.environ.get("FOOTFALL_HOME") or ".footfall").absolute()
    paths = StatePaths(home)
    retry = overrides.get("retry", _RETRY)
    settings = load_settings(paths.settings_file) if paths.settings_file.exists() else None
    partitions = daily_partitions(first_day(paths, settings))
    # The folder comes into being here if Dagster is started before `footfall init`: it is
    # private too.
    make_folder(home, mode=0o700)
    manifest = dbt_build.read_manifest(paths)
    columns = written_tables(manifest)
    models = dbt_model_assets(manifest, partitions, retry)
    trained = model_assets(partitions, retry)
    marts = [key for key in models.keys if key.path[0] in {"core", "marts", "ml", "dq"}]
    assets = [
        event_log_asset(partitions, retry),
        models,
        *trained,
        published_marts_asset(manifest, marts, partitions, retry),
    ]
    assets = dg.map_asset_specs(lambda spec: _with_columns(spec, columns), assets)
    records = [_with_columns(spec, columns) for spec in record_specs()]
    job = daily_job()
    return dg.Definitions(
        assets=[*assets, *seed_specs(manifest), *records],
        jobs=[job],
        schedules=[daily_schedule(job, settings.settings.schedule_hour if settings else 3)],
        sensors=[late_files_sensor(job)],
        resources={"state": FootfallState(home=str(home), now=overrides.get("now", ""))},
        # One process a run, whatever is materialised: start-up costs most, and the resource clears
        # up after dead runs before the first step asks for a place in the pool.
        executor=dg.in_process_executor,
        loggers=overrides.get("loggers"),
    )


def _with_columns(
    spec: dg.AssetSpec, columns: Mapping[dg.AssetKey, dg.TableSchema]
) -> dg.AssetSpec:
    if spec.key not in columns:
        return spec
    return spec.merge_attributes(metadata={"dagster/column_schema": columns[spec.key]})


@dg.definitions
def defs() -> dg.Definitions:
    """What `dg` and `dagster` load."""
    return build_defs()

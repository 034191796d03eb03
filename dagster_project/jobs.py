"""The job, its schedule and its sensor."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from dagster_project.ingest import event_log
from dagster_project.resources import FootfallState


def daily_job() -> Any:
    """Everything, for a partition or a range in one run; one process, since start-up costs most."""
    return dg.define_asset_job(
        "daily",
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Load, check, seal, build, train and publish the arrival dates of the run.",
    )


def daily_schedule(job: Any, hour: int) -> dg.ScheduleDefinition:
    """Yesterday, each day at the set hour (UTC)."""

    @dg.schedule(
        job=job,
        cron_schedule=f"30 {hour} * * *",
        execution_timezone="UTC",
        name="daily_schedule",
        description=(
            "Loads and closes yesterday's arrival date. The hour is `settings.schedule_hour` of "
            "footfall.yml; it must lie after the grace in which a day still takes files."
        ),
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return schedule


def late_files_sensor(job: Any) -> dg.SensorDefinition:
    """Files that landed for closed days: they are loaded under the day that is open now."""

    @dg.sensor(
        job=job,
        name="late_files",
        minimum_interval_seconds=900,
        description=(
            "Looks every 15 minutes for files that landed for a closed arrival date, and loads "
            "them under today's, once for each set of waiting files."
        ),
    )
    def late_files(
        context: dg.SensorEvaluationContext, state: FootfallState
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        waiting = event_log.stragglers(state.paths, state.settings)
        if not waiting:
            yield dg.SkipReason("no file waits for a closed day")
            return
        today = state.clock().date().isoformat()
        files = hashlib.sha256("\n".join(sorted(waiting)).encode()).hexdigest()[:16]
        yield dg.RunRequest(run_key=f"{today}:{files}", partition_key=today)

    return late_files

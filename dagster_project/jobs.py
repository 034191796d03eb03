"""The job, its schedule and its sensor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from dagster_project.ingest import event_log
from dagster_project.resources import FootfallState


def daily_job(partitions: dg.DailyPartitionsDefinition) -> Any:
    """Everything, for a partition or a range in one run; one process, since start-up costs most."""
    return dg.define_asset_job(
        "daily",
        selection=dg.AssetSelection.all(),
        partitions_def=partitions,
        executor_def=dg.in_process_executor,
        description="Load, check, seal, build, train and publish the arrival dates of the run.",
    )


def daily_schedule(job: Any, hour: int) -> dg.ScheduleDefinition:
    """Yesterday, each day at the set hour (UTC)."""

    @dg.schedule(
        job=job, cron_schedule=f"30 {hour} * * *", execution_timezone="UTC", name="daily_schedule"
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return schedule


def late_files_sensor(job: Any) -> dg.SensorDefinition:
    """Files that landed for closed days: they are loaded under the day that is open now."""

    @dg.sensor(job=job, name="late_files", minimum_interval_seconds=900)
    def late_files(
        context: dg.SensorEvaluationContext, state: FootfallState
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        waiting = event_log.stragglers(state.paths, state.settings)
        if not waiting:
            yield dg.SkipReason("no file waits for a closed day")
            return
        today = datetime.now(UTC).date().isoformat()
        yield dg.RunRequest(run_key=f"{today}:{len(waiting)}:{max(waiting)}", partition_key=today)

    return late_files

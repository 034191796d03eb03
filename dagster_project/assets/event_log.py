"""The asset `event_log`: a day's files become sealed parts."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from dagster_project import loading
from dagster_project.checks import EVENT_LOG_CHECKS, log_check_results, log_metadata, refusal_text
from dagster_project.ingest import seals
from dagster_project.loading import DayLoad
from dagster_project.partitions import covered_days
from dagster_project.resources import FootfallState
from dagster_project.safe_errors import without_values
from dagster_project.state import StatePaths

OWNERS = ["team:data-engineering"]


def event_log_asset(
    partitions: dg.DailyPartitionsDefinition, retry: dg.RetryPolicy
) -> dg.AssetsDefinition:
    """The asset over the given partitions."""

    @dg.asset(
        key="event_log",
        group_name="ingest",
        owners=OWNERS,
        kinds={"parquet", "duckdb"},
        description=(
            "The immutable log: every line of the day's files, checked against the event contract, "
            "freed of direct identifiers and sealed with a hash chain. A closed day is verified, "
            "never rewritten."
        ),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        check_specs=EVENT_LOG_CHECKS,
        retry_policy=retry,
    )
    def event_log(
        context: dg.AssetExecutionContext, state: FootfallState
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        days = covered_days(context)
        # Below, rows are in the clear, and libraries quote what they choke on.
        with state.writing(context.run_id) as paths, without_values():
            report = loading.load_days(paths, state.settings, days, state.clock())
        if report.refused or report.integrity:
            # No materialisation: a partition is done only when the log is what was sealed.
            yield from log_check_results(report)
            raise dg.Failure(refusal_text(report), allow_retries=False)
        rows = _rows_in_the_log(state.paths)
        for day in report.days:
            context.add_asset_metadata(_day_metadata(day, rows), partition_key=day.day.isoformat())
        of_run = {key: value for key, value in log_metadata(report).items() if key not in _OF_A_DAY}
        yield dg.MaterializeResult(metadata=of_run, check_results=list(log_check_results(report)))

    return event_log


_OF_A_DAY = ("dagster/row_count", "read", "quarantined")


def _rows_in_the_log(paths: StatePaths) -> Counter[date]:
    """Rows of each arrival date over all its seals."""
    rows: Counter[date] = Counter()
    for seal in seals.load_chain(paths):
        rows[seal.arrival_date] += sum(part.rows for part in seal.parts)
    return rows


def _day_metadata(day: DayLoad, rows: Counter[date]) -> dict[str, Any]:
    """One partition of a run: its rows in the log, and what the run read and refused of it."""
    return dict(zip(_OF_A_DAY, (rows[day.day], day.read, day.quarantined), strict=True))

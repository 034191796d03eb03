"""The asset `published_marts`: a new served version once everything else has passed."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from dagster_project import erasure, warehouse
from dagster_project.assets.records import record_materializations
from dagster_project.dbt_build import outboxes
from dagster_project.records.publications import publish_and_record
from dagster_project.resources import FootfallState


def published_marts_asset(
    manifest: Mapping[str, Any],
    upstream: Sequence[dg.AssetKey],
    partitions: dg.DailyPartitionsDefinition,
    retry: dg.RetryPolicy,
) -> dg.AssetsDefinition:
    """The asset, downstream of every mart and model table."""

    @dg.asset(
        key="published_marts",
        group_name="serving",
        owners=["team:analytics-engineering"],
        kinds={"duckdb", "parquet"},
        description=(
            "The published set that BI tools read: one DuckDB file and a Parquet file a mart, "
            "swapped at once. Readers of the version before go on undisturbed; the last three are "
            "kept. What is new in it goes into the records."
        ),
        deps=list(upstream),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=retry,
    )
    def published_marts(
        context: dg.AssetExecutionContext, state: FootfallState
    ) -> dg.MaterializeResult[None]:
        with state.writing(context.run_id) as paths:
            keep = erasure.versions_to_keep(paths)
            version, recorded = publish_and_record(paths, state.clock(), keep=keep)
            warehouse.strike_off(paths, outboxes(manifest))
            erasure.conclude(paths, state.clock())
        for materialization in record_materializations(recorded):
            context.log_event(materialization)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(version.tables.values()),
                "version": version.number,
                "tables": dg.MarkdownMetadataValue(_table_list(version.tables)),
                "bytes": version.bytes,
            }
        )

    return published_marts


def _table_list(rows: Mapping[str, int]) -> str:
    lines = [f"| {table} | {count} |" for table, count in sorted(rows.items())]
    return "\n".join(["| table | rows |", "|---|---|", *lines])

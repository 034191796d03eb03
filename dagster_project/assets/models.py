"""The ML assets: each trains or scores its partitions and writes files that dbt reads as sources."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import dagster as dg

from dagster_project import training
from dagster_project.ingest.config import Settings
from dagster_project.partitions import covered_days
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths
from dagster_project.training import TrainedPartition

OWNERS = ["team:data-science"]
Train = Callable[[StatePaths, Settings, date], TrainedPartition]


def _key(output: str) -> dg.AssetKey:
    return dg.AssetKey(["ml_outputs", output])


def _family(
    name: str,
    outputs: dict[str, str],
    inputs: list[str],
    train: Train,
    partitions: dg.DailyPartitionsDefinition,
    retry: dg.RetryPolicy,
) -> dg.AssetsDefinition:
    check = dg.AssetCheckSpec(
        name="model_beats_its_baseline",
        asset=_key(next(iter(outputs))),
        description="Warns where the gate serves the baseline, since the model is not better.",
    )

    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                _key(output),
                group_name="ml",
                owners=OWNERS,
                description=description,
                kinds={"python", "parquet"},
                deps=[dg.AssetKey(["ml_inputs", table]) for table in inputs],
                partitions_def=partitions,
            )
            for output, description in outputs.items()
        ],
        check_specs=[check],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=retry,
    )
    def assets(
        context: dg.AssetExecutionContext, state: FootfallState
    ) -> Iterator[dg.MaterializeResult[None]]:
        trained: dict[date, TrainedPartition] = {}
        with state.writing(context.run_id) as paths:
            for day in covered_days(context):
                trained[day] = train(paths, state.settings, day)
        yield from _results(check, outputs, trained)

    return assets


def _results(
    check: dg.AssetCheckSpec, outputs: dict[str, str], trained: dict[date, TrainedPartition]
) -> Iterator[dg.MaterializeResult[None]]:
    last = trained[max(trained)]
    for output in outputs:
        metadata: dict[str, Any] = {
            "dagster/row_count": sum(one.rows.get(output, 0) for one in trained.values()),
            "served": last.served,
            "reason": last.reason,
            "metrics": dg.JsonMetadataValue(
                [{k: str(v) for k, v in row.items()} for row in last.metrics]
            ),
        }
        verdict = [
            dg.AssetCheckResult(
                passed=last.served == "model",
                severity=dg.AssetCheckSeverity.WARN,
                check_name=check.name,
                asset_key=check.asset_key,
                metadata={"reason": last.reason},
            )
        ]
        yield dg.MaterializeResult(
            asset_key=_key(output),
            metadata=metadata,
            check_results=verdict if _key(output) == check.asset_key else [],
        )


def model_assets(
    partitions: dg.DailyPartitionsDefinition, retry: dg.RetryPolicy
) -> list[dg.AssetsDefinition]:
    """Recommendations, anomaly scores, and the metrics of both."""
    recommendations = _family(
        "recommendations_model",
        {
            "recommendations": "Ten products a person, by ALS on weighted behaviour, or the most popular "
            "where the model has no history or is no better.",
            "similar_products": "Ten products like each product, by cosine of the item factors.",
        },
        ["ml_interactions"],
        training.train_recommendations,
        partitions,
        retry,
    )
    anomalies = _family(
        "anomaly_model",
        {
            "anomaly_scores": "How surprising each log-in is against its person's own past, and each KPI "
            "against its weekly season."
        },
        ["ml_logins", "ml_kpi_series"],
        training.score_anomalies,
        partitions,
        retry,
    )

    @dg.asset(
        key=_key("model_metrics"),
        group_name="ml",
        owners=OWNERS,
        kinds={"parquet"},
        description="Metrics of each partition's models against their baselines, as the families wrote them.",
        deps=[_key("recommendations"), _key("anomaly_scores")],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def model_metrics(
        context: dg.AssetExecutionContext, state: FootfallState
    ) -> dg.MaterializeResult[None]:
        files = [
            file
            for day in covered_days(context)
            for file in training.output_folder(state.paths, "model_metrics", day).glob("*.parquet")
        ]
        return dg.MaterializeResult(metadata={"files": len(files)})

    return [recommendations, anomalies, model_metrics]

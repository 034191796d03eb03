"""The files of models: which outputs there are, their columns, where a partition rests.

Belongs here: adding a partition's rows, metrics and versions to the files of a run. Not here: what
makes them (`training`).
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from dagster_project.ingest.durable import write_atomic
from dagster_project.partition_files import PartitionFiles, parquet_bytes
from dagster_project.state import StatePaths
from ml.gate import GateDecision

OUTPUTS = (
    "recommendations", "similar_products", "anomaly_scores", "experiment_statistics",
    "clv_predictions", "churn_risk", "purchase_propensity", "next_products", "bandit_policies",
    "model_metrics", "model_versions", "purchase_outcomes",
)  # fmt: skip


def output_schema(output: str) -> pa.Schema:
    """Schema of an output's files: `partition_date`, then the columns that `ml/` declares."""
    from ml import (
        anomalies,
        bandit_policies,
        cards,
        experiments,
        lifetime_value,
        model_versions,
        next_products,
        purchase_outcomes,
        purchase_propensity,
        recommendations,
    )

    schemas = {
        "recommendations": recommendations.RECOMMENDATIONS_SCHEMA,
        "similar_products": recommendations.SIMILAR_PRODUCTS_SCHEMA,
        "anomaly_scores": anomalies.ANOMALY_SCORES_SCHEMA,
        "experiment_statistics": experiments.EXPERIMENT_STATISTICS_SCHEMA,
        "clv_predictions": lifetime_value.CLV_PREDICTIONS_SCHEMA,
        "churn_risk": lifetime_value.CHURN_RISK_SCHEMA,
        "purchase_propensity": purchase_propensity.PURCHASE_PROPENSITY_SCHEMA,
        "next_products": next_products.NEXT_PRODUCTS_SCHEMA,
        "purchase_outcomes": purchase_outcomes.PURCHASE_OUTCOMES_SCHEMA,
        "bandit_policies": bandit_policies.BANDIT_POLICIES_SCHEMA,
        "model_metrics": cards.MODEL_METRICS_SCHEMA,
        "model_versions": model_versions.MODEL_VERSIONS_SCHEMA,
    }
    return pa.schema([pa.field("partition_date", pa.date32()), *schemas[output]])


def write_empty_outputs(paths: StatePaths) -> None:
    """Typed files without rows, so that dbt can read outputs that no partition has written yet."""
    for output in OUTPUTS:
        target = paths.warehouse_inputs / f"empty_{output}.parquet"
        if not target.exists():
            write_atomic(target, parquet_bytes(output_schema(output).empty_table()))


def output_folder(paths: StatePaths, output: str, day: date) -> Path:
    """Where a partition of an output rests."""
    return paths.ml / output / f"partition_date={day.isoformat()}"


def add_metrics(
    paths: StatePaths,
    files: PartitionFiles,
    family: str,
    day: date,
    metrics: list[dict[str, Any]],
) -> None:
    """Rows of a family's metrics, in a file of its own."""
    rows = [{"partition_date": day, **row} for row in metrics]
    target = output_folder(paths, "model_metrics", day) / f"{family}.parquet"
    files.add_table(target, pa.Table.from_pylist(rows, schema=output_schema("model_metrics")))


def add_versions(
    paths: StatePaths,
    files: PartitionFiles,
    card: Path,
    content: bytes,
    gates: Mapping[str, GateDecision],
    log_sha256: str,
) -> None:
    """What the card at a path says of its models' versions, in a file of the family's own."""
    from ml.model_versions import version_rows

    family, day = card.parts[-3], date.fromisoformat(card.parts[-2])
    path = card.relative_to(paths.home).as_posix()
    rows = version_rows(family, json.loads(content), gates, log_sha256=log_sha256, card_path=path)
    add_output(files, output_folder(paths, "model_versions", day), day, rows, family)


def add_output(
    files: PartitionFiles, folder: Path, day: date, table: pa.Table, name: str = "part"
) -> None:
    """Rows of a partition, with its date in front."""
    dates = pa.array([day] * table.num_rows, pa.date32())
    dated = table.add_column(0, pa.field("partition_date", pa.date32()), dates)
    files.add_table(folder / f"{name}.parquet", dated)

"""Models per partition: read what was known on the day, call `ml/`, write the files.

Belongs here: which inputs a family takes, where its outputs rest, and replacing a partition whole.
Not here: any model. Each family writes its rows, its card and its metrics; dbt reads them as sources.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project import warehouse
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import write_atomic
from dagster_project.state import StatePaths

OUTPUTS = ("recommendations", "similar_products", "anomaly_scores", "model_metrics")


@dataclass(frozen=True)
class TrainedPartition:
    """What a family wrote for a partition: rows an output, and what the gate decided."""

    rows: dict[str, int]
    served: str
    reason: str
    metrics: list[dict[str, Any]]


def output_schema(output: str) -> pa.Schema:
    """Schema of an output's files: `partition_date`, then the columns that `ml/` declares."""
    from ml import anomalies, cards, recommendations

    schemas = {
        "recommendations": recommendations.RECOMMENDATIONS_SCHEMA,
        "similar_products": recommendations.SIMILAR_PRODUCTS_SCHEMA,
        "anomaly_scores": anomalies.ANOMALY_SCORES_SCHEMA,
        "model_metrics": cards.MODEL_METRICS_SCHEMA,
    }
    return pa.schema([pa.field("partition_date", pa.date32()), *schemas[output]])


def write_empty_outputs(paths: StatePaths) -> None:
    """Typed files without rows, so that dbt can read outputs that no partition has written yet."""
    for output in OUTPUTS:
        target = paths.warehouse_inputs / f"empty_{output}.parquet"
        if not target.exists():
            _write(target, output_schema(output).empty_table())


def train_recommendations(paths: StatePaths, settings: Settings, day: date) -> TrainedPartition:
    """Recommendations and similar products of a partition, from what was known on it."""
    from ml.recommendations import RecommendationParams, recommend_partition

    window = settings.settings.training_window_days
    interactions = warehouse.read_as_of(paths, "ml_interactions", day, window)
    bought = interactions.filter(pc.equal(interactions["interaction"], "order"))
    pairs = bought.select(["person_id", "product_id"])
    if not settings.settings.exclude_bought:
        pairs = pairs.slice(0, 0)
    run = recommend_partition(interactions, pairs, day, RecommendationParams(window_days=window))
    _write_output(paths, "recommendations", day, run.recommendations)
    _write_output(paths, "similar_products", day, run.similar_products)
    _write_card(paths, "recommendations", day, run.card_bytes())
    _write_metrics(paths, "recommendations", day, run.metrics)
    return TrainedPartition(
        rows={
            "recommendations": run.recommendations.num_rows,
            "similar_products": run.similar_products.num_rows,
        },
        served=run.gate.served,
        reason=run.gate.reason,
        metrics=run.metrics,
    )


def score_anomalies(paths: StatePaths, settings: Settings, day: date) -> TrainedPartition:
    """Anomaly scores of the log-ins that arrived on a partition and of its KPIs."""
    from ml import anomalies as family

    window = settings.settings.training_window_days
    run = family.score_anomalies(
        warehouse.read_as_of(paths, "ml_logins", day, window),
        warehouse.read_as_of(paths, "ml_kpi_series", day, window),
        day,
    )
    _write_output(paths, "anomaly_scores", day, run.scores)
    _write_card(paths, "anomalies", day, run.card_bytes())
    _write_metrics(paths, "anomalies", day, run.metrics)
    return TrainedPartition(
        rows={"anomaly_scores": run.scores.num_rows},
        served=run.gate.served,
        reason=run.gate.reason,
        metrics=run.metrics,
    )


def output_folder(paths: StatePaths, output: str, day: date) -> Path:
    """Where a partition of an output rests."""
    return paths.ml / output / f"partition_date={day.isoformat()}"


def _write_metrics(
    paths: StatePaths, family: str, day: date, metrics: list[dict[str, Any]]
) -> None:
    schema = output_schema("model_metrics")
    rows = [{"partition_date": day, **row} for row in metrics]
    target = output_folder(paths, "model_metrics", day) / f"{family}.parquet"
    _write(target, pa.Table.from_pylist(rows, schema=schema))


def _write_output(paths: StatePaths, output: str, day: date, table: pa.Table) -> None:
    dated = table.add_column(
        0, pa.field("partition_date", pa.date32()), pa.array([day] * table.num_rows, pa.date32())
    )
    _write(output_folder(paths, output, day) / "part.parquet", dated)


def _write_card(paths: StatePaths, family: str, day: date, content: bytes) -> None:
    target = paths.models / family / day.isoformat() / "card.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, content)


def _write(target: Path, table: pa.Table) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(target, sink.getvalue().to_pybytes())

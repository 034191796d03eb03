"""What is drawn of models in Dagster: reliability, the gate over partitions, drift, what came true.

Belongs here: which numbers go into a chart. Not here: the drawing (`ml/charts.py`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from dagster_project import warehouse
from dagster_project.state import StatePaths
from ml.calibration import Reliability
from ml.charts import Bar, as_markdown, bar_chart, course_chart, reliability_chart

PARTITIONS: Final = 30
# A run over a range shows the same of each of its days, and an event of each day would keep it.
MOST_DAYS_OF_A_RUN: Final = 31
_PSI: Final = "psi_"


def of_family(
    paths: StatePaths, family: str, day: date, metrics: Sequence[Mapping[str, Any]]
) -> str:
    """The charts of a partition that was trained, as Markdown; empty where nothing can be drawn.

    Args:
        paths: the state folder.
        family: folder of the card.
        day: the partition.
        metrics: its rows of MODEL_METRICS_SCHEMA.
    """
    card = json.loads((paths.models / family / day.isoformat() / "card.json").read_bytes())
    charts = {}
    lines = dict(_reliability_of(card.get("calibration", {})))
    if lines:
        title = f"Reliability on the last days known, {family} of {day}"
        charts[title] = reliability_chart(title, lines)
    charts |= _gates(_versions(paths, family, day))
    bars = [
        Bar(f"{row['model']}: {row['metric'].removeprefix(_PSI)}", row["value"], bar)
        for row in metrics
        if row["metric"].startswith(_PSI) and (bar := row["baseline_value"]) is not None
    ]
    if bars:
        title = f"Population stability index and its bar, {day}"
        charts[title] = bar_chart(title, bars)
    return as_markdown(charts)


def of_calibration(paths: StatePaths) -> str:
    """What was predicted and what happened, by the last partitions whose outcome is known."""
    rows = warehouse.query(
        paths,
        "select model, partition_date, mean_predicted, mean_observed, group_persons, "
        "group_predicted, group_observed from ml.model_calibration where persons > 0 "
        "qualify row_number() over (partition by model order by partition_date desc) "
        f"<= {PARTITIONS} order by model, partition_date",
    )
    charts = {}
    for model in dict.fromkeys(row[0] for row in rows):
        of_model = [row[1:] for row in rows if row[0] == model]
        days, predicted, observed, persons, by_group, seen = zip(*of_model, strict=True)
        points = Reliability(*(np.array(one[-1], dtype=float) for one in (by_group, seen, persons)))
        title = f"What came true of {model} of {days[-1]}"
        charts[title] = reliability_chart(title, {model: points})
        title = f"Means of {model} by partition"
        charts[title] = course_chart(title, days, {"predicted": predicted, "happened": observed})
    return as_markdown(charts)


def _reliability_of(calibration: Mapping[str, Any]) -> Iterable[tuple[str, Reliability]]:
    """The diagrams of a card, which has other points beside them."""
    names = ("predicted", "observed", "persons")
    for name, points in calibration.items():
        if isinstance(points, list) and points and set(points[0]) == set(names):
            yield name, Reliability(*(np.array([one[n] for one in points]) for n in names))


def _versions(paths: StatePaths, family: str, day: date) -> list[dict[str, Any]]:
    """Rows of the last partitions up to a date, in order."""
    files = sorted((paths.ml / "model_versions").glob(f"partition_date=*/{family}.parquet"))
    last = [one for one in files if _day(one) <= day][-PARTITIONS:]
    return [row for one in last for row in pq.ParquetFile(one).read().to_pylist()]


def _day(file: Path) -> date:
    return date.fromisoformat(file.parent.name.partition("=")[2])


def _gates(versions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A course of each gated model against its baseline; uprights where another is served."""
    charts = {}
    for model in sorted({row["model"] for row in versions}):
        rows = [row for row in versions if row["model"] == model]
        values = [row["gate_value"] for row in rows]
        if all(value is None for value in values):
            continue
        champions = [(row["served"], row["champion"]) for row in rows]
        changed = [i > 0 and one != champions[i - 1] for i, one in enumerate(champions)]
        lines = {"model": values, "baseline": [row["gate_baseline_value"] for row in rows]}
        title = f"{model}: {rows[-1]['gate_metric']}"
        days = [row["partition_date"] for row in rows]
        charts[title] = course_chart(title, days, lines, changed)
    return charts

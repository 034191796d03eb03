"""Which numbers of a family are drawn: of its card, its last partitions and its metrics."""

import base64
import json
import re
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project import model_charts
from dagster_project.model_outputs import output_schema
from dagster_project.state import StatePaths
from tests.svg_shapes import shapes

D = date(2026, 11, 25)
FAMILY = "purchase_propensity"
POINTS = [{"predicted": 0.1, "observed": 0.2, "persons": 5.0}]
DRIFT = {"model": "purchase", "metric": "psi_days_since_seen", "value": 0.5, "baseline_value": 0.25}


@pytest.fixture
def paths(tmp_path) -> StatePaths:
    """Thirty-four partitions, another family beside, and a card of the last."""
    paths = StatePaths(tmp_path)
    for number in range(34):
        day = D - timedelta(days=33 - number)
        row = {
            "partition_date": day, "family": FAMILY, "model": FAMILY, "gate_metric": "brier",
            "served": "model", "champion": "logistic" if number < 29 else "boosting",
            "gate_value": float(number), "gate_baseline_value": 0.0,
        }  # fmt: skip
        folder = paths.ml / "model_versions" / f"partition_date={day}"
        folder.mkdir(parents=True)
        for family in (FAMILY, "others"):
            table = pa.Table.from_pylist([row], schema=output_schema("model_versions"))
            pq.write_table(table, folder / f"{family}.parquet")
    write_card(paths, {"logistic": POINTS, "days": 3, "orders_by_repeats": [{"repeats": 1}]})
    return paths


def write_card(paths: StatePaths, calibration: dict[str, object]) -> None:
    card = paths.models / FAMILY / str(D) / "card.json"
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(json.dumps({"calibration": calibration}))


def drawn(page: str) -> dict[str, str]:
    """The pictures of a page by their names."""
    found = re.findall(r"!\[(.+?)\]\(data:image/svg\+xml;base64,(.+?)\)", page)
    return {name: base64.b64decode(data).decode() for name, data in found}


def test_a_family_shows_reliability_its_gate_over_partitions_and_drift(paths):
    charts = drawn(model_charts.of_family(paths, FAMILY, D, [DRIFT]))
    assert list(charts) == [
        f"Reliability on the last days known, {FAMILY} of {D}",
        f"{FAMILY}: brier",
        f"Population stability index and its bar, {D}",
    ]
    reliability, gate, drift = charts.values()
    assert len(shapes(reliability, "circle")) == 1
    # Thirty partitions of model and of baseline; the change of the champion is an upright.
    assert len(shapes(gate, "circle")) == 60
    assert sum(one.get("stroke-dasharray") == "2 3" for one in shapes(gate, "polyline")) == 1
    assert "#b3261e" in drift


def test_later_partitions_are_not_drawn(paths):
    folder = paths.models / FAMILY
    (folder / str(D)).rename(folder / str(D - timedelta(days=20)))
    charts = drawn(model_charts.of_family(paths, FAMILY, D - timedelta(days=20), []))
    assert len(shapes(charts[f"{FAMILY}: brier"], "circle")) == 2 * 14


def test_the_same_partition_gives_the_same_bytes(paths):
    assert model_charts.of_family(paths, FAMILY, D, [DRIFT]) == model_charts.of_family(
        paths, FAMILY, D, [DRIFT]
    )


def test_nothing_to_draw_is_an_empty_page(paths):
    write_card(paths, {})
    for file in paths.ml.rglob("*.parquet"):
        file.unlink()
    assert model_charts.of_family(paths, FAMILY, D, [DRIFT | {"metric": "brier"}]) == ""

"""The YAML of the semantic layer follows from the metrics file and from what counts are made of."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_project import metrics_file, semantic_layer
from dagster_project.dbt_build import project_dir
from dagster_project.semantic_layer import (
    METRICS_FILE,
    MODELS_FILE,
    SemanticLayerError,
    generated_files,
)

COUNTS = Path("models", "semantic", "_semantic.yml")
MARTS = Path("models", "marts", "_marts.yml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the YAML is made from."""
    for name in (COUNTS, MARTS):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(project_dir() / name, tmp_path / name)
    return tmp_path


def change(file: Path, rule: str, by: str) -> None:
    text = file.read_text()
    assert rule in text
    file.write_text(text.replace(rule, by, 1))


def metric(files: dict[Path, str], name: str) -> dict[str, Any]:
    found = yaml.safe_load(files[METRICS_FILE])["metrics"]
    return next(one for one in found if one["name"] == name)


@pytest.mark.parametrize("name", [MODELS_FILE, METRICS_FILE], ids=str)
def test_the_files_are_up_to_date(name):
    assert (project_dir() / name).read_text() == generated_files()[name], (
        "run: python -m dagster_project.semantic_layer"
    )


def test_every_column_of_kpi_daily_is_a_metric(project):
    names = {one["name"] for one in yaml.safe_load(generated_files()[METRICS_FILE])["metrics"]}
    models = yaml.safe_load((project / MARTS).read_text())["models"]
    columns = next(one["columns"] for one in models if one["name"] == "kpi_daily")
    assert names == {one["name"] for one in columns} - {"report_date"}


def test_a_formula_that_changes_in_the_metrics_file_changes_the_metric(monkeypatch):
    ratios = [dict(one) for one in metrics_file.declared_ratios()]
    next(one for one in ratios if one["name"] == "revenue_per_session")["numerator"] = "net_revenue"
    monkeypatch.setattr(semantic_layer, "declared_ratios", lambda: ratios)
    assert metric(generated_files(), "revenue_per_session")["type_params"] == {
        "numerator": "net_revenue",
        "denominator": "sessions",
    }


def test_formulas_that_are_no_ratio_of_two_counts_are_those_of_the_marts():
    files = generated_files()
    assert metric(files, "bounce_rate")["type_params"]["expr"] == (
        "1 - cast(engaged_sessions as double) / nullif(sessions, 0)"
    )
    assert metric(files, "aov")["type_params"] == {
        "expr": "cast(gross_revenue as double) / nullif(orders - orders_without_value, 0)",
        "metrics": [{"name": n} for n in ("gross_revenue", "orders", "orders_without_value")],
    }


def test_a_column_of_kpi_daily_that_nothing_counts_is_told(project):
    change(project / COUNTS, "metric: checkouts", "metric: lunches")
    with pytest.raises(SemanticLayerError, match=r"checkouts is a column of kpi_daily"):
        generated_files(project)


def test_an_unknown_aggregation_and_a_metric_named_twice_are_told(project):
    change(project / COUNTS, "{metric: sessions, agg: sum}", "{metric: sessions, agg: guess}")
    with pytest.raises(SemanticLayerError, match="metric sessions is named twice, or its agg"):
        generated_files(project)
    change(project / COUNTS, "{metric: sessions, agg: guess}", "{metric: visitors, agg: sum}")
    with pytest.raises(SemanticLayerError, match="metric visitors is named twice"):
        generated_files(project)


def test_a_ratio_of_what_nothing_counts_is_told(monkeypatch):
    ratios = [dict(one) for one in metrics_file.declared_ratios()]
    next(one for one in ratios if one["name"] == "ctr")["denominator"] = "lunches"
    monkeypatch.setattr(semantic_layer, "declared_ratios", lambda: ratios)
    with pytest.raises(SemanticLayerError, match="ctr is made of lunches, which nothing counts"):
        generated_files()

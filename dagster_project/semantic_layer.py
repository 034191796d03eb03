"""dbt semantic models and metrics: `dbt/models/semantic`, in the form that MetricFlow reads.

Belongs here: the two files of YAML that follow from what counts are made of (`_semantic.yml`),
what kpi_daily says of them, and the ratios of the one metrics file. dbt renders no macro in this
YAML, so `python -m dagster_project.semantic_layer` writes it, and a test says when it is behind.
Not here: asking for a metric (`metric_queries`).
"""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from dagster_project.dbt_build import project_dir
from dagster_project.ingest.errors import FootfallError
from dagster_project.metrics_file import declared_ratios

MODELS_FILE: Final = Path("models", "semantic", "_semantic_models.yml")
METRICS_FILE: Final = Path("models", "semantic", "_metrics.yml")
_HEADER: Final = """\
# Made by `python -m dagster_project.semantic_layer` from _semantic.yml, _marts.yml and
# macros/metrics.sql; change it there.
"""
# A model with rows of its own and the name under which MetricFlow knows its dimensions.
_ENTITIES: Final = {"kpi_acts": "kpi", "kpi_dates": "kpi_date"}
_AGGREGATIONS: Final = ("sum", "count_distinct", "last")
_LAST: Final = "Of a longer period, that of its last date."

_Column = dict[str, Any]


class SemanticLayerError(FootfallError):
    """Counts and ratios do not fit together."""


def generated_files(project: Path | None = None) -> dict[Path, str]:
    """Semantic models and metrics as YAML, by file in the dbt project.

    Raises:
        SemanticLayerError: a column of kpi_daily, or a part of a ratio, that nothing counts.
    """
    models = project or project_dir()
    described = _columns(models / "models" / "marts" / "_marts.yml")["kpi_daily"]
    columns = _columns(models / "models" / "semantic" / "_semantic.yml")
    ratios = [one for one in declared_ratios() if "kpi_daily" in one.get("of", ["kpi_daily"])]
    counts = _counts(columns)
    _check(described, counts, ratios)
    texts = {column["name"]: column["description"] for column in described}
    semantic_models = [
        _semantic_model(name, entity, columns[name], texts) for name, entity in _ENTITIES.items()
    ]
    metrics = [_simple(name, texts[name], counts[name]) for name in texts if name in counts]
    metrics += [_ratio(one, counts) for one in ratios]
    return {
        MODELS_FILE: _render({"semantic_models": semantic_models}),
        METRICS_FILE: _render({"metrics": metrics}),
    }


def _columns(file: Path) -> dict[str, list[_Column]]:
    """The columns that a file describes, by model."""
    content = yaml.safe_load(file.read_text())
    return {model["name"]: model["columns"] for model in content["models"]}


def _meta(column: _Column) -> dict[str, str]:
    meta: dict[str, str] = column.get("config", {}).get("meta", {})
    return meta


def _counts(columns: dict[str, list[_Column]]) -> dict[str, str]:
    """How each count is aggregated, by its name."""
    found: dict[str, str] = {}
    for model in _ENTITIES:
        for meta in map(_meta, columns[model]):
            if "metric" not in meta:
                continue
            name, aggregation = meta["metric"], meta.get("agg", "")
            if name in found or aggregation not in _AGGREGATIONS:
                raise SemanticLayerError(
                    f"_semantic.yml: {model}: metric {name} is named twice, or its agg is none of "
                    f"{', '.join(_AGGREGATIONS)}"
                )
            found[name] = aggregation
    return found


def _check(described: list[_Column], counts: dict[str, str], ratios: list[dict[str, Any]]) -> None:
    """See that the semantic layer has every column of kpi_daily, and no other."""
    wanted = {column["name"] for column in described} - {"report_date"}
    have = {*counts, *(one["name"] for one in ratios)}
    wrong = sorted(wanted ^ have)
    if wrong:
        raise SemanticLayerError(
            f"_semantic.yml: {wrong[0]} is a column of kpi_daily or a metric, and not both; say in "
            "config.meta.metric of a column what counts it"
        )
    for one in ratios:
        unknown = sorted(set(_names(one)) - set(counts))
        if unknown:
            raise SemanticLayerError(
                f"macros/metrics.sql: {one['name']} is made of {unknown[0]}, which nothing counts"
            )


def _names(ratio: dict[str, Any]) -> list[str]:
    """The counts that a ratio is made of, in the order of its formula."""
    found = re.findall(r"[a-z_]\w*", f"{ratio['numerator']} {ratio['denominator']}")
    return list(dict.fromkeys(found))


def _semantic_model(
    name: str, entity: str, columns: list[_Column], texts: dict[str, str]
) -> dict[str, Any]:
    time = {
        "name": "report_date",
        "type": "time",
        "description": "Date in the reporting time zone.",
        "type_params": {"time_granularity": "day"},
    }
    cut_by = [
        {"name": one["name"], "type": "categorical", "description": _meta(one)["dimension"]}
        for one in columns
        if "dimension" in _meta(one)
    ]
    return {
        "name": name,
        "description": f"What KPIs count, by report date{' and dimension' if cut_by else ''}.",
        "model": f"ref('{name}')",
        "primary_entity": entity,
        "defaults": {"agg_time_dimension": "report_date"},
        "dimensions": [time, *cut_by],
        "measures": [_measure(one, texts) for one in columns if "metric" in _meta(one)],
    }


def _measure(column: _Column, texts: dict[str, str]) -> dict[str, Any]:
    meta = _meta(column)
    measure = {"name": meta["metric"], "description": texts[meta["metric"]].strip()}
    if meta["agg"] == "last":
        # Windows and sums to date hold for a date: of a week there is that of its last one.
        return {
            **measure,
            "agg": "sum",
            "expr": column["name"],
            "non_additive_dimension": {"name": "report_date", "window_choice": "max"},
        }
    return {**measure, "agg": meta["agg"], "expr": column["name"]}


def _simple(name: str, description: str, aggregation: str) -> dict[str, Any]:
    said = f"{description.strip()} {_LAST}" if aggregation == "last" else description.strip()
    # As in the marts, a count of nothing is 0, and not null.
    return {
        "name": name,
        "label": _label(name),
        "description": said,
        "type": "simple",
        "type_params": {"measure": {"name": name, "fill_nulls_with": 0}},
    }


def _ratio(ratio: dict[str, Any], counts: dict[str, str]) -> dict[str, Any]:
    metric = {
        "name": ratio["name"],
        "label": _label(ratio["name"]),
        "description": ratio["description"],
    }
    numerator, denominator = ratio["numerator"], ratio["denominator"]
    if any(counts[name] == "last" for name in _names(ratio)):
        metric["description"] += f" {_LAST}"
    if {numerator, denominator} <= set(counts) and not ratio.get("complement"):
        return {
            **metric,
            "type": "ratio",
            "type_params": {"numerator": numerator, "denominator": denominator},
        }
    # As `ratio_columns` has it.
    formula = f"cast({numerator} as double) / nullif({denominator}, 0)"
    return {
        **metric,
        "type": "derived",
        "type_params": {
            "expr": f"1 - {formula}" if ratio.get("complement") else formula,
            "metrics": [{"name": name} for name in _names(ratio)],
        },
    }


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _render(content: dict[str, Any]) -> str:
    body = yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)
    return f"{_HEADER}version: 2\n\n{body}"


def main() -> None:
    """Write the files into the project."""
    for name, text in generated_files().items():
        (project_dir() / name).write_text(text)


if __name__ == "__main__":
    main()

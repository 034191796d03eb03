"""Any metric by any dimension: MetricFlow's SQL over the published tables.

Belongs here: asking MetricFlow for the SQL of a question, and writing a dbt project in which `mf`
itself reads what is published. Not here: what a metric is (`semantic_layer`, the metrics file), and
running the SQL (`cli/metrics.py`, as any other statement).

MetricFlow is called as a library. Its own command asks the package registry for a newer version
each time, and starts dbt to connect.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from dagster_project import dbt_build
from dagster_project.ingest.durable import make_folder
from dagster_project.ingest.errors import FootfallError, UsageError
from dagster_project.state import StatePaths

GRAINS: Final = ("day", "week", "month", "quarter", "year")
DIMENSIONS: Final = ("channel", "country", "device_type", "source")
_PROFILE: Final = """\
# Reads what is published, and nothing else.
footfall:
  target: published
  outputs:
    published:
      type: duckdb
      path: {path}
      threads: 1
      config_options:
        access_mode: read_only
        enable_external_access: false
        autoinstall_known_extensions: false
        autoload_known_extensions: false
"""


_PART_OF_ERROR: Final = re.compile(
    r"^ +(Message|Suggestions|Query Input):\n(.*?)"
    r"(?=^ +(?:Message|Suggestions|Query Input|Issue Location):$|^Error #|\Z)",
    re.MULTILINE | re.DOTALL,
)


class NoMetricFlowError(FootfallError):
    """The optional package is not installed."""


@dataclass(frozen=True)
class Question:
    """What is asked for.

    Attributes:
        metrics: their names.
        by: dimensions and grains of time, by their short names or MetricFlow's.
        where: conditions in MetricFlow's form, `{{ Dimension('kpi__channel') }} = 'Email'`.
        first, last: report dates, both included; None for no bound.
        order: what to sort by, ` desc` after a name for descending; else the dimensions.
        limit: rows at most; None for all.
    """

    metrics: Sequence[str]
    by: Sequence[str] = ()
    where: Sequence[str] = ()
    first: date | None = None
    last: date | None = None
    order: Sequence[str] = ()
    limit: int | None = None


def semantic_manifest(paths: StatePaths) -> str:
    """What dbt has made of the semantic models, as JSON; parsed anew if the project has changed."""
    file = dbt_build.manifest_path(paths).parent / "semantic_manifest.json"
    return file.read_text()


def metric_names(manifest: str) -> dict[str, str]:
    """Metrics and what they mean, in the order of kpi_daily."""
    return {one["name"]: one["description"] for one in json.loads(manifest)["metrics"]}


def metric_sql(manifest: str, question: Question) -> str:
    """The statement that answers a question on the published tables.

    Args:
        manifest: what `semantic_manifest` gives.
        question: the metrics and by what.

    Raises:
        NoMetricFlowError: dbt-metricflow is not installed.
        UsageError: an unknown metric or dimension, or one that the metric does not have.
    """
    try:
        from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
        from metricflow_semantics.errors.error_classes import MetricFlowException
        from metricflow_semantics.model.dbt_manifest_parser import (
            parse_manifest_from_dbt_generated_manifest,
        )
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
    except ImportError as error:
        raise NoMetricFlowError(
            "metrics: dbt-metricflow is not installed; pip install 'footfall[semantic]'"
        ) from error
    order = [_ordered(name) for name in question.order or question.by]
    parsed = parse_manifest_from_dbt_generated_manifest(manifest_json_string=manifest)
    engine = MetricFlowEngine(
        semantic_manifest_lookup=SemanticManifestLookup(parsed), sql_client=_dialect()
    )
    try:
        request = MetricFlowQueryRequest.create(
            metric_names=list(question.metrics),
            group_by_names=[_long_name(name) for name in question.by],
            where_constraints=[*question.where, *_within(question)] or None,
            order_by_names=order,
            limit=question.limit,
        )
        sql: str = engine.explain(mf_request=request).sql_statement.without_descriptions.sql
    except MetricFlowException as error:
        raise UsageError(f"metrics: {_one_line(str(error))}") from error
    return sql


def _dialect() -> Any:
    """All that MetricFlow needs of a database in order to write SQL for it."""
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

    class Dialect:
        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    return Dialect()


def _within(question: Question) -> list[str]:
    """Bounds as conditions: MetricFlow's own would be widened to whole months of a month's rows."""
    bounds = [(">=", question.first), ("<=", question.last)]
    return [
        f"{{{{ TimeDimension('metric_time', 'day') }}}} {compare} date '{day}'"
        for compare, day in bounds
        if day is not None
    ]


def _long_name(name: str) -> str:
    if name in GRAINS:
        return f"metric_time__{name}"
    return f"kpi__{name}" if name in DIMENSIONS else name


def _ordered(text: str) -> str:
    name, _, direction = text.partition(" ")
    if direction.strip().lower() not in {"", "asc", "desc"}:
        raise UsageError(f"metrics: --order {text}: a name, and `desc` after it, is all there is")
    return ("-" if direction.strip().lower() == "desc" else "") + _long_name(name)


def _one_line(message: str) -> str:
    """What MetricFlow has against a question, without its pages of context."""
    # The first of several errors is about what is asked for, later ones follow from it.
    parts = _PART_OF_ERROR.findall(message.partition("Error #2:")[0])
    said = {title: " ".join(text.split()) for title, text in parts}
    if "Message" not in said:
        return " ".join(message.split())[:300]
    what = re.split(r" Common issues are| Got exception", said["Message"])[0].rstrip(".")
    known = re.findall(r"'(\w+)'", said.get("Suggestions", ""))
    advice = f"; there is {', '.join(dict.fromkeys(known))}" if known else ""
    return f"{what}: {said.get('Query Input', '')[:100]}{advice}"


def write_project(paths: StatePaths, folder: Path) -> None:
    """Write a dbt project in which `mf` and its like read the published tables.

    Args:
        paths: the state folder.
        folder: made if it is not there; one that this has written is written anew.

    Raises:
        UsageError: the folder holds something else.
    """
    profile = folder / "profiles.yml"
    is_ours = profile.is_file() and profile.read_text().startswith(_PROFILE.splitlines()[0])
    if folder.exists() and not is_ours and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: holds something else; name an empty or a new folder")
    make_folder(folder / "target")
    manifest = semantic_manifest(paths)
    (folder / "target" / "semantic_manifest.json").write_text(manifest)
    project = (dbt_build.project_dir() / "dbt_project.yml").read_text()
    (folder / "dbt_project.yml").write_text(project)
    path = json.dumps(str(paths.serving_db))
    profile.write_text(_PROFILE.format(path=path))

"""The semantic layer held against the KPI marts: every metric, by date and by dimension.

Belongs here: asking MetricFlow for all metrics over the published tables, and what differs from the
marts. Not here: a state to ask about.
"""

from datetime import date, datetime
from typing import Any

import duckdb

from dagster_project.metric_queries import DIMENSIONS, Question, metric_sql

Answer = dict[tuple[Any, ...], dict[str, Any]]
_KEYS = ("report_date", "dimension", "value")


def asked(con: duckdb.DuckDBPyConnection, manifest: str, metrics: list[str], *by: str) -> Answer:
    """What MetricFlow says of metrics, by the values of what they are asked by."""
    sql = metric_sql(manifest, Question(metrics=metrics, by=by))
    found = con.execute(sql)
    names = [column[0] for column in found.description]
    answer = {}
    for row in found.fetchall():
        key = tuple(one.date() if isinstance(one, datetime) else one for one in row[: len(by)])
        assert key not in answer
        answer[key] = dict(zip(names[len(by) :], row[len(by) :], strict=True))
    return answer


def columns_of(con: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    """The columns of a mart that are metrics."""
    described = con.execute(f"describe marts.{mart}").fetchall()
    return [name for name, *_ in described if name not in _KEYS]


def of_mart(con: duckdb.DuckDBPyConnection, mart: str, dimension: str | None = None) -> Answer:
    """The rows of a mart, by date, or by date and value of a dimension."""
    metrics = columns_of(con, mart)
    keys = ["report_date"] if dimension is None else ["report_date", "value"]
    where = "true" if dimension is None else f"dimension = '{dimension}'"
    rows = con.execute(
        f"select {', '.join([*keys, *metrics])} from marts.{mart} where {where}"
    ).fetchall()
    return {row[: len(keys)]: dict(zip(metrics, row[len(keys) :], strict=True)) for row in rows}


def differences_by_date(
    con: duckdb.DuckDBPyConnection, manifest: str, metrics: list[str] | None = None
) -> list[str]:
    """Where the semantic layer says something else than kpi_daily; of all metrics, or of some."""
    metrics = metrics or columns_of(con, "kpi_daily")
    return _told_apart(of_mart(con, "kpi_daily"), asked(con, manifest, metrics, "day"))


def differences_by_dimension(con: duckdb.DuckDBPyConnection, manifest: str) -> list[str]:
    """Where the semantic layer says something else than kpi_daily_by_dimension."""
    metrics = columns_of(con, "kpi_daily_by_dimension")
    return [
        one
        for dimension in DIMENSIONS
        for one in _told_apart(
            of_mart(con, "kpi_daily_by_dimension", dimension),
            asked(con, manifest, metrics, "day", dimension),
        )
    ]


def _told_apart(expected: Answer, answer: Answer) -> list[str]:
    """Values that differ; a row that the mart leaves out must say nothing but 0."""
    assert expected
    found = []
    for key in sorted(expected.keys() | answer.keys()):
        ours, theirs = answer.get(key), expected.get(key)
        for name in ours or theirs or {}:
            value = ours[name] if ours else "no row"
            wanted = theirs[name] if theirs else value or 0
            if theirs is None and value in (0, None):
                continue
            if not _same(value, wanted) or theirs is None:
                found.append(f"{_said(key)}: {name} is {value}, in the mart {wanted}")
    return found


def _same(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None or isinstance(value, str):
        return value is wanted
    return abs(float(value) - float(wanted)) <= 1e-9 * max(1.0, abs(float(wanted)))


def _said(key: tuple[Any, ...]) -> str:
    return " ".join(one.isoformat() if isinstance(one, date) else str(one) for one in key)

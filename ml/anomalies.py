"""Anomaly scores of a partition: logins, file access and sessions that arrived, and KPI values.

Here: what is scored, and the card. Not here: how a login (anomaly_logins.py), a day of a network
(anomaly_networks.py) or of file access (anomaly_files.py), a session (anomaly_sessions.py) or a
series (anomaly_series.py) is scored, the measures against baselines (anomaly_measures.py), and
reading or writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml.anomaly_events import with_columns
from ml.anomaly_files import (
    FILE_ACCESSES_SCHEMA,
    FileParams,
    score_file_access,
)
from ml.anomaly_kpis import (
    DIMENSION_KPIS_SCHEMA,
    KPIS_SCHEMA,
    Cause,
    DimensionParams,
    Key,
    Series,
    daily_series,
    filled,
    find_cause,
    is_large,
    parts_of,
    scores_of_day,
)
from ml.anomaly_logins import LOGINS_SCHEMA, LoginParams, score_logins
from ml.anomaly_measures import (
    Tested,
    backtest,
    day_measures,
    login_measures,
    score_shifts,
    session_measures,
)
from ml.anomaly_networks import NetworkParams, score_networks
from ml.anomaly_ratios import (
    RatioCause,
    RatioParams,
    find_ratio_cause,
    scored_ratios,
    sides,
)
from ml.anomaly_rows import (
    dimension_rows,
    file_rows,
    kpi_rows,
    login_rows,
    network_rows,
    session_rows,
)
from ml.anomaly_series import Method, SeriesParams, SeriesScore, score_series
from ml.anomaly_sessions import SESSIONS_SCHEMA, SessionParams, score_sessions
from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.drift import Shift
from ml.gate import GateDecision

CODE_VERSION = "4"

ANOMALY_SCORES_SCHEMA = pa.schema(
    [
        ("entity_type", pa.string()),
        ("entity_id", pa.string()),
        ("event_key", pa.string()),
        ("date", pa.date32()),
        ("score", pa.float64()),
        ("p_value", pa.float64()),
        ("is_anomaly", pa.bool_()),
        ("explanation", pa.string()),
        ("evidence_event_keys", pa.list_(pa.string())),
        ("model_version", pa.string()),
    ]
)


@dataclass(frozen=True)
class AnomalyParams:
    """Settings of an anomaly run.

    Attributes:
        window_days: days of logins and of file access that are read.
        kpi_window_days: days of KPI values that are read.
        backtest_days: last days before the partition on which KPI forecasts are compared.
        logins: settings of the login scores.
        networks: settings of the scores of networks.
        files: settings of the scores of file access.
        sessions: settings of the scores of sessions.
        series: settings of the forecasts.
        dimensions: settings of the series by dimension.
        ratios: settings of the series of ratios.
        holidays: dates on which KPIs are not as on other days of their week.
    """

    window_days: int = 90
    kpi_window_days: int = 180
    backtest_days: int = 28
    logins: LoginParams = field(default_factory=LoginParams)
    networks: NetworkParams = field(default_factory=NetworkParams)
    files: FileParams = field(default_factory=FileParams)
    sessions: SessionParams = field(default_factory=SessionParams)
    series: SeriesParams = field(default_factory=SeriesParams)
    dimensions: DimensionParams = field(default_factory=DimensionParams)
    ratios: RatioParams = field(default_factory=RatioParams)
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True)
class AnomalyRun:
    """Everything that a partition's run yields.

    Attributes:
        scores: ANOMALY_SCORES_SCHEMA, by entity_type, entity_id, date, event_key.
        metrics: rows of MODEL_METRICS_SCHEMA.
        card: the model card, plain JSON.
        gate: which forecast the KPI scores come from.
        shifts: how far scores of log-ins, and of days of networks and of file access, are from
            those of the days before. KPIs are too few a day.
    """

    scores: pa.Table
    metrics: list[dict[str, Any]]
    card: dict[str, Any]
    gate: GateDecision
    shifts: list[Shift]

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


def score_anomalies(
    logins: pa.Table,
    accesses: pa.Table,
    kpis: pa.Table,
    as_of: date,
    params: AnomalyParams | None = None,
    *,
    by_dimension: pa.Table | None = None,
    sessions: pa.Table | None = None,
) -> AnomalyRun:
    """Score what arrived on a partition, and its date's KPI values.

    Args:
        logins: LOGINS_SCHEMA; `is_scored` marks those that arrived on the partition and are scored
            whatever their age; others before the window are left out.
        accesses: FILE_ACCESSES_SCHEMA; the same, a person's whole day at a time.
        kpis: KPIS_SCHEMA, one row a metric and day, as known at the partition; later days and days
            before the window are left out. A null value is a missing one. A ratio has numerator
            and denominator.
        as_of: partition date.
        params: settings; None for the defaults.
        by_dimension: DIMENSION_KPIS_SCHEMA, the same by the values of dimensions, whose counts,
            numerators and denominators add up to those of the metrics; a value without a row on a
            day has counted nothing. None for no dimensions.
        sessions: SESSIONS_SCHEMA, those of the last days, as known at the partition; `is_scored`
            marks those of which an event arrived on it. None for no sessions.

    Returns:
        The run; tables are empty where there is nothing to score.

    Raises:
        ValueError: a column is missing, a metric has two values a day, or see `score_logins`,
            `score_file_access` and `score_sessions`.
    """
    params = params or AnomalyParams()
    known = _window(logins, LOGINS_SCHEMA, "logins", as_of, params)
    files = _window(accesses, FILE_ACCESSES_SCHEMA, "file accesses", as_of, params)
    values = _kpi_window(kpis, KPIS_SCHEMA, "kpis", as_of, params)
    if by_dimension is None:
        by_dimension = DIMENSION_KPIS_SCHEMA.empty_table()
    shares = _kpi_window(by_dimension, DIMENSION_KPIS_SCHEMA, "kpis by dimension", as_of, params)
    visits = with_columns(
        SESSIONS_SCHEMA.empty_table() if sessions is None else sessions, SESSIONS_SCHEMA, "sessions"
    )
    data = "".join(map(fingerprint, (known, files, values, shares, _flat(visits))))
    version = model_version("anomaly", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)

    found = score_logins(known, params.logins)
    networks = score_networks(found.logins, params.networks)
    days_found = score_file_access(files, params.files)
    sessions_found = score_sessions(visits, params.sessions)
    whole = daily_series(values, ["metric"], as_of)
    series = scored_ratios(whole, params.ratios)
    methods: tuple[Method, ...] = ("holt_winters", "weekday_median")
    tested = {method: _tested(series, method, params) for method in methods}
    gate, measures = backtest(series, tested, as_of, params.backtest_days)
    served: Method = "holt_winters" if gate.served == "model" else "weekday_median"
    today = scores_of_day(series, tested[served], as_of)
    parts = filled(daily_series(shares, ["metric", "dimension", "dimension_value"], as_of), whole)
    large = {
        key: one
        for key, one in scored_ratios(parts, params.ratios).items()
        if one.denominators is not None or is_large(one, params.dimensions)
    }
    of_values = scores_of_day(large, _tested(large, served, params), as_of)
    causes = {
        metric: _cause(metric, score, parts, as_of, served, params)
        for (metric,), score in today.items()
        if score.is_anomaly and any(key[0] == metric for key in parts)
    }
    rows = [
        *kpi_rows(today, causes, as_of, served),
        *dimension_rows(of_values, params.dimensions, as_of, served),
        *login_rows(found),
        *network_rows(networks, params.networks.evidence),
        *file_rows(days_found, params.files.evidence),
        *session_rows(sessions_found, params.sessions.max_shown_p_value),
    ]
    rows.sort(key=lambda row: (row["entity_type"], row["entity_id"], row["date"], row["event_key"]))
    measures |= login_measures(found) | session_measures(sessions_found)
    measures |= day_measures("network_surprise", networks) | day_measures(
        "file_surprise", days_found
    )
    shifts = score_shifts(found, networks, days_found, as_of, params.backtest_days)
    measures |= {(one.name, "psi_score"): (one.index, one.bar) for one in shifts}

    read = (
        *((known, "event_ts"), (files, "event_ts")),
        *((values, "report_date"), (visits, "started_at")),
    )
    days = [day for table, column in read for day in _range(table, column) if day]
    data_from, data_to = (min(days), max(days)) if days else (None, None)
    metrics = metric_rows(measures, version, data_from, data_to)
    card = make_card(
        name="anomaly",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=data_from,
        data_to=data_to,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline="KPIs: median of the last same weekdays; logins: a new country or device; "
        "files and networks: three times the usual accesses or failures; sessions: twenty views "
        "without an act",
        served=gate.served,
        gate_reason=gate.reason,
        counts={
            "logins": known.num_rows,
            "file_accesses": files.num_rows,
            "sessions": visits.num_rows,
            "kpi_values": values.num_rows,
            "series": len(series),
            "dimension_series": len(parts),
            "dimension_series_scored": len(of_values),
        },
    )
    for row in rows:
        row["model_version"] = version
    scores = pa.Table.from_pylist(rows, schema=ANOMALY_SCORES_SCHEMA)
    return AnomalyRun(scores, metrics, card, gate, shifts)


def _cause(
    metric: str,
    score: SeriesScore,
    parts: Mapping[Key, Series],
    as_of: date,
    method: Method,
    params: AnomalyParams,
) -> Cause | RatioCause | None:
    """What explains a flagged metric; its values are forecast however small they are."""

    def forecast(mine: Mapping[Key, Series]) -> dict[str, dict[str, tuple[float, float]]]:
        scores = scores_of_day(mine, _tested(mine, method, params), as_of)
        return parts_of(metric, mine, scores)

    numerators, denominators = map(forecast, sides(parts, metric))
    if numerators:
        return find_ratio_cause(score, numerators, denominators, params.dimensions)
    mine = {key: one for key, one in parts.items() if key[0] == metric}
    return find_cause(score, forecast(mine), params.dimensions)


def _window(
    events: pa.Table, schema: pa.Schema, what: str, as_of: date, params: AnomalyParams
) -> pa.Table:
    table = with_columns(events, schema, what)
    first_day = as_of - timedelta(days=params.window_days - 1)
    recent = pc.greater_equal(table["event_ts"], pa.scalar(first_day).cast(pa.timestamp("us")))
    return table.filter(pc.or_(recent, table["is_scored"]))


def _flat(sessions: pa.Table) -> pa.Table:
    """Sessions with their evidence as one text, for a fingerprint."""
    at = sessions.column_names.index("view_event_keys")
    keys = pc.binary_join(sessions["view_event_keys"], "\x1f")
    return sessions.set_column(at, "view_event_keys", keys)


def _kpi_window(
    kpis: pa.Table, schema: pa.Schema, what: str, as_of: date, params: AnomalyParams
) -> pa.Table:
    table = with_columns(kpis, schema, what)
    first_day = as_of - timedelta(days=params.kpi_window_days - 1)
    inside = pc.and_(
        pc.greater_equal(table["report_date"], pa.scalar(first_day)),
        pc.less_equal(table["report_date"], pa.scalar(as_of)),
    )
    return table.filter(inside)


def _tested(series: Mapping[Key, Series], method: Method, params: AnomalyParams) -> Tested:
    """The scores of all days of series."""
    return {
        key: score_series(
            one.values,
            one.first_day.weekday(),
            params.series,
            method,
            {(day - one.first_day).days for day in params.holidays},
        )
        for key, one in series.items()
    }


def _range(table: pa.Table, column: str) -> tuple[date | None, date | None]:
    """First and last day of a date or time column."""
    if not table.num_rows:
        return None, None
    days = table[column].cast(pa.date32(), safe=False)
    return pc.min(days).as_py(), pc.max(days).as_py()

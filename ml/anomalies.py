"""Anomaly scores of a partition: logins and file access that arrived, and the day's KPI values.

Here: the measures against baselines, the gate between the two KPI forecasts, the card. Not here:
how a login (anomaly_logins.py), a day of a network (anomaly_networks.py) or of file access
(anomaly_files.py), or a series (anomaly_series.py) is scored, and reading or writing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml.anomaly_events import flags, with_columns
from ml.anomaly_files import (
    FILE_ACCESSES_SCHEMA,
    FileParams,
    FileScores,
    score_file_access,
)
from ml.anomaly_logins import LOGINS_SCHEMA, LoginParams, LoginScores, score_logins
from ml.anomaly_networks import NetworkParams, NetworkScores, score_networks
from ml.anomaly_rows import file_rows, kpi_rows, login_rows, network_rows
from ml.anomaly_series import Method, SeriesParams, SeriesScore, score_series
from ml.cards import canonical_json, fingerprint, make_card, model_version
from ml.drift import Shift, population_stability
from ml.gate import GateDecision, decide

CODE_VERSION = "2"

KPIS_SCHEMA = pa.schema(
    [("report_date", pa.date32()), ("metric", pa.string()), ("value", pa.float64())]
)
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
Measures = dict[tuple[str, str], tuple[float, float | None]]


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
        series: settings of the forecasts.
    """

    window_days: int = 90
    kpi_window_days: int = 180
    backtest_days: int = 28
    logins: LoginParams = field(default_factory=LoginParams)
    networks: NetworkParams = field(default_factory=NetworkParams)
    files: FileParams = field(default_factory=FileParams)
    series: SeriesParams = field(default_factory=SeriesParams)


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
) -> AnomalyRun:
    """Score the logins and file accesses that arrived on a partition, and its date's KPI values.

    Args:
        logins: LOGINS_SCHEMA; `is_scored` marks those that arrived on the partition and are scored
            whatever their age; others before the window are left out.
        accesses: FILE_ACCESSES_SCHEMA; the same, a person's whole day at a time.
        kpis: KPIS_SCHEMA, one row a metric and day, as known at the partition; later days and days
            before the window are left out. A null value is a missing one.
        as_of: partition date.
        params: settings; None for the defaults.

    Returns:
        The run; tables are empty where there is nothing to score.

    Raises:
        ValueError: a column is missing, a metric has two values a day, or see `score_logins` and
            `score_file_access`.
    """
    params = params or AnomalyParams()
    known = _window(logins, LOGINS_SCHEMA, "logins", as_of, params)
    files = _window(accesses, FILE_ACCESSES_SCHEMA, "file accesses", as_of, params)
    values = _kpi_window(kpis, as_of, params)
    data = fingerprint(known) + fingerprint(files) + fingerprint(values)
    version = model_version("anomaly", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)

    found = score_logins(known, params.logins)
    networks = score_networks(found.logins, params.networks)
    days_found = score_file_access(files, params.files)
    series = _series(values, as_of)
    methods: tuple[Method, ...] = ("holt_winters", "weekday_median")
    tested = {
        method: {
            metric: score_series(of_metric, first_day.weekday(), params.series, method)
            for metric, (first_day, of_metric) in series.items()
        }
        for method in methods
    }
    gate, measures = _backtest(series, tested, as_of, params)
    served: Method = "holt_winters" if gate.served == "model" else "weekday_median"
    rows = [
        *kpi_rows(series, tested[served], as_of, served),
        *login_rows(found),
        *network_rows(networks, params.networks.evidence),
        *file_rows(days_found, params.files.evidence),
    ]
    rows.sort(key=lambda row: (row["entity_type"], row["entity_id"], row["date"], row["event_key"]))
    measures |= _login_measures(found)
    measures |= _day_measures("network_surprise", networks) | _day_measures(
        "file_surprise", days_found
    )
    shifts = _shifts(found, networks, days_found, as_of, params.backtest_days)
    measures |= {(one.name, "psi_score"): (one.index, one.bar) for one in shifts}

    read = ((known, "event_ts"), (files, "event_ts"), (values, "report_date"))
    days = [day for table, column in read for day in _range(table, column) if day]
    data_from, data_to = (min(days), max(days)) if days else (None, None)
    metrics = [
        {
            "model": model,
            "model_version": version,
            "metric": metric,
            "value": value,
            "baseline_value": baseline,
            "data_from": data_from,
            "data_to": data_to,
        }
        for (model, metric), (value, baseline) in sorted(measures.items())
    ]
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
        "files and networks: three times the usual accesses or failures",
        served=gate.served,
        gate_reason=gate.reason,
        counts={
            "logins": known.num_rows,
            "file_accesses": files.num_rows,
            "kpi_values": values.num_rows,
            "series": len(series),
        },
    )
    for row in rows:
        row["model_version"] = version
    scores = pa.Table.from_pylist(rows, schema=ANOMALY_SCORES_SCHEMA)
    return AnomalyRun(scores, metrics, card, gate, shifts)


def _window(
    events: pa.Table, schema: pa.Schema, what: str, as_of: date, params: AnomalyParams
) -> pa.Table:
    table = with_columns(events, schema, what)
    first_day = as_of - timedelta(days=params.window_days - 1)
    recent = pc.greater_equal(table["event_ts"], pa.scalar(first_day).cast(pa.timestamp("us")))
    return table.filter(pc.or_(recent, table["is_scored"]))


def _kpi_window(kpis: pa.Table, as_of: date, params: AnomalyParams) -> pa.Table:
    table = with_columns(kpis, KPIS_SCHEMA, "kpis")
    first_day = as_of - timedelta(days=params.kpi_window_days - 1)
    inside = pc.and_(
        pc.greater_equal(table["report_date"], pa.scalar(first_day)),
        pc.less_equal(table["report_date"], pa.scalar(as_of)),
    )
    return table.filter(inside)


def _series(kpis: pa.Table, as_of: date) -> dict[str, tuple[date, npt.NDArray[np.float64]]]:
    """Each metric's first day and one value a day up to as_of, NaN where there is none."""
    by_metric: dict[str, dict[date, float | None]] = {}
    for row in kpis.to_pylist():
        days = by_metric.setdefault(row["metric"], {})
        if row["report_date"] in days:
            raise ValueError(f"kpis: {row['metric']} has two values on {row['report_date']}")
        days[row["report_date"]] = row["value"]
    series = {}
    for metric in sorted(by_metric):
        days = by_metric[metric]
        first = min(days)
        values = np.full((as_of - first).days + 1, np.nan)
        for day, value in days.items():
            if value is not None:
                values[(day - first).days] = value
        series[metric] = (first, values)
    return series


def _backtest(
    series: dict[str, tuple[date, npt.NDArray[np.float64]]],
    tested: dict[Method, dict[str, list[SeriesScore]]],
    as_of: date,
    params: AnomalyParams,
) -> tuple[GateDecision, Measures]:
    """Compare both forecasts on the last days before as_of."""
    pairs: list[tuple[SeriesScore, SeriesScore]] = []
    for metric, (first_day, _) in series.items():
        last = (as_of - first_day).days
        baseline = {score.day: score for score in tested["weekday_median"][metric]}
        pairs += [
            (score, baseline[score.day])
            for score in tested["holt_winters"][metric]
            if last - params.backtest_days <= score.day < last and score.day in baseline
        ]
    accuracy = np.array([[_accuracy(score) for score in pair] for pair in pairs]).reshape(-1, 2)
    gate = decide("forecast_accuracy", accuracy[:, 0], accuracy[:, 1], unit="series-days")
    if not pairs:
        return gate, {}
    low_p = np.array([[score.p_value < 0.05 for score in pair] for pair in pairs]).mean(axis=0)
    alerts = np.array([[score.is_anomaly for score in pair] for pair in pairs]).mean(axis=0)
    model = "kpi_series"
    return gate, {
        (model, "forecast_accuracy"): (gate.model_value, gate.baseline_value),
        (model, "share_p_below_0.05"): (float(low_p[0]), float(low_p[1])),
        (model, "alert_rate"): (float(alerts[0]), float(alerts[1])),
    }


def _accuracy(score: SeriesScore) -> float:
    """1 - |error| / (|value| + |forecast|), in [0, 1]; 1 where both are 0."""
    size = abs(score.value) + abs(score.expected)
    return 1.0 - abs(score.value - score.expected) / size if size else 1.0


def _login_measures(found: LoginScores) -> Measures:
    """Alert rate against that of a plain rule, and whether p-values are what they claim."""
    is_scored, succeeded = flags(found.logins, "is_scored"), flags(found.logins, "succeeded")
    measures: Measures = {}
    if is_scored.any():
        by_rule = found.new_values[is_scored, :2].any(axis=1).mean()
        alert_rate = found.is_anomaly[is_scored].mean()
        measures["login_surprise", "alert_rate"] = (float(alert_rate), float(by_rule))
        measures["login_surprise", "logins_scored"] = (float(is_scored.sum()), None)
    recent = succeeded & ~is_scored & ~np.isnan(found.p_values)
    if recent.any():
        share = float((found.p_values[recent] < 0.05).mean())
        measures["login_surprise", "share_p_below_0.05"] = (share, 0.05)
    return measures


def _day_measures(model: str, found: FileScores | NetworkScores) -> Measures:
    """Alert rate against that of a plain rule, and whether p-values are what they claim."""
    measures: Measures = {}
    if found.is_scored.any():
        by_rule = (found.counts[:, 0] > 3 * found.usual[:, 0])[found.is_scored].mean()
        alert_rate = found.is_anomaly[found.is_scored].mean()
        measures[model, "alert_rate"] = (float(alert_rate), float(by_rule))
        measures[model, "days_scored"] = (float(found.is_scored.sum()), None)
    recent = ~found.is_scored & ~np.isnan(found.p_values)
    if recent.any():
        share = float((found.p_values[recent] < 0.05).mean())
        measures[model, "share_p_below_0.05"] = (share, 0.05)
    return measures


def _shifts(
    logins: LoginScores, networks: NetworkScores, files: FileScores, as_of: date, days: int
) -> list[Shift]:
    """Scores of the partition against those of the days before, where there are both."""
    login_days = logins.logins["event_ts"].cast(pa.date32(), safe=False).cast(pa.int32())
    samples = (
        ("login_surprise", logins, login_days.to_numpy(), flags(logins.logins, "is_scored")),
        ("network_surprise", networks, networks.days, networks.is_scored),
        ("file_surprise", files, files.days, files.is_scored),
    )
    first_day = (as_of - date(1970, 1, 1)).days - days
    found = []
    for name, scored, day, is_scored in samples:
        before, now = scored.scores[~is_scored & (day >= first_day)], scored.scores[is_scored]
        if len(before) and len(now):
            found.append(population_stability(name, before, now))
    return found


def _range(table: pa.Table, column: str) -> tuple[date | None, date | None]:
    """First and last day of a date or time column."""
    if not table.num_rows:
        return None, None
    days = table[column].cast(pa.date32(), safe=False)
    return pc.min(days).as_py(), pc.max(days).as_py()

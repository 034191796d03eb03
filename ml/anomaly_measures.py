"""How the anomaly scores of a partition do against simple rules, and whether they are calibrated.

Not here: any score (anomaly_*.py), and the card that the measures stand on (anomalies.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa

from ml.anomaly_events import flags
from ml.anomaly_files import FileScores
from ml.anomaly_kpis import Key, Series
from ml.anomaly_logins import LoginScores
from ml.anomaly_networks import NetworkScores
from ml.anomaly_series import Method, SeriesScore
from ml.anomaly_sessions import SessionScores
from ml.calibration import area_under_curve
from ml.drift import Shift, population_stability
from ml.gate import GateDecision, decide

Measures = dict[tuple[str, str], tuple[float, float | None]]
Tested = dict[Key, list[SeriesScore]]


def backtest(
    series: Mapping[Key, Series],
    tested: Mapping[Method, Tested],
    as_of: date,
    days: int,
) -> tuple[GateDecision, Measures]:
    """Compare both forecasts on the last days before as_of.

    Args:
        series: of each metric.
        tested: scores of all days, by forecast and metric.
        as_of: last day of every series, which does not count.
        days: how many days before it count.

    Returns:
        Which forecast is served, and the measures of both.
    """
    pairs: list[tuple[SeriesScore, SeriesScore]] = []
    for metric, one in series.items():
        last = (as_of - one.first_day).days
        baseline = {score.day: score for score in tested["weekday_median"][metric]}
        pairs += [
            (score, baseline[score.day])
            for score in tested["holt_winters"][metric]
            if last - days <= score.day < last and score.day in baseline
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


def login_measures(found: LoginScores) -> Measures:
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


def day_measures(model: str, found: FileScores | NetworkScores) -> Measures:
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


def session_measures(found: SessionScores) -> Measures:
    """The same of sessions; and whether machines that say so would be told from the rest."""
    model = "session_surprise"
    measures: Measures = {}
    views = found.sessions["views"].to_numpy().astype(np.float64)
    if found.is_scored.any():
        acts = found.sessions["acts"].to_numpy()
        by_rule = ((views >= 20) & (acts == 0))[found.is_scored].mean()
        alert_rate = found.is_anomaly[found.is_scored].mean()
        measures[model, "alert_rate"] = (float(alert_rate), float(by_rule))
        measures[model, "sessions_scored"] = (float(found.is_scored.sum()), None)
    recent = ~found.is_scored & ~np.isnan(found.p_values)
    if recent.any():
        share = float((found.p_values[recent] < 0.05).mean())
        measures[model, "share_p_below_0.05"] = (share, 0.05)
    is_bot = found.is_bot.astype(np.float64)
    told, by_views = (area_under_curve(one, is_bot) for one in (found.scores, views))
    if told is not None and found.compared_with:
        measures[model, "auc_of_known_bots"] = (told, by_views)
    return measures


def score_shifts(
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

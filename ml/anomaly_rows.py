"""Anomaly scores as rows of a partition: what was scored, why, and the events that show it.

Rows have the columns of ANOMALY_SCORES_SCHEMA but for the version. Not here: any score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from ml.anomaly_events import flags
from ml.anomaly_files import FileScores, evidence, explain_files
from ml.anomaly_kpis import Cause, DimensionParams, Key, are_anomalies, explain_cause
from ml.anomaly_logins import LoginScores, explain_login
from ml.anomaly_networks import NetworkScores, explain_network
from ml.anomaly_ratios import RatioCause, explain_ratio_cause
from ml.anomaly_series import Method, SeriesScore, explain_day
from ml.anomaly_sessions import SessionScores, explain_session


def kpi_rows(
    today: Mapping[Key, SeriesScore],
    causes: Mapping[str, Cause | RatioCause | None],
    as_of: date,
    method: Method,
) -> Iterator[dict[str, Any]]:
    """The day of each metric that has a score on it, with the cause where one was looked for."""
    for (metric,), score in today.items():
        said = explain_day(metric, as_of.isoformat(), score, method)
        if metric in causes:
            cause = causes[metric]
            if isinstance(cause, RatioCause):
                said += f". {explain_ratio_cause(cause)}"
            else:
                said += f". {explain_cause(cause)}"
        yield _kpi_row("kpi", metric, score, said, as_of, is_anomaly=score.is_anomaly)


def dimension_rows(
    today: Mapping[Key, SeriesScore], params: DimensionParams, as_of: date, method: Method
) -> Iterator[dict[str, Any]]:
    """The day of each metric by a value of a dimension."""
    is_anomaly = are_anomalies(list(today.values()), params)
    for ((metric, dimension, value), score), flag in zip(today.items(), is_anomaly, strict=True):
        name = f"{metric} where {dimension} = {value}"
        said = explain_day(name, as_of.isoformat(), score, method)
        yield _kpi_row("kpi_dimension", name, score, said, as_of, is_anomaly=flag)


def _kpi_row(
    entity_type: str, name: str, score: SeriesScore, said: str, as_of: date, *, is_anomaly: bool
) -> dict[str, Any]:
    return {
        "entity_type": entity_type,
        "entity_id": name,
        "event_key": None,
        "date": as_of,
        "score": score.score,
        "p_value": score.p_value,
        "is_anomaly": is_anomaly,
        "explanation": said,
        "evidence_event_keys": [],
    }


def login_rows(found: LoginScores) -> Iterator[dict[str, Any]]:
    """The log-ins that are scored, each with the last usual one of its person as evidence."""
    keys = found.logins["event_key"].to_pylist()
    for row in np.flatnonzero(flags(found.logins, "is_scored")).tolist():
        last = int(found.last_usual[row])
        yield {
            "entity_type": "login",
            "entity_id": found.logins["person_id"][row].as_py(),
            "event_key": keys[row],
            "date": found.logins["event_ts"][row].as_py().date(),
            "score": float(found.scores[row]),
            "p_value": float(found.p_values[row]),
            "is_anomaly": bool(found.is_anomaly[row]),
            "explanation": explain_login(found, row),
            "evidence_event_keys": [keys[row]] + ([keys[last]] if last >= 0 else []),
        }


def network_rows(found: NetworkScores, most: int) -> Iterator[dict[str, Any]]:
    """The days of networks that are scored, with the first failed log-ins of each."""
    for row in np.flatnonzero(found.is_scored).tolist():
        said, keys = explain_network(found, row), found.failed_keys[row][:most]
        yield _day_row("network", found.networks[row], found, row, said, keys)


def file_rows(found: FileScores, most: int) -> Iterator[dict[str, Any]]:
    """The persons' days of file access that are scored, with the strangest accesses of each."""
    for row in np.flatnonzero(found.is_scored).tolist():
        said, keys = explain_files(found, row), evidence(found, row, most)
        yield _day_row("file_access", found.person_ids[row], found, row, said, keys)


def session_rows(found: SessionScores, max_p_value: float) -> Iterator[dict[str, Any]]:
    """The sessions that are flagged or rare, under who is behind each, with their first views."""
    shown = found.is_scored & (found.is_anomaly | (found.p_values <= max_p_value))
    for row in np.flatnonzero(shown).tolist():
        session = found.sessions.slice(row, 1).to_pylist()[0]
        yield {
            "entity_type": "session",
            "entity_id": session["person_id"],
            "event_key": session["event_key"],
            "date": session["started_at"].date(),
            "score": float(found.scores[row]),
            "p_value": float(found.p_values[row]),
            "is_anomaly": bool(found.is_anomaly[row]),
            "explanation": explain_session(found, row),
            "evidence_event_keys": session["view_event_keys"],
        }


def _day_row(
    entity_type: str,
    entity_id: str,
    found: FileScores | NetworkScores,
    row: int,
    explanation: str,
    evidence_event_keys: list[str],
) -> dict[str, Any]:
    return {
        "entity_type": entity_type,
        "entity_id": entity_id,
        "event_key": None,
        "date": date(1970, 1, 1) + timedelta(days=int(found.days[row])),
        "score": float(found.scores[row]),
        "p_value": float(found.p_values[row]),
        "is_anomaly": bool(found.is_anomaly[row]),
        "explanation": explanation,
        "evidence_event_keys": evidence_event_keys,
    }

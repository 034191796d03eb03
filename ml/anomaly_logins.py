"""How surprising is a login, against the person's own past?

The score is a sum of surprisals, -ln P(value | what the person did before), in nats: one of the
hour of the week, the country, the device, the network, the failures in the hour before, and of how
soon the country changed. A
person's counts are smoothed towards those of everybody (add-alpha). Only logins that succeeded
teach: an attacker who keeps failing does not become usual. A value that is not known (null) is not
surprising. Every number uses only rows before the tested one, in the order (event_ts, event_key).

Here: scores, p-values, flags and texts of logins. Not here: the tables of a partition
(anomalies.py), counting (causal_counts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.anomaly_events import flags, sorted_events, times
from ml.anomaly_flags import added_up, flagged, ranked_p_values, sum_in_words
from ml.causal_counts import counted_before, counted_within, last_before
from ml.interactions import encode_sorted
from ml.surprisal import hour_surprisal, value_surprisal
from ml.travel_surprisal import travel_surprisal

LOGINS_SCHEMA = pa.schema(
    [
        ("event_key", pa.string()),
        ("person_id", pa.string()),
        ("event_ts", pa.timestamp("us")),
        ("succeeded", pa.bool_()),
        ("country", pa.string()),
        ("device", pa.string()),
        ("network", pa.string()),
        ("occurrences", pa.int64()),
        ("is_scored", pa.bool_()),
    ]
)
FEATURES: tuple[str, ...] = ("country", "device", "network", "hour", "failures", "travel")
FAILURE_STEPS = (1, 2, 3, 6, 12)
_MICROSECONDS_PER_HOUR = 3_600_000_000
# What one line may claim to stand for.
_MOST_OCCURRENCES = 1_000_000

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LoginParams:
    """Settings of the login scores.

    Attributes:
        alpha: pseudo-logins of everybody that are added to a person's own.
        floor_country: least probability that everybody's counts give to a country.
        floor_identifier: the same for devices and networks, which are unique by nature: one that
            nobody had before is no stranger than that.
        floor_failures: the same for a number of failures.
        journey_hours: a change of country after so many hours or more is as usual as any, where no
            change was seen before.
        hour_width: standard deviation of the kernel around an earlier login, in hours.
        calibration_logins: so many of the latest logins of history get a p-value too, to see
            whether p-values are what they claim.
        false_discovery_rate: of Benjamini-Hochberg over a partition's logins, the first way to a
            flag.
        min_score: the second way, in nats: odds of 1 in 160,000 under the person's own habits.
            Ranks alone cannot do it: where one login in a hundred of the history was an intruder's,
            the next intruder's p-value is about 0.005, and neither the procedure nor p < 0.001
            flagged one of 37 planted ones (simulation in the tests; on seeds that did not set
            the bar this way found .89-.97 of them, and .68-.87 of its flags were right).
        max_p_value: of the second way, so that a change for everybody brings no storm of flags.
    """

    alpha: float = 1.0
    floor_country: float = 0.001
    floor_identifier: float = 0.05
    floor_failures: float = 0.0001
    journey_hours: float = 24.0
    hour_width: float = 1.5
    calibration_logins: int = 5000
    false_discovery_rate: float = 0.05
    min_score: float = 12.0
    max_p_value: float = 0.02


@dataclass(frozen=True)
class LoginScores:
    """Scores of all logins of the window, in the order (event_ts, event_key).

    Attributes:
        logins: the sorted table, LOGINS_SCHEMA.
        parts: (n, 6) surprisal of each of FEATURES, nats, rounded to 3 decimals.
        scores: (n,) sum of the parts.
        p_values: (n,) share of earlier, not scored, successful logins with a history of like length
            that are at least as surprising: (r + 1) / (m + 1); NaN for older history.
        is_anomaly: (n,) flags, only of rows that are scored.
        known_logins: (n,) earlier logins of the person that succeeded.
        new_values: (n, 3) whether country, device, network are new to the person.
        failures: (n,) failed logins of the person in the hour before.
        last_usual: (n,) row of the person's last usual login, or -1: it succeeded, from a country,
            device and network that were not new, without failures before it; where there is none,
            the last that succeeded.
        last_place: (n,) row of the person's last log-in from a known country that succeeded, or -1.
    """

    logins: pa.Table
    parts: FloatArray
    scores: FloatArray
    p_values: FloatArray
    is_anomaly: BoolArray
    known_logins: IntArray
    new_values: BoolArray
    failures: IntArray
    last_usual: IntArray
    last_place: IntArray


def score_logins(logins: pa.Table, params: LoginParams | None = None) -> LoginScores:
    """Score every login of a window by its surprise against the person's past.

    Args:
        logins: LOGINS_SCHEMA, any order; `is_scored` marks what arrived on the partition, the rest
            is history. Rows without a person are left out.
        params: settings; None for the defaults.

    Returns:
        The scores of all rows; p-values compare with history only, so that the logins of one
        partition do not hide each other.

    Raises:
        ValueError: a column is missing; event_key, event_ts, succeeded, occurrences or is_scored is
            null; an event_key comes twice.
    """
    params = params or LoginParams()
    required = ("event_key", "event_ts", "succeeded", "occurrences", "is_scored")
    table = sorted_events(logins, LOGINS_SCHEMA, "logins", required)
    n = table.num_rows
    _, person = encode_sorted(table["person_id"])
    succeeded, is_scored = flags(table, "succeeded"), flags(table, "is_scored")
    at = times(table)
    known = counted_before(person, succeeded)

    parts = np.zeros((n, len(FEATURES)))
    new = np.zeros((n, 3), dtype=bool)
    floors = (params.floor_country, params.floor_identifier, params.floor_identifier)
    for i, (name, floor) in enumerate(zip(FEATURES[:3], floors, strict=True)):
        parts[:, i], new[:, i] = value_surprisal(
            table[name], person, succeeded, floor, params.alpha
        )
    parts[:, 3] = hour_surprisal(at, person, succeeded, params.hour_width, params.alpha)
    failed = failed_attempts(table)
    failures = counted_within(person, at, failed, _MICROSECONDS_PER_HOUR)
    parts[:, 4] = _failure_surprisal(failures, person, params)
    parts[:, 5], last_place = travel_surprisal(
        table["country"], person, at, succeeded, params.journey_hours, params.alpha
    )
    parts, scores = added_up(parts)

    wanted = is_scored.copy()
    wanted[np.flatnonzero(~is_scored)[-params.calibration_logins :]] = True
    p_values, _ = ranked_p_values(scores, ~is_scored & succeeded, known, wanted)
    is_anomaly = np.zeros(n, dtype=bool)
    is_anomaly[is_scored] = flagged(
        scores[is_scored],
        p_values[is_scored],
        params.false_discovery_rate,
        params.min_score,
        p_values[is_scored] <= params.max_p_value,
    )
    usual = succeeded & ~new.any(axis=1) & (failures == 0)
    last = last_before(person, usual)
    last = np.where(last >= 0, last, last_before(person, succeeded))
    return LoginScores(
        table, parts, scores, p_values, is_anomaly, known, new, failures, last, last_place
    )


def failed_attempts(logins: pa.Table) -> IntArray:
    """(n,) how many failed attempts each row stands for; 0 for a log-in that succeeded."""
    occurrences = np.asarray(logins["occurrences"].to_numpy(), dtype=np.int64)
    return np.where(flags(logins, "succeeded"), 0, np.clip(occurrences, 1, _MOST_OCCURRENCES))


def explain_login(found: LoginScores, row: int) -> str:
    """Say in one text what made a login surprising.

    Args:
        found: of `score_logins`.
        row: row of found.logins.

    Returns:
        The values, the largest parts first with their meaning, and all parts with their sum, which
        is the score.
    """
    login = {name: found.logins[name][row].as_py() for name in LOGINS_SCHEMA.names}
    order = sorted(range(len(FEATURES)), key=lambda i: (-found.parts[row, i], i))
    named = [i for i in order if found.parts[row, i] >= 1.0][:3]
    reasons = [_describe(found, row, i, login) for i in named] or ["nothing unusual"]
    outcome = "login" if login["succeeded"] else "failed login"
    history = int(found.known_logins[row])
    sums = sum_in_words(found.scores[row], ((FEATURES[i], found.parts[row, i]) for i in order))
    return (
        f"{outcome} at {login['event_ts']:%Y-%m-%d %H:%M} UTC: {'; '.join(reasons)} "
        f"({history} earlier logins known). "
        f"{sums}"
    )


def _describe(found: LoginScores, row: int, feature: int, login: dict[str, Any]) -> str:
    name = FEATURES[feature]
    if name == "failures":
        count = int(found.failures[row])
        return f"{count} failed login{'s' if count != 1 else ''} in the hour before"
    if name == "travel":
        place = int(found.last_place[row])
        hours = (login["event_ts"] - found.logins["event_ts"][place].as_py()).total_seconds() / 3600
        said = f"{login['country']} {hours:.1f} hours after {found.logins['country'][place]}"
        return f"{said}, sooner than others change countries"
    last = int(found.last_usual[row])
    if name == "hour":
        text = f"{login['event_ts']:%A %H}h is an unusual hour"
        if last >= 0:
            text += f" (last usual login: {found.logins['event_ts'][last].as_py():%A %H}h)"
        return text
    text = f"{name} {login[name]} is {'new' if found.new_values[row, feature] else 'rare'}"
    if last >= 0 and found.logins[name][last].as_py() is not None:
        text += f" (last usual login: {found.logins[name][last].as_py()})"
    return text


def _failure_surprisal(failures: IntArray, person: IntArray, params: LoginParams) -> FloatArray:
    """Surprisal of at least so many failures: -ln P(F >= step); no failure is no surprise."""
    n = len(failures)
    surprisal = np.zeros(n)
    step = np.searchsorted(FAILURE_STEPS, failures, side="right")
    every = np.ones(n, dtype=bool)
    past = counted_before(person, every)
    for i, least in enumerate(FAILURE_STEPS):
        rows = step == i + 1
        if not rows.any():
            continue
        reached = failures >= least
        share = (np.cumsum(reached) - reached + 1) / (np.arange(n) + 2)
        backing = np.maximum(share, params.floor_failures)
        own = counted_before(person, reached)
        tail = (own + params.alpha * backing) / (past + params.alpha)
        surprisal[rows] = -np.log(tail[rows])
    return surprisal

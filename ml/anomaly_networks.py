"""How surprising are the failed log-ins that came from one network on a day?

A person's own past does not show who tries many passwords, or many people's, from one place. The
score is a sum of surprisals, in nats, of a network's UTC day: of the number of failed log-ins and
of the people whose they were, against the network's own earlier days, shrunk to those of all.

Here: scores, p-values, flags and texts of networks' days. Not here: the tables of a partition
(anomalies.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.anomaly_events import days_of_groups, flags
from ml.anomaly_flags import added_up, ranked_p_values, sum_in_words
from ml.anomaly_logins import failed_attempts
from ml.causal_counts import counted_before
from ml.count_surprisal import count_surprisal
from ml.interactions import encode_sorted

PARTS: tuple[str, ...] = ("failures", "people")

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NetworkParams:
    """Settings of the scores of networks.

    Attributes:
        pseudo_days: days of all networks that are added to a network's own, for usual numbers.
        family_error_rate: of Bonferroni's bound over a partition's days: a flag takes a score of
            ln(days / rate). A log of a few days has no ranks that would be small enough, and knows
            all the same that 150 failures are not like 3.
        evidence: failed log-ins that are named at most.
    """

    pseudo_days: float = 2.0
    family_error_rate: float = 0.05
    evidence: int = 10


@dataclass(frozen=True)
class NetworkScores:
    """Scores of the days of networks with a failed log-in, in the order (day, network).

    Attributes:
        networks: (m,) whose day.
        days: (m,) days since 1970.
        is_scored: (m,) whether a log-in of the day arrived on the partition.
        counts: (m, 2) failed log-ins, of which a line may tell of several, and people.
        succeeded: (m,) log-ins of the day that succeeded.
        usual: (m, 2) the same counts on a usual day of the network with a failed log-in.
        parts: (m, 2) surprisal of each of PARTS, nats, rounded to 3 decimals.
        scores: (m,) sum of the parts.
        p_values: (m,) share of earlier days, not scored, of networks with a history of like length,
            that are at least as surprising.
        is_anomaly: (m,) flags, only of days that are scored.
        failed_keys: event_keys of the failed log-ins of each day, in order of time.
    """

    networks: list[str]
    days: IntArray
    is_scored: BoolArray
    counts: IntArray
    succeeded: IntArray
    usual: FloatArray
    parts: FloatArray
    scores: FloatArray
    p_values: FloatArray
    is_anomaly: BoolArray
    failed_keys: list[list[str]]


def score_networks(logins: pa.Table, params: NetworkParams | None = None) -> NetworkScores:
    """Score the days of networks by the failed log-ins that came from them.

    Args:
        logins: LOGINS_SCHEMA in the order (event_ts, event_key), as `score_logins` gives them;
            `is_scored` marks what arrived on the partition, and the whole day that it belongs to is
            scored. Rows without a network are left out.
        params: settings; None for the defaults.

    Returns:
        The scores of days with a failed log-in; p-values compare with history only.
    """
    params = params or NetworkParams()
    table = logins.filter(logins["network"].is_valid())
    names, network = encode_sorted(table["network"])
    _, person = encode_sorted(table["person_id"])
    attempts = failed_attempts(table)
    failed = attempts > 0
    days, networks, unit = days_of_groups(table, network)
    people = np.unique(np.column_stack((unit, person))[failed], axis=0)[:, 0]
    lines, tried, succeeded, arrived = (
        np.bincount(one, minlength=len(days))
        for one in (unit[failed], people, unit[~failed], unit[flags(table, "is_scored")])
    )
    failures = np.bincount(unit, weights=attempts, minlength=len(days))
    # Days without a failure would make the first of a day surprising, which it never is.
    told = np.flatnonzero(lines)
    days, networks = days[told], networks[told]
    counts = np.column_stack((failures, tried))[told].astype(np.int64)
    is_scored = arrived[told] > 0

    ones = np.ones(len(told))
    counted = [
        count_surprisal(days, networks, counts[:, i] - 1, ones, params.pseudo_days)
        for i in range(len(PARTS))
    ]
    beyond, stacked = (np.column_stack(one) for one in zip(*counted, strict=True))
    parts, scores = added_up(stacked)
    known = counted_before(networks, ones > 0)
    p_values, _ = ranked_p_values(scores, ~is_scored, known, ones > 0)
    bar = math.log(max(int(is_scored.sum()), 1) / params.family_error_rate)
    order = np.flatnonzero(failed)[np.argsort(unit[failed], kind="stable")]
    failed_keys = table["event_key"].take(order).to_pylist()
    ends = np.cumsum(lines)[told]
    return NetworkScores(
        [names[one] for one in networks],
        days,
        is_scored,
        counts,
        succeeded[told].astype(np.int64),
        beyond + 1,
        parts,
        scores,
        p_values,
        is_scored & (scores >= bar),
        [failed_keys[end - count : end] for end, count in zip(ends, lines[told], strict=True)],
    )


def explain_network(found: NetworkScores, row: int) -> str:
    """Say in one text what came from a network on a day, and how the score adds up."""
    day = np.datetime64(int(found.days[row]), "D")
    (failures, people), usual = found.counts[row], found.usual[row]
    sums = sum_in_words(found.scores[row], zip(PARTS, found.parts[row], strict=True))
    return (
        f"log-ins from {found.networks[row]} on {day}: {failures} failed (usual: {usual[0]:.1f}) "
        f"of {people} people (usual: {usual[1]:.1f}), "
        f"{found.succeeded[row]} succeeded. {sums}"
    )

"""Which sessions are read by a machine: a bot that does not say so, a scraper of the catalogue?

The score is a sum of surprisals, in nats: -ln of the share of the shop's own sessions that view as
fast, at gaps as even, as many different places, or as much without any act such as a search or a
cart addition. Shares are counted: in a shop whose customers read fast nobody is a fast reader.

What announces itself as a machine teaches nothing and is not scored; how it would be is a measure.
The strangest sessions are then taken out of the shop's own, and shares counted again, so that a
scraper that comes every day does not become usual while it is a small part of all.

Here: scores, p-values, flags and texts of sessions. Not here: the tables of a partition
(anomalies.py), and what a session is (dbt).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import special

from ml.anomaly_events import flags, with_columns
from ml.anomaly_flags import added_up, benjamini_hochberg, ranked_p_values, sum_in_words
from ml.count_surprisal import MOST

SESSIONS_SCHEMA = pa.schema(
    [
        ("session_id", pa.string()),
        ("event_key", pa.string()),
        ("person_id", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("device_type", pa.string()),
        ("views", pa.int64()),
        ("places", pa.int64()),
        ("acts", pa.int64()),
        ("gap_low_s", pa.float64()),
        ("gap_s", pa.float64()),
        ("gap_high_s", pa.float64()),
        ("is_bot", pa.bool_()),
        ("view_event_keys", pa.list_(pa.string())),
        ("is_scored", pa.bool_()),
    ]
)
PARTS: tuple[str, ...] = ("speed", "evenness", "breadth", "inaction")
# Gaps are compared among sessions with views of like number: of few gaps three may be even by luck.
VIEW_STEPS = (8, 16)
# What clocks and networks blur, seconds: gaps of 0.01 and of 0.05 s are the same.
_BLUR_S = 0.1
_TAIL_FROM = 0.9
# So often are shares counted: what strange sessions hide shows when they are out.
_ROUNDS = 4

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SessionParams:
    """Settings of the scores of sessions.

    Attributes:
        window_days: days of sessions that are read, a week so that all its days are there.
        history_sessions: so many of the latest of history are compared with, at most.
        min_history: fewer sessions, of all or of like number of views, tell nothing.
        calibration_sessions: so many of the latest of history get a p-value too.
        false_discovery_rate: of Benjamini-Hochberg over a partition's sessions; by rank, and, since
            in a shop of a few hundred sessions no rank is small enough, by the four surprisals as
            Fisher combines them: their sum is gamma(4) if they are independent, and was so in
            simulation (above 12 nats .0023 by it, .002 to .003 of customers' sessions).
        max_usual_score: own sessions beyond it are not compared with, in nats; the rarest one in a
            hundred of customers are there as well, but so are machines that nobody knows of.
        max_shown_p_value: sessions that are more usual have no row: a shop has many, and all but a
            few are alike.
    """

    window_days: int = 7
    history_sessions: int = 50_000
    min_history: int = 50
    calibration_sessions: int = 5000
    false_discovery_rate: float = 0.05
    max_usual_score: float = 8.0
    max_shown_p_value: float = 0.05


@dataclass(frozen=True)
class SessionScores:
    """Scores of sessions, history first, then by (started_at, session_id).

    Attributes:
        sessions: the sorted table, SESSIONS_SCHEMA.
        is_scored: (n,) whether an event arrived on the partition, and it is no known machine's.
        is_bot: (n,) known machines.
        parts: (n, 4) surprisal of each of PARTS, nats, rounded to 3 decimals.
        scores: (n,) sum of the parts.
        p_values: (n,) share of the shop's own sessions, but for those that would be flagged, that
            are at least as surprising, (r + 1) / (m + 1); NaN for known machines and older history.
        is_anomaly: (n,) flags, only of rows that are scored.
        compared_with: number of the shop's own sessions.
    """

    sessions: pa.Table
    is_scored: BoolArray
    is_bot: BoolArray
    parts: FloatArray
    scores: FloatArray
    p_values: FloatArray
    is_anomaly: BoolArray
    compared_with: int


def score_sessions(sessions: pa.Table, params: SessionParams | None = None) -> SessionScores:
    """Score the sessions of a partition by their surprise against the shop's own.

    Args:
        sessions: SESSIONS_SCHEMA, any order; `is_scored` marks those of which an event arrived on
            the partition, the rest is history. An unknown gap is not surprising.
        params: settings; None for the defaults.

    Returns:
        The scores; all parts are 0 and p-values 1 where there is too little history.

    Raises:
        ValueError: a column is missing; a column but person_id, device_type and the gaps is null; a
            session_id comes twice; a scored session has no person.
    """
    params = params or SessionParams()
    table = _sorted(sessions, params)
    is_bot, arrived = flags(table, "is_bot"), flags(table, "is_scored")
    is_scored = arrived & ~is_bot
    if table.filter(pa.array(is_scored))["person_id"].null_count:
        raise ValueError("sessions: one that is to be scored has no person_id")
    own = ~arrived & ~is_bot
    usual = own
    for _ in range(_ROUNDS):
        parts, scores = added_up(_parts(table, usual, params))
        rest = own & (scores < params.max_usual_score)
        if rest.sum() < params.min_history:
            break
        usual = rest
    combined = special.gammaincc(len(PARTS), scores)
    pool = own.copy()
    pool[own] = ~benjamini_hochberg(combined[own], params.false_discovery_rate)

    wanted = is_scored.copy()
    wanted[np.flatnonzero(~arrived & ~is_bot)[-params.calibration_sessions :]] = True
    p_values, _ = ranked_p_values(scores, pool, np.zeros(len(scores), dtype=np.int64), wanted)
    is_anomaly = np.zeros(len(scores), dtype=bool)
    is_anomaly[is_scored] = np.logical_or(
        *(
            benjamini_hochberg(one[is_scored], params.false_discovery_rate)
            for one in (p_values, combined)
        )
    )
    return SessionScores(
        table, is_scored, is_bot, parts, scores, p_values, is_anomaly, int(usual.sum())
    )


def explain_session(found: SessionScores, row: int) -> str:
    """Say in one text how a session was read, how few are like it, and how the score adds up."""
    session = {
        name: found.sessions[name][row].as_py()
        for name in SESSIONS_SCHEMA.names
        if name != "view_event_keys"
    }
    said = {
        "speed": f"half of its views {_seconds(session['gap_s'])} or less after the one before",
        "evenness": f"half of the gaps between {_seconds(session['gap_low_s'])} and "
        f"{_seconds(session['gap_high_s'])}",
        "breadth": f"{session['places']} different places",
        "inaction": "no search, cart or other act",
    }
    order = sorted(range(len(PARTS)), key=lambda i: (-found.parts[row, i], i))
    reasons = [
        f"{said[PARTS[i]]} (as {_percent(found.parts[row, i])} of like sessions)"
        for i in order
        if found.parts[row, i] >= 1.0
    ] or ["nothing unusual"]
    sums = sum_in_words(found.scores[row], ((PARTS[i], found.parts[row, i]) for i in order))
    device = f" by {session['device_type']}" if session["device_type"] else ""
    return (
        f"session {session['session_id']} of {session['views']} views{device} from "
        f"{session['started_at']:%Y-%m-%d %H:%M} UTC: {'; '.join(reasons)} "
        f"(compared with {found.compared_with} sessions). {sums}"
    )


def _sorted(sessions: pa.Table, params: SessionParams) -> pa.Table:
    table = with_columns(sessions, SESSIONS_SCHEMA, "sessions")
    may_be_null = {"person_id", "device_type", "gap_low_s", "gap_s", "gap_high_s"}
    for name in SESSIONS_SCHEMA.names:
        if name not in may_be_null and table[name].null_count:
            raise ValueError(f"sessions: {table[name].null_count} rows have no {name}")
    if len(table["session_id"].unique()) != table.num_rows:
        raise ValueError("sessions: a session_id comes twice; hand over distinct sessions")
    keys = ("is_scored", "started_at", "session_id")
    table = table.sort_by([(name, "ascending") for name in keys]).combine_chunks()
    history = table.num_rows - int(flags(table, "is_scored").sum())
    return table.slice(max(0, history - params.history_sessions))


def _parts(table: pa.Table, own: BoolArray, params: SessionParams) -> FloatArray:
    """(n, 4) surprisals against the own sessions; a row of these counts itself among them."""
    views, places, acts = (
        np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("views", "places", "acts")
    )
    low, middle, high = (
        np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64) + _BLUR_S
        for name in ("gap_low_s", "gap_s", "gap_high_s")
    )
    parts = np.zeros((len(views), len(PARTS)))
    if own.sum() < params.min_history:
        return parts
    like = _like(views, own, params.min_history)
    everybody = np.zeros(len(views), dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        evenness = np.log(low / high)
    parts[:, 0] = _rarity(-np.log(middle), like, own)
    parts[:, 1] = _rarity(evenness, like, own)
    parts[:, 2] = _rarity(places.astype(np.float64), everybody, own)
    parts[:, 3] = np.where(acts > 0, 0.0, _inaction(views, acts, own, params.min_history))
    return parts


def _like(views: IntArray, own: BoolArray, least: int) -> IntArray:
    """Class of a number of views; one with few own sessions is part of the class below."""
    like = np.searchsorted(VIEW_STEPS, views, side="right").astype(np.int64)
    for step in range(len(VIEW_STEPS), 0, -1):
        if np.count_nonzero(own & (like == step)) < least:
            like[like >= step] = step - 1
    return like


def _rarity(values: FloatArray, like: IntArray, own: BoolArray) -> FloatArray:
    """-ln of the share of own sessions of its class with at least the value; 0 if it is unknown.

    The share is counted, but for the highest tenth, beyond which few or none are left to count: it
    falls there exponentially, by the mean excess of that tenth.

    Source: Pickands (1975), Statistical inference using extreme order statistics.
    """
    found = np.zeros(len(values))
    known = np.isfinite(values)
    for one in np.unique(like):
        rows = np.flatnonzero(known & (like == one))
        ranked = np.sort(values[rows[own[rows]]])
        above = len(ranked) - np.searchsorted(ranked, values[rows], side="left")
        other = (~own[rows]).astype(np.int64)
        found[rows] = -np.log((above + other) / (len(ranked) + other))
        start = ranked[int(_TAIL_FROM * len(ranked))] if len(ranked) else np.inf
        tail = ranked[ranked > start] - start
        if len(tail):
            beyond = rows[values[rows] > start]
            steps = (values[beyond] - start) / tail.mean()
            found[beyond] = steps - np.log(len(tail) / len(ranked))
    return np.minimum(found, MOST)


def _inaction(views: IntArray, acts: IntArray, own: BoolArray, least: int) -> FloatArray:
    """-ln of the share without an act of own sessions with at least as many views.

    Beyond the longest `least` sessions all are compared with these.
    """
    longest = np.sort(views[own])
    at_least = np.minimum(views, longest[-least])
    size = len(longest) - np.searchsorted(longest, at_least, side="left")
    idle = np.sort(views[own & (acts == 0)])
    above = len(idle) - np.searchsorted(idle, at_least, side="left")
    other = (~own).astype(np.int64)
    return np.asarray(-np.log(np.maximum(above + other, 1) / (size + other)))


def _seconds(value: float | None) -> str:
    return "an unknown time" if value is None else f"{value:,.1f} s"


def _percent(surprisal: float) -> str:
    return f"{100 * np.exp(-surprisal):.2g} %"

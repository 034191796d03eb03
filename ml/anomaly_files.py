"""How surprising is what a person did with files on a day, against the person's own past?

The score is a sum of surprisals, in nats, of a person's UTC day: of the places that were reached
(less than that of the same places for anybody), the number of accesses, of downloads and of
refusals, the hours and the devices. Of places, hours and devices only what was granted teaches.
Numbers of accesses and places use only days before the tested one; hours and devices rows before.

Here: scores, p-values, flags and texts of days. Not here: the places that people who work alike
use (peer_places.py), the tables of a partition (anomalies.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.anomaly_events import days_of_groups, flags, sorted_events, times
from ml.anomaly_flags import added_up, flagged, ranked_p_values, sum_in_words
from ml.causal_counts import counted_before
from ml.count_surprisal import count_surprisal
from ml.file_day_surprisal import device_surprisal, sum_over_hours, sum_over_places
from ml.interactions import encode_sorted
from ml.peer_places import excess_surprisal
from ml.surprisal import hour_surprisal

FILE_ACCESSES_SCHEMA = pa.schema(
    [
        ("event_key", pa.string()),
        ("person_id", pa.string()),
        ("event_ts", pa.timestamp("us")),
        ("is_download", pa.bool_()),
        ("is_denied", pa.bool_()),
        ("place", pa.string()),
        ("device", pa.string()),
        ("is_scored", pa.bool_()),
    ]
)
PARTS: tuple[str, ...] = ("places", "accesses", "downloads", "refusals", "hour", "device")
_COUNTED = {"accesses": 1, "downloads": 2, "refusals": 3}
# Places that differ by less are alike.
_EXCESS_DECIMALS = 3

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FileParams:
    """Settings of the scores of file access.

    Attributes:
        alpha: pseudo-accesses of everybody that are added to a person's own, for the hour.
        hour_width: standard deviation of the kernel around an earlier access, in hours.
        pseudo_days: days of everybody that are added to a person's own, for usual numbers.
        pseudo_accesses: accesses of everybody that are added to a person's own, for usual shares.
        calibration_days: so many of the last days before the scored ones are what these are ranked
            among.
        false_discovery_rate: of Benjamini-Hochberg over a partition's days, the first way to a
            flag.
        min_score: the second way, in nats.
        max_share: of the second way: earlier days at least as surprising. A p-value is never
            small in a history of some days.
        evidence: accesses that are named at most.
    """

    alpha: float = 1.0
    hour_width: float = 1.5
    pseudo_days: float = 2.0
    pseudo_accesses: float = 20.0
    calibration_days: int = 42
    false_discovery_rate: float = 0.05
    min_score: float = 10.0
    max_share: float = 0.02
    evidence: int = 10


@dataclass(frozen=True)
class FileScores:
    """Scores of persons' days, in the order (day, person).

    Attributes:
        accesses: the accesses, FILE_ACCESSES_SCHEMA, in the order (event_ts, event_key).
        of_day: accesses of each of the m days, rows of the table above.
        excess: (n,) how much more surprising its place is for the person than for anybody, nats.
        person_ids: (m,) whose day.
        days: (m,) days since 1970.
        is_scored: (m,) whether an access of the day arrived on the partition.
        counts: (m, 3) accesses, downloads and refusals.
        usual: (m, 3) accesses of a usual day of the person; of as many accesses as there were, the
            usual downloads and refusals.
        parts: (m, 6) surprisal of each of PARTS, nats, rounded to 3 decimals.
        scores: (m,) sum of the parts.
        known_days: (m,) earlier days of the person.
        p_values: (m,) share of earlier days, not scored, of persons with a history of like length,
            that are at least as surprising; NaN for older history.
        is_anomaly: (m,) flags, only of days that are scored.
    """

    accesses: pa.Table
    of_day: list[IntArray]
    excess: FloatArray
    person_ids: list[str]
    days: IntArray
    is_scored: BoolArray
    counts: IntArray
    usual: FloatArray
    parts: FloatArray
    scores: FloatArray
    known_days: IntArray
    p_values: FloatArray
    is_anomaly: BoolArray


def score_file_access(accesses: pa.Table, params: FileParams | None = None) -> FileScores:
    """Score the days on which persons used files, by their surprise.

    Args:
        accesses: FILE_ACCESSES_SCHEMA, any order; `is_scored` marks what arrived on the partition,
            and the whole day that it belongs to is scored. Rows without a person are left out.
        params: settings; None for the defaults.

    Returns:
        The scores of all days; p-values compare with history only, so that the days of one
        partition do not hide each other.

    Raises:
        ValueError: a column is missing; a column other than person, place and device is null
            somewhere; an event_key comes twice.
    """
    params = params or FileParams()
    required = ("event_key", "event_ts", "is_download", "is_denied", "is_scored")
    table = sorted_events(accesses, FILE_ACCESSES_SCHEMA, "file accesses", required)
    names, person = encode_sorted(table["person_id"])
    granted = ~flags(table, "is_denied")
    days, persons, unit = days_of_groups(table, person)
    m = len(days)
    is_scored = np.bincount(unit, weights=flags(table, "is_scored"), minlength=m) > 0
    known_days = counted_before(persons, np.ones(m, dtype=bool))
    wanted = _wanted(days, is_scored, params.calibration_days)

    excess = excess_surprisal(days[unit], person, table["place"], granted, wanted[unit])
    counts = np.column_stack(
        [
            np.bincount(unit, weights=marks, minlength=m)
            for marks in (np.ones(len(unit)), flags(table, "is_download"), ~granted)
        ]
    ).astype(np.int64)
    # Of downloads and refusals the share of accesses counts, so that a busy day counts once.
    bases = ((np.ones(m), params.pseudo_days), *[(counts[:, 0], params.pseudo_accesses)] * 2)
    counted = [
        count_surprisal(days, persons, counts[:, i], base.astype(np.float64), pseudo)
        for i, (base, pseudo) in enumerate(bases)
    ]
    usual, of_counts = (np.column_stack(one) for one in zip(*counted, strict=True))
    hours = hour_surprisal(times(table), person, granted, params.hour_width, params.alpha)
    stacked = np.column_stack(
        [
            sum_over_places(unit, table["place"], excess, m),
            of_counts,
            sum_over_hours(unit, times(table), hours, m),
            device_surprisal(days, persons, unit, table["device"], granted),
        ]
    )
    parts, scores = added_up(stacked)
    p_values, shares = ranked_p_values(scores, ~is_scored & wanted, known_days, wanted)
    is_anomaly = np.zeros(m, dtype=bool)
    is_anomaly[is_scored] = flagged(
        scores[is_scored],
        p_values[is_scored],
        params.false_discovery_rate,
        params.min_score,
        shares[is_scored] <= params.max_share,
    )
    return FileScores(
        table,
        np.split(np.argsort(unit, kind="stable"), np.cumsum(np.bincount(unit, minlength=m))[:-1]),
        excess,
        [names[one] for one in persons],
        days,
        is_scored,
        counts,
        usual,
        parts,
        scores,
        known_days,
        p_values,
        is_anomaly,
    )


def explain_files(found: FileScores, row: int) -> str:
    """Say in one text what made a day of file access surprising.

    Args:
        found: of `score_file_access`.
        row: a day.

    Returns:
        What was counted, the largest parts first with their meaning, and all parts with their sum,
        which is the score.
    """
    order = sorted(range(len(PARTS)), key=lambda i: (-found.parts[row, i], i))
    named = [i for i in order if found.parts[row, i] >= 1.0][:3]
    reasons = [_describe(found, row, PARTS[i]) for i in named] or ["nothing unusual"]
    day = np.datetime64(int(found.days[row]), "D")
    sums = sum_in_words(found.scores[row], ((PARTS[i], found.parts[row, i]) for i in order))
    return (
        f"files on {day}: {'; '.join(reasons)} ({found.known_days[row]} earlier days known). {sums}"
    )


def evidence(found: FileScores, row: int, most: int) -> list[str]:
    """Accesses that show it: strange places first, then what was refused or taken, then the first.

    Args:
        found: of `score_file_access`.
        row: a day.
        most: accesses named at most.

    Returns:
        event_keys, one at least.
    """
    rows = found.of_day[row]
    of_day = found.accesses.take(rows)
    kind = flags(of_day, "is_denied") | flags(of_day, "is_download")
    ranked = np.lexsort((rows, ~kind, -np.round(found.excess[rows], _EXCESS_DECIMALS)))[:most]
    keys: list[str] = of_day["event_key"].take(ranked).to_pylist()
    return keys


def _describe(found: FileScores, row: int, part: str) -> str:
    if part in _COUNTED:
        i = _COUNTED[part] - 1
        of = "day" if part == "accesses" else f"of {found.counts[row, 0]} accesses"
        return f"{found.counts[row, i]} {part} (usual {of}: {found.usual[row, i]:.1f})"
    rows = found.of_day[row]
    of_day = found.accesses.take(rows)
    if part == "hour":
        first, last = of_day["event_ts"][0].as_py(), of_day["event_ts"][len(rows) - 1].as_py()
        return f"at unusual hours ({first:%A %H:%M} to {last:%H:%M} UTC)"
    if part == "device":
        used = sorted(set(of_day["device"].drop_null().to_pylist()))
        return f"from an unusual device ({_some(used)})"
    ranked = rows[np.argsort(-found.excess[rows], kind="stable")]
    strange = ranked[found.excess[ranked] > 0]
    places = list(dict.fromkeys(found.accesses["place"].take(strange).to_pylist()))
    return f"in places that the person and people who work alike use little ({_some(places)})"


def _some(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _wanted(days: IntArray, is_scored: BoolArray, calibration_days: int) -> BoolArray:
    """Days that are scored, and the last ones of history, which these are ranked among."""
    history = np.unique(days[~is_scored])[-calibration_days:]
    return np.asarray(is_scored | (np.isin(days, history)), dtype=bool)

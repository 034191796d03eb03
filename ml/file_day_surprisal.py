"""What is surprising in a person's day of file access: devices, places and hours.

Every number uses only what was before the day, or before the access. Here: one part at a time. Not
here: counts (count_surprisal.py), places that people who work alike use (peer_places.py), what the
parts add up to (anomaly_files.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.causal_counts import counted_before, sums_before
from ml.interactions import encode_sorted

_MICROSECONDS_PER_HOUR = 3_600_000_000

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def device_surprisal(
    days: IntArray, persons: IntArray, unit: IntArray, device: Any, granted: BoolArray
) -> FloatArray:
    """Surprisal of a day with a device that is new to the person: how rare such days have been.

    One that exactly one other person has used is told from one that nobody or several have.

    Args:
        days: (m,) days since 1970, ascending; a row is a person's day.
        persons: (m,) code of the person.
        unit: (n,) row of the day that each access belongs to.
        device: (n,) text; null is neither new nor known.
        granted: (n,) whether the access counts for later ones.

    Returns:
        (m,) nats.
    """
    given = device.is_valid().to_numpy(zero_copy_only=False).astype(bool)
    names, code = encode_sorted(device.fill_null(""))
    teaches = granted & given
    pair = persons[unit] * len(names) + code
    is_first = teaches & (counted_before(pair, teaches) == 0)
    users = np.minimum(counted_before(code, is_first), 2)
    own = np.bincount(unit, weights=teaches, minlength=len(days)) > 0
    has_past = counted_before(persons, own) > 0
    before = np.searchsorted(days, days, side="left")
    of = sums_before(has_past)[before] + 1
    is_new = given & (counted_before(pair, teaches) == 0)
    surprisal = np.zeros(len(days))
    for kind in range(3):
        of_kind = is_new & (users == kind)
        happened, usual = (
            has_past & (np.bincount(unit, weights=marks, minlength=len(days)) > 0)
            for marks in (of_kind, of_kind & granted)
        )
        rare = -np.log((sums_before(usual)[before] + 1) / of)
        surprisal = np.maximum(surprisal, np.where(happened, rare, 0.0))
    return surprisal


def sum_over_places(unit: IntArray, place: Any, excess: FloatArray, m: int) -> FloatArray:
    """Sum over the accesses of a day; the n-th to one place adds its 1/n.

    Args:
        unit: (n,) row of the day that each access belongs to.
        place: (n,) text.
        excess: (n,) nats.
        m: days.

    Returns:
        (m,) nats.
    """
    names, code = encode_sorted(place.fill_null(""))
    nth = counted_before(unit * len(names) + code, np.ones(len(unit), dtype=bool)) + 1
    return np.bincount(unit, weights=excess / nth, minlength=m).astype(np.float64)


def sum_over_hours(unit: IntArray, times: IntArray, value: FloatArray, m: int) -> FloatArray:
    """Sum over the clock hours of a day, from the most surprising on; the n-th adds its 1/n.

    Args:
        unit: (n,) row of the day that each access belongs to.
        times: (n,) microseconds since 1970, UTC.
        value: (n,) nats; the highest of an hour counts.
        m: days.

    Returns:
        (m,) nats.
    """
    hour = times // _MICROSECONDS_PER_HOUR
    keys, place = np.unique(unit * 24 + hour % 24, return_inverse=True)
    highest = np.zeros(len(keys))
    np.maximum.at(highest, place, value)
    of = keys // 24
    order = np.lexsort((-highest, of))
    nth = np.arange(len(keys)) - np.searchsorted(of, of, side="left") + 1
    return np.bincount(of, weights=highest[order] / nth, minlength=m).astype(np.float64)

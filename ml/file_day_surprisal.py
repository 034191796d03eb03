"""What is surprising in a person's day of file access: counts, devices, places and hours.

Every number uses only what was before the day, or before the access. Here: one part at a time. Not
here: places that people who work alike use (peer_places.py), what the parts add up to
(anomaly_files.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.causal_counts import counted_before
from ml.interactions import encode_sorted

_MICROSECONDS_PER_HOUR = 3_600_000_000

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def count_surprisal(
    days: IntArray,
    persons: IntArray,
    counts: IntArray,
    pseudo: tuple[float, float],
    most: float,
) -> tuple[FloatArray, FloatArray]:
    """Usual counts, and the surprisal of at least so many: -ln 2 P(N >= n), not below 0.

    N is negative binomial: its mean is the person's own of earlier days, shrunk to everybody's, for
    accesses a day, for the others an access, so that a busy day counts once; its dispersion is
    everybody's, by moments (Hilbe, 2011, Negative Binomial Regression).

    Args:
        days: (m,) days since 1970, ascending; a row is a person's day.
        persons: (m,) code of the person.
        counts: (m, 3) accesses, downloads and refusals.
        pseudo: days, and accesses, of everybody that are added to a person's own.
        most: nats; beyond it a tail says nothing more.

    Returns:
        (m, 3) usual counts: accesses of a day, downloads and refusals of as many accesses as there
        were; (m, 3) nats.
    """
    order = np.argsort(persons, kind="stable")
    first = np.searchsorted(persons[order], persons[order], side="left")
    before = np.searchsorted(days, days, side="left")
    one = np.ones(len(days))
    usual, surprisal = np.zeros(counts.shape), np.zeros(counts.shape)
    for i, (base, added) in enumerate(((one, pseudo[0]), *[(counts[:, 0], pseudo[1])] * 2)):
        count = counts[:, i]
        # Half an event of nobody's keeps what was never done from being infinitely strange.
        rate = (_sums(count)[before] + 0.5) / (_sums(base)[before] + 1)
        own, of = (np.empty(len(days)) for _ in range(2))
        for sums, values in ((own, count), (of, base)):
            total = _sums(values[order])
            sums[order] = total[:-1] - total[first]
        usual[:, i] = base * (own + added * rate) / (of + added)
        surprisal[:, i] = _tail_surprisal(count, usual[:, i], before, most)
    return usual, surprisal


def _tail_surprisal(
    count: IntArray, usual: FloatArray, before: IntArray, most: float
) -> FloatArray:
    # What is far off, as attacks are, must not widen what is usual.
    error = np.minimum((count - usual) ** 2, 25 * (usual + usual**2 + 0.2))
    spread = _sums(error - usual)[before] / np.maximum(_sums(usual**2)[before], 1e-9)
    shape = 1 / np.clip(spread, 0.1, 10.0)
    tail = np.ones(len(count))
    some = count > 0
    share = usual[some] / (usual[some] + shape[some])
    tail[some] = special.betainc(count[some], shape[some], share)
    return np.maximum(-np.log(np.maximum(2 * tail, math.exp(-most))), 0.0)


def _sums(values: npt.NDArray[Any]) -> FloatArray:
    """Sums of all values before each place, and of all."""
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))


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
    of = _sums(has_past)[before] + 1
    is_new = given & (counted_before(pair, teaches) == 0)
    surprisal = np.zeros(len(days))
    for kind in range(3):
        of_kind = is_new & (users == kind)
        happened, usual = (
            has_past & (np.bincount(unit, weights=marks, minlength=len(days)) > 0)
            for marks in (of_kind, of_kind & granted)
        )
        rare = -np.log((_sums(usual)[before] + 1) / of)
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

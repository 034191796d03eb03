"""How surprising is a value, against the past of the person and of everybody?

A surprisal is -ln P(value | what came before), in nats; a person's counts are smoothed towards
those of everybody (add-alpha). Every number uses only rows before the tested one. Here: values and
hours of the week, for log-ins and accesses to files. Not here: what they add up to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.causal_counts import counted_before, density_before, distinct_before
from ml.interactions import encode_sorted

HOURS = 168
# 1970-01-01 was a Thursday: hour 0 of the week is Monday 00:00 UTC.
_EPOCH_HOUR = 72
_MICROSECONDS_PER_HOUR = 3_600_000_000

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def value_surprisal(
    column: Any, person: IntArray, is_usual: BoolArray, floor: float, alpha: float
) -> tuple[FloatArray, BoolArray]:
    """Surprisal of a value, and whether it is new to a person who has a past.

    A value that is not known (null) is neither surprising nor new.

    Args:
        column: (n,) text, in row order.
        person: (n,) whose row it is.
        is_usual: (n,) whether the row teaches later ones.
        floor: least probability that everybody's counts give to a value.
        alpha: pseudo-rows of everybody that are added to a person's own.

    Returns:
        (n,) nats; (n,) whether it is new.
    """
    given = column.is_valid().to_numpy(zero_copy_only=False).astype(bool)
    values, code = encode_sorted(column.fill_null(""))
    teaches = is_usual & given
    own = counted_before(person * len(values) + code, teaches)
    past = counted_before(person, teaches)
    # Everybody: add one, and one class more for what nobody had.
    everybody = np.cumsum(teaches) - teaches
    share = (counted_before(code, teaches) + 1) / (everybody + distinct_before(code, teaches) + 1)
    backing = np.maximum(share, floor)
    surprisal = -np.log((own + alpha * backing) / (past + alpha))
    return np.where(given, surprisal, 0.0), given & (own == 0) & (past > 0)


def hour_surprisal(
    times: IntArray, person: IntArray, is_usual: BoolArray, width: float, alpha: float
) -> FloatArray:
    """Surprisal of the hour of the week against a circular kernel density, relative to uniform.

    Half of a kernel's mass stays on its own day of the week, half is spread over all seven days, so
    that few rows already show the usual hours. Uniform is 0: a density has no natural zero, and a
    row at a quite usual hour should not add to the score; below uniform it is cut off at 0.

    Args:
        times: (n,) microseconds since 1970, UTC.
        person: (n,) whose row it is.
        is_usual: (n,) whether the row teaches later ones.
        width: standard deviation of the kernel around an earlier row, in hours.
        alpha: pseudo-rows of everybody that are added to a person's own.

    Returns:
        (n,) nats.
    """
    bins = (times // _MICROSECONDS_PER_HOUR + _EPOCH_HOUR) % HOURS
    kernel = hour_kernel(width)
    everybody: IntArray = np.cumsum(is_usual) - is_usual
    all_one = np.zeros(len(times), dtype=np.int64)
    total = density_before(all_one, bins, is_usual, kernel)
    # Everybody's hours, with one pseudo-row at any hour.
    backing = (total + 1.0 / HOURS) / (everybody + 1.0)
    own = density_before(person, bins, is_usual, kernel)
    density = (own + alpha * backing) / (counted_before(person, is_usual) + alpha)
    return np.asarray(np.maximum(-np.log(density * HOURS), 0.0))


def hour_kernel(width: float) -> FloatArray:
    """Circular Gaussian kernel over the hours of a week, (168, 168), columns add up to 1."""
    gap = np.arange(HOURS)
    week = np.exp(-0.5 * (np.minimum(gap, HOURS - gap) / width) ** 2)
    day = np.exp(-0.5 * (np.minimum(gap % 24, 24 - gap % 24) / width) ** 2)
    row = 0.5 * week / week.sum() + 0.5 * day / day.sum()
    return np.asarray(row[(gap[:, None] - gap[None, :]) % HOURS])

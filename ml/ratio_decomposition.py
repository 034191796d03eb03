"""What a change of a ratio comes of: shares of its denominator that moved, or ratios within values.

A ratio N / D over the values of a dimension is the sum of w r, w = a value's share of D and r its
own ratio. Its change is split into what the shares did (mix) and what the ratios did (rate), each
weighed by the mean of before and after, so that neither comes first and nothing is left over.

Source: Kitagawa (1955), Components of a difference between two rates, Journal of the American
Statistical Association 50(272); with two factors it is their Shapley value (Shorrocks, 2013,
Decomposition procedures for distributional analysis, Journal of Economic Inequality 11).

Here: the decomposition. Not here: what is expected of a day, and which part is named
(anomaly_ratios.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RatioChange:
    """The parts of a change of a ratio; all of `mix` and `rate` add up to after - before.

    Attributes:
        before: the ratio of all.
        after: the same.
        mix: (k,) what the change of a value's share of the denominator did.
        rate: (k,) what the change of the ratio within a value did.
        shares: (k, 2) of the denominator, before and after; each column adds up to 1.
        ratios: (k, 2) within values; 0 where a value has no denominator on either side.
    """

    before: float
    after: float
    mix: FloatArray
    rate: FloatArray
    shares: FloatArray
    ratios: FloatArray


def decompose_ratio(numerators: FloatArray, denominators: FloatArray) -> RatioChange:
    """Split the change of a ratio into mix and rate, by values of a dimension.

    A share is gained from other values, so what a value's share did is counted against the ratio of
    all (mean of before and after): a value like the others has no mix effect, however it grew. The
    sum over values is the same without that. A value without a denominator on one side has the
    ratio of the other side there, so that it came or went by its share alone; a numerator without
    any denominator counts as rate.

    Args:
        numerators: (k, 2) of each value, before and after.
        denominators: (k, 2) of each value, >= 0.

    Returns:
        The parts, in the order of the values.

    Raises:
        ValueError: shapes differ, a number is not finite, a denominator is negative, or those of a
            side are all 0.
    """
    if numerators.shape != denominators.shape or numerators.ndim != 2 or numerators.shape[1] != 2:
        raise ValueError(f"not (k, 2) both: {numerators.shape} and {denominators.shape}")
    if not (np.isfinite(numerators).all() and np.isfinite(denominators).all()):
        raise ValueError("numerators and denominators must be finite")
    if (denominators < 0).any():
        raise ValueError("a denominator is negative")
    whole = denominators.sum(axis=0)
    if (whole <= 0).any():
        raise ValueError("the denominators of one side are all 0")
    shares = denominators / whole
    known = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros_like(shares), where=known)
    ratios = np.where(known, ratios, ratios[:, ::-1])
    before, after = (numerators.sum(axis=0) / whole).tolist()
    stray = np.where(known, 0.0, numerators) / whole
    mix = (shares[:, 1] - shares[:, 0]) * (ratios.mean(axis=1) - (before + after) / 2)
    rate = shares.mean(axis=1) * (ratios[:, 1] - ratios[:, 0]) + stray[:, 1] - stray[:, 0]
    return RatioChange(before, after, mix, rate, shares, ratios)


def against_others(numerators: FloatArray, denominators: FloatArray, i: int) -> RatioChange:
    """The same with all values but one taken for a single one: rows 0, the value, and 1, the rest.

    The sum of its mix is what the share of the value did: its change times the difference between
    its ratio and that of all others, means of before and after. Where the others kept their
    proportions that is the whole mix effect: what a value gains it takes from them, and their loss
    is no cause of its own.

    Args:
        numerators: (k, 2) as in `decompose_ratio`, k > 1.
        denominators: (k, 2).
        i: which value.

    Raises:
        ValueError: see `decompose_ratio`.
    """
    above, below = (
        np.vstack([one[i], np.delete(one, i, axis=0).sum(axis=0)])
        for one in (numerators, denominators)
    )
    return decompose_ratio(above, below)

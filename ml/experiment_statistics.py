"""Statistics of controlled experiments, from sums over units; arrays in, arrays out.

Here: ratios of sums and their variance (delta method), CUPED, the difference and the relative lift
of a variant with their intervals (Fieller), p-values at a fixed size and at any time, Holm's
correction, the test for sample-ratio mismatch. Everything works on the last axes alone, so that
one experiment and a thousand simulated ones are the same call. Not here: which experiments,
metrics and segments there are (experiments.py), how many units are needed (experiment_power.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

# Below this many units' worth of data the normal approximation is not to be trusted: no interval
# and no p-value then, and no adjustment by what was before.
MIN_EFFECTIVE_UNITS = 20.0
# Less of a variance than this share of its terms is what rounding leaves where nothing varies.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Moments:
    """Sums over the units of a variant: all that the statistics need of them.

    Four numbers a unit: numerator and denominator of the metric after the exposure, and both
    before it.

    Attributes:
        units: (...) number of units.
        sums: (..., 4) sums of the four numbers.
        products: (..., 4, 4) sums of their products, symmetric.
    """

    units: Floats
    sums: Floats
    products: Floats

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Add up units.

        Args:
            values: (..., n, 4), a row a unit.
        """
        units = np.full(values.shape[:-2], float(values.shape[-2]))
        return cls(units, values.sum(axis=-2), np.swapaxes(values, -1, -2) @ values)

    def effective_units(self, column: int) -> Floats:
        """How many equal units would say as much: (Σx)² / Σx², Kish (1965), § 11.7.

        For a yes or no it is the number of yes, for one sum that is much larger than all others
        about one.
        """
        squares = self.products[..., column, column]
        return _divide(self.sums[..., column] ** 2, squares, at_zero=0.0)


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums after the exposure and before it, with the covariance of the two.

    Attributes:
        after, before: (...) the ratios; NaN and 0 where the denominator is 0.
        variance: (..., 2, 2) of (after, before), of the ratios themselves, not of a unit.
    """

    after: Floats
    before: Floats
    variance: Floats


def ratio_of_sums(moments: Moments) -> Ratio:
    """Σ numerator / Σ denominator over units, which are independent as events are not.

    Source: delta method, Deng, Knoblich, Lu (2018), "Applying the Delta Method in Metric
    Analytics", eq. 4; for a denominator of 1 a unit it is the mean and its usual variance.

    Args:
        moments: (...) of a variant.
    """
    units = moments.units[..., None]
    means = _divide(moments.sums, units, at_zero=np.nan)
    after = _divide(means[..., 0], means[..., 1], at_zero=np.nan)
    before = _divide(means[..., 2], means[..., 3], at_zero=0.0)
    gradient = np.zeros((*means.shape[:-1], 2, 4))
    gradient[..., 0, 0] = _divide(np.ones_like(after), means[..., 1], at_zero=np.nan)
    gradient[..., 0, 1] = -after * gradient[..., 0, 0]
    gradient[..., 1, 2] = _divide(np.ones_like(before), means[..., 3], at_zero=0.0)
    gradient[..., 1, 3] = -before * gradient[..., 1, 2]
    # Around the ratio the linearised values have mean 0, so products need no centring; and what
    # rounding leaves where nothing varies is told from a variance by the size of the terms.
    second = _divide(moments.products, units[..., None], at_zero=np.nan)
    raw = gradient @ second @ np.swapaxes(gradient, -1, -2)
    terms = np.abs(gradient) @ np.abs(second) @ np.swapaxes(np.abs(gradient), -1, -2)
    raw = np.where(np.abs(raw) > _ROUNDING * terms, raw, 0.0)
    return Ratio(after, before, raw * _divide(np.ones_like(units), units - 1, np.nan)[..., None])


@dataclass(frozen=True)
class Comparison:
    """A variant against the control; every attribute is (...).

    NaN where there is too little data for it.

    Attributes:
        mean, control_mean: the metric of each, as observed.
        difference: variant less control, adjusted by what was before, in the metric's unit.
        standard_error: of the difference.
        lift: difference / control_mean; needs a control mean above 0.
        lift_low, lift_high: interval of the lift, at the size that was planned.
        p_value: two-sided, of no difference, at the size that was planned.
        sequential_low, sequential_high: interval of the lift that holds at all times at once.
        p_value_sequential: two-sided, valid whenever one looks.
        is_adjusted: whether CUPED was applied.
        variance_reduction: share of the variance that CUPED took away, 0 to 1.
    """

    mean: Floats
    control_mean: Floats
    difference: Floats
    standard_error: Floats
    lift: Floats
    lift_low: Floats
    lift_high: Floats
    p_value: Floats
    sequential_low: Floats
    sequential_high: Floats
    p_value_sequential: Floats
    is_adjusted: npt.NDArray[np.bool_]
    variance_reduction: Floats


def compare(
    variant: Moments,
    control: Moments,
    *,
    alpha: float = 0.05,
    tuning_units: Floats | float = 5000.0,
) -> Comparison:
    """Compare a variant with the control.

    CUPED: the same ratio before the exposure, which the variant cannot have changed, is taken out
    with the coefficient that leaves the least variance (Deng, Xu, Kohavi, Walker 2013, § 3.2).

    Args:
        variant: (...) of the variant, or of several.
        control: (...) of the control, the same or one for all.
        alpha: share of false alarms, 0 to 1; the intervals cover 1 − alpha.
        tuning_units: number of units of both at which the sequential interval is narrowest, one
            or (...).

    Raises:
        ValueError: alpha is not between 0 and 1, or tuning_units not above 0.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, not between 0 and 1")
    if not np.all(np.greater(tuning_units, 0)):
        raise ValueError(f"tuning_units is {tuning_units}, not above 0")
    ours, theirs = ratio_of_sums(variant), ratio_of_sums(control)
    both = ours.variance + theirs.variance
    is_adjusted = _enough(variant, (2, 3)) & _enough(control, (2, 3)) & (both[..., 1, 1] > 0)
    theta = np.where(is_adjusted, _divide(both[..., 0, 1], both[..., 1, 1], at_zero=0.0), 0.0)
    difference = ours.after - theirs.after - theta * (ours.before - theirs.before)
    variance = both[..., 0, 0] - theta * both[..., 0, 1]
    # Of the difference with the control mean, by which it is divided.
    covariance = theta * theirs.variance[..., 0, 1] - theirs.variance[..., 0, 0]

    is_known = _enough(variant, (0, 1)) & _enough(control, (0, 1)) & (variance > 0)
    variance = np.where(is_known, variance, np.nan)
    score = difference / np.sqrt(variance)
    units = variant.units + control.units
    p_sequential, critical = sequential_test(score, units, alpha, tuning_units)
    base = np.where(theirs.after > 0, theirs.after, np.nan)
    spread = (variance, theirs.variance[..., 0, 0], covariance)
    low, high = fieller_interval(difference, base, *spread, -special.ndtri(alpha / 2))
    sequential_low, sequential_high = fieller_interval(difference, base, *spread, critical)
    return Comparison(
        mean=ours.after,
        control_mean=np.broadcast_to(theirs.after, difference.shape),
        difference=difference,
        standard_error=np.sqrt(variance),
        lift=difference / base,
        lift_low=low,
        lift_high=high,
        p_value=2 * special.ndtr(-np.abs(score)),
        sequential_low=sequential_low,
        sequential_high=sequential_high,
        p_value_sequential=p_sequential,
        is_adjusted=is_adjusted,
        variance_reduction=np.where(
            is_adjusted, _divide(theta * both[..., 0, 1], both[..., 0, 0], at_zero=0.0), np.nan
        ),
    )


def fieller_interval(
    difference: Floats,
    base: Floats,
    variance: Floats,
    base_variance: Floats,
    covariance: Floats,
    critical: Floats | float,
) -> tuple[Floats, Floats]:
    """The interval of difference / base: all ratios that the data do not refuse.

    It leaves out 0 exactly where |difference| > critical · standard error, so that interval and
    p-value never say two things. NaN where the base itself may be 0: then no interval is bounded.

    Source: Fieller (1954), "Some Problems in Interval Estimation".

    Args:
        difference: (...) numerator.
        base: (...) denominator, above 0.
        variance: (...) of the difference.
        base_variance: (...) of the base.
        covariance: (...) of the two.
        critical: how many standard errors.

    Returns:
        Lower and upper bound, each (...).
    """
    square = np.square(critical)
    leading = base**2 - square * base_variance
    middle = difference * base - square * covariance
    constant = difference**2 - square * variance
    leading = np.where(leading > 0, leading, np.nan)
    root = np.sqrt(np.maximum(middle**2 - leading * constant, 0.0))
    return (middle - root) / leading, (middle + root) / leading


def sequential_test(
    score: Floats, units: Floats, alpha: float, tuning_units: Floats | float
) -> tuple[Floats, Floats]:
    """Test a standardised difference so that looking at it at any time is no cheating.

    The likelihood ratio of a normal mixture of effects to no effect exceeds 1/alpha at any time
    whatsoever with probability at most alpha where there is no effect (Ville's inequality).

    Source: mixture SPRT, Johari, Koomen, Pekelis, Walsh (2022), "Always Valid Inference", eq. 12;
    with an estimated variance, as an asymptotic confidence sequence, Waudby-Smith, Arbour, Sinha,
    Kennedy, Ramdas (2024), "Time-uniform central limit theory", eq. 6 and 10.

    Args:
        score: (...) difference / standard error.
        units: (...) units of both variants.
        alpha: at which the critical value is asked for.
        tuning_units: as in `compare`.

    Returns:
        The p-value, and the number of standard errors of the interval, each (...).
    """
    spread = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / tuning_units * units
    log_ratio = (score**2 * spread / (spread + 1) - np.log1p(spread)) / 2
    critical = np.sqrt((spread + 1) / spread * (np.log1p(spread) - 2 * np.log(alpha)))
    return np.exp(-np.maximum(log_ratio, 0.0)), critical


def holm(p_values: Floats) -> Floats:
    """Adjust p-values of several variants: the share of families with any false alarm is kept.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".

    Args:
        p_values: (k,) of one family; NaN is no test and stays.
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    in_order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[in_order] * np.arange(len(in_order), 0, -1)
    adjusted[in_order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(steps) else steps
    return adjusted


def sample_ratio_p_value(units: Floats, weights: Floats) -> float:
    """Test whether units fell to the variants as they should.

    A small value says that assignment or logging is broken, and that no result can be trusted.

    Source: Pearson's chi-square; Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch".

    Args:
        units: (k,) units of each variant.
        weights: (k,) share that each should have, in any common scale, above 0.

    Returns:
        The p-value; NaN with fewer than two variants or without units.

    Raises:
        ValueError: the lengths differ, or a weight is not above 0.
    """
    if len(units) != len(weights) or not (weights > 0).all():
        raise ValueError(f"{len(units)} variants need as many weights above 0, not {weights}")
    total = float(units.sum())
    if len(units) < 2 or not total:
        return float("nan")
    expected = total * weights / weights.sum()
    return float(special.chdtrc(len(units) - 1, ((units - expected) ** 2 / expected).sum()))


def _enough(moments: Moments, columns: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Whether both numbers of a ratio have enough units behind them."""
    smallest = np.minimum(*(moments.effective_units(column) for column in columns))
    return np.asarray(smallest >= MIN_EFFECTIVE_UNITS)


def _divide(above: Floats, below: Floats, at_zero: float) -> Floats:
    """Divide; a fixed value where the divisor is 0 or less."""
    usable = below > 0
    quotient = np.divide(above, np.where(usable, below, 1.0))
    return np.asarray(np.where(usable, quotient, at_zero))

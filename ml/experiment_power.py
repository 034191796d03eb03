"""How many units an experiment needs before it starts, and how long that takes.

Here: units a variant for an effect that should be found, and days by the rate of arrivals. Not
here: the baseline's numbers, which come from a warehouse or from whoever asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

# Beyond this the standard error of a plan is no longer what decides.
_MOST_UNITS = 10**12


@dataclass(frozen=True)
class Baseline:
    """What is known of a metric without any experiment.

    Attributes:
        mean: of the metric, above 0.
        standard_deviation: of a unit's linearised value, so that the metric over n units has the
            standard error standard_deviation / √n.
        correlation: of the same value with that before the exposure; CUPED saves its square.
    """

    mean: float
    standard_deviation: float
    correlation: float = 0.0

    @classmethod
    def of_share(cls, share: float) -> Baseline:
        """Of a yes or no a unit, such as a conversion rate.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"a share lies between 0 and 1, not at {share}")
        return cls(share, math.sqrt(share * (1 - share)))


@dataclass(frozen=True)
class SamplePlan:
    """What an experiment needs.

    Attributes:
        units_per_variant: persons in each variant, the control among them.
        units: persons in all variants together.
        days: days until they have come; None if it is not known how many come a day.
        alpha_per_comparison: what each variant is tested at, Bonferroni's share of alpha.
    """

    units_per_variant: int
    units: int
    days: int | None
    alpha_per_comparison: float


def plan_sample(
    baseline: Baseline,
    lift: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    variants: int = 2,
    units_per_day: float | None = None,
) -> SamplePlan:
    """Count the units with which a lift is found with some certainty.

    n = (z₁₋α/₂ + z_power)² · 2 σ² (1 − ρ²) / (lift · mean)² a variant, two-sided, equal shares.
    With several variants each is tested at alpha / (variants − 1), of which Holm's correction needs
    no more.

    Source: Kohavi, Tang, Xu (2020), "Trustworthy Online Controlled Experiments", ch. 17; the saving
    by CUPED is that of Deng, Xu, Kohavi, Walker (2013), eq. 4.

    Args:
        baseline: of the metric.
        lift: smallest relative change worth finding, above or below 0; 0.05 is 5 %.
        power: chance to find it if it is there, above alpha / 2 and below 1.
        alpha: share of false alarms over all variants, 0 to 1.
        variants: number of them with the control, 2 or more.
        units_per_day: persons who would meet the experiment a day.

    Raises:
        ValueError: a value is out of its range.
    """
    _check(baseline, lift, power, alpha, variants, units_per_day)
    per_comparison = alpha / (variants - 1)
    certainty = special.ndtri(power) - special.ndtri(per_comparison / 2)
    variance = 2 * baseline.standard_deviation**2 * (1 - baseline.correlation**2)
    needed = (certainty / (lift * baseline.mean)) ** 2 * variance
    if needed > _MOST_UNITS:
        raise ValueError(f"a lift of {lift} needs more than {_MOST_UNITS} units a variant")
    per_variant = max(2, math.ceil(needed))
    days = None if units_per_day is None else math.ceil(per_variant * variants / units_per_day)
    return SamplePlan(per_variant, per_variant * variants, days, per_comparison)


def _check(
    baseline: Baseline,
    lift: float,
    power: float,
    alpha: float,
    variants: int,
    units_per_day: float | None,
) -> None:
    ranges = {
        "mean": (baseline.mean, baseline.mean > 0, "above 0"),
        "standard_deviation": (
            baseline.standard_deviation,
            baseline.standard_deviation >= 0,
            "0 or more",
        ),
        "correlation": (baseline.correlation, abs(baseline.correlation) < 1, "between −1 and 1"),
        "lift": (lift, lift != 0 and lift >= -1, "−1 or more, and not 0"),
        "alpha": (alpha, 0 < alpha < 1, "between 0 and 1"),
        "power": (power, alpha / 2 < power < 1, "above alpha / 2 and below 1"),
        "variants": (variants, variants >= 2, "2 or more"),
        "units_per_day": (
            units_per_day,
            units_per_day is None or units_per_day > 0,
            "above 0",
        ),
    }
    for name, (value, is_right, wanted) in ranges.items():
        if not is_right:
            raise ValueError(f"{name} is {value}, but must be {wanted}")

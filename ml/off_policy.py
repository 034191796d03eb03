"""What a policy would have earned, from choices that another one made and logged.

Here: inverse propensity scoring, its self-normalised form and the doubly robust estimator, with
intervals, for impressions that carry the probability with which they were chosen. Not here: where
those come from, nor policies that learn (`bandits`).

Sources: Horvitz, Thompson (1952), JASA 47; Swaminathan, Joachims (2015), NIPS (self-normalised);
Dudík, Langford, Li (2011), ICML (doubly robust).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ValueEstimate:
    """The expected reward of an impression under a policy.

    Attributes:
        method: IPS, SNIPS or DR.
        value: of the policy.
        standard_error: of the value; by the delta method for SNIPS.
        low, high: interval at the chosen level, normal.
        effective_impressions: (Σw)²/Σw²: so many impressions of the policy's own tell as much.
        effective_rewards: these times the share of impressions that brought anything: so many
            rewards are to be expected in them. Intervals take sums to be normal; of a few they are
            not, least of all where none came by chance.
        gain: value less what the impressions brought, a mean.
        gain_error: its standard error; of the difference in each impression, as both are of the
            same ones.
    """

    method: str
    value: float
    standard_error: float
    low: float
    high: float
    effective_impressions: float
    effective_rewards: float
    gain: float
    gain_error: float


def policy_value(
    rewards: npt.ArrayLike,
    propensities: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    predicted: npt.ArrayLike | None = None,
    predicted_of_target: npt.ArrayLike | None = None,
    units: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> list[ValueEstimate]:
    """Estimate the value of a target policy from logged impressions.

    Args:
        rewards: what each impression brought, (n,).
        propensities: probability with which the logging policy chose what was shown, (n,).
        target: probability with which the target policy would have chosen it, (n,).
        predicted: a model's reward of what was shown, (n,), not fitted to these very rewards.
        predicted_of_target: the model's reward expected under the target policy, (n,).
        units: to whom each was shown, whole numbers from 0, (n,): what one person is shown is not
            independent, so errors are of sums by unit. None for a unit each.
        level: of the intervals.

    Returns:
        IPS, SNIPS, and DR where a model predicts; unbiased if propensities are true and above 0
        wherever the target's are (DR also if the model is true).

    Raises:
        ValueError: lengths differ, fewer than two impressions, a propensity outside (0, 1], a
            probability of the target outside [0, 1], or numbers that are none.
    """
    gained, logged, wanted = _arrays(rewards, propensities, target)
    if not ((logged > 0) & (logged <= 1)).all():
        raise ValueError("a propensity is above 0 and at most 1: what cannot be chosen is not seen")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError("a probability of the target policy lies between 0 and 1")
    weights = wanted / logged
    whose = np.arange(gained.size) if units is None else np.asarray(units, np.int64)
    if whose.shape != gained.shape:
        raise ValueError("every impression was shown to one unit")
    brought, total = float(gained.mean()), float(weights.sum())

    def estimate(method: str, value: float, influence: Floats) -> ValueEstimate:
        error = standard_error(influence, whose)
        reach = float(-special.ndtri((1 - level) / 2)) * error
        squares = float(np.sum(weights**2))
        effective = total**2 / squares if squares else 0.0
        gain_error = standard_error(influence - (gained - brought), whose)
        bounds = value - reach, value + reach
        rewards_told = effective * float(np.mean(gained != 0))
        return ValueEstimate(
            method, value, error, *bounds, effective, rewards_told, value - brought, gain_error
        )

    def mean(method: str, terms: Floats) -> ValueEstimate:
        return estimate(method, float(terms.mean()), terms - terms.mean())

    estimates = [mean("IPS", weights * gained)]
    ratio = float((weights * gained).sum()) / total if total > 0 else math.nan
    scale = gained.size / total if total > 0 else math.nan
    estimates.append(estimate("SNIPS", ratio, weights * (gained - ratio) * scale))
    if predicted is not None and predicted_of_target is not None:
        shown, expected, _ = _arrays(predicted, predicted_of_target, rewards)
        estimates.append(mean("DR", expected + weights * (gained - shown)))
    return estimates


def standard_error(influence: Floats, units: npt.NDArray[np.int64]) -> float:
    """Of a mean, from what each impression adds to it; nan for one unit alone.

    Args:
        influence: with mean 0, (n,).
        units: whole numbers from 0, (n,); impressions of one unit may depend on each other.
    """
    sums = np.bincount(units, weights=influence)
    count = np.unique(units).size
    if count < 2:
        return math.nan
    return float(np.sqrt(np.sum(sums**2) * count / (count - 1)) / influence.size)


def _arrays(*given: npt.ArrayLike) -> tuple[Floats, ...]:
    arrays = tuple(np.asarray(one, float) for one in given)
    if len({one.shape for one in arrays}) != 1 or arrays[0].ndim != 1 or arrays[0].size < 2:
        raise ValueError(
            "every impression has one reward and one of each probability; at least two"
        )
    if not all(np.isfinite(one).all() for one in arrays):
        raise ValueError("rewards and probabilities are finite numbers")
    return arrays

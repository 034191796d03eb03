"""The gate: is the model better than the baseline, so that it may be served?

Here: the decision from paired values, one a person (or a series and day). Not here: the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class GateDecision:
    """What is served, and why.

    Attributes:
        served: "model" or "baseline".
        reason: one sentence with the figures.
        metric: name of the measure, the higher the better.
        model_value: mean of the model.
        baseline_value: mean of the baseline.
        pairs: number of units compared.
        standard_error: of the mean of the paired differences; None where nothing was compared.
    """

    served: Literal["model", "baseline"]
    reason: str
    metric: str
    model_value: float
    baseline_value: float
    pairs: int
    standard_error: float | None = None


def standard_error(values: npt.NDArray[np.float64]) -> float:
    """Of the mean of values, (n,), from their own spread; 0 of fewer than two."""
    n = len(values)
    return float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0


def decide(
    metric: str,
    model: npt.NDArray[np.float64],
    baseline: npt.NDArray[np.float64],
    *,
    unit: str = "persons",
    min_pairs: int = 30,
    min_z: float = 1.0,
) -> GateDecision:
    """Serve the model where it beats the baseline by more than chance easily gives.

    The bar is one standard error of the paired difference, not two: serving the baseline by mistake
    costs as much as serving the model by mistake, so evidence needs to lean, not to convict.

    Args:
        metric: name of the measure, the higher the better.
        model: (n,) values of the model.
        baseline: (n,) values of the baseline for the same units.
        unit: what a pair is, for the reason.
        min_pairs: fewer pairs than this and the baseline is served.
        min_z: required difference in standard errors.

    Returns:
        The decision.

    Raises:
        ValueError: the two have different lengths, or a value is not finite.
    """
    if model.shape != baseline.shape:
        raise ValueError(f"paired values differ in shape: {model.shape} and {baseline.shape}")
    if not (np.isfinite(model).all() and np.isfinite(baseline).all()):
        raise ValueError(f"{metric}: a value is not finite")
    n = len(model)
    if n < min_pairs:
        mean = float(model.mean()) if n else 0.0
        base = float(baseline.mean()) if n else 0.0
        reason = f"baseline: only {n} {unit} to compare, {min_pairs} needed"
        return GateDecision("baseline", reason, metric, mean, base, n)
    difference = model - baseline
    mean, base, gap = float(model.mean()), float(baseline.mean()), float(difference.mean())
    error = standard_error(difference)
    served: Literal["model", "baseline"] = (
        "model" if gap > 0 and gap >= min_z * error else "baseline"
    )
    reason = (
        f"{served}: {metric} {mean:.4f} against {base:.4f} of the baseline, "
        f"difference {gap:+.4f} with standard error {error:.4f} over {n} {unit}"
    )
    return GateDecision(served, reason, metric, mean, base, n, error)

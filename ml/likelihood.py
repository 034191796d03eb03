"""Maximum likelihood of positive parameters: the search, its curvature, and when there is none.

Here: maximising over the logarithms of parameters, their covariance, intervals by the delta method,
and telling a maximum from an edge. Not here: any likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
# Parameters, in their own scales, are looked for between e^-8 and e^8: 0.0003 and 3,000. Beyond,
# a distribution is a point or a set of extremes, and the data cannot say which.
_EDGE = 8.0
_STEP = 1e-4
# Two-sided 95 %.
Z_95 = 1.959963984540054


class DegenerateFitError(ValueError):
    """The data do not determine the parameters; the message says in what way.

    Attributes:
        on_edge: parameters that the likelihood drives to an edge, each with -1 or 1 for which.
    """

    def __init__(self, message: str, on_edge: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.on_edge = dict(on_edge or {})


@dataclass(frozen=True)
class Fit:
    """A maximum.

    Attributes:
        parameters: (k,) all > 0.
        log_likelihood: at them.
        covariance: (k, k) of their logarithms.
    """

    parameters: Floats
    log_likelihood: float
    covariance: Floats


def maximise(
    likelihood: Callable[[Floats], tuple[float, Floats]],
    names: Sequence[str],
    scales: Floats,
    count: int,
) -> Fit:
    """Find the maximum over positive parameters.

    Args:
        likelihood: (k,) parameters -> log-likelihood and its (k,) derivatives by them.
        names: of the parameters, for messages.
        scales: (k,) sizes that parameters are of, where the search begins.
        count: number of observations, which the likelihood is divided by in the search.

    Returns:
        The maximum, with the inverse of the observed information.

    Raises:
        DegenerateFitError: it lies on an edge, or the likelihood is flat there.
    """

    def descent(logs: Floats) -> tuple[float, Floats]:
        parameters = scales * np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value / count, -gradient * parameters / count

    edges = [(-_EDGE, _EDGE)] * len(scales)
    found = minimize(
        descent,
        np.zeros(len(scales)),
        jac=True,
        method="L-BFGS-B",
        bounds=edges,
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )
    logs = np.asarray(found.x, dtype=np.float64)
    on_edge = {
        name: -1 if log < 0 else 1
        for name, log in zip(names, logs.tolist(), strict=True)
        if abs(log) > _EDGE - 1e-3
    }
    if on_edge:
        said = [
            f"{name} {'vanishes' if side < 0 else 'grows without end'}"
            for name, side in on_edge.items()
        ]
        raise DegenerateFitError(f"the likelihood has no maximum: {', '.join(said)}", on_edge)
    second = curvature(lambda at: descent(at)[1], logs) * count
    if not np.isfinite(second).all() or np.linalg.eigvalsh(second)[0] <= 0:
        raise DegenerateFitError("the likelihood is flat at its maximum")
    covariance = np.asarray(np.linalg.inv(second), dtype=np.float64)
    parameters = scales * np.exp(logs)
    return Fit(parameters, float(likelihood(parameters)[0]), covariance)


def maximise_or_nested(
    likelihood: Callable[[Floats], tuple[float, Floats]],
    nested: Callable[[Floats], tuple[float, Floats]],
    names: Sequence[str],
    scales: Floats,
    count: int,
    edge: Mapping[str, int],
    beyond: Sequence[float],
) -> Fit:
    """Find the maximum, or that of the simpler model where the others lie on their edge.

    Args:
        likelihood: see `maximise`.
        nested: the same of the first parameters alone.
        names: see `maximise`.
        scales: see `maximise`.
        count: see `maximise`.
        edge: on which edge of which of the last parameters the simpler model is what is left.
        beyond: these parameters there, as they stand in the fit; they have no variance.

    Raises:
        DegenerateFitError: see `maximise`; the maximum lies on another edge.
    """
    try:
        return maximise(likelihood, names, scales, count)
    except DegenerateFitError as error:
        if not error.on_edge or not error.on_edge.items() <= edge.items():
            raise
    first = len(names) - len(beyond)
    found = maximise(nested, names[:first], scales[:first], count)
    covariance = np.zeros((len(names), len(names)))
    covariance[:first, :first] = found.covariance
    return Fit(np.append(found.parameters, beyond), found.log_likelihood, covariance)


def curvature(gradient: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Second derivatives, from differences of the gradient.

    Args:
        gradient: (k,) place -> (k,) derivatives.
        at: (k,) place.

    Returns:
        (k, k), symmetric.
    """
    rows = []
    for place in range(len(at)):
        step = np.zeros(len(at))
        step[place] = _STEP
        rows.append((gradient(at + step) - gradient(at - step)) / (2 * _STEP))
    matrix = np.array(rows)
    return np.asarray((matrix + matrix.T) / 2, dtype=np.float64)


def log_variances(predict: Callable[[Floats], Floats], covariance: Floats) -> Floats:
    """Variances of the logarithms of predictions, by the delta method.

    Args:
        predict: (k,) moves of the log parameters -> (n,) predictions > 0.
        covariance: (k, k) of the log parameters.

    Returns:
        (n,): what comes of the parameters' uncertainty alone.
    """
    slopes = []
    for place in range(len(covariance)):
        step = np.zeros(len(covariance))
        step[place] = _STEP
        slopes.append((np.log(predict(step)) - np.log(predict(-step))) / (2 * _STEP))
    # A sum in fixed order, not a product of matrices: the same bytes on any number of threads.
    total = np.zeros(len(slopes[0]))
    for i, left in enumerate(slopes):
        for j, right in enumerate(slopes):
            total += left * right * covariance[i, j]
    return np.asarray(np.maximum(total, 0.0), dtype=np.float64)

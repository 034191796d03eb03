"""Models of choice fitted to one person's choices, and compared.

Here: maximum likelihood, the mode of the posterior, what the choices do not tell, comparison by
BIC. Not here: the models (`choice_models`, `rescorla_wagner`), how well fits find what is known of
simulated people (`choice_recovery`).

What the data can tell: in softmax choice a low learning rate with a high inverse temperature makes
much the same choices as the reverse, most of all in few trials or where nothing changes. So look at
`ChoiceFit.correlation`, and at `recover_parameters` with the task at hand, before a parameter is
read as a property of a person.

Source: Wilson, Collins (2019), eLife 8, e49547.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from ml.choice_models import ChoiceModel, Floats, Parameter, Trials, check_options
from ml.likelihood import DegenerateFitError, curvature

__all__ = ["ChoiceFit", "DegenerateFitError", "compare_models", "fit_choices"]

# Parameters are searched on a scale without ends: the logit of a share, the logarithm of what is
# positive. So far out a share is within .001 of 0 or 1, and a softmax chooses by the best alone.
_EDGES = {"share": (-7.0, 7.0), "positive": (math.log(1e-3), math.log(1e3)), "real": (-12.0, 12.0)}
_ON_EDGE = 1e-3
# A direction in which the likelihood has a standard error of more than 5 on that scale, a factor of
# 150 either way, is one that the choices do not tell.
_LEAST_INFORMATION = 1 / 25
# A parameter has part in such a direction from this share of its length on.
_PART = 0.3
# One start is better than another only by more than rounding.
_SAME = 1e-7


@dataclass(frozen=True)
class ChoiceFit:
    """A model fitted to one person's choices.

    Attributes:
        model: which.
        values: (k,) its parameters.
        log_likelihood: of the choices at them, nats.
        trials: how many choices.
        method: "ml", or "map" with the priors of `Parameter`.
        undetermined: parameters that the choices do not tell, with how: "least" or "greatest" where
            the search ended on an edge, "flat" where the likelihood hardly changes with them. By
            "map" such a value is the prior's.
        covariance: (k, k) on the scale of the search (logits, logarithms), the inverse of the
            observed information (with that of the prior by "map"); not a number for undetermined
            parameters by "ml".
    """

    model: ChoiceModel
    values: Floats
    log_likelihood: float
    trials: int
    method: Literal["ml", "map"] = "ml"
    undetermined: Mapping[str, str] = field(default_factory=dict)
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def parameters(self) -> dict[str, float]:
        """Values by name."""
        names = [one.name for one in self.model.parameters]
        return dict(zip(names, self.values.tolist(), strict=True))

    @property
    def bic(self) -> float:
        """Bayesian information criterion, k ln n - 2 ln L, the lower the better; of "ml" alone."""
        return len(self.values) * math.log(max(self.trials, 1)) - 2 * self.log_likelihood

    @property
    def predictability(self) -> float:
        """Geometric mean of the probabilities of what was chosen; 1 / options is chance."""
        return math.exp(self.log_likelihood / max(self.trials, 1))

    @property
    def correlation(self) -> Floats:
        """(k, k) of the estimates' errors: near -1 or 1, only a combination of two is told."""
        spread = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(spread, spread), dtype=np.float64)

    def in_words(self) -> str:
        """What the fit says of the person, and what it cannot say."""
        told = (
            f"{self.model.name}: {self.model.in_words(self.values)}; foresees {self.trials} "
            f"choices at {self.predictability:.3f} each, chance is {1 / self.model.options:.3f}"
        )
        if not self.undetermined:
            return told
        which = ", ".join(f"{name} ({how})" for name, how in self.undetermined.items())
        return f"{told}; the choices do not tell {which}"


def fit_choices(
    model: ChoiceModel, trials: Trials, method: Literal["ml", "map"] = "ml", starts: int = 4
) -> ChoiceFit:
    """Fit a model to one person's choices.

    Args:
        model: for as many options as the trials have.
        trials: of one person.
        method: "ml" for maximum likelihood, "map" for the mode of the posterior.
        starts: places where the search begins, the middle of the usual values and others spread
            evenly; the best end counts, the first of equals.

    Returns:
        The fit. Parameters that the choices do not tell are in `undetermined`.

    Raises:
        ValueError: another number of options, starts below 1.
        DegenerateFitError: by "ml", with something to fit, without trials or with one option.
    """
    check_options(model, trials.options)
    if starts < 1:
        raise ValueError(f"{starts} starts: the search begins at least once")
    parameters = model.parameters
    if not parameters:
        score = model.log_likelihood(np.zeros(0), trials)[0]
        return ChoiceFit(model, np.zeros(0), score, len(trials), method)
    if method == "ml" and not len(trials):
        raise DegenerateFitError(f"{model.name}: no trials to fit to")
    if method == "ml" and trials.options == 1:
        raise DegenerateFitError(f"{model.name}: with one option nothing is chosen")

    def descent(places: Floats, with_prior: bool = method == "map") -> tuple[float, Floats]:
        pairs = [one.from_search(at) for one, at in zip(parameters, places.tolist(), strict=True)]
        values = np.array([value for value, _ in pairs])
        score, gradient = model.log_likelihood(values, trials)
        if with_prior:
            priors = [one.log_prior(v) for one, v in zip(parameters, values.tolist(), strict=True)]
            score += sum(density for density, _ in priors)
            gradient = gradient + np.array([slope for _, slope in priors])
        return -score, -gradient * np.array([slope for _, slope in pairs])

    # The search is over a few numbers: threads that wait for each other take several times as long.
    with threadpool_limits(limits=1, user_api="blas"):
        places = _lowest(descent, parameters, starts)
        undetermined, flat = _undetermined(descent, places, parameters)
        left_out = np.zeros_like(flat) if method == "map" else flat
        covariance = _covariance(descent, places, left_out, method == "map")
    values = np.array(
        [one.from_search(at)[0] for one, at in zip(parameters, places.tolist(), strict=True)]
    )
    return ChoiceFit(
        model,
        values,
        model.log_likelihood(values, trials)[0],
        len(trials),
        method,
        undetermined,
        covariance,
    )


class _Descent(Protocol):
    """Minus the log-likelihood, or log posterior, and its derivatives by places of the search."""

    def __call__(self, places: Floats, with_prior: bool = ...) -> tuple[float, Floats]: ...


def _lowest(descent: _Descent, parameters: Sequence[Parameter], starts: int) -> Floats:
    """The lowest place that a search from several starts finds."""
    edges = [_EDGES[one.kind] for one in parameters]
    # Roberts' additive sequence: the generalised golden ratio spreads points evenly over a cube.
    ratio = 2.0
    for _ in range(30):
        ratio = (1 + ratio) ** (1 / (len(parameters) + 1))
    best, lowest = np.zeros(len(parameters)), math.inf
    for start in range(starts):
        parts = [(0.5 + start * ratio ** -(i + 1)) % 1 for i in range(len(parameters))]
        found = minimize(
            descent,
            np.array([one.usual(part) for one, part in zip(parameters, parts, strict=True)]),
            jac=True,
            method="L-BFGS-B",
            bounds=edges,
            options={"ftol": 1e-12, "gtol": 1e-7, "maxiter": 300},
        )
        if found.fun < lowest - _SAME:
            best, lowest = np.asarray(found.x, dtype=np.float64), float(found.fun)
    return best


def _undetermined(
    descent: _Descent, places: Floats, parameters: Sequence[Parameter]
) -> tuple[dict[str, str], npt.NDArray[np.bool_]]:
    """Parameters on an edge, or with part in a direction in which the likelihood is flat."""
    low, high = np.array([_EDGES[one.kind] for one in parameters]).T
    on_edge = np.where(places < low + _ON_EDGE, -1, np.where(places > high - _ON_EDGE, 1, 0))
    inside = np.flatnonzero(on_edge == 0)
    flat = on_edge != 0
    if len(inside):
        information = curvature(lambda at: descent(at, False)[1], places)[np.ix_(inside, inside)]
        sizes, directions = np.linalg.eigh(information)
        parts = np.abs(directions[:, sizes < _LEAST_INFORMATION])
        flat[inside] = (parts > _PART).any(axis=1)
    said = {-1: "least", 0: "flat", 1: "greatest"}
    found = {
        one.name: said[side]
        for one, side, is_flat in zip(parameters, on_edge.tolist(), flat.tolist(), strict=True)
        if is_flat
    }
    return found, flat


def _covariance(
    descent: _Descent, places: Floats, left_out: npt.NDArray[np.bool_], with_prior: bool
) -> Floats:
    """Inverse of the information of the parameters that are told; the others have none."""
    found = np.full((len(places), len(places)), np.nan)
    told = np.ix_(~left_out, ~left_out)
    information = curvature(lambda at: descent(at, with_prior)[1], places)[told]
    if len(information) and np.linalg.eigvalsh(information)[0] > 0:
        found[told] = np.linalg.inv(information)
    return found


def compare_models(
    models: Sequence[ChoiceModel], trials: Trials, starts: int = 4
) -> tuple[ChoiceFit, ...]:
    """Fit models by maximum likelihood, the best by BIC first.

    Args:
        models: at least one; of equals the first named is the first.
        trials: of one person.
        starts: see `fit_choices`.

    Returns:
        A fit each. A difference of BIC below 2 is not worth a mention, above 10 very strong
        (Kass, Raftery 1995, Journal of the American Statistical Association 90).

    Raises:
        ValueError: no model.
        DegenerateFitError: see `fit_choices`.
    """
    if not models:
        raise ValueError("no model to compare")
    fits = [fit_choices(model, trials, "ml", starts) for model in models]
    return tuple(sorted(fits, key=lambda fit: fit.bic))

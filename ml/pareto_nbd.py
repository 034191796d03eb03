"""When people order again: the Pareto/NBD model, by maximum likelihood; a challenger of bg_nbd.py.

Here: the fit over distinct histories, and what follows from it for a history: expected orders, the
probability that somebody still is a customer, the probability of an order. Not here: the histories
(bg_nbd.py), which of the two models is better on what data (docs/models.md).

While active a person orders at a rate of their own, gamma(r, alpha), and leaves for good after a
time of their own, exponential with a rate gamma(s, beta), whether they order or not: so somebody
with one order can be gone, which BG/NBD cannot say. A history is x orders after the first, the last
of them t_x after the first, observed for T. Where nobody is seen to leave, s is 0 and what is left
is the NBD.

The hypergeometric functions of the source overflow for hundreds of orders. Euler's transformation
leaves a power and 2F1(1, b; c; z) with 0 <= z < 1 and 0 < b < c + 1, which stays small:

    2F1(a, b; a + 1; z) = (1 - z)^(1 - b) 2F1(1, a + 1 - b; a + 1; z)

Sources: Schmittlein, Morrison, Colombo (1987), Counting Your Customers: Who Are They and What Will
They Do Next?, Management Science 33(1); Fader, Hardie (2005), A Note on Deriving the Pareto/NBD
Model and Related Expressions (brucehardie.com, note 9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import exprel, gammaln, hyp2f1
from threadpoolctl import threadpool_limits

from ml.bg_nbd import Histories, persons_and_scale
from ml.likelihood import DegenerateFitError, maximise_or_nested

__all__ = [
    "DegenerateFitError", "ParetoNbd", "expected_orders", "fit_pareto_nbd", "log_likelihood",
    "order_probability", "probability_alive",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
PARAMETERS = ("r", "alpha", "s", "beta")
# Where the likelihood is driven if the rate of leaving goes to 0.
_NOBODY_LEAVES = {"s": -1, "beta": 1}
# Of logarithms of parameters. Differences of fourth order are then off by some 1e-12 of a person's
# log-likelihood, by the formula as by rounding.
_STEP = 1e-3
# SciPy's power series is right to rounding up to here; beyond it takes a transformation that fails
# near whole numbers of s (or r): it is infinite at s = 1 + 1e-16.
_MOST_Z = 0.9
_FALL = 45.0
_PANELS = 16
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class ParetoNbd:
    """A fitted model.

    Attributes:
        r: shape of the order rates.
        alpha: scale of the order rates, in the time unit of the histories.
        s: shape of the rates of leaving; 0 where nobody leaves.
        beta: scale of the rates of leaving, in the same unit.
        log_likelihood: at the maximum.
        covariance: (4, 4) of the logarithms of r, alpha, s, beta; the inverse of the information.
        persons: how many histories were seen.
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float = float("nan")
    covariance: Floats = field(default_factory=lambda: np.zeros((4, 4)))
    persons: int = 0

    @property
    def parameters(self) -> Floats:
        """r, alpha, s, beta."""
        return np.array([self.r, self.alpha, self.s, self.beta])

    def moved(self, logs: Floats) -> ParetoNbd:
        """The model whose log parameters differ by (4,) `logs`."""
        return ParetoNbd(*(self.parameters * np.exp(logs)).tolist())


def fit_pareto_nbd(histories: Histories) -> ParetoNbd:
    """Fit by maximum likelihood, with the covariance of the log parameters.

    Args:
        histories: of `bg_nbd.group_histories`.

    Returns:
        The model.

    Raises:
        DegenerateFitError: nobody, nobody ordered twice, or the likelihood has no maximum inside:
            the data do not tell the parameters apart. The message says which.
    """
    persons, scale = persons_and_scale(histories)

    def of_all(parameters: Floats) -> float:
        return _value(parameters, histories)

    def of_stayers(parameters: Floats) -> float:
        return _value(np.append(parameters, [0.0, scale]), histories)

    # The search is over four numbers: threads that wait for each other take several times as long.
    with threadpool_limits(limits=1, user_api="blas"):
        found = maximise_or_nested(
            _with_gradient(of_all),
            _with_gradient(of_stayers),
            PARAMETERS,
            np.array([1.0, scale, 1.0, scale]),
            persons,
            _NOBODY_LEAVES,
            (0.0, scale),
        )
    r, alpha, s, beta = found.parameters.tolist()
    return ParetoNbd(r, alpha, s, beta, found.log_likelihood, found.covariance, persons)


def log_likelihood(model: ParetoNbd, histories: Histories) -> float:
    """Log-likelihood of histories, summed over persons."""
    return _value(model.parameters, histories)


def _value(parameters: Floats, histories: Histories) -> float:
    r, alpha, s, beta = parameters.tolist()
    x, t_x, age = histories.all
    distinct, place = np.unique(x, return_inverse=True)
    by_x = np.bincount(place, histories.counts, len(distinct))
    of_x = gammaln(r + distinct) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    seen = _log_seen(r + x, np.full(len(x), alpha), s, np.full(len(x), beta), t_x, age)
    return float((by_x * of_x).sum() + (histories.counts * seen).sum())


def _with_gradient(
    value: Callable[[Floats], float],
) -> Callable[[Floats], tuple[float, Floats]]:
    """A function of positive parameters with its derivatives by them.

    They have no closed form by r and s, so they are differences, of fourth order.
    """

    def both(parameters: Floats) -> tuple[float, Floats]:
        slopes = np.zeros(len(parameters))
        for place in range(len(parameters)):
            for weight, steps in ((8.0, 1.0), (-8.0, -1.0), (-1.0, 2.0), (1.0, -2.0)):
                moved = parameters.copy()
                moved[place] *= np.exp(steps * _STEP)
                slopes[place] += weight * value(moved)
        return value(parameters), slopes / (12 * _STEP) / parameters

    return both


def _log_active(
    shape: Floats, alpha: Floats | float, s: float, beta: Floats | float, age: Floats
) -> Floats:
    """Log weight of still being a customer at the end: (alpha + T)^-(r + x) (beta + T)^-s."""
    return np.asarray(-shape * np.log(alpha + age) - s * np.log(beta + age), dtype=np.float64)


def _log_seen(
    shape: Floats, alpha: Floats, s: float, beta: Floats, t_x: Floats, age: Floats
) -> Floats:
    """Log of the likelihood's factor of times: active at the end, or left since the last order.

    It is (alpha + T)^-(r + x) (beta + T)^-s + s ∫ (alpha + u)^-(r + x) (beta + u)^-(s + 1) du from
    t_x to T. Where both scales are of like size it is the source's sum of hypergeometric functions;
    these lose digits, or are infinite, near z = 1, and there it is the integral itself. Either way
    it is a sum of two positive terms, so that nothing cancels.

    Args:
        shape: (k,) r + x.
        alpha: (k,) > 0.
        s: >= 0.
        beta: (k,) > 0.
        t_x: (k,) time of the last order.
        age: (k,) end of observation.

    Returns:
        (k,).
    """
    is_far = np.abs(alpha - beta) > _MOST_Z * (np.maximum(alpha, beta) + t_x)
    found = np.empty(len(shape))
    for rows, way in ((~is_far, _log_seen_by_series), (is_far, _log_seen_by_integral)):
        if rows.any():
            found[rows] = way(shape[rows], alpha[rows], s, beta[rows], t_x[rows], age[rows])
    return found


def _log_seen_by_series(
    shape: Floats, alpha: Floats, s: float, beta: Floats, t_x: Floats, age: Floats
) -> Floats:
    """The source's two forms, alpha >= beta and alpha < beta, after Euler."""
    c, fewer, larger = shape + s, alpha < beta, np.maximum(alpha, beta)
    gap = np.abs(alpha - beta)
    # 1 - z is the smaller scale over the larger one, at t_x and at T.
    at_last = hyp2f1(1.0, np.where(fewer, s + 1, shape), c + 1, gap / (larger + t_x))
    at_end = hyp2f1(1.0, np.where(fewer, s, shape + 1), c + 1, gap / (larger + age))
    left = _log_active(shape, alpha, s, beta, t_x) + np.log(at_last)
    left += np.where(fewer, np.log(alpha + t_x) - np.log(beta + t_x), 0.0)
    stayed = _log_active(shape, alpha, s, beta, age) + np.log(at_end)
    stayed += np.where(fewer, 0.0, np.log(beta + age) - np.log(alpha + age))
    with np.errstate(divide="ignore"):
        left += np.log(s / c)
    return np.asarray(np.logaddexp(left, np.log(shape / c) + stayed), dtype=np.float64)


def _log_seen_by_integral(
    shape: Floats, alpha: Floats, s: float, beta: Floats, t_x: Floats, age: Floats
) -> Floats:
    """The integral over the time of leaving, by Gauss and Legendre's rule in its logarithm."""
    smaller = np.minimum(alpha, beta)
    # Up to where one of the powers has fallen to e^-45 of what it was at t_x.
    until = np.minimum(
        (alpha + t_x) * np.exp(np.minimum(_FALL / shape, 700.0)) - alpha,
        (beta + t_x) * np.exp(_FALL / (s + 1)) - beta,
    )
    until = np.clip(until, t_x, age)
    low, high = np.log(smaller + t_x), np.log(smaller + until)
    width = (high - low) / _PANELS
    total = np.zeros(len(shape))
    # A panel at a time: the nodes of all would be 256 numbers a history.
    for panel in range(_PANELS):
        grown = width[:, None] * (panel + (1 + _NODES) / 2)
        # u - t_x, without the difference of near numbers.
        since = (smaller + t_x)[:, None] * np.expm1(grown)
        orders = shape[:, None] * np.log1p(since / (alpha + t_x)[:, None])
        leaving = (s + 1) * np.log1p(since / (beta + t_x)[:, None])
        total += (np.exp(grown - orders - leaving) * _WEIGHTS).sum(axis=1) / 2
    left = _log_active(shape, alpha, s + 1, beta, t_x) + low
    with np.errstate(divide="ignore"):
        left += np.log(s * width * total)
    return np.asarray(np.logaddexp(left, _log_active(shape, alpha, s, beta, age)), dtype=np.float64)


def probability_alive(model: ParetoNbd, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Probability that somebody still is a customer at the end of observation.

    Args:
        model: fitted.
        x: (k,) orders after the first.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.

    Returns:
        (k,), 0 to 1.
    """
    shape = model.r + np.asarray(x, dtype=np.float64)
    alpha, beta = np.full(len(shape), model.alpha), np.full(len(shape), model.beta)
    active = _log_active(shape, alpha, model.s, beta, age)
    seen = _log_seen(shape, alpha, model.s, beta, t_x, age)
    return np.asarray(np.exp(np.minimum(active - seen, 0.0)), dtype=np.float64)


def expected_orders(
    model: ParetoNbd, x: Floats, t_x: Floats, age: Floats, horizon: float | Floats
) -> Floats:
    """Expected number of orders in the time after the end of observation.

    (r + x) (beta + T) / ((alpha + T) (s - 1)) (1 - ((beta + T) / (beta + T + horizon))^(s - 1)),
    times P(alive); written so that s = 1 is no special case.

    Args:
        model: fitted.
        x: (k,) orders after the first; 0 with t_x = age = 0 for somebody new.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.
        horizon: how long after, in the same unit.

    Returns:
        (k,), >= 0.
    """
    longer = np.log1p(horizon / (model.beta + age))
    stay = (model.beta + age) * longer * exprel((1 - model.s) * longer)
    rate = (model.r + x) / (model.alpha + age)
    return np.asarray(rate * stay * probability_alive(model, x, t_x, age), dtype=np.float64)


def order_probability(
    model: ParetoNbd, x: Floats, t_x: Floats, age: Floats, horizon: float | Floats
) -> Floats:
    """Probability of at least one order in the time after the end of observation.

    Somebody active at T is like somebody new of a population with r + x, alpha + T, s and beta + T;
    the chance of no order is that population's likelihood of none.

    Args:
        model: fitted.
        x: (k,) orders after the first.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.
        horizon: how long after, in the same unit.

    Returns:
        (k,), 0 to 1.
    """
    shape, alpha, beta = model.r + np.asarray(x, float), model.alpha + age, model.beta + age
    start, end = np.zeros(len(shape)), np.broadcast_to(np.asarray(horizon, float), shape.shape)
    none = shape * np.log(alpha) + model.s * np.log(beta)
    none = none + _log_seen(shape, alpha, model.s, beta, start, end)
    some = -np.expm1(np.minimum(none, 0.0))
    return np.asarray(some * probability_alive(model, x, t_x, age), dtype=np.float64)

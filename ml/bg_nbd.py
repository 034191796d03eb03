"""When people order again: the BG/NBD model, by maximum likelihood.

Here: the fit over distinct histories, and what follows from it for a history: expected orders, the
probability that somebody still is a customer, the probability of an order. Not here: what an order
is worth (gamma_gamma.py), who is served what (lifetime_value.py).

While active a person orders at a rate of their own, gamma(r, alpha), and after each order leaves
for good with a probability of their own, beta(a, b). A history is x orders after the first, the
last of them t_x after the first, observed for T. Where nobody is seen to leave, a is 0 and what is
left is the NBD: people only order more and more rarely than others.

Source: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, digamma, gammaln, hyp2f1

from ml.likelihood import DegenerateFitError, maximise_or_nested

__all__ = [
    "BgNbd", "DegenerateFitError", "Histories", "expected_orders", "fit_bg_nbd", "group_histories",
    "log_likelihood", "order_probability", "persons_and_scale", "probability_alive",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
PARAMETERS = ("r", "alpha", "a", "b")
# Where the likelihood is driven if the probability of leaving goes to 0.
_NOBODY_LEAVES = {"a": -1, "b": 1}
# So near to 1 the formula divides a small difference by a small number: between two a further off.
_NEAR_ONE = 1e-5


@dataclass(frozen=True)
class Histories:
    """Distinct histories, which are all that the likelihood needs, and whose they are.

    Attributes:
        x: (k,) orders after the first, whole numbers >= 0.
        t_x: (k,) time from the first to the last order, 0 where x is 0.
        age: (k,) time from the first order to the end of observation, >= t_x.
        counts: (k,) persons with the history.
        of_person: (n,) row of each person's history.
    """

    x: Floats
    t_x: Floats
    age: Floats
    counts: Floats
    of_person: npt.NDArray[np.int64]

    @property
    def all(self) -> tuple[Floats, Floats, Floats]:
        """x, t_x and age."""
        return self.x, self.t_x, self.age

    def per_person(self, of_history: Floats) -> Floats:
        """A value of each history, (k,), as the value of each person, (n,)."""
        return np.asarray(of_history[self.of_person], dtype=np.float64)


@dataclass(frozen=True)
class BgNbd:
    """A fitted model.

    Attributes:
        r: shape of the order rates.
        alpha: scale of the order rates, in the time unit of the histories.
        a: first shape of the probabilities of leaving; 0 where nobody leaves.
        b: second shape of them.
        log_likelihood: at the maximum.
        covariance: (4, 4) of the logarithms of r, alpha, a, b; the inverse of the information.
        persons: how many histories were seen.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")
    covariance: Floats = field(default_factory=lambda: np.zeros((4, 4)))
    persons: int = 0

    @property
    def parameters(self) -> Floats:
        """r, alpha, a, b."""
        return np.array([self.r, self.alpha, self.a, self.b])

    def moved(self, logs: Floats) -> BgNbd:
        """The model whose log parameters differ by (4,) `logs`."""
        return BgNbd(*(self.parameters * np.exp(logs)).tolist())


def group_histories(x: Floats, t_x: Floats, age: Floats) -> Histories:
    """Put equal histories together.

    Args:
        x: (n,) orders after the first.
        t_x: (n,) time from the first to the last order.
        age: (n,) time from the first order to the end of observation.

    Returns:
        The distinct ones, sorted, so that the order of persons changes nothing.

    Raises:
        ValueError: a value is not finite, x is no whole number, or not 0 <= t_x <= age, or x and
            t_x are not 0 together.
    """
    columns = np.column_stack([x, t_x, age]).astype(np.float64).reshape(-1, 3)
    x, t_x, age = columns.T
    bad = ~np.isfinite(columns).all(axis=1)
    bad |= (x < 0) | (x != np.floor(x)) | (t_x < 0) | (t_x > age) | ((x == 0) != (t_x == 0))
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        shown = ", ".join(f"{value:g}" for value in columns[place].tolist())
        raise ValueError(f"history {place} is impossible: x, t_x, age = {shown}")
    order = np.lexsort((age, t_x, x))
    ordered = columns[order]
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    row = np.cumsum(is_new) - 1
    of_person = np.empty(len(ordered), dtype=np.int64)
    of_person[order] = row
    found = ordered[is_new]
    counts = np.bincount(row, minlength=len(found)).astype(np.float64)
    return Histories(found[:, 0], found[:, 1], found[:, 2], counts, of_person)


def fit_bg_nbd(histories: Histories) -> BgNbd:
    """Fit by maximum likelihood, with the covariance of the log parameters.

    Args:
        histories: of `group_histories`.

    Returns:
        The model.

    Raises:
        DegenerateFitError: nobody, nobody ordered twice, or the likelihood has no maximum inside:
            the data do not tell the parameters apart. The message says which.
    """
    persons, scale = persons_and_scale(histories)
    terms = _Terms(histories)
    found = maximise_or_nested(
        terms.gradient,
        terms.gradient_of_stayers,
        PARAMETERS,
        np.array([1.0, scale, 1.0, 1.0]),
        persons,
        _NOBODY_LEAVES,
        (0.0, 1.0),
    )
    r, alpha, a, b = found.parameters.tolist()
    return BgNbd(r, alpha, a, b, found.log_likelihood, found.covariance, persons)


def persons_and_scale(histories: Histories) -> tuple[int, float]:
    """How many persons there are, and how long one was observed on average.

    Raises:
        DegenerateFitError: nobody, or nobody ordered twice.
    """
    persons = int(histories.counts.sum())
    if not histories.counts[histories.x > 0].sum():
        raise DegenerateFitError(f"none of {persons} persons ordered on a second day")
    return persons, float((histories.age * histories.counts).sum() / persons)


def log_likelihood(model: BgNbd, histories: Histories) -> float:
    """Log-likelihood of histories, eq. 6 summed over persons."""
    terms = _Terms(histories)
    if model.a == 0:
        return terms.gradient_of_stayers(model.parameters[:2])[0]
    return terms.gradient(model.parameters)[0]


class _Terms:
    """The likelihood of some histories and its gradient; gamma functions once a distinct x."""

    def __init__(self, histories: Histories) -> None:
        self.of = histories
        self.distinct, self.place = np.unique(histories.x, return_inverse=True)
        self.by_x = np.bincount(self.place, histories.counts, len(self.distinct))

    def gradient(self, parameters: Floats) -> tuple[float, Floats]:
        """Log-likelihood, and its derivatives by r, alpha, a, b."""
        r, alpha, a, b = parameters.tolist()
        x, counts = self.of.x, self.of.counts
        log_age, log_last = np.log(alpha + self.of.age), np.log(alpha + self.of.t_x)
        active = -(r + x) * log_age
        # After the last order the person may have left; nobody leaves before a second order.
        with np.errstate(divide="ignore"):
            left = np.where(x > 0, np.log(a / np.maximum(b + x - 1, b)), -np.inf)
        left = left - (r + x) * log_last
        both = np.logaddexp(active, left)
        share_left = np.exp(left - both)

        n = self.distinct
        value = self.by_x * (
            gammaln(r + n) - gammaln(r) + r * np.log(alpha) + betaln(a, b + n) - betaln(a, b)
        )
        log_mean = (1 - share_left) * log_age + share_left * log_last
        inverse = (1 - share_left) / (alpha + self.of.age) + share_left / (alpha + self.of.t_x)
        rate = self.by_x * (digamma(r + n) - digamma(r) + np.log(alpha))
        both_shapes = self.by_x * (digamma(a + b) - digamma(a + b + n))
        staying = self.by_x * (digamma(b + n) - digamma(b))
        gradient = np.array(
            [
                rate.sum() - (counts * log_mean).sum(),
                counts.sum() * r / alpha - (counts * (r + x) * inverse).sum(),
                both_shapes.sum() + (counts * share_left).sum() / a,
                both_shapes.sum()
                + staying.sum()
                - (counts * share_left / np.maximum(b + x - 1, b)).sum(),
            ]
        )
        return float(value.sum() + (counts * both).sum()), gradient

    def gradient_of_stayers(self, parameters: Floats) -> tuple[float, Floats]:
        """The same for a = 0: log-likelihood of the NBD, and its derivatives by r and alpha."""
        r, alpha = parameters.tolist()
        x, counts, n = self.of.x, self.of.counts, self.distinct
        log_age = np.log(alpha + self.of.age)
        value = self.by_x * (gammaln(r + n) - gammaln(r) + r * np.log(alpha))
        rate = self.by_x * (digamma(r + n) - digamma(r) + np.log(alpha))
        by_alpha = counts * (r / alpha - (r + x) / (alpha + self.of.age))
        gradient = np.array([rate.sum() - (counts * log_age).sum(), by_alpha.sum()])
        return float(value.sum() - (counts * (r + x) * log_age).sum()), gradient


def probability_alive(model: BgNbd, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Probability that somebody still is a customer at the end of observation.

    It is 1 for everybody with one order: in this model people leave after an order, and only after
    a later one can it be seen that they have not.

    Args:
        model: fitted.
        x: (k,) orders after the first.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.

    Returns:
        (k,), 0 to 1.
    """
    if model.a == 0:
        return np.ones(len(x))
    # In logs: the power alone overflows for thousands of orders.
    odds = np.log(model.a / np.maximum(model.b + x - 1, model.b)) + (model.r + x) * np.log(
        (model.alpha + age) / (model.alpha + t_x)
    )
    gone = np.where(x > 0, np.logaddexp(0.0, odds), 0.0)
    return np.asarray(np.exp(-gone), dtype=np.float64)


def expected_orders(
    model: BgNbd, x: Floats, t_x: Floats, age: Floats, horizon: float | Floats
) -> Floats:
    """Expected number of orders in the time after the end of observation, eq. 10.

    The paper's hypergeometric function is taken through Euler's transformation, which leaves small
    arguments however large x is; the function itself overflows at x of a few thousand.

    Args:
        model: fitted.
        x: (k,) orders after the first; 0 with t_x = age = 0 for somebody new.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.
        horizon: how long after, in the same unit.

    Returns:
        (k,), >= 0.
    """
    a = model.a
    if a == 0:
        return np.asarray((model.r + x) / (model.alpha + age) * horizon, dtype=np.float64)
    if abs(a - 1) < _NEAR_ONE / 2:
        sides = [
            expected_orders(BgNbd(model.r, model.alpha, near, model.b), x, t_x, age, horizon)
            for near in (1 - _NEAR_ONE, 1 + _NEAR_ONE)
        ]
        share = (a - 1 + _NEAR_ONE) / (2 * _NEAR_ONE)
        return np.asarray(sides[0] + share * (sides[1] - sides[0]), dtype=np.float64)
    z = horizon / (model.alpha + age + horizon)
    c = a + model.b + x - 1
    missing = 1 - (1 - z) ** (a - 1) * hyp2f1(a + model.b - 1 - model.r, a - 1, c, z)
    alive = probability_alive(model, x, t_x, age)
    return np.asarray(np.maximum(c / (a - 1) * missing, 0.0) * alive, dtype=np.float64)


def order_probability(
    model: BgNbd, x: Floats, t_x: Floats, age: Floats, horizon: float | Floats
) -> Floats:
    """Probability of at least one order in the time after the end of observation.

    Whoever is active stays so until the next order, so only the rate matters:
    P(alive) (1 - ((alpha + T) / (alpha + T + horizon))^(r + x)).

    Args:
        model: fitted.
        x: (k,) orders after the first.
        t_x: (k,) time from the first to the last order.
        age: (k,) time from the first order.
        horizon: how long after, in the same unit.

    Returns:
        (k,), 0 to 1.
    """
    none = (model.r + x) * np.log1p(-horizon / (model.alpha + age + horizon))
    return np.asarray(-np.expm1(none) * probability_alive(model, x, t_x, age), dtype=np.float64)

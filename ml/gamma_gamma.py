"""What an order is worth: the gamma-gamma model of spend, by maximum likelihood.

Here: the fit and the expected value of an order of somebody. Not here: how often they order
(bg_nbd.py).

A person's orders scatter around a mean of their own, gamma(p, nu), and the nu of persons are
gamma(q, v). How often somebody orders says nothing about how much; `lifetime_value.py` reports the
correlation.

Source: Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value,
http://www.brucehardie.com/notes/025/.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from ml.likelihood import DegenerateFitError, maximise

Floats = npt.NDArray[np.float64]
PARAMETERS = ("p", "q", "v")


@dataclass(frozen=True)
class GammaGamma:
    """A fitted model.

    Attributes:
        p: shape of a person's order values.
        q: shape of the persons' scales; above 1, else there is no mean.
        v: scale of them, in the unit of the values.
        log_likelihood: at the maximum.
        covariance: (3, 3) of the logarithms of p, q, v.
        persons: how many were seen.
    """

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")
    covariance: Floats = field(default_factory=lambda: np.zeros((3, 3)))
    persons: int = 0

    def moved(self, logs: Floats) -> GammaGamma:
        """The model whose log parameters differ by (3,) `logs`."""
        return GammaGamma(*(np.array([self.p, self.q, self.v]) * np.exp(logs)).tolist())


def fit_gamma_gamma(orders: Floats, mean_value: Floats) -> GammaGamma:
    """Fit by maximum likelihood.

    Args:
        orders: (n,) number of orders that the mean is of, whole numbers >= 1.
        mean_value: (n,) mean value of a person's orders, > 0.

    Returns:
        The model.

    Raises:
        ValueError: a number is not finite, or too small.
        DegenerateFitError: fewer than two persons, all values equal, nobody with two orders, or no
            maximum with a mean.
    """
    values = np.column_stack([orders, mean_value]).astype(np.float64).reshape(-1, 2)
    if not np.isfinite(values).all() or (values[:, 0] < 1).any() or (values[:, 1] <= 0).any():
        raise ValueError("an order value or a number of orders is not finite or not above 0")
    # Sorted, so that sums do not depend on the order of persons.
    values = values[np.lexsort((values[:, 1], values[:, 0]))]
    n, mean = values[:, 0], values[:, 1]
    if len(n) < 2:
        raise DegenerateFitError(f"{len(n)} persons with an order value, two needed")
    if np.ptp(mean) <= 1e-9 * mean.max():
        raise DegenerateFitError(f"all orders are worth {mean[0]:g}")
    if n.max() < 2:
        raise DegenerateFitError("nobody has two orders with a value")
    distinct, place = np.unique(n, return_inverse=True)
    persons = np.bincount(place).astype(np.float64)
    log_mean, log_n = np.log(mean), np.log(distinct)
    log_mean_by_n = np.bincount(place, log_mean)
    total = mean * n

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        p, q, v = parameters.tolist()
        log_sum = np.bincount(place, np.log(v + total))
        inverse = np.bincount(place, 1 / (v + total))
        shape = p * distinct
        value = (
            persons * (gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v))
            + persons * shape * log_n
            + (shape - 1) * log_mean_by_n
            - (shape + q) * log_sum
        )
        by_p = distinct * (
            persons * (digamma(shape + q) - digamma(shape) + log_n) + log_mean_by_n - log_sum
        )
        by_q = persons * (digamma(shape + q) - digamma(q) + np.log(v)) - log_sum
        by_v = persons * q / v - (shape + q) * inverse
        return float(value.sum()), np.array([by_p.sum(), by_q.sum(), by_v.sum()])

    scales = np.array([1.0, 2.0, float(mean.mean())])
    found = maximise(likelihood, PARAMETERS, scales, len(n))
    p, q, v = found.parameters.tolist()
    if q <= 1:
        raise DegenerateFitError(f"order values are so unlike that they have no mean (q = {q:.3f})")
    return GammaGamma(p, q, v, found.log_likelihood, found.covariance, len(n))


def expected_value(model: GammaGamma, orders: Floats, mean_value: Floats) -> Floats:
    """Expected value of a next order: between the person's own mean and everybody's.

    Args:
        model: fitted.
        orders: (n,) orders with a value so far; 0 for somebody unknown.
        mean_value: (n,) their mean; anything finite where there are none.

    Returns:
        (n,) p (v + n m) / (p n + q - 1).
    """
    spent = np.where(orders > 0, orders * mean_value, 0.0)
    return np.asarray(
        model.p * (model.v + spent) / (model.p * orders + model.q - 1), dtype=np.float64
    )

"""Pareto/NBD against the integrals that it is the solution of."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import gammaln

from ml.bg_nbd import group_histories
from ml.likelihood import Z_95, log_variances
from ml.pareto_nbd import (
    DegenerateFitError,
    ParetoNbd,
    expected_orders,
    fit_pareto_nbd,
    log_likelihood,
    order_probability,
    probability_alive,
)

R, ALPHA, S, BETA = 0.8, 6.0, 1.2, 20.0
TRUTH = ParetoNbd(R, ALPHA, S, BETA)
# As published for CDNOW.
PUBLISHED = ParetoNbd(0.553, 10.578, 0.606, 11.669)
MODELS = [
    PUBLISHED,
    # The order of alpha and beta decides between two formulas, and how far they are apart between
    # these and an integral; whole numbers of s and r are where SciPy's function fails.
    ParetoNbd(1.5, 9.0, 2.0, 4.0),
    ParetoNbd(0.7, 12.0, 1.0, 12.0),
    ParetoNbd(2.0, 40.0, 1.0, 0.05),
    ParetoNbd(0.4, 40.0, 1.0 + 1e-9, 0.05),
    ParetoNbd(1.0, 0.05, 0.3, 90.0),
]
HISTORIES = [(0, 0.0, 0.0), (0, 0.0, 39.0), (1, 3.0, 39.0), (7, 30.0, 31.0), (2000, 38.0, 38.5)]


def arrays(*numbers: float) -> list[np.ndarray]:
    return [np.array([float(number)]) for number in numbers]


def simulate(persons: int, weeks: float, seed: int) -> list[np.ndarray]:
    """x, t_x and T of persons who order first within the first half, rates and lives drawn."""
    rng = np.random.default_rng(seed)
    age = weeks * (1 - rng.random(persons) / 2)
    rate = rng.gamma(R, 1 / ALPHA, persons)
    life = np.minimum(rng.exponential(1 / rng.gamma(S, 1 / BETA, persons)), age)
    x = rng.poisson(rate * life).astype(float)
    # The last of x uniform times.
    t_x = np.where(x > 0, life * rng.random(persons) ** (1 / np.maximum(x, 1)), 0.0)
    return [x, t_x, age]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.parameters))
@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_likelihood_and_probability_alive_are_the_integral_over_the_time_of_leaving(model, history):
    # Given the rates' distributions: left at u between t_x and T, or still there at T.
    x, t_x, age = history
    r, alpha, s, beta = model.parameters.tolist()
    there = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)

    def left(u: float) -> float:
        log = -(r + x) * np.log(alpha + u) - (s + 1) * np.log(beta + u)
        return float(s * np.exp(log - there))

    # In pieces that grow from t_x on, where the integrand is steepest.
    ends = t_x + (age - t_x) * np.append(0.0, np.geomspace(1e-6, 1.0, 25))
    parts = (quad(left, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in pairwise(ends))
    odds_of_left = sum(parts) if age > t_x else 0.0
    of_x = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    expected = of_x + there + np.log1p(odds_of_left)
    grouped = group_histories(*arrays(*history))
    assert log_likelihood(model, grouped) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    alive = probability_alive(model, *arrays(*history))[0]
    assert alive == pytest.approx(1 / (1 + odds_of_left), rel=1e-9)


@pytest.mark.parametrize("history", [(0, 0.0, 20.0), (1, 5.0, 20.0), (4, 18.0, 20.0)], ids=str)
def test_what_is_expected_follows_from_rates_of_ordering_and_of_leaving(history):
    # A person of rates u and m: orders x times, and is there at T or left after the last order.
    (x, t_x, age), horizon = history, 9.0

    def weight(u: float, m: float) -> float:
        order = R * np.log(ALPHA) + (R - 1) * np.log(u) - ALPHA * u - gammaln(R)
        leave = S * np.log(BETA) + (S - 1) * np.log(m) - BETA * m - gammaln(S)
        return float(np.exp(order + leave) * u**x)

    def there(u: float, m: float) -> float:
        return float(np.exp(-(u + m) * age))

    def seen(u: float, m: float) -> float:
        either = u * np.exp(-(u + m) * age) + m * np.exp(-(u + m) * t_x)
        return float(either / (u + m))

    def mean(of) -> float:
        return dblquad(
            lambda u, m: weight(u, m) * of(u, m), 0, 1.5, 0, 4, epsabs=1e-10, epsrel=1e-4
        )[0]

    def orders(u: float, m: float) -> float:
        return there(u, m) * u * float(-np.expm1(-m * horizon)) / m

    def any_order(u: float, m: float) -> float:
        return there(u, m) * u * float(-np.expm1(-(u + m) * horizon)) / (u + m)

    total = mean(seen)
    grouped = group_histories(*arrays(*history))
    assert log_likelihood(TRUTH, grouped) == pytest.approx(np.log(total), rel=1e-4)
    found = [
        of(TRUTH, *arrays(*history), *more)[0]
        for of, more in (
            (probability_alive, ()),
            (expected_orders, (horizon,)),
            (order_probability, (horizon,)),
        )
    ]
    expected = [mean(of) / total for of in (there, orders, any_order)]
    assert found == pytest.approx(expected, rel=1e-3)


def test_expected_orders_pass_through_s_of_1_and_stand_where_nobody_leaves():
    asked = arrays(3, 20, 40)
    sides = [expected_orders(ParetoNbd(1.5, 8.0, s, 9.0), *asked, 10.0)[0] for s in (0.999, 1.001)]
    middle = expected_orders(ParetoNbd(1.5, 8.0, 1.0, 9.0), *asked, 10.0)[0]
    assert middle == pytest.approx(np.mean(sides), rel=1e-6)
    # The NBD: (r + x) / (alpha + T) a week, nobody gone.
    stays = ParetoNbd(1.5, 8.0, 0.0, 9.0)
    assert expected_orders(stays, *asked, 10.0) == pytest.approx([4.5 / 48 * 10])
    assert probability_alive(stays, *asked) == pytest.approx([1.0])
    assert order_probability(stays, *asked, 10.0) == pytest.approx([1 - (48 / 58) ** 4.5])


def test_who_ordered_once_can_be_gone_and_nothing_overflows():
    once = probability_alive(PUBLISHED, np.zeros(3), np.zeros(3), np.array([0.0, 10.0, 39.0]))
    assert once[0] == 1
    assert 1 > once[1] > once[2] > 0
    many = [np.array([2000.0, 2000.0]), np.array([38.9, 1.0]), np.full(2, 39.0)]
    alive = probability_alive(PUBLISHED, *many)
    assert 0.9 < alive[0] < 1
    assert alive[1] == 0
    assert expected_orders(PUBLISHED, *many, 52.0)[1] == 0


def test_the_fit_finds_the_parameters_and_does_not_see_the_order_of_persons():
    data = simulate(1500, 80.0, seed=1)
    model = fit_pareto_nbd(group_histories(*data))
    logs = np.log(model.parameters) - np.log([R, ALPHA, S, BETA])
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(model.covariance))).all()
    turned = fit_pareto_nbd(group_histories(*(column[::-1] for column in data)))
    assert turned.parameters.tobytes() == model.parameters.tobytes()
    assert turned.covariance.tobytes() == model.covariance.tobytes()
    assert log_likelihood(TRUTH, group_histories(*data)) < model.log_likelihood
    # The interval of what is expected of a history holds the truth.
    asked = (np.array([0.0, 2.0, 6.0]), np.array([0.0, 20.0, 30.0]), np.array([30.0, 25.0, 35.0]))

    def moved(by: np.ndarray) -> np.ndarray:
        return expected_orders(model.moved(by), *asked, 52.0)

    off = np.log(moved(np.zeros(4)) / expected_orders(TRUTH, *asked, 52.0))
    assert (np.abs(off) <= 1.5 * Z_95 * np.sqrt(log_variances(moved, model.covariance))).all()


def test_where_nobody_leaves_the_nbd_is_left():
    rng = np.random.default_rng(8)
    x = rng.poisson(rng.gamma(1.5, 1 / 8.0, 150) * 40.0).astype(float)
    t_x = np.where(x > 0, 40.0 * rng.random(150) ** (1 / np.maximum(x, 1)), 0.0)
    model = fit_pareto_nbd(group_histories(x, t_x, np.full(150, 40.0)))
    assert model.s == 0
    logs = np.log([model.r, model.alpha]) - np.log([1.5, 8.0])
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(model.covariance)[:2])).all()
    assert not model.covariance[2:].any()


@pytest.mark.parametrize(
    ("x", "t_x", "said"),
    [
        ([], [], "none of 0 persons"),
        ([0.0, 0.0], [0.0, 0.0], "none of 2 persons ordered on a second day"),
        # Everybody alike: nobody can say how they differ.
        ([4.0] * 50, [18.0] * 50, "has no maximum"),
    ],
)
def test_what_does_not_determine_the_parameters_is_told(x, t_x, said):
    data = [np.array(x), np.array(t_x), np.full(len(x), 20.0)]
    with pytest.raises(DegenerateFitError, match=said):
        fit_pareto_nbd(group_histories(*data))

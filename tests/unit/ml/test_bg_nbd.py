"""BG/NBD and gamma-gamma against the integrals that they are the solutions of."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import betaln, gammaln

from ml.bg_nbd import (
    BgNbd,
    DegenerateFitError,
    expected_orders,
    fit_bg_nbd,
    group_histories,
    log_likelihood,
    order_probability,
    probability_alive,
)
from ml.gamma_gamma import GammaGamma, expected_value, fit_gamma_gamma
from ml.likelihood import Z_95, log_variances
from tests.unit.ml.buyer_simulation import ALPHA, A, B, R, histories, simulate

# As published for CDNOW.
PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426)
MODELS = [
    PUBLISHED,
    BgNbd(1.5, 0.3, 0.05, 0.2),
    BgNbd(0.1, 30.0, 1.0, 3.0),
    BgNbd(0.1, 30.0, 1.0 + 3e-6, 3.0),
    BgNbd(8.0, 200.0, 5.0, 30.0),
]
HISTORIES = [(0, 0.0, 0.0), (0, 0.0, 39.0), (1, 3.0, 39.0), (7, 30.0, 31.0), (2000, 38.0, 38.5)]


def arrays(*numbers: float) -> list[np.ndarray]:
    return [np.array([float(number)]) for number in numbers]


def over_leaving(model: BgNbd, x: float, of: Callable[[float], float]) -> float:
    """Mean of a function of p over the beta(a, b + x) of somebody who still is a customer."""

    def density(p: float) -> float:
        log = (model.a - 1) * np.log(p) + (model.b + x - 1) * np.log1p(-p)
        return float(np.exp(log - betaln(model.a, model.b + x)))

    edges = [0.0, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0]
    return sum(
        quad(lambda p: density(p) * of(p), low, high, limit=200, epsabs=0, epsrel=1e-9)[0]
        for low, high in pairwise(edges)
    )


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_expected_orders_are_the_integral_over_who_somebody_may_be(model, history):
    # Somebody with p and lambda orders (1 - exp(-lambda p t)) / p times; lambda is
    # gamma(r + x, alpha + T).
    x, _, age = history
    alive = probability_alive(model, *arrays(*history))[0]
    for horizon in (1.0, 52.0, 520.0):
        share = horizon / (model.alpha + age)

        def orders(p: float, share: float = share) -> float:
            return float(-np.expm1(-(model.r + x) * np.log1p(p * share)) / p)

        expected = over_leaving(model, x, orders) * alive
        found = expected_orders(model, *arrays(*history), horizon)[0]
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_worked_example_of_the_authors_comes_out():
    # Fader, Hardie, Lee (2005), Implementing the BG/NBD Model in Excel: x = 2, t_x = 30.43,
    # T = 38.86 are expected to order 1.226 times in the next 39 weeks.
    found = expected_orders(PUBLISHED, *arrays(2, 30.43, 38.86), 39.0)[0]
    assert found == pytest.approx(1.226, abs=5e-4)


def test_who_ordered_once_is_taken_for_alive_and_nothing_overflows():
    alive = probability_alive(
        PUBLISHED, np.array([0.0, 2000.0, 2000.0]), np.array([0.0, 38.9, 1.0]), np.full(3, 39.0)
    )
    assert alive[0] == 1
    assert 0 < alive[1] < 1
    assert alive[2] == 0
    orders = expected_orders(PUBLISHED, *arrays(2000, 1, 39), 52.0)
    assert orders[0] == 0


@pytest.mark.parametrize("history", [(0, 0.0, 20.0), (1, 5.0, 20.0), (4, 18.0, 20.0)], ids=str)
def test_likelihood_and_probabilities_follow_from_rate_and_leaving(history):
    # A person of rate u and p: orders x times and is still there, or left after the last.
    model, (x, t_x, age) = BgNbd(R, ALPHA, A, B), history

    def weight(p: float, u: float) -> float:
        rate = R * np.log(ALPHA) + (R - 1) * np.log(u) - ALPHA * u - gammaln(R)
        return float(np.exp(rate + (A - 1) * np.log(p) + (B - 1) * np.log1p(-p) - betaln(A, B)))

    def there(p: float, u: float) -> float:
        return float((1 - p) ** x * u**x * np.exp(-u * age))

    def left(p: float, u: float) -> float:
        return float(p * (1 - p) ** (x - 1) * u**x * np.exp(-u * t_x)) if x else 0.0

    def mean(of: Callable[[float, float], float]) -> float:
        return dblquad(lambda p, u: weight(p, u) * of(p, u), 0, 4, 0, 1, epsabs=1e-12, epsrel=1e-6)[
            0
        ]

    is_there, is_gone = mean(there), mean(left)
    grouped = group_histories(*arrays(*history))
    assert log_likelihood(model, grouped) == pytest.approx(np.log(is_there + is_gone), rel=1e-4)
    alive = is_there / (is_there + is_gone)
    assert probability_alive(model, *arrays(*history))[0] == pytest.approx(alive, rel=1e-3)
    orders = mean(lambda p, u: there(p, u) * -np.expm1(-u * 9.0)) / (is_there + is_gone)
    assert order_probability(model, *arrays(*history), 9.0)[0] == pytest.approx(orders, rel=1e-3)


def test_the_fit_finds_the_parameters_and_does_not_see_the_order_of_persons():
    data = histories(simulate(3000, 60.0, seed=1), 3000, 60.0)
    model = fit_bg_nbd(group_histories(*data))
    logs = np.log(model.parameters) - np.log([R, ALPHA, A, B])
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(model.covariance))).all()
    turned = fit_bg_nbd(group_histories(*(column[::-1] for column in data)))
    assert turned.parameters.tobytes() == model.parameters.tobytes()
    assert turned.covariance.tobytes() == model.covariance.tobytes()
    truth = BgNbd(R, ALPHA, A, B)
    assert log_likelihood(truth, group_histories(*data)) < model.log_likelihood


def test_intervals_hold_what_is_expected_of_a_history_19_times_of_20():
    truth = BgNbd(R, ALPHA, A, B)
    asked = (np.array([0.0, 2.0, 6.0]), np.array([0.0, 20.0, 30.0]), np.array([30.0, 25.0, 35.0]))
    expected = expected_orders(truth, *asked, 52.0)
    held = []
    for seed in range(25):
        data = histories(simulate(500, 50.0, seed=100 + seed), 500, 50.0)
        model = fit_bg_nbd(group_histories(*data))
        found = expected_orders(model, *asked, 52.0)

        def moved(by: np.ndarray, model: BgNbd = model) -> np.ndarray:
            return expected_orders(model.moved(by), *asked, 52.0)

        reach = Z_95 * np.sqrt(log_variances(moved, model.covariance))
        held.append(np.abs(np.log(found / expected)) <= reach)
    # Of 75 intervals some 71; the three of a data set go wrong together, which needs room.
    assert np.mean(held) >= 62 / 75


def test_where_nobody_leaves_the_nbd_is_left():
    rng = np.random.default_rng(8)
    rates = rng.gamma(1.5, 1 / 8.0, 800)
    x = rng.poisson(rates * 40.0).astype(float)
    t_x = np.where(x > 0, 40.0 * rng.random(800) ** (1 / np.maximum(x, 1)), 0.0)
    model = fit_bg_nbd(group_histories(x, t_x, np.full(800, 40.0)))
    assert (model.a, model.b) == (0, 1)
    logs = np.log([model.r, model.alpha]) - np.log([1.5, 8.0])
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(model.covariance)[:2])).all()
    # Known of the NBD: (r + x) / (alpha + T) orders a week; none with the chance of a gamma mix.
    asked = arrays(3, 20, 40)
    rate = (model.r + 3) / (model.alpha + 40)
    assert expected_orders(model, *asked, 10.0) == pytest.approx([rate * 10])
    assert probability_alive(model, *asked) == 1
    none = ((model.alpha + 40) / (model.alpha + 50)) ** (model.r + 3)
    assert order_probability(model, *asked, 10.0) == pytest.approx([1 - none])
    nearly = BgNbd(model.r, model.alpha, 1e-9, 1.0)
    assert log_likelihood(nearly, group_histories(*asked)) == pytest.approx(
        log_likelihood(model, group_histories(*asked)), abs=1e-6
    )


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ((np.nan, 1.0, 2.0), "x, t_x, age = nan, 1, 2"),
        ((1.0, 3.0, 2.0), "x, t_x, age = 1, 3, 2"),
        ((1.5, 1.0, 2.0), "1.5, 1, 2"),
        ((-1.0, 0.0, 2.0), "-1, 0, 2"),
        ((0.0, 1.0, 2.0), "0, 1, 2"),
        ((1.0, 1.0, np.inf), "1, 1, inf"),
    ],
)
def test_impossible_histories_are_named(history, said):
    with pytest.raises(ValueError, match=said):
        group_histories(*arrays(*history))


@pytest.mark.parametrize(
    ("x", "t_x", "said"),
    [
        ([], [], "none of 0 persons"),
        ([0.0, 0.0], [0.0, 0.0], "none of 2 persons ordered on a second day"),
        # One person who keeps on: nobody can say how others differ.
        ([5.0], [19.0], "has no maximum"),
        # Everybody alike.
        ([4.0] * 50, [18.0] * 50, "has no maximum"),
    ],
)
def test_what_does_not_determine_the_parameters_is_told(x, t_x, said):
    data = [np.array(x), np.array(t_x), np.full(len(x), 20.0)]
    with pytest.raises(DegenerateFitError, match=said):
        fit_bg_nbd(group_histories(*data))


def test_the_value_of_an_order_lies_between_the_persons_own_mean_and_everybodys():
    model = GammaGamma(6.25, 3.74, 15.44)
    everybody = 6.25 * 15.44 / 2.74
    found = expected_value(model, np.array([0.0, 1.0, 1000.0]), np.array([7.0, 20.0, 20.0]))
    # p (v + n m) / (p n + q - 1), by hand.
    assert found[:2] == pytest.approx([everybody, 6.25 * 35.44 / 8.99])
    assert found[2] == pytest.approx(20.0, rel=1e-2)


def test_spend_is_fitted_to_what_it_was_made_by():
    rng = np.random.default_rng(5)
    number = rng.integers(1, 6, 4000).astype(float)
    mean = rng.gamma(6.0 * number) / (number * rng.gamma(4.0, 1 / 30.0, 4000))
    model = fit_gamma_gamma(number, mean)
    logs = np.log([model.p, model.q, model.v]) - np.log([6.0, 4.0, 30.0])
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(model.covariance))).all()
    turned = fit_gamma_gamma(number[::-1], mean[::-1])
    assert (turned.p, turned.q, turned.v) == (model.p, model.q, model.v)


@pytest.mark.parametrize(
    ("number", "mean", "said"),
    [
        ([], [], "0 persons with an order value"),
        ([2.0], [9.0], "1 persons with an order value"),
        ([2.0, 3.0], [9.0, 9.0], "all orders are worth 9"),
        ([1.0, 1.0, 1.0], [3.0, 9.0, 20.0], "nobody has two orders"),
    ],
)
def test_values_that_say_nothing_of_their_spread_are_told(number, mean, said):
    with pytest.raises(DegenerateFitError, match=said):
        fit_gamma_gamma(np.array(number), np.array(mean))


@pytest.mark.parametrize("bad", [np.nan, 0.0, -3.0, np.inf])
def test_values_that_are_no_amounts_are_refused(bad):
    with pytest.raises(ValueError, match="not finite or not above 0"):
        fit_gamma_gamma(np.array([1.0, 2.0]), np.array([5.0, bad]))

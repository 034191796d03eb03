"""Policies that learn: regret against the literature's, bounds against formulas written anew."""

import itertools
import math

import numpy as np
import pytest

from ml.bandits import (
    EpsilonGreedy,
    KlUcb,
    LinUcb,
    Thompson,
    Ucb1,
    divergence,
    lowest_regret,
    simulate_regret,
)

TWO, TEN = (0.9, 0.8), (0.5, *[0.4] * 9)
# Pseudo-regret after 10,000 choices, of long simulations by others.
KNOWN = [
    (Thompson(), TWO, 10.5, 80), (KlUcb(), TWO, 15.7, 40), (Ucb1(), TWO, 86, 40),
    (EpsilonGreedy(0.1), TWO, 55, 80), (Thompson(), TEN, 168, 40), (Ucb1(), TEN, 593, 40),
    (EpsilonGreedy(0.1), TEN, 219, 80),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "means", "known", "runs"), KNOWN)
def test_regret_is_that_of_the_literature(policy, means, known, runs):
    found = simulate_regret(policy, means, [10_000], runs, np.random.default_rng(7))
    assert abs(found.mean[-1] - known) <= 4 * found.standard_error[-1] + 0.02 * known


def test_who_learns_loses_ever_less_and_who_explores_for_ever_does_not():
    steps = [1_000, 2_000, 4_000]
    learns = simulate_regret(Thompson(), TWO, steps, 60, np.random.default_rng(3)).mean
    explores = simulate_regret(EpsilonGreedy(0.5), TWO, steps, 60, np.random.default_rng(3)).mean
    assert learns[2] - learns[1] < learns[0]
    # Half of the choices are at random, and half of these are the worse arm: 0.025 each.
    assert explores[2] - explores[1] == pytest.approx(0.025 * 2_000, rel=0.1)


def test_the_lowest_regret_is_lai_and_robbins():
    assert lowest_regret(TWO) == pytest.approx(2.25, abs=0.005)
    assert lowest_regret(TEN) == pytest.approx(44.7, abs=0.05)
    with pytest.raises(ValueError, match="no arm is worse"):
        lowest_regret([0.3, 0.3])


def test_divergence_is_that_of_coins():
    for p, q in itertools.product([0.0, 0.2, 0.5, 1.0], [0.1, 0.5, 0.9]):
        by_hand = sum(a * math.log(a / b) for a, b in ((p, q), (1 - p, 1 - q)) if a > 0)
        assert divergence(p, q) == pytest.approx(by_hand)
    assert divergence(0.5, 1.0) == math.inf


def test_the_index_of_kl_ucb_is_the_highest_credible_probability():
    # Each first arm's index is compared with a fixed second arm's: the switch is where both meet.
    pulls, successes = np.array([[20.0, 10.0]]), np.array([[10.0, 4.0]])
    grid = np.linspace(0, 1, 100_001)[1:-1]

    def index(arm: int) -> float:
        mean, n = successes[0, arm] / pulls[0, arm], pulls[0, arm]
        credible = grid[(n * divergence(mean, grid) <= math.log(30)) & (grid >= mean)]
        return float(credible.max())

    chosen = KlUcb().choose(pulls, successes, 30, np.random.default_rng(0))
    assert chosen.tolist() == [int(np.argmax([index(0), index(1)]))]
    assert index(1) > index(0)


@pytest.mark.parametrize("policy", [Thompson(), KlUcb(), Ucb1(), EpsilonGreedy()])
def test_arms_that_always_or_never_pay_are_told_apart(policy):
    found = simulate_regret(policy, [0.0, 1.0], [400], 20, np.random.default_rng(2))
    assert np.isfinite(found.mean).all()
    assert found.mean[-1] < 40


def test_the_same_seed_gives_the_same_plays():
    one, other = (
        simulate_regret(Thompson(), TWO, [10, 200], 5, np.random.default_rng(4)) for _ in range(2)
    )
    assert one.mean.tolist() == other.mean.tolist()


@pytest.mark.parametrize(
    ("means", "steps"), [([0.5], [10]), ([0.5, 1.5], [10]), (TWO, []), (TWO, [5, 5]), (TWO, [0])]
)
def test_what_is_no_bandit_is_refused(means, steps):
    with pytest.raises(ValueError, match=r"bandit has|steps are"):
        simulate_regret(Thompson(), means, steps, 2, np.random.default_rng(0))


def test_lin_ucb_is_a_ridge_regression_an_arm():
    rng = np.random.default_rng(5)
    policy, contexts, pays = LinUcb(2, 3, width=0.7, ridge=2.0), rng.random((50, 3)), rng.random(50)
    for context, pay in zip(contexts, pays, strict=True):
        policy.learn(1, context, pay)
    seen = rng.random(3)
    gram = contexts.T @ contexts + 2 * np.eye(3)
    expected = seen @ np.linalg.solve(gram, contexts.T @ pays)
    spread = math.sqrt(seen @ np.linalg.solve(gram, seen))
    untried = 0.7 * math.sqrt(seen @ seen / 2)
    assert policy.bounds(seen) == pytest.approx([untried, expected + 0.7 * spread])


def test_lin_ucb_finds_the_arm_of_each_context_where_no_arm_is_best():
    rng = np.random.default_rng(6)
    policy, lost = LinUcb(2, 2, width=0.5), []
    # Each arm pays in one half of the contexts: whoever ignores them loses half of the time.
    for _ in range(1_500):
        context = np.eye(2)[rng.integers(2)]
        arm = policy.choose(context)
        expected = 0.8 if context[arm] else 0.2
        lost.append(0.8 - expected)
        policy.learn(arm, context, float(rng.random() < expected))
    assert np.mean(lost[500:]) < 0.02


def test_lin_ucb_learns_the_same_from_sums_as_one_by_one():
    rng = np.random.default_rng(12)
    contexts = np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 2.0]])
    chosen, seen, pays = rng.integers(2, size=60), rng.integers(3, size=60), rng.random(60)
    one_by_one, at_once = LinUcb(2, 2), LinUcb(2, 2)
    pulls, sums = np.zeros((2, 3)), np.zeros((2, 3))
    for arm, place, pay in zip(chosen, seen, pays, strict=True):
        one_by_one.learn(int(arm), contexts[place], float(pay))
        pulls[arm, place] += 1
        sums[arm, place] += pay
    at_once.learn_sums(contexts, pulls, sums)
    asked = np.array([0.3, 0.7])
    assert at_once.bounds(asked) == pytest.approx(one_by_one.bounds(asked))

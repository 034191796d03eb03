"""Policies that learn by choosing, and what their learning costs.

Here: ε-greedy, UCB1, KL-UCB and Thompson sampling for arms that pay or do not, LinUCB for arms
whose pay depends on a context, pseudo-regret in simulation, and its lower bound. Not here: the
value of a policy from logged choices (`off_policy`).

Sources: Auer, Cesa-Bianchi, Fischer (2002), Machine Learning 47 (ε-greedy, UCB1); Garivier, Cappé
(2011), COLT (KL-UCB); Thompson (1933), Biometrika 25; Chapelle, Li (2011), NIPS; Li, Chu, Langford,
Schapire (2010), WWW (LinUCB); Lai, Robbins (1985), Advances in Applied Mathematics 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Halvings of an interval of probabilities: the index of KL-UCB is exact to 2^-16.
_HALVINGS = 16


class Policy(Protocol):
    """Chooses an arm from what each arm has paid so far."""

    def choose(self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator) -> Ints:
        """The arm of each run.

        Args:
            pulls: how often each arm was chosen, (runs, arms), each at least once.
            successes: how often it paid, (runs, arms).
            step: choices made so far in each run.
            rng: for policies that choose at random.

        Returns:
            Index of an arm a run, (runs,); the first of equals.
        """
        ...

    def indices(
        self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """What the arms are ranked by, but for exploring beside it; see `choose`, (runs, arms)."""
        ...


@dataclass(frozen=True)
class EpsilonGreedy:
    """The best arm so far, but with probability `epsilon` any arm."""

    epsilon: float = 0.1

    def choose(self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator) -> Ints:
        """See `Policy`."""
        runs, arms = pulls.shape
        explores = rng.random(runs) < self.epsilon
        best = _best(self.indices(pulls, successes, step, rng))
        return np.where(explores, rng.integers(arms, size=runs), best)

    def indices(
        self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """See `Policy`."""
        return successes / pulls


@dataclass(frozen=True)
class Ucb1:
    """The arm with the highest bound: mean + √(2 ln t / n)."""

    def choose(self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator) -> Ints:
        """See `Policy`."""
        return _best(self.indices(pulls, successes, step, rng))

    def indices(
        self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """See `Policy`."""
        return np.asarray(successes / pulls + np.sqrt(2 * math.log(step) / pulls))


@dataclass(frozen=True)
class KlUcb:
    """The arm with the highest probability q that is credible: n kl(mean, q) ≤ ln t."""

    def choose(self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator) -> Ints:
        """See `Policy`."""
        return _best(self.indices(pulls, successes, step, rng))

    def indices(
        self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """See `Policy`."""
        means = successes / pulls
        # kl(p, q) ≤ c where p ln q + (1 − p) ln(1 − q) ≥ −H(p) − c.
        least = -entropy(means) - math.log(step) / pulls
        low, high = means.copy(), np.ones_like(means)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_credible = (
                special.xlogy(means, middle) + special.xlog1py(1 - means, -middle) >= least
            )
            low, high = np.where(is_credible, middle, low), np.where(is_credible, high, middle)
        return low


@dataclass(frozen=True)
class Thompson:
    """The arm that is best in a draw from beta posteriors, uniform before anything is seen."""

    def choose(self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator) -> Ints:
        """See `Policy`."""
        return _best(self.indices(pulls, successes, step, rng))

    def indices(
        self, pulls: Floats, successes: Floats, step: int, rng: np.random.Generator
    ) -> Floats:
        """See `Policy`."""
        return rng.beta(successes + 1, pulls - successes + 1)


def _best(indices: Floats) -> Ints:
    return np.asarray(np.argmax(indices, axis=1), np.int64)


def entropy(p: Floats) -> Floats:
    """Of coins, nats."""
    return np.asarray(-(special.xlogy(p, p) + special.xlogy(1 - p, 1 - p)))


def divergence(p: npt.ArrayLike, q: npt.ArrayLike) -> Floats:
    """Kullback-Leibler divergence of coins, nats; infinite where q cannot be."""
    first, second = np.asarray(p, float), np.asarray(q, float)
    return np.asarray(special.rel_entr(first, second) + special.rel_entr(1 - first, 1 - second))


@dataclass(frozen=True)
class Regret:
    """What was lost by not knowing the best arm.

    Attributes:
        steps: after how many choices, (n,).
        mean: pseudo-regret then, mean over runs, in pays, (n,).
        standard_error: of the mean, (n,).
    """

    steps: Ints
    mean: Floats
    standard_error: Floats


def simulate_regret(
    policy: Policy,
    means: Sequence[float],
    steps: Sequence[int],
    runs: int,
    rng: np.random.Generator,
) -> Regret:
    """Play a bandit of arms that pay 1 with fixed probabilities.

    Args:
        policy: how to choose; each arm is chosen once before it is asked.
        means: probability of each arm, at least two.
        steps: when to look, ascending.
        runs: independent plays, side by side.
        rng: draws pays and whatever the policy draws.

    Raises:
        ValueError: fewer than two arms, a probability outside [0, 1], steps not ascending from 1.
    """
    pays = np.asarray(means, float)
    if pays.size < 2 or not ((pays >= 0) & (pays <= 1)).all():
        raise ValueError("a bandit has at least two arms, with probabilities between 0 and 1")
    looks = np.asarray(steps, np.int64)
    if looks.size == 0 or looks[0] < 1 or (np.diff(looks) <= 0).any():
        raise ValueError("steps are ascending, from 1 on")
    gaps = pays.max() - pays
    pulls, successes = np.zeros((runs, pays.size)), np.zeros((runs, pays.size))
    lost, mine = np.zeros(runs), np.arange(runs)
    rows: list[Floats] = []
    for step in range(int(looks[-1])):
        if step < pays.size:
            arms = np.full(runs, step, np.int64)
        else:
            arms = policy.choose(pulls, successes, step, rng)
        successes[mine, arms] += rng.random(runs) < pays[arms]
        pulls[mine, arms] += 1
        lost += gaps[arms]
        if step + 1 == looks[len(rows)]:
            rows.append(lost.copy())
    table = np.stack(rows)
    error = table.std(axis=1, ddof=1) / math.sqrt(runs) if runs > 1 else np.zeros(len(rows))
    return Regret(looks, table.mean(axis=1), error)


def lowest_regret(means: Sequence[float]) -> float:
    """Lai and Robbins' constant: no consistent policy loses less than this times ln t, for long.

    Raises:
        ValueError: every arm is the best.
    """
    pays = np.asarray(means, float)
    worse = pays[pays < pays.max()]
    if worse.size == 0:
        raise ValueError("no arm is worse than another: nothing can be lost")
    return float(np.sum((pays.max() - worse) / divergence(worse, pays.max())))


class LinUcb:
    """Disjoint LinUCB: a ridge regression an arm, and the arm with the highest bound.

    Args:
        arms: how many.
        features: of a context.
        width: of the bounds, in standard errors (α).
        ridge: weight of the prior at zero.
    """

    def __init__(self, arms: int, features: int, width: float = 1.0, ridge: float = 1.0) -> None:
        self.width = width
        self._inverse: Floats = np.repeat(np.eye(features)[None] / ridge, arms, axis=0)
        self._sums: Floats = np.zeros((arms, features))

    def bounds(self, context: Floats) -> Floats:
        """Upper bound of each arm's pay, (arms,).

        Args:
            context: what is known before the choice, (features,).
        """
        spread = np.einsum("i,aij,j->a", context, self._inverse, context)
        expected = np.einsum("aij,aj,i->a", self._inverse, self._sums, context)
        return np.asarray(expected + self.width * np.sqrt(spread))

    def choose(self, context: Floats) -> int:
        """The arm with the highest bound, the first of equals."""
        return int(np.argmax(self.bounds(context)))

    def learn_sums(self, contexts: Floats, pulls: Floats, pays: Floats) -> None:
        """Take up many choices at once: as `learn` of each, in any order.

        Args:
            contexts: those that there were, (n, features).
            pulls: how often each arm was chosen in each, (arms, n).
            pays: what it has paid there in sum, (arms, n).
        """
        seen = np.einsum("an,ni,nj->aij", pulls, contexts, contexts)
        self._inverse = np.linalg.inv(np.linalg.inv(self._inverse) + seen)
        self._sums += pays @ contexts

    def learn(self, arm: int, context: Floats, pay: float) -> None:
        """Take up what a choice has paid (Sherman and Morrison's update)."""
        seen = self._inverse[arm] @ context
        self._inverse[arm] -= np.outer(seen, seen) / (1 + context @ seen)
        self._sums[arm] += pay * context

"""Policies that choose a product for a slot, and the probability with which they would choose it.

Here: what each policy has learned from a slot's impressions, frozen as rankings of the products,
and how likely it shows a product where some stand above already. Not here: what a policy is worth
(`bandit_policies`), and what learning costs (`bandits`).

A policy is a mixture: with some probability it draws by fixed weights, else it takes one of its
rankings at random; either way, of what does not stand above already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.bandits import EpsilonGreedy, KlUcb, LinUcb, Policy, Thompson, Ucb1
from ml.slot_impressions import Floats, Ints, SlotImpressions

UNIFORM = "uniform"
POLICIES = (UNIFORM, "epsilon_greedy", "ucb1", "kl_ucb", "thompson", "linucb")
# Impressions times rankings that are looked at together.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Arms:
    """The products that a slot may show, and the impressions in their terms.

    Attributes:
        products: ids in alphabetical order, (arms,).
        contexts: categories that are told apart, (contexts,); others are 0, as none is.
    """

    products: npt.NDArray[np.str_]
    contexts: npt.NDArray[np.str_]

    @property
    def size(self) -> int:
        """How many products."""
        return int(self.products.size)

    def coded(self, slot: SlotImpressions) -> CodedSlot:
        """Products as places among the arms; −1 for what is none, or stands above twice."""
        above = _places(self.products, slot.above)
        for column in range(1, above.shape[1]):
            again = (above[:, :column] == above[:, [column]]).any(axis=1)
            above[again, column] = -1
        contexts = _places(self.contexts, slot.categories) + 1
        return CodedSlot(_places(self.products, slot.products), above, contexts)


@dataclass(frozen=True)
class CodedSlot:
    """Impressions in terms of `Arms`.

    Attributes:
        shown: the arm, −1 for none of them, (n,).
        above: arms that stood above, −1 for none of them, (n, k).
        contexts: 0 or 1 + the place of the category, (n,).
    """

    shown: Ints
    above: Ints
    contexts: Ints


def _places(among: npt.NDArray[np.str_], values: npt.NDArray[np.str_]) -> Ints:
    if among.size == 0:
        return np.full(values.shape, -1, np.int64)
    at = np.minimum(np.searchsorted(among, values), among.size - 1)
    return np.where(among[at] == values, at, -1).astype(np.int64)


@dataclass(frozen=True)
class SlotPolicy:
    """A policy as it stands after learning.

    Attributes:
        rankings: arms, the best first, (contexts or 1, draws, depth); deeper than what may stand
            above.
        weights: of the arms where it draws, (arms,).
        explores: probability with which it draws, 0 to 1.
    """

    rankings: Ints
    weights: Floats
    explores: float

    def probabilities(self, coded: CodedSlot) -> Floats:
        """With which it would have shown what was shown, (n,)."""
        drawn = np.append(self.weights, 0.0)
        taken = np.append(coded.above, coded.shown[:, None], axis=1) == coded.shown[:, None]
        is_free = (coded.shown >= 0) & ~taken[:, :-1].any(axis=1)
        left = self.weights.sum() - drawn[coded.above].sum(axis=1)
        by_weight = np.where(is_free, drawn[coded.shown] / left, 0.0)
        by_rank = np.zeros(coded.shown.size)
        for part, choice in self._choices(coded):
            by_rank[part] = (choice == coded.shown[part, None]).mean(axis=1)
        mixed = self.explores * by_weight + (1 - self.explores) * by_rank
        return np.asarray(np.clip(mixed, 0.0, 1.0))

    def expected(self, coded: CodedSlot, rewards: Floats) -> Floats:
        """The reward that it would have had if each arm pays its own, (arms,) -> (n,)."""
        drawn, paid = np.append(self.weights, 0.0), np.append(self.weights * rewards, 0.0)
        left = self.weights.sum() - drawn[coded.above].sum(axis=1)
        by_weight = (paid.sum() - paid[coded.above].sum(axis=1)) / left
        by_rank = np.zeros(coded.shown.size)
        for part, choice in self._choices(coded):
            by_rank[part] = rewards[choice].mean(axis=1)
        return np.asarray(self.explores * by_weight + (1 - self.explores) * by_rank)

    def _choices(self, coded: CodedSlot) -> list[tuple[slice, Ints]]:
        """The best free arm of each ranking, (part, draws), part by part."""
        contexts, draws, depth = self.rankings.shape
        if draws == 0:
            return []
        at = coded.contexts if contexts > 1 else np.zeros_like(coded.contexts)
        size = max(1, _CHUNK // draws)
        parts = []
        for start in range(0, at.size, size):
            part = slice(start, start + size)
            ranked = self.rankings[at[part]]
            above = coded.above[part]
            choice = ranked[:, :, depth - 1].copy()
            for rank in range(depth - 2, -1, -1):
                is_free = np.ones(choice.shape, bool)
                for column in range(above.shape[1]):
                    is_free &= ranked[:, :, rank] != above[:, [column]]
                choice = np.where(is_free, ranked[:, :, rank], choice)
            parts.append((part, choice))
        return parts


def arms_of(slot: SlotImpressions, since: int, most_contexts: int) -> Arms:
    """What the slot showed from a day on, and the categories that are frequent enough to tell.

    Args:
        slot: what is learned from.
        since: days since 1970; what was last shown before it is no longer on offer.
        most_contexts: so many categories, the most frequent; of equals the first by name.
    """
    categories, counts = np.unique(slot.categories[slot.categories != ""], return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:most_contexts]
    products = np.unique(slot.products[slot.days >= since])
    return Arms(products, np.sort(categories[frequent]))


def drawing(weights: Floats) -> SlotPolicy:
    """A policy that draws by weights alone."""
    return SlotPolicy(np.empty((1, 0, 1), np.int64), weights, 1.0)


def learn_policies(
    arms: Arms, coded: CodedSlot, rewards: Floats, *, draws: int, epsilon: float, seed: int
) -> dict[str, SlotPolicy]:
    """Every policy of `POLICIES` from the impressions of a slot.

    Args:
        arms: more of them than may stand above.
        coded: what is learned from; each arm was shown at least once.
        rewards: of these, from 0, (n,). Policies want 0 to 1: they are divided by the largest, and
            part of a reward is part of a success.
        draws: how many rankings Thompson sampling is frozen into.
        epsilon: share of exploring of ε-greedy.
        seed: of these draws.
    """
    size, depth = arms.size, coded.above.shape[1] + 1
    is_arm = coded.shown >= 0
    shown, contexts = coded.shown[is_arm], coded.contexts[is_arm]
    paid = rewards[is_arm] / max(float(rewards.max(initial=0.0)), 1e-12)
    cells = arms.contexts.size + 1
    cell = shown * cells + contexts
    pulls = np.bincount(cell, minlength=size * cells).reshape(size, cells).astype(np.float64)
    pays = np.asarray(np.bincount(cell, weights=paid, minlength=size * cells), np.float64)
    pays = pays.reshape(size, cells)
    uniform = np.full(size, 1 / size)
    found = {UNIFORM: drawing(uniform)}
    simple: Sequence[tuple[str, Policy, int, float]] = (
        ("epsilon_greedy", EpsilonGreedy(epsilon), 1, epsilon),
        ("ucb1", Ucb1(), 1, 0.0),
        ("kl_ucb", KlUcb(), 1, 0.0),
        ("thompson", Thompson(), draws, 0.0),
    )
    for name, policy, runs, explores in simple:
        seen, won = (np.repeat(one.sum(axis=1)[None], runs, axis=0) for one in (pulls, pays))
        rng = np.random.default_rng(seed)
        indices = policy.indices(seen, np.minimum(won, seen), int(pulls.sum()), rng)
        found[name] = SlotPolicy(_ranked(indices, depth)[None], uniform, explores)
    # A category is told by a column of its own, beside one that all share.
    known = np.hstack([np.ones((cells, 1)), np.eye(cells)[:, 1:]])
    linear = LinUcb(size, cells)
    linear.learn_sums(known, pulls, pays)
    bounds = np.stack([linear.bounds(one) for one in known])
    found["linucb"] = SlotPolicy(_ranked(bounds, depth)[:, None], uniform, 0.0)
    return found


def _ranked(indices: Floats, depth: int) -> Ints:
    """The best arms of each row, the first of equals first, (rows, depth)."""
    return np.asarray(np.argsort(-indices, axis=1, kind="stable")[:, :depth], np.int64)

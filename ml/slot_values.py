"""Policies valued in one slot, or in all: what each would have shown, and what that brought.

Here: which days are learned from and which are valued, the numbers of every impression that an
estimate needs, and whether the logged probabilities can be true. Not here: the policies
(`slot_policies`), the estimators (`off_policy`), and rows (`bandit_policies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from ml.off_policy import ValueEstimate, policy_value, standard_error
from ml.slot_impressions import Floats, Ints, SlotImpressions
from ml.slot_policies import UNIFORM, CodedSlot, arms_of, drawing, learn_policies

ALL_SLOTS = "(all)"
REWARDS = ("click", "revenue")


@dataclass(frozen=True)
class BanditParams:
    """Settings of a run.

    Attributes:
        valued_days: the last days whose rewards are over, at most half of those there are.
        offered_days: what was not shown for so long before the valued days is no longer offered.
        min_impressions: a slot with fewer to learn from, or to value, has no rows.
        min_visitors: nor has one that fewer were shown to on the valued days.
        min_rewards: with fewer effective rewards a value has no interval, and is not called better.
        max_impressions: at most so many of a slot are valued, evenly over its days.
        deepest: positions further down are left out.
        contexts: favourite categories that LinUCB tells apart.
        draws: rankings that Thompson sampling is frozen into.
        epsilon: share of exploring of ε-greedy.
        prior: impressions of the slot's mean that each product's mean of rewards begins with.
        level: of the intervals.
        bar: standard errors that a mean weight may be off 1, and
        tolerance: how far off it may be in any case.
        seed: of the draws.
    """

    valued_days: int = 7
    offered_days: int = 28
    min_impressions: int = 100
    min_visitors: int = 30
    min_rewards: float = 10.0
    max_impressions: int = 20_000
    deepest: int = 10
    contexts: int = 20
    draws: int = 500
    epsilon: float = 0.1
    prior: float = 10.0
    level: float = 0.95
    bar: float = 4.0
    tolerance: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Period:
    """Days since 1970, inclusive."""

    first: int
    learned_to: int
    valued_from: int
    valued_to: int


@dataclass(frozen=True)
class Valued:
    """A policy and a reward on the valued impressions of one slot or of all, (n,) each."""

    rewards: Floats
    propensities: Floats
    target: Floats
    predicted: Floats
    expected: Floats
    visitors: Ints

    @property
    def weights(self) -> Floats:
        return self.target / self.propensities

    def estimates(self, level: float) -> list[ValueEstimate]:
        return policy_value(
            self.rewards,
            self.propensities,
            self.target,
            predicted=self.predicted,
            predicted_of_target=self.expected,
            units=self.visitors,
            level=level,
        )

    @classmethod
    def together(cls, parts: Sequence[Valued]) -> Valued:
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


@dataclass(frozen=True)
class ValuedSlot:
    """One slot, or all: every policy by reward, and the two that the log is checked by.

    Attributes:
        shown: impressions on the valued days, those among them that are too many to be valued.
        checks: by name.
    """

    list_id: str
    position: int | None
    shown: int
    valued: dict[tuple[str, str], Valued]
    checks: dict[str, Valued]

    @property
    def name(self) -> str:
        return self.list_id if self.position is None else f"{self.list_id}, place {self.position}"


def period_of(
    slots: Sequence[SlotImpressions], as_of: date, reward_days: int, params: BanditParams
) -> Period:
    """What is valued ends where rewards are over, what is learned from where they were by then."""
    last = (as_of - date(1970, 1, 1)).days - reward_days
    first = min((int(one.days.min()) for one in slots), default=last)
    valued_from = last - min(params.valued_days, max(0, last - first + 1) // 2) + 1
    return Period(first, valued_from - 1 - reward_days, valued_from, last)


def value_slot(slot: SlotImpressions, period: Period, params: BanditParams) -> ValuedSlot | None:
    """Learn and value in one slot; None where too little was shown."""
    before = slot.where(slot.days <= period.learned_to)
    after = slot.where((slot.days >= period.valued_from) & (slot.days <= period.valued_to))
    if min(before.days.size, after.days.size) < params.min_impressions:
        return None
    since = period.learned_to - params.offered_days + 1
    arms = arms_of(before, since, params.contexts)
    if np.unique(after.visitors).size < params.min_visitors or arms.size <= slot.position:
        return None
    shown = after.days.size
    if shown > params.max_impressions:
        in_time = np.argsort(after.days, kind="stable")
        evenly = np.linspace(0, shown - 1, params.max_impressions).astype(np.int64)
        after = after.where(in_time[evenly])
    learned, asked = arms.coded(before), arms.coded(after)
    pulls = np.bincount(learned.shown[learned.shown >= 0], minlength=arms.size).astype(np.float64)
    valued: dict[tuple[str, str], Valued] = {}
    for reward in REWARDS:
        paid = _mean_rewards(learned, before.rewards[reward], pulls, params.prior)
        policies = learn_policies(
            arms,
            learned,
            before.rewards[reward],
            draws=params.draws,
            epsilon=params.epsilon,
            seed=params.seed,
        )
        for name, policy in policies.items():
            valued[name, reward] = Valued(
                rewards=after.rewards[reward],
                propensities=after.propensities,
                target=policy.probabilities(asked),
                # What is no arm is shown by no policy: its prediction has weight 0.
                predicted=np.append(paid, 0.0)[asked.shown],
                expected=policy.expected(asked, paid),
                visitors=after.visitors,
            )
    none = np.zeros(after.days.size)
    as_often = drawing(pulls).probabilities(asked)
    checks = {
        "uniform": valued[UNIFORM, REWARDS[0]],
        "shares": Valued(none, after.propensities, as_often, none, none, after.visitors),
    }
    return ValuedSlot(slot.list_id, slot.position, shown, valued, checks)


def _mean_rewards(coded: CodedSlot, rewards: Floats, pulls: Floats, prior: float) -> Floats:
    """Of each arm, drawn to the slot's own mean, (arms,)."""
    is_arm = coded.shown >= 0
    sums = np.bincount(coded.shown[is_arm], weights=rewards[is_arm], minlength=pulls.size)
    return np.asarray((sums + prior * rewards.mean()) / (pulls + prior))


def all_of(slots: Sequence[ValuedSlot]) -> ValuedSlot:
    """All slots as one, each by its own policies."""
    return ValuedSlot(
        ALL_SLOTS,
        None,
        sum(one.shown for one in slots),
        {key: Valued.together([one.valued[key] for one in slots]) for key in slots[0].valued},
        {key: Valued.together([one.checks[key] for one in slots]) for key in slots[0].checks},
    )


def implausible(slots: Sequence[ValuedSlot], params: BanditParams) -> str:
    """Where weights do not have the mean 1 that they have if probabilities are true."""
    found = []
    for slot in slots:
        for name, one in slot.checks.items():
            mean = float(one.weights.mean())
            error = standard_error(one.weights - mean, one.visitors)
            if abs(mean - 1) > max(params.bar * error, params.tolerance):
                found.append(f"{slot.name}: {mean:.3f} ± {error:.3f} ({name})")
    if not found:
        return ""
    return (
        "the logged propensities cannot be true, no value built on them can be trusted: weights "
        f"should have the mean 1, and have {'; '.join(found)}"
    )

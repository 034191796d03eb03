"""Models of how a person chooses again and again: what they are, and the simple ones.

Here: a person's trials, parameters with their priors, what a model of choices is, and rivals that
learn nothing or nearly so. Not here: learning from rewards (`rescorla_wagner`), fits and their
comparison (`choice_fits`), simulated people (`choice_recovery`), policies that are meant to earn
(`bandits`), which choices of a shop are trials.

Sources: Wilson, Collins (2019), Ten Simple Rules for the Computational Modeling of Behavioral Data,
eLife 8, e49547; Daw et al. (2011), Model-based Influences on Humans' Choices, Neuron 69 (priors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit, gammaln, logit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trials:
    """What one person chose and what it brought, in order.

    Attributes:
        choices: (n,) options, 0 to options - 1.
        rewards: (n,) finite; 0 and 1 where a choice pays or does not.
        options: how many there were each time, >= 1.

    Raises:
        ValueError: lengths differ, an option is out of range, a reward is not finite.
    """

    choices: Ints
    rewards: Floats
    options: int

    def __post_init__(self) -> None:
        if self.options < 1:
            raise ValueError(f"{self.options} options: there must be at least one")
        if self.choices.ndim != 1 or self.choices.shape != self.rewards.shape:
            raise ValueError(
                f"choices and rewards are one each a trial, not {self.choices.shape} and "
                f"{self.rewards.shape}"
            )
        if not np.issubdtype(self.choices.dtype, np.integer):
            raise ValueError(f"choices are whole numbers, not {self.choices.dtype}")
        outside = (self.choices < 0) | (self.choices >= self.options)
        for bad, what, values in (
            (outside, f"is no option of 0 to {self.options - 1}", self.choices),
            (~np.isfinite(self.rewards), "is no reward", self.rewards),
        ):
            if bad.any():
                place = int(np.flatnonzero(bad)[0])
                raise ValueError(f"trial {place}: {values[place]} {what}")

    def __len__(self) -> int:
        return len(self.choices)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Attributes:
        name: as in the literature.
        kind: "share" in (0, 1), "positive", or "real".
        low: least of the usual values, for starts of the search and for simulated people.
        high: greatest of them; drawn uniformly between, a positive one by its logarithm.

    The prior of a MAP fit goes by kind, densities of the parameter itself, after Daw et al. (2011):
    beta(1.1, 1.1), gamma(1.2, scale 5) and normal(0, 1). Their modes are .5, 1 and 0.
    """

    name: str
    kind: Literal["share", "positive", "real"]
    low: float
    high: float

    def to_search(self, value: float) -> float:
        """The value on the scale of the search."""
        if self.kind == "share":
            return float(logit(value))
        return math.log(value) if self.kind == "positive" else value

    def from_search(self, place: float) -> tuple[float, float]:
        """The value, and its derivative by the place."""
        if self.kind == "share":
            share = float(expit(place))
            return share, share * float(expit(-place))
        return (math.exp(place), math.exp(place)) if self.kind == "positive" else (place, 1.0)

    def usual(self, part: float) -> float:
        """The place on the scale of the search of `part`, 0 to 1, of the usual values."""
        if self.kind == "positive":
            return math.log(self.low) + part * math.log(self.high / self.low)
        return self.to_search(self.low + part * (self.high - self.low))

    def log_prior(self, value: float) -> tuple[float, float]:
        """Log density of the prior, and its derivative by the value."""
        if self.kind == "share":
            constant = float(gammaln(2.2) - 2 * gammaln(1.1))
            density = constant + 0.1 * (math.log(value) + math.log1p(-value))
            return density, 0.1 / value - 0.1 / (1 - value)
        if self.kind == "positive":
            constant = -float(gammaln(1.2)) - 1.2 * math.log(5.0)
            return constant + 0.2 * math.log(value) - value / 5, 0.2 / value - 0.2
        return -value * value / 2 - math.log(2 * math.pi) / 2, -value


def log_softmax(odds: Floats) -> Floats:
    """Logarithms of choice probabilities, from log odds of options along the first axis.

    SciPy's function takes several times as long for two options.
    """
    below = odds - odds.max(axis=0)
    return np.asarray(below - np.log(np.exp(below).sum(axis=0)), dtype=np.float64)


class Agent(Protocol):
    """Somebody who chooses by a model, trial after trial."""

    def probabilities(self) -> Floats:
        """(options,) of the next choice."""
        ...

    def learn(self, choice: int, reward: float) -> None:
        """Take up what a choice has brought."""
        ...


class ChoiceModel(Protocol):
    """A model of choices between a fixed number of options."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def options(self) -> int:
        """How many it chooses between."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is fitted, k of them."""
        ...

    def log_likelihood(self, values: Floats, trials: Trials) -> tuple[float, Floats]:
        """Log-likelihood of choices, nats, and its (k,) derivatives by the (k,) values."""
        ...

    def agent(self, values: Floats) -> Agent:
        """Somebody with these parameters before the first trial."""
        ...

    def in_words(self, values: Floats) -> str:
        """What the parameters say of a person."""
        ...


@dataclass(frozen=True)
class RandomChoice:
    """Every option is as likely as another, always: nothing to fit, the bar for all others."""

    options: int
    name: str = "random"
    parameters: tuple[Parameter, ...] = ()

    def log_likelihood(self, values: Floats, trials: Trials) -> tuple[float, Floats]:
        """See `ChoiceModel`."""
        return -len(trials) * math.log(self.options), np.zeros(0)

    def agent(self, values: Floats) -> Agent:
        """See `ChoiceModel`."""
        return _Fixed(np.zeros(self.options))

    def in_words(self, values: Floats) -> str:
        """See `ChoiceModel`."""
        return f"chooses any of {self.options} options alike"


@dataclass(frozen=True)
class BiasedChoice:
    """Fixed preferences whatever is earned: log-odds of each option but the first against it.

    Wilson and Collins' model 1, for any number of options.
    """

    options: int
    name: str = "biased"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """`bias_1` to `bias_<options - 1>`."""
        return tuple(
            Parameter(f"bias_{option}", "real", -2.0, 2.0) for option in range(1, self.options)
        )

    def log_likelihood(self, values: Floats, trials: Trials) -> tuple[float, Floats]:
        """See `ChoiceModel`."""
        logs = log_softmax(np.append(0.0, values))
        counts = np.bincount(trials.choices, minlength=self.options)
        return float(counts @ logs), (counts - len(trials) * np.exp(logs))[1:]

    def agent(self, values: Floats) -> Agent:
        """See `ChoiceModel`."""
        return _Fixed(np.append(0.0, values))

    def in_words(self, values: Floats) -> str:
        """See `ChoiceModel`."""
        shares = np.exp(log_softmax(np.append(0.0, values))).tolist()
        told = ", ".join(f"{share:.0%} option {option}" for option, share in enumerate(shares))
        return f"chooses {told}, whatever is earned"


class _Fixed:
    """Chooses by preferences that never change."""

    def __init__(self, preferences: Floats) -> None:
        self._probabilities: Floats = np.exp(log_softmax(preferences))

    def probabilities(self) -> Floats:
        return self._probabilities

    def learn(self, choice: int, reward: float) -> None:
        pass


@dataclass(frozen=True)
class WinStayLoseShift:
    """Stays with what has just won and leaves what has not, but with probability `noise` anything.

    Wilson and Collins' model 2. A win is a reward above `win_above`. After a loss each other option
    is as likely; the first choice is any. With one option there is none to leave for.
    """

    options: int
    win_above: float = 0.0
    name: str = "win-stay-lose-shift"
    parameters: tuple[Parameter, ...] = (Parameter("noise", "share", 0.05, 0.6),)

    def rule(self, choice: int, reward: float) -> Floats:
        """(options,) probabilities of the next choice without noise."""
        stays = np.arange(self.options) == choice
        is_kept = reward > self.win_above or self.options == 1
        odds = stays if is_kept else ~stays / (self.options - 1)
        return np.asarray(odds, dtype=np.float64)

    def log_likelihood(self, values: Floats, trials: Trials) -> tuple[float, Floats]:
        """See `ChoiceModel`."""
        if self.options == 1:
            return 0.0, np.zeros(1)
        noise, first = float(values[0]), -math.log(self.options) if len(trials) else 0.0
        stays = trials.choices[1:] == trials.choices[:-1]
        won = trials.rewards[:-1] > self.win_above
        by_rule = np.where(won, stays, ~stays / (self.options - 1))
        likelihood = noise / self.options + (1 - noise) * by_rule
        slope = (1 / self.options - by_rule) / likelihood
        return first + float(np.log(likelihood).sum()), np.array([slope.sum()])

    def agent(self, values: Floats) -> Agent:
        """See `ChoiceModel`."""
        return _Follower(self, float(values[0]))

    def in_words(self, values: Floats) -> str:
        """See `ChoiceModel`."""
        return f"stays after a win, leaves after a loss; takes any option {values[0]:.0%} of times"


class _Follower:
    """Wins, stays; loses, shifts; errs."""

    def __init__(self, model: WinStayLoseShift, noise: float) -> None:
        self._model, self._noise = model, noise
        self._by_rule = np.full(model.options, 1 / model.options)

    def probabilities(self) -> Floats:
        mixed = self._noise / self._model.options + (1 - self._noise) * self._by_rule
        return np.asarray(mixed, dtype=np.float64)

    def learn(self, choice: int, reward: float) -> None:
        self._by_rule = self._model.rule(choice, reward)


def check_options(model: ChoiceModel, options: int) -> None:
    """Refuse trials of another number of options than a model is for.

    Raises:
        ValueError: the numbers differ.
    """
    if model.options != options:
        raise ValueError(f"{model.name} is for {model.options} options, there were {options}")

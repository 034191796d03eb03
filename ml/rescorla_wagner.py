"""Learning from rewards by Rescorla and Wagner's rule, with choice by softmax and perseveration.

Here: the model, its likelihood and somebody who chooses by it. Not here: models that do not learn
(`choice_models`), fits (`choice_fits`).

Sources: Rescorla, Wagner (1972), A Theory of Pavlovian Conditioning, in Classical Conditioning II;
Wilson, Collins (2019), eLife 8, e49547, models 3 and 5; Lau, Glimcher (2005), Dynamic Response-by-
response Models of Matching Behavior, Journal of the Experimental Analysis of Behavior 84
(perseveration).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import lfilter

from ml.choice_models import Agent, Floats, Parameter, Trials, log_softmax

_LEARNING = (
    Parameter("learning_rate", "share", 0.05, 0.95),
    Parameter("inverse_temperature", "positive", 1.0, 10.0),
)
_PERSEVERATION = Parameter("perseveration", "real", -2.0, 2.0)
_CHOICE_RATE = Parameter("choice_learning_rate", "share", 0.05, 0.95)


@dataclass(frozen=True)
class RescorlaWagner:
    """Values that learn from rewards, chosen from by softmax, alone or with perseveration.

    After a choice its value moves by a share of the error, Q += learning_rate (reward - Q). The log
    odds of options are inverse_temperature Q + perseveration C, with C a trace of choices that
    begins at 0: of the last one alone ("last", sticky choice), or C += choice_learning_rate (chosen
    - C) ("kernel"; Wilson and Collins' model 5, there only positive). Below 0 it alternates.

    Attributes:
        options: how many.
        trace: of choices; "none" for Wilson and Collins' model 3.
        initial_value: of each option before it is tried; with 1/2 the first choice of an option
            that pays 0 or 1 can teach either way. The inverse temperature is per unit of reward.
    """

    options: int
    trace: Literal["none", "last", "kernel"] = "none"
    initial_value: float = 0.5

    @property
    def name(self) -> str:
        """What tables call it."""
        more = {"none": "", "last": " with sticky choice", "kernel": " with choice kernel"}
        return "Rescorla-Wagner" + more[self.trace]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """`learning_rate`, `inverse_temperature`, and those of the trace."""
        more = {"none": (), "last": (_PERSEVERATION,), "kernel": (_PERSEVERATION, _CHOICE_RATE)}
        return _LEARNING + more[self.trace]

    def log_likelihood(self, values: Floats, trials: Trials) -> tuple[float, Floats]:
        """See `ChoiceModel`; the recursions are linear filters over the trials of each option."""
        rate, temperature = float(values[0]), float(values[1])
        value, by_rate = self._values(rate, trials)
        odds, slopes = temperature * value, [temperature * by_rate, value]
        if self.trace != "none":
            weight = float(values[2])
            trace, by_choice_rate = self._trace(float(values[-1]), trials)
            odds = odds + weight * trace
            slopes.append(trace)
            if self.trace == "kernel":
                slopes.append(weight * by_choice_rate)
        logs = log_softmax(odds)
        probabilities, mine = np.exp(logs), (trials.choices, np.arange(len(trials)))
        gradient = [slope[mine].sum() - (probabilities * slope).sum() for slope in slopes]
        return float(logs[mine].sum()), np.array(gradient, dtype=np.float64)

    def _values(self, rate: float, trials: Trials) -> tuple[Floats, Floats]:
        """(options, n) values before each trial, and their derivatives by the learning rate."""
        shape = (self.options, len(trials))
        value, slope = np.full(shape, self.initial_value), np.zeros(shape)
        for option in range(self.options):
            chosen = trials.choices == option
            rewards = trials.rewards[chosen]
            if not len(rewards):
                continue
            kept = [1.0, rate - 1.0]
            # The value before the first choice of the option and after each.
            course = np.empty(len(rewards) + 1)
            course[0], start = self.initial_value, [(1 - rate) * self.initial_value]
            course[1:] = lfilter([rate], kept, rewards, zi=start)[0]
            moved = np.zeros(len(rewards) + 1)
            moved[1:] = lfilter([1.0], kept, rewards - course[:-1])
            # How often it was chosen before each trial is the place of its value.
            times = np.cumsum(chosen) - chosen
            value[option], slope[option] = course[times], moved[times]
        return value, slope

    def _trace(self, rate: float, trials: Trials) -> tuple[Floats, Floats]:
        """(options, n) trace of choices before each trial, and its derivatives by its rate."""
        earlier = np.zeros((self.options, len(trials)))
        if len(trials):
            earlier[trials.choices[:-1], np.arange(1, len(trials))] = 1.0
        if self.trace == "last" or not len(trials):
            return earlier, np.zeros_like(earlier)
        kept = [1.0, rate - 1.0]
        # The first trial has no choice before it, and no trace to lose.
        trace = lfilter([rate], kept, earlier, axis=1)
        before = np.hstack([np.zeros((self.options, 1)), trace[:, :-1]])
        return trace, lfilter([1.0], kept, earlier - before, axis=1)

    def agent(self, values: Floats) -> Agent:
        """See `ChoiceModel`."""
        return _Learner(self, values.tolist())

    def in_words(self, values: Floats) -> str:
        """See `ChoiceModel`."""
        rate, temperature = float(values[0]), float(values[1])
        # Odds beyond e^700 are no number.
        odds = math.exp(min(0.1 * temperature, 700.0))
        words = (
            f"moves by {rate:.0%} towards what a choice brings; an option worth 0.1 more has "
            f"{odds:.3g} times the odds"
        )
        if self.trace == "none":
            return words
        weight = float(values[2])
        what = "the last choice" if self.trace == "last" else "what was chosen all along"
        return f"{words}, {what} {math.exp(min(max(weight, -700.0), 700.0)):.3g} times"


class _Learner:
    """Learns values, keeps a trace of choices, one trial at a time."""

    def __init__(self, model: RescorlaWagner, values: list[float]) -> None:
        self._rate, self._temperature = values[:2]
        self._weight = values[2] if model.trace != "none" else 0.0
        self._trace_rate = values[3] if model.trace == "kernel" else 1.0
        self._values = np.full(model.options, model.initial_value)
        self._trace = np.zeros(model.options)

    def probabilities(self) -> Floats:
        odds = self._temperature * self._values + self._weight * self._trace
        return np.asarray(np.exp(log_softmax(odds)), dtype=np.float64)

    def learn(self, choice: int, reward: float) -> None:
        self._values[choice] += self._rate * (reward - self._values[choice])
        self._trace *= 1 - self._trace_rate
        self._trace[choice] += self._trace_rate

"""How a person learns from what choices bring: models of repeated choice, one person at a time.

Here: Rescorla-Wagner learning with softmax choice, alone and with perseveration, and simple rivals
that learn nothing or nearly so; their simulation, fit by maximum likelihood or maximum a
posteriori, recovery of parameters, comparison by BIC, and how often models are taken for each
other. Not here: policies that are meant to earn (`bandits`), the value of a policy from a log
(`off_policy`), which choices of a shop are trials.

What the data can tell: in softmax choice a low learning rate with a high inverse temperature makes
much the same choices as the reverse, most of all in few trials or where nothing changes. So look at
`ChoiceFit.correlation` and at `recover_parameters` with the task at hand before a parameter is read
as a property of a person. Rewards and `initial_value` set the unit of the inverse temperature.

Sources: Rescorla, Wagner (1972), A Theory of Pavlovian Conditioning, in Classical Conditioning II;
Wilson, Collins (2019), Ten Simple Rules for the Computational Modeling of Behavioral Data, eLife 8,
e49547 (models 1 to 5, recovery, confusion matrix); Lau, Glimcher (2005), Dynamic Response-by-
response Models of Matching Behavior, JEAB 84 (perseveration); Daw et al. (2011), Model-based
Influences on Humans' Choices, Neuron 69 (priors).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.special import expit, gammaln, logit
from threadpoolctl import threadpool_limits

from ml.likelihood import DegenerateFitError

__all__ = [
    "BiasedChoice", "ChoiceFit", "ChoiceModel", "Confusion", "DegenerateFitError", "Parameter",
    "RandomChoice", "Recovery", "RescorlaWagner", "Trials", "WinStayLoseShift", "compare_models",
    "confuse_models", "fit_choices", "recover_parameters", "reversing_pays", "simulate_choices",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Parameters are searched on a scale without ends: the logit of a share, the logarithm of what is
# positive. So far out a share is within .001 of 0 or 1, and a softmax chooses by the best alone.
_EDGES = {"share": (-7.0, 7.0), "positive": (math.log(1e-3), math.log(1e3)), "real": (-12.0, 12.0)}
_ON_EDGE = 1e-3
_STEP = 1e-4
# A direction in which the likelihood has a standard error of more than 5 on that scale, a factor of
# 150 either way, is one that the choices do not tell.
_LEAST_INFORMATION = 1 / 25
# A parameter has part in such a direction from this share of its length on.
_PART = 0.3
# One start is better than another only by more than rounding.
_SAME = 1e-7


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
        return f"stays after a win and leaves after a loss, but for {values[0]:.0%} of choices"


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
        initial_value: of each option before it is tried.
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
        words = (
            f"moves by {rate:.0%} towards what a choice brings; an option worth 0.1 more is chosen "
            f"{math.exp(min(0.1 * temperature, 700.0)):.2f} times as often"
        )
        if self.trace == "none":
            return words
        weight = float(values[2])
        times = math.exp(min(abs(weight), 700.0))
        which = "the last choice" if self.trace == "last" else "a constant choice"
        return f"{words}; {which} {'repeated' if weight > 0 else 'avoided'} {times:.2f} times"


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


@dataclass(frozen=True)
class ChoiceFit:
    """A model fitted to one person's choices.

    Attributes:
        model: which.
        values: (k,) its parameters.
        log_likelihood: of the choices at them, nats.
        trials: how many choices.
        method: "ml", or "map" with the priors of `Parameter`.
        undetermined: parameters that the choices do not tell, with how: "least" or "greatest" where
            the search ended on an edge, "flat" where the likelihood hardly changes with them. By
            "map" such a value is the prior's.
        covariance: (k, k) on the scale of the search (logits, logarithms), the inverse of the
            observed information (with that of the prior by "map"); not a number for undetermined
            parameters by "ml".
    """

    model: ChoiceModel
    values: Floats
    log_likelihood: float
    trials: int
    method: Literal["ml", "map"] = "ml"
    undetermined: Mapping[str, str] = field(default_factory=dict)
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def parameters(self) -> dict[str, float]:
        """Values by name."""
        names = [one.name for one in self.model.parameters]
        return dict(zip(names, self.values.tolist(), strict=True))

    @property
    def bic(self) -> float:
        """Bayesian information criterion, k ln n - 2 ln L, the lower the better; of "ml" alone."""
        return len(self.values) * math.log(max(self.trials, 1)) - 2 * self.log_likelihood

    @property
    def predictability(self) -> float:
        """Geometric mean of the probabilities of what was chosen; 1 / options is chance."""
        return math.exp(self.log_likelihood / max(self.trials, 1))

    @property
    def correlation(self) -> Floats:
        """(k, k) of the estimates' errors: near -1 or 1, only a combination of two is told."""
        spread = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(spread, spread), dtype=np.float64)

    def in_words(self) -> str:
        """What the fit says of the person, and what it cannot say."""
        told = (
            f"{self.model.name}: {self.model.in_words(self.values)}; foresees {self.trials} "
            f"choices at {self.predictability:.3f} each, chance is {1 / self.model.options:.3f}"
        )
        if not self.undetermined:
            return told
        which = ", ".join(f"{name} ({how})" for name, how in self.undetermined.items())
        return f"{told}; the choices do not tell {which}"


def fit_choices(
    model: ChoiceModel, trials: Trials, method: Literal["ml", "map"] = "ml", starts: int = 4
) -> ChoiceFit:
    """Fit a model to one person's choices.

    Args:
        model: for as many options as the trials have.
        trials: of one person.
        method: "ml" for maximum likelihood, "map" for the mode of the posterior.
        starts: places where the search begins, the middle of the usual values and others spread
            evenly; the best end counts, the first of equals.

    Returns:
        The fit. Parameters that the choices do not tell are in `undetermined`.

    Raises:
        ValueError: another number of options, starts below 1.
        DegenerateFitError: by "ml", with something to fit, without trials or with one option.
    """
    _same_options(model, trials.options)
    if starts < 1:
        raise ValueError(f"{starts} starts: the search begins at least once")
    parameters = model.parameters
    if not parameters:
        score = model.log_likelihood(np.zeros(0), trials)[0]
        return ChoiceFit(model, np.zeros(0), score, len(trials), method)
    if method == "ml" and not len(trials):
        raise DegenerateFitError(f"{model.name}: no trials to fit to")
    if method == "ml" and trials.options == 1:
        raise DegenerateFitError(f"{model.name}: with one option nothing is chosen")

    def descent(places: Floats, with_prior: bool = method == "map") -> tuple[float, Floats]:
        pairs = [one.from_search(at) for one, at in zip(parameters, places.tolist(), strict=True)]
        values = np.array([value for value, _ in pairs])
        score, gradient = model.log_likelihood(values, trials)
        if with_prior:
            priors = [one.log_prior(v) for one, v in zip(parameters, values.tolist(), strict=True)]
            score += sum(density for density, _ in priors)
            gradient = gradient + np.array([slope for _, slope in priors])
        return -score, -gradient * np.array([slope for _, slope in pairs])

    # The search is over a few numbers: threads that wait for each other take several times as long.
    with threadpool_limits(limits=1, user_api="blas"):
        places = _lowest(descent, parameters, starts)
        undetermined, flat = _undetermined(descent, places, parameters)
        left_out = np.zeros_like(flat) if method == "map" else flat
        covariance = _covariance(descent, places, left_out, method == "map")
    values = np.array(
        [one.from_search(at)[0] for one, at in zip(parameters, places.tolist(), strict=True)]
    )
    return ChoiceFit(
        model,
        values,
        model.log_likelihood(values, trials)[0],
        len(trials),
        method,
        undetermined,
        covariance,
    )


class _Descent(Protocol):
    """Minus the log-likelihood, or log posterior, and its derivatives by places of the search."""

    def __call__(self, places: Floats, with_prior: bool = ...) -> tuple[float, Floats]: ...


def _same_options(model: ChoiceModel, options: int) -> None:
    if model.options != options:
        raise ValueError(f"{model.name} is for {model.options} options, there were {options}")


def _lowest(descent: _Descent, parameters: Sequence[Parameter], starts: int) -> Floats:
    """The lowest place that a search from several starts finds."""
    edges = [_EDGES[one.kind] for one in parameters]
    # Roberts' additive sequence: the generalised golden ratio spreads points evenly over a cube.
    ratio = 2.0
    for _ in range(30):
        ratio = (1 + ratio) ** (1 / (len(parameters) + 1))
    best, lowest = np.zeros(len(parameters)), math.inf
    for start in range(starts):
        parts = [(0.5 + start * ratio ** -(i + 1)) % 1 for i in range(len(parameters))]
        found = minimize(
            descent,
            np.array([one.usual(part) for one, part in zip(parameters, parts, strict=True)]),
            jac=True,
            method="L-BFGS-B",
            bounds=edges,
            options={"ftol": 1e-12, "gtol": 1e-7, "maxiter": 300},
        )
        if found.fun < lowest - _SAME:
            best, lowest = np.asarray(found.x, dtype=np.float64), float(found.fun)
    return best


def _undetermined(
    descent: _Descent, places: Floats, parameters: Sequence[Parameter]
) -> tuple[dict[str, str], npt.NDArray[np.bool_]]:
    """Parameters on an edge, or with part in a direction in which the likelihood is flat."""
    low, high = np.array([_EDGES[one.kind] for one in parameters]).T
    on_edge = np.where(places < low + _ON_EDGE, -1, np.where(places > high - _ON_EDGE, 1, 0))
    inside = np.flatnonzero(on_edge == 0)
    flat = on_edge != 0
    if len(inside):
        information = _information(descent, places, with_prior=False)[np.ix_(inside, inside)]
        sizes, directions = np.linalg.eigh(information)
        parts = np.abs(directions[:, sizes < _LEAST_INFORMATION])
        flat[inside] = (parts > _PART).any(axis=1)
    said = {-1: "least", 0: "flat", 1: "greatest"}
    found = {
        one.name: said[side]
        for one, side, is_flat in zip(parameters, on_edge.tolist(), flat.tolist(), strict=True)
        if is_flat
    }
    return found, flat


def _information(descent: _Descent, places: Floats, with_prior: bool) -> Floats:
    """Second derivatives, from differences of the gradient."""
    rows = []
    for place in range(len(places)):
        step = np.zeros(len(places))
        step[place] = _STEP
        above, below = descent(places + step, with_prior)[1], descent(places - step, with_prior)[1]
        rows.append((above - below) / (2 * _STEP))
    matrix = np.array(rows)
    return np.asarray((matrix + matrix.T) / 2, dtype=np.float64)


def _covariance(
    descent: _Descent, places: Floats, left_out: npt.NDArray[np.bool_], with_prior: bool
) -> Floats:
    """Inverse of the information of the parameters that are told; the others have none."""
    found = np.full((len(places), len(places)), np.nan)
    told = np.ix_(~left_out, ~left_out)
    information = _information(descent, places, with_prior)[told]
    if len(information) and np.linalg.eigvalsh(information)[0] > 0:
        found[told] = np.linalg.inv(information)
    return found


def compare_models(
    models: Sequence[ChoiceModel], trials: Trials, starts: int = 4
) -> tuple[ChoiceFit, ...]:
    """Fit models by maximum likelihood, the best by BIC first.

    Args:
        models: at least one; of equals the first named is the first.
        trials: of one person.
        starts: see `fit_choices`.

    Returns:
        A fit each. A difference of BIC below 2 is not worth a mention, above 10 very strong
        (Kass, Raftery 1995, Journal of the American Statistical Association 90).

    Raises:
        ValueError: no model.
        DegenerateFitError: see `fit_choices`.
    """
    if not models:
        raise ValueError("no model to compare")
    fits = [fit_choices(model, trials, "ml", starts) for model in models]
    return tuple(sorted(fits, key=lambda fit: fit.bic))


def simulate_choices(
    model: ChoiceModel, values: Floats, pays: Floats, rng: np.random.Generator
) -> Trials:
    """Let somebody with known parameters choose.

    Args:
        model: how.
        values: (k,) its parameters.
        pays: (n, options) probability that an option pays 1, and not 0, in each trial.
        rng: draws choices and rewards.

    Returns:
        n trials.

    Raises:
        ValueError: parameters or probabilities out of range, or of another number.
    """
    if pays.ndim != 2 or not ((pays >= 0) & (pays <= 1)).all():
        raise ValueError("pays are probabilities between 0 and 1, one a trial and option")
    _same_options(model, pays.shape[1])
    parameters = model.parameters
    if values.shape != (len(parameters),):
        raise ValueError(f"{model.name} has {len(parameters)} parameters, not {values.shape}")
    for one, value in zip(parameters, values.tolist(), strict=True):
        least, most = {"share": (0, 1), "positive": (0, math.inf)}.get(one.kind, (-math.inf,) * 2)
        if not math.isfinite(value) or (one.kind != "real" and not least <= value <= most):
            raise ValueError(f"{model.name}: {value} is no {one.name}")
    agent, choices, rewards = model.agent(values), [], []
    for odds, (first, second) in zip(pays, rng.random((len(pays), 2)).tolist(), strict=True):
        # Rounding may leave the last sum below 1.
        below = int((np.cumsum(agent.probabilities()) <= first).sum())
        choice = min(below, model.options - 1)
        reward = float(second < odds[choice])
        agent.learn(choice, reward)
        choices.append(choice)
        rewards.append(reward)
    return Trials(np.array(choices, dtype=np.int64), np.array(rewards, float), model.options)


def reversing_pays(pays: Sequence[float], trials: int, every: int) -> Floats:
    """A task whose best option changes: learning shows where there is something to learn anew.

    Args:
        pays: probability of each option at first.
        trials: n.
        every: after so many trials each option takes the probability of the one before it.

    Returns:
        (n, options).

    Raises:
        ValueError: every is below 1.
    """
    if every < 1:
        raise ValueError(f"a reversal every {every} trials: at least one trial lies between")
    options = len(pays)
    turns = (np.arange(options) - (np.arange(trials) // every)[:, None]) % max(options, 1)
    return np.take(np.asarray(pays, dtype=np.float64), turns)


@dataclass(frozen=True)
class Recovery:
    """Parameters of simulated people, and what a fit found of them.

    Attributes:
        names: of the k parameters.
        true: (people, k) on the scale of the search (logits, logarithms).
        found: (people, k).
        is_told: (people, k) False where the fit calls a parameter undetermined.
    """

    names: tuple[str, ...]
    true: Floats
    found: Floats
    is_told: npt.NDArray[np.bool_]

    @property
    def correlation(self) -> Floats:
        """(k,) Pearson's, of true and found, over all people, told or not."""
        pairs = zip(self.true.T, self.found.T, strict=True)
        return np.array([np.corrcoef(true, found)[0, 1] for true, found in pairs])

    @property
    def bias(self) -> Floats:
        """(k,) mean of found - true, which the correlation does not see."""
        return np.asarray((self.found - self.true).mean(axis=0), dtype=np.float64)

    @property
    def error_correlation(self) -> Floats:
        """(k, k) of found - true: parameters that the fit trades for each other."""
        return np.atleast_2d(np.corrcoef((self.found - self.true).T))


def recover_parameters(
    model: ChoiceModel,
    pays: Floats,
    people: int,
    seed: int,
    method: Literal["ml", "map"] = "ml",
    starts: int = 4,
) -> Recovery:
    """Simulate people with usual parameters, fit each, and put both side by side.

    Args:
        model: with something to fit.
        pays: the task, see `simulate_choices`.
        people: at least 3.
        seed: of all that is drawn; a person's draws do not hang on how many there are.
        method: see `fit_choices`.
        starts: see `fit_choices`.

    Raises:
        ValueError: fewer than 3 people, a model without parameters.
    """
    if people < 3 or not model.parameters:
        raise ValueError(f"{people} people of {model.name}: nothing to correlate")
    true, found, told = [], [], []
    for person in range(people):
        places, trials = _somebody(model, pays, np.random.default_rng([seed, person]))
        fit = fit_choices(model, trials, method, starts)
        pairs = zip(model.parameters, fit.values.tolist(), strict=True)
        true.append(places)
        found.append([one.to_search(value) for one, value in pairs])
        told.append([one.name not in fit.undetermined for one in model.parameters])
    names = tuple(one.name for one in model.parameters)
    return Recovery(names, np.array(true), np.array(found), np.array(told))


def _somebody(
    model: ChoiceModel, pays: Floats, rng: np.random.Generator
) -> tuple[list[float], Trials]:
    """Parameters drawn of the usual ones, on the scale of the search, and choices by them."""
    parts = rng.random(len(model.parameters)).tolist()
    places = [one.usual(part) for one, part in zip(model.parameters, parts, strict=True)]
    pairs = zip(model.parameters, places, strict=True)
    values = np.array([one.from_search(place)[0] for one, place in pairs])
    return places, simulate_choices(model, values, pays, rng)


@dataclass(frozen=True)
class Confusion:
    """How often people of one model are taken for those of another.

    Attributes:
        names: of the models.
        shares: (m, m) of the people simulated by a row's model, those for whom a column's wins.
    """

    names: tuple[str, ...]
    shares: Floats

    @property
    def inverse(self) -> Floats:
        """(m, m) of the people for whom a column's model wins, those who were a row's.

        With as many people of each; not a number where a model never wins.
        """
        wins = self.shares.sum(axis=0)
        share = np.full_like(self.shares, np.nan)
        np.divide(self.shares, wins, out=share, where=wins > 0)
        return share


def confuse_models(
    models: Sequence[ChoiceModel], pays: Floats, people: int, seed: int, starts: int = 4
) -> Confusion:
    """Simulate people of each model with usual parameters, fit all models, and see which wins.

    Args:
        models: at least one.
        pays: the task, see `simulate_choices`.
        people: of each model, at least one.
        seed: of all that is drawn.
        starts: see `fit_choices`.

    Raises:
        ValueError: no model, nobody.
    """
    if not models or people < 1:
        raise ValueError(f"{people} people of {len(models)} models: nothing to compare")
    wins = np.zeros((len(models), len(models)))
    for row, model in enumerate(models):
        for person in range(people):
            trials = _somebody(model, pays, np.random.default_rng([seed, row, person]))[1]
            best = compare_models(models, trials, starts)[0].model
            wins[row, next(i for i, one in enumerate(models) if one is best)] += 1
    return Confusion(tuple(one.name for one in models), wins / people)

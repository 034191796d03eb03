"""Simulated people of models of choice: are their parameters found again, and their model?

Here: simulation, recovery of parameters, how often models are taken for each other. Not here: the
models (`choice_models`, `rescorla_wagner`), the fits (`choice_fits`).

Source: Wilson, Collins (2019), eLife 8, e49547.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.choice_fits import compare_models, fit_choices
from ml.choice_models import ChoiceModel, Floats, Trials, check_options


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
    check_options(model, pays.shape[1])
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

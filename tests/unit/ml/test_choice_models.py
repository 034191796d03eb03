"""Models of choice against a plain recursion, by hand, and on people with known parameters."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.choice_fits import DegenerateFitError, compare_models, fit_choices
from ml.choice_models import BiasedChoice, RandomChoice, Trials, WinStayLoseShift
from ml.choice_recovery import (
    confuse_models,
    recover_parameters,
    reversing_pays,
    simulate_choices,
)
from ml.rescorla_wagner import RescorlaWagner

LEARNER, STICKY, KERNEL = (RescorlaWagner(2, trace) for trace in ("none", "last", "kernel"))
# A choice pays in 8 of 10 trials or in 2; which does changes every 50.
TASK = reversing_pays((0.8, 0.2), 300, 50)


def trials(choices, rewards, options=2):
    return Trials(np.array(choices, dtype=np.int64), np.array(rewards, dtype=float), options)


def models(options):
    return [
        RandomChoice(options),
        BiasedChoice(options),
        WinStayLoseShift(options),
        *(RescorlaWagner(options, trace, 0.3) for trace in ("none", "last", "kernel")),
    ]


def slow_log_likelihood(model, values, data):
    """The definitions, one trial at a time, in plain Python."""
    options, total = data.options, 0.0
    value, trace = [0.3] * options, [0.0] * options
    last = None
    for choice, reward in zip(data.choices.tolist(), data.rewards.tolist(), strict=True):
        if model.name == "random":
            chances = [1 / options] * options
        elif model.name == "win-stay-lose-shift":
            chances = []
            for option in range(options):
                if last is None:
                    chances.append(1 / options)
                    continue
                before, won = last
                stay = 1.0 if won or options == 1 else 0.0
                rule = stay if option == before else (1 - stay) / (options - 1)
                chances.append(values[0] / options + (1 - values[0]) * rule)
        else:
            if model.name == "biased":
                odds = [0.0, *values]
            else:
                weight = values[2] if len(values) > 2 else 0.0
                odds = [values[1] * q + weight * c for q, c in zip(value, trace, strict=True)]
            shares = [math.exp(one) for one in odds]
            chances = [one / sum(shares) for one in shares]
        total += math.log(chances[choice])
        last = (choice, reward > 0)
        if len(values) >= 2 and model.name.startswith("Rescorla"):
            value[choice] += values[0] * (reward - value[choice])
            rate = values[3] if len(values) > 3 else 1.0
            trace = [c + rate * ((i == choice) - c) for i, c in enumerate(trace)]
    return total


@st.composite
def somebody(draw):
    options = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(st.integers(0, options - 1), st.floats(-2, 3)), max_size=12))
    model = draw(st.sampled_from(models(options)))
    bounds = {"share": (0.001, 0.999), "positive": (0.01, 20.0), "real": (-4.0, 4.0)}
    values = [draw(st.floats(*bounds[one.kind])) for one in model.parameters]
    return (
        model,
        np.array(values),
        trials(*zip(*rows, strict=True), options) if rows else trials([], [], options),
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(somebody())
def test_likelihood_is_that_of_a_plain_recursion_and_its_slope_that_of_differences(case):
    model, values, data = case
    score, gradient = model.log_likelihood(values, data)
    assert score == pytest.approx(slow_log_likelihood(model, values.tolist(), data), abs=1e-9)
    for place, slope in enumerate(gradient.tolist()):
        step = np.zeros(len(values))
        step[place] = 1e-6
        sides = [model.log_likelihood(values + by, data)[0] for by in (step, -step)]
        assert slope == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-4)


def test_three_trials_by_hand():
    # Option 0 pays, then does not; then option 1 is taken. Half the error is learned from 1/2:
    # the value of option 0 is 1/2, 3/4, 3/8 before the trials, that of option 1 always 1/2.
    data = trials([0, 0, 1], [1, 0, 1])

    def logistic(odds):
        return -math.log1p(math.exp(-odds))

    found = {
        "none": LEARNER.log_likelihood(np.array([0.5, 2.0]), data)[0],
        "last": STICKY.log_likelihood(np.array([0.5, 2.0, 1.0]), data)[0],
        "kernel": KERNEL.log_likelihood(np.array([0.5, 2.0, 1.0, 0.5]), data)[0],
        "wsls": WinStayLoseShift(2).log_likelihood(np.array([0.2]), data)[0],
    }
    half = math.log(0.5)
    assert found == pytest.approx(
        {
            # 2 (3/4 - 1/2) for option 0, then 2 (1/2 - 3/8) for option 1.
            "none": half + logistic(0.5) + logistic(0.25),
            # The last choice, 0 both times, counts 1.
            "last": half + logistic(0.5 + 1) + logistic(0.25 - 1),
            # The trace of option 0 is 1/2, then 3/4.
            "kernel": half + logistic(0.5 + 0.5) + logistic(0.25 - 0.75),
            # It stays after the win, leaves after the loss: 1 - 0.2 / 2 each.
            "wsls": half + 2 * math.log(0.9),
        }
    )


@pytest.mark.parametrize("model", models(3), ids=lambda model: model.name)
def test_who_is_simulated_chooses_by_the_probabilities_of_the_likelihood(model):
    values = np.array([0.4, 3.0, -0.7, 0.3])[: len(model.parameters)]
    data = simulate_choices(
        model, values, np.tile([0.9, 0.4, 0.1], (60, 1)), np.random.default_rng(2)
    )
    agent, total = model.agent(values), 0.0
    for choice, reward in zip(data.choices.tolist(), data.rewards.tolist(), strict=True):
        total += math.log(agent.probabilities()[choice])
        agent.learn(choice, reward)
    assert total == pytest.approx(model.log_likelihood(values, data)[0], abs=1e-9)


def test_fits_with_a_known_answer():
    # 30, 50 and 20 of 100: log odds against option 0, variance of the log odds 1/30 + 1/50.
    data = trials([0] * 30 + [1] * 50 + [2] * 20, [0] * 100, 3)
    fit = fit_choices(BiasedChoice(3), data)
    assert fit.values == pytest.approx(np.log([5 / 3, 2 / 3]), abs=1e-5)
    assert fit.covariance[0, 0] == pytest.approx(1 / 30 + 1 / 50, rel=1e-3)
    score = 30 * math.log(0.3) + 50 * math.log(0.5) + 20 * math.log(0.2)
    assert fit.bic == pytest.approx(2 * math.log(100) - 2 * score)
    assert fit.predictability == pytest.approx(math.exp(score / 100))
    # After 20 wins it stays 17 times, and 3 times not: noise / 2 is 3/20.
    choices = [0] * 10 + [1] * 5 + [0] * 3 + [1] * 3
    noise = fit_choices(WinStayLoseShift(2), trials(choices, [1] * 21)).values
    assert noise == pytest.approx([0.3], abs=1e-4)
    assert fit_choices(RandomChoice(3), data).bic == pytest.approx(200 * math.log(3))


@pytest.mark.parametrize(
    ("model", "least"),
    [(LEARNER, (0.9, 0.9)), (STICKY, (0.85, 0.85, 0.95))],
    ids=lambda one: getattr(one, "name", None),
)
def test_parameters_of_simulated_people_are_recovered(model, least):
    found = recover_parameters(model, TASK, 40, seed=3, method="map")
    assert (found.correlation >= least).all(), found.correlation
    assert (np.abs(found.bias) < 0.25).all(), found.bias
    # One and the same person whoever else is simulated.
    few = recover_parameters(model, TASK, 3, seed=3, method="map")
    assert few.found.tobytes() == found.found[:3].tobytes()


@pytest.mark.parametrize("model", [LEARNER, STICKY, KERNEL], ids=lambda model: model.name)
def test_no_other_parameters_are_likelier_than_those_of_the_fit(model):
    truth = np.array([0.6, 6.0, -0.8, 0.3])[: len(model.parameters)]
    for seed in range(4):
        data = simulate_choices(model, truth, TASK, np.random.default_rng([9, seed]))
        fit = fit_choices(model, data)
        rng = np.random.default_rng(seed)
        others = [truth, *truth * np.exp(0.4 * rng.normal(size=(25, len(truth))))]
        scores = [
            model.log_likelihood(np.append(min(one[0], 0.99), one[1:]), data)[0] for one in others
        ]
        assert max(scores) <= fit.log_likelihood + 1e-6


def test_learning_rate_and_inverse_temperature_are_traded_for_each_other():
    # Where learning is slow only the first steps count, and they are of size rate × temperature.
    task = np.tile([0.7, 0.3], (60, 1))
    truth = np.array([0.08, 3.0])
    data = [
        simulate_choices(LEARNER, truth, task, np.random.default_rng([4, one])) for one in range(12)
    ]
    fits = [fit_choices(LEARNER, one, "map") for one in data]
    assert np.median([fit.correlation[0, 1] for fit in fits]) < -0.5
    errors = np.log([fit.values / truth for fit in fits])
    assert errors.std(axis=0).min() > 0.2
    # Their product is told better than either.
    assert errors.sum(axis=1).std() < errors.std(axis=0).max()


def test_each_model_is_mostly_told_from_the_others():
    rivals = [BiasedChoice(2), WinStayLoseShift(2), LEARNER, STICKY]
    found = confuse_models(rivals, TASK, 12, seed=5, starts=2)
    assert found.shares.sum(axis=1) == pytest.approx(1)
    diagonal = np.diag(found.shares)
    assert (diagonal >= 0.6).all(), found.shares
    assert (found.shares.argmax(axis=1) == np.arange(4)).all()
    assert np.diag(found.inverse).min() >= 0.6


def test_comparison_puts_the_truth_before_the_rivals():
    data = simulate_choices(STICKY, np.array([0.4, 4.0, 1.5]), TASK, np.random.default_rng(6))
    fits = compare_models([*models(2)[:3], LEARNER, STICKY], data)
    assert fits[0].model is STICKY
    assert [fit.bic for fit in fits] == sorted(fit.bic for fit in fits)
    assert fits[-1].predictability == pytest.approx(0.5, abs=0.02)
    # What is more general fits no worse.
    by_name = {fit.model.name: fit for fit in fits}
    assert by_name[STICKY.name].log_likelihood > by_name[LEARNER.name].log_likelihood
    words = fits[0].in_words()
    rate, _, weight = fits[0].values
    assert words.startswith(f"{STICKY.name}: moves by {rate:.0%} towards")
    assert f"the last choice {math.exp(weight):.3g} times; foresees" in words
    assert f"foresees 300 choices at {fits[0].predictability:.3f} each" in words


def test_map_is_the_prior_where_the_data_say_nothing_and_near_ml_where_they_say_much():
    nothing = fit_choices(KERNEL, trials([], []), "map")
    # Modes of beta(1.1, 1.1), gamma(1.2, 5), normal(0, 1).
    assert nothing.values == pytest.approx([0.5, 1.0, 0.0, 0.5], abs=1e-4)
    assert set(nothing.undetermined.values()) == {"flat"}
    truth = np.array([0.3, 4.0, 1.0])
    few, many = (
        simulate_choices(STICKY, truth, task, np.random.default_rng(7))
        for task in (TASK[:30], np.tile(TASK, (5, 1)))
    )
    for data, most in ((many, 0.1), (few, 20.0)):
        ml, by_prior = fit_choices(STICKY, data), fit_choices(STICKY, data, "map")
        assert np.abs(np.log(ml.values[1] / by_prior.values[1])) < most
        assert abs(by_prior.values[2]) <= abs(ml.values[2])
        assert ml.log_likelihood >= by_prior.log_likelihood
    assert fit_choices(STICKY, many, "map").values == pytest.approx(truth, rel=0.25)


@pytest.mark.parametrize("method", ["ml", "map"])
def test_rewards_that_are_always_0_tell_nothing_of_learning(method):
    model = RescorlaWagner(2, initial_value=0.0)
    fit = fit_choices(model, trials([0, 1, 1, 0, 1, 0] * 5, [0] * 30), method)
    assert fit.undetermined == {"learning_rate": "flat", "inverse_temperature": "flat"}
    assert fit.log_likelihood == pytest.approx(-30 * math.log(2))
    assert fit.in_words().endswith(
        "the choices do not tell learning_rate (flat), inverse_temperature (flat)"
    )
    if method == "map":
        assert fit.values == pytest.approx([0.5, 1.0], abs=1e-4)
        assert np.isfinite(fit.covariance).all()
    else:
        assert np.isnan(fit.covariance).all()


def test_who_always_chooses_one_option_has_no_greatest_preference():
    data = trials([1] * 40, [1] * 40)
    fit = fit_choices(BiasedChoice(2), data)
    assert fit.undetermined == {"bias_1": "greatest"}
    assert fit.log_likelihood == pytest.approx(0, abs=1e-3)
    learner = fit_choices(LEARNER, data)
    assert learner.undetermined["inverse_temperature"] in ("greatest", "flat")
    # The prior keeps it finite and the same choices as likely as the data allow.
    by_prior = fit_choices(LEARNER, data, "map")
    assert 1 < by_prior.values[1] < 100
    assert by_prior.predictability > 0.85


def test_constant_rewards_are_fitted_like_any_others():
    # Each choice pays 1: values only grow with choices, as perseveration would.
    data = trials(([0] * 6 + [1] * 5) * 6, [1] * 66)
    fit = fit_choices(STICKY, data, "map")
    assert np.isfinite(fit.values).all()
    assert fit.values[2] > 0.5


@pytest.mark.parametrize("model", models(1)[1:], ids=lambda model: model.name)
def test_one_option_is_no_choice(model):
    data = trials([0] * 5, [0, 1, 0, 1, 1], 1)
    assert fit_choices(RandomChoice(1), data).log_likelihood == 0
    if model.parameters:
        with pytest.raises(DegenerateFitError, match="with one option nothing is chosen"):
            fit_choices(model, data)
        assert fit_choices(model, data, "map").log_likelihood == 0


def test_no_trials_are_told():
    with pytest.raises(DegenerateFitError, match="Rescorla-Wagner: no trials to fit to"):
        fit_choices(LEARNER, trials([], []))
    assert fit_choices(RandomChoice(2), trials([], [])).predictability == 1


@pytest.mark.parametrize(
    ("choices", "rewards", "options", "said"),
    [
        ([0, 1], [1, np.nan], 2, "trial 1: nan is no reward"),
        ([0, 1], [np.inf, 0], 2, "trial 0: inf is no reward"),
        ([0, 2], [1, 0], 2, "trial 1: 2 is no option of 0 to 1"),
        ([-1, 0], [1, 0], 2, "trial 0: -1 is no option"),
        ([0, 1], [1], 2, r"one each a trial, not \(2,\) and \(1,\)"),
        ([], [], 0, "0 options"),
    ],
)
def test_trials_that_cannot_be_are_refused(choices, rewards, options, said):
    with pytest.raises(ValueError, match=said):
        trials(choices, rewards, options)


def test_wrong_questions_are_refused():
    data = trials([0, 1], [1, 0])
    with pytest.raises(ValueError, match="is for 3 options, there were 2"):
        fit_choices(BiasedChoice(3), data)
    with pytest.raises(ValueError, match="0 starts"):
        fit_choices(LEARNER, data, starts=0)
    with pytest.raises(ValueError, match="no model"):
        compare_models([], data)
    with pytest.raises(ValueError, match="whole numbers, not float64"):
        Trials(np.zeros(2), np.zeros(2), 2)
    rng = np.random.default_rng(0)
    for values, said in (
        ([0.5], "has 2 parameters"),
        ([1.5, 1.0], "1.5 is no learning_rate"),
        ([0.5, np.nan], "nan is no inverse_temperature"),
    ):
        with pytest.raises(ValueError, match=said):
            simulate_choices(LEARNER, np.array(values), TASK, rng)
    with pytest.raises(ValueError, match="probabilities between 0 and 1"):
        simulate_choices(LEARNER, np.array([0.5, 1.0]), TASK * np.nan, rng)
    with pytest.raises(ValueError, match="nothing to correlate"):
        recover_parameters(RandomChoice(2), TASK, 10, seed=1)
    with pytest.raises(ValueError, match="nothing to compare"):
        confuse_models([LEARNER], TASK, 0, seed=1)
    with pytest.raises(ValueError, match="at least one trial"):
        reversing_pays((0.8, 0.2), 10, 0)


def test_a_task_turns_its_options_round():
    found = reversing_pays((0.7, 0.2, 0.1), 5, 2)
    assert found.tolist() == [[0.7, 0.2, 0.1]] * 2 + [[0.1, 0.7, 0.2]] * 2 + [[0.2, 0.1, 0.7]]


def test_the_same_choices_give_the_same_bytes():
    data = simulate_choices(KERNEL, np.array([0.4, 4.0, 1.0, 0.3]), TASK, np.random.default_rng(8))
    first, second = (fit_choices(KERNEL, data, "map") for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.covariance.tobytes() == second.covariance.tobytes()

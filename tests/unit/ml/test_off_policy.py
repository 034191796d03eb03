"""The value of a policy from another one's log, where the truth is known."""

import numpy as np
import pytest

from ml.off_policy import policy_value

ITEMS = 5
REWARD = np.array([0.05, 0.1, 0.2, 0.3, 0.6])
LOGGING = np.array([0.4, 0.3, 0.1, 0.1, 0.1])
TARGET = np.array([0.1, 0.1, 0.1, 0.2, 0.5])
TRUTH = float(TARGET @ REWARD)


def logged(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    items = rng.choice(ITEMS, size=n, p=LOGGING)
    return items, (rng.random(n) < REWARD[items]).astype(float)


def estimates(items: np.ndarray, rewards: np.ndarray, model: np.ndarray) -> dict:
    found = policy_value(
        rewards, LOGGING[items], TARGET[items],
        predicted=model[items], predicted_of_target=np.full(len(items), TARGET @ model),
    )  # fmt: skip
    return {one.method: one for one in found}


def test_intervals_hold_the_truth_as_often_as_they_say_and_a_model_narrows_them():
    rng = np.random.default_rng(1)
    held = dict.fromkeys(("IPS", "SNIPS", "DR"), 0)
    errors: dict[str, list[float]] = {name: [] for name in held}
    for _ in range(400):
        found = estimates(*logged(rng, 600), model=REWARD + 0.05)
        for name, one in found.items():
            held[name] += one.low <= TRUTH <= one.high
            errors[name].append(one.value - TRUTH)
    for name in held:
        # 95 % of 400, and four standard errors of that.
        assert held[name] / 400 == pytest.approx(0.95, abs=0.045)
        assert abs(np.mean(errors[name])) < 4 * np.std(errors[name]) / 20
    assert np.std(errors["DR"]) < np.std(errors["SNIPS"]) < np.std(errors["IPS"])


def test_a_model_that_is_wrong_costs_precision_and_no_truth():
    rng = np.random.default_rng(2)
    found = estimates(*logged(rng, 200_000), model=np.array([0.9, 0.1, 0.5, 0.0, 0.2]))
    assert found["DR"].value == pytest.approx(TRUTH, abs=4 * found["DR"].standard_error)


def test_the_estimates_are_those_of_the_formulas():
    rewards, logging, target = [1.0, 0.0, 2.0], [0.5, 0.25, 0.1], [0.25, 0.5, 0.2]
    ips, snips = policy_value(rewards, logging, target)
    weights = np.array([0.5, 2.0, 2.0])
    assert ips.value == pytest.approx((0.5 + 4.0) / 3)
    assert snips.value == pytest.approx((0.5 + 4.0) / 4.5)
    assert ips.effective_impressions == pytest.approx(4.5**2 / (weights**2).sum())
    assert ips.standard_error == pytest.approx(np.std([0.5, 0.0, 4.0], ddof=1) / np.sqrt(3))


def test_the_loggers_own_policy_is_worth_what_it_brought():
    rng = np.random.default_rng(3)
    items, rewards = logged(rng, 500)
    for one in policy_value(rewards, LOGGING[items], LOGGING[items]):
        assert one.value == pytest.approx(rewards.mean())
        assert one.effective_impressions == pytest.approx(500)


def test_what_one_unit_was_shown_is_no_more_than_one_observation():
    rng = np.random.default_rng(4)
    items, rewards = logged(rng, 300)
    # Each impression is there three times, for the same unit: the error is that of one of them.
    once, thrice = (
        policy_value(
            np.repeat(rewards, n), np.repeat(LOGGING[items], n), np.repeat(TARGET[items], n),
            predicted=np.repeat(REWARD[items], n), predicted_of_target=np.full(300 * n, TRUTH),
            units=np.repeat(np.arange(300), n),
        )
        for n in (1, 3)
    )  # fmt: skip
    for one, same in zip(once, thrice, strict=True):
        assert same.standard_error == pytest.approx(one.standard_error)
        assert same.gain_error == pytest.approx(one.gain_error)
    alone = policy_value(rewards, LOGGING[items], TARGET[items], units=np.zeros(300, int))
    assert np.isnan(alone[0].standard_error)
    with pytest.raises(ValueError, match="one unit"):
        policy_value(rewards, LOGGING[items], TARGET[items], units=[0])


def test_a_gain_is_as_sure_as_what_differs():
    rng = np.random.default_rng(5)
    items, rewards = logged(rng, 400)
    same = policy_value(rewards, LOGGING[items], LOGGING[items])[0]
    assert (same.gain, same.gain_error) == pytest.approx((0, 0), abs=1e-12)
    other = policy_value(rewards, LOGGING[items], TARGET[items])[0]
    terms = TARGET[items] / LOGGING[items] * rewards - rewards
    assert other.gain == pytest.approx(terms.mean())
    assert other.gain_error == pytest.approx(terms.std(ddof=1) / 20)
    # Weights 1, 1, 2 and 4 are worth 8²/22 impressions, of which three of four bring something.
    found = policy_value([1.0, 1.0, 1.0, 0.0], [0.5] * 3 + [0.25], [0.5, 0.5, 1.0, 1.0])[0]
    assert found.effective_rewards == pytest.approx(64 / 22 * 3 / 4)


def test_a_policy_that_would_have_shown_none_of_it_has_no_estimate():
    ips, snips = policy_value([1.0, 0.0], [0.5, 0.5], [0.0, 0.0])
    assert (ips.value, ips.effective_impressions) == (0.0, 0.0)
    assert np.isnan(snips.value)


@pytest.mark.parametrize(
    ("rewards", "logging", "target", "says"),
    [
        ([1.0, 2.0], [0.0, 0.5], [0.1, 0.1], "above 0"),
        ([1.0, 2.0], [0.5, 1.5], [0.1, 0.1], "at most 1"),
        ([1.0, 2.0], [0.5, 0.5], [0.1, -0.1], "between 0 and 1"),
        ([1.0, np.nan], [0.5, 0.5], [0.1, 0.1], "finite"),
        ([1.0], [0.5], [0.1], "at least two"),
        ([1.0, 2.0, 3.0], [0.5, 0.5], [0.1, 0.1], "one reward"),
    ],
)
def test_what_is_no_log_is_refused(rewards, logging, target, says):
    with pytest.raises(ValueError, match=says):
        policy_value(rewards, logging, target)

"""Sample sizes: textbook figures, and experiments of the size that was planned."""

import numpy as np
import pytest

from ml.experiment_power import Baseline, plan_sample
from ml.experiment_statistics import Moments, compare


def test_textbook_sample_of_a_conversion_rate():
    # (1.959964 + 0.841621)² · 2 · .05 · .95 / (.05 · .05)² = 119,303 and a bit.
    plan = plan_sample(Baseline.of_share(0.05), 0.05)
    by_hand = (1.9599640 + 0.8416212) ** 2 * 2 * 0.05 * 0.95 / 0.0025**2
    assert plan.units_per_variant == pytest.approx(by_hand, abs=1)
    # Rule of thumb: 16 σ² / δ².
    assert plan.units_per_variant == pytest.approx(16 * 0.05 * 0.95 / 0.0025**2, rel=0.03)
    assert plan.units == 2 * plan.units_per_variant
    assert plan.days is None


def test_what_was_before_saves_its_share_and_more_variants_cost():
    plain = plan_sample(Baseline(100, 80), 0.1).units_per_variant
    assert plan_sample(Baseline(100, 80, 0.6), 0.1).units_per_variant == pytest.approx(
        0.64 * plain, abs=1
    )
    three = plan_sample(Baseline(100, 80), 0.1, variants=3, units_per_day=500)
    assert three.alpha_per_comparison == 0.025
    assert three.units_per_variant > plain
    assert three.days == -(-three.units // 500)


def test_experiments_of_the_planned_size_find_the_effect_as_often_as_planned():
    plan = plan_sample(Baseline(10, 10), 0.2, power=0.8)
    rng = np.random.default_rng(1)
    size = (500, plan.units_per_variant)
    values = rng.exponential(12, size), rng.exponential(10, size)
    ours, theirs = (
        Moments.of(np.stack([v, np.ones(size), np.zeros(size), np.ones(size)], axis=-1))
        for v in values
    )
    found = (compare(ours, theirs).p_value < 0.05).mean()
    # The treated vary by a fifth more than the baseline says: a few points less than 80 %.
    assert 0.68 < found < 0.84


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lift": 0.0}, "lift is 0"),
        ({"power": 1.0}, "power is 1"),
        ({"alpha": 0.0}, "alpha is 0"),
        ({"variants": 1}, "variants is 1"),
        ({"units_per_day": 0.0}, "units_per_day is 0"),
        ({"baseline": Baseline(0, 1)}, "mean is 0"),
        ({"baseline": Baseline(1, 1, 1)}, "correlation is 1"),
        ({"lift": 1e-9}, "more than"),
    ],
)
def test_plans_that_make_no_sense_are_refused(changed, said):
    asked = {"baseline": Baseline(1, 1), "lift": 0.1} | changed
    with pytest.raises(ValueError, match=said):
        plan_sample(asked.pop("baseline"), asked.pop("lift"), **asked)


def test_a_share_lies_between_0_and_1():
    with pytest.raises(ValueError, match="share"):
        Baseline.of_share(1.0)

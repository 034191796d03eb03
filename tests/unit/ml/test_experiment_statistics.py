"""Statistics of experiments: formulas written another way, and what they promise when simulated."""

import numpy as np
import pytest
from scipy import stats

from ml.experiment_statistics import (
    Moments,
    compare,
    fieller_interval,
    holm,
    ratio_of_sums,
    sample_ratio_p_value,
)

EXPERIMENTS = 500


def units_of(after, *, denominator=None, before=None, denominator_before=None):
    """Units' four numbers, (..., n, 4); a denominator of 1 where there is none."""
    ones = np.ones_like(after)
    parts = [
        after,
        ones if denominator is None else denominator,
        np.zeros_like(after) if before is None else before,
        ones if denominator_before is None else denominator_before,
    ]
    return np.stack(parts, axis=-1)


def many(share_of_rejections: float, of: int) -> float:
    """The number of rejections that is exceeded in one of a thousand series of tests."""
    return float(stats.binom.isf(0.001, of, share_of_rejections))


def test_a_mean_is_compared_as_by_two_samples_with_variances_of_their_own():
    rng = np.random.default_rng(1)
    ours, theirs = rng.gamma(2, 3, 400), rng.gamma(2, 2, 600)
    found = compare(Moments.of(units_of(ours)), Moments.of(units_of(theirs)))
    error = np.sqrt(ours.var(ddof=1) / 400 + theirs.var(ddof=1) / 600)
    assert found.difference == pytest.approx(ours.mean() - theirs.mean())
    assert found.standard_error == pytest.approx(error)
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(welch.statistic)))
    assert found.lift == pytest.approx(ours.mean() / theirs.mean() - 1)
    assert not found.is_adjusted


def test_the_variance_of_a_ratio_is_that_of_the_jackknife():
    rng = np.random.default_rng(2)
    sessions = rng.poisson(3, 500) + 1.0
    orders = rng.binomial(sessions.astype(int), 0.3).astype(float)
    found = ratio_of_sums(Moments.of(units_of(orders, denominator=sessions)))
    left_out = (orders.sum() - orders) / (sessions.sum() - sessions)
    jackknife = 499 / 500 * ((left_out - left_out.mean()) ** 2).sum()
    assert found.after == pytest.approx(orders.sum() / sessions.sum())
    assert found.variance[0, 0] == pytest.approx(jackknife, rel=0.01)


def test_cuped_takes_away_the_share_of_the_variance_that_the_past_explains():
    rng = np.random.default_rng(3)
    past = rng.normal(50, 10, (2, 20_000))
    now = past * 0.8 + rng.normal(0, 6, (2, 20_000)) + np.array([[1.0], [0.0]])
    ours, theirs = (Moments.of(units_of(a, before=b)) for a, b in zip(now, past, strict=True))
    found = compare(ours, theirs)
    # Correlation 8 / 10 squared.
    assert found.is_adjusted
    assert found.variance_reduction == pytest.approx(0.64, abs=0.02)
    plain = np.sqrt((now.var(axis=1, ddof=1) / 20_000).sum())
    assert found.standard_error == pytest.approx(plain * np.sqrt(1 - 0.64), rel=0.02)
    assert found.difference == pytest.approx(1.0, abs=4 * 0.06)


def test_the_past_is_left_alone_where_hardly_anybody_has_one():
    rng = np.random.default_rng(4)
    past = np.zeros((2, 1000))
    past[:, :19] = 100
    ours, theirs = (Moments.of(units_of(rng.normal(9, 1, 1000), before=before)) for before in past)
    assert not compare(ours, theirs).is_adjusted
    past[:, :20] = 100
    ours, theirs = (Moments.of(units_of(rng.normal(9, 1, 1000), before=before)) for before in past)
    assert compare(ours, theirs).is_adjusted


def test_the_interval_of_the_lift_leaves_out_0_exactly_where_the_test_refuses():
    rng = np.random.default_rng(5)
    ours, theirs = rng.gamma(1.0, 1.1, (EXPERIMENTS, 60)), rng.gamma(1.0, 0.8, (EXPERIMENTS, 60))
    found = compare(Moments.of(units_of(ours)), Moments.of(units_of(theirs)))
    refused = found.p_value < 0.05
    assert 100 < refused.sum() < 400
    assert np.array_equal(refused, (found.lift_low > 0) | (found.lift_high < 0))
    # Where the base might be 0 at one of all looks, the interval that holds at all has no end.
    assert not (found.sequential_low > found.lift_low).any()
    assert not (found.sequential_high < found.lift_high).any()


def test_a_lift_on_a_base_that_may_be_nothing_has_no_interval():
    low, high = fieller_interval(*map(np.array, (1.0, 1.0, 0.01, 0.3, 0.0)), 1.96)
    assert np.isnan([low, high]).all()


def test_too_little_data_or_none_gives_no_verdict():
    rng = np.random.default_rng(6)
    enough = Moments.of(units_of(rng.normal(5, 1, 100)))
    nobody = Moments(np.array(0.0), np.zeros(4), np.zeros((4, 4)))
    # 19 buyers among a thousand; one order that is larger than all the others together.
    few = Moments.of(units_of((np.arange(1000) < 19).astype(float)))
    whale = Moments.of(units_of(np.where(np.arange(100) == 0, 10_000.0, 1.0)))
    same = Moments.of(units_of(np.full(100, 3.3)))
    for ours, theirs in ((enough, nobody), (few, enough), (enough, whale), (same, same)):
        found = compare(ours, theirs)
        assert np.isnan([found.p_value, found.lift_low, found.p_value_sequential]).all()
    assert compare(few, enough).mean == pytest.approx(0.019)


def test_false_alarms_of_aa_experiments_are_as_many_as_stated():
    rng = np.random.default_rng(7)
    size = (2, EXPERIMENTS, 300)
    loyalty = rng.gamma(2, 1, size)
    sessions = rng.poisson(loyalty * 2) + 1.0
    spent = rng.poisson(loyalty) * rng.lognormal(3, 0.5, size)
    before = rng.poisson(loyalty) * 20.0
    for name, units in {
        "mean": units_of(spent),
        "adjusted mean": units_of(spent, before=before),
        "ratio": units_of(spent, denominator=sessions),
        "adjusted ratio": units_of(spent, denominator=sessions, before=before,
                                   denominator_before=rng.poisson(loyalty) + 1.0),
    }.items():  # fmt: skip
        found = compare(Moments.of(units[0]), Moments.of(units[1]))
        refused = int((found.p_value < 0.05).sum())
        # The normal approximation at 300 skewed units is allowed half a point.
        assert refused <= many(0.055, EXPERIMENTS), name
        assert refused >= stats.binom.ppf(0.001, EXPERIMENTS, 0.05), name
        assert (found.is_adjusted == ("adjusted" in name)).all(), name
        assert (found.p_value_sequential < 0.05).mean() < 0.02, name


def test_intervals_cover_a_planted_lift_and_are_narrower_with_cuped():
    rng = np.random.default_rng(8)
    loyalty = rng.gamma(1, 4, (2, EXPERIMENTS, 400))
    orders = rng.poisson(loyalty) + 1.0
    spent = orders * rng.lognormal(3, 0.4, orders.shape) * np.array([1.25, 1.0])[:, None, None]
    past = rng.poisson(loyalty) + 1.0
    value_before = past * rng.lognormal(3, 0.4, past.shape)
    for units in (
        units_of(spent, denominator=orders),
        units_of(spent, denominator=orders, before=value_before, denominator_before=past),
        units_of(spent, before=value_before),
    ):
        found = compare(Moments.of(units[0]), Moments.of(units[1]))
        covered = (found.lift_low < 0.25) & (found.lift_high > 0.25)
        assert covered.sum() >= EXPERIMENTS - many(0.055, EXPERIMENTS)
        at_all_times = (found.sequential_low < 0.25) & (found.sequential_high > 0.25)
        assert at_all_times.mean() > 0.98
    plain = compare(*(Moments.of(units_of(values)) for values in spent))
    assert found.is_adjusted.all()
    assert found.standard_error.mean() < 0.9 * plain.standard_error.mean()


def test_looking_after_every_few_units_is_no_cheating_with_the_sequential_p_value():
    rng = np.random.default_rng(9)
    looks, a_look = 100, 50
    totals = []
    for _ in range(2):
        values = rng.gamma(1.0, 1.0, (EXPERIMENTS, looks, a_look))
        sums, squares = values.sum(axis=-1).cumsum(axis=-1), (values**2).sum(-1).cumsum(axis=-1)
        units = np.broadcast_to(a_look * np.arange(1.0, looks + 1), sums.shape)
        zero = np.zeros_like(sums)
        products = np.stack([squares, sums, zero, zero, sums, units, zero, zero], axis=-1)
        products = np.concatenate([products, np.zeros((*sums.shape, 8))], axis=-1)
        totals.append(
            Moments(
                np.array(units),
                np.stack([sums, units, zero, zero], axis=-1),
                products.reshape(*sums.shape, 4, 4),
            )
        )
    found = compare(*totals)
    naive = (found.p_value.min(axis=-1) < 0.05).sum()
    always_valid = (found.p_value_sequential.min(axis=-1) < 0.05).sum()
    assert naive > 0.25 * EXPERIMENTS
    assert always_valid <= many(0.05, EXPERIMENTS)


def test_events_are_not_independent_and_taking_them_so_would_raise_false_alarms():
    rng = np.random.default_rng(10)
    propensity = rng.beta(0.5, 2, (2, EXPERIMENTS, 200))
    sessions = rng.poisson(6, propensity.shape) + 1
    orders = rng.binomial(sessions, propensity).astype(float)
    total = sessions.sum(axis=-1)
    rates = orders.sum(axis=-1) / total
    naive = np.abs(rates[0] - rates[1]) / np.sqrt((rates * (1 - rates) / total).sum(axis=0))
    found = compare(
        *(
            Moments.of(units_of(o, denominator=s.astype(float)))
            for o, s in zip(orders, sessions, strict=True)
        )
    )
    assert (2 * stats.norm.sf(naive) < 0.05).sum() > 2 * many(0.05, EXPERIMENTS)
    assert (found.p_value < 0.05).sum() <= many(0.055, EXPERIMENTS)


def test_holm_multiplies_the_smallest_most_and_never_turns_the_order():
    # .01 × 3, .02 × 2, .03 × 1 is below the one before it.
    assert holm(np.array([0.02, 0.01, 0.03])) == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.9, np.nan, 0.6])) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert len(holm(np.array([]))) == 0


def test_sample_ratio_by_hand():
    # 10² / 500 twice: chi-square 0.4 with one degree of freedom.
    p_value = sample_ratio_p_value(np.array([510.0, 490.0]), np.array([1.0, 1.0]))
    assert p_value == pytest.approx(stats.chi2.sf(0.4, 1))
    assert sample_ratio_p_value(np.array([900.0, 100.0]), np.array([90.0, 10.0])) == 1.0
    assert np.isnan(sample_ratio_p_value(np.array([5.0]), np.array([1.0])))
    with pytest.raises(ValueError, match="as many weights"):
        sample_ratio_p_value(np.array([1.0, 2.0]), np.array([1.0, 0.0]))


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"alpha": 1.0}, {"tuning_units": 0.0}])
def test_settings_out_of_range_are_refused(wrong):
    some = Moments.of(units_of(np.arange(30.0)))
    with pytest.raises(ValueError, match=next(iter(wrong))):
        compare(some, some, **wrong)

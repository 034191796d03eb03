"""KPI scores: by hand, causality, planted spikes."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from ml.anomaly_series import Method, SeriesParams, explain_day, score_last_day, score_series

WEEK_SHAPE = [100.0, 110.0, 120.0, 115.0, 130.0, 80.0, 70.0]


def simulate(rng: np.random.Generator, days: int = 365) -> tuple[np.ndarray, np.ndarray]:
    """A year with weekly season, trend, a wandering level, and spikes of 20-50 % on 1 % of days."""
    day = np.arange(days)
    season, trend = rng.normal(0, 0.2, 7), rng.normal(0, 0.001)
    level = np.cumsum(rng.normal(0, 0.005, days))
    values = 1000 * np.exp(trend * day + season[day % 7] + level + rng.normal(0, 0.06, days))
    spikes = rng.random(days) < 0.01
    size = 1 + rng.choice([-1, 1], days) * rng.uniform(0.2, 0.5, days)
    return np.where(spikes, values * size, values), spikes


def test_a_perfect_week_is_forecast_exactly_and_a_spike_is_flagged() -> None:
    values = WEEK_SHAPE * 6
    for method in ("holt_winters", "weekday_median"):
        scores = score_series(values, method=method)
        assert [s.day for s in scores] == list(range(14, 42))
        for s in scores:
            assert s.expected == pytest.approx(values[s.day])
        assert not any(s.is_anomaly for s in scores)
        last = score_last_day([*values, 130.0], method=method)
        assert last is not None
        # ln(130 / 100) over the smallest deviation taken, 1 %.
        assert last.score == pytest.approx(np.log(1.3) / 0.01)
        assert last.is_anomaly
        assert last.low < 100 < last.high < 130


def test_fourteen_days_of_history_are_needed() -> None:
    assert score_series(WEEK_SHAPE * 2) == []
    assert score_last_day([None, *WEEK_SHAPE * 2][:14]) is None
    assert [s.day for s in score_series([*WEEK_SHAPE * 2, 100.0])] == [14]
    # A day without a value is no history.
    assert [s.day for s in score_series([None, *WEEK_SHAPE * 2, 100.0])] == [15]
    with pytest.raises(ValueError, match="at least 14"):
        SeriesParams(min_history=13)


def test_missing_days_are_no_anomaly_and_do_not_teach() -> None:
    values: list[float | None] = [*WEEK_SHAPE * 5]
    values[20] = None
    values[34] = float("nan")
    scores = score_series(values)
    assert {20, 34}.isdisjoint({s.day for s in scores})
    assert not any(s.is_anomaly for s in scores)
    assert score_last_day(values) is None
    assert score_series([None] * 60) == []


def test_a_zero_is_a_value_and_is_flagged_in_a_steady_series() -> None:
    last = score_last_day([*WEEK_SHAPE * 8, 0.0])
    assert last is not None
    assert last.value == 0.0
    assert last.is_anomaly


def test_negative_values_and_constant_zero_work() -> None:
    assert not any(s.is_anomaly for s in score_series([0.0] * 40))
    scores = score_series([-5.0, 3.0, 0.0, 1.0, 2.0, -1.0, 4.0] * 6)
    assert len(scores) == 28
    assert not any(s.is_anomaly for s in scores)


@pytest.mark.parametrize("method", ["holt_winters", "weekday_median"])
def test_later_days_change_no_earlier_score(method: Method) -> None:
    values, _ = simulate(np.random.default_rng(3), 120)
    values[90] = -4.0
    whole = score_series(values, method=method)
    for days in (40, 90, 91, 100):
        early = score_series(values[:days], method=method)
        assert early == [s for s in whole if s.day < days]


@pytest.mark.parametrize("method", ["holt_winters", "weekday_median"])
def test_spikes_are_found_with_few_false_alarms(method: Method) -> None:
    rng = np.random.default_rng(11)  # seed 0 set the trust in the slope
    truth, score, flagged, global_z = [], [], [], []
    years = 0.0
    for _ in range(40):
        values, spikes = simulate(rng)
        far = np.abs(values - values.mean()) / values.std()
        for s in score_series(values, method=method):
            truth.append(spikes[s.day])
            score.append(s.score)
            flagged.append(s.is_anomaly)
            global_z.append(far[s.day])
            years += 1 / 365
    is_spike, is_flagged = np.array(truth), np.array(flagged)
    precision = average_precision_score(is_spike, score)
    # Seeds 0 to 3 set shares and the bar of the flag. 12 and 13 gave .91 and .88 by Holt-Winters;
    # who knew season, trend and level would reach .97 and .95.
    assert precision > (0.86 if method == "holt_winters" else 0.75)
    assert precision > 3 * average_precision_score(is_spike, global_z)
    assert (is_flagged & ~is_spike).sum() / years <= 0.25
    assert is_flagged[is_spike].mean() > 0.6


def test_few_counts_that_break_down_or_double_are_found() -> None:
    """Nothing was set on such: Poisson counts around 60 a day, days at a quarter or the double."""
    rng = np.random.default_rng(21)
    truth, score, flagged = [], [], []
    for _ in range(20):
        usual = 60 * np.exp(rng.normal(0, 0.2, 7))[np.arange(200) % 7]
        strange = (rng.random(200) < 0.01) & (np.arange(200) >= 14)
        counts = rng.poisson(usual * np.where(strange, rng.choice([0.25, 2.0], 200), 1.0))
        for s in score_series(counts.astype(float)):
            truth.append(strange[s.day])
            score.append(s.score)
            flagged.append(s.is_anomaly)
    is_strange, is_flagged = np.array(truth), np.array(flagged)
    assert average_precision_score(is_strange, score) > 0.9
    assert is_flagged[is_strange].mean() > 0.75
    assert (is_flagged & ~is_strange).sum() / (len(truth) / 365) <= 0.5


def with_holidays(seed: int, effect: float) -> tuple[list[float], list[int]]:
    rng = np.random.default_rng(seed)
    days = [40, 61, 90, 118]
    values = 1000 * np.exp(rng.normal(0, 0.05, 140))
    values[days] *= effect
    return values.tolist(), days


def test_declared_holidays_are_no_anomalies_but_an_outage_on_one_is() -> None:
    for seed in range(5):
        values, days = with_holidays(seed, 0.55)
        told = {s.day: s for s in score_series(values, holidays=days)}
        untold = {s.day: s for s in score_series(values)}
        assert all(untold[day].is_anomaly for day in days)
        assert not any(told[day].is_anomaly for day in days)
        # Holidays before tell what to expect, at the first nothing does.
        assert told[118].expected < 0.75 * told[40].expected
        assert told[118].high / told[118].low < told[40].high / told[40].low
        assert "as on holidays before" in explain_day("m", "d", told[118], "holt_winters")
        # They teach nothing of other days.
        without = [v if i not in days else float("nan") for i, v in enumerate(values)]
        plain = {s.day: s for s in score_series(without)}
        assert {d: s for d, s in told.items() if d not in days} == plain
        values[118] = 5.0
        assert score_series(values[:119], holidays=days)[-1].is_anomaly


def test_explanation_names_value_forecast_and_score() -> None:
    last = score_last_day([*WEEK_SHAPE * 6, 130.0])
    assert last is not None
    text = explain_day("orders", "2026-02-16", last, "holt_winters")
    assert text.startswith("orders was 130 on 2026-02-16, expected 100, +30.0 %")
    assert f"Distance {last.score:.3f}" in text

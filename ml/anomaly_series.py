"""Is a day of a KPI out of line with its own past?

Each day is forecast from the days before it alone, and its error is measured against the errors of
the forecasts before. Two forecasts: a robust Holt-Winters with a weekly season (the model) and the
median of the last same weekdays (the baseline). A day without a value is skipped and is no anomaly.
A series whose past values are all positive is worked in logarithms, where a season multiplies.
A declared holiday teaches holidays alone: its forecast is moved by how earlier ones went, and is
the wider the fewer they were.

Here: forecasts, scores, flags and texts of daily series. Not here: which series there are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray = npt.NDArray[np.float64]
Method = Literal["holt_winters", "weekday_median"]
# A slope seen over two weeks is half noise: in simulation all of it gave an average precision of
# .80, half .85, none .84 (the seed that set it).
_SLOPE_TRUST = 0.5
_FEWEST_ERRORS = 5
_MAD_TO_SIGMA = 1.4826
# Errors beyond three deviations count as three. Of normal errors the scale is then as precise as
# their deviation, where the median absolute deviation needs 2.7 times as many; a tenth is taken
# off since errors are not normal.
_SCALE_CLIP = 3.0
_SCALE_MEAN_SQUARE = 0.99501
_SCALE_EFFICIENCY = 0.9
_LONGEST_LOGARITHM = 700.0


@dataclass(frozen=True)
class SeriesParams:
    """Settings of the forecasts.

    Attributes:
        min_history: days with a value before a day is scored, at least two seasons.
        error_days: the last so many errors give the scale.
        level: share of an error that moves the level.
        trend: share of an error that moves the trend, per day.
        season: share of an error that moves the weekday's effect.
        clip: errors beyond so many deviations teach no more than at that size.
        same_weekdays: number of weeks in the baseline's median.
        min_relative_scale: a deviation is never taken for less than this share of the value.
        holiday_spread: standard deviation of what a holiday does before one was seen, as a share of
            the value (in logarithms where these are worked in).
        season_length: places in a season, the days of a week.
        max_p_value: flags; two-sided, so one false alarm in 2,000 series-days if errors are normal.
            A fixed bar, as the number of series is fixed and small: 0.2 a series-year.
    """

    min_history: int = 14
    error_days: int = 84
    level: float = 0.15
    trend: float = 0.005
    season: float = 0.1
    clip: float = 2.0
    same_weekdays: int = 4
    min_relative_scale: float = 0.01
    holiday_spread: float = 0.5
    season_length: int = 7
    max_p_value: float = 0.0005

    def __post_init__(self) -> None:
        """Refuse too short a history."""
        if self.season_length < 1:
            raise ValueError(f"season_length must be at least 1, not {self.season_length}")
        if self.min_history < 2 * self.season_length:
            least = 2 * self.season_length
            raise ValueError(f"min_history must be at least {least} days, not {self.min_history}")


@dataclass(frozen=True)
class SeriesScore:
    """One scored day.

    Attributes:
        day: index into the series.
        value: what was measured.
        expected: the forecast.
        low: lower end of the interval outside of which a day is flagged.
        high: upper end.
        score: |z|, error over scale.
        p_value: two-sided, Student's t.
        is_anomaly: p_value < max_p_value.
        is_holiday: whether the day is a declared holiday.
    """

    day: int
    value: float
    expected: float
    low: float
    high: float
    score: float
    p_value: float
    is_anomaly: bool
    is_holiday: bool = False


def score_series(
    values: Sequence[float | None] | FloatArray,
    first_weekday: int = 0,
    params: SeriesParams | None = None,
    method: Method = "holt_winters",
    holidays: Container[int] = (),
) -> list[SeriesScore]:
    """Score each day of a series that has a value and enough days before it.

    Whether logarithms are taken is decided by the days before the first scored one, and again at
    each value that is not positive: the series is then worked on anew from its start without them.
    A score depends on no later day.

    Args:
        values: (n,) one value a day, in order; None or NaN where there is none.
        first_weekday: weekday of the first day, Monday 0.
        params: settings; None for the defaults.
        method: which forecast.
        holidays: indices of days that are holidays.

    Returns:
        Scores in order of days; empty for a short series.
    """
    params = params or SeriesParams()
    series = np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    series[~np.isfinite(series)] = np.nan
    not_positive = np.flatnonzero(series <= 0)
    # Days up to the first value that is not positive are worked in logarithms, later ones are not.
    turn = int(not_positive[0]) if len(not_positive) else len(series)
    off = np.array([day in holidays for day in range(len(series))], dtype=bool)
    scores = _run(np.log(series[:turn]), off, first_weekday, params, method, in_logs=True)
    if turn < len(series):
        raw = _run(series, off, first_weekday, params, method, in_logs=False)
        scores += [score for score in raw if score.day >= turn]
    # As measured, not as it comes back from a logarithm.
    return [replace(score, value=float(series[score.day])) for score in scores]


def score_last_day(
    values: Sequence[float | None] | FloatArray,
    first_weekday: int = 0,
    params: SeriesParams | None = None,
    method: Method = "holt_winters",
) -> SeriesScore | None:
    """Score the last day of a series; None where it has no value or too little history."""
    scores = score_series(values, first_weekday, params, method)
    return scores[-1] if scores and scores[-1].day == len(values) - 1 else None


def explain_day(metric: str, day: str, score: SeriesScore, method: Method) -> str:
    """Say in one text what was measured, what was expected, and how far apart they are.

    Args:
        metric: name of the KPI.
        day: its date, as text.
        score: of `score_series`.
        method: which forecast.

    Returns:
        The text, with the score.
    """
    how = "weekly season and trend" if method == "holt_winters" else "same weekday's median"
    how += ", as on holidays before" if score.is_holiday else ""
    change = ""
    if score.expected > 0:
        change = f", {100 * (score.value / score.expected - 1):+.1f} %"
    return (
        f"{metric} was {_figure(score.value)} on {day}, expected {_figure(score.expected)}{change} "
        f"({how}; usual range {_figure(score.low)} to {_figure(score.high)}). "
        f"Distance {score.score:.3f} usual deviations"
    )


class _HoltWinters:
    """Additive robust Holt-Winters: errors are clipped before they teach.

    Source: Gelper, Fried, Croux (2010), Robust forecasting with exponential and Holt-Winters
    smoothing.
    """

    def __init__(self, start: FloatArray, first_weekday: int, params: SeriesParams) -> None:
        """Start from medians of the first days: (n,) with at least 14 values."""
        self.params = params
        days = np.arange(len(start))
        known = ~np.isnan(start)
        length = params.season_length
        changes = start[length:] - start[:-length]
        changes = changes[~np.isnan(changes)]
        gaps = changes / length
        self.slope = _SLOPE_TRUST * float(np.median(gaps)) if len(gaps) else 0.0
        flat = start - self.slope * days
        level = float(np.median(flat[known]))
        # A fit of nine figures to 14 values leaves errors that are too small. The change over a
        # week has twice the variance of a value, a forecast from two weeks one and a half times.
        spread = changes - (np.median(changes) if len(changes) else 0.0)
        self.start_errors = spread * math.sqrt(1.5 / 2)
        weekday = (days + first_weekday) % length
        self.season = [0.0] * length
        for w in range(length):
            of_day = flat[known & (weekday == w)]
            if len(of_day):
                self.season[w] = float(np.median(of_day)) - level
        self.level = level + self.slope * (len(start) - 1)

    def forecast(self, weekday: int) -> float:
        """Value expected on the next day."""
        return self.level + self.slope + self.season[weekday]

    def learn(self, weekday: int, error: float | None, scale: float) -> None:
        """Go one day on; None where the day has no value."""
        self.level += self.slope
        if error is None:
            return
        limit = self.params.clip * scale
        error = max(-limit, min(limit, error))
        self.level += self.params.level * error
        self.slope += self.params.trend * error
        self.season[weekday] += self.params.season * error


class _WeekdayMedian:
    """The median of the last same weekdays."""

    def __init__(self, start: FloatArray, first_weekday: int, params: SeriesParams) -> None:
        """Start from the first days."""
        self.length = params.season_length
        self.past: list[deque[float]] = [
            deque(maxlen=params.same_weekdays) for _ in range(self.length)
        ]
        self.any_day: deque[float] = deque(maxlen=self.length)
        errors = []
        for day, value in enumerate(start.tolist()):
            if math.isnan(value):
                continue
            weekday = (day + first_weekday) % self.length
            if self.past[weekday]:
                errors.append(value - self.forecast(weekday))
            self._keep(weekday, value)
        self.start_errors = np.array(errors, dtype=np.float64)

    def forecast(self, weekday: int) -> float:
        """Value expected on the next day."""
        return median(self.past[weekday] or self.any_day)

    def learn(self, weekday: int, error: float | None, scale: float) -> None:
        """Go one day on; None where the day has no value."""
        if error is not None:
            self._keep(weekday, self.forecast(weekday) + error)

    def _keep(self, weekday: int, value: float) -> None:
        self.past[weekday].append(value)
        self.any_day.append(value)


class _Holidays:
    """What holidays did to the forecasts, shrunk to nothing."""

    def __init__(self, spread: float) -> None:
        """Start with none seen: spread is the prior standard deviation, in the series' unit."""
        self.spread = spread
        self.errors: list[float] = []

    def expect(self, forecast: float, scale: float) -> tuple[float, float]:
        """Forecast and scale of a holiday, out of those of a usual day."""
        n = len(self.errors) + 1
        effect = sum(self.errors) / n
        squares = self.spread**2 + sum((error - effect) ** 2 for error in self.errors)
        return forecast + effect, math.sqrt(scale**2 + squares / n)


def _run(
    series: FloatArray,
    off: npt.NDArray[np.bool_],
    first_weekday: int,
    params: SeriesParams,
    method: Method,
    *,
    in_logs: bool,
) -> list[SeriesScore]:
    known = np.cumsum(~np.isnan(series))
    if not len(series) or known[-1] <= params.min_history:
        return []
    begin = int(np.searchsorted(known, params.min_history, side="left")) + 1
    start = np.where(off[:begin], np.nan, series[:begin])
    if np.isnan(start).all():
        start = series[:begin]
    make = _HoltWinters if method == "holt_winters" else _WeekdayMedian
    state: _HoltWinters | _WeekdayMedian = make(start, first_weekday, params)
    errors: deque[float] = deque(state.start_errors.tolist(), maxlen=params.error_days)
    size = 1.0 if in_logs else float(np.median(np.abs(start[~np.isnan(start)])))
    floor = params.min_relative_scale * size or params.min_relative_scale
    holidays = _Holidays(params.holiday_spread * size)
    found = []
    for day in range(begin, len(series)):
        weekday = (day + first_weekday) % params.season_length
        scale = max(_scale(errors), floor)
        value = float(series[day])
        if math.isnan(value):
            state.learn(weekday, None, scale)
            continue
        expected = state.forecast(weekday)
        error = value - expected
        n = len(errors)
        if off[day]:
            expected, scale = holidays.expect(expected, scale)
        if n >= _FEWEST_ERRORS:
            score = _score(day, value, expected, scale, n, params, in_logs=in_logs)
            found.append(replace(score, is_holiday=True) if off[day] else score)
        if off[day]:
            holidays.errors.append(error)
            state.learn(weekday, None, scale)
        else:
            state.learn(weekday, error, scale)
            errors.append(error)
    return found


def _scale(errors: Collection[float]) -> float:
    """Standard deviation of errors, most of which are usual ones; 0 if more than half are 0.

    Source: Yohai, Zamar (1988), High breakdown-point estimates of regression by means of the
    minimization of an efficient scale; the median absolute deviation, and one step from it.
    """
    if not errors:
        return 0.0
    first = _MAD_TO_SIGMA * median(map(abs, errors))
    limit = _SCALE_CLIP * first
    squares = sum(min(abs(error), limit) ** 2 for error in errors)
    return math.sqrt(squares / len(errors) / _SCALE_MEAN_SQUARE)


def _score(
    day: int,
    value: float,
    expected: float,
    scale: float,
    n_errors: int,
    params: SeriesParams,
    *,
    in_logs: bool,
) -> SeriesScore:
    z = round(abs(value - expected) / scale, 6)
    freedom = max(3.0, _SCALE_EFFICIENCY * n_errors)
    p_value = float(2 * special.stdtr(freedom, -z))
    reach = float(special.stdtrit(freedom, 1 - params.max_p_value / 2)) * scale
    shown = [value, expected, expected - reach, expected + reach]
    if in_logs:
        shown = [math.exp(min(x, _LONGEST_LOGARITHM)) for x in shown]
    return SeriesScore(
        day=day,
        value=shown[0],
        expected=shown[1],
        low=shown[2],
        high=shown[3],
        score=z,
        p_value=p_value,
        is_anomaly=p_value < params.max_p_value,
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

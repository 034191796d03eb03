"""Daily series of KPIs, whole and by dimension, and which values of a dimension explain a change.

A metric's forecast is handed down to the values of a dimension in proportion to their own
forecasts, so that expected values and deviations of the values add up to those of the metric
(Hyndman, Athanasopoulos, 2021, Forecasting: principles and practice, section 11.3). Among
dimensions the one is named whose shares changed most (Bhagwan et al., 2014, Adtributor: revenue
debugging in advertising systems, NSDI).

Here: series out of tables, and shares of a change of a count. Not here: what explains a ratio
(anomaly_ratios.py), forecasts (anomaly_series.py), rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.anomaly_flags import benjamini_hochberg
from ml.anomaly_series import SeriesScore

# A ratio has its numerator and denominator; a count has none.
_RATIO_FIELDS = [("numerator", pa.float64()), ("denominator", pa.float64())]
KPIS_SCHEMA = pa.schema(
    [
        ("report_date", pa.date32()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        *_RATIO_FIELDS,
    ]
)
DIMENSION_KPIS_SCHEMA = pa.schema(
    [
        ("report_date", pa.date32()),
        ("metric", pa.string()),
        ("dimension", pa.string()),
        ("dimension_value", pa.string()),
        ("value", pa.float64()),
        *_RATIO_FIELDS,
    ]
)
# What is named must stand for two thirds of a change, as Adtributor demands of a cause; all values
# but it may have changed by half as much, relative to their forecast.
EXPLAINS = 2 / 3
REST_CHANGES = 0.5

FloatArray = npt.NDArray[np.float64]
Key = tuple[str, ...]
# Dimension -> value -> what it was on the day, and what was forecast of it.
PartsByDimension = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class Series:
    """One value a day.

    Attributes:
        first_day: date of the first value.
        values: (n,) up to the partition, NaN where there is none.
        numerators: (n,) of a ratio, NaN where there is none; None of a count.
        denominators: the same.
    """

    first_day: date
    values: FloatArray
    numerators: FloatArray | None = None
    denominators: FloatArray | None = None


@dataclass(frozen=True)
class DimensionParams:
    """Settings of the series by dimension.

    Attributes:
        min_usual: a series is scored if half of its days have at least so much; a forecast of the
            next day of fewer is noise. The rest are used to explain, and have no score.
        false_discovery_rate: of Benjamini-Hochberg over a partition's series, of which there may be
            hundreds, beside the bar of a single one.
        most_named: values that are named as the cause of a change, at most.
    """

    min_usual: float = 20.0
    false_discovery_rate: float = 0.05
    most_named: int = 3


@dataclass(frozen=True)
class Cause:
    """Values of a dimension that explain a change of a metric.

    Attributes:
        dimension: name of the dimension.
        values: which of its values, the largest part first.
        measured: of each.
        expected: of each, a share of the metric's forecast.
        total: what the metric was.
        total_expected: the metric's forecast.
    """

    dimension: str
    values: tuple[str, ...]
    measured: tuple[float, ...]
    expected: tuple[float, ...]
    total: float
    total_expected: float


def daily_series(table: pa.Table, keys: Sequence[str], as_of: date) -> dict[Key, Series]:
    """One value a day for each key, from its first day up to as_of, NaN where there is none.

    Args:
        table: report_date, the columns of the key, value, numerator, denominator; none is after
            as_of.
        keys: names of the columns that tell series apart.
        as_of: last day of every series.

    Raises:
        ValueError: a series has two values on a day.
    """
    by_key: dict[Key, dict[date, tuple[float | None, ...]]] = {}
    for row in table.to_pylist():
        key = tuple(row[name] for name in keys)
        days = by_key.setdefault(key, {})
        if row["report_date"] in days:
            raise ValueError(f"kpis: {', '.join(key)} has two values on {row['report_date']}")
        days[row["report_date"]] = (row["value"], row["numerator"], row["denominator"])
    series = {}
    for key in sorted(by_key):
        days = by_key[key]
        first = min(days)
        found = np.full((3, (as_of - first).days + 1), np.nan)
        for day, numbers in days.items():
            found[:, (day - first).days] = [np.nan if x is None else x for x in numbers]
        is_ratio = any(denominator is not None for _, _, denominator in days.values())
        series[key] = Series(first, found[0], *(found[1:] if is_ratio else ()))
    return series


def filled(parts: Mapping[Key, Series], totals: Mapping[Key, Series]) -> dict[Key, Series]:
    """A value that is not there on a day on which its metric is has counted nothing: 0.

    Of a ratio that is its numerator and denominator; a ratio of nothing there is none.
    """
    found = {}
    for key, part in parts.items():
        total = totals.get(key[:1])
        if total is None:
            continue
        if total.denominators is None:
            found[key] = Series(part.first_day, _with_zeros(part.values, total.values))
        elif part.numerators is not None and part.denominators is not None:
            found[key] = replace(
                part,
                numerators=_with_zeros(part.numerators, total.denominators),
                denominators=_with_zeros(part.denominators, total.denominators),
            )
    return found


def _with_zeros(values: FloatArray, of_total: FloatArray) -> FloatArray:
    """0 where there is no value, but one of the total; both end on the same day."""
    known = np.zeros(len(values), dtype=bool)
    is_there = ~np.isnan(of_total[-len(values) :])
    known[len(known) - len(is_there) :] = is_there
    return np.where(np.isnan(values) & known, 0.0, values)


def scores_of_day(
    series: Mapping[Key, Series], tested: Mapping[Key, list[SeriesScore]], as_of: date
) -> dict[Key, SeriesScore]:
    """The scores of as_of, of the series that have one."""
    return {
        key: scores[-1]
        for key, scores in tested.items()
        if scores and scores[-1].day == (as_of - series[key].first_day).days
    }


def parts_of(
    metric: str, parts: Mapping[Key, Series], scores: Mapping[Key, SeriesScore]
) -> dict[str, dict[str, tuple[float, float]]]:
    """What the values of each dimension were on the last day, and what was forecast of them.

    A value with too short a history for a score is expected to be what it was in the mean, and a
    new one nothing.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for key, part in parts.items():
        if key[0] != metric or np.isnan(part.values[-1]):
            continue
        past = part.values[:-1][~np.isnan(part.values[:-1])]
        mean = float(past.mean()) if len(past) else 0.0
        forecast = scores[key].expected if key in scores else mean
        found.setdefault(key[1], {})[key[2]] = (float(part.values[-1]), forecast)
    return found


def is_large(series: Series, params: DimensionParams) -> bool:
    """Whether the days before the last are large enough for forecasts of their like."""
    past = series.values[:-1]
    past = past[~np.isnan(past)]
    return bool(len(past)) and float(np.median(past)) >= params.min_usual


def are_anomalies(scores: Sequence[SeriesScore], params: DimensionParams) -> list[bool]:
    """Flags of the series of a partition: beyond the bar of one series, and not by their number."""
    p_values = np.array([score.p_value for score in scores], dtype=np.float64)
    passing = benjamini_hochberg(p_values, params.false_discovery_rate)
    return [bool(score.is_anomaly and ok) for score, ok in zip(scores, passing, strict=True)]


def find_cause(
    total: SeriesScore,
    parts: PartsByDimension,
    params: DimensionParams,
) -> Cause | None:
    """Find the dimension and the fewest of its values that explain a metric's change.

    Args:
        total: the metric's day.
        parts: dimension -> value -> what it was, and its own forecast; over the values of a
            dimension the first add up to the metric.
        params: settings.

    Returns:
        The cause; None where all values changed alike, or no few of them explain the change.
    """
    best: tuple[float, Cause] | None = None
    for dimension in sorted(parts):
        found = _within(dimension, total, parts[dimension], params)
        if found and (best is None or found[0] > best[0]):
            best = found
    return best[1] if best else None


def _within(
    dimension: str,
    total: SeriesScore,
    parts: Mapping[str, tuple[float, float]],
    params: DimensionParams,
) -> tuple[float, Cause] | None:
    """The cause within a dimension, and by how much its shares changed."""
    names = sorted(parts)
    measured = np.array([parts[name][0] for name in names])
    forecast = np.array([max(parts[name][1], 0.0) for name in names])
    change = total.value - total.expected
    if not (change and total.expected > 0 and forecast.sum() > 0 and measured.sum() > 0):
        return None
    expected = forecast * (total.expected / forecast.sum())
    shares = (measured - expected) / change
    order = sorted(range(len(names)), key=lambda i: (-shares[i], names[i]))
    for count in range(1, min(params.most_named, len(names) - 1) + 1):
        named = order[:count]
        if shares[named].sum() >= EXPLAINS:
            break
    else:
        return None
    rest = total.expected - expected[named].sum()
    rest_change = abs(total.value - measured[named].sum() - rest) / rest if rest > 0 else 0.0
    own_change = abs(measured[named].sum() - expected[named].sum())
    if rest_change * expected[named].sum() > REST_CHANGES * own_change:
        return None
    cause = Cause(
        dimension,
        tuple(names[i] for i in named),
        tuple(float(measured[i]) for i in named),
        tuple(float(expected[i]) for i in named),
        total.value,
        total.expected,
    )
    return _divergence(expected / expected.sum(), measured / measured.sum()), cause


def _divergence(before: FloatArray, after: FloatArray) -> float:
    """Jensen-Shannon divergence of shares, nats."""
    middle = (before + after) / 2
    parts = [one[one > 0] * np.log(one[one > 0] / middle[one > 0]) for one in (before, after)]
    return float(round(sum(part.sum() for part in parts) / 2, 9))


def explain_cause(cause: Cause | None) -> str:
    """Say in one text which values carry the change, with deviations that add up to the whole."""
    if cause is None:
        return "No few values of a dimension explain the change"
    whole = round(cause.total - cause.total_expected, 1)
    said, left = [], whole
    for value, measured, expected in zip(cause.values, cause.measured, cause.expected, strict=True):
        change = round(measured - expected, 1)
        left = round(left - change, 1)
        said.append(
            f"{cause.dimension} {value} {change:+,.1f} ({measured:,.1f}, expected {expected:,.1f})"
        )
    named = whole - left
    return (
        f"Of the change {whole:+,.1f}: {', '.join(said)}, all others {left:+,.1f}; "
        f"{100 * named / whole if whole else 0:.0f} % explained"
    )

"""Ratio KPIs: whether there is enough of one to be scored, and what explains its change.

A ratio's forecast is handed down to the values of a dimension: what is expected of their numerators
and denominators are their own forecasts, the numerators in proportion, so that the values' ratios
add up to the ratio that is expected. The change is then a sum of rate and mix effects
(ratio_decomposition.py), of which those are named that explain the most.

Here: which series are scored, causes and their words. Not here: forecasts (anomaly_series.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.anomaly_kpis import EXPLAINS, REST_CHANGES, DimensionParams, Key, PartsByDimension, Series
from ml.anomaly_series import SeriesScore
from ml.ratio_decomposition import RatioChange, against_others, decompose_ratio

Effect = Literal["rate", "mix"]
FloatArray = npt.NDArray[np.float64]
# Words show this many digits of a change, of its parts, and of ratios.
_DIGITS = 4


@dataclass(frozen=True)
class RatioParams:
    """Settings of the series of ratios.

    Attributes:
        min_usual: a ratio is scored if half of its days have at least so much of the numerator, and
            of the denominator. Few counts spread more than their logarithms' usual errors say: in
            simulation, conversion rates of 30 orders a day had .43 false alarms a series-year, of
            200 .24, as many as the visitors of the same days.
        min_share: a day with less than this share of the usual denominator has no value.
    """

    min_usual: float = 200.0
    min_share: float = 0.5


@dataclass(frozen=True)
class RatioCause:
    """Values of a dimension that explain a change of a ratio.

    Attributes:
        dimension: name of the dimension.
        effect: whether it was the ratios within the values, or their shares of the denominator.
        values: which values, the largest effect first; one if it is a share.
        effects: (m,) of each, of a share as by `against_others`.
        numbers: of each the ratio expected and found, and the share expected and found.
        others: the ratio of all other values expected and found, if the effect is of a share.
        change: all parts of the dimension.
    """

    dimension: str
    effect: Effect
    values: tuple[str, ...]
    effects: tuple[float, ...]
    numbers: tuple[tuple[float, float, float, float], ...]
    others: tuple[float, float] | None
    change: RatioChange


def scored_ratios(series: Mapping[Key, Series], params: RatioParams) -> dict[Key, Series]:
    """Leave out the ratios that have too little to be scored, and their days with too little.

    Args:
        series: of counts, which stay as they are, and of ratios.
        params: settings.
    """
    found = {}
    for key, one in series.items():
        if one.numerators is None or one.denominators is None:
            found[key] = one
            continue
        usual = [_usual(side) for side in (one.numerators, one.denominators)]
        if min(usual) >= params.min_usual:
            enough = one.denominators >= params.min_share * usual[1]
            found[key] = replace(one, values=np.where(enough, one.values, np.nan))
    return found


def _usual(side: FloatArray) -> float:
    """Median of the days before the last; 0 without any."""
    past = side[:-1][~np.isnan(side[:-1])]
    return float(np.median(past)) if len(past) else 0.0


def sides(parts: Mapping[Key, Series], metric: str) -> tuple[dict[Key, Series], dict[Key, Series]]:
    """The numerators and the denominators of a ratio's values, as series of their own."""
    numerators, denominators = {}, {}
    for key, one in parts.items():
        if key[0] == metric and one.numerators is not None and one.denominators is not None:
            numerators[key] = Series(one.first_day, one.numerators)
            denominators[key] = Series(one.first_day, one.denominators)
    return numerators, denominators


def find_ratio_cause(
    total: SeriesScore,
    numerators: PartsByDimension,
    denominators: PartsByDimension,
    params: DimensionParams,
) -> RatioCause | None:
    """Find the dimension, the effect and the fewest values that explain a ratio's change.

    Fewest values first, then the least that is left over or explained too much.

    Args:
        total: the ratio's day.
        numerators: dimension -> value -> what it was, and its own forecast; over the values of a
            dimension the first add up to the numerator of the whole.
        denominators: the same.
        params: settings.

    Returns:
        The cause; None where all ratios changed alike, or no few values explain the change.
    """
    best: tuple[tuple[int, float], RatioCause] | None = None
    for dimension in sorted(numerators):
        names = sorted(numerators[dimension])
        above, below = (
            np.array([side[dimension][name][::-1] for name in names])
            for side in (numerators, denominators)
        )
        for cause in _causes(dimension, names, total, above, below, params):
            left = round(abs(1 - sum(cause.effects) / _whole(cause.change)), 9)
            rank = (len(cause.values), left)
            if best is None or rank < best[0]:
                best = rank, cause
    return best[1] if best else None


def _causes(
    dimension: str,
    names: list[str],
    total: SeriesScore,
    numerators: FloatArray,
    denominators: FloatArray,
    params: DimensionParams,
) -> Iterator[RatioCause]:
    """What explains the change within a dimension, by rate and by mix.

    Args:
        dimension: its name.
        names: of its k values.
        total: the ratio's day.
        numerators: (k, 2) forecast and measured.
        denominators: (k, 2) the same.
        params: settings.
    """
    above, below = np.maximum(numerators, 0.0), np.maximum(denominators, 0.0)
    if not (total.expected > 0 and above[:, 0].sum() > 0 and (below.sum(axis=0) > 0).all()):
        return
    above[:, 0] *= total.expected * below[:, 0].sum() / above[:, 0].sum()
    change = decompose_ratio(above, below)
    if not _whole(change):
        return
    shared = [against_others(above, below, i) for i in range(len(names) if len(names) > 1 else 0)]
    by_share = np.array([one.mix.sum() for one in shared])
    # Without what has a numerator alone, which no ratio shows; it counts among the others.
    within = change.shares.mean(axis=1) * np.diff(change.ratios, axis=1)[:, 0]
    found: tuple[tuple[Effect, FloatArray, list[int]], ...] = (
        ("rate", within, _fewest_rates(change, within, params.most_named)),
        ("mix", by_share, _share(change, by_share)),
    )
    for effect, effects, at in found:
        if at:
            yield RatioCause(
                dimension,
                effect,
                tuple(names[i] for i in at),
                tuple(effects[at].tolist()),
                tuple((*change.ratios[i].tolist(), *change.shares[i].tolist()) for i in at),
                tuple(shared[at[0]].ratios[1].tolist()) if effect == "mix" else None,
                change,
            )


def _whole(change: RatioChange) -> float:
    return change.after - change.before


def _explained(change: RatioChange, effects: FloatArray) -> list[float]:
    """Parts of the change, rounded so that equal ones are equal."""
    return [round(float(effect) / _whole(change), 9) for effect in effects]


def _fewest_rates(change: RatioChange, within: FloatArray, most: int) -> list[int]:
    """The fewest values whose ratios carry most of the change; none where all moved alike."""
    explained = _explained(change, within)
    order = sorted(range(len(explained)), key=lambda i: (-explained[i], i))
    for count in range(1, min(most, len(order) - 1) + 1):
        at, rest = order[:count], order[count:]
        own = within[at].sum()
        if own / _whole(change) < EXPLAINS:
            continue
        usual = change.shares.mean(axis=1) * change.ratios[:, 0]
        rest_change = abs(within[rest].sum())
        alike = rest_change * usual[at].sum() > REST_CHANGES * abs(own) * usual[rest].sum()
        return [] if alike else at
    return []


def _share(change: RatioChange, by_share: FloatArray) -> list[int]:
    """The value whose share carries most of the change, of two alike the one that moved most."""
    explained = _explained(change, by_share)
    fit = [i for i, part in enumerate(explained) if part >= EXPLAINS]
    moved = np.abs(np.diff(change.shares, axis=1)[:, 0]) / change.shares.mean(axis=1).clip(1e-12)
    return sorted(fit, key=lambda i: (round(abs(1 - explained[i]), 9), -moved[i], i))[:1]


def explain_ratio_cause(cause: RatioCause) -> str:
    """Say which values carry the change, by ratio or share, in parts that add up to the whole.

    The effect of a ratio is its change times the mean share; the effect of a share is its change
    times the mean difference of the ratios of the value and of all others. The words hold all of
    these numbers.
    """
    change = cause.change
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(abs(_whole(change)))))

    def figure(number: float) -> str:
        return f"{round(number, decimals) + 0.0:+,.{decimals}f}"

    of_rates, of_shares = float(change.rate.sum()), float(change.mix.sum())
    whole = round(_whole(change), decimals)
    if cause.effect == "rate":
        what, same, others, other = "the ratio within", "other ratios", "all shares", of_shares
    else:
        what, same, others, other = "the share of", "other shares", "all ratios", of_rates
    said, left = [], whole - round(other, decimals)
    for value, effect, numbers in zip(cause.values, cause.effects, cause.numbers, strict=True):
        left -= round(effect, decimals)
        said.append(f"{what} {cause.dimension} {value} {figure(effect)} ({_said(cause, numbers)})")
    explained = 100 * sum(cause.effects) / _whole(change)
    return (
        f"Of the change {figure(whole)}: {', '.join(said)}, {same} {figure(left)}, "
        f"{others} {figure(other)}; {explained:.0f} % explained by {cause.effect}"
    )


def _said(cause: RatioCause, numbers: tuple[float, float, float, float]) -> str:
    """The numbers that an effect follows from."""
    ratio_before, ratio_after, share_before, share_after = numbers
    ratio = f"{ratio_after:.6g}, expected {ratio_before:.6g}"
    share = f"{100 * share_after:.2f} % of the denominator, expected {100 * share_before:.2f} %"
    if cause.others is None:
        return f"{ratio}; {share}"
    before, after = cause.others
    return f"{share}; ratio {ratio}; of all others {after:.6g}, expected {before:.6g}"

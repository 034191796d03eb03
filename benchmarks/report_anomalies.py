"""What anomaly scores find, planted and labelled by others: lines of the models' report.

Belongs here: the protocol of each line. Not here: the table (`models_report`), the scores, and how
the benchmark of others counts (`nab_score`).
"""

import bisect
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.nab_score import LabelledSeries, nab_score, read_corpus
from benchmarks.report_line import Line


def logins(_: Path) -> Iterator[Line]:
    """Planted intruders among simulated log-ins; a seed that no parameter was chosen on."""
    from sklearn.ensemble import IsolationForest

    from ml.anomaly_logins import FEATURES, score_logins
    from tests.unit.ml.login_simulation import simulate

    table, planted = simulate(seed=12)
    found = score_logins(table)
    judged = (found.logins["is_scored"].to_numpy() & found.logins["succeeded"].to_numpy()).astype(
        bool
    )
    keys = np.array(found.logins["event_key"].to_pylist())
    is_planted = np.isin(keys, list(planted))[judged]
    score = found.scores[judged]
    codes = [pd.factorize(found.logins[name].to_pandas())[0] for name in FEATURES[:3]]
    hour = pd.DatetimeIndex(found.logins["event_ts"].to_pandas())
    raw = np.column_stack([*codes, hour.weekday * 24 + hour.hour, found.failures])
    forest = -IsolationForest(random_state=0).fit(raw).score_samples(raw)[judged]
    yield from _ranked(
        "log-in surprise",
        f"simulated, {is_planted.sum()} intruders in {len(score):,} log-ins",
        is_planted,
        score,
        forest,
    )


def _ranked(
    model: str, data: str, is_planted: np.ndarray, score: np.ndarray, forest: np.ndarray
) -> Iterator[Line]:
    """How well a score ranks what was planted, with intervals by the bootstrap."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(score), len(score)) for _ in range(200)]
    for metric, measure in (
        ("AUROC", roc_auc_score),
        ("average precision", average_precision_score),
    ):
        drawn = [measure(is_planted[draw], score[draw]) for draw in draws]
        low, high = np.quantile(drawn, [0.025, 0.975])
        yield Line(
            model,
            data,
            metric,
            f"IsolationForest on raw columns {measure(is_planted, forest):.3f}",
            f"{measure(is_planted, score):.3f}",
            f"{low:.3f} to {high:.3f}",
        )


def files(_: Path) -> Iterator[Line]:
    """Days of file access planted among simulated ones; seeds that no parameter was chosen on."""
    from sklearn.ensemble import IsolationForest

    from ml.anomaly_files import score_file_access
    from tests.unit.ml.file_simulation import NOT_TUNED, PLANTED, TUNED, simulate

    plain = tuple(PLANTED)
    for kinds in (TUNED, NOT_TUNED, plain):
        planted, scores, counts = [], [], []
        for seed in range(3, 9):
            table, truth = simulate(seed, kinds, is_blurred=kinds != plain)
            found = score_file_access(table)
            days = zip(found.person_ids, found.days.tolist(), strict=True)
            planted.append(np.array([day in truth for day in days])[found.is_scored])
            scores.append(found.scores[found.is_scored])
            counts.append(found.counts[found.is_scored])
        is_planted, raw = np.concatenate(planted), np.concatenate(counts)
        yield from _ranked(
            "file access surprise",
            f"simulated, {is_planted.sum()} days in {len(is_planted):,}: "
            + ("all seven, without what blurs" if kinds == plain else ", ".join(kinds)),
            is_planted,
            np.concatenate(scores),
            -IsolationForest(random_state=0).fit(raw).score_samples(raw),
        )


def taxi(data: Path) -> Iterator[Line]:
    """Days of New York's taxis (NAB) with the publisher's five events."""
    from sklearn.metrics import average_precision_score

    from ml.anomaly_series import score_series

    file = data / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv"
    rows = pd.read_csv(file, parse_dates=["timestamp"])
    daily = rows.set_index("timestamp")["value"].resample("D").sum()
    labels = json.loads((data / "nab" / "labels" / "combined_labels.json").read_text())
    events = pd.DatetimeIndex(
        pd.Timestamp(one).normalize() for one in labels["realKnownCause/nyc_taxi.csv"]
    )
    scores = score_series(daily.to_numpy(), first_weekday=daily.index[0].weekday())
    days = daily.index[[one.day for one in scores]]
    is_event = np.array([any(abs((day - one).days) <= 1 for one in events) for day in days])
    surprise = np.array([-one.p_value for one in scores])
    naive = daily.diff(7).abs().fillna(0)[days].to_numpy()
    flagged = [day for day, one in zip(days, scores, strict=True) if one.is_anomaly]
    hits = {one for one in events if any(abs((day - one).days) <= 1 for day in flagged)}
    yield Line(
        "KPI surprise",
        f"NAB taxi, {len(days)} days, {len(events)} events within a day",
        "average precision",
        f"change on the week before {average_precision_score(is_event, naive):.3f}",
        f"{average_precision_score(is_event, surprise):.3f}",
        f"{len(flagged)} days flagged, {len(hits)} of {len(events)} events met",
    )


def nab(data: Path) -> Iterator[Line]:
    """Metrics of machines by minutes (NAB), which KPI scores were not made for: a foreign check.

    The forecast is that of KPIs with a day for a season, on the errors of a day; its distances are
    ranked among those before in the same series, since their scale is no other's.
    """
    corpus = read_corpus(data / "nab")
    windows = sum(len(series.windows) for series in corpus)
    by_chance = np.random.default_rng(0)
    rivals = {
        "by chance": [by_chance.random(len(series.values)) for series in corpus],
        "normal tail of the day before": [
            gaussian_tail(series.values, _day_of(series)) for series in corpus
        ],
    }
    said = ", ".join(f"{name} {nab_score(corpus, found):.1f}" for name, found in rivals.items())
    for name, is_seasonal in (("with a season", True), ("without a season", False)):
        distances = [_distances(series, is_seasonal=is_seasonal) for series in corpus]
        yield Line(
            f"KPI surprise, {name}, ranked",
            f"NAB, {len(corpus)} series by minutes, {windows} windows",
            "NAB score, standard profile",
            said,
            f"{nab_score(corpus, [_ranked_among_past(found) for found in distances]):.1f}",
            f"distances as they are: {nab_score(corpus, distances):.1f}",
        )


def gaussian_tail(values: np.ndarray, window: int) -> np.ndarray:
    """A simple detector: how rare is a value under a normal with the window's mean and deviation?

    Args:
        values: (n,).
        window: so many values before each.

    Returns:
        (n,) −log10 of the one-sided tail on either side, 0 before there are two values.
    """
    past = pd.Series(values).shift()
    rolling = past.rolling(window, min_periods=2)
    deviation = rolling.std().clip(lower=1e-9)
    z = ((pd.Series(values) - rolling.mean()) / deviation).abs().fillna(0.0).clip(upper=37.0)
    return np.array([-math.log10(math.erfc(one / math.sqrt(2)) / 2) if one else 0.0 for one in z])


def _day_of(series: LabelledSeries) -> int:
    """Values a day."""
    step = np.median(np.diff(series.times.to_numpy()).astype("timedelta64[s]").astype(float))
    return max(1, round(86_400 / step))


def _distances(series: LabelledSeries, *, is_seasonal: bool) -> np.ndarray:
    """Error over scale of each value, 0 where there is no forecast yet."""
    from ml.anomaly_series import SeriesParams, score_series

    day = _day_of(series)
    # A short series has no two days before it counts.
    season = min(day, series.probation // 2 - 1) if is_seasonal else 1
    params = SeriesParams(
        min_history=max(2 * season, SeriesParams.min_history), season_length=season, error_days=day
    )
    found = np.zeros(len(series.values))
    for score in score_series(series.values, params=params):
        found[score.day] = score.score
    return found


def _ranked_among_past(distances: np.ndarray) -> np.ndarray:
    """−ln of the share of earlier values that were as far off; 0 where there is no distance."""
    past: list[float] = []
    found = np.zeros(len(distances))
    for place, distance in enumerate(distances.tolist()):
        if distance > 0:
            further = len(past) - bisect.bisect_left(past, distance)
            found[place] = -np.log((further + 1) / (len(past) + 1))
        bisect.insort(past, distance)
    return found

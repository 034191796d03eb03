"""Recommendations and policies on real data and in simulation: lines of the models' report.

Belongs here: the protocol of each line. Not here: the table (`models_report`), the models.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.report_line import Line, of_gate, paired
from ml.likelihood import Z_95


def movielens(data: Path) -> Iterator[Line]:
    """Leave-last-out on MovieLens 100K: all films ranked, seen ones dropped, ties pessimistic."""
    from ml.als import AlsParams, fit_als
    from ml.interactions import bm25_weights
    from ml.item_models import fit_ease, fit_item_knn
    from tests.published_data import movielens_ratings, movielens_split

    split = movielens_split(movielens_ratings(data))
    model = fit_als(bm25_weights(split.train), AlsParams())
    popular = split.measure(split.popularity)
    ours = split.measure(model.user_factors @ model.item_factors.T)
    for metric in ("recall@10", "ndcg@10"):
        yield Line(
            "ALS on BM25 weights",
            f"MovieLens 100K, {len(ours)} persons",
            metric,
            f"popularity {popular[metric].mean():.4f}",
            f"{ours[metric].mean():.4f}",
            paired(ours[metric].to_numpy(), popular[metric].to_numpy()),
        )
    for name, fit in (("EASE", fit_ease), ("BM25 item neighbours", fit_item_knn)):
        rival = split.measure(fit(split.train).scores(split.train))
        for metric in ("recall@10", "ndcg@10"):
            yield Line(
                f"{name} (challenger)",
                f"MovieLens 100K, {len(ours)} persons",
                metric,
                f"ALS {ours[metric].mean():.4f}",
                f"{rival[metric].mean():.4f}",
                paired(rival[metric].to_numpy(), ours[metric].to_numpy()),
            )


def next_film(data: Path) -> Iterator[Line]:
    """Which film is rated next in a visit, on the last week."""
    from ml.next_products import next_products
    from tests.published_data import movielens_ratings, movielens_steps

    steps = movielens_steps(movielens_ratings(data))
    gate = next_products(steps, max(steps["event_date"].to_pylist())).gate
    yield of_gate("next products (sequential rules)", "MovieLens 100K", gate, "popularity")


def bandits(_: Path) -> Iterator[Line]:
    """Regret after ten thousand choices against the least that any policy can have at length."""
    from ml.bandits import EpsilonGreedy, KlUcb, Thompson, Ucb1, lowest_regret, simulate_regret

    means, steps, runs = (0.9, 0.8), 10_000, 40
    least = lowest_regret(means) * np.log(steps)
    for policy in (Thompson(), KlUcb(), Ucb1(), EpsilonGreedy(0.1)):
        found = simulate_regret(policy, means, [steps], runs, np.random.default_rng(7))
        mean, error = found.mean[-1], found.standard_error[-1]
        yield Line(
            f"bandit: {type(policy).__name__}",
            f"arms of .9 and .8, {runs} runs of {steps:,}",
            "pseudo-regret",
            f"Lai and Robbins, at length {least:.1f}",
            f"{mean:.1f}",
            f"{mean - Z_95 * error:.1f} to {mean + Z_95 * error:.1f}",
        )


def open_bandit(data: Path) -> Iterator[Line]:
    """The value of showing at random, from a log of Thompson sampling."""
    from ml.off_policy import policy_value

    folder = data / "bandit_obd_men"
    logged, at_random = (pd.read_csv(folder / name / "men.csv.gz") for name in ("bts", "random"))
    uniform = np.full(len(logged), 1 / 34)
    for found in policy_value(logged["click"], logged["propensity_score"], uniform):
        yield Line(
            f"off-policy value: {found.method}",
            f"Open Bandit, campaign men, {len(logged):,} impressions",
            "clicks an impression, shown at random",
            f"what it brought {at_random['click'].mean():.4f}",
            f"{found.value:.4f}",
            f"{found.low:.4f} to {found.high:.4f}",
        )

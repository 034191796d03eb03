"""The recommender on MovieLens 100K against reference figures.

Protocol: every rating counts 1; per person the last one is the test and all before it are for
training (ties of time by item code); all items are ranked, seen ones dropped, ties are pessimistic;
943 persons, one relevant item each. One standard error is .009 for recall@10, .0045 for NDCG@10.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml.als import AlsParams, fit_als
from ml.interactions import INTERACTIONS_SCHEMA, Weighting, bm25_weights, build_matrix
from ml.item_models import ItemModel, fit_ease, fit_item_knn
from ml.next_products import next_products
from ml.recommendations import BOUGHT_SCHEMA, recommend_partition
from ml.splits import leave_last_out
from tests.published_data import MovieLens, movielens_ratings, movielens_split, movielens_steps

SE_RECALL, SE_NDCG = 0.009, 0.0045


@pytest.fixture(scope="module")
def ratings(shared_data: Path) -> pd.DataFrame:
    frame = movielens_ratings(shared_data)
    assert len(frame) == 100_000
    return frame


@pytest.fixture(scope="module")
def movielens(ratings: pd.DataFrame) -> MovieLens:
    split = movielens_split(ratings)
    assert split.train.shape == (943, 1682)
    return split


@pytest.fixture(scope="module")
def popularity(movielens: MovieLens) -> pd.DataFrame:
    return movielens.measure(movielens.popularity)


def test_popularity_reproduces_the_reference(popularity: pd.DataFrame) -> None:
    means = popularity.mean()
    # Nothing random here: the figures themselves, to their last digit.
    assert means["recall@10"] == pytest.approx(0.050, abs=0.0005)
    assert means["ndcg@10"] == pytest.approx(0.025, abs=0.0005)
    assert means["recall@20"] == pytest.approx(0.082, abs=0.0005)


def test_als_reproduces_the_reference(movielens: MovieLens, popularity: pd.DataFrame) -> None:
    # Confidence 1 for a seen item: weights of 0 with alpha 1 give exactly that.
    weights = movielens.train.copy()
    weights.data[:] = 0
    model = fit_als(weights, AlsParams(factors=64, regularization=10.0, alpha=1.0))
    found = movielens.measure(model.user_factors @ model.item_factors.T)
    assert found["recall@10"].mean() == pytest.approx(0.086, abs=2 * SE_RECALL)
    assert found["ndcg@10"].mean() == pytest.approx(0.039, abs=2 * SE_NDCG)
    _assert_better(found, popularity)


def test_als_on_bm25_weights_beats_popularity(
    movielens: MovieLens, popularity: pd.DataFrame
) -> None:
    model = fit_als(bm25_weights(movielens.train), AlsParams())
    found = movielens.measure(model.user_factors @ model.item_factors.T)
    assert found["recall@10"].mean() == pytest.approx(0.093, abs=2 * SE_RECALL)
    assert found["ndcg@10"].mean() == pytest.approx(0.046, abs=2 * SE_NDCG)
    _assert_better(found, popularity)


@pytest.mark.parametrize(
    ("fit", "recall", "ndcg", "recall_at_20"),
    [(fit_ease, 0.088, 0.042, 0.152), (fit_item_knn, 0.083, 0.038, 0.122)],
)
def test_challengers_reproduce_the_reference(
    movielens: MovieLens,
    popularity: pd.DataFrame,
    fit: Callable[[Any], ItemModel],
    recall: float,
    ndcg: float,
    recall_at_20: float,
) -> None:
    found = movielens.measure(fit(movielens.train).scores(movielens.train))
    assert found["recall@10"].mean() == pytest.approx(recall, abs=SE_RECALL)
    assert found["ndcg@10"].mean() == pytest.approx(ndcg, abs=SE_NDCG)
    assert found["recall@20"].mean() == pytest.approx(recall_at_20, abs=SE_RECALL)
    _assert_better(found, popularity)


def _assert_better(found: pd.DataFrame, popularity: pd.DataFrame) -> None:
    """By at least two standard errors of the paired difference."""
    for metric in ("recall@10", "ndcg@10"):
        gain = found[metric] - popularity[metric]
        assert gain.mean() > 2 * gain.std() / np.sqrt(len(gain))


def test_the_partitions_lists_hit_the_held_out_film(
    ratings: pd.DataFrame, movielens: MovieLens, popularity: pd.DataFrame
) -> None:
    """The whole path, from rows to lists; every rating is a view.

    Most persons rated all their films in one sitting. So that the gate has a last week to judge,
    each person's ratings are spread over the 60 days before as_of, in their order.
    """
    position = leave_last_out(
        ratings["person"].to_numpy(dtype=np.int64),
        ratings["item"].to_numpy(dtype=np.int64),
        ratings["time"].to_numpy(dtype=np.int64),
    )
    as_of = date(1998, 4, 22)
    train = ratings[position > 0]
    longest = pd.Series(position).groupby(ratings["person"].to_numpy()).max()
    share = (position[position > 0] - 1) / train["person"].map(longest).to_numpy()
    back = np.floor(share * 60).astype(np.int64)
    rows = pa.table(
        {
            "person_id": train["person"].map("p{}".format).to_list(),
            "product_id": train["item"].map("i{}".format).to_list(),
            "interaction": ["view"] * len(train),
            "event_date": pa.array(np.datetime64(as_of) - back),
            "n": np.ones(len(train), dtype=np.int64),
        }
    ).cast(INTERACTIONS_SCHEMA)
    run = recommend_partition(rows, BOUGHT_SCHEMA.empty_table(), as_of)
    test = ratings[position == 0]
    truth = {f"p{p}": f"i{i}" for p, i in zip(test["person"], test["item"], strict=True)}
    lists = run.recommendations.to_pandas()
    hits = lists["product_id"] == lists["person_id"].map(truth)
    recall = hits.sum() / len(truth)
    assert run.gate.served == "model", run.gate.reason
    assert recall > popularity["recall@10"].mean() + 2 * SE_RECALL
    assert len(build_matrix(rows, as_of, Weighting()).person_ids) == lists["person_id"].nunique()
    seen = set(zip(rows["person_id"].to_pylist(), rows["product_id"].to_pylist(), strict=True))
    assert not seen & set(zip(lists["person_id"], lists["product_id"], strict=True))


def test_the_film_rated_next_is_told_better_by_rules_than_by_popularity(
    ratings: pd.DataFrame,
) -> None:
    steps = movielens_steps(ratings)
    run = next_products(steps, max(steps["event_date"].to_pylist()))
    measures = {one["metric"]: (one["value"], one["baseline_value"]) for one in run.metrics}
    assert run.gate.served == "model"
    assert run.gate.pairs > 2000
    # Three times the popular ones' (a standard error is .003), on a week that was not learned from.
    assert measures["mrr@20"][0] > 2 * measures["mrr@20"][1]
    assert measures["hit_rate@20"][0] > 2 * measures["hit_rate@20"][1]

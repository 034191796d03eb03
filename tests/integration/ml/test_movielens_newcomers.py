"""Popularity of segments, and the rule of categories, on MovieLens 100K.

People of whom only sex and age are known stand for visitors of whom only country and device are:
each of five parts is predicted from the ratings of the other four. Categories are the first genre.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml.als import AlsParams, fit_als, list_best
from ml.diversity import CategoryRule, intra_list_diversity
from ml.gate import decide
from ml.interactions import INTERACTIONS_SCHEMA, Weighting, bm25_weights
from ml.popularity import rank_by_popularity
from ml.ranking_metrics import ndcg_at_k
from ml.segment_popularity import SegmentPrior, rank_segments
from ml.segments import Segment
from tests.published_data import movielens_ratings, movielens_split

DAY = date(1998, 4, 22)


@pytest.fixture(scope="module")
def ratings(shared_data: Path) -> pd.DataFrame:
    frame = movielens_ratings(shared_data)
    return frame.assign(person=frame["person"].astype(str), item=frame["item"].astype(str))


@pytest.fixture(scope="module")
def segments(shared_data: Path) -> dict[str, Segment]:
    """Sex and age group of each person, as the two things that a segment knows."""
    people = pd.read_csv(shared_data / "recsys_ml100k" / "ml-100k.user.gz", sep="\t")
    people.columns = ["person", "age", "sex", "occupation", "zip_code"]
    groups = pd.cut(people["age"], [0, 24, 34, 49, 100], labels=["18", "25", "35", "50"])
    found = zip(people["person"].astype(str), people["sex"], groups.astype(str), strict=True)
    return {person: Segment(sex, group) for person, sex, group in found}


def ndcg_of_strangers(
    ratings: pd.DataFrame, segments: Mapping[str, Segment]
) -> tuple[np.ndarray, np.ndarray]:
    """NDCG@10 of each person by what is popular in the segment and with all, as by the others."""
    persons = np.array(sorted(segments))
    by_segment, by_all = [], []
    for part in range(5):
        strangers = set(persons[part::5])
        others = ratings[~ratings["person"].isin(strangers)]
        rows = pa.table(
            {
                "person_id": others["person"].to_numpy(),
                "product_id": others["item"].to_numpy(),
                "interaction": ["view"] * len(others),
                "event_date": [DAY] * len(others),
                "n": np.ones(len(others), dtype=np.int64),
            },
            schema=INTERACTIONS_SCHEMA,
        )
        everybody = rank_by_popularity(rows, DAY, Weighting(), 1, 1)
        known = {person: one for person, one in segments.items() if person not in strangers}
        found = rank_segments(
            rows, DAY, everybody, known, segments.values(), Weighting(), 1, SegmentPrior()
        )
        for person, seen in ratings[ratings["person"].isin(strangers)].groupby("person")["item"]:
            rated = set(seen)
            by_segment.append(_ndcg(found[segments[person]].ranking.product_ids, rated))
            by_all.append(_ndcg(everybody.product_ids, rated))
    return np.array(by_segment), np.array(by_all)


def _ndcg(ranked: tuple[str, ...], rated: set[str]) -> float:
    ranks = np.array([place for place, item in enumerate(ranked, start=1) if item in rated])
    return ndcg_at_k(ranks, 10) if len(ranks) else 0.0


def test_strangers_are_told_better_by_sex_and_age_than_by_what_is_popular_with_all(
    ratings, segments
):
    by_segment, by_all = ndcg_of_strangers(ratings, segments)
    assert len(by_all) == 943
    decision = decide("ndcg@10", by_segment, by_all)
    assert decision.served == "model"
    assert decision.baseline_value == pytest.approx(0.531, abs=0.001)
    gain = decision.model_value - decision.baseline_value
    # .029, of which a standard error is .004.
    assert gain > 5 * decision.standard_error
    assert gain == pytest.approx(0.029, abs=0.004)


def test_segments_drawn_by_lot_tell_nothing_of_strangers(ratings, segments):
    mixed = np.random.default_rng(6).permutation(len(segments))
    lots = dict(zip(segments, np.array(list(segments.values()), dtype=object)[mixed], strict=True))
    by_segment, by_all = ndcg_of_strangers(ratings, lots)
    difference = by_segment - by_all
    assert difference.mean() < difference.std(ddof=1) / np.sqrt(len(difference))


def test_half_of_a_list_for_one_genre_makes_lists_more_diverse_and_costs_no_recall(
    ratings, shared_data
):
    films = pd.read_csv(shared_data / "recsys_ml100k" / "ml-100k.item.gz", sep="\t")
    films.columns = ["item", "title", "year", "genres"]
    genres = dict(zip(films["item"].astype(str), films["genres"].str.split().str[0], strict=True))
    split = movielens_split(movielens_ratings(shared_data))
    columns = [str(item) for item in np.unique(ratings["item"].astype(int))]
    model = fit_als(bm25_weights(split.train), AlsParams())
    persons = np.arange(len(split.test_items))
    recall, diversity = {}, {}
    for share in (1.0, 0.5, 0.2):
        rule = CategoryRule.of(columns, genres, share)
        lists = list_best(
            lambda rows: model.user_factors[rows] @ model.item_factors.T,
            persons, len(columns), 10, split.train, rule.top_n,
        )  # fmt: skip
        assert len(lists.rows) == 10 * len(persons)
        recall[share] = (lists.items == split.test_items[lists.rows]).sum() / len(persons)
        diversity[share] = intra_list_diversity(lists.rows, lists.items, rule.codes)
    # Found .0954, .0976, .0870 and .731, .775, .920; one standard error of recall is .009.
    assert recall[1.0] == pytest.approx(0.093, abs=0.018)
    assert recall[0.5] > recall[1.0] - 0.0045
    assert diversity[1.0] + 0.03 < diversity[0.5] < diversity[0.2]

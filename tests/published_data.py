"""Public data sets as the protocols of the literature take them.

Belongs here: reading a set and cutting it, for tests and for the report of all models. Not here:
what is found on it.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from ml.bg_nbd import Histories, group_histories
from ml.next_products import PRODUCT_STEPS_SCHEMA
from ml.ranking_metrics import ndcg_at_k, rank_relevant, recall_at_k
from ml.splits import leave_last_out


@dataclass(frozen=True)
class MovieLens:
    """MovieLens 100K, leave-last-out: every rating counts 1.

    All items are ranked, seen ones dropped, ties are pessimistic; one relevant item each.

    Attributes:
        train: (943, 1682) what each person rated before the last.
        test_items: (943,) column of the last.
    """

    train: sparse.csr_matrix
    test_items: np.ndarray

    def measure(self, scores: np.ndarray) -> pd.DataFrame:
        """Recall@10, NDCG@10 and recall@20 of each person; scores (n_persons, n_items)."""
        rows = []
        for person, item in enumerate(self.test_items):
            seen = self.train.indices[self.train.indptr[person] : self.train.indptr[person + 1]]
            ranks = rank_relevant(scores[person], np.array([item]), seen)
            rows.append((recall_at_k(ranks, 10), ndcg_at_k(ranks, 10), recall_at_k(ranks, 20)))
        return pd.DataFrame(rows, columns=["recall@10", "ndcg@10", "recall@20"])

    @property
    def popularity(self) -> np.ndarray:
        """(943, 1682) how many rated an item, the same for everybody."""
        counts = np.bincount(self.train.indices, minlength=self.train.shape[1]).astype(float)
        return np.tile(counts, (self.train.shape[0], 1))


def movielens_ratings(data: Path) -> pd.DataFrame:
    """person, item, rating, time."""
    frame = pd.read_csv(data / "recsys_ml100k" / "ml-100k.inter.gz", sep="\t")
    frame.columns = ["person", "item", "rating", "time"]
    return frame


def movielens_steps(ratings: pd.DataFrame, farthest: int = 3) -> pa.Table:
    """Which film was rated after which, in visits that half an hour without a rating ends.

    Args:
        ratings: of `movielens_ratings`.
        farthest: films on the way, the last one included.

    Returns:
        PRODUCT_STEPS_SCHEMA.
    """
    rows = ratings.sort_values(["person", "time", "item"])
    visit = ((rows["person"].diff() != 0) | (rows["time"].diff() > 1800)).cumsum()
    film = rows["item"].astype(str)
    parts = [
        pd.DataFrame(
            {
                "event_date": pd.to_datetime(rows["time"], unit="s").dt.date,
                "product_id": film,
                "next_product_id": film.shift(-distance),
                "distance": distance,
                "n": 1,
            }
        )[visit.shift(-distance) == visit]
        for distance in range(1, farthest + 1)
    ]
    steps = pd.concat(parts).groupby(["event_date", "product_id", "next_product_id", "distance"])
    return pa.Table.from_pandas(steps["n"].sum().reset_index(), schema=PRODUCT_STEPS_SCHEMA)


def movielens_split(ratings: pd.DataFrame) -> MovieLens:
    """Per person the last rating is the test and all before it are for training.

    Ties of time go by item code.
    """
    persons, person = np.unique(ratings["person"], return_inverse=True)
    items, item = np.unique(ratings["item"], return_inverse=True)
    shape = (len(persons), len(items))
    codes = ratings["item"].to_numpy(dtype=np.int64)
    times = ratings["time"].to_numpy(dtype=np.int64)
    position = leave_last_out(person.astype(np.int64), codes, times)
    is_train = position > 0
    ones = np.ones(is_train.sum(), dtype=np.float32)
    train = sparse.csr_matrix((ones, (person[is_train], item[is_train])), shape=shape)
    test_items = np.empty(len(persons), dtype=np.int64)
    test_items[person[~is_train]] = item[~is_train]
    return MovieLens(train, test_items)


def cdnow_purchases(data: Path) -> pd.DataFrame:
    """One row a customer (`person_id`) and day (`order_date`) of CDNOW's log, with its `value`."""
    file = data / "clv_cdnow_sample" / "CDNOW_sample.txt"
    names = ["person_id", "sample_id", "order_date", "number", "value"]
    rows = pd.read_csv(file, sep=r"\s+", header=None, names=names, dtype={"person_id": str})
    assert len(rows) == 6919
    rows["order_date"] = pd.to_datetime(rows["order_date"].astype(str)).dt.date
    return rows.groupby(["person_id", "order_date"], as_index=False)["value"].sum()


def known_until(purchases: pd.DataFrame, cut: date) -> pd.DataFrame:
    """First (`min`), last (`max`) and number (`count`) of each customer's purchase days by then."""
    until = purchases[purchases["order_date"] <= cut]
    return until.groupby("person_id")["order_date"].agg(["min", "max", "count"])


def weeks(days: pd.Series) -> np.ndarray:
    """Differences of dates in weeks."""
    return np.array([day.days / 7 for day in days])


def histories_until(known: pd.DataFrame, cut: date) -> Histories:
    """What BG/NBD and Pareto/NBD see of them, in weeks."""
    x = known["count"].to_numpy(dtype=float) - 1
    return group_histories(x, weeks(known["max"] - known["min"]), weeks(cut - known["min"]))


def bought_after(purchases: pd.DataFrame, known: pd.DataFrame, cut: date) -> np.ndarray:
    """Purchase days of each customer that is known, after then."""
    after = purchases[purchases["order_date"] > cut].groupby("person_id").size()
    return after.reindex(known.index).fillna(0).to_numpy()

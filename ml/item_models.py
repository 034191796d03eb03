"""Challengers of ALS that score a product by what else a person has: EASE and item neighbours.

Here: fits and scores. Both score by sums over the person's products, so that a reason is exact for
them as well. Not here: the interface that they share with ALS (recommenders.py).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ItemModel:
    """What each product says for each other.

    Attributes:
        weights: (n_items, n_items), dense or csr with sorted columns; weights[j, i] is what having
            j adds to i.
    """

    weights: Any

    def scores(self, histories: Any) -> Floats:
        """(n_users, n_items) from csr histories (n_users, n_items)."""
        found = histories @ self.weights
        return np.asarray(found.toarray() if sparse.issparse(found) else found, dtype=np.float64)

    def contributions(self, history: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> Floats:
        """(m, h) what each of h products with weight 1 adds to each of m items."""
        if not sparse.issparse(self.weights):
            return np.asarray(self.weights[np.ix_(history, items)].T, dtype=np.float64)
        # Rows of a csr one by one: a tenth of the time of slicing it twice.
        found = np.zeros((len(items), len(history)))
        indptr, indices, data = self.weights.indptr, self.weights.indices, self.weights.data
        for place, product in enumerate(history):
            row = slice(indptr[product], indptr[product + 1])
            columns = indices[row]
            if len(columns):
                at = np.minimum(np.searchsorted(columns, items), len(columns) - 1)
                found[:, place] = np.where(columns[at] == items, data[row][at], 0.0)
        return found


def fit_ease(interactions: Any, regularization: float = 300.0) -> ItemModel:
    """Regress every product on all others, with a ridge: closed form, no randomness.

    Args:
        interactions: csr (n_users, n_items), finite.
        regularization: the ridge, > 0.

    Returns:
        A dense model; memory and time are those of inverting (n_items, n_items).

    Raises:
        ValueError: regularization is not above 0.

    Source: Steck (2019), Embarrassingly Shallow Autoencoders for Sparse Data, WWW.
    """
    if not regularization > 0:
        raise ValueError(f"regularization must be above 0, found {regularization}")
    gram = (interactions.T @ interactions).toarray().astype(np.float64)
    gram.flat[:: len(gram) + 1] += regularization
    with threadpool_limits(limits=1, user_api="blas"):
        inverse = linalg.inv(gram, check_finite=True, overwrite_a=True) if len(gram) else gram
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return ItemModel(weights)


def fit_item_knn(
    interactions: Any, neighbours: int = 200, k1: float = 100.0, b: float = 0.5
) -> ItemModel:
    """Products alike by the people who had them, weighted by BM25; the nearest of each are kept.

    Args:
        interactions: csr (n_users, n_items), >= 0.
        neighbours: products kept for each, itself among them.
        k1: the smaller, the sooner repetition saturates, > 0.
        b: how much a product that many had is discounted, in [0, 1].

    Returns:
        A sparse model.

    Source: implicit's BM25Recommender; Sarwar et al. (2001), Item-based Collaborative Filtering,
    WWW.
    """
    if interactions.nnz == 0:
        return ItemModel(sparse.csr_matrix((interactions.shape[1],) * 2))
    # The import costs 0.2 s and is only needed to fit.
    from implicit.nearest_neighbours import BM25Recommender
    from implicit.utils import ParameterWarning

    model = BM25Recommender(K=neighbours, K1=k1, B=b, num_threads=1)
    with warnings.catch_warnings():
        # It hands its own weights on in another form than it asks for.
        warnings.simplefilter("ignore", ParameterWarning)
        model.fit(interactions.tocsr(), show_progress=False)
    similarity = model.similarity.tocsr()
    similarity.sort_indices()
    return ItemModel(similarity)

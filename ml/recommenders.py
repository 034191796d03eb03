"""The candidates behind one interface: what each product is worth to a person, and why.

Here: ALS, EASE and item neighbours, fitted to the interactions of a partition. Each score is a sum
over the person's products, so that every reason is exact. Not here: their mathematics (als.py,
item_models.py), and which one is served (recommender_validation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from ml.als import AlsModel, AlsParams, confidence, explain, fit_als
from ml.interactions import InteractionMatrix
from ml.item_models import ItemModel, fit_ease, fit_item_knn
from ml.recommender_inputs import RecommendationParams

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

ALS = "als"
EASE = "ease"
ITEM_KNN = "item_knn"


class Recommender(Protocol):
    """A candidate, fitted to a matrix of persons and products."""

    def scores(self, rows: IntArray) -> Any:
        """(m, n_products), the higher the better, of m rows of the matrix."""
        ...

    def shares(self, row: int, items: IntArray) -> FloatArray:
        """(m, h): what each of the h products of a row adds to the score of each of m products."""
        ...


@dataclass(frozen=True)
class ByFactors:
    """Scores by vectors of persons and products.

    Attributes:
        model: a fit whose persons are the exact solution given the products.
        trust: csr, confidence in each interaction.
        gram: (k, k) float64, Y'Y.
    """

    model: AlsModel
    trust: Any
    gram: FloatArray

    @classmethod
    def of(cls, model: AlsModel, weights: Any) -> ByFactors:
        """From a fit and the weights that it saw."""
        factors = model.item_factors.astype(np.float64)
        with threadpool_limits(limits=1, user_api="blas"):
            gram = factors.T @ factors
        return cls(model, confidence(weights, model.params.alpha), gram)

    def scores(self, rows: IntArray) -> Any:
        """See Recommender."""
        return self.model.user_factors[rows] @ self.model.item_factors.T

    def shares(self, row: int, items: IntArray) -> FloatArray:
        """See Recommender."""
        past = slice(self.trust.indptr[row], self.trust.indptr[row + 1])
        history, trust = self.trust.indices[past], self.trust.data[past]
        return explain(self.model, history, trust, self.gram, items)


@dataclass(frozen=True)
class ByItems:
    """Scores by what a person's products say for others.

    Attributes:
        model: what each product says for each other.
        histories: csr (n_persons, n_products), how much of each product a person has.
    """

    model: ItemModel
    histories: Any

    def scores(self, rows: IntArray) -> Any:
        """See Recommender."""
        return self.model.scores(self.histories[rows])

    def shares(self, row: int, items: IntArray) -> FloatArray:
        """See Recommender."""
        past = slice(self.histories.indptr[row], self.histories.indptr[row + 1])
        history, amounts = self.histories.indices[past], self.histories.data[past]
        return np.asarray(self.model.contributions(history, items) * amounts, dtype=np.float64)


def fit_challenger(name: str, matrix: InteractionMatrix) -> ByItems:
    """Fit EASE or item neighbours, in closed form: the same matrix gives the same bytes.

    Args:
        name: EASE learns from what a person had at all, ITEM_KNN from its worth too.
        matrix: the interactions.

    Raises:
        ValueError: there is no such challenger.
    """
    weights = matrix.weights
    if name == EASE:
        ones = np.ones(weights.nnz, dtype=np.float64)
        had = sparse.csr_matrix((ones, weights.indices, weights.indptr), shape=weights.shape)
        return ByItems(fit_ease(had), had)
    if name == ITEM_KNN:
        return ByItems(fit_item_knn(weights), weights)
    raise ValueError(f"no challenger is called {name!r}: {EASE} or {ITEM_KNN}")


def fit_candidates(
    matrix: InteractionMatrix, weights: Any, als: AlsParams, params: RecommendationParams
) -> dict[str, Recommender]:
    """Every candidate that is able to recommend from the matrix, ALS first.

    Args:
        matrix: the interactions.
        weights: the same by BM25, which ALS learns from.
        als: settings of ALS.
        params: other settings.
    """
    found: dict[str, Recommender] = {ALS: ByFactors.of(fit_als(weights, als), weights)}
    for name in (EASE, ITEM_KNN):
        if able_champion(name, matrix, params) == name:
            found[name] = fit_challenger(name, matrix)
    return found


def able_champion(name: str, matrix: InteractionMatrix, params: RecommendationParams) -> str:
    """The champion, or ALS where the catalogue is too large for the dense inverse of EASE."""
    is_able = name != EASE or len(matrix.product_ids) <= params.max_ease_products
    return name if is_able else ALS

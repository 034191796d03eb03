"""Alternating least squares for implicit feedback: fit, rank, explain.

Here: the factorisation (by `implicit`), top-N lists with a total order, similar products, and the
share that each past interaction has in a score. Not here: how interactions are weighted
(interactions.py), what is served to whom (recommendations.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg.lapack import dposv
from threadpoolctl import threadpool_limits

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Scores are compared at this many decimals, so that the last bits of a float32 product, which may
# differ by its place in a block, never decide a tie.
SCORE_DECIMALS = 6
# Blocks that stay in the processor's cache: half the time of blocks of four million cells.
_BLOCK_CELLS = 250_000
_CELLS_FOR_THREADS = 50_000


@dataclass(frozen=True)
class AlsParams:
    """Settings of the factorisation.

    Attributes:
        factors: length of the vectors.
        regularization: ridge on both sides.
        alpha: confidence of a cell = 1 + alpha x weight.
        iterations: passes over both sides.
        seed: of the starting vectors.
    """

    factors: int = 32
    regularization: float = 10.0
    alpha: float = 1.0
    iterations: int = 15
    seed: int = 0


@dataclass(frozen=True)
class AlsModel:
    """Factors of a fit.

    Attributes:
        user_factors: (n_users, k) float32, the exact solution given the item factors.
        item_factors: (n_items, k) float32.
        params: what made them.
    """

    user_factors: Float32Array
    item_factors: Float32Array
    params: AlsParams


@dataclass(frozen=True)
class TopN:
    """Lists of unequal length, one below the other.

    Attributes:
        rows: (m,) row of the query, ascending.
        ranks: (m,) 1-based.
        items: (m,) item index.
        scores: (m,) float64, rounded to SCORE_DECIMALS.
    """

    rows: IntArray
    ranks: IntArray
    items: IntArray
    scores: FloatArray


def confidence(interactions: Any, alpha: float) -> Any:
    """Confidence 1 + alpha x weight where there was an interaction (Hu et al., section 4).

    Args:
        interactions: csr (n_users, n_items) of weights >= 0.
        alpha: worth of a unit of weight.

    Returns:
        csr float32 of the same pattern.
    """
    data = (1.0 + alpha * interactions.data.astype(np.float64)).astype(np.float32)
    return sparse.csr_matrix((data, interactions.indices, interactions.indptr), interactions.shape)


def fit_als(interactions: Any, params: AlsParams) -> AlsModel:
    """Factorise implicit feedback into user and item vectors.

    Rows are solved independently, BLAS runs on one thread, and starting vectors come from the seed:
    the same matrix gives the same bytes. The passes use conjugate gradients (three times faster at
    32 factors); one last exact pass (Cholesky) over items, then users, makes items with the same
    interactions equal, and a score exactly the sum of the contributions that `explain` names.

    Args:
        interactions: csr (n_users, n_items) of weights, >= 0, finite. May be empty.
        params: factors, regularization, alpha, iterations, seed.

    Returns:
        The factors; all zero where there is no interaction at all.

    Raises:
        ValueError: a weight is negative, infinite or not a number.

    Source: Hu, Koren, Volinsky (2008), eq. 4-5.
    """
    _check(interactions)
    n_items = interactions.shape[1]
    if interactions.nnz == 0:
        return solve_users(interactions, np.zeros((n_items, params.factors), np.float32), params)
    weights = confidence(interactions, params.alpha)
    with threadpool_limits(limits=1, user_api="blas"):
        model = _solver(params, interactions.nnz)
        model.fit(weights, show_progress=False)
        items = model.recalculate_item(np.arange(n_items), weights.T.tocsr())
    return solve_users(interactions, items, params)


def warm_step(interactions: Any, item_factors: Float32Array, params: AlsParams) -> AlsModel:
    """Carry item vectors on to other interactions: users from them, items from these, users again.

    All three are exact, so a step has no starting vectors and needs no seed.

    Args:
        interactions: as `fit_als` takes them.
        item_factors: (n_items, k) of an earlier fit; zeros where a product is new.
        params: those of that fit; iterations and seed are not used.

    Returns:
        The factors.

    Raises:
        ValueError: see `fit_als`.
    """
    users = solve_users(interactions, item_factors, params)
    if interactions.nnz == 0:
        return users
    weights = confidence(interactions, params.alpha)
    with threadpool_limits(limits=1, user_api="blas"):
        model = _solver(params, interactions.nnz)
        model.user_factors = users.user_factors
        items = model.recalculate_item(np.arange(interactions.shape[1]), weights.T.tocsr())
    return solve_users(interactions, items, params)


def solve_users(interactions: Any, item_factors: Float32Array, params: AlsParams) -> AlsModel:
    """The exact vectors of users, given those of items.

    Args:
        interactions: csr (n_users, n_items), as `fit_als` takes them; any rows of a larger matrix.
        item_factors: (n_items, k).
        params: regularization and alpha are used.

    Returns:
        A model with these item vectors.

    Raises:
        ValueError: see `fit_als`.
    """
    _check(interactions)
    n_users = interactions.shape[0]
    items = np.ascontiguousarray(item_factors, dtype=np.float32)
    if interactions.nnz == 0:
        return AlsModel(np.zeros((n_users, items.shape[1]), np.float32), items, params)
    weights = confidence(interactions, params.alpha)
    with threadpool_limits(limits=1, user_api="blas"):
        model = _solver(params, interactions.nnz)
        model.item_factors = items
        users = model.recalculate_user(np.arange(n_users), weights)
    return AlsModel(users, items, params)


def _check(interactions: Any) -> None:
    if interactions.nnz and not (
        np.all(np.isfinite(interactions.data)) and np.all(interactions.data >= 0)
    ):
        raise ValueError("interactions hold a negative, infinite or missing weight: clean them")


def _solver(params: AlsParams, n_cells: int) -> Any:
    # The import costs 0.2 s and is only needed to train.
    from implicit.cpu.als import AlternatingLeastSquares

    return AlternatingLeastSquares(
        factors=params.factors,
        regularization=params.regularization,
        alpha=1.0,
        iterations=params.iterations,
        # Rows are solved independently: any number of threads gives the same bytes. Few rows are
        # done before threads have met, which takes seconds where others work too.
        num_threads=0 if n_cells > _CELLS_FOR_THREADS else 1,
        random_state=params.seed,
    )


def top_n(scores: Any, n: int, excluded: Any = None) -> TopN:
    """Take the best n columns of each row; ties go to the lower column.

    Args:
        scores: (n_rows, n_items) scores.
        n: length of a list; shorter where fewer items are left.
        excluded: None or bool (n_rows, n_items), true where an item may not be listed.

    Returns:
        The lists; columns are in order of (score falling, column rising).
    """
    n_rows, n_items = scores.shape
    # Worked on with the sign turned, since a partition puts the smallest first; and in the given
    # precision, which for millions of cells is what it costs.
    cost = np.negative(scores)
    if excluded is not None:
        cost[excluded] = np.inf
    if n_items == 0 or n_rows == 0 or n < 1:
        none = np.zeros(0, dtype=np.int64)
        return TopN(none, none, none, np.zeros(0))
    if n < n_items:
        kth = np.partition(cost, n - 1, axis=1)[:, n - 1 : n].astype(np.float64)
        # All that may round to the n-th score: twice its step, since the bound is rounded itself.
        bound = (kth + 2 * 10.0**-SCORE_DECIMALS).astype(cost.dtype)
        rows, items = np.divmod(np.flatnonzero(cost <= bound), n_items)
    else:
        rows, items = np.divmod(np.arange(n_rows * n_items), n_items)
    found = -cost[rows, items].astype(np.float64)
    listed = np.isfinite(found)
    rows, items = rows[listed], items[listed]
    found = np.round(found[listed], SCORE_DECIMALS) + 0.0
    order = np.lexsort((items, -found, rows))
    rows, items, found = rows[order], items[order], found[order]
    first = np.searchsorted(rows, np.arange(n_rows))
    ranks = np.arange(len(rows)) - first[rows] + 1
    keep = ranks <= n
    return TopN(rows[keep], ranks[keep], items[keep], found[keep])


def recommend(model: AlsModel, users: IntArray, n: int, exclude: Any = None) -> TopN:
    """List the best n items of each user; see `list_best`."""

    def scores(rows: IntArray) -> Any:
        return model.user_factors[rows] @ model.item_factors.T

    return list_best(scores, users, model.item_factors.shape[0], n, exclude)


def list_best(
    scores: Callable[[IntArray], Any],
    users: IntArray,
    n_items: int,
    n: int,
    exclude: Any = None,
    take: Callable[[Any, int, Any], TopN] = top_n,
) -> TopN:
    """List the best n items of each user, by whatever scores.

    Args:
        scores: gives (m, n_items) of m users.
        users: (m,) indices of users; `rows` of the answer index into it.
        n_items: how many items there are.
        n: length of a list.
        exclude: None or csr (n_users, n_items); a cell that is set keeps the item off the list
            (bought, or seen).
        take: takes the best n of scores and what is excluded.

    Returns:
        The lists, in order of `users`; ties go to the lower item index.
    """
    block = max(1, _BLOCK_CELLS // max(n_items, 1))
    parts: list[TopN] = []
    with threadpool_limits(limits=1, user_api="blas"):
        for start in range(0, len(users), block):
            part = users[start : start + block]
            left_out = None if exclude is None else exclude[part].toarray() != 0
            found = take(scores(part), n, left_out)
            parts.append(TopN(found.rows + start, found.ranks, found.items, found.scores))
    return _stack(parts)


def similar_products(model: AlsModel, n: int) -> TopN:
    """List the n nearest items of each item by the cosine of their vectors.

    Args:
        model: a fit.
        n: length of a list.

    Returns:
        The lists without the item itself, only similarities above 0; ties go to the lower index.
    """
    vectors = model.item_factors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    n_items = unit.shape[0]
    block = max(1, _BLOCK_CELLS // max(n_items, 1))
    parts: list[TopN] = []
    with threadpool_limits(limits=1, user_api="blas"):
        for start in range(0, n_items, block):
            cosine = unit[start : start + block] @ unit.T
            left_out = cosine < 0.5 * 10.0**-SCORE_DECIMALS
            left_out[np.arange(len(cosine)), np.arange(start, start + len(cosine))] = True
            found = top_n(np.minimum(cosine, 1.0), n, left_out)
            parts.append(TopN(found.rows + start, found.ranks, found.items, found.scores))
    return _stack(parts)


def explain(
    model: AlsModel, history: IntArray, trust: Float32Array, gram: FloatArray, items: IntArray
) -> FloatArray:
    """Split the scores of one user into the shares of the user's interactions.

    score(i) = sum over the user's items j of  y_i' W y_j c_j  with W = (Y'CY + reg I)^-1.

    Args:
        model: a fit.
        history: (h,) items of the user.
        trust: (h,) their confidence, see `confidence`.
        gram: (k, k) Y'Y, float64, the same for all users.
        items: (m,) items to explain.

    Returns:
        (m, h) contributions; each row adds up to the score of the item for that user, at single
        precision.

    Source: Hu, Koren, Volinsky (2008), section 5.
    """
    past = model.item_factors[history].astype(np.float64)
    c = trust.astype(np.float64)
    a = gram + past.T @ (past * (c - 1.0)[:, None])
    a.flat[:: len(gram) + 1] += model.params.regularization
    targets = model.item_factors[items].astype(np.float64)
    # LAPACK's own solver of positive definite systems: NumPy's checks cost more than a 32 x 32 one.
    _, solved, _ = dposv(a, targets.T)
    shares: FloatArray = solved.T @ past.T * c
    return shares


def _stack(parts: list[TopN]) -> TopN:
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return TopN(none, none, none, np.zeros(0))
    return TopN(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.ranks for p in parts]),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )

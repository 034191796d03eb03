"""Challengers by products: against regressions one by one, exact reasons, what is empty."""

import numpy as np
import pytest
from scipy import sparse

from ml.item_models import ItemModel, fit_ease, fit_item_knn


def taken(users: int = 60, items: int = 12, seed: int = 0) -> sparse.csr_matrix:
    """Two tastes: even users take even items three times as often."""
    rng = np.random.default_rng(seed)
    alike = (np.arange(users)[:, None] + np.arange(items)[None, :]) % 2 == 0
    return sparse.csr_matrix((rng.random((users, items)) < np.where(alike, 0.45, 0.15)) * 1.0)


def test_ease_is_the_ridge_regression_of_each_product_on_the_others() -> None:
    matrix = taken()
    found = fit_ease(matrix, 7.0).weights
    dense = matrix.toarray()
    for item in range(dense.shape[1]):
        others = np.delete(dense, item, axis=1)
        ridge = others.T @ others + 7.0 * np.eye(others.shape[1])
        expected = np.linalg.solve(ridge, others.T @ dense[:, item])
        assert found[item, item] == 0
        np.testing.assert_allclose(np.delete(found[:, item], item), expected, atol=1e-12)


@pytest.mark.parametrize("fit", [fit_ease, fit_item_knn])
def test_the_own_taste_scores_higher_and_contributions_add_up(fit) -> None:
    matrix = taken(users=200)
    model: ItemModel = fit(matrix)
    scores = model.scores(matrix)
    even = np.arange(matrix.shape[1]) % 2 == 0
    own = np.where(np.arange(len(scores))[:, None] % 2 == 0, even, ~even)
    unseen = matrix.toarray() == 0
    assert scores[own & unseen].mean() > scores[~own & unseen].mean()
    history = matrix[3].indices.astype(np.int64)
    items = np.arange(matrix.shape[1])
    shares = model.contributions(history, items)
    assert shares.shape == (len(items), len(history))
    np.testing.assert_allclose(shares.sum(axis=1), scores[3], atol=1e-9)


@pytest.mark.parametrize("fit", [fit_ease, fit_item_knn])
def test_order_of_persons_changes_nothing_and_the_same_matrix_gives_the_same_bytes(fit) -> None:
    matrix = taken()
    order = np.random.default_rng(1).permutation(matrix.shape[0])
    first, again, mixed = (fit(one).scores(matrix) for one in (matrix, matrix, matrix[order]))
    assert first.tobytes() == again.tobytes()
    np.testing.assert_allclose(first, mixed, atol=1e-9)


@pytest.mark.parametrize("fit", [fit_ease, fit_item_knn])
def test_nothing_taken_one_product_and_no_products_score_zero(fit) -> None:
    for shape in ((3, 4), (3, 1), (3, 0)):
        scores = fit(sparse.csr_matrix(shape)).scores(sparse.csr_matrix(shape))
        assert scores.shape == shape
        assert not scores.any()
    alone = fit_ease(sparse.csr_matrix(np.ones((3, 1))))
    assert alone.scores(sparse.csr_matrix(np.ones((3, 1)))).tolist() == [[0.0]] * 3


def test_a_ridge_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0, found 0"):
        fit_ease(taken(), 0)

"""The factorisation against the closed form, and the order of lists."""

import numpy as np
import pytest
from scipy import sparse

from ml.als import (
    AlsModel,
    AlsParams,
    confidence,
    explain,
    fit_als,
    recommend,
    similar_products,
    warm_step,
)
from ml.als import top_n as take_top

SMALL = sparse.csr_matrix(np.array([[4, 0, 1], [0, 2, 0], [3, 1, 0]], dtype=np.float32))
PARAMS = AlsParams(factors=2, regularization=0.5, alpha=2.0, iterations=5, seed=3)


def closed_form_users(items: np.ndarray, weights: np.ndarray, alpha: float, reg: float):
    """Hu, Koren, Volinsky (2008), eq. 4: x_u = (Y' C_u Y + reg I)^-1 Y' C_u p_u."""
    users = []
    for row in weights:
        c = np.diag(1.0 + alpha * row)
        p = (row > 0).astype(float)
        a = items.T @ c @ items + reg * np.eye(items.shape[1])
        users.append(np.linalg.solve(a, items.T @ c @ p))
    return np.array(users)


def test_user_factors_equal_the_closed_form() -> None:
    model = fit_als(SMALL, PARAMS)
    expected = closed_form_users(model.item_factors.astype(float), SMALL.toarray(), 2.0, 0.5)
    np.testing.assert_allclose(model.user_factors, expected, rtol=1e-4, atol=1e-5)


def test_a_warm_step_is_the_closed_form_on_either_side() -> None:
    carried = np.array([[0.4, -0.2], [0.3, 0.9], [0.0, 0.0]], dtype=np.float32)  # the last is new
    dense = SMALL.toarray()
    users = closed_form_users(carried.astype(float), dense, 2.0, 0.5)
    items = closed_form_users(users, dense.T, 2.0, 0.5)
    model = warm_step(SMALL, carried, PARAMS)
    np.testing.assert_allclose(model.item_factors, items, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model.user_factors, closed_form_users(items, dense, 2.0, 0.5), rtol=1e-4, atol=1e-5
    )
    assert model.item_factors[2].any()
    assert not warm_step(SMALL * 0, carried * 0, PARAMS).item_factors.any()


def test_contributions_add_up_to_the_score() -> None:
    model = fit_als(SMALL, PARAMS)
    gram = model.item_factors.astype(float).T @ model.item_factors.astype(float)
    trust = confidence(SMALL, PARAMS.alpha)
    for user in range(3):
        cells = slice(trust.indptr[user], trust.indptr[user + 1])
        shares = explain(model, trust.indices[cells], trust.data[cells], gram, np.array([0, 1, 2]))
        scores = model.item_factors @ model.user_factors[user]
        np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-4, atol=1e-5)


def test_same_matrix_same_bytes() -> None:
    a, b = fit_als(SMALL, PARAMS), fit_als(SMALL.copy(), PARAMS)
    assert a.user_factors.tobytes() == b.user_factors.tobytes()
    assert a.item_factors.tobytes() == b.item_factors.tobytes()


def test_items_with_the_same_interactions_tie_and_the_lower_index_goes_first() -> None:
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 6)) < 0.4).astype(np.float32)
    dense[:, 4] = dense[:, 1]
    model = fit_als(sparse.csr_matrix(dense), PARAMS)
    assert model.item_factors[4].tobytes() == model.item_factors[1].tobytes()
    lists = recommend(model, np.arange(30), 6)
    for user in range(30):
        found = lists.rows == user
        score = dict(zip(lists.items[found].tolist(), lists.scores[found].tolist(), strict=True))
        assert score[4] == score[1]
        assert list(score).index(1) < list(score).index(4)


def test_excluded_items_are_never_listed_and_lists_may_be_short() -> None:
    model = fit_als(SMALL, PARAMS)
    lists = recommend(model, np.arange(3), 2, SMALL)
    listed = list(zip(lists.rows.tolist(), lists.items.tolist(), strict=True))
    assert all(SMALL[row, item] == 0 for row, item in listed)
    assert [int((lists.rows == u).sum()) for u in range(3)] == [1, 2, 1]
    assert lists.ranks.tolist() == [1, 1, 2, 1]


def test_top_n_orders_by_score_then_column() -> None:
    scores = np.array([[1.0, 3.0, 3.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    lists = take_top(scores, 2)
    assert lists.rows.tolist() == [0, 0, 1, 1]
    assert lists.items.tolist() == [1, 2, 0, 1]
    assert lists.ranks.tolist() == [1, 2, 1, 2]


def test_top_n_equals_a_full_sort_on_random_ties() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 6, (200, 17)).astype(float)
    excluded = rng.random((200, 17)) < 0.3
    lists = take_top(scores, 5, excluded)
    for row in range(200):
        keys = sorted((-scores[row, i], i) for i in range(17) if not excluded[row, i])
        assert lists.items[lists.rows == row].tolist() == [i for _, i in keys[:5]]


def test_similar_products_are_by_cosine_without_the_product_itself() -> None:
    factors = np.array([[1, 0], [2, 0], [1, 1], [-1, 0], [0, 0]], dtype=np.float32)
    model = AlsModel(np.zeros((0, 2), np.float32), factors, AlsParams(factors=2))
    lists = similar_products(model, 3)
    of_first = lists.rows == 0
    assert lists.items[of_first].tolist() == [1, 2]
    np.testing.assert_allclose(lists.scores[of_first], [1.0, np.sqrt(0.5)], atol=1e-6)
    assert not (lists.rows == 4).any()


@pytest.mark.parametrize("shape", [(0, 0), (1, 0), (0, 1), (2, 2)])
def test_nothing_to_learn_from_gives_zero_factors(shape: tuple[int, int]) -> None:
    model = fit_als(sparse.csr_matrix(shape, dtype=np.float32), AlsParams())
    assert model.user_factors.shape == (shape[0], 32)
    assert not model.item_factors.any()
    recommend(model, np.arange(shape[0]), 10)
    assert len(similar_products(model, 10).rows) == 0


def test_one_person_and_one_item_can_be_fitted() -> None:
    model = fit_als(sparse.csr_matrix(np.ones((1, 1), np.float32)), AlsParams(regularization=0.1))
    assert np.isfinite(model.user_factors).all()
    assert recommend(model, np.arange(1), 10).items.tolist() == [0]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_bad_weight_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="negative, infinite or missing"):
        fit_als(sparse.csr_matrix(np.array([[bad]], dtype=np.float32)), AlsParams())

"""Counts over earlier rows, against a loop that follows the definition."""

import numpy as np

from ml import causal_counts as cc


def random_rows(n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    groups = rng.integers(0, 7, n)
    marks = rng.random(n) < 0.6
    times = np.sort(rng.integers(0, 500, n))
    scores = rng.integers(0, 9, n).astype(float)
    return groups, marks, times, scores


def test_counts_equal_the_loop() -> None:
    groups, marks, times, _ = random_rows()
    counted = cc.counted_before(groups, marks)
    distinct = cc.distinct_before(groups, marks)
    last = cc.last_before(groups, marks)
    within = cc.counted_within(groups, times, marks, 20)
    for i in range(len(groups)):
        before = [j for j in range(i) if marks[j]]
        own = [j for j in before if groups[j] == groups[i]]
        assert counted[i] == len(own)
        assert distinct[i] == len({groups[j] for j in before})
        assert last[i] == (own[-1] if own else -1)
        assert within[i] == sum(times[j] >= times[i] - 20 for j in own)


def test_density_equals_the_loop_in_any_block() -> None:
    groups, marks, _, _ = random_rows()
    rng = np.random.default_rng(1)
    bins, kernel = rng.integers(0, 5, len(groups)), rng.random((5, 5))
    expected = [
        sum(kernel[bins[i], bins[j]] for j in range(i) if marks[j] and groups[j] == groups[i])
        for i in range(len(groups))
    ]
    for block in (3, 4096):
        found = cc.density_before(groups, bins, marks, kernel, block)
        np.testing.assert_allclose(found, expected)


def test_ranks_in_the_pool_equal_the_loop_in_any_block() -> None:
    groups, pool, _, scores = random_rows()
    wanted = np.random.default_rng(2).random(len(groups)) < 0.5
    for block in (1, 7, 4096):
        above, size = cc.at_least_before(scores, pool, groups, wanted, block)
        for i in range(len(groups)):
            like = [j for j in range(i) if wanted[i] and pool[j] and groups[j] == groups[i]]
            assert size[i] == len(like)
            assert above[i] == sum(scores[j] >= scores[i] for j in like)


def test_no_rows_give_no_counts() -> None:
    none, no_marks = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    assert len(cc.counted_before(none, no_marks)) == 0
    assert len(cc.last_before(none, no_marks)) == 0
    assert len(cc.counted_within(none, none, no_marks, 1)) == 0
    assert len(cc.density_before(none, none, no_marks, np.eye(2))) == 0

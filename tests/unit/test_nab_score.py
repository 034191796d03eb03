"""NAB's score against its definition, threshold by threshold, and its fixed points."""

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.nab_score import LabelledSeries, nab_score
from benchmarks.report_anomalies import gaussian_tail

LENGTH = 40


def series(*windows: tuple[int, int]) -> LabelledSeries:
    times = pd.date_range("2026-01-01", periods=LENGTH, freq="5min")
    return LabelledSeries("x", times, np.zeros(LENGTH), windows)


def flags(*places: int) -> np.ndarray:
    return np.isin(np.arange(LENGTH), places).astype(float)


def by_definition(corpus: list[LabelledSeries], scores: list[np.ndarray]) -> float:
    """Every threshold, every place, as the paper tells it."""

    def sigmoid(position: float) -> float:
        return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1

    windows = sum(len(one.windows) for one in corpus)
    best = -math.inf
    for threshold in {math.inf, *np.concatenate(scores).tolist()}:
        total = 0.0
        for one, found in zip(corpus, scores, strict=True):
            flagged = [n for n in range(one.probation, LENGTH) if found[n] >= threshold]
            for first, last in one.windows:
                within = [n for n in flagged if first <= n <= last]
                place = within[0] - last - 1 if within else None
                total += (
                    -1.0 if place is None
                    else sigmoid(place / (last - first + 1)) / sigmoid(-1.0)
                )  # fmt: skip
            for n in flagged:
                if any(first <= n <= last for first, last in one.windows):
                    continue
                before = [(first, last) for first, last in one.windows if last < n]
                if not before:
                    total += 0.11 * -1.0
                else:
                    first, last = before[-1]
                    total += 0.11 * sigmoid((n - last) / (last - first))
        best = max(best, total)
    return 100 * (best + windows) / (2 * windows)


@pytest.mark.parametrize("seed", range(20))
def test_the_score_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    corpus = [series((8, 12), (20, 27)), series((15, 18)), series()]
    scores = [rng.integers(0, 6, LENGTH).astype(float) for _ in corpus]
    assert nab_score(corpus, scores) == pytest.approx(by_definition(corpus, scores))


def test_the_first_place_of_every_window_is_a_hundred():
    corpus = [series((8, 12), (20, 27))]
    assert nab_score(corpus, [flags(8, 20)]) == pytest.approx(100)
    # What comes late within a window is worth less, and noise costs.
    late, noisy = nab_score(corpus, [flags(8, 26)]), nab_score(corpus, [flags(8, 15, 20, 39)])
    assert 50 < late < noisy < 100


def test_what_is_flagged_while_a_detector_learns_counts_for_nothing():
    assert series().probation == 6
    corpus = [series((2, 4), (20, 27))]
    assert nab_score(corpus, [flags(2, 20)]) == pytest.approx(50)


def test_a_corpus_without_windows_is_refused():
    with pytest.raises(ValueError, match="without windows"):
        nab_score([series()], [flags()])


def test_a_tail_is_that_of_the_values_before():
    found = gaussian_tail(np.array([1.0, 3.0, 2.0, 2 + 3 * math.sqrt(1 / 2) * math.sqrt(2)]), 3)
    assert found[:2].tolist() == [0, 0]
    # Three deviations from the mean of 1, 3, 2.
    assert found[3] == pytest.approx(-math.log10(math.erfc(3 / math.sqrt(2)) / 2))

"""The table of models: what a gate has found is told as it was meant."""

import numpy as np
import pytest

from benchmarks.report_line import of_gate
from ml.gate import decide


def test_a_gates_words_become_figures():
    model, baseline = np.linspace(0.2, 0.6, 50), np.linspace(0.3, 0.4, 50)
    gate = decide("ndcg@10", model, baseline, unit="persons")
    line = of_gate("ALS", "shop", gate, "popularity")
    assert (line.metric, line.data) == ("ndcg@10", "shop, 50 persons")
    assert (line.baseline, line.result) == ("popularity 0.3500", "0.4000")
    error = (model - baseline).std(ddof=1) / np.sqrt(50)
    low, high = (float(one) for one in line.interval.split(" ", 1)[1].split(" to "))
    assert (low, high) == pytest.approx((0.05 - 1.96 * error, 0.05 + 1.96 * error), abs=2e-4)


def test_losses_keep_their_sign():
    gate = decide("minus squared error of orders", -np.linspace(1, 2, 40), -np.linspace(2, 4, 40))
    line = of_gate("orders", "shop", gate, "own rate")
    assert (line.metric, line.result) == ("minus squared error of orders", "-1.5000")


def test_what_compares_nothing_is_told_in_the_gates_words():
    gate = decide("ndcg@10", np.zeros(3), np.zeros(3))
    assert "only 3 persons" in of_gate("ALS", "shop", gate, "popularity").metric

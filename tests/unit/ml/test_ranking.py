"""Measures by hand, splits, gate, popularity, cards."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ml.cards import canonical_json, fingerprint, model_version
from ml.gate import decide
from ml.interactions import INTERACTIONS_SCHEMA, Weighting
from ml.popularity import rank_by_popularity
from ml.ranking_metrics import (
    average_precision_at_k,
    coverage,
    ndcg_at_k,
    novelty,
    rank_relevant,
    recall_at_k,
)
from ml.reasons import NO_SINGLE_CAUSE, because, popular
from ml.splits import leave_last_out, split_by_date

AS_OF = date(2026, 1, 31)


def test_measures_by_hand() -> None:
    # Three relevant items at ranks 1, 3 and 7, k = 5.
    ranks = np.array([1, 3, 7])
    assert recall_at_k(ranks, 5) == pytest.approx(2 / 3)
    # Gain 1/log2(2) + 1/log2(4) = 1.5; ideal 1 + 1/log2(3) + 1/2.
    assert ndcg_at_k(ranks, 5) == pytest.approx(1.5 / (1 + 0.6309297536 + 0.5))
    # Precision 1/1 at rank 1 and 2/3 at rank 3, over min(5, 3).
    assert average_precision_at_k(ranks, 5) == pytest.approx((1 + 2 / 3) / 3)
    assert coverage(np.array([4, 4, 2]), 8) == 0.25


def test_novelty_by_hand() -> None:
    # Of 8 persons 4, 1 and nobody, who counts half: 1, 3 and 4 bits.
    owners = np.array([4, 1, 0, 8])
    assert novelty(np.array([0, 1]), owners, 8) == 2.0
    assert novelty(np.array([2]), owners, 8) == 4.0
    assert novelty(np.array([3, 3]), owners, 8) == 0.0
    assert novelty(np.array([], dtype=np.int64), owners, 8) == 0.0


def test_ties_rank_a_relevant_item_last() -> None:
    assert rank_relevant(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0])).tolist() == [3]
    # Relevant 0 (score 2) and 1 (score 1): above 1 stand 0 and, tied, 2.
    assert rank_relevant(np.array([2.0, 1.0, 1.0]), np.array([0, 1])).tolist() == [1, 3]


def test_excluded_items_are_not_ranked() -> None:
    scores = np.array([9.0, 5.0, 1.0])
    assert rank_relevant(scores, np.array([2]), np.array([0])).tolist() == [2]
    with pytest.raises(ValueError, match="both relevant and excluded"):
        rank_relevant(scores, np.array([0]), np.array([0]))


def test_split_by_date_keeps_the_last_days_apart() -> None:
    days = [date(2026, 1, d) for d in (1, 28, 29, 31)] + [date(2026, 2, 1)]
    rows = pa.table({"event_date": pa.array(days, pa.date32())})
    train, held_out, cut = split_by_date(rows, AS_OF, 3)
    assert cut == date(2026, 1, 28)
    assert (train.num_rows, held_out.num_rows) == (2, 3)
    with pytest.raises(ValueError, match="at least 1"):
        split_by_date(rows, AS_OF, 0)


def test_leave_last_out_breaks_ties_by_item_and_ignores_row_order() -> None:
    persons = np.array([0, 0, 0, 1])
    items = np.array([7, 9, 8, 1])
    times = np.array([10, 20, 20, 5])
    position = leave_last_out(persons, items, times)
    assert position.tolist() == [2, 0, 1, 0]
    order = np.array([3, 1, 0, 2])
    assert leave_last_out(persons[order], items[order], times[order]).tolist() == [0, 0, 2, 1]


def test_gate_serves_the_model_only_when_it_is_better() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    assert decide("ndcg@10", base + 0.1, base).served == "model"
    assert decide("ndcg@10", base - 0.1, base).served == "baseline"
    assert decide("ndcg@10", base, base).served == "baseline"
    noisy = base + rng.normal(0.001, 1, 200)
    noisy += 0.001 - (noisy - base).mean()
    assert decide("ndcg@10", noisy, base).served == "baseline"


def test_gate_serves_the_baseline_when_there_is_little_to_compare() -> None:
    decision = decide("ndcg@10", np.ones(29), np.zeros(29))
    assert decision.served == "baseline"
    assert decision.reason == "baseline: only 29 persons to compare, 30 needed"
    assert decide("ndcg@10", np.ones(30), np.zeros(30)).served == "model"
    assert decide("ndcg@10", np.zeros(0), np.zeros(0)).pairs == 0


def test_gate_refuses_values_that_do_not_pair() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        decide("x", np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="not finite"):
        decide("x", np.array([np.nan]), np.zeros(1))


def test_popularity_ranks_recent_first_then_the_long_window_then_id() -> None:
    rows = [
        ("p", "old", "order", date(2026, 1, 1), 9),
        ("p", "b", "view", AS_OF, 1),
        ("q", "a", "view", date(2026, 1, 25), 1),  # the seventh day back, still recent
        ("q", "c", "add", date(2026, 1, 24), 1),  # the eighth
    ]
    columns = [
        pa.array(c, f.type)
        for c, f in zip(zip(*rows, strict=True), INTERACTIONS_SCHEMA, strict=True)
    ]
    table = pa.Table.from_arrays(columns, schema=INTERACTIONS_SCHEMA)
    ranking = rank_by_popularity(table, AS_OF, Weighting(), 7, 180)
    assert ranking.product_ids == ("a", "b", "old", "c")
    assert ranking.scores.tolist() == [1.0, 1.0, 45.0, 3.0]
    assert ranking.days.tolist() == [7, 7, 180, 180]
    with pytest.raises(ValueError, match="recent_days"):
        rank_by_popularity(table, AS_OF, Weighting(), 0, 180)


def test_reasons_name_what_raised_the_score() -> None:
    shares = np.array([[0.1, 0.5, 0.4], [0.9, 0.1, 0.0], [-0.2, 0.0, -0.1]])
    assert because(shares, ["P1", "P2", "P3"], [1, 4, 3]) == [
        "because you bought P2 and put P3 in the cart",
        "because you viewed P1",
        NO_SINGLE_CAUSE,
    ]
    assert popular(7) == "popular in the last 7 days"


def test_canonical_json_has_one_form() -> None:
    assert canonical_json({"b": np.int64(1), "a": [AS_OF, None, True, "é"]}) == (
        '{"a":["2026-01-31",null,true,"é"],"b":1}'.encode()
    )
    with pytest.raises(ValueError, match="nan"):
        canonical_json({"a": float("nan")})
    with pytest.raises(TypeError, match="set"):
        canonical_json({"a": {1}})


def test_fingerprint_follows_content_and_not_order() -> None:
    table = pa.table({"a": ["x", "y", None], "n": [1, 2, 3]})
    shuffled = pa.concat_tables([table.slice(2), table.slice(0, 2)])
    assert fingerprint(table) == fingerprint(shuffled)
    assert fingerprint(table) != fingerprint(pa.table({"a": ["x", "y", None], "n": [1, 2, 4]}))
    assert fingerprint(table) != fingerprint(pa.table({"a": ["y", "x", None], "n": [1, 2, 3]}))
    assert fingerprint(table.slice(0, 0)) != fingerprint(table.slice(0, 1))


def test_version_changes_with_parameters_code_and_data() -> None:
    made = {
        model_version("als", code, params, data)
        for code in ("1", "2")
        for params in ({"f": 1}, {"f": 2})
        for data in ("x", "y")
    }
    assert len(made) == 8

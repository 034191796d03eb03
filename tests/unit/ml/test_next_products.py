"""What is looked at next: rules by hand, and found again where shoppers follow them."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.next_products import (
    NEXT_PRODUCTS_SCHEMA,
    PRODUCT_STEPS_SCHEMA,
    NextProductParams,
    next_products,
)

D = date(2026, 5, 20)
PRODUCTS = 30


def steps(*rows: tuple) -> pa.Table:
    """Rows of (days before D, product, next product, distance, n)."""
    columns = zip(*((D - timedelta(days=ago), *row) for ago, *row in rows), strict=True)
    arrays = [
        pa.array(list(column), field.type)
        for column, field in zip(columns, PRODUCT_STEPS_SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=PRODUCT_STEPS_SCHEMA)


def walks(successors: dict[int, int], share: float, seed: int, days: int = 28) -> pa.Table:
    """Looks of a shop where a share of all steps goes to the product's own successor."""
    rng = np.random.default_rng(seed)
    rows = []
    for ago in range(days):
        start = rng.integers(PRODUCTS, size=60)
        chance = rng.integers(PRODUCTS, size=60)
        follows = rng.random(60) < share
        after = np.where(follows, [successors[one] for one in start.tolist()], chance)
        rows += [(ago, f"p{a}", f"p{b}", 1, 1) for a, b in zip(start, after, strict=True)]
    return steps(*rows)


@pytest.fixture(scope="module")
def successors() -> dict[int, int]:
    order = np.random.default_rng(3).permutation(PRODUCTS).tolist()
    return dict(zip(order, [*order[1:], order[0]], strict=True))


def listed(run, product: str) -> list[tuple]:
    rows = run.next_products.to_pylist()
    return [
        (r["rank"], r["next_product_id"], r["score"], r["steps"], r["all_steps"])
        for r in rows
        if r["product_id"] == product
    ]


def rules_of(table: pa.Table, **settings) -> list[tuple]:
    """The list of product a where rules are served whatever they are worth."""
    run = next_products(table, D, NextProductParams(min_validation_steps=10**9, **settings))
    assert run.gate.served == "baseline"
    return listed(run, "a")


def test_a_near_and_a_new_look_counts_more():
    table = steps((0, "a", "b", 1, 2), (0, "a", "c", 2, 2), (30, "a", "d", 1, 2))
    # Worth 2, 1 and, a half-life ago, 1; of 4 in all.
    found = {product: (score, n, of) for _, product, score, n, of in rules_of(table)}
    assert found == {"b": (0.5, 2, 6), "c": (0.25, 2, 6), "d": (0.25, 2, 6)}


def test_a_rule_needs_steps_enough_and_a_step_leads_to_another_product():
    table = steps((0, "a", "b", 1, 1), (0, "a", "a", 1, 9), (0, "a", "c", 1, 3))
    found = {product: (score, n) for _, product, score, n, _ in rules_of(table)}
    assert found == {"c": (0.75, 3), "b": (0.0, 1)}


def test_shoppers_who_follow_an_order_are_followed_and_the_gate_serves_the_rules(successors):
    run = next_products(walks(successors, 0.5, 1), D)
    assert run.gate.served == "model"
    first = {r["product_id"]: r for r in run.next_products.to_pylist() if r["rank"] == 1}
    assert {one: first[f"p{one}"]["next_product_id"] for one in successors} == {
        one: f"p{after}" for one, after in successors.items()
    }
    assert not any(r["is_baseline"] for r in first.values())
    # Half of the steps by order, and one in thirty by chance.
    assert all(0.3 < r["score"] < 0.75 for r in first.values())


def test_where_nobody_follows_an_order_the_popular_are_served(successors):
    run = next_products(walks(successors, 0.0, 2), D)
    assert run.gate.served == "baseline"
    assert set(run.next_products["is_baseline"].to_pylist()) == {True}
    counts = {r["product_id"]: 0 for r in run.next_products.to_pylist()}
    for row in run.next_products.to_pylist():
        counts[row["product_id"]] += 1
        assert row["product_id"] != row["next_product_id"]
    assert set(counts.values()) == {10}


def test_the_measures_are_of_days_that_the_rules_had_not_seen(successors):
    other = dict(zip(successors, list(successors.values())[5:] + list(successors.values())[:5],
                     strict=True))  # fmt: skip
    before = walks(successors, 0.9, 4)
    week = pa.compute.greater(before["event_date"], pa.scalar(D - timedelta(days=7)))
    last = walks(other, 0.9, 5, days=7)
    changed = pa.concat_tables([before.filter(pa.compute.invert(week)), last])
    # In the week that is predicted people go elsewhere: who learned from it would be right.
    metrics = {m["metric"]: m["value"] for m in next_products(changed, D).metrics}
    assert metrics["mrr@20"] < 0.2
    assert {m["metric"]: m["value"] for m in next_products(before, D).metrics}["mrr@20"] > 0.8


def test_the_same_rows_in_any_order_give_the_same_run(successors):
    table = walks(successors, 0.5, 6)
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    one, other = next_products(table, D), next_products(shuffled, D)
    assert one.next_products.equals(other.next_products)
    assert one.card_bytes() == other.card_bytes()


@pytest.mark.parametrize(
    "table",
    [PRODUCT_STEPS_SCHEMA.empty_table(), steps((0, "a", "a", 1, 1)), steps((400, "a", "b", 1, 5))],
    ids=["no step", "one product", "before the window"],
)
def test_without_a_step_there_is_no_row_and_a_reason(table):
    run = next_products(table, D)
    assert run.next_products.equals(NEXT_PRODUCTS_SCHEMA.empty_table())
    assert run.gate.reason == "baseline: only 0 steps to compare, 100 needed"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (steps((0, "a", "b", 0, 1)), "distance must be at least 1"),
        (steps((0, "a", "b", 1, None)), "1 rows have no n"),
        (steps((0, "a", "b", 1, 1)).drop_columns(["n"]), "lack the columns n"),
    ],
)
def test_steps_that_make_no_sense_are_told(table, message):
    with pytest.raises(ValueError, match=message):
        next_products(table, D)

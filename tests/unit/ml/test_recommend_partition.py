"""A partition's recommendations: who is served by what, law 4."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.interactions import INTERACTIONS_SCHEMA
from ml.recommendations import (
    BOUGHT_SCHEMA,
    RECOMMENDATIONS_SCHEMA,
    SIMILAR_PRODUCTS_SCHEMA,
    VISITORS_SCHEMA,
    RecommendationParams,
    RecommendationRun,
    recommend_partition,
)
from tests.unit.ml.other_processes import printed

AS_OF = date(2026, 3, 1)


def shop(n: int = 4000, persons: int = 120, products: int = 60, seed: int = 0) -> pa.Table:
    """Four tastes; four of five interactions are with products of the person's own."""
    rng = np.random.default_rng(seed)
    person = rng.integers(0, persons, n)
    taste = np.where(rng.random(n) < 0.8, person % 4, rng.integers(0, 4, n))
    product = rng.integers(0, products // 4, n) * 4 + taste
    kind = np.array(["view", "view", "view", "add", "order"])[rng.integers(0, 5, n)]
    days = np.datetime64(AS_OF) - rng.integers(0, 60, n)
    columns = [
        pa.array([f"p{i:03d}" for i in person]),
        pa.array([f"a{i:03d}" for i in product]),
        pa.array(kind.tolist()),
        pa.array(days),
        pa.array(rng.integers(1, 3, n)),
    ]
    return pa.Table.from_arrays(columns, schema=INTERACTIONS_SCHEMA)


def bought_of(interactions: pa.Table) -> pa.Table:
    orders = interactions.filter(pc.equal(interactions["interaction"], "order"))
    return orders.select(["person_id", "product_id"])


def digest(run: RecommendationRun) -> str:
    """Of everything that a run yields."""
    hashed = hashlib.sha256(run.card_bytes())
    for table in (run.recommendations, run.similar_products):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        hashed.update(sink.getvalue())
    hashed.update(run.user_factors.tobytes() + run.item_factors.tobytes())
    return hashed.hexdigest()


@pytest.fixture(scope="module")
def interactions() -> pa.Table:
    return shop()


@pytest.fixture(scope="module")
def run(interactions: pa.Table) -> RecommendationRun:
    return recommend_partition(interactions, bought_of(interactions), AS_OF)


def test_model_is_served_where_tastes_differ(run: RecommendationRun) -> None:
    assert run.gate.served == "model"
    values = {m["metric"]: (m["value"], m["baseline_value"]) for m in run.metrics}
    assert values["ndcg@10"][0] > values["ndcg@10"][1]
    assert run.recommendations.schema == RECOMMENDATIONS_SCHEMA
    assert run.similar_products.schema == SIMILAR_PRODUCTS_SCHEMA


def test_everything_is_measured_at_ten_and_twenty(run: RecommendationRun) -> None:
    values = {m["metric"]: (m["value"], m["baseline_value"]) for m in run.metrics}
    for side in (0, 1):
        assert 0 < values["recall@10"][side] < values["recall@20"][side] <= 1
        assert values["coverage@10"][side] <= values["coverage@20"][side] <= 1
        for name in ("ndcg", "map"):
            assert 0 < values[f"{name}@10"][side] < values[f"{name}@20"][side] < 1
    # What everybody is shown is what most have.
    for depth in (10, 20):
        assert values[f"coverage@{depth}"][0] >= values[f"coverage@{depth}"][1] > 0
        assert values[f"novelty@{depth}"][0] > values[f"novelty@{depth}"][1] > 0


def test_recommendations_are_of_the_persons_own_taste(run: RecommendationRun) -> None:
    rows = run.recommendations.filter(pc.equal(run.recommendations["rank"], 1)).to_pylist()
    hits = [int(r["person_id"][1:]) % 4 == int(r["product_id"][1:]) % 4 for r in rows]
    # By chance a quarter.
    assert np.mean(hits) > 0.7


def test_similar_products_are_of_the_same_taste(run: RecommendationRun) -> None:
    rows = run.similar_products.filter(pc.equal(run.similar_products["rank"], 1)).to_pylist()
    same = [int(r["product_id"][1:]) % 4 == int(r["similar_product_id"][1:]) % 4 for r in rows]
    assert np.mean(same) > 0.9


def test_every_person_of_the_window_is_listed_with_ranks_from_one(
    run: RecommendationRun, interactions: pa.Table
) -> None:
    ranks: dict[str, list[int]] = {}
    for row in run.recommendations.to_pylist():
        ranks.setdefault(row["person_id"], []).append(row["rank"])
    assert set(ranks) == set(interactions["person_id"].to_pylist())
    assert all(r == list(range(1, len(r) + 1)) and len(r) <= 10 for r in ranks.values())


def test_nothing_bought_or_seen_is_recommended(interactions: pa.Table) -> None:
    bought = pa.table({"person_id": ["p000"] * 60, "product_id": [f"a{i:03d}" for i in range(60)]})
    run = recommend_partition(interactions, bought, AS_OF)
    listed = run.recommendations.select(["person_id", "product_id"]).to_pylist()
    known = {(r["person_id"], r["product_id"]) for r in interactions.to_pylist()}
    assert not known & {(r["person_id"], r["product_id"]) for r in listed}
    assert "p000" not in {r["person_id"] for r in listed}


def test_what_was_bought_may_come_again_only_where_it_is_not_excluded(
    interactions: pa.Table,
) -> None:
    bought = pa.table({"person_id": ["p000"] * 60, "product_id": [f"a{i:03d}" for i in range(60)]})
    params = RecommendationParams(exclude_bought=False)
    run = recommend_partition(interactions, bought, AS_OF, params)
    rows = run.recommendations.to_pylist()
    mine = [row["product_id"] for row in rows if row["person_id"] == "p000"]
    known = {(row["person_id"], row["product_id"]) for row in interactions.to_pylist()}
    orders = {(row["person_id"], row["product_id"]) for row in bought_of(interactions).to_pylist()}
    assert len(mine) == 10
    # What p000 saw and bought fits best; another's products that were seen alone stay off.
    assert any(("p000", product) in known for product in mine)
    listed = {(row["person_id"], row["product_id"]) for row in rows if row["person_id"] != "p000"}
    assert not listed & (known - orders)


def test_orders_among_the_interactions_count_as_bought(interactions: pa.Table) -> None:
    orders = bought_of(interactions).to_pylist()
    none = BOUGHT_SCHEMA.empty_table()
    params = RecommendationParams(exclude_bought=False)
    rows = recommend_partition(interactions, none, AS_OF, params).recommendations.to_pylist()
    listed = {(row["person_id"], row["product_id"]) for row in rows}
    assert listed & {(row["person_id"], row["product_id"]) for row in orders}
    strict = recommend_partition(interactions, none, AS_OF).recommendations.to_pylist()
    listed = {(row["person_id"], row["product_id"]) for row in strict}
    assert not listed & {(row["person_id"], row["product_id"]) for row in orders}


def test_visitors_without_history_get_the_most_popular_products_that_they_have_not_bought(
    interactions: pa.Table, run: RecommendationRun
) -> None:
    # Popularity by hand: worth of the last 7 days, ties by id.
    worth = {"view": 1, "add": 3, "order": 5}
    score: dict[str, int] = {}
    for row in interactions.to_pylist():
        if row["event_date"] > AS_OF - timedelta(days=7):
            score.setdefault(row["product_id"], 0)
            score[row["product_id"]] += row["n"] * worth[row["interaction"]]
    best = sorted(score, key=lambda product: (-score[product], product))
    bought = pa.table({"person_id": ["somebody"], "product_id": [best[0]]})
    pairs = pa.concat_tables([bought_of(interactions), bought])
    names = ["nobody", "p000", "somebody"]
    visitors = pa.Table.from_pylist(
        [{"person_id": name, "event_date": AS_OF} for name in names], schema=VISITORS_SCHEMA
    )
    served = recommend_partition(interactions, pairs, AS_OF, visitors=visitors)
    lists: dict[str, list[dict]] = {}
    for row in served.recommendations.to_pylist():
        lists.setdefault(row["person_id"], []).append(row)
    assert list(lists) == sorted(lists)
    assert [row["product_id"] for row in lists["nobody"]] == best[:10]
    assert [row["product_id"] for row in lists["somebody"]] == best[1:11]
    assert all(row["is_baseline"] for row in lists["nobody"])
    # Who has a history is served as before.
    before = [row for row in run.recommendations.to_pylist() if row["person_id"] == "p000"]
    mine = [row["product_id"] for row in lists["p000"]]
    assert mine == [row["product_id"] for row in before]
    assert served.card["data"]["persons_without_history"] == 2


def test_reasons_name_the_persons_own_history(
    run: RecommendationRun, interactions: pa.Table
) -> None:
    seen: dict[str, set[str]] = {}
    for row in interactions.to_pylist():
        seen.setdefault(row["person_id"], set()).add(row["product_id"])
    for row in run.recommendations.to_pylist():
        assert row["reason"].startswith("because you ")
        named = {word for word in row["reason"].split() if word[0] == "a" and word[1:].isdigit()}
        assert named
        assert named <= seen[row["person_id"]]


def test_a_person_with_one_product_is_served_by_popularity(interactions: pa.Table) -> None:
    one = pa.Table.from_pylist(
        [
            {
                "person_id": "new",
                "product_id": "a000",
                "interaction": "view",
                "event_date": AS_OF,
                "n": 1,
            }
        ],
        schema=INTERACTIONS_SCHEMA,
    )
    run = recommend_partition(pa.concat_tables([interactions, one]), bought_of(interactions), AS_OF)
    rows = [r for r in run.recommendations.to_pylist() if r["person_id"] == "new"]
    assert len(rows) == 10
    assert all(r["is_baseline"] and r["reason"] == "popular in the last 7 days" for r in rows)
    assert [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)


def test_everybody_is_served_by_popularity_where_taste_is_noise() -> None:
    rng = np.random.default_rng(3)
    rows = shop(3000)
    # Products by one steep popularity for all: nothing personal to learn.
    product = np.minimum(rng.geometric(0.08, rows.num_rows), 60)
    rows = rows.set_column(1, "product_id", pa.array([f"a{i:03d}" for i in product]))
    run = recommend_partition(rows, bought_of(rows), AS_OF)
    assert run.gate.served == "baseline"
    assert set(run.recommendations["is_baseline"].to_pylist()) == {True}
    assert run.card["gate"]["served"] == "baseline"


def test_row_order_does_not_change_a_byte(run: RecommendationRun, interactions: pa.Table) -> None:
    order = np.random.default_rng(9).permutation(interactions.num_rows)
    bought = bought_of(interactions)
    again = recommend_partition(
        interactions.take(order), bought.take(np.arange(bought.num_rows)[::-1]), AS_OF
    )
    assert digest(again) == digest(run)


def test_history_before_the_window_does_not_change_a_byte(
    run: RecommendationRun, interactions: pa.Table
) -> None:
    older = interactions.set_column(
        3,
        "event_date",
        pa.array([AS_OF - timedelta(days=180)] * interactions.num_rows, pa.date32()),
    )
    more = recommend_partition(
        pa.concat_tables([interactions, older]), bought_of(interactions), AS_OF
    )
    assert digest(more) == digest(run)


def test_two_processes_with_other_hash_seeds_give_the_same_bytes() -> None:
    code = (
        "from test_recommend_partition import AS_OF, bought_of, digest, shop\n"
        "from ml.recommendations import recommend_partition\n"
        "rows = shop(800)\n"
        "print(digest(recommend_partition(rows, bought_of(rows), AS_OF)))\n"
    )
    seen = {printed(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(seen) == 1


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_inputs_work(interactions: pa.Table, rows: int) -> None:
    run = recommend_partition(
        interactions.slice(0, rows), pa.Table.from_pylist([], schema=BOUGHT_SCHEMA), AS_OF
    )
    assert run.recommendations.schema == RECOMMENDATIONS_SCHEMA
    assert run.gate.served == "baseline"
    assert run.card["data"]["rows"] == rows


def test_version_follows_parameters_and_data(
    run: RecommendationRun, interactions: pa.Table
) -> None:
    params = RecommendationParams()
    bought = bought_of(interactions)
    fewer = recommend_partition(interactions.slice(1), bought, AS_OF)
    other = recommend_partition(interactions, bought, AS_OF, replace(params, top_n=5))
    versions = {r.card["version"] for r in (run, fewer, other)}
    assert len(versions) == 3
    assert set(run.recommendations["model_version"].to_pylist()) == {run.card["version"]}

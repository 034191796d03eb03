"""How many products of a category a list holds, and how different those of a list are."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ml.als import top_n
from ml.diversity import UNKNOWN, CategoryRule, category_coverage, intra_list_diversity
from ml.interactions import INTERACTIONS_SCHEMA
from ml.recommendations import (
    BOUGHT_SCHEMA,
    PRODUCTS_SCHEMA,
    VISITORS_SCHEMA,
    RecommendationParams,
    recommend_partition,
)

AS_OF = date(2026, 3, 2)


def rule(codes: list[int], share: float = 0.5) -> CategoryRule:
    return CategoryRule(np.array(codes, dtype=np.int64), share)


def one_by_one(scores, n, excluded, codes, share):
    """The rule as it is said: down the ranking, over what is beyond, which comes back if needed."""
    limit = max(1, int(n * share + 1e-9))
    ranked = sorted(np.flatnonzero(~excluded), key=lambda item: (-round(scores[item], 6), item))
    taken, seen = set(), {}
    for item in ranked:
        code = codes[item]
        seen[code] = seen.get(code, 0) + 1
        if len(taken) < n and (code == UNKNOWN or seen[code] <= limit):
            taken.add(item)
    for item in ranked:
        if len(taken) < n:
            taken.add(item)
    return [item for item in ranked if item in taken]


@pytest.mark.parametrize("seed", range(6))
def test_lists_are_those_of_the_rule_said_one_by_one(seed):
    rng = np.random.default_rng(seed)
    n_products = int(rng.choice([7, 40, 150]))
    n, share = int(rng.choice([3, 5])), float(rng.choice([0.2, 0.5, 0.8]))
    # Some shops have one category beside a few others; scores tie now and then.
    codes = rng.choice([UNKNOWN, 0, 0, 0, 0, 0, 1, 2], n_products)
    scores = np.round(rng.random((30, n_products)) + (codes == 0), 2).astype(np.float32)
    excluded = rng.random(scores.shape) < 0.3
    found = rule(codes.tolist(), share).top_n(scores, n, excluded)
    for row in range(30):
        mine = found.rows == row
        expected = one_by_one(scores[row], n, excluded[row], codes, share)
        assert found.items[mine].tolist() == expected
        assert found.ranks[mine].tolist() == list(range(1, len(expected) + 1))
        assert np.allclose(found.scores[mine], scores[row][expected], atol=1e-6)


def test_the_best_of_others_take_the_place_of_what_is_beyond_and_scores_keep_falling():
    scores = np.array([[9, 8, 7, 6, 5, 4, 3]], dtype=np.float64)
    # Of four at most two of a category: 7 and 6 of the first give way to 5 and 3.
    codes = [0, 0, 0, 0, 1, 0, 1]
    found = rule(codes).top_n(scores, 4)
    assert found.items.tolist() == [0, 1, 4, 6]
    assert found.scores.tolist() == [9, 8, 5, 3]


def test_a_list_is_never_shorter_for_the_rule():
    scores = np.array([[9, 8, 7, 6, 5]], dtype=np.float64)
    # All of one category, and one of another: the best that were beyond come back, in their place.
    assert rule([0] * 5).top_n(scores, 4).items.tolist() == [0, 1, 2, 3]
    assert rule([0, 0, 0, 0, 1]).top_n(scores, 4).items.tolist() == [0, 1, 2, 4]


def test_without_categories_or_with_the_whole_list_there_is_no_limit():
    rng = np.random.default_rng(1)
    scores = rng.random((5, 20))
    plain = top_n(scores, 6)
    for one in (rule([UNKNOWN] * 20), rule([0] * 15 + [1] * 5, share=1.0)):
        assert not one.is_on
        assert one.top_n(scores, 6).items.tolist() == plain.items.tolist()
    # A product of no known category is never beyond.
    mixed = rule([UNKNOWN] * 6 + [0])
    assert mixed.top_n(np.arange(7.0)[None, ::-1], 6).items.tolist() == list(range(6))


def test_a_limit_is_the_share_rounded_down_and_at_least_one():
    assert [rule([0], share).limit(10) for share in (0.01, 0.3, 0.5, 0.59, 1)] == [1, 3, 5, 5, 10]
    for share in (0, -0.5, 1.01):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            rule([0], share)


def test_diversity_is_the_share_of_pairs_of_different_categories():
    codes = np.array([0, 0, 1, 2, UNKNOWN])
    # List 0: products 0 0' 1: of three pairs two differ. List 1: one product: no pair. List 2: 1.
    rows, items = np.array([0, 0, 0, 1, 2, 2, 2]), np.array([0, 1, 2, 0, 2, 3, 4])
    assert intra_list_diversity(rows, items, codes) == pytest.approx((2 / 3 + 1) / 2)
    assert intra_list_diversity(rows[3:4], items[3:4], codes) == 0
    assert category_coverage(np.array([0, 1, 4]), codes) == pytest.approx(1 / 3)
    assert category_coverage(items, np.full(5, UNKNOWN)) == 0


def shop(seed: int = 4) -> pa.Table:
    """Two tastes; the products of the first half of the ids are liked most by far."""
    rng = np.random.default_rng(seed)
    n = 3000
    person = rng.integers(0, 150, n)
    product = np.minimum(rng.geometric(0.06, n), 30) * 2 - 2 + person % 2
    columns = [
        pa.array([f"p{i:03d}" for i in person]),
        pa.array([f"a{i:03d}" for i in product]),
        pa.array(["view"] * n),
        pa.array(np.datetime64(AS_OF) - rng.integers(0, 40, n)),
        pa.array(np.ones(n, dtype=np.int64)),
    ]
    return pa.Table.from_arrays(columns, schema=INTERACTIONS_SCHEMA)


def categories() -> pa.Table:
    """Shoes are the first forty products, which lead every list; hats the rest."""
    rows = [
        {"product_id": f"a{i:03d}", "category": "shoes" if i < 40 else "hats"} for i in range(60)
    ]
    return pa.Table.from_pylist(rows, schema=PRODUCTS_SCHEMA)


def lists_of(run) -> dict[str, list[dict]]:
    lists: dict[str, list[dict]] = {}
    for row in run.recommendations.to_pylist():
        lists.setdefault(row["person_id"], []).append(row)
    return lists


@pytest.mark.parametrize("min_validation_persons", [30, 10_000])
def test_a_partitions_lists_hold_half_of_a_category_at_most(min_validation_persons):
    """By the model, and by popularity where the gate has too little to serve a model."""
    rows, nobody = shop(), BOUGHT_SCHEMA.empty_table()
    params = RecommendationParams(
        als_alternatives=(), min_validation_persons=min_validation_persons
    )
    newcomer = pa.Table.from_pylist(
        [{"person_id": "new", "event_date": AS_OF}], schema=VISITORS_SCHEMA
    )
    category = dict(zip(*categories().to_pydict().values(), strict=True))
    runs = {
        share: recommend_partition(
            rows, nobody, AS_OF, replace(params, max_category_share=share), newcomer,
            products=categories(),
        )
        for share in (1.0, 0.5)
    }  # fmt: skip
    plain, half = (lists_of(runs[share]) for share in (1.0, 0.5))
    assert {len(one) for one in half.values()} == {10}
    assert {name: len(one) for name, one in plain.items()} == {
        name: len(one) for name, one in half.items()
    }
    # Without the rule the claim is false of most, so that it says something.
    too_many = [
        sum(category[row["product_id"]] == "shoes" for row in one) > 5 for one in plain.values()
    ]
    assert np.mean(too_many) > 0.5
    seen = {(row["person_id"], row["product_id"]) for row in rows.to_pylist()}
    for name, one in half.items():
        kinds = [category[row["product_id"]] for row in one]
        left = {kind: sum(c == kind for p, c in category.items() if (name, p) not in seen)
                for kind in ("shoes", "hats")}  # fmt: skip
        if left["hats"] >= 5 and left["shoes"] >= 5:
            assert kinds.count("shoes") <= 5
        assert not seen & {(name, row["product_id"]) for row in one}
        scores = [row["score"] for row in one]
        assert scores == sorted(scores, reverse=True)
        # What is shoes on the list are the best shoes: the rule takes nothing that is better out.
        kept = [row["product_id"] for row in one if category[row["product_id"]] == "shoes"]
        of_plain = [row["product_id"] for row in plain[name]
                    if category[row["product_id"]] == "shoes"]  # fmt: skip
        assert kept[: len(of_plain)] == of_plain[: len(kept)]
    assert {row["is_baseline"] for row in half["new"]} == {True}


def test_diversity_of_the_lists_is_measured_beside_accuracy():
    params = RecommendationParams(als_alternatives=())
    values = {}
    for share in (1.0, 0.5):
        run = recommend_partition(
            shop(), BOUGHT_SCHEMA.empty_table(), AS_OF,
            replace(params, max_category_share=share), products=categories(),
        )  # fmt: skip
        values[share] = {
            row["metric"]: (row["value"], row["baseline_value"])
            for row in run.metrics
            if row["model"] == "als"
        }
    for side in (0, 1):
        assert values[0.5]["diversity@10"][side] > values[1.0]["diversity@10"][side]
        # Five of each of two categories: 25 of 45 pairs differ, and no list differs more.
        assert values[0.5]["diversity@10"][side] == pytest.approx(25 / 45, abs=0.01)
        assert values[0.5]["category_coverage@10"][side] == 1
        # The rule costs what it costs, which is told by the recall of lists.
        for share in (1.0, 0.5):
            assert values[share]["recall@10"][side] == values[0.5]["recall@10"][side]
        assert values[1.0]["list_recall@10"][side] == pytest.approx(values[1.0]["recall@10"][side])
        assert values[0.5]["list_recall@10"][side] < values[0.5]["recall@10"][side]
    unknown = recommend_partition(shop(), BOUGHT_SCHEMA.empty_table(), AS_OF, params)
    assert not {row["metric"] for row in unknown.metrics} & {"diversity@10", "category_coverage@10"}


def test_a_product_with_two_categories_is_refused():
    twice = pa.concat_tables([categories(), categories().slice(0, 1)])
    with pytest.raises(ValueError, match="one has two categories"):
        recommend_partition(shop(), BOUGHT_SCHEMA.empty_table(), AS_OF, products=twice)

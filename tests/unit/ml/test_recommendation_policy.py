"""What is trained when, which candidate is served, and what the next day says of it."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.als import AlsParams, fit_als, recommend, warm_step
from ml.interactions import INTERACTIONS_SCHEMA
from ml.next_day import next_day_truth
from ml.recommendations import BOUGHT_SCHEMA, fit_partition, list_partition
from ml.recommender_inputs import Known, RecommendationParams, prepare
from ml.recommender_state import RecommenderState
from ml.recommender_validation import _champion, choose
from ml.recommenders import ALS, EASE, ITEM_KNN, fit_challenger

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
NOTHING = BOUGHT_SCHEMA.empty_table()
PLAIN = RecommendationParams(als_alternatives=())


@cache
def whole_shop(days: int = 60, persons: int = 150, products: int = 60) -> pa.Table:
    """Four tastes; every day a third of the persons look at two products, mostly of their own."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(days):
        for person in rng.choice(persons, persons // 3, replace=False):
            tastes = np.where(rng.random(2) < 0.85, person % 4, rng.integers(0, 4, 2))
            rank = np.minimum(rng.geometric(0.15, 2), products // 4) - 1
            rows += [(person, rank[i] * 4 + tastes[i], number) for i in range(2)]
    person, product, number = np.array(rows).T
    return pa.table(
        {
            "person_id": [f"p{one:03d}" for one in person],
            "product_id": [f"a{one:03d}" for one in product],
            "interaction": ["view"] * len(rows),
            "event_date": pa.array(np.datetime64(MONDAY) + 7 - days + 1 + number),
            "n": np.ones(len(rows), dtype=np.int64),
        }
    ).cast(INTERACTIONS_SCHEMA)


def shop(until: date) -> pa.Table:
    table = whole_shop()
    return table.filter(pc.less_equal(table["event_date"], pa.scalar(until)))


def known_on(day: date, params: RecommendationParams = PLAIN) -> Known:
    return prepare(shop(day), NOTHING, day, params)


@pytest.fixture(scope="module")
def anchor() -> RecommenderState:
    return fit_partition(known_on(MONDAY), None).state


def test_only_mondays_and_young_logs_are_anchors():
    days = [MONDAY + number * DAY for number in range(7)]
    assert [known_on(day).is_anchor for day in days] == [True] + [False] * 6
    tuesday = days[1]
    # The shop began 60 days before its last one, the Monday after: 54 before Tuesday, inclusive.
    assert known_on(tuesday, replace(PLAIN, young_days=54)).is_anchor
    assert not known_on(tuesday, replace(PLAIN, young_days=53)).is_anchor
    assert prepare(shop(tuesday).slice(0, 0), NOTHING, tuesday, PLAIN).is_anchor


def top_twenty(known: Known, model) -> list[set[int]]:
    lists = recommend(model, np.arange(len(known.matrix.person_ids)), 20, known.excluded)
    return [set(lists.items[lists.rows == row]) for row in range(len(known.matrix.person_ids))]


def overlap(some: list[set[int]], others: list[set[int]]) -> float:
    return float(np.mean([len(a & b) / len(b) for a, b in zip(some, others, strict=True)]))


def test_six_warm_steps_lead_where_a_full_fit_does(anchor):
    state, before = anchor, fit_partition(known_on(MONDAY), None)
    for number in range(1, 7):
        before = fit_partition(known_on(MONDAY + number * DAY), state)
        state = before.state
    known, week = before.known, shop(MONDAY + 7 * DAY)
    full = fit_als(known.weights, state.choice.als)
    stepped = top_twenty(known, before.model)
    assert overlap(stepped, top_twenty(known, full)) > 0.85
    # What the last day says of the two: the same, within a tenth of what they gain on popularity.
    ndcg = {}
    for name, factors in (("steps", state.item_factors), ("full", full.item_factors)):
        rows = next_day_truth(known, replace(state, item_factors=factors), week)
        values = {row["metric"]: (row["value"], row["baseline_value"]) for row in rows}
        ndcg[name], popular = values["next_day_ndcg@10"]
    assert ndcg["full"] > 1.3 * popular
    assert ndcg["steps"] == pytest.approx(ndcg["full"], abs=0.1 * (ndcg["full"] - popular))
    # A step from vectors that stand for other products does not find the way.
    rng = np.random.default_rng(1)
    mixed = warm_step(known.weights, rng.permutation(state.item_factors), state.choice.als)
    assert overlap(top_twenty(known, mixed), top_twenty(known, full)) < overlap(
        stepped, top_twenty(known, full)
    )


def test_a_step_keeps_the_choice_and_names_its_parent(anchor):
    tuesday = fit_partition(known_on(MONDAY + DAY), anchor)
    assert tuesday.state.parent == anchor.sha256()
    assert tuesday.state.choice == anchor.choice
    run = list_partition(tuesday)
    ages = {m["value"] for m in run.metrics if m["metric"] == "days_since_back_test"}
    assert ages == {1.0}
    assert run.card["lineage"]["anchor"] == str(MONDAY)
    # Another parent is another model.
    other = replace(anchor, item_factors=anchor.item_factors + np.float32(0.01))
    assert fit_partition(known_on(MONDAY + DAY), other).state.version != tuesday.state.version


def test_a_step_over_a_day_is_refused(anchor):
    with pytest.raises(ValueError, match=r"2026-03-04: the parent is of 2026-03-02"):
        fit_partition(known_on(MONDAY + 2 * DAY), anchor)


def test_a_step_from_other_products_alone_is_a_full_fit(anchor):
    known = known_on(MONDAY + DAY)
    others = replace(anchor, product_ids=tuple(f"b{one}" for one in anchor.product_ids))
    full = fit_als(known.weights, anchor.choice.als)
    found = fit_partition(known, others).state.item_factors
    assert found.tobytes() == full.item_factors.tobytes()


def test_a_product_that_vanished_is_listed_nowhere_and_a_new_one_is(anchor):
    """The step before knew the one, and not the other."""
    tuesday = MONDAY + DAY
    table = shop(tuesday)
    gone = "a000"
    assert gone in anchor.product_ids
    names = ["new" if one == gone else one for one in table["product_id"].to_pylist()]
    place = table.schema.get_field_index("product_id")
    today = table.set_column(place, "product_id", pa.array(names))
    run = list_partition(fit_partition(prepare(today, NOTHING, tuesday, PLAIN), anchor))
    assert gone not in run.product_ids
    for listed in (run.recommendations, run.similar_products):
        names = {name for column in listed.column_names if column.endswith("product_id")
                 for name in listed[column].to_pylist()}  # fmt: skip
        assert gone not in names
        assert "new" in names


def test_a_state_is_the_same_from_its_table_and_holds_no_person(anchor):
    table = anchor.to_table()
    again = RecommenderState.from_table(table)
    assert again.sha256() == anchor.sha256()
    assert again.choice == anchor.choice
    assert table.column_names == ["product_id", "factors"]
    persons = {f"p{number:03d}" for number in range(150)}
    assert not persons & set(table["product_id"].to_pylist())
    assert b"p00" not in table.schema.metadata[b"recommender_state"]
    others = (
        replace(anchor, parent="x"),
        replace(anchor, item_factors=-anchor.item_factors),
        replace(anchor, product_ids=anchor.product_ids[::-1]),
    )
    assert len({one.sha256() for one in (anchor, *others)}) == 4
    with pytest.raises(ValueError, match="no state"):
        RecommenderState.from_table(table.replace_schema_metadata(None))


def test_all_candidates_are_back_tested_and_ease_only_in_a_small_catalogue(anchor):
    assert set(anchor.choice.measures) == {ALS, EASE, ITEM_KNN}
    for measures in anchor.choice.measures.values():
        assert measures["ndcg@10"][0] > measures["ndcg@10"][1] > 0
    few = replace(PLAIN, max_ease_products=59)
    assert set(choose(known_on(MONDAY, few)).measures) == {ALS, ITEM_KNN}


def test_a_challenger_is_champion_where_it_is_better_beyond_chance():
    rng = np.random.default_rng(2)
    als = rng.random(200)
    noise = rng.normal(0, 0.2, 200)
    noise -= noise.mean()
    same, better, best = als + noise + 0.005, als + 0.05, als + 0.06
    sides = {ALS: als, EASE: better, ITEM_KNN: best, "popularity": als + 1}
    assert _champion(sides, PLAIN) == ITEM_KNN
    assert _champion(sides | {ITEM_KNN: same}, PLAIN) == EASE
    assert _champion(sides | {ITEM_KNN: same, EASE: same}, PLAIN) == ALS
    assert _champion({name: side[:29] for name, side in sides.items()}, PLAIN) == ALS


@pytest.mark.parametrize("name", [EASE, ITEM_KNN])
def test_a_challengers_lists_are_its_scores_with_exact_reasons(anchor, name):
    choice = replace(anchor.choice, champion=name)
    fitted = fit_partition(known_on(MONDAY + DAY), replace(anchor, choice=choice))
    run = list_partition(fitted)
    assert run.card["name"] == name
    rows = run.recommendations.to_pylist()
    model, matrix = fit_challenger(name, fitted.known.matrix), fitted.known.matrix
    weights = model.model.weights
    weights = weights if name == EASE else weights.toarray()
    for row in rows[:200]:
        person = matrix.person_ids.index(row["person_id"])
        product = matrix.product_ids.index(row["product_id"])
        had = model.histories[person]
        shares = had.data * weights[had.indices, product]
        assert row["score"] == pytest.approx(shares.sum(), abs=1e-5)
        if shares.max() > 1e-5 and not row["is_baseline"]:
            named = row["reason"].split()[3]
            of_named = shares[list(had.indices).index(matrix.product_ids.index(named))]
            assert of_named == pytest.approx(shares.max(), abs=1e-5)


def test_an_anchor_takes_better_settings_from_past_days_and_only_these():
    poor, good = AlsParams(factors=1, iterations=1), AlsParams(factors=8)
    params = RecommendationParams(als=poor, als_alternatives=(good,), min_tuning_persons=30)
    assert choose(known_on(MONDAY, params)).als == good
    turned = replace(params, als=good, als_alternatives=(poor,))
    assert choose(known_on(MONDAY, turned)).als == good
    # Too few persons to tell by, and a log that is too young.
    assert choose(known_on(MONDAY, replace(params, min_tuning_persons=200))).als == poor
    assert choose(known_on(MONDAY, replace(params, young_days=60))).als == poor


def test_settings_are_tuned_on_days_before_those_that_candidates_are_judged_by():
    poor, good = AlsParams(factors=1, iterations=1), AlsParams(factors=8)
    params = RecommendationParams(als=poor, als_alternatives=(good,), min_tuning_persons=30)
    rows = shop(MONDAY)
    # From some day on everybody looks at one product alone, which no settings foresee.
    chosen = {}
    for days in (7, 14):
        last = pc.greater(rows["event_date"], pa.scalar(MONDAY - days * DAY))
        turned = pc.if_else(last, "a000", rows["product_id"])
        changed = prepare(rows.set_column(1, "product_id", turned), NOTHING, MONDAY, params)
        chosen[days] = choose(changed).als
    assert chosen == {7: good, 14: poor}


def test_the_next_day_counts_what_is_new_to_a_person_and_dated_after_the_lists(anchor):
    known = known_on(MONDAY)
    run = list_partition(fit_partition(known, None))
    lists: dict[str, list[str]] = {}
    for row in run.recommendations.to_pylist():
        lists.setdefault(row["person_id"], []).append(row["product_id"])
    seen: dict[str, set[str]] = {}
    for row in known.window.to_pylist():
        seen.setdefault(row["person_id"], set()).add(row["product_id"])
    full = sorted(p for p in lists if len(seen[p]) > 1 and len(lists[p]) == 10)
    first, second, third = full[:3]
    unlisted = sorted({f"a{n:03d}" for n in range(60)} - set(lists[second]) - seen[second])
    tuesday = MONDAY + DAY
    said = [
        (first, lists[first][0], tuesday),  # found, at rank 1
        (first, min(seen[first]), tuesday),  # not new
        (second, unlisted[0], tuesday),  # not on the list
        (third, lists[third][0], MONDAY),  # of the day of the lists itself: came too late
        ("somebody else", "a000", tuesday),
        (third, "unheard of", tuesday),
    ]
    after = pa.Table.from_pylist(
        [
            {"person_id": p, "product_id": a, "interaction": "view", "event_date": d, "n": 1}
            for p, a, d in said
        ],
        schema=INTERACTIONS_SCHEMA,
    )
    rows = next_day_truth(known, run.state, pa.concat_tables([known.window, after]))
    found = {row["metric"]: row["value"] for row in rows}
    assert found["next_day_persons"] == 2
    assert found["next_day_recall@10"] == 0.5
    assert found["next_day_ndcg@10"] == 0.5
    assert {row["model_version"] for row in rows} == {run.state.version}
    assert {(row["data_from"], row["data_to"]) for row in rows} == {(tuesday, tuesday)}
    popular = [p for p in known.popularity().product_ids if p not in seen[first]][:10]
    expected = 0.5 * (lists[first][0] in popular)
    others = [p for p in known.popularity().product_ids if p not in seen[second]][:10]
    expected += 0.5 * (unlisted[0] in others)
    of_popularity = {row["metric"]: row["baseline_value"] for row in rows}
    assert of_popularity["next_day_recall@10"] == expected


def test_a_day_on_which_nothing_new_happened_says_how_few_there_were(anchor):
    known = known_on(MONDAY)
    (row,) = next_day_truth(known, anchor, known.window)
    assert (row["metric"], row["value"]) == ("next_day_persons", 0.0)
    nobody = prepare(known.window.slice(0, 0), NOTHING, MONDAY, PLAIN)
    assert next_day_truth(nobody, anchor, known.window) == []

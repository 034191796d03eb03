"""How feedback is weighted, as past days find it: planted shops, noise, law 4, the card."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.interactions import INTERACTIONS_SCHEMA, Weighting
from ml.next_day import next_day_truth
from ml.recommendations import BOUGHT_SCHEMA, FittedPartition, fit_partition, list_partition
from ml.recommender_inputs import Feedback, Known, RecommendationParams, prepare
from ml.recommender_state import RecommenderState
from ml.recommender_tuning import FEEDBACK, Tuning, choose_tried, is_other
from ml.recommender_validation import Choice, choose

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
NOTHING = BOUGHT_SCHEMA.empty_table()
PARAMS = RecommendationParams(als_alternatives=(), min_tuning_persons=30)
PERSONS, PRODUCTS, DAYS = 150, 120, 60


def table(rows: list[tuple[int, int, str, int]]) -> pa.Table:
    """From person, product, interaction and days before the Monday."""
    person, product, kind, back = zip(*rows, strict=True)
    return pa.table(
        {
            "person_id": [f"p{one:03d}" for one in person],
            "product_id": [f"a{one:03d}" for one in product],
            "interaction": list(kind),
            "event_date": pa.array([MONDAY - one * DAY for one in back]),
            "n": np.ones(len(rows), dtype=np.int64),
        }
    ).cast(INTERACTIONS_SCHEMA)


def of_taste(rng: np.random.Generator, taste: int) -> int:
    """A product of one of four tastes, some more popular than others."""
    return min(int(rng.geometric(0.08)), PRODUCTS // 4) * 4 - 4 + taste


def shop_of_passing_tastes(seed: int = 0) -> pa.Table:
    """What a person likes is another thing each two weeks: what is a month old says nothing."""
    rng = np.random.default_rng(seed)
    tastes = rng.integers(0, 4, (PERSONS, DAYS // 14 + 1))
    return table(
        [
            (person, of_taste(rng, tastes[person, (back + 7) // 14]), "view", back)
            for back in range(DAYS)
            for person in rng.choice(PERSONS, PERSONS // 2, replace=False)
        ]
    )


def shop_of_orders_and_views(ordered: str, seed: int = 0) -> pa.Table:
    """One of the two is of the person's taste, the other chance: gifts, or idle views.

    The last two weeks, which are predicted, are of taste alone.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for back in range(DAYS):
        for person in rng.choice(PERSONS, PERSONS // 2, replace=False):
            is_order = rng.random() < (0.25 if ordered == "by taste" else 0.5)
            is_taste = back < 14 or is_order == (ordered == "by taste")
            taste = person % 4 if is_taste else rng.integers(0, 4)
            rows.append((person, of_taste(rng, int(taste)), "order" if is_order else "view", back))
    return table(rows)


def shop_of_lasting_tastes(seed: int = 0) -> pa.Table:
    """All is viewed, and what was liked two months ago is liked today: nothing to gain."""
    rng = np.random.default_rng(seed)
    return table(
        [
            (person, of_taste(rng, int(person) % 4), "view", back)
            for back in range(DAYS)
            for person in rng.choice(PERSONS, PERSONS // 2, replace=False)
        ]
    )


def known_of(rows: pa.Table, params: RecommendationParams = PARAMS) -> Known:
    return prepare(rows, NOTHING, MONDAY, params)


@pytest.fixture(scope="module")
def passing() -> FittedPartition:
    return fit_partition(known_of(shop_of_passing_tastes()), None)


@pytest.mark.parametrize("seed", range(3))
def test_a_short_half_life_is_taken_where_tastes_pass(seed: int) -> None:
    choice = choose(known_of(shop_of_passing_tastes(seed)))
    assert choice.feedback.name == "half_life_7"
    assert choice.feedback.weighting.half_life_days == 7


@pytest.mark.parametrize("seed", range(3))
def test_orders_count_for_more_where_views_are_idle(seed: int) -> None:
    choice = choose(known_of(shop_of_orders_and_views("by taste", seed)))
    # Squares make an order 25 views, and without saturation it is 5 of them: by BM25 1.8.
    assert choice.feedback.name in ("types_squared", "not_saturated")
    found = {one.name: one.difference for one in choice.tunings[FEEDBACK].candidates}
    assert min(found["types_squared"], found["not_saturated"]) > 0 > found["types_alike"]


@pytest.mark.parametrize("seed", range(3))
def test_orders_count_for_no_more_where_they_are_gifts(seed: int) -> None:
    choice = choose(known_of(shop_of_orders_and_views("as gifts", seed)))
    assert choice.feedback.name == "types_alike"
    assert set(choice.feedback.weighting.by_type.values()) == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_the_default_stays_where_nothing_is_gained(seed: int) -> None:
    choice = choose(known_of(shop_of_lasting_tastes(seed)))
    assert choice.feedback == PARAMS.feedback
    assert choice.tunings[FEEDBACK].chosen == "default"
    # Of one in six for three alternatives each has one in 19.
    assert "no alternative is better by 1.62" in choice.tunings[FEEDBACK].reason


def test_noise_takes_one_of_five_alternatives_no_more_often_than_one_of_one() -> None:
    """By one standard error each, the best of five would be taken in 58 % of cases, not in 16 %."""
    rng = np.random.default_rng(1)
    taken = []
    for _ in range(400):
        default = rng.random(200)
        ndcg = {"default": default} | {f"{i}": default + rng.normal(0, 0.1, 200) for i in range(5)}
        taken.append(choose_tried(ndcg, PARAMS).chosen != "default")
    # 16 %, and three standard errors of 400 draws.
    assert np.mean(taken) < 0.16 + 3 * np.sqrt(0.16 * 0.84 / 400)


def test_one_alternative_needs_one_standard_error() -> None:
    default = np.linspace(0, 1, 100)
    noise = np.tile([0.1, -0.1], 50)
    error = noise.std(ddof=1) / 10
    for gain, chosen in ((1.01 * error, "other"), (0.99 * error, "default")):
        ndcg = {"default": default, "other": default + noise + gain}
        found = choose_tried(ndcg, PARAMS)
        assert found.chosen == chosen
        (none, other) = found.candidates
        assert (none.difference, none.standard_error) == (0, 0)
        assert (other.difference, other.standard_error) == pytest.approx((gain, error))
    # Too few persons, and no alternative at all.
    few = {name: values[:29] for name, values in ndcg.items()} | {"other": default[:29] + 1}
    assert choose_tried(few, PARAMS).chosen == "default"
    assert choose_tried({"default": default}, PARAMS).chosen == "default"


def test_feedback_is_chosen_on_days_before_those_that_candidates_are_judged_by() -> None:
    """Law 4 within a partition: the last week is held back, the week before it decides."""
    rows = shop_of_passing_tastes()
    chosen = {}
    for days in (7, 14):
        last = pc.greater(rows["event_date"], pa.scalar(MONDAY - days * DAY))
        turned = rows.set_column(1, "product_id", pc.if_else(last, "a000", rows["product_id"]))
        chosen[days] = choose(known_of(turned)).tunings[FEEDBACK]
    assert chosen[7] == choose(known_of(rows)).tunings[FEEDBACK]
    assert chosen[7].chosen == "half_life_7"
    # Of the week before nobody did anything new but with the one product, which none foresees.
    assert chosen[14].chosen == "default"


def test_too_young_a_log_and_too_few_persons_keep_the_default_and_say_so() -> None:
    rows = shop_of_passing_tastes()
    for params, said in (
        (replace(PARAMS, young_days=60), "no more than 60 days are known"),
        (replace(PARAMS, min_tuning_persons=200), "persons to judge by, 200 needed"),
        (replace(PARAMS, max_feedback_persons=20), "persons to judge by, 30 needed"),
        (replace(PARAMS, feedback_alternatives=()), "there is no alternative"),
    ):
        choice = choose(known_of(rows, params))
        assert choice.feedback == params.feedback
        found = choice.tunings[FEEDBACK]
        assert (found.chosen, found.candidates) == ("default", ())
        assert said in found.reason


def test_als_is_tuned_with_the_feedback_that_was_taken() -> None:
    params = replace(PARAMS, als_alternatives=(replace(PARAMS.als, factors=2),))
    choice = choose(known_of(shop_of_passing_tastes(), params))
    by_name = {one.name: one for one in choice.tunings[FEEDBACK].candidates}
    # The same persons are judged, by the same ALS and the same weights.
    assert choice.tunings["als"].candidates[0].value == by_name["half_life_7"].value


def test_the_card_names_what_was_tried_and_what_was_taken(passing: FittedPartition) -> None:
    card = json.loads(list_partition(passing).card_bytes())
    tuning = card["tuning"]["feedback"]
    assert tuning["chosen"] == "half_life_7"
    assert tuning["persons"] >= 30
    # All is viewed there: no weights of types are tried.
    names = ["half_life_7", "half_life_90", "not_saturated"]
    assert [one["name"] for one in tuning["candidates"]] == ["default", *names]
    default, best = tuning["candidates"][:2]
    assert best["value"] - default["value"] == pytest.approx(best["difference"])
    assert best["difference"] > 1.62 * best["standard_error"] > 0
    assert card["lineage"]["feedback"] == {
        "name": "half_life_7",
        "weighting": {"by_type": Weighting().by_type, "half_life_days": 7.0},
        "is_saturated": True,
    }
    declared = [one["name"] for one in card["params"]["feedback_alternatives"]]
    assert declared == [*names[:2], "types_alike", "types_squared", names[2]]


def test_the_same_rows_in_another_order_give_the_same_state(passing: FittedPartition) -> None:
    rows = shop_of_passing_tastes()
    again = rows.take(np.random.default_rng(2).permutation(rows.num_rows))
    assert fit_partition(known_of(again), None).state.sha256() == passing.state.sha256()


def test_a_choice_is_the_same_after_json(passing: FittedPartition) -> None:
    choice = passing.state.choice
    assert Choice.from_json(json.loads(json.dumps(choice.to_json()))) == choice
    assert RecommenderState.from_table(passing.state.to_table()).choice == choice


def test_what_was_taken_weighs_the_lists_until_the_next_anchor(passing: FittedPartition) -> None:
    rows = shop_of_passing_tastes()
    today = [(0, 119, "view", -1), (1, 3, "view", -1)]
    tuesday = prepare(pa.concat_tables([rows, table(today)]), NOTHING, MONDAY + DAY, PARAMS)
    step = fit_partition(tuesday, passing.state)
    for fitted in (passing, step):
        assert fitted.state.choice.feedback.name == "half_life_7"
        known = fitted.known
        by_hand = prepare(
            known.window,
            NOTHING,
            known.as_of,
            replace(PARAMS, weighting=Weighting(half_life_days=7)),
        )
        assert (known.weights != by_hand.weights).nnz == 0
        assert known.matrix.person_ids == by_hand.matrix.person_ids
        assert (known.excluded != by_hand.excluded).nnz == 0
    # The day after, persons are solved again with the same weights, whatever `before` was read by.
    later = tuesday.window
    found = next_day_truth(known_of(rows), passing.state, later)
    assert found == next_day_truth(passing.known, passing.state, later)


def test_without_saturation_weights_are_the_worth_itself() -> None:
    known = known_of(shop_of_orders_and_views("by taste"))
    plain = known.weighted(Feedback("not_saturated", Weighting(), is_saturated=False))
    assert plain.weights is plain.matrix.weights
    assert (plain.matrix.weights != known.matrix.weights).nnz == 0
    assert known.weighted(known.feedback) is known


def test_weights_of_types_are_tried_where_there_are_two_at_least() -> None:
    default = PARAMS.feedback
    by_name = {one.name: one for one in PARAMS.feedback_alternatives}
    tried = {
        types: {name for name, one in by_name.items() if is_other(one, default, types)}
        for types in (("order",), ("click", "view"), ("add", "view"))
    }
    plain = {"half_life_7", "half_life_90", "not_saturated"}
    # A click is worth a view, by each of them.
    assert tried == {
        ("order",): plain,
        ("click", "view"): plain,
        ("add", "view"): set(by_name),
    }


def test_alternatives_of_other_types_or_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="weighs other types"):
        RecommendationParams(feedback_alternatives=(Feedback("views", Weighting({"view": 1.0})),))
    with pytest.raises(ValueError, match="a name comes twice"):
        RecommendationParams(feedback_alternatives=(Feedback("default", Weighting()),))


def test_a_tuning_is_the_same_from_plain_values(passing: FittedPartition) -> None:
    tuning = passing.state.choice.tunings[FEEDBACK]
    plain = passing.state.choice.to_json()["tunings"][FEEDBACK]
    assert Tuning.from_json(plain) == tuning

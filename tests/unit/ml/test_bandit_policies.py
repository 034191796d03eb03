"""The value of policies in the slots of a shop whose truth is known."""

from datetime import timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.bandit_policies import BANDIT_POLICIES_SCHEMA, DAILY_ORDERS_SCHEMA, value_policies
from ml.slot_impressions import IMPRESSIONS_SCHEMA, slots_of, sorted_impressions
from ml.slot_policies import POLICIES, CodedSlot, arms_of, learn_policies
from ml.slot_values import BanditParams, implausible, period_of, value_slot
from tests.unit.ml.slot_simulation import AS_OF, SlotShop

SHOP = SlotShop()
TRUE = {"click": SHOP.clicked, "revenue": SHOP.clicked * SHOP.buys * SHOP.price}
QUICK = BanditParams(draws=20)
SEEDS = 30


@cache
def trials() -> list[tuple[str, str, str, float, float, bool, float]]:
    """Policy, reward, method, estimate, truth, whether the interval holds it, effective rewards.

    Of the second place, whose choice depends on the first, in many shops.
    """
    fresh = SHOP.slates(np.random.default_rng(99), 2000)[0]
    found = []
    for seed in range(SEEDS):
        slots, _ = slots_of(sorted_impressions(SHOP.log(seed, 200, 120)), 10)
        slot, period = slots[1], period_of(slots, AS_OF, 1, QUICK)
        valued = value_slot(slot, period, QUICK)
        assert implausible([valued], QUICK) == ""
        before = slot.where(slot.days <= period.learned_to)
        arms = arms_of(before, 0, QUICK.contexts)
        places = np.array([int(name[1:]) for name in arms.products])
        back = np.full(SHOP.weights.size, -1)
        back[places] = np.arange(places.size)
        asked = CodedSlot(back[fresh[:, 1]], back[fresh[:, :1]], np.arange(2000) % 3)
        for reward, true in TRUE.items():
            policies = learn_policies(
                arms, arms.coded(before), before.rewards[reward],
                draws=QUICK.draws, epsilon=QUICK.epsilon, seed=QUICK.seed,
            )  # fmt: skip
            for name, policy in policies.items():
                truth = float(policy.expected(asked, true[places]).mean())
                found += [
                    (name, reward, one.method, one.value, truth, one.low <= truth <= one.high,
                     one.effective_rewards)
                    for one in valued.valued[name, reward].estimates(0.95)
                ]  # fmt: skip
    return found


@pytest.mark.parametrize("method", ["IPS", "SNIPS", "DR"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(method):
    held = [
        one[5] for one in trials() if one[1:3] == ("click", method) and one[6] >= QUICK.min_rewards
    ]
    # Trials of one shop depend on each other: 30 shops would give .95 ± .04 each by itself. With
    # errors of half the size they would hold it in .67.
    assert len(held) > 3 * SEEDS
    assert 0.85 < np.mean(held) <= 1


def test_estimates_are_right_on_average_and_a_model_of_rewards_makes_them_steadier():
    errors = {
        (name, method): np.array(
            [one[3] - one[4] for one in trials() if one[:3] == (name, "click", method)]
        )
        for name in POLICIES
        for method in ("IPS", "DR")
    }
    for one in errors.values():
        assert abs(one.mean()) < 4 * one.std() / np.sqrt(SEEDS)
    # Of policies that show little of what was shown; the uniform one has hardly anything to gain.
    for name in ("epsilon_greedy", "thompson", "kl_ucb"):
        assert errors[name, "DR"].std() < 0.9 * errors[name, "IPS"].std()


def rows_of(table: pa.Table, **wanted: object) -> list[dict]:
    return [
        row
        for row in table.to_pylist()
        if all(row[name] == value for name, value in wanted.items())
    ]


@cache
def big() -> pa.Table:
    return SHOP.log(5, slates_a_day=250, visitors=100)


@cache
def big_run():
    return value_policies(big(), SHOP.daily_orders(), AS_OF)


def test_a_run_has_a_row_a_slot_policy_reward_and_method_and_finds_the_better_policy():
    run = big_run()
    assert run.policies.schema.equals(BANDIT_POLICIES_SCHEMA)
    assert run.policies.num_rows == 3 * len(POLICIES) * 2 * 3
    assert run.warning == ""
    # Thompson sampling shows what is clicked in .4 of cases; the log's own policy hardly did.
    (best,) = rows_of(run.policies, list_id="(all)", policy="thompson", reward="click", method="DR")
    assert best["is_better"]
    assert best["value"] == pytest.approx(0.34, abs=0.06)
    assert best["logged_value"] == pytest.approx(0.107, abs=0.02)
    assert best["lift"] == pytest.approx(best["difference"] / best["logged_value"])
    (same,) = rows_of(
        run.policies, list_id="(all)", policy="uniform", reward="revenue", method="DR"
    )
    assert not same["is_better"]
    for row in run.policies.to_pylist():
        assert (row["ci_low"] is None) == (row["effective_rewards"] < 10)


def test_the_average_order_grows_by_the_gain_of_as_many_impressions_as_go_to_an_order():
    # 500 impressions and 10 orders a day: 50 for each, half of them in either place.
    for position, per_order in ((None, 50), (1, 25), (2, 25)):
        for row in rows_of(big_run().policies, position=position, reward="revenue"):
            assert row["aov_change"] == pytest.approx(per_order * row["difference"])
            if row["ci_low"] is not None:
                assert row["aov_change_low"] == pytest.approx(per_order * row["difference_low"])
    assert all(row["aov_change"] is None for row in rows_of(big_run().policies, reward="click"))
    without = value_policies(big(), DAILY_ORDERS_SCHEMA.empty_table(), AS_OF).policies
    assert without["aov_change"].null_count == without.num_rows


def replaced(table: pa.Table, name: str, values: pa.Array | np.ndarray) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, IMPRESSIONS_SCHEMA.field(name), pa.array(values))


def shares(table: pa.Table) -> np.ndarray:
    return np.asarray(table["propensity"].to_numpy())


@pytest.mark.parametrize(
    ("wrong", "found_by"),
    [
        # Said too small by a tenth; all alike; that of another product; rounded up for rare ones.
        (lambda p: p * 0.9, "shares"),
        (lambda p: np.full(p.size, 1 / 8), "shares"),
        (lambda p: np.roll(p, 2), "shares"),
        (lambda p: np.maximum(p, 0.1), "uniform"),
    ],
)
def test_propensities_that_are_not_true_are_noticed(wrong, found_by):
    table = replaced(big(), "propensity", wrong(shares(big())))
    run = value_policies(table, SHOP.daily_orders(), AS_OF)
    assert f"({found_by})" in run.warning
    assert "cannot be true" in run.warning


def test_no_policy_learns_from_the_days_that_it_is_valued_on():
    days = np.asarray(big()["event_date"].cast(pa.int32()).to_numpy())
    last_learned = (AS_OF - timedelta(days=9)).toordinal() - AS_OF.toordinal() + days.max()
    clicks = np.asarray(big()["is_clicked"].to_numpy(zero_copy_only=False))

    def run(turned: np.ndarray) -> list[float]:
        table = replaced(big(), "is_clicked", np.where(turned, ~clicks, clicks))
        policies = value_policies(table, SHOP.daily_orders(), AS_OF).policies
        rows = rows_of(policies, method="IPS", reward="click")
        return [row["effective_impressions"] for row in rows]

    # What each policy would have shown is the same, whatever the days after say.
    assert run(days > last_learned) == run(np.zeros(days.size, bool))
    assert run(days == last_learned) != run(np.zeros(days.size, bool))


def test_the_same_rows_in_any_order_give_the_same_bytes():
    order = np.random.default_rng(3).permutation(big().num_rows)
    again = value_policies(big().take(pa.array(order)), SHOP.daily_orders(), AS_OF)
    assert again.policies.equals(big_run().policies)
    assert again.card_bytes() == big_run().card_bytes()
    later = value_policies(big(), SHOP.daily_orders(), AS_OF, BanditParams(seed=1))
    assert later.card["version"] != big_run().card["version"]


def test_a_slot_that_was_hardly_shown_has_no_rows_and_the_reason_says_so():
    few = big().filter(pc.less(big()["slate_number"], 40))
    run = value_policies(few, SHOP.daily_orders(), AS_OF)
    assert (run.policies.num_rows, run.metrics, run.warning) == (0, [], "")
    assert "no slot was shown often enough" in run.reason
    assert "80 in all can be used" in run.reason
    one = replaced(big(), "visitor_id", np.full(big().num_rows, "v1"))
    assert value_policies(one, SHOP.daily_orders(), AS_OF).policies.num_rows == 0
    none = value_policies(
        IMPRESSIONS_SCHEMA.empty_table(), DAILY_ORDERS_SCHEMA.empty_table(), AS_OF
    )
    assert (none.policies.num_rows, none.metrics) == (0, [])
    assert none.card["data"]["from"] is None


def test_metrics_hold_the_values_against_what_was_logged():
    metrics = {(row["model"], row["metric"]): row for row in big_run().metrics}
    assert len(metrics) == len(big_run().metrics)
    row = metrics["bandit_thompson", "click_per_impression"]
    (best,) = rows_of(
        big_run().policies, list_id="(all)", policy="thompson", reward="click", method="DR"
    )
    assert (row["value"], row["baseline_value"]) == (best["value"], best["logged_value"])
    assert metrics["bandits", "aov"]["value"] == 50
    assert metrics["bandits", "impressions_per_order"]["value"] == 50
    assert metrics["bandits", "mean_weight_shares"]["value"] == pytest.approx(1, abs=0.05)

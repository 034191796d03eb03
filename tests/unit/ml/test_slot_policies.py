"""What a policy has learned, and with which probability it shows what."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import integrate, stats

from ml.slot_impressions import IMPRESSIONS_SCHEMA, slots_of, sorted_impressions
from ml.slot_policies import (
    POLICIES,
    Arms,
    CodedSlot,
    SlotPolicy,
    arms_of,
    drawing,
    learn_policies,
)
from tests.unit.ml.slot_simulation import START, SlotShop

SHOP = SlotShop()
LOG = SHOP.log(1)


def coded(shown: list[int], above: list[list[int]], contexts: list[int] | None = None) -> CodedSlot:
    upper = np.array(above, np.int64).reshape(len(shown), -1)
    return CodedSlot(np.array(shown), upper, np.array(contexts or [0] * len(shown)))


def test_probabilities_are_those_of_the_mixture_by_hand():
    # Two rankings, and a draw by weights 1, 2, 5 in four of ten cases; one product above.
    policy = SlotPolicy(np.array([[[0, 1], [2, 0]]]), np.array([1.0, 2.0, 5.0]), 0.4)
    asked = coded([1, 2, 1, 0], [[0], [0], [-1], [0]])
    # Below 0 the rankings give 1 and 2, the draw 2/7 and 5/7; with nothing known above 0 and 2,
    # and 1 by 2/8 of the draws; 0 is not shown twice.
    assert policy.probabilities(asked) == pytest.approx(
        [0.6 / 2 + 0.4 * 2 / 7, 0.6 / 2 + 0.4 * 5 / 7, 0.4 * 2 / 8, 0.0]
    )
    rewards = np.array([10.0, 20.0, 40.0])
    assert policy.expected(asked, rewards)[:3] == pytest.approx(
        [
            0.6 * 30 + 0.4 * (40 + 200) / 7,
            0.6 * 30 + 0.4 * (40 + 200) / 7,
            0.6 * 25 + 0.4 * (10 + 40 + 200) / 8,
        ]
    )


@pytest.fixture(scope="module")
def learned() -> tuple[Arms, CodedSlot, dict[str, SlotPolicy]]:
    slot = slots_of(sorted_impressions(LOG), 10)[0][1]
    arms = arms_of(slot, 0, 20)
    seen = arms.coded(slot)
    return arms, seen, learn_policies(
        arms, seen, slot.rewards["click"], draws=40, epsilon=0.1, seed=0
    )  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
def test_probabilities_of_what_is_free_add_up_and_give_the_expected_reward(learned, name):
    arms, _, policies = learned
    every = np.arange(arms.size)
    for above in every:
        for context in range(3):
            asked = coded(list(every), [[above]] * arms.size, [context] * arms.size)
            found = policies[name].probabilities(asked)
            assert found.sum() == pytest.approx(1)
            assert found[above] == 0
            rewards = np.linspace(1, 3, arms.size)
            assert policies[name].expected(asked, rewards) == pytest.approx(found @ rewards)


def test_policies_rank_by_what_the_literature_says():
    # Of 100, 50 and 4 showings .30, .36 and .25 were clicked.
    pulls, clicks = np.array([100, 50, 4]), np.array([30, 18, 1])
    shown = np.repeat(np.arange(3), pulls)
    rewards = np.concatenate([np.arange(n) < k for n, k in zip(pulls, clicks, strict=True)])
    arms = Arms(np.array(["a", "b", "c"]), np.array([], np.str_))
    seen = coded(list(shown), [[]] * len(shown))
    policies = learn_policies(arms, seen, rewards * 1.0, draws=4000, epsilon=0.1, seed=1)
    each = coded([0, 1, 2], [[]] * 3)
    assert policies["epsilon_greedy"].probabilities(each) == pytest.approx(
        [0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3]
    )
    # The bound of the one that was hardly shown is widest: .25 + √(2 ln 154 / 4).
    for name in ("ucb1", "kl_ucb", "linucb"):
        assert policies[name].probabilities(each).tolist() == [0, 0, 1]
    # Thompson's probability of c is ∫ f_c F_a F_b.
    of = [stats.beta(k + 1, n - k + 1) for n, k in zip(pulls, clicks, strict=True)]
    exact = integrate.quad(lambda x: of[2].pdf(x) * of[0].cdf(x) * of[1].cdf(x), 0, 1)[0]
    found = policies["thompson"].probabilities(each)
    assert found[2] == pytest.approx(exact, abs=4 * np.sqrt(exact / 4000))


def test_lin_ucb_chooses_by_the_category():
    shown, contexts = np.tile([0, 1], 200), np.repeat([1, 2], 200)
    rewards = (shown == contexts - 1) * 1.0
    arms = Arms(np.array(["a", "b"]), np.array(["hats", "shoes"]))
    seen = CodedSlot(shown, np.empty((400, 0), np.int64), contexts)
    policies = learn_policies(arms, seen, rewards, draws=2, epsilon=0.1, seed=1)
    asked = coded([0, 0], [[]] * 2, [1, 2])
    assert policies["linucb"].probabilities(asked).tolist() == [1, 0]
    # Which a policy without a context cannot.
    assert len(set(policies["ucb1"].probabilities(asked))) == 1


def test_what_is_no_longer_shown_is_no_arm():
    slot = slots_of(sorted_impressions(LOG), 10)[0][0]
    gone = slot.where((slot.products != "p3") | (slot.days < slot.days.min() + 5))
    since = int(slot.days.min()) + 5
    assert "p3" in arms_of(gone, 0, 20).products
    arms = arms_of(gone, since, 20)
    assert "p3" not in arms.products
    assert (arms.coded(gone).shown == -1).sum() == (gone.products == "p3").sum()
    assert arms_of(slot, 0, 1).contexts.tolist() == ["hats"]


def changed(rows: list[dict], **columns: object) -> pa.Table:
    return pa.Table.from_pylist([{**row, **columns} for row in rows], schema=IMPRESSIONS_SCHEMA)


def test_slots_are_of_whole_slates_and_the_rest_is_counted():
    rows = LOG.slice(0, 6).to_pylist()
    # Of three slates the first lacks its upper place, the second says nothing of its own.
    rows[2]["propensity"] = None
    rows = rows[1:]
    rows.append({"list_id": "home", "impressions": 7, "reward_days": 1, "event_date": START})
    slots, left_out = slots_of(sorted_impressions(changed(rows)), 10)
    assert [(one.position, one.days.size) for one in slots] == [(1, 1), (2, 2)]
    assert slots[1].above[:, 0].tolist() == [rows[1]["product_id"], rows[3]["product_id"]]
    assert (left_out.without_propensity, left_out.without_slate) == (7 + 1, 1)
    shallow, deep = slots_of(sorted_impressions(LOG), 1)
    assert [one.position for one in shallow] == [1]
    assert deep.without_slate == LOG.num_rows / 2


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"propensity": 0.0}, "above 0"),
        ({"propensity": 1.5}, "at most 1"),
        ({"product_id": None}, "no product_id"),
        ({"slate_number": 1, "position": 1}, "twice"),
    ],
)
def test_what_is_no_log_of_impressions_is_refused(columns, says):
    rows = [row for row in LOG.slice(0, 160).to_pylist() if row["visitor_id"] == "v0"]
    with pytest.raises(ValueError, match=says):
        sorted_impressions(changed(rows, **columns))
    sorted_impressions(changed(rows))
    with pytest.raises(ValueError, match="lack the columns revenue"):
        sorted_impressions(LOG.drop_columns(["revenue"]))


def test_drawing_by_weights_is_a_policy_of_its_own():
    policy = drawing(np.array([1.0, 3.0]))
    assert policy.probabilities(coded([0, 1], [[]] * 2)) == pytest.approx([0.25, 0.75])

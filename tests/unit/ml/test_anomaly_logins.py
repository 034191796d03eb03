"""Login scores: by hand, causality, planted intruders."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.anomaly_flags import benjamini_hochberg
from ml.anomaly_logins import (
    FEATURES,
    LOGINS_SCHEMA,
    LoginScores,
    explain_login,
    score_logins,
)
from ml.surprisal import hour_kernel
from tests.unit.ml.login_simulation import simulate

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC).replace(tzinfo=None)


def logins(*rows: dict) -> pa.Table:
    usual = {
        "person_id": "p",
        "succeeded": True,
        "country": "DE",
        "device": "d1",
        "network": "10.0.0.0",
        "occurrences": 1,
        "is_scored": False,
    }
    made = [
        {"event_key": f"k{i:03d}", "event_ts": MONDAY + timedelta(days=i), **usual, **row}
        for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=LOGINS_SCHEMA)


@pytest.fixture(scope="module")
def simulated() -> tuple[LoginScores, dict[str, str]]:
    # Seeds 0 to 2 set the bar of the flag: test on another.
    table, planted = simulate(seed=12)
    return score_logins(table), planted


def test_country_surprisal_by_hand() -> None:
    found = score_logins(logins({}, {}, {}, {"country": "FR"}))
    # Before the fourth: 3 own logins, all DE; everybody: 3 logins, 1 country seen.
    # Share of an unseen country 1 / (3 + 1 + 1) = 0.2; P = (0 + 1 x 0.2) / (3 + 1).
    assert found.parts[3, 0] == pytest.approx(-np.log(0.2 / 4), abs=5e-4)
    # The second: share of DE (1 + 1) / (1 + 1 + 1); P = (1 + 2/3) / (1 + 1).
    assert found.parts[1, 0] == pytest.approx(-np.log((1 + 2 / 3) / 2), abs=5e-4)
    # An unseen network: share 0.2 is above the floor; seen before, nothing new.
    assert found.new_values.tolist() == [[False] * 3] * 3 + [[True, False, False]]


def test_the_tested_login_is_not_in_its_own_past() -> None:
    found = score_logins(logins({}, {}, {"device": "d2"}))
    assert found.known_logins.tolist() == [0, 1, 2]
    assert found.new_values[2].tolist() == [False, True, False]


def test_failures_of_the_hour_before_count_inclusively_and_never_teach() -> None:
    at = MONDAY + timedelta(days=10)
    minutes = [0, 1, 30, 61]
    failed = [
        {"event_ts": at + timedelta(minutes=m), "succeeded": False, "country": "BR"}
        for m in minutes[:3]
    ]
    found = score_logins(logins({}, {}, *failed, {"event_ts": at + timedelta(minutes=61)}))
    assert found.failures.tolist() == [0, 0, 0, 1, 2, 2]
    assert found.known_logins.tolist() == [0, 1, 2, 2, 2, 2]
    # BR stays new, however often it failed.
    assert found.new_values[2:5, 0].tolist() == [True, True, True]


def test_a_line_counts_for_as_many_failures_as_it_stands_for() -> None:
    at = MONDAY + timedelta(days=10)
    failed = {"event_ts": at, "succeeded": False}
    for says, counts in ((5, 5), (0, 1), (2**62, 1_000_000)):
        rows = [{}, {}, failed | {"occurrences": says}, {"event_ts": at + timedelta(minutes=1)}]
        found = score_logins(logins(*rows))
        assert found.failures.tolist() == [0, 0, 0, counts]
        assert f"{counts} failed login" in explain_login(found, 3)


def test_an_unknown_value_is_not_surprising() -> None:
    row = {"country": None, "device": None, "network": None}
    found = score_logins(logins({}, {}, row))
    assert found.parts[2, :3].tolist() == [0.0, 0.0, 0.0]
    assert not found.new_values[2].any()


def test_hours_are_circular() -> None:
    kernel = hour_kernel(1.5)
    np.testing.assert_allclose(kernel.sum(axis=0), 1.0)
    assert kernel[0, 167] == pytest.approx(kernel[0, 1])
    # A quarter to midnight and a quarter past are near, noon is far.
    late = [{"event_ts": MONDAY.replace(hour=23) + timedelta(days=i)} for i in range(20)]
    night = score_logins(logins(*late, {"event_ts": MONDAY.replace(hour=0) + timedelta(days=21)}))
    noon = score_logins(logins(*late, {"event_ts": MONDAY.replace(hour=12) + timedelta(days=21)}))
    assert night.parts[20, 3] == 0.0
    assert noon.parts[20, 3] > 2.0


def test_benjamini_hochberg_by_hand() -> None:
    # m 5, rate 5 %: bars .01 .02 .03 .04 .05; .025 fails its own bar .02 and .03 passes the third.
    p = np.array([0.3, 0.025, 0.005, 0.03, 0.9])
    assert benjamini_hochberg(p, 0.05).tolist() == [False, True, True, True, False]
    assert not benjamini_hochberg(np.array([0.02, 0.9, 0.9]), 0.05).any()
    assert len(benjamini_hochberg(np.zeros(0), 0.05)) == 0


def test_p_value_is_the_conservative_rank_in_earlier_history() -> None:
    table = logins(*[{}] * 8, {"country": "FR", "is_scored": True}, {"is_scored": True})
    found = score_logins(table)
    # Like histories (5 to 19 known logins): rows 5, 6, 7 are the pool. FR beats them all.
    assert found.p_values[8] == pytest.approx(1 / 4)
    # A scored login never stands in another's pool.
    pool = found.scores[5:8]
    expected = (np.count_nonzero(pool >= found.scores[9]) + 1) / 4
    assert found.p_values[9] == pytest.approx(expected)


def test_planted_intruders_are_ranked_first(simulated: tuple[LoginScores, dict]) -> None:
    found, planted = simulated
    keys = found.logins["event_key"].to_pylist()
    succeeded = found.logins["succeeded"].to_numpy(zero_copy_only=False)
    tested = found.logins["is_scored"].to_numpy(zero_copy_only=False) & succeeded
    truth = np.array([key in planted for key in keys])[tested]
    assert 0.005 < truth.mean() < 0.02
    assert roc_auc_score(truth, found.scores[tested]) >= 0.97
    surprise = average_precision_score(truth, found.scores[tested])
    rule = average_precision_score(truth, found.new_values[tested].sum(axis=1))
    codes = [pc.rank(found.logins[c], tiebreaker="dense").to_numpy() for c in FEATURES[:3]]
    hour = (found.logins["event_ts"].cast(pa.int64()).to_numpy() // 3_600_000_000) % 168
    raw = np.column_stack([*codes, hour, found.failures])
    forest = IsolationForest(random_state=0).fit(raw)
    isolation = average_precision_score(truth, -forest.score_samples(raw)[tested])
    assert surprise > 0.85
    assert surprise > rule > isolation
    flagged = found.is_anomaly[tested]
    assert flagged[truth].mean() > 0.8
    assert truth[flagged].mean() > 0.5


def test_p_values_of_harmless_logins_are_not_too_small() -> None:
    table, _ = simulate(seed=5, anomaly_share=0.0)
    found = score_logins(table)
    tested = found.logins["is_scored"].to_numpy(zero_copy_only=False)
    tested &= found.logins["succeeded"].to_numpy(zero_copy_only=False)
    share = (found.p_values[tested] < 0.05).mean()
    # About 3,500 logins: a standard error of .004, and a little more for their dependence.
    assert 0.02 < share < 0.07


def test_later_logins_change_no_earlier_number(simulated: tuple[LoginScores, dict]) -> None:
    whole, _ = simulated
    some = whole.logins.slice(0, 9000)
    early = score_logins(some)
    assert early.parts.tobytes() == whole.parts[:9000].tobytes()
    scored = some["is_scored"].to_numpy(zero_copy_only=False)
    assert scored.sum() > 1000
    assert early.p_values[scored].tobytes() == whole.p_values[:9000][scored].tobytes()
    texts = [explain_login(early, row) for row in (0, 4000, 8999)]
    assert texts == [explain_login(whole, row) for row in (0, 4000, 8999)]


def test_row_order_does_not_change_a_byte(simulated: tuple[LoginScores, dict]) -> None:
    whole, _ = simulated
    order = np.random.default_rng(0).permutation(whole.logins.num_rows)
    again = score_logins(whole.logins.take(order))
    assert again.logins.equals(whole.logins)
    assert again.p_values.tobytes() == whole.p_values.tobytes()
    assert again.last_usual.tobytes() == whole.last_usual.tobytes()


def test_explanation_adds_up_to_the_score(simulated: tuple[LoginScores, dict]) -> None:
    found, planted = simulated
    keys = found.logins["event_key"].to_pylist()
    for row in [i for i, key in enumerate(keys) if key in planted][:40]:
        text = explain_login(found, row)
        parts = re.findall(rf"(?:{'|'.join(FEATURES)}) (\d+\.\d{{3}})", text.split(" nats = ")[1])
        assert len(parts) == len(FEATURES)
        assert sum(map(float, parts)) == pytest.approx(found.scores[row], abs=1e-9)
        assert f"Surprise {found.scores[row]:.3f} nats" in text


def test_explanation_names_values_and_the_last_usual_login() -> None:
    table = logins(*[{}] * 10, {"country": "BR", "device": "x9"})
    text = explain_login(score_logins(table), 10)
    assert "country BR is new (last usual login: DE)" in text
    assert "device x9 is new (last usual login: d1)" in text
    assert "10 earlier logins known" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_key": None}, "have no event_key"),
        ({"succeeded": None}, "have no succeeded"),
        ({"event_key": "k000"}, "comes twice"),
    ],
)
def test_broken_logins_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_logins(logins({}, change))


def test_no_logins_and_one_login_work() -> None:
    assert len(score_logins(logins()).scores) == 0
    assert score_logins(logins({"is_scored": True})).p_values.tolist() == [1.0]

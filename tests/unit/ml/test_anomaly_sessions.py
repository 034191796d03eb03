"""Session scores: by hand, machines among the simulated shop's visitors, too little history."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.anomalies import KPIS_SCHEMA, score_anomalies
from ml.anomaly_files import FILE_ACCESSES_SCHEMA
from ml.anomaly_logins import LOGINS_SCHEMA
from ml.anomaly_measures import session_measures
from ml.anomaly_sessions import (
    PARTS,
    SESSIONS_SCHEMA,
    SessionScores,
    explain_session,
    score_sessions,
)
from tests.unit.ml.session_simulation import (
    SCRAPERS,
    made_session,
    scrapers,
    shop_sessions,
    table,
)

NIGHT = datetime(2026, 3, 8, 3)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def shop() -> tuple[Rows, set[str]]:
    """A week, and a day that is scored. Seeds 3, 4, 7 and 12 set what there is to set."""
    return shop_sessions(seed=21)


@pytest.fixture(scope="module")
def rows(shop: tuple[Rows, set[str]]) -> Rows:
    """The shop's, and five scrapers of each kind."""
    return shop[0] + [one for kind in SCRAPERS for one in scrapers(kind, 5, 21, NIGHT)]


@pytest.fixture(scope="module")
def found(rows: Rows) -> SessionScores:
    return score_sessions(table(rows))


def is_machine(found: SessionScores, crawlers: set[str], kind: str | None = None) -> np.ndarray:
    ids = found.sessions["session_id"].to_pylist()
    named = SCRAPERS if kind is None else (kind,)
    of_shop = crawlers if kind in (None, "crawler") else set()
    return np.array([one in of_shop or one.startswith(named) for one in ids])


@pytest.mark.parametrize("kind", ["crawler", *SCRAPERS])
def test_machines_are_told_from_visitors(
    found: SessionScores, shop: tuple[Rows, set[str]], kind: str
) -> None:
    """The shop's crawlers come every day, under no name: history is full of them."""
    planted = is_machine(found, shop[1], kind)
    tested = found.is_scored & (planted | ~is_machine(found, shop[1]))
    truth = planted[tested]
    assert truth.sum() >= 3
    assert roc_auc_score(truth, found.scores[tested]) > 0.98
    surprise = average_precision_score(truth, found.scores[tested])
    assert surprise > 0.95
    assert found.is_anomaly[tested][truth].all()
    names = ("views", "places", "acts", "gap_low_s", "gap_s", "gap_high_s")
    raw = np.log(np.column_stack([found.sessions[name].to_numpy() for name in names]) + 0.1)
    forest = IsolationForest(random_state=0).fit(raw[~found.is_scored])
    assert surprise >= average_precision_score(truth, -forest.score_samples(raw[tested]))
    assert surprise >= average_precision_score(truth, -raw[tested, 4])
    if kind != "burst":
        assert average_precision_score(truth, -raw[tested, 4]) < 0.5


def test_visitors_are_seldom_flagged_and_p_values_are_what_they_claim(
    shop: tuple[Rows, set[str]],
) -> None:
    rows, crawlers = shop
    found = score_sessions(table([row for row in rows if row["session_id"] not in crawlers]))
    assert found.is_scored.sum() > 30
    assert found.is_anomaly.sum() == 0
    measures = session_measures(found)
    share, _ = measures["session_surprise", "share_p_below_0.05"]
    assert 0.02 < share < 0.09
    assert measures["session_surprise", "sessions_scored"] == (found.is_scored.sum(), None)
    # Nobody says of itself to be a machine.
    assert ("session_surprise", "auc_of_known_bots") not in measures


def test_who_says_to_be_a_machine_teaches_nothing_and_is_a_measure(
    shop: tuple[Rows, set[str]], found: SessionScores, rows: Rows
) -> None:
    told = [row | {"is_bot": row["session_id"] in shop[1]} for row in rows]
    knowing = score_sessions(table(told))
    assert not (knowing.is_scored | knowing.is_anomaly)[knowing.is_bot].any()
    ours, by_views = session_measures(knowing)["session_surprise", "auc_of_known_bots"]
    assert ours > 0.98
    assert by_views is not None
    # The same machines under no name were taken out, and changed nothing of the rest.
    alike = [
        (dict(zip(one.sessions["session_id"].to_pylist(), one.scores, strict=True)))
        for one in (found, knowing)
    ]
    people = [name for name in alike[0] if name not in shop[1]]
    assert np.mean([abs(alike[0][name] - alike[1][name]) for name in people]) < 0.1


def plain(count: int = 100, **columns: Any) -> Rows:
    """Sessions of two kinds: every other one acts, and has a second more between its views."""
    return [
        made_session(
            f"s{i:03d}",
            NIGHT - timedelta(days=1, minutes=i),
            np.array([2.0, 8.0, 9.0]) + i % 2,
            places=3 + i % 2,
            acts=i % 2,
        )
        | columns
        for i in range(count)
    ]


def test_shares_by_hand() -> None:
    gaps = np.array([2.0, 8.0, 9.0])
    tested = made_session("t", NIGHT, gaps, places=4, acts=0, is_scored=True)
    found = score_sessions(table([*plain(), tested]))
    row = found.sessions["session_id"].to_pylist().index("t")
    # 50 of 100 are as fast, and as even: with itself 51 of 101. Gaps and one more second: ratios
    # of quartiles (5.1 / 8.6) and (6.1 / 9.6), so that the slower ones are more even: all 101.
    # 50 have 4 places; 50 have no act.
    expected = [-np.log(51 / 101), 0.0, -np.log(51 / 101), -np.log(51 / 101)]
    assert found.parts[row] == pytest.approx(expected, abs=5e-4)
    # A session of history is one of the hundred itself.
    assert found.parts[0, 0] in (0.0, pytest.approx(-np.log(0.5), abs=5e-4))
    # Nothing that is flagged stands among those with which is compared.
    assert found.p_values[row] == pytest.approx(
        (1 + np.sum(found.scores[:100] >= found.scores[row])) / 101
    )


def test_explanations_say_numbers_that_add_up(found: SessionScores) -> None:
    for row in np.flatnonzero(found.is_scored):
        said = explain_session(found, row)
        parts = re.findall(rf"(?:{'|'.join(PARTS)}) (\d+\.\d{{3}})", said.split(" nats = ")[1])
        assert len(parts) == len(PARTS)
        assert sum(map(float, parts)) == pytest.approx(found.scores[row], abs=1e-9)
    slow = found.sessions["session_id"].to_pylist().index("slow 21 0")
    said = explain_session(found, slow)
    views = found.sessions["views"][slow].as_py()
    assert f"session slow 21 0 of {views} views by desktop from 2026-03-08 03:00 UTC" in said
    assert re.search(r"half of the gaps between 5\d\.\d s and 6\d\.\d s \(as 0\.\d+ %", said)
    assert "no search, cart or other act" in said


def test_rows_are_of_rare_sessions_and_their_evidence_is_their_views(rows: Rows) -> None:
    run = score_anomalies(
        LOGINS_SCHEMA.empty_table(),
        FILE_ACCESSES_SCHEMA.empty_table(),
        KPIS_SCHEMA.empty_table(),
        date(2026, 3, 8),
        sessions=table(rows),
    )
    given = {row["event_key"]: row for row in rows if row["is_scored"]}
    made = run.scores.to_pylist()
    assert {row["entity_type"] for row in made} == {"session"}
    assert {f"{kind} 21 {i} 0" for kind in SCRAPERS for i in range(5)} <= {
        row["event_key"] for row in made
    }
    assert len(made) < len(given) / 2
    for row in made:
        session = given[row["event_key"]]
        assert row["entity_id"] == session["person_id"]
        assert row["evidence_event_keys"] == session["view_event_keys"]
        assert row["p_value"] <= 0.05 or row["is_anomaly"]
    assert run.card["data"]["sessions"] == len(rows)


def test_order_of_rows_and_what_is_scored_beside_change_no_byte(
    found: SessionScores, rows: Rows
) -> None:
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    again = score_sessions(table(shuffled))
    assert again.sessions.equals(found.sessions)
    assert again.scores.tobytes() == found.scores.tobytes()
    assert again.p_values.tobytes() == found.p_values.tobytes()
    # Sessions of the partition are compared with history, not with each other.
    others = [row for row in rows if not row["session_id"].startswith("burst")]
    alone = score_sessions(table(others))
    scores = dict(zip(found.sessions["session_id"].to_pylist(), found.scores, strict=True))
    assert all(
        scores[name] == score
        for name, score in zip(alone.sessions["session_id"].to_pylist(), alone.scores, strict=True)
    )


def test_nothing_is_known_without_history_and_of_sessions_that_are_all_alike() -> None:
    one = made_session("t", NIGHT, np.array([0.1, 0.1, 0.1]), places=4, is_scored=True)
    for history in ([], plain(49)):
        found = score_sessions(table([*history, one]))
        assert found.scores.tolist() == [0.0] * (len(history) + 1)
        assert found.p_values[-1] == 1.0
        assert not found.is_anomaly.any()
    assert len(score_sessions(SESSIONS_SCHEMA.empty_table()).scores) == 0
    assert session_measures(score_sessions(SESSIONS_SCHEMA.empty_table())) == {}
    alike = [row | {"gap_low_s": 1.0, "gap_s": 1.0, "gap_high_s": 1.0} for row in plain()[::2]]
    found = score_sessions(table([*alike, alike[0] | {"session_id": "t", "is_scored": True}]))
    assert found.scores.tolist() == [0.0] * 51


def test_gaps_that_are_unknown_or_none_are_no_error() -> None:
    gaps = {"gap_low_s": None, "gap_s": None, "gap_high_s": float("nan")}
    unknown = plain(1, session_id="u", is_scored=True, **gaps)
    at_once = made_session("z", NIGHT, np.zeros(3), places=4, is_scored=True)
    found = score_sessions(table([*plain(), *unknown, at_once]))
    ids = found.sessions["session_id"].to_pylist()
    assert found.parts[ids.index("u"), :2].tolist() == [0.0, 0.0]
    assert np.isfinite(found.scores).all()
    assert found.parts[ids.index("z"), 0] > 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_key": None}, "have no event_key"),
        ({"views": None}, "have no views"),
        ({"session_id": "s000"}, "comes twice"),
        ({"person_id": None, "is_scored": True}, "no person_id"),
    ],
)
def test_broken_sessions_are_refused(change: dict, message: str) -> None:
    broken = plain(2)[1] | change
    with pytest.raises(ValueError, match=message):
        score_sessions(table([plain(1)[0], broken]))
    with pytest.raises(ValueError, match="lack the columns views"):
        score_sessions(pa.table({name: [] for name in SESSIONS_SCHEMA.names if name != "views"}))

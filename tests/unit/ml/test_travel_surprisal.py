"""Log-ins from another country too soon: by hand, and planted beside the usual intruders."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.anomaly_events import flags
from ml.anomaly_logins import FEATURES, LOGINS_SCHEMA, explain_login, score_logins
from tests.unit.ml.login_simulation import COUNTRIES, simulate

TRAVEL = FEATURES.index("travel")
START = datetime(2026, 1, 5, 9, tzinfo=UTC).replace(tzinfo=None)


def logins(*seen: tuple[str, float, str | None], **columns: object) -> pa.Table:
    """Log-ins of persons, hours after the start, from countries."""
    rows = [
        {
            "event_key": f"k{i:03d}",
            "person_id": person,
            "event_ts": START + timedelta(hours=hours),
            "succeeded": True,
            "country": country,
            "device": "d",
            "network": "n",
            "occurrences": 1,
            "is_scored": False,
        }
        | columns
        for i, (person, hours, country) in enumerate(seen)
    ]
    return pa.Table.from_pylist(rows, schema=LOGINS_SCHEMA)


def travel(*seen: tuple[str, float, str | None], **columns: object) -> list[float]:
    return score_logins(logins(*seen, **columns)).parts[:, TRAVEL].tolist()


def test_the_sooner_a_country_is_left_the_stranger() -> None:
    # No change was seen before: an hour of 24 is 1 / 24, and 4 P is 1 / 6.
    assert travel(("p", 0, "DE"), ("p", 1, "BR"))[1] == pytest.approx(np.log(6), abs=5e-4)
    hours = (0.0, 1 / 3, 1, 6, 12, 72)
    found = [travel(("p", 0, "DE"), ("p", one, "BR"))[1] for one in hours]
    assert found == sorted(found, reverse=True)
    assert found[-2:] == [0.0, 0.0]
    # At once is as a second.
    assert found[0] == pytest.approx(np.log(24 * 3600 / 4), abs=5e-4)


def test_what_others_took_for_a_change_and_ones_own_log_ins_from_there_count() -> None:
    three = [(f"q{i}", hour, country) for i in range(3) for hour, country in ((0, "DE"), (1, "FR"))]
    three.sort(key=lambda one: one[1])
    # As soon as all of three changes: (3 + 1 / 24) / (3 + 1), and four times that is no surprise.
    assert travel(*three, ("p", 2, "DE"), ("p", 3, "BR"))[-1] == 0.0
    # Sooner than all: P is (0 + 0.5 / 24) / (3 + 1).
    assert travel(*three, ("p", 2, "DE"), ("p", 2.5, "BR"))[-1] == pytest.approx(
        -np.log(4 * 0.5 / 24 / 4), abs=5e-4
    )
    # Two earlier log-ins from BR: (2 + 4 P) / (2 + 1).
    known = travel(("p", 0, "BR"), ("p", 1, "BR"), ("p", 99, "DE"), ("p", 100, "BR"))
    # The change of 98 hours was as slow as a change may be: (0 + 1 / 24) / (1 + 1) of all changes.
    assert known[-1] == pytest.approx(-np.log((2 + 4 / 24 / 2) / 3), abs=5e-4)
    # Who changes in minutes all the time, as by a private network, does nothing strange.
    hops = [("p", 0.2 * i, "DE" if i % 2 else f"C{i}") for i in range(20)]
    assert travel(*hops, ("p", 4.0, "XX"))[-1] == 0.0


def test_unknown_countries_failures_and_other_persons_are_no_place_to_come_from() -> None:
    assert travel(("p", 0, None), ("p", 0.1, "BR")) == [0.0, 0.0]
    assert travel(("p", 0, "DE"), ("p", 0.1, None)) == [0.0, 0.0]
    assert travel(("q", 0, "DE"), ("p", 0.1, "BR")) == [0.0, 0.0]
    assert travel(("p", 0, "DE"), ("p", 0.1, "BR"), succeeded=False) == [0.0, 0.0]
    # Null between: the change is from the last place that is known.
    assert travel(("p", 0, "DE"), ("p", 0.5, None), ("p", 1, "BR"))[2] > 1.7


def test_the_explanation_says_from_where_and_how_long_before() -> None:
    found = score_logins(logins(("p", 0, "DE"), ("p", 0.5, None), ("p", 1, "BR")))
    assert found.last_place.tolist() == [-1, 0, 0]
    assert "BR 1.0 hours after DE, sooner than others change countries" in explain_login(found, 2)


def test_impossible_travel_is_found_among_usual_log_ins() -> None:
    """The owner's device and habits, from elsewhere within the hour. Seeds 0 to 3 set the form."""
    table, planted = simulate(seed=12)
    rng = np.random.default_rng(12)
    rows = table.to_pylist()
    owners = [row for row in rows if row["is_scored"] and row["succeeded"]]
    elsewhere = [
        owners[i]
        | {
            "event_key": f"x{i}",
            "country": str(rng.choice(COUNTRIES[owners[i]["country"] != COUNTRIES])),
            "network": f"203.0.{rng.integers(250)}.0",
            "event_ts": owners[i]["event_ts"] + timedelta(minutes=int(rng.integers(5, 60))),
        }
        for i in rng.choice(len(owners), 40, replace=False)
    ]
    found = score_logins(pa.Table.from_pylist(rows + elsewhere, schema=LOGINS_SCHEMA))
    keys = found.logins["event_key"].to_pylist()
    tested = flags(found.logins, "is_scored") & flags(found.logins, "succeeded")
    tested &= np.array([key not in planted for key in keys])
    truth = np.array([key.startswith("x") for key in keys])[tested]
    scores = found.scores[tested]
    without = scores - found.parts[tested, TRAVEL]
    assert roc_auc_score(truth, scores) > 0.99
    assert average_precision_score(truth, scores) > 0.82
    assert average_precision_score(truth, scores) > average_precision_score(truth, without) + 0.03
    assert found.is_anomaly[tested][truth].mean() > 0.85

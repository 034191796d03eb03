"""Scores of networks: by hand, who tries many passwords or many people, what is no burst."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from ml.anomaly_logins import LOGINS_SCHEMA, score_logins
from ml.anomaly_networks import PARTS, NetworkScores, explain_network, score_networks

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC).replace(tzinfo=None)


def failures(network: str | None, day: int, count: int, people: int = 1) -> list[dict[str, Any]]:
    return [
        {"network": network, "event_ts": MONDAY + timedelta(days=day, seconds=nth),
         "person_id": f"{network}-{nth % people}", "succeeded": False, "is_scored": day == 20}
        for nth in range(count)
    ]  # fmt: skip


def scored(*groups: list[dict[str, Any]]) -> NetworkScores:
    rows = [
        {"event_key": f"k{i:04d}", "country": None, "device": None, "occurrences": 1, **row}
        for i, row in enumerate(row for group in groups for row in group)
    ]
    return score_networks(score_logins(pa.Table.from_pylist(rows, schema=LOGINS_SCHEMA)).logins)


# Ten networks that each failed twice on each of nineteen days.
USUAL = [row for day in range(1, 20) for n in range(10) for row in failures(f"10.0.{n}.0", day, 2)]


def day_20(found: NetworkScores, network: str) -> int:
    rows = np.flatnonzero(found.is_scored & (np.array(found.networks) == network))
    assert len(rows) == 1
    return int(rows[0])


def test_a_networks_failures_by_hand() -> None:
    found = scored(USUAL, failures("10.0.3.0", 20, 9))
    row = day_20(found, "10.0.3.0")
    # Of 9 the 8 beyond the first, where one is usual.
    mean = (190 + 0.5) / (190 + 1)
    usual = (19 + 2 * mean) / (19 + 2)
    assert found.usual[row, 0] == pytest.approx(1 + usual)
    # Nothing varies: the least dispersion, a shape of 10.
    tail = stats.nbinom.sf(7, 10, 10 / (10 + usual))
    assert found.parts[row, 0] == pytest.approx(-np.log(2 * tail), abs=5e-4)
    # Among days of networks with five to nineteen days before: the sixth to the nineteenth of ten.
    assert found.p_values[row] == pytest.approx(1 / (140 + 1))


def test_a_new_network_is_held_to_all_networks_and_one_that_always_fails_to_itself() -> None:
    loud = [row for day in range(1, 20) for row in failures("10.9.9.0", day, 40)]
    found = scored(USUAL, loud, failures("10.9.9.0", 20, 40), failures("99.0.0.0", 20, 40))
    known, new = day_20(found, "10.9.9.0"), day_20(found, "99.0.0.0")
    assert found.parts[known, 0] < 1 < found.parts[new, 0]


def test_who_tries_many_people_once_stands_out_as_who_tries_one_often() -> None:
    sprayed = scored(USUAL, failures("99.0.0.0", 20, 30, people=30))
    tried = scored(USUAL, failures("99.0.0.0", 20, 30))
    for found in (sprayed, tried):
        row = day_20(found, "99.0.0.0")
        assert found.is_anomaly[row]
        assert found.failed_keys[row][0] == "k0380"
        assert len(found.failed_keys[row]) == 30
    assert sprayed.parts[day_20(sprayed, "99.0.0.0"), 1] > 5
    assert tried.parts[day_20(tried, "99.0.0.0"), 1] == 0


def test_a_line_counts_for_as_many_failures_as_it_stands_for() -> None:
    one = [dict(row, occurrences=40) for row in failures("99.0.0.0", 20, 1)]
    found, many = scored(USUAL, one), scored(USUAL, failures("99.0.0.0", 20, 40))
    row = day_20(found, "99.0.0.0")
    assert found.counts[row].tolist() == [40, 1]
    assert found.scores[row] == many.scores[day_20(many, "99.0.0.0")]
    assert found.failed_keys[row] == ["k0380"]


def test_a_mistyped_password_is_no_surprise_however_rare_they_are() -> None:
    right = [dict(row, succeeded=True) for row in USUAL]
    found = scored(right, failures("10.0.3.0", 19, 1), failures("10.0.4.0", 20, 1))
    assert (found.scores.tolist(), found.is_anomaly.any()) == ([0.0, 0.0], False)


def test_usual_days_are_not_flagged_and_success_is_not_failure() -> None:
    today = [row for n in range(10) for row in failures(f"10.0.{n}.0", 20, 1 + n % 3)]
    office = [dict(row, succeeded=True) for row in failures("10.1.0.0", 20, 300, people=300)]
    found = scored(USUAL, today, office, failures("10.1.0.0", 20, 1))
    assert not found.is_anomaly.any()
    assert found.succeeded[day_20(found, "10.1.0.0")] == 300


def test_what_the_day_itself_and_later_days_bring_changes_nothing_before() -> None:
    early = scored(USUAL)
    late = scored(USUAL, failures("99.0.0.0", 20, 50), failures("10.0.0.0", 21, 50))
    for name in ("parts", "p_values", "usual"):
        first = getattr(late, name)[: len(early.days)]
        assert getattr(early, name).tobytes() == first.tobytes()
    again = scored(failures("10.0.0.0", 21, 50), USUAL, failures("99.0.0.0", 20, 50))
    assert again.scores.tobytes() == late.scores.tobytes()


def test_nothing_is_unusual_before_anything_is_known() -> None:
    found = scored(failures("99.0.0.0", 20, 50))
    assert (found.scores.tolist(), found.is_anomaly.tolist()) == ([0.0], [False])
    assert scored(failures(None, 20, 50)).scores.size == 0
    nothing = score_networks(LOGINS_SCHEMA.empty_table())
    assert nothing.scores.size == len(nothing.failed_keys) == 0


def test_explanation_says_what_was_counted_and_adds_up() -> None:
    found = scored(USUAL, failures("99.0.0.0", 20, 30, people=6))
    row = day_20(found, "99.0.0.0")
    said = explain_network(found, row)
    assert said.startswith("log-ins from 99.0.0.0 on 2026-01-25: 30 failed (usual: 2.0) of 6 ")
    parts = dict(re.findall(r"(\w+) (\d+\.\d{3})", said.split(" nats = ")[1]))
    assert parts.keys() == set(PARTS)
    assert sum(map(float, parts.values())) == pytest.approx(found.scores[row], abs=1e-9)

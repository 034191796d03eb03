"""Anomaly scores on logs of others: an intruder of 2017, and five kinds of our own among them.

An sshd server's log of 25 days under attack, and CERT's file accesses. No setting was chosen by
what is put in. Not here: the reader (`tests/e2e/test_security_logs.py`).
"""

import csv
import gzip
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ml.anomalies import KPIS_SCHEMA, score_anomalies
from ml.anomaly_files import FILE_ACCESSES_SCHEMA
from ml.anomaly_logins import LOGINS_SCHEMA

Rows = list[dict[str, Any]]
USER, HOME, DAY = "elastic_user_0", "85.245.107.0", date(2017, 4, 18)
ATTEMPT = re.compile(
    r"(?:message repeated (\d+) times: \[ )?"
    r"(Failed|Accepted) (?!none)\w+ for (?:invalid user )?(\S*) from (\S+) "
)


@pytest.fixture(scope="module")
def attempts(shared_data: Path) -> Rows:
    """Log-ins and failed ones of sshd with a user, as its lines have them."""
    file = shared_data / "security_logs" / "elastic_suspicious_login" / "auth.log.gz"
    rows: Rows = []
    for number, line in enumerate(gzip.decompress(file.read_bytes()).decode().splitlines()):
        said = ATTEMPT.search(line)
        if said and said[3]:
            at = datetime.strptime(f"2017 {line[:15]}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007
            times = int(said[1] or 1)
            rows.append(login(f"k{number}", at, said[3], said[4], said[2] == "Accepted", times))
    assert len(rows) == 900
    return rows


@pytest.fixture(scope="module")
def accesses(shared_data: Path) -> Rows:
    """CERT's file accesses: a copy to a removable disk is a download."""
    with (shared_data / "security_logs" / "cert_sample" / "file.csv").open(newline="") as file:
        return [
            access(row["id"], datetime.strptime(row["date"], "%m/%d/%Y %H:%M:%S"),  # noqa: DTZ007
                   row["user"], row["pc"], row["filename"].rpartition("\\")[0],
                   row["activity"] == "File Copy" and row["to_removable_media"] == "True")
            for row in csv.DictReader(file)
        ]  # fmt: skip


def login(
    key: str, at: datetime, user: str, ip: str, succeeded: bool, occurrences: int = 1
) -> dict[str, Any]:
    network = ip.rpartition(".")[0] + ".0"
    return {"event_key": key, "person_id": user, "event_ts": at, "succeeded": succeeded,
            "country": None, "device": None, "network": network,
            "occurrences": occurrences}  # fmt: skip


def access(
    key: str, at: datetime, user: str, device: str, place: str, is_download: bool
) -> dict[str, Any]:
    return {"event_key": key, "person_id": user, "event_ts": at, "is_download": is_download,
            "is_denied": False, "place": place, "device": device}  # fmt: skip


def scores(logins: Rows, accesses: Rows, day: date) -> Rows:
    """The rows of a partition whose date is that of the events."""
    tables = [
        pa.Table.from_pylist(
            [dict(row, is_scored=row["event_ts"].date() == day) for row in rows
             if row["event_ts"].date() <= day],
            schema=schema,
        )
        for rows, schema in ((logins, LOGINS_SCHEMA), (accesses, FILE_ACCESSES_SCHEMA))
    ]  # fmt: skip
    return score_anomalies(*tables, KPIS_SCHEMA.empty_table(), day).scores.to_pylist()


def test_the_burst_of_30_march_stands_out(attempts: Rows) -> None:
    days = sorted({row["event_ts"].date() for row in attempts})
    found = [row for day in days for row in scores(attempts, [], day)
             if row["entity_type"] == "network"]  # fmt: skip
    flagged = sorted((row for row in found if row["is_anomaly"]), key=lambda row: -row["score"])
    told = [(row["entity_id"], row["date"], row["explanation"].split(": ")[1].split(" (")[0])
            for row in flagged]  # fmt: skip
    # Known by its publisher; the first had ten days of history to stand out from, it had three.
    assert told[:2] == [
        ("49.4.143.0", date(2017, 4, 5), "120 failed"),
        ("24.151.103.0", date(2017, 3, 30), "154 failed"),
    ]
    # The other flags are on the only others with more than 30 failures, or 30 of several people.
    assert [failures for *_, failures in told[2:]] == ["36 failed", "30 failed"]
    assert len(found) > 90


def intruder(at: datetime) -> Rows:
    """With the user's password, from elsewhere at night, after some tries."""
    failed = [
        login(f"x{n}", at + timedelta(seconds=n), USER, "203.0.113.9", False) for n in range(8)
    ]
    return [*failed, login("x8", at + timedelta(minutes=2), USER, "203.0.113.9", True)]


def guessing(at: datetime) -> Rows:
    """One user's password is guessed sixty times."""
    return [login(f"x{n}", at + timedelta(seconds=5 * n), USER, "203.0.113.9", False)
            for n in range(60)]  # fmt: skip


def spraying(at: datetime) -> Rows:
    """One password is tried on forty users."""
    return [login(f"x{n}", at + timedelta(minutes=n), f"user_{n}", "203.0.113.9", False)
            for n in range(40)]  # fmt: skip


@pytest.mark.parametrize(
    ("put_in", "entity"),
    [
        (intruder, ("login", USER)),
        (guessing, ("network", "203.0.113.0")),
        (spraying, ("network", "203.0.113.0")),
    ],
)
def test_an_attack_on_log_ins_is_found(
    attempts: Rows, put_in: Callable[[datetime], Rows], entity: tuple[str, str]
) -> None:
    at = datetime.combine(DAY, datetime.min.time()) + timedelta(hours=3)

    def of_kind(logins: Rows) -> Rows:
        return [row for row in scores(logins, [], DAY) if row["entity_type"] == entity[0]]

    usual, found = of_kind(attempts), of_kind([*attempts, *put_in(at)])
    assert not any(row["is_anomaly"] for row in usual)
    first = max(found, key=lambda row: row["score"])
    assert first["entity_id"] == entity[1]
    assert first["score"] > max(row["score"] for row in usual)
    # Nothing in the history of log-ins was as surprising; it is too short for a flag by rank.
    assert first["is_anomaly"] or first["p_value"] == min(row["p_value"] for row in found) < 0.05


def mass_copy(row: dict[str, Any]) -> Rows:
    """Fifty files go to a removable disk within an hour."""
    at = datetime(2010, 1, 7, 10)
    return [access(f"x{n}", at + timedelta(minutes=n), row["person_id"], row["device"], "R:", True)
            for n in range(50)]  # fmt: skip


def at_night(row: dict[str, Any]) -> Rows:
    """Files are opened through the night on somebody else's machine."""
    at = datetime(2010, 1, 7, 1)
    who = row["person_id"]
    return [access(f"x{n}", at + timedelta(minutes=25 * n), who, "PC-0000", "R:", False)
            for n in range(12)]  # fmt: skip


@pytest.mark.parametrize("put_in", [mass_copy, at_night])
def test_unusual_file_access_is_found(
    accesses: Rows, put_in: Callable[[dict[str, Any]], Rows]
) -> None:
    day = date(2010, 1, 7)
    somebody = next(row for row in accesses if row["person_id"] == "TVS0520")

    def flagged(rows: Rows) -> set[str]:
        return {row["entity_id"] for row in scores([], rows, day) if row["is_anomaly"]}

    usual = flagged(accesses)
    assert len(usual) <= 1
    assert flagged([*accesses, *put_in(somebody)]) - usual == {"TVS0520"}

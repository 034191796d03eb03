"""Logs of log-ins and file accesses that were written by others, against counts of their own.

Here: two sshd servers under attack, a Red Hat machine of 2005, and a part of CERT's insider-threat
data by the mapping of docs/formats.md. Not here: what each line becomes; that is in
tests/integration/ingest.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.landed_days import land, logged_rows, seal_unchecked, sealed_files, state_with
from tests.laws.warehouse import Warehouse
from tests.recipes import recipe_texts

# The day on which each log was fetched, so to say: the last of its lines are of it. The years are
# known from elsewhere; 2005 is in the lines of an FTP server.
ARRIVED = {"openssh": "2017-01-02", "elastic": "2017-04-20", "redhat": "2005-07-27"}
JUNK = {"0", "test", ""}


@dataclass(frozen=True)
class Line:
    """A line, split at its spaces and colons alone."""

    at: str
    program: str
    text: str


@dataclass(frozen=True)
class Attempt:
    """One that failed or succeeded, found by the words around its parts."""

    verb: str
    method: str
    user: str
    ip: str
    times: int
    day: str


def split(text: str) -> Line:
    rest = text[16:].split(" ", 1)[1]
    program, _, message = rest.partition(": ")
    return Line(text[:15], program.split("[")[0], message.strip())


def attempts(lines: list[Line]) -> Iterator[Attempt]:
    for line in lines:
        text, times = line.text, 1
        if text.startswith("message repeated "):
            times, text = int(text.split(" ")[2]), text[text.index("[") + 2 : -1]
        verb, _, rest = text.partition(" ")
        if verb not in ("Accepted", "Failed"):
            continue
        method, _, who = rest.partition(" for ")
        user, _, where = who.partition(" from ")
        if user.startswith("invalid user"):
            user = user[len("invalid user") :].strip()
        yield Attempt(verb, method, user, where.split(" ")[0], times, line.at[:6])


def network(ip: str) -> str:
    return ip.rpartition(".")[0] + ".0"


@pytest.fixture(scope="module")
def given(shared_data) -> dict[str, bytes]:
    folder = shared_data / "security_logs"
    return {
        "openssh": (folder / "loghub" / "OpenSSH_2k.log").read_bytes(),
        "redhat": (folder / "loghub" / "Linux_2k.log").read_bytes(),
        "elastic": gzip.decompress((folder / "elastic_suspicious_login/auth.log.gz").read_bytes()),
    }


@pytest.fixture(scope="module")
def lines(given) -> dict[str, list[Line]]:
    return {name: [*map(split, text.decode().splitlines())] for name, text in given.items()}


@pytest.fixture(scope="module")
def logged(given, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """The log's rows by the log that they are of: every line is there, and none was refused."""
    sources = "".join(f"  {name}: {{format: auth_log}}\n" for name in given)
    paths = state_with(tmp_path_factory.mktemp("logs") / "state", f"sources:\n{sources}")
    for name, content in given.items():
        land(paths, f"{name}/{ARRIVED[name]}/auth.log", content)
    seal_unchecked(paths, *sorted(ARRIVED.values()), now="2017-04-21T03:00:00")
    for file in sealed_files(paths).values():
        assert (file.logged, file.quarantined) == (file.read, 0)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in given}
    for row in logged_rows(paths):
        row["properties"] = json.loads(row["properties"])
        rows[row["source"]].append(row)
    return rows


def of(rows: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["event_name"] == event]


def times(rows: list[dict[str, Any]]) -> int:
    return sum(row["properties"].get("occurrences", 1) for row in rows)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Lines by the words that they begin with; see the data set's README for 226 and 1 accepted.
        ("openssh", {"login_failed": 520, "login_succeeded": 1, "logged_out": 1}),
        (
            "elastic",
            {"login_failed": 713, "login_succeeded": 226, "logged_out": 225,
             "password_changed": 10},
        ),
        # 490 of "authentication failure" but one, of a console's unknown user; 36 of ssh and one
        # of a console logged in and out.
        ("redhat", {"login_failed": 489, "login_succeeded": 37, "logged_out": 37}),
    ],
)  # fmt: skip
def test_every_line_is_an_event_and_those_of_log_ins_are_told(given, logged, name, expected):
    rows = logged[name]
    assert len(rows) == len(given[name].splitlines())
    found = Counter(row["event_name"] for row in rows)
    assert found.pop("auth_message_logged") == len(rows) - sum(expected.values())
    assert found == expected


@pytest.mark.parametrize("name", ["openssh", "elastic"])
@pytest.mark.parametrize(
    ("verb", "event"), [("Failed", "login_failed"), ("Accepted", "login_succeeded")]
)
def test_attempts_by_address_user_day_and_method_are_those_of_sshds_own_words(
    lines, logged, name, verb, event
):
    made = [one for one in attempts(lines[name]) if one.verb == verb and one.method != "none"]
    made = [one for one in made if verb == "Accepted" or one.method != "publickey"]
    rows = of(logged[name], event)
    assert len(rows) == len(made)
    assert times(rows) == sum(one.times for one in made)
    assert Counter(row["ip_truncated"] for row in rows) == Counter(network(o.ip) for o in made)
    assert Counter(row["event_ts"].strftime("%b %e") for row in rows) == Counter(
        one.day for one in made
    )
    assert Counter(row["properties"]["method"] for row in rows) == Counter(o.method for o in made)
    # Users are pseudonyms: who is who follows from the lines, and it is one for one.
    users = {(one.user, row["user_id"]) for one, row in zip(made, rows, strict=True)}
    named = {(user, pseudonym) for user, pseudonym in users if user not in JUNK}
    assert len(named) == len({user for user, _ in named}) == len({p for _, p in named})
    assert all(pseudonym is None for user, pseudonym in users if user in JUNK)


@pytest.fixture(scope="module")
def warehouse(logged) -> Warehouse:
    """All three logs, built."""
    made = Warehouse()
    rows = [
        row | {"properties": json.dumps(row["properties"])} for of in logged.values() for row in of
    ]
    made.add_rows(rows)
    made.set_days({row["arrival_date"]: True for row in rows})
    made.run([])
    return made


@pytest.mark.parametrize("name", ["openssh", "elastic"])
def test_the_table_of_log_ins_has_every_attempt_of_every_day_and_network(lines, warehouse, name):
    expected: Counter[tuple[str, ...]] = Counter()
    for one in attempts(lines[name]):
        if one.method != "none" and (one.verb == "Accepted" or one.method != "publickey"):
            action = "login" if one.verb == "Accepted" else "login_failed"
            expected[one.day, action, one.method, network(one.ip)] += one.times
    found = warehouse.con.execute(
        "select report_date, action, method, ip_truncated, cast(sum(occurrences) as bigint) "
        "from core.fct_auth_events where source = ? and action in ('login', 'login_failed') "
        "group by all",
        [name],
    ).fetchall()
    assert {(day.strftime("%b %e"), *key): count for day, *key, count in found} == expected
    assert sum(expected.values()) > 500


def test_what_a_server_logs_of_log_ins_makes_no_visit(warehouse):
    found = warehouse.con.execute(
        "select count(*), sum(sessions), sum(visitors), sum(dau) from marts.kpi_daily"
    ).fetchone()
    assert found[0] > 100
    assert found[1:] == (0, 0, 0)


def test_the_burst_of_an_intruder_is_there_with_what_repeated_lines_stand_for(lines, logged):
    """As its publisher says: 173 on 30 March with a user, 154 of them of one address."""
    failed = [row for row in of(logged["elastic"], "login_failed") if row["user_id"] is not None]
    days = Counter(row["event_ts"].date().isoformat() for row in failed)
    assert days.most_common(1) == [("2017-03-30", 173)]
    intruder = [row for row in failed if row["ip_truncated"] == "24.151.103.0"]
    of_day = [row for row in intruder if row["event_ts"].day == 30]
    assert len(of_day) == 154
    accepted = of(logged["elastic"], "login_succeeded")
    assert sum(row["ip_truncated"] == "24.151.103.0" for row in accepted) == 47
    made = [one for one in attempts(lines["elastic"]) if one.ip == "24.151.103.17"]
    tried = sum(one.times for one in made if one.verb == "Failed" and one.day == "Mar 30")
    assert times(of_day) == tried


def test_a_machine_that_keeps_pams_lines_apart_from_sshds_is_counted_by_pam(shared_data, logged):
    """The publisher's parse has the program and the message as columns."""
    file = shared_data / "security_logs" / "loghub" / "Linux_2k.log_structured.csv"
    with file.open(newline="") as opened:
        parsed = [row for row in csv.DictReader(opened) if row["Component"] == "sshd(pam_unix)"]
    texts = [row["Content"] for row in parsed]
    rows = [row for row in logged["redhat"] if row["properties"].get("program") == "sshd"]
    failures = [text for text in texts if text.startswith("authentication failure")]
    failed = of(rows, "login_failed")
    assert len(failed) == len(failures) == 489
    hosts = [text.split("rhost=")[1].split(" ")[0] for text in failures]
    is_address = [host.replace(".", "").isdigit() for host in hosts]
    assert [row["ip_truncated"] for row in failed] == [
        network(host) if plain else None for host, plain in zip(hosts, is_address, strict=True)
    ]
    unknown = sum(" user=" not in text for text in failures)
    assert [row["properties"].get("failure_reason") for row in failed].count("invalid_user") == (
        unknown
    )
    assert unknown == 117
    opened_sessions = [text for text in texts if text.startswith("session opened")]
    assert len(of(rows, "login_succeeded")) == len(opened_sessions)


@pytest.mark.parametrize("name", ["openssh", "redhat", "elastic"])
def test_the_year_of_a_line_is_the_one_in_which_it_was_written(lines, logged, name):
    year = {"openssh": 2016, "redhat": 2005, "elastic": 2017}[name]
    assert [row["event_ts"].replace(tzinfo=UTC) for row in logged[name]] == [
        datetime.strptime(f"{year} {line.at} +0000", "%Y %b %d %H:%M:%S %z") for line in lines[name]
    ]


def test_nothing_of_a_name_or_an_address_is_in_clear(given, lines, logged):
    text = json.dumps(logged["elastic"], default=str)
    made = list(attempts(lines["elastic"]))
    for clear in {one.ip for one in made} | {one.user for one in made if len(one.user) > 5}:
        assert f'"{clear}"' not in text, clear
    assert "elastic_user_0" in given["elastic"].decode()
    assert "elastic_user" not in text


STAFF = """
  staff:
    format: csv
    user_id_space: accounts
    mapping:
      event_name: {value: profile_updated}
      event_ts: start_date
      user_id: user_id
      properties: [email, role, department, {unit: business_unit}]
"""
CERT_FILES = {"files": "file.csv", "logons": "logon.csv", "staff": "users.csv"}


@pytest.fixture(scope="module")
def cert(shared_data) -> dict[str, list[dict[str, str]]]:
    """The rows of CERT's files as the csv module has them."""
    found = {}
    for source, name in CERT_FILES.items():
        with (shared_data / "security_logs" / "cert_sample" / name).open(newline="") as file:
            found[source] = list(csv.DictReader(file))
    return found


@pytest.fixture(scope="module")
def accessed(shared_data, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """The log's rows of CERT's files, by the recipe as it stands on the page."""
    (recipe,) = [text for text in recipe_texts() if "logons:" in text]
    paths = state_with(tmp_path_factory.mktemp("cert") / "state", recipe + STAFF)
    for source, name in CERT_FILES.items():
        content = (shared_data / "security_logs" / "cert_sample" / name).read_bytes()
        land(paths, f"{source}/2010-01-08/{name}", content)
    seal_unchecked(paths, "2010-01-08", now="2010-01-09T03:00:00")
    for file in sealed_files(paths).values():
        assert (file.read, file.logged, file.quarantined) == (500, 500, 0)
    rows: dict[str, list[dict[str, Any]]] = {source: [] for source in CERT_FILES}
    for row in logged_rows(paths):
        row["properties"] = json.loads(row["properties"])
        rows[row["source"]].append(row)
    return rows


@pytest.mark.parametrize("source", ["files", "logons"])
def test_file_accesses_and_log_ins_of_cert_are_who_what_where_and_when(cert, accessed, source):
    rows, made = accessed[source], cert[source]
    at = {row["event_id"]: row for row in rows}
    assert len(at) == len(made) == 500
    # New York in January is five hours behind.
    assert {one["id"]: at[one["id"]]["event_ts"].replace(tzinfo=UTC) for one in made} == {
        one["id"]: datetime.strptime(one["date"] + " -0500", "%m/%d/%Y %H:%M:%S %z") for one in made
    }
    for column, field in (("user", "user_id"), ("pc", "device_id")):
        pairs = {(one[column], at[one["id"]][field]) for one in made}
        assert len(pairs) == len({name for name, _ in pairs}) == len({p for _, p in pairs})
    # The data set's own figures: 307 and 469 users, 310 and 470 machines.
    assert (len({row["user_id"] for row in rows}), len({row["device_id"] for row in rows})) == (
        {"files": (307, 310), "logons": (469, 470)}[source]
    )


def test_what_was_done_to_files_is_told_and_what_is_in_them_is_not(cert, accessed):
    names = Counter(row["event_name"] for row in accessed["files"])
    copied_out = sum(
        one["activity"] == "File Copy" and one["to_removable_media"] == "True"
        for one in cert["files"]
    )
    assert names == {"file_downloaded": copied_out, "file_accessed": 500 - copied_out}
    # The data set's own figures.
    actions = Counter(row["properties"]["action"] for row in accessed["files"])
    assert actions == {"File Copy": 179, "File Open": 150, "File Delete": 103, "File Write": 68}
    logons = Counter(row["event_name"] for row in accessed["logons"])
    assert logons == {"login_succeeded": 293, "logged_out": 207}
    text = json.dumps(accessed["files"], default=str)
    assert "content" not in text
    assert not [one["user"] for one in cert["files"] if one["user"] in text]


def test_one_account_and_one_machine_are_the_same_in_every_source(cert, accessed):
    found: dict[tuple[str, str], set[str]] = {}
    for source in ("files", "logons"):
        made = {one["id"]: one for one in cert[source]}
        for row in accessed[source]:
            one = made[row["event_id"]]
            found.setdefault(("pc", one["pc"]), set()).add(row["device_id"])
            found.setdefault(("user", one["user"]), set()).add(row["user_id"])
    for one, row in zip(cert["staff"], accessed["staff"], strict=True):
        found.setdefault(("user", one["user_id"]), set()).add(row["user_id"])
    assert {len(pseudonyms) for pseudonyms in found.values()} == {1}
    known = {one["user_id"] for one in cert["staff"]}
    assert len({one["user"] for one in cert["files"]} & known) == 31


def test_staff_are_profiles_without_names_or_addresses(cert, accessed):
    text = json.dumps(accessed["staff"], default=str)
    for one in cert["staff"]:
        assert one["employee_name"] not in text
        assert one["email"] not in text
    assert len({row["properties"]["email"] for row in accessed["staff"]}) == 500
    assert Counter(row["properties"]["role"] for row in accessed["staff"]) == Counter(
        one["role"] for one in cert["staff"]
    )

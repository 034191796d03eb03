"""Logs of log-ins: what a line becomes among the candidates and in the log.

The lines have the forms of OpenSSH's auth_log() and sshpam_query(), of pam_unix and of syslog;
logs of real machines are in tests/e2e.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from dagster_project.ingest.config import SourceSettings, load_settings
from dagster_project.ingest.erasure_files import Finder, landed_rows
from dagster_project.ingest.historical_file import import_file
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.loading import registry_of
from dagster_project.state import StatePaths
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import land, logged_rows, seal_unchecked, sealed_files, state_with

AUTH_LOG = SourceSettings(format="auth_log")
DAY, NOW = "2026-11-02", "2026-11-03T03:00:00"
OTHER = "auth_message_logged"


def line(text: str, tag: str = "sshd[812]", at: str = "Nov  2 10:00:00") -> str:
    return f"{at} web1 {tag}: {text}"


def failed(user: str = "bob", ip: str = "192.0.2.7", method: str = "password") -> str:
    return f"Failed {method} for {user} from {ip} port 50022 ssh2"


def read(
    tmp_path: Path, *lines: str, source: SourceSettings = AUTH_LOG, day: str = DAY
) -> list[dict[str, Any]]:
    place = f"hosts/{day}/auth.log"
    return candidate_rows(tmp_path, "\n".join(lines).encode(), source, ".log", place)


def events(rows: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    assert [row["read_error"] for row in rows] == [None] * len(rows)
    return [(row["event_name"], row["user_id"], row["ip"]) for row in rows]


def test_the_parts_of_a_log_in_become_fields(tmp_path):
    key = ": ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    (row,) = read(tmp_path, line(f"Accepted publickey for bob from 192.0.2.7 port 50022 ssh2{key}"))
    assert given(row) == {"event_name": "login_succeeded", "user_id": "bob", "ip": "192.0.2.7"}
    assert row["properties"] == {"host": "web1", "program": "sshd", "method": "publickey"}
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10)


def test_a_password_that_was_refused_is_a_failed_log_in(tmp_path):
    known, unknown, empty = read(
        tmp_path, line(failed()), line(failed("invalid user oracle")), line(failed("invalid user "))
    )
    assert events([known, unknown, empty]) == [
        ("login_failed", "bob", "192.0.2.7"),
        ("login_failed", "oracle", "192.0.2.7"),
        ("login_failed", None, "192.0.2.7"),
    ]
    assert known["properties"] == {"host": "web1", "program": "sshd", "method": "password"}
    assert unknown["properties"] == {**known["properties"], "failure_reason": "invalid_user"}
    assert empty["properties"] == unknown["properties"]


# One attempt leaves several lines, by sshd, PAM and systemd. One of them counts: the first here.
ATTEMPTS = {
    "password of an unknown user": [
        line(failed("invalid user oracle")),
        line("Invalid user oracle from 192.0.2.7 port 50022"),
        line("input_userauth_request: invalid user oracle [preauth]"),
        line("pam_unix(sshd:auth): check pass; user unknown"),
        line("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
             "rhost=192.0.2.7 "),
        line("Connection closed by invalid user oracle 192.0.2.7 port 50022 [preauth]"),
    ],
    "password of a known user, once too often": [
        line(failed()),
        line("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
             "rhost=192.0.2.7  user=bob"),
        line("error: maximum authentication attempts exceeded for bob from 192.0.2.7 port 50022 "
             "ssh2 [preauth]"),
        line("Disconnecting authenticating user bob 192.0.2.7 port 50022: Too many authentication "
             "failures [preauth]"),
        line("PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= "
             "rhost=192.0.2.7  user=bob"),
        line("PAM service(sshd) ignoring max retries; 3 > 3"),
    ],
    "keyboard-interactive, by PAM": [
        line("error: PAM: Authentication failure for illegal user oracle from host.example"),
        line(failed("invalid user oracle", method="keyboard-interactive/pam")),
        line("Postponed keyboard-interactive for invalid user oracle from 192.0.2.7 port 1 ssh2"),
    ],
    "a log-in": [
        line("Accepted password for bob from 192.0.2.7 port 50022 ssh2"),
        line("pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)"),
        line("pam_unix(systemd-user:session): session opened for user bob by (uid=0)", "systemd"),
        line("New session 7 of user bob.", "systemd-logind[400]"),
        line("Starting session: shell on pts/0 for bob from 192.0.2.7 port 50022 id 0"),
        # The keys that a client offered before the one that fitted, and its first question.
        line(failed(method="publickey") + ": RSA SHA256:abc"),
        line(failed(method="none")),
        line("Partial publickey for bob from 192.0.2.7 port 50022 ssh2"),
    ],
    "a log-out": [
        line("pam_unix(sshd:session): session closed for user bob"),
        line("Received disconnect from 192.0.2.7 port 50022:11: disconnected by user"),
        line("Disconnected from user bob 192.0.2.7 port 50022"),
        line("Removed session 7.", "systemd-logind[400]"),
    ],
}  # fmt: skip
COUNTED = ["login_failed", "login_failed", "login_failed", "login_succeeded", "logged_out"]


@pytest.mark.parametrize(("attempt", "event"), [*zip(ATTEMPTS, COUNTED, strict=True)])
def test_of_the_lines_of_one_attempt_one_counts(tmp_path, attempt, event):
    lines = ATTEMPTS[attempt]
    names = [name for name, _, _ in events(read(tmp_path, *lines))]
    assert names == [event] + [OTHER] * (len(lines) - 1)


def test_other_lines_keep_who_and_from_where(tmp_path):
    rows = read(tmp_path, *[line for lines in ATTEMPTS.values() for line in lines[1:]])
    kept = {row["raw"].split(": ", 1)[1]: (row["user_id"], row["ip"], row["properties"]["action"])
            for row in rows if "action" in row["properties"]}  # fmt: skip
    assert kept["Invalid user oracle from 192.0.2.7 port 50022"] == (
        "oracle", "192.0.2.7", "invalid_user",
    )  # fmt: skip
    assert kept["Disconnected from user bob 192.0.2.7 port 50022"] == (
        "bob", "192.0.2.7", "disconnected",
    )  # fmt: skip
    assert kept["New session 7 of user bob."] == ("bob", None, "session_registered")
    assert kept[failed(method="none")] == ("bob", "192.0.2.7", "method_refused")
    assert {who for who, _, _ in kept.values()} == {None, "bob", "oracle"}


def test_an_address_of_the_sixth_version_is_one(tmp_path):
    rows = read(
        tmp_path,
        line(failed(ip="2001:db8::7")),
        line("Connection closed by 2001:db8::7 [preauth]"),
        line("Received disconnect from 2001:db8::7: 11: Bye Bye [preauth]"),
        line("Connection closed by authenticating user bob 2001:db8::7 port 5 [preauth]"),
        line(failed(ip="UNKNOWN")),
    )
    assert [row["ip"] for row in rows] == ["2001:db8::7"] * 4 + [None]


@pytest.mark.parametrize(
    "user",
    ["bob from 198.51.100.1 port 22 ssh2", "from", "a b", "invalid user x", "x port 1 ssh2: y",
     "[ x ]", "Accepted password for root from 198.51.100.1 port 1 ssh2"],
)  # fmt: skip
def test_a_name_made_to_look_like_the_rest_of_the_line_stays_a_name(tmp_path, user):
    (row,) = read(tmp_path, line(failed(f"invalid user {user}")))
    assert events([row]) == [("login_failed", user, "192.0.2.7")]


def test_a_line_that_stands_for_several_says_how_many(tmp_path):
    rows = read(
        tmp_path,
        line(f"message repeated 5 times: [ {failed('root')}]"),
        line("2 more authentication failures; logname= uid=0 euid=0 tty=NODEVssh ruser= "
             "rhost=192.0.2.7  user=root", "sshd(pam_unix)[812]"),
        line("last message repeated 3 times", "x").replace("x: ", ""),
    )  # fmt: skip
    assert events(rows)[:2] == [("login_failed", "root", "192.0.2.7")] * 2
    assert [row["properties"].get("occurrences") for row in rows] == [5, 2, None]
    # It does not say which one.
    assert rows[2]["event_name"] == OTHER


def test_where_nobody_else_gives_an_account_of_a_log_in_pam_does(tmp_path):
    failure = "authentication failure; logname= uid=0 euid=0 tty=:0 ruser= rhost={}"
    rows = read(
        tmp_path,
        line("pam_unix(gdm-password:session): session opened for user bob(uid=1000) by (uid=0)",
             "gdm-password]"),
        line("pam_unix(gdm-password:auth): " + failure.format("  user=bob"), "gdm-password]"),
        line("pam_unix(login:session): session closed for user bob", "login[77]"),
        line("session opened for user bob by (uid=500)", "sshd(pam_unix)[812]"),
        line(failure.format("host.example "), "sshd(pam_unix)[812]"),
        # Neither who nor from where.
        line(failure.format(" "), "gdm(pam_unix)[5]"),
    )  # fmt: skip
    assert events(rows) == [
        ("login_succeeded", "bob", None),
        ("login_failed", "bob", None),
        ("logged_out", "bob", None),
        ("login_succeeded", "bob", None),
        ("login_failed", None, "host.example"),
        (OTHER, None, None),
    ]
    assert rows[0]["properties"] == {"host": "web1", "program": "gdm-password"}
    assert rows[4]["properties"]["failure_reason"] == "invalid_user"


def test_who_is_in_already_does_not_log_in_again(tmp_path):
    rows = read(
        tmp_path,
        line("pam_unix(cron:session): session opened for user root by (uid=0)", "CRON[9]"),
        line("    bob : TTY=pts/0 ; PWD=/srv/bob ; USER=root ; COMMAND=/bin/ls", "sudo"),
        line("pam_unix(sudo:session): session opened for user root by bob(uid=0)", "sudo"),
        line("pam_unix(su:session): session closed for user root", "su[9]"),
        line("pam_unix(sudo:auth): authentication failure; logname=bob uid=1000 euid=0 "
             "tty=/dev/pts/0 ruser=bob rhost=  user=bob", "sudo"),
    )  # fmt: skip
    assert [(row["event_name"], row["user_id"], row["properties"]["action"]) for row in rows] == [
        (OTHER, "root", "session_opened"), (OTHER, "bob", "command_run"),
        (OTHER, "root", "session_opened"), (OTHER, "root", "session_closed"),
        (OTHER, "bob", "authentication_failed"),
    ]  # fmt: skip
    # What was run may hold anything.
    assert rows[1]["properties"] == {"host": "web1", "program": "sudo", "action": "command_run"}


def test_a_password_that_was_changed_is_an_event_and_one_that_was_not_is_none(tmp_path):
    rows = read(
        tmp_path,
        line("pam_unix(passwd:chauthtok): password changed for bob", "passwd[3]"),
        line("pam_unix(chpasswd:chauthtok): user \"bob\" does not exist in /etc/passwd",
             "chpasswd"),
    )  # fmt: skip
    assert events(rows) == [("password_changed", "bob", None), (OTHER, None, None)]


@pytest.mark.parametrize(
    ("stamp", "day", "at"),
    [
        # The latest year in which the line is not later than the day after the file's arrival.
        ("Nov  2 23:59:59", "2026-11-02", "2026-11-02T23:59:59"),
        ("Nov  3 00:00:00", "2026-11-02", "2026-11-03T00:00:00"),
        ("Nov  4 00:00:00", "2026-11-02", "2025-11-04T00:00:00"),
        ("Dec 31 23:59:59", "2027-01-01", "2026-12-31T23:59:59"),
        ("Dec 10 06:55:46", "2027-01-15", "2026-12-10T06:55:46"),
        ("Jan  1 00:00:00", "2026-12-31", "2027-01-01T00:00:00"),
        ("Feb 29 12:00:00", "2024-02-29", "2024-02-29T12:00:00"),
        ("Feb 29 12:00:00", "2026-11-02", "2024-02-29T12:00:00"),
        ("Feb 29 12:00:00", "2024-02-27", "2020-02-29T12:00:00"),
        # As rsyslog and systemd write it today.
        ("2023-03-05T06:07:08.123456+01:00", "2026-11-02", "2023-03-05T05:07:08.123456"),
        ("2023-03-05T06:07:08+0000", "2026-11-02", "2023-03-05T06:07:08"),
        ("2023-03-05T06:07:08", "2026-11-02", "2023-03-05T06:07:08"),
        ("<38>Nov  2 10:00:00", "2026-11-02", "2026-11-02T10:00:00"),
        # Days that are none.
        ("Feb 30 10:00:00", "2026-11-02", None),
        ("Foo 10 10:00:00", "2026-11-02", None),
        ("Nov  2 25:00:00", "2026-11-02", None),
        ("2026-13-01T00:00:00Z", "2026-11-02", None),
    ],
)
def test_a_time_without_a_year_is_of_the_latest_that_it_can_be_of(tmp_path, stamp, day, at):
    (row,) = read(tmp_path, line(failed(), at=stamp), day=day)
    assert row["read_error"] is None
    assert row["event_ts_parsed"] == (at and datetime.fromisoformat(at))


def test_a_time_without_a_zone_is_in_that_of_the_source(tmp_path):
    source = SourceSettings(format="auth_log", timezone="Asia/Tokyo")
    stamps = ["Jan  1 08:00:00", "2027-01-01T08:00:00", "2027-01-01T08:00:00Z"]
    lines = [line(failed(), at=stamp) for stamp in stamps]
    rows = read(tmp_path, *lines, source=source, day="2026-12-31")
    assert [row["event_ts_parsed"] for row in rows] == [
        datetime(2026, 12, 31, 23), datetime(2026, 12, 31, 23), datetime(2027, 1, 1, 8),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["hello", "-- Logs begin at Mon --", "Nov  2 10:00:00", "Nov 2 10:00:00 web1 sshd[1]: x",
     "10:00:00 web1 sshd[1]: x", '{"a": 1}', "{" * 100],
)  # fmt: skip
def test_a_line_that_is_none_is_refused_and_the_next_is_read(tmp_path, text):
    bad, good = read(tmp_path, text, line(failed()))
    assert (bad["read_error"], bad["raw"]) == ("malformed_log_line", text)
    assert good["read_error"] is None


def test_a_text_of_any_kind_in_a_line_is_text(tmp_path):
    rows = read(tmp_path, line('"\\ \x1b[31m \x01', 'a"b\\c'), line(failed('a"\\\x02b')))
    assert rows[0]["properties"]["program"] == 'a"b\\c'
    assert events(rows) == [(OTHER, None, None), ("login_failed", 'a"\\\x02b', "192.0.2.7")]


def state(home: Path) -> StatePaths:
    return state_with(home, "sources: {hosts: {format: auth_log, user_id_space: accounts}}\n")


def test_every_line_is_logged_or_quarantined_and_nobody_is_in_clear(tmp_path):
    paths = state(tmp_path / "state")
    lines = [line(failed("frank")), line(failed("invalid user ")), line("Server listening"),
             line("Accepted password for frank from 2001:db8:1:2::7 port 1 ssh2"), "no line",
             line("error: PAM: Authentication failure for frank from home.frank.example"),
             line(failed("frank"), at="Feb 30 10:00:00"), "x" * 11_000_000,
             line(failed("test")), line(f"message repeated 0 times: [ {failed()}]")]  # fmt: skip
    land(paths, f"hosts/{DAY}/auth.log", "\n".join(lines).encode())
    seal_unchecked(paths, DAY, now=NOW)
    (file,) = sealed_files(paths).values()
    assert (file.read, file.logged, file.quarantined) == (10, 6, 4)
    with Vault.open(paths) as vault:
        refused = read_quarantine(paths, vault, date.fromisoformat(DAY))
    assert [(row.source_line, *row.reasons) for row in refused] == [
        (5, "row: malformed_log_line"),
        (7, "event_ts: is no time that can be read"),
        (8, "row: line_too_long"),
        (10, "properties.occurrences: must be a whole number, at least 1"),
    ]
    rows = logged_rows(paths)
    text = json.dumps(rows, default=str)
    for clear in ("frank", "192.0.2.7", "db8:1:2", "home."):
        assert clear not in text
    assert [row["ip_truncated"] for row in rows] == [
        "192.0.2.0", "192.0.2.0", None, "2001:db8:1::", None, "192.0.2.0",
    ]  # fmt: skip
    people = [row["user_id"] for row in rows]
    assert people[0] == people[3] == people[4]
    assert people[0].startswith("u_")
    # No name, none in the line, and one that the settings say is nobody's.
    assert people[1] == people[2] == people[5] is None


def test_equal_lines_of_a_file_are_attempts_of_their_own_and_a_file_sent_again_is_not(tmp_path):
    paths = state(tmp_path / "state")
    land(paths, f"hosts/{DAY}/auth.log", f"{line(failed())}\n{line(failed())}\n".encode())
    land(paths, "hosts/2026-11-03/auth.log", f"{line(failed())}\n{line(failed())}\n".encode())
    seal_unchecked(paths, DAY, "2026-11-03", now="2026-11-04T03:00:00")
    rows = logged_rows(paths)
    keys = [(row["event_id"], row["event_ts"]) for row in rows]
    assert len(set(keys[:2])) == 2
    assert keys[:2] == keys[2:]


def test_a_file_that_is_not_utf8_is_refused_whole_or_read_as_the_source_says(tmp_path):
    content = line(failed("invalid user jos\u00e9")).encode("latin-1")
    paths = state_with(
        tmp_path / "state",
        "sources: {hosts: {format: auth_log}, old: {format: auth_log, encoding: latin-1}}\n",
    )
    land(paths, f"hosts/{DAY}/auth.log", content)
    land(paths, f"old/{DAY}/auth.log", content)
    seal_unchecked(paths, DAY, now=NOW)
    assert list(sealed_files(paths)) == [f"old/{DAY}/auth.log"]
    (row,) = logged_rows(paths)
    assert (row["event_name"], row["source"]) == ("login_failed", "old")


def test_a_historical_log_is_of_the_year_before_today_and_stays_so_when_it_is_loaded(tmp_path):
    paths = state(tmp_path / "state")
    file = tmp_path / "auth.log"
    stamps = ["Dec 31 23:59:59", "Jan  1 00:00:01", "Nov  9 12:00:00"]
    file.write_text("\n".join(line(failed(), at=stamp) for stamp in stamps))
    settings = load_settings(paths.settings_file)
    rows = import_file(paths, settings, "hosts", file, today=date(2026, 11, 9))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 11, 9)]
    assert rows == dict.fromkeys(days, 1)
    seal_unchecked(paths, *map(str, days), now="2026-11-10T03:00:00")
    assert [row["event_ts"].date() for row in logged_rows(paths)] == days


def test_the_lines_of_one_who_is_erased_are_found_in_landing_whatever_they_say(tmp_path):
    paths = state(tmp_path / "state")
    lines = [line(failed("invalid user frankie")), line(failed("bob")),
             line("Invalid user frankie from 192.0.2.7"),
             line("Disconnected from user frankie 192.0.2.7 port 5"),
             line("New session 7 of user frankie.", "systemd-logind[4]"),
             line("frankie : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/bin/ls", "sudo"),
             line("pam_unix(cron:session): session closed for user frankie", "CRON[9]"),
             "a line of frankie that is none"]  # fmt: skip
    land(paths, f"hosts/{DAY}/auth.log", "\n".join(lines).encode())
    settings = load_settings(paths.settings_file)

    def frankie(kind: str, space: str, values: Sequence[str]) -> dict[str, datetime]:
        is_known = (kind, space) == ("user", "accounts") and "frankie" in values
        return {"frankie": datetime(2026, 12, 1)} if is_known else {}

    with Vault.open(paths) as vault:
        finder = Finder(paths, settings, registry_of(settings), vault, frankie)
        (place,) = landed_rows(finder).places
    assert place.rows == {1, 3, 4, 5, 6, 7, 8}

"""Access logs of web servers: what a line becomes among the candidates and in the log.

The lines have the forms of Apache's documentation (combined, common) and what servers write of
clients that do not speak HTTP; a log of 10,000 hits is in tests/e2e.
"""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from dagster_project.ingest.config import ReadLimits, SourceSettings, load_settings
from dagster_project.ingest.historical_file import import_file
from dagster_project.ingest.landing_rows import copy_without
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import land, logged_rows, seal_unchecked, sealed_files, state_with

ACCESS_LOG = SourceSettings(format="access_log")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0"
DAY, NOW = "2026-11-02", "2026-11-03T03:00:00"


def line(request: str = "GET /a HTTP/1.1", status: int | str = 200, **more: str) -> str:
    part = {"ip": "192.0.2.7", "user": "-", "time": "02/Nov/2026:10:00:00 +0000", "bytes": "512",
            "end": f' "https://a.example/x?y=1" "{AGENT}"'} | more  # fmt: skip
    return (
        f'{part["ip"]} - {part["user"]} [{part["time"]}] "{request}" {status} {part["bytes"]}'
        f"{part['end']}"
    )


def read(tmp_path: Path, *lines: str, source: SourceSettings = ACCESS_LOG) -> list[dict[str, Any]]:
    return candidate_rows(tmp_path, "\n".join(lines).encode(), source, ".log")


def test_the_parts_of_a_line_become_fields(tmp_path):
    (row,) = read(tmp_path, line("GET /shop/?utm_source=x HTTP/1.1", user="frank",
                                 time="02/Nov/2026:10:00:00 +0130"))  # fmt: skip
    assert given(row) == {
        "event_name": "page_viewed",
        "user_id": "frank",
        "page_url": "/shop/?utm_source=x",
        "referrer": "https://a.example/x?y=1",
        "ip": "192.0.2.7",
        "user_agent": AGENT,
    }
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 8, 30)
    assert row["properties"] == {"http_method": "GET", "http_status": 200, "response_bytes": 512}


def test_a_path_is_of_the_site_that_the_source_names(tmp_path):
    source = SourceSettings(format="access_log", site="https://shop.example:8443")
    paths = ("/a?b=1", "//a", "http://other.example/a", "*")
    rows = read(tmp_path, *(line(f"GET {path} HTTP/1.1") for path in paths), source=source)
    assert [row.get("page_url") for row in rows] == [
        "https://shop.example:8443/a?b=1",
        "https://shop.example:8443//a",
        "http://other.example/a",
        "*",
    ]


def test_the_common_format_has_neither_referrer_nor_agent(tmp_path):
    (row,) = read(tmp_path, line(end="", bytes="-"))
    assert given(row) == {"event_name": "page_viewed", "page_url": "/a", "ip": "192.0.2.7"}
    assert row["properties"] == {"http_method": "GET", "http_status": 200}


PAGES = [
    ("GET / HTTP/1.1", 200), ("GET /a.html HTTP/2.0", 200), ("GET /a.php?x=a.png HTTP/1.1", 200),
    ("GET /v1.2/start HTTP/1.1", 200), ("GET /a", 200),
    # The browser had the page already.
    ("GET /a HTTP/1.1", 304),
]  # fmt: skip
NO_PAGES = [
    ("GET /style.css?v=3 HTTP/1.1", 200), ("GET /LOGO.PNG HTTP/1.1", 200),
    ("GET /robots.txt HTTP/1.1", 200), ("GET /feed.xml HTTP/1.1", 200),
    ("POST /a HTTP/1.1", 200), ("HEAD /a HTTP/1.1", 200), ("GET /a HTTP/1.1", 301),
    ("GET /a HTTP/1.1", 404), ("GET /a HTTP/1.1", 500), ("GET /a HTTP/1.1", 206),
    ("OPTIONS * HTTP/1.0", 200), ("-", 408), (r"\x16\x03\x01", 400), ("", 400),
]  # fmt: skip


def test_a_successful_get_of_a_page_is_a_page_view_and_nothing_else_is(tmp_path):
    rows = read(tmp_path, *(line(*given) for given in (*PAGES, *NO_PAGES)))
    names = [row["event_name"] for row in rows]
    assert names == ["page_viewed"] * len(PAGES) + ["resource_requested"] * len(NO_PAGES)
    assert [row["read_error"] for row in rows] == [None] * len(rows)
    # What is no request has no page, and is counted all the same.
    assert rows[-2]["page_url"] is None
    assert rows[-2]["properties"] == {"http_status": 400, "response_bytes": 512}


def test_a_path_of_two_slashes_is_a_path(tmp_path):
    paths = state(tmp_path / "state")
    land(paths, f"web/{DAY}/a.log", line("GET //favicon.ico?x=1 HTTP/1.1").encode())
    seal_unchecked(paths, DAY, now=NOW)
    assert [row["page_path"] for row in logged_rows(paths)] == ["//favicon.ico"]


def test_quotes_inside_of_quotes_are_the_agents(tmp_path):
    (row,) = read(tmp_path, line(end=r' "-" "a \"b\" c\\d"'))
    assert (row["referrer"], row["user_agent"]) == (None, r'a "b" c\d')


def test_an_agent_that_was_cut_is_taken_as_far_as_it_goes(tmp_path):
    (row,) = read(tmp_path, line().removesuffix('"'))
    assert (row["read_error"], row["user_agent"]) == (None, AGENT)


def test_what_a_server_writes_behind_the_agent_is_left_out(tmp_path):
    (row,) = read(tmp_path, line() + ' "-" 0.003')
    assert (row["read_error"], row["user_agent"]) == (None, AGENT)


@pytest.mark.parametrize(
    "text",
    ["hello", "# comment", line()[:60], line(status="20x"), line(bytes="many"), "{" * 100,
     "shop.example:80 " + line(), line(end=' "https://a.example"')],
)  # fmt: skip
def test_a_line_that_is_none_is_refused_and_the_next_is_read(tmp_path, text):
    bad, good = read(tmp_path, text, line())
    assert (bad["read_error"], bad["raw"]) == ("malformed_log_line", text)
    assert good["read_error"] is None


def test_a_time_that_is_none_is_left_for_the_contract(tmp_path):
    (row,) = read(tmp_path, line(time="31/Feb/2026:10:00:00 +0000"))
    assert (row["event_ts"], row["event_ts_parsed"]) == ("31/Feb/2026:10:00:00 +0000", None)


def test_a_request_has_no_visitor_unless_the_source_says_so(tmp_path):
    lines = [line(), line(ip="192.0.2.8"), line(end=' "-" "other"'), line("GET /b HTTP/1.1")]
    assert [row["device_id"] for row in read(tmp_path, *lines)] == [None] * 4
    source = SourceSettings(format="access_log", visitors="address_and_agent")
    ids = [row["device_id"] for row in read(tmp_path, *lines, source=source)]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3


def state(home: Path, more: str = "") -> StatePaths:
    return state_with(home, f"sources: {{web: {{format: access_log{more}}}}}\n")


def test_every_line_is_logged_or_quarantined_with_its_text_and_addresses_are_cut(tmp_path):
    paths = state(tmp_path / "state", ", visitors: address_and_agent")
    lines = [line(user="frank"), line("GET /a.png HTTP/1.1"), "no line", line(),
             line(end=' "-" "Googlebot/2.1 (+http://www.google.com/bot.html)"')]  # fmt: skip
    land(paths, f"web/{DAY}/a.log.zst", zstandard.compress("\n".join(lines).encode()))
    seal_unchecked(paths, DAY, now=NOW)
    (file,) = sealed_files(paths).values()
    assert (file.read, file.logged, file.quarantined) == (5, 4, 1)
    with Vault.open(paths) as vault:
        (refused,) = read_quarantine(paths, vault, date.fromisoformat(DAY))
    assert (refused.raw, refused.source_line) == ("no line", 3)
    assert refused.reasons == ("row: malformed_log_line",)
    rows = logged_rows(paths)
    text = json.dumps(rows, default=str)
    assert "192.0.2.7" not in text
    assert "frank" not in text
    assert {row["ip_truncated"] for row in rows} == {"192.0.2.0"}
    assert [row["is_bot"] for row in rows] == [False, False, False, True]
    assert [row["page_path"] for row in rows] == ["/a", "/a.png", "/a", "/a"]
    people = [row["device_id"] for row in rows]
    assert people[0] == people[1] == people[2] != people[3]
    assert people[0].startswith("d_")


def test_equal_lines_of_a_file_are_requests_of_their_own_and_a_file_sent_again_is_not(tmp_path):
    paths = state(tmp_path / "state")
    for name in ("a.log", "again.log"):
        land(paths, f"web/{DAY}/{name}", f"{line()}\n{line()}\n".encode())
    seal_unchecked(paths, DAY, now=NOW)
    ids = [row["event_id"] for row in logged_rows(paths)]
    assert len(set(ids[:2])) == 2
    assert ids[:2] == ids[2:]


def test_a_historical_log_is_cut_by_its_days(tmp_path):
    paths = state(tmp_path / "state")
    file = tmp_path / "access.log"
    file.write_text("\n".join([line(), line(time="03/Nov/2026:23:59:59 -0100"), "no line", line()]))
    rows = import_file(
        paths, load_settings(paths.settings_file), "web", file, today=date(2026, 11, 9)
    )
    assert rows == {date(2026, 11, 2): 3, date(2026, 11, 4): 1}
    names = [path.name for path in (paths.landing / "web" / "2026-11-04").iterdir()]
    assert [name.endswith(".log.gz") for name in names] == [True]


def test_rows_of_the_erased_are_taken_out_of_a_log(tmp_path):
    file, target = tmp_path / "a.log", tmp_path / "b.log"
    file.write_text("one\ntwo\nthree\n")
    copy_without(file, target, frozenset([2]), ACCESS_LOG, ReadLimits())
    assert target.read_text() == "one\nthree\n"

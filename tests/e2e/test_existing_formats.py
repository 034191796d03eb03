"""Files that were written by others, through the built-in readers, against a parse of their own.

Here: a web server's log of 10,000 hits, and rows of GA4's export with what their publishers make of
them. Not here: what each field of a format means; that is in tests/integration/ingest.
"""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.access_log_by_shlex import is_page, parse_hits, path_of
from tests.landed_days import (
    json_lines,
    land,
    logged_rows,
    seal_unchecked,
    sealed_files,
    state_with,
)

DAY, NOW = "2024-01-01", "2024-01-02T03:00:00"


def logged(home: Path, source: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The rows of the log after files of one day; each file's account is whole and none refused."""
    paths = state_with(home, f"sources: {{web: {source}}}\n")
    for name, content in files.items():
        land(paths, f"web/{DAY}/{name}", content)
    seal_unchecked(paths, DAY, now=NOW)
    for file in sealed_files(paths).values():
        assert (file.logged, file.quarantined) == (file.read, 0)
    rows = logged_rows(paths)
    for row in rows:
        row["properties"] = json.loads(row["properties"])
    return rows


@pytest.fixture(scope="module")
def hits(shared_data, tmp_path_factory) -> list[dict[str, Any]]:
    content = (shared_data / "weblog_apache" / "apache_logs.gz").read_bytes()
    source = "{format: access_log, visitors: address_and_agent}"
    return logged(tmp_path_factory.mktemp("hits") / "state", source, {"access.log.gz": content})


@pytest.fixture(scope="module")
def parsed(shared_data) -> list[dict[str, str]]:
    return parse_hits(shared_data / "weblog_apache" / "apache_logs.gz")


def test_every_hit_of_an_apache_log_is_logged_with_its_status_size_and_time(hits, parsed):
    assert len(hits) == len(parsed) == 10_000
    # Of the data set's own figures: 9126 hits of 200, 445 of 304, 213 of 404, 2,747,282,740 bytes.
    statuses = Counter(str(row["properties"]["http_status"]) for row in hits)
    assert statuses == Counter(hit["status"] for hit in parsed)
    assert (statuses["200"], statuses["304"], statuses["404"]) == (9126, 445, 213)
    assert sum(row["properties"].get("response_bytes", 0) for row in hits) == 2_747_282_740
    for row, hit in zip(hits, parsed, strict=True):
        at = datetime.strptime(hit["at"], "[%d/%b/%Y:%H:%M:%S %z]")
        assert row["event_ts"].replace(tzinfo=UTC) == at
        assert row["properties"]["http_method"] == hit["request"].split(" ")[0]
        path = path_of(hit)
        assert row["page_path"] == (path if path.startswith(("/", "http")) else None)
        assert row["ip_truncated"] == hit["ip"].rpartition(".")[0] + ".0"


def test_pages_of_an_apache_log_are_its_good_gets_that_are_no_assets(hits, parsed):
    assert [row["event_name"] == "page_viewed" for row in hits] == [is_page(hit) for hit in parsed]


def test_visitors_of_an_apache_log_are_its_addresses_with_agents(hits, parsed):
    # The data set's own figure.
    assert len({row["device_id"] for row in hits}) == 1862
    pairs = {
        (hit["ip"], hit["agent"], row["device_id"]) for hit, row in zip(parsed, hits, strict=True)
    }
    assert len(pairs) == 1862


@pytest.fixture(scope="module")
def exported(shared_data, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """The logged rows of each input of a sessions model's tests, by its name."""
    folder = shared_data / "tracker_ga4_export"
    files = {
        f"{file.stem}.jsonl": file.read_bytes()
        for file in folder.glob("*.ndjson")
        if not file.stem.endswith("_result")
    }
    rows = logged(tmp_path_factory.mktemp("ga4") / "state", "{format: ga4}", files)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(Path(row["source_file"]).stem, []).append(row)
    assert len(found) == len(files)
    return found


def results(shared_data: Path, name: str) -> list[dict[str, Any]]:
    text = (shared_data / "tracker_ga4_export" / f"{name}_result.ndjson").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("event_id_input", "event_id"),
        ("custom_event_id_input", "custom_event_id"),
        ("form_events_input", "form_submit"),
        ("form_events_input", "generate_lead"),
        ("form_events_input", "session_start"),
        ("purchase_input", "purchase"),
    ],
)
def test_events_of_an_export_are_those_that_its_publisher_makes_of_it(
    exported, shared_data, given, expected
):
    rows = exported[given]
    for result in results(shared_data, expected):
        at = datetime.fromisoformat(result["event_timestamp"].replace(" UTC", ""))
        # Two events of one visitor may bear the same microsecond.
        row = next(row for row in rows if row["event_ts"] == at)
        assert row["page_url"] == result["page_location"]
        assert row["event_ts"].date().isoformat() == result["date"]
        assert row["user_id"] is None


def test_the_purchase_of_an_export_has_the_publishers_values_and_items(exported, shared_data):
    (row,), (result,) = exported["purchase_input"], results(shared_data, "purchase")
    assert row["event_name"] == "order_completed"
    assert row["order_id"] == result["transaction_id"]
    assert row["currency"] == result["currency"]
    assert float(row["revenue"]) == result["value"]
    assert row["properties"]["tax"] == result["tax"]
    assert row["properties"]["shipping"] == result["shipping"]
    shown = [
        (one["product_id"], one["name"], one["brand"], one["category"], one["price"],
         one["quantity"]) for one in row["properties"]["products"]
    ]  # fmt: skip
    assert sorted(shown) == sorted(
        (one["item_id"], one["item_name"], one["item_brand"], one["item_category"], one["price"],
         one["quantity"]) for one in result["items"]
    )  # fmt: skip


def test_parameters_of_items_are_in_the_lines(exported, shared_data):
    (row,), (result,) = exported["item_params_input"], results(shared_data, "item_params")
    colors = {one["product_id"]: one["color"] for one in row["properties"]["products"]}
    assert colors == {one["item_id"]: one["item_color"] for one in result["items"]}


def test_sources_of_an_export_are_the_publishers_but_for_a_referrer(exported, shared_data):
    rows, expected = exported["source_medium_input"], results(shared_data, "source_medium")
    shown = [(row["utm_source"], row["utm_medium"], row["utm_campaign"], row["device_type"],
              row["country"], row["locale"]) for row in rows]  # fmt: skip
    made = [
        (*(one["last_click_attribution"][name] for name in ("source", "medium", "campaign")),
         one["device_category"], one["country"], one["language"]) for one in expected
    ]  # fmt: skip
    assert shown[:2] == made[:2]
    # By design: without parameters the publisher goes by the referrer, footfall by what the export
    # says that it collected.
    assert made[2][:3] == ("www.test.com", "referral", "not set")
    assert shown[2] == ("google", "organic", "(organic)", *made[2][3:])


def test_a_click_in_the_address_is_paid_and_its_id_is_gone(exported, shared_data):
    (row,), (result,) = exported["url_gclid_input"], results(shared_data, "url_gclid")
    made = result["last_click_attribution"]
    assert (row["utm_source"], row["utm_medium"], row["utm_campaign"]) == (
        made["source"], made["medium"], made["campaign"],
    )  # fmt: skip
    assert row["page_url"] == result["landing_page"]["href"].partition("?")[0]
    assert row["page_path"] == result["landing_page"]["path"]
    assert row["properties"]["click_id_kind"] == "gclid"
    assert result["gclid_url"] not in json.dumps(row, default=str)


def derived(shared_data: Path, test: str) -> tuple[bytes, list[dict[str, str]]]:
    folder = shared_data / "golden_ga4" / test
    expected = csv.DictReader((folder / "expected_csv.csv").read_text().splitlines())
    return (folder / "mock_stg_ga4__events_json.jsonl").read_bytes(), list(expected)


def test_the_last_parameters_and_properties_are_those_of_a_dbt_package(shared_data, tmp_path):
    """Of each session, the last value by time; the package calls the visitor session_key here."""
    given, expected = derived(shared_data, "test_stg_ga4__derived_session_properties")
    keys = [json.loads(line)["session_key"] for line in given.splitlines()]
    rows = logged(tmp_path / "state", "{format: ga4}", {"a.jsonl": given})
    last: dict[str, dict[str, str]] = {key: {} for key in keys}
    for key, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[1]["event_ts"]):
        one = row["properties"]
        last[key]["my_derived_property"] = str(one["my_param"])
        if "traits" in one:
            last[key]["my_derived_property2"] = one["traits"]["my_property"]
    assert [{"session_key": key, **last[key]} for key in sorted(last)] == expected


def test_the_last_user_of_a_visitor_is_that_of_a_dbt_package(shared_data, tmp_path):
    folder = shared_data / "golden_ga4" / "test_stg_Ga4__user_id_mapping"
    events = list(csv.DictReader(
        (folder / "mock_stg_ga4__events_csv.csv").read_text().splitlines()
    ))  # fmt: skip
    # The package's times are numbers of no unit, too early for the contract: put into 2023.
    start = 1_700_000_000_000_000
    given = [
        {"event_name": "page_view", "user_pseudo_id": event["client_key"],
         "user_id": event["user_id"], "event_timestamp": start + int(event["event_timestamp"])}
        for event in events
    ]  # fmt: skip
    rows = logged(tmp_path / "state", "{format: ga4}", {"a.jsonl": json_lines(given)})
    client = {row["anonymous_id"]: one["client_key"] for row, one in zip(rows, events, strict=True)}
    user = {row["user_id"]: one["user_id"] for row, one in zip(rows, events, strict=True)}
    last = {
        client[row["anonymous_id"]]: (user[row["user_id"]], row["event_ts"])
        for row in sorted(rows, key=lambda row: row["event_ts"])
        if row["user_id"] is not None
    }
    expected = csv.DictReader((folder / "expected_csv.csv").read_text().splitlines())
    assert {key: (name, round(at.replace(tzinfo=UTC).timestamp() * 1e6) - start)
            for key, (name, at) in last.items()} == {
        one["client_key"]: (one["last_seen_user_id"], int(one["last_seen_user_id_timestamp"]))
        for one in expected
    }  # fmt: skip

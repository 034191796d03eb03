"""PostHog's events: what each becomes among the candidates, by its exports' schema and libraries.

The events have the shapes of https://posthog.com/docs/cdp/batch-exports/s3.
"""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project.ingest.config import SourceSettings
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import json_lines, land, logged_rows, seal_unchecked, state_with

POSTHOG = SourceSettings(format="posthog")
DEVICE, USER, AT = "0192e1f0-1111-7abc", "u-42", "2026-11-02T10:00:00.123456Z"
ON_DEVICE = {"$device_id": DEVICE, "distinct_id": DEVICE, "token": "phc_key", "$lib": "web"}


def event(name: str, distinct_id: str = DEVICE, /, **properties: Any) -> dict[str, Any]:
    return {
        "uuid": "0192e1f0-2222-7abc", "event": name, "distinct_id": distinct_id, "timestamp": AT,
        "person_id": "p-1", "person_properties": {"email": "ann@example.org"},
        "created_at": "2026-11-02T10:00:05Z", "elements_chain": "", "properties": properties,
    }  # fmt: skip


def read(tmp_path, *events: dict[str, Any]) -> list[dict[str, Any]]:
    return candidate_rows(tmp_path, json_lines(events), POSTHOG)


def test_what_the_libraries_set_becomes_fields(tmp_path):
    (row,) = read(
        tmp_path,
        event(
            "$pageview",
            **ON_DEVICE,
            **{
                "$session_id": "s-7", "$current_url": "https://shop.example/a?b=c",
                "$pathname": "/a", "$host": "shop.example", "$referrer": "https://search.example/",
                "$device_type": "Mobile", "$os": "iOS", "$browser": "Safari",
                "$browser_language": "de-AT", "$ip": "203.0.113.7", "$raw_user_agent": "Agent/1",
                "$geoip_country_code": "AT", "$geoip_subdivision_1_name": "Vienna",
                "$geoip_city_name": "Vienna", "utm_source": "news", "utm_medium": "email",
                "utm_campaign": "spring", "utm_term": "shoes", "$screen_height": 800,
                "$is_identified": False,
            },
            title="Shoes", plan={"name": "free"},
        ),
    )  # fmt: skip
    assert given(row) == {
        "event_id": "0192e1f0-2222-7abc", "event_name": "page_viewed", "anonymous_id": DEVICE,
        "source_session_id": "s-7", "page_url": "https://shop.example/a?b=c", "page_path": "/a",
        "app": "shop.example", "referrer": "https://search.example/", "device_type": "mobile",
        "os": "iOS", "browser": "Safari", "locale": "de-AT", "ip": "203.0.113.7",
        "user_agent": "Agent/1", "country": "AT", "region": "Vienna", "city": "Vienna",
        "utm_source": "news", "utm_medium": "email", "utm_campaign": "spring",
    }  # fmt: skip
    assert row["properties"] == {"utm_term": "shoes", "title": "Shoes", "plan": {"name": "free"}}
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 0, 123456)


WHO = {
    "nobody yet": (DEVICE, ON_DEVICE, (None, DEVICE)),
    "identified": (USER, ON_DEVICE, (USER, DEVICE)),
    "a user id that was registered": (DEVICE, ON_DEVICE | {"$user_id": USER}, (USER, DEVICE)),
    "after a reset the device stays": ("other", ON_DEVICE | {"$is_identified": False},
                                       (None, DEVICE)),
    "a server sends its user": (USER, {"$lib": "posthog-python"}, (USER, None)),
    "a server sends nobody": ("x", {"$process_person_profile": False}, (None, "x")),
    "an app says who is known": (USER, {"$is_identified": True}, (USER, None)),
}  # fmt: skip


@pytest.mark.parametrize("who", WHO)
def test_who_sent_an_event(tmp_path, who):
    distinct_id, properties, expected = WHO[who]
    (row,) = read(tmp_path, event("Trial Started", distinct_id, **properties))
    assert (row["user_id"], row["anonymous_id"]) == expected
    assert row["event_name"] == "trial_started"


def test_an_identification_ties_the_visitor_and_brings_traits(tmp_path):
    traits = {"$set": {"email": "ann@example.org"}, "$set_once": {"email": "old", "via": "ad"}}
    by_device, by_distinct_id = read(
        tmp_path,
        event("$identify", USER, **ON_DEVICE, **traits),
        event("$identify", USER, **{"$anon_distinct_id": "anon-1"}),
    )
    assert (by_device["user_id"], by_device["anonymous_id"]) == (USER, DEVICE)
    assert (by_distinct_id["user_id"], by_distinct_id["anonymous_id"]) == (USER, "anon-1")
    assert by_device["event_name"] == "profile_updated"
    assert by_device["properties"] == {"traits": {"email": "ann@example.org", "via": "ad"}}


def test_an_alias_and_a_group(tmp_path):
    alias, group = read(
        tmp_path,
        event("$create_alias", USER, alias="anon-1", distinct_id=USER),
        event("$groupidentify", USER, **{"$group_type": "company", "$group_key": "acme"}),
    )
    assert (alias["event_name"], alias["user_id"], alias["anonymous_id"]) == (
        "user_aliased", USER, "anon-1"
    )  # fmt: skip
    assert alias["properties"] == {}
    assert group["event_name"] == "group_joined"
    assert group["properties"] == {"group_id": "acme", "group_type": "company"}


def test_a_flag_with_variants_is_an_exposure_and_a_plain_flag_is_none(tmp_path):
    variant, flag = read(
        tmp_path,
        event(
            "$feature_flag_called",
            **{"$feature_flag": "checkout", "$feature_flag_response": "short"},
        ),
        event("$feature_flag_called", **{"$feature_flag": "new", "$feature_flag_response": True}),
    )
    assert variant["event_name"] == "experiment_viewed"
    assert variant["properties"] == {"experiment_id": "checkout", "variant_id": "short"}
    assert (flag["event_name"], flag["properties"]) == ("feature_flag_called", {})


def test_screens_and_pages_that_were_left(tmp_path):
    screen, left, other = read(
        tmp_path,
        event("$screen", **{"$screen_name": "Cart"}),
        event(
            "$pageleave",
            **{"$prev_pageview_duration": 3.5, "$prev_pageview_max_content_percentage": 0.25},
        ),
        event("$web_vitals", **{"$web_vitals_LCP_value": 800}),
    )
    assert (screen["event_name"], screen["page_path"]) == ("screen_viewed", "Cart")
    assert left["event_name"] == "page_left"
    assert left["properties"] == {"scroll_depth_pct": 25, "duration_s": 3.5}
    assert (other["event_name"], other["properties"]) == ("web_vitals", {})


def test_an_order_by_the_names_of_e_commerce(tmp_path):
    (row,) = read(
        tmp_path,
        event(
            "Order Completed", USER, order_id=7, total=119, tax=19, currency="EUR", coupon="TEN",
            products=[{"sku": "p-1", "price": 50, "quantity": 2}],
        ),
    )  # fmt: skip
    assert (row["event_name"], row["order_id"], row["coupon"]) == ("order_completed", "7", "TEN")
    assert float(row["revenue"]) == 100
    assert row["properties"]["products"] == [
        {"sku": "p-1", "price": 50, "quantity": 2, "product_id": "p-1"}
    ]


def test_parquet_reads_as_json_lines_do(tmp_path):
    events = [
        event("$pageview", **ON_DEVICE, **{"$current_url": "https://shop.example/a"}),
        event("Product Added", USER, product_id="p-1", price=2.5, quantity=2),
    ]
    times = ("timestamp", "created_at")
    table = pa.table(
        {
            name: [
                json.dumps(one[name])
                if isinstance(one[name], dict)
                else datetime.fromisoformat(one[name]).astimezone(UTC)
                if name in times
                else one[name]
                for one in events
            ]
            for name in events[0]
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    found = candidate_rows(tmp_path, sink.getvalue(), POSTHOG, ending=".parquet")
    aside = {"source_line", "raw", "event_ts"}
    assert [{k: v for k, v in row.items() if k not in aside} for row in found] == [
        {k: v for k, v in row.items() if k not in aside} for row in read(tmp_path, *events)
    ]


UNREADABLE = {
    "a list": ([1], "properties_not_an_object"),
    "no JSON": ("{{", "properties_not_an_object"),
    "a number": (7, "properties_not_an_object"),
    "text as deep as is read": ('{"a":' * 64 + "1" + "}" * 64, None),
    "text too deep": ('{"a":' * 65 + "1" + "}" * 65, "nested_too_deep"),
    "text of brackets": ("[" * 100_000, "nested_too_deep"),
    "brackets in a string": (json.dumps({"a": "[" * 1000 + '"\\' + "[" * 1000}), None),
    "many beside each other": (json.dumps({"a": [[]] * 500}), None),
    "none": (None, None),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_properties_that_are_no_object_are_refused(tmp_path, what):
    properties, error = UNREADABLE[what]
    (row,) = read(tmp_path, event("x") | {"properties": properties})
    assert row["read_error"] == error


def test_an_id_that_is_no_scalar_is_refused(tmp_path):
    rows = read(
        tmp_path,
        event("x") | {"distinct_id": ["a"]},
        event("x", **{"$device_id": {"a": 1}}),
        event("x", order_id=[1]),
    )
    assert [row["read_error"] for row in rows] == ["not_a_scalar"] * 3


def test_personal_data_is_treated_as_in_other_formats(tmp_path):
    paths = state_with(tmp_path / "state", "sources: {web: {format: posthog}}\n")
    land(
        paths,
        "web/2026-11-02/a.jsonl",
        json_lines(
            [
                event("$identify", USER, **ON_DEVICE, **{"$set": {"email": "ann@example.org"}}),
                event("$create_alias", USER, alias="ann-before"),
            ]
        ),
    )
    seal_unchecked(paths, "2026-11-02", now="2026-11-03T03:00:00")
    first, second = logged_rows(paths)
    assert {first["event_name"], second["event_name"]} == {"profile_updated", "user_aliased"}
    for said in ("ann@example.org", "ann-before", USER, DEVICE):
        assert said not in str(first) + str(second)
    assert first["user_id"] == second["user_id"]

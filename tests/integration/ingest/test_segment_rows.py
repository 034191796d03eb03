"""Segment's messages: what a call becomes among the candidates, by the published specification.

The messages have the shapes of https://segment.com/docs/connections/spec; what the contract and the
treatment make of them is looked at where personal data is concerned, else elsewhere.
"""

import json
from datetime import datetime
from typing import Any

import pytest

from dagster_project.ingest.config import SourceSettings
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import json_lines, land, logged_rows, seal_unchecked, state_with

SEGMENT = SourceSettings(format="segment")
AT = "2026-11-02T10:00:00.123Z"
CONTEXT = {
    "active": True,
    "app": {"name": "InitechGlobal", "version": "545"},
    "campaign": {
        "name": "TPS Innovation Newsletter", "source": "Newsletter", "medium": "email",
        "term": "tps reports", "content": "image link",
    },
    "consent": {"categoryPreferences": {"Advertising": True, "Analytics": False}},
    "device": {"id": "B5372DB0-C21E", "advertisingId": "7A3CBEA0-BDF5", "model": "iPhone7,2",
               "type": "ios"},
    "ip": "8.8.8.8",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "locale": "en-US",
    "os": {"name": "iPhone OS", "version": "8.1.3"},
    "page": {"path": "/academy/", "referrer": "https://google.example/", "search": "?a=b",
             "title": "Academy", "url": "https://shop.example/academy/?utm_source=x"},
    "sessionId": 1730541600,
    "timezone": "Europe/Amsterdam",
    "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X) Safari/601.1",
}  # fmt: skip


def message(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "anonymousId": "507f191e810c19729de860ea", "messageId": "022bb90c-bbac-11e4", "type": kind,
        "timestamp": AT, "originalTimestamp": "2026-11-02T10:00:03.5Z", "sentAt": AT,
        "receivedAt": AT, "userId": "97980cfea0067", **more,
    }  # fmt: skip


def read(tmp_path, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    return candidate_rows(tmp_path, json_lines(messages), SEGMENT)


def track(tmp_path, event: str, **properties: Any) -> dict[str, Any]:
    return read(tmp_path, message("track", event=event, properties=properties))[0]


def test_the_common_fields_of_a_message_become_fields(tmp_path):
    (row,) = read(tmp_path, message("track", event="Trial Started", context=CONTEXT))
    assert given(row) == {
        "event_id": "022bb90c-bbac-11e4",
        "event_name": "trial_started",
        "user_id": "97980cfea0067",
        "anonymous_id": "507f191e810c19729de860ea",
        "device_id": "B5372DB0-C21E",
        "source_session_id": "1730541600",
        "page_url": "https://shop.example/academy/?utm_source=x",
        "page_path": "/academy/",
        "referrer": "https://google.example/",
        "utm_source": "Newsletter",
        "utm_medium": "email",
        "utm_campaign": "TPS Innovation Newsletter",
        "device_type": "mobile",
        "os": "iPhone OS",
        "app": "InitechGlobal",
        "ip": "8.8.8.8",
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X) Safari/601.1",
        "locale": "en-US",
        "consent": '{"Advertising":true,"Analytics":false}',
    }
    assert row["properties"] == {"utm_term": "tps reports", "utm_content": "image link"}
    # The specification: timestamp is corrected for the device's clock, originalTimestamp is not.
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 0, 123000)
    assert row["sent_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 0, 123000)


def test_a_message_without_timestamp_has_the_devices_time(tmp_path):
    (row,) = read(tmp_path, message("page") | {"timestamp": None})
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 3, 500000)


def test_a_message_as_its_collector_had_it_has_the_collectors_time(tmp_path):
    times = {"timestamp": None, "originalTimestamp": None, "receivedAt": "2026-11-02T10:00:05Z"}
    (row,) = read(tmp_path, message("page") | times)
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 5)


NAMES = {
    "Product List Viewed": "product_list_viewed",
    "Product Added": "product_added",
    "Order Completed": "order_completed",
    "Product Added to Wishlist": "product_added_to_wishlist",
    "Wishlist Product Added to Cart": "wishlist_product_added_to_cart",
    "Checkout Step Viewed": "checkout_step_viewed",
    "orderCompleted": "order_completed",
    "order-completed": "order_completed",
    "Viewed Product": "product_viewed",
    "Completed Order": "order_completed",
    "Signed In": "login_succeeded",
    "Signed Out": "logged_out",
    "Email Link Clicked": "email_clicked",
    "iOS App Opened": "ios_app_opened",
    "Bestellung geprüft": "bestellung_geprüft",
}


def test_names_of_events_become_those_of_the_registry(tmp_path):
    rows = read(tmp_path, *(message("track", event=event) for event in NAMES))
    assert [row["event_name"] for row in rows] == [*NAMES.values()]


def test_a_log_in_of_nobody_keeps_its_own_name(tmp_path):
    (row,) = read(tmp_path, message("track", event="Signed In", userId=None))
    assert row["event_name"] == "signed_in"


def test_a_product_becomes_fields_and_the_rest_stays_in_properties(tmp_path):
    row = track(
        tmp_path, "Product Viewed", product_id="507f1f77bcf86cd799439011", sku="G-32",
        category="Games", name="Monopoly: 3rd Edition", brand="Hasbro", variant="200 pieces",
        price=18.99, quantity=1, coupon="MAYDEALS", currency="usd", position=3, value=18.99,
        url="https://www.example.com/product/path?token=1", image_url="https://x.example/y.jpg",
    )  # fmt: skip
    assert {name: row[name] for name in (
        "product_id", "category", "brand", "price", "quantity", "coupon", "currency", "page_url",
    )} == {
        "product_id": "507f1f77bcf86cd799439011", "category": "Games", "brand": "Hasbro",
        "price": "18.99", "quantity": "1", "coupon": "MAYDEALS", "currency": "usd",
        "page_url": "https://www.example.com/product/path?token=1",
    }  # fmt: skip
    assert row["properties"] == {
        "sku": "G-32", "name": "Monopoly: 3rd Edition", "variant": "200 pieces", "position": 3,
        "value": 18.99, "image_url": "https://x.example/y.jpg",
    }  # fmt: skip


def test_lines_name_their_product_by_product_id(tmp_path):
    row = track(tmp_path, "Cart Viewed", cart_id="c1", products=[
        {"product_id": "p1", "sku": "s1", "price": 19, "quantity": 1},
        {"productId": "p2", "price": "3.5"}, {"sku": "s3"}, {"name": "no id"}, "no object",
    ])  # fmt: skip
    assert row["properties"] == {"cart_id": "c1", "products": [
        {"product_id": "p1", "sku": "s1", "price": 19, "quantity": 1},
        {"product_id": "p2", "price": "3.5"}, {"sku": "s3", "product_id": "s3"},
        {"name": "no id"}, "no object",
    ]}  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "revenue"),
    [
        # Specification of Order Completed: total 27.50 is 22.50 with 3 shipping and 2 tax.
        ({"subtotal": 22.5, "total": 27.5, "revenue": 25, "shipping": 3, "tax": 2}, 25),
        ({"subtotal": 22.5, "total": 27.5, "shipping": 3, "tax": 2}, 22.5),
        ({"total": "27.50", "shipping": 3, "tax": 2}, 22.5),
        ({"total": 27.5}, 27.5),
        ({}, None),
    ],
)
def test_revenue_of_an_order_is_without_tax_and_shipping(tmp_path, properties, revenue):
    row = track(tmp_path, "Order Completed", order_id="o1", **properties)
    assert (None if row["revenue"] is None else float(row["revenue"])) == revenue
    assert row["order_id"] == "o1"


def test_a_total_that_is_no_number_is_left_for_the_contract(tmp_path):
    assert track(tmp_path, "Order Completed", total="much")["revenue"] == "much"


def test_a_total_of_what_is_no_order_is_no_revenue(tmp_path):
    row = track(tmp_path, "Cart Viewed", total=12)
    assert row["revenue"] is None
    assert row["properties"] == {"total": 12}


def test_a_place_that_is_no_number_is_a_placement(tmp_path):
    # The specification's own example of Promotion Viewed.
    row = track(tmp_path, "Promotion Viewed", promotion_id="promo_1", position="home_banner_top")
    assert row["properties"] == {"promotion_id": "promo_1", "placement": "home_banner_top"}


def test_a_variation_is_a_variant(tmp_path):
    row = track(tmp_path, "Experiment Viewed", experiment_id="e", variation_id="v")
    assert row["properties"] == {"experiment_id": "e", "variant_id": "v"}


def test_page_and_screen_are_views(tmp_path):
    page, screen = read(
        tmp_path,
        message("page", name="Home", category="Shop", context=CONTEXT, properties={
            "title": "Welcome", "url": "https://shop.example/?x=1", "path": "/", "search": "?x=1",
            "referrer": "https://a.example/"}),
        message("screen", name="Cart", properties={"variation": "blue"}),
    )  # fmt: skip
    assert (page["event_name"], page["page_url"], page["page_path"], page["referrer"]) == (
        "page_viewed", "https://shop.example/?x=1", "/", "https://a.example/",
    )  # fmt: skip
    assert page["category"] is None
    assert page["properties"] == {
        "title": "Welcome", "name": "Home", "page_category": "Shop", "utm_term": "tps reports",
        "utm_content": "image link",
    }  # fmt: skip
    assert (screen["event_name"], screen["page_path"]) == ("screen_viewed", "Cart")


def test_an_alias_ties_what_was_known_before_to_the_user(tmp_path):
    (row,) = read(tmp_path, message("alias", previousId="jen@email.example", userId="507f191e81"))
    assert given(row) == {
        "event_id": "022bb90c-bbac-11e4", "event_name": "user_aliased", "user_id": "507f191e81",
        "anonymous_id": "jen@email.example",
    }  # fmt: skip
    assert row["properties"] == {}


def test_a_group_call_names_the_group(tmp_path):
    (row,) = read(tmp_path, message("group", groupId="0e8c78ea9d", traits={"industry": "Tech"}))
    assert row["event_name"] == "group_joined"
    assert row["properties"] == {"group_id": "0e8c78ea9d", "traits": {"industry": "Tech"}}


NO_MESSAGES = [
    (b'{"type": "track"', "malformed_json"),
    (b'["track"]', "not_an_object"),
    (b'{"type": "page", "type": "track"}', "duplicate_key"),
    (b'{"event": "Order Completed"}', "unknown_message_type"),
    (b'{"batch": [{"type": "page"}]}', "unknown_message_type"),
    (b'{"type": "delete"}', "unknown_message_type"),
    (b'{"type": "page", "userId": {"a": 1}}', "not_a_scalar"),
    (b'{"type": "track", "event": "x", "properties": {"price": [1]}}', "not_a_scalar"),
    (b'{"type": "track", "event": "x", "properties": [1]}', "properties_not_an_object"),
    (b'{"type": "identify", "traits": "x"}', "traits_not_an_object"),
    (b'{"type": "track", "event": "x", "properties": {"a": NaN}}', "malformed_json"),
]


def test_a_line_that_is_no_message_says_why_and_keeps_its_text(tmp_path):
    good = json.dumps(message("page")).encode()
    lines = [*(line for line, _ in NO_MESSAGES), good]
    *bad, after = candidate_rows(tmp_path, b"\n".join(lines), SEGMENT)
    assert [row["read_error"] for row in bad] == [code for _, code in NO_MESSAGES]
    assert [row["raw"].encode() for row in bad] == [line for line, _ in NO_MESSAGES]
    assert (after["read_error"], after["event_name"]) == (None, "page_viewed")


def test_traits_and_ids_are_not_in_the_log_in_clear(tmp_path):
    paths = state_with(tmp_path / "state", "sources: {app: {format: segment}}\n")
    secrets = ["jen@email.example", "Jen", "Miller", "+15551234", "1980-01-01", "cookie-77",
               "user-77", "8.8.8.8", "device-77", "Main Street", "tok-77"]  # fmt: skip
    context = {**CONTEXT, "device": {"id": "device-77"}, "traits": {"email": secrets[0], "age": 33}}
    traits = {"email": secrets[0], "firstName": "Jen", "last_name": "Miller", "phone": "+15551234",
              "birthday": "1980-01-01", "name": "Jen Miller", "address": {"street": "Main Street"},
              "plan": "pro"}  # fmt: skip
    ids = {"anonymousId": "cookie-77", "userId": "user-77"}
    land(paths, "app/2026-11-02/a.jsonl", json_lines([
        message("identify", traits=traits, context=context) | ids,
        message("track", event="Product Viewed", messageId="2", context=context,
                properties={"product_id": "p", "url": "https://x.example/?t=tok-77"}) | ids,
        message("alias", messageId="3", previousId="cookie-77", userId="user-77"),
        message("page", messageId="4", properties={"search": "?t=tok-77"}) | ids,
    ]))  # fmt: skip
    seal_unchecked(paths, "2026-11-02", now="2026-11-03T03:00:00")
    rows = logged_rows(paths)
    text = json.dumps(rows, default=str)
    assert [secret for secret in secrets if secret in text] == []
    by_name = {row["event_name"]: row for row in rows}
    identify = json.loads(by_name["profile_updated"]["properties"])["traits"]
    assert identify["plan"] == "pro"
    # The pseudonym by which the warehouse ties users of one address.
    viewed = json.loads(by_name["product_viewed"]["properties"])
    assert identify["email"] == viewed["context"]["traits"]["email"]
    assert identify["email"].startswith("e_")
    assert by_name["user_aliased"]["anonymous_id"] == by_name["page_viewed"]["anonymous_id"]
    assert by_name["user_aliased"]["user_id"] == by_name["page_viewed"]["user_id"]

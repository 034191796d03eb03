"""GA4's export: what a row becomes among the candidates, by Google's schema of it.

The rows are written from the schema; files that were exported are in tests/e2e.
"""

import io
import json
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.config import SourceSettings
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import json_lines, land, logged_rows, seal_unchecked, state_with

GA4 = SourceSettings(format="ga4")
# 2026-11-02 10:00:00.123456 UTC
MICROS = 1793613600123456


def parameter(key: str, value: object) -> dict[str, Any]:
    """A parameter as BigQuery writes it: an integer is text, what is not there is null."""
    values = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    if isinstance(value, int):
        values["int_value"] = str(value)
    elif isinstance(value, float):
        values["double_value"] = value
    else:
        values["string_value"] = value
    return {"key": key, "value": values}


def row_of(name: str, parameters: dict[str, object] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "event_date": "20261102", "event_timestamp": str(MICROS), "event_name": name,
        "event_params": [parameter(key, value) for key, value in (parameters or {}).items()],
        "user_pseudo_id": "427292018.1702650951", **more,
    }  # fmt: skip


def read(tmp_path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return candidate_rows(tmp_path, json_lines(rows), GA4)


def event(tmp_path, name: str, parameters: dict[str, object] | None = None, **more: Any) -> Any:
    return read(tmp_path, row_of(name, parameters, **more))[0]


WHOLE = row_of(
    "page_view",
    {
        "page_location": "https://shop.example/de/?utm_source=x", "page_title": "Start",
        "page_referrer": "https://a.example/", "ga_session_id": 1702650951,
        "ga_session_number": 2, "engagement_time_msec": 6, "session_engaged": "1",
        "source": "news", "medium": "email", "campaign": "spring", "share": 0.5,
    },
    user_id="customer-7",
    privacy_info={"analytics_storage": "Yes", "ads_storage": "No", "uses_transient_token": "No"},
    user_properties=[parameter("plan", "pro"), parameter("visits", 3)],
    device={
        "category": "desktop", "operating_system": "Windows", "language": "de-de", "browser": None,
        "vendor_id": "6D92078A-8246", "web_info": {"browser": "Chrome", "hostname": "shop.example"},
    },
    geo={"city": "(not set)", "country": "Germany", "region": "Hesse"},
    traffic_source={"name": "(direct)", "medium": "(none)", "source": "partner"},
    collected_traffic_source={"manual_source": "other", "manual_medium": "other"},
    platform="WEB", stream_id="123", items=[], ecommerce=None,
)  # fmt: skip


def test_the_columns_of_a_row_become_fields(tmp_path):
    (row,) = read(tmp_path, WHOLE)
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 0, 123456)
    assert given(row) == {
        "event_name": "page_viewed",
        "user_id": "customer-7",
        "anonymous_id": "427292018.1702650951",
        "device_id": "6D92078A-8246",
        "source_session_id": "1702650951",
        "page_url": "https://shop.example/de/?utm_source=x",
        "referrer": "https://a.example/",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "spring",
        "device_type": "desktop",
        "os": "Windows",
        "browser": "Chrome",
        "app": "shop.example",
        "country": "Germany",
        "region": "Hesse",
        "locale": "de-de",
        "consent": '{"analytics_storage":"yes","ads_storage":"no"}',
    }
    assert row["properties"] == {
        "title": "Start", "ga_session_number": 2, "engagement_time_msec": 6,
        "session_engaged": "1", "share": 0.5, "traits": {"plan": "pro", "visits": 3},
        "first_user_source": "partner", "platform": "WEB", "stream_id": "123",
    }  # fmt: skip


def test_a_referrer_that_the_property_does_not_want_is_none(tmp_path):
    """The tag marks the return from a payment, or from one of the owner's other sites."""
    given_by = {"page_referrer": "https://www.paypal.com/", "ga_session_id": 1}
    wanted, marked, unmarked = (
        event(tmp_path, "purchase", given_by | more)
        for more in ({}, {"ignore_referrer": "true"}, {"ignore_referrer": "false"})
    )
    assert (wanted["referrer"], unmarked["referrer"]) == ("https://www.paypal.com/",) * 2
    assert marked["referrer"] is None
    assert marked["properties"]["ignore_referrer"] == "true"


def test_parquet_says_the_same_as_json_lines(tmp_path):
    item = {"item_id": "p1", "item_name": "Cup", "price": 2.5, "quantity": 2,
            "item_params": [parameter("color", "red")]}  # fmt: skip
    rows = [WHOLE | {"items": [item]}, row_of("view_cart", items=[item, item | {"item_id": "p2"}])]
    typed = json.loads(json.dumps(rows))
    for row in typed:
        row["event_timestamp"] = int(row["event_timestamp"])
        for one in [*row["event_params"], *row.get("user_properties", [])]:
            number = one["value"]["int_value"]
            one["value"]["int_value"] = None if number is None else int(number)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(WHOLE) | row for row in typed]), sink)
    lines = read(tmp_path, *rows)
    table = candidate_rows(tmp_path, sink.getvalue(), GA4, ".parquet")
    for line, of_table in zip(lines, table, strict=True):
        assert of_table["read_error"] is None
        assert line | {"raw": ""} == of_table | {"raw": ""}
        # What quarantine would keep is the row, nested as it was.
        assert isinstance(json.loads(of_table["raw"])["event_params"], list)


NAMES = {
    "screen_view": "screen_viewed", "view_item_list": "product_list_viewed",
    "select_item": "product_clicked", "view_item": "product_viewed",
    "add_to_wishlist": "product_added_to_wishlist", "add_to_cart": "product_added",
    "remove_from_cart": "product_removed", "view_cart": "cart_viewed",
    "begin_checkout": "checkout_started", "purchase": "order_completed",
    "add_payment_info": "payment_info_entered", "refund": "order_refunded",
    "view_promotion": "promotion_viewed", "select_promotion": "promotion_clicked",
    "view_search_results": "products_searched", "sign_up": "signed_up",
    "session_start": "session_start", "login": "login", "Mein_Ereignis": "Mein_Ereignis",
}  # fmt: skip


def test_recommended_events_have_the_names_of_the_registry_and_others_their_own(tmp_path):
    *rows, log_in = read(tmp_path, *map(row_of, NAMES), row_of("login", user_id="7"))
    assert [row["event_name"] for row in rows] == [*NAMES.values()]
    # The contract refuses a log-in of nobody; that of somebody is one.
    assert log_in["event_name"] == "login_succeeded"


def test_a_purchase_is_an_order_with_its_lines(tmp_path):
    nothing = "(not set)"
    row = event(
        tmp_path, "purchase",
        {"transaction_id": "T1", "currency": "EUR", "value": 31, "tax": 9.5, "coupon": "SUMMER"},
        ecommerce={"purchase_revenue": "31.5", "tax_value": "4.95", "shipping_value": "0.0",
                   "transaction_id": "T1"},
        items=[
            {"item_id": "p1", "item_name": "Cup", "item_brand": nothing, "item_variant": "",
             "item_category": "Home", "item_category2": "Kitchen", "item_category3": nothing,
             "price": 14.5, "quantity": 1, "coupon": nothing, "item_list_id": "l1",
             "item_params": [parameter("color", "red"), parameter("price", 99)]},
            {"item_id": "p2", "price": "17", "quantity": None},
        ],
    )  # fmt: skip
    assert given(row) == {
        "event_name": "order_completed", "anonymous_id": "427292018.1702650951", "order_id": "T1",
        "revenue": "31.5", "currency": "EUR", "coupon": "SUMMER",
    }  # fmt: skip
    assert row["properties"] == {
        "tax": 4.95, "shipping": 0.0, "products": [
            {"product_id": "p1", "name": "Cup", "category": "Home/Kitchen", "list_id": "l1",
             "price": 14.5, "quantity": 1, "color": "red"},
            {"product_id": "p2", "price": 17},
        ],
    }  # fmt: skip


REVENUES = [
    ("purchase", None, "12"),
    ("purchase", {"purchase_revenue": 10.5}, "10.5"),
    ("refund", None, "12"),
    ("refund", {"purchase_revenue": None, "refund_value": 3}, "3"),
    ("add_to_cart", None, None),
]


def test_revenue_is_what_the_export_worked_out_else_the_value_sent(tmp_path):
    given_rows = [row_of(name, {"value": 12}, ecommerce=made) for name, made, _ in REVENUES]
    rows = read(tmp_path, *given_rows)
    assert [row["revenue"] for row in rows] == [revenue for _, _, revenue in REVENUES]
    # The value of what is no order is a property.
    assert [row["properties"] for row in rows] == [{}, {}, {}, {}, {"value": 12}]


def test_an_event_about_one_product_has_it_as_fields(tmp_path):
    items = [{"item_id": "p1", "item_brand": "B", "item_category": "A", "price": 2, "quantity": 3},
             {"item_id": "p2"}]  # fmt: skip
    row = event(tmp_path, "add_to_cart", {"currency": "EUR"}, items=items)
    fields = [row[name] for name in ("product_id", "brand", "category", "price", "quantity")]
    assert fields == ["p1", "B", "A", "2", "3"]
    assert [line["product_id"] for line in row["properties"]["products"]] == ["p1", "p2"]


CAMPAIGNS: list[Any] = [
    ({"source": "(direct)", "medium": "(none)"}, None, (None, None, None)),
    ({}, {"manual_source": "a", "manual_medium": "b", "manual_campaign_name": "c"},
     ("a", "b", "c")),
    ({"source": "google", "medium": "organic", "campaign": "(organic)"}, None,
     ("google", "organic", "(organic)")),
    ({"source": "google", "medium": "organic", "campaign": "(organic)", "gclid": "1"}, None,
     ("google", "cpc", None)),
    ({"campaign": "spring"}, {"gclid": "1"}, ("google", "cpc", "spring")),
    ({"page_location": "https://x.example/?a=1&gclid=1"}, None, ("google", "cpc", None)),
    ({"page_location": "https://x.example/?gclid="}, None, (None, None, None)),
]  # fmt: skip


def test_a_video_is_content_with_its_share_and_length(tmp_path):
    told = {"video_title": "How to", "video_percent": 25, "video_duration": 80}
    row = event(tmp_path, "video_progress", told)
    assert row["event_name"] == "content_progressed"
    properties = row["properties"]
    assert {name: str(value) for name, value in properties.items()} == {
        "content_id": "How to", "progress_pct": "25", "duration_s": "80"
    }  # fmt: skip


def test_campaigns_are_the_events_own_and_a_click_on_an_ad_is_paid(tmp_path):
    first = {"source": "first", "medium": "first", "name": "first"}
    rows = read(tmp_path, *(
        row_of("page_view", parameters, collected_traffic_source=collected, traffic_source=first)
        for parameters, collected, _ in CAMPAIGNS
    ))  # fmt: skip
    found = [(row["utm_source"], row["utm_medium"], row["utm_campaign"]) for row in rows]
    assert found == [expected for _, _, expected in CAMPAIGNS]


def test_the_id_of_a_click_goes_and_its_kind_stays(tmp_path):
    sent, collected = read(
        tmp_path, row_of("page_view", {"gclid": "secret-1"}),
        row_of("page_view", collected_traffic_source={"dclid": "secret-1"}),
    )  # fmt: skip
    assert sent["properties"] == {"click_id_kind": "gclid"}
    assert collected["properties"] == {"click_id_kind": "dclid"}


def test_of_two_parameters_of_one_name_the_one_of_google_stays(tmp_path):
    row = event(tmp_path, "page_view", {"page_title": "A", "title": "B", "query": "q"})
    assert row["properties"] == {"title": "A", "query": "q"}


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"event_params": {"key": "a"}}, "malformed_event_params"),
    ({"event_params": "[]"}, "malformed_event_params"),
    ({"event_params": ["a"]}, "malformed_event_params"),
    ({"event_params": [{"value": {"int_value": 1}}]}, "malformed_event_params"),
    ({"event_params": [parameter("a", 1), parameter("a", 2)]}, "malformed_event_params"),
    ({"user_properties": 7}, "malformed_user_properties"),
    ({"items": "none"}, "malformed_items"),
    ({"user_pseudo_id": ["a"]}, "not_a_scalar"),
]


def test_a_row_that_is_not_of_the_schema_says_where(tmp_path):
    *bad, good = read(tmp_path, *(row_of("page_view") | change for change, _ in MALFORMED), WHOLE)
    assert [row["read_error"] for row in bad] == [code for _, code in MALFORMED]
    assert good["read_error"] is None


def test_parameters_and_columns_that_are_not_there_are_no_mistake(tmp_path):
    line = {"event_timestamp": MICROS, "event_name": "first_visit"}
    row, other = read(tmp_path, line, line | dict.fromkeys(("event_params", "items", "device")))
    assert (row["read_error"], other["read_error"]) == (None, None)
    assert given(row) == given(other) == {"event_name": "first_visit"}


def test_user_properties_and_ids_are_not_in_the_log_in_clear(tmp_path):
    paths = state_with(tmp_path / "state", "sources: {web: {format: ga4}}\n")
    secrets = ["jen@mail.example", "Jen", "customer-7", "427292018", "6D92078A", "click-7", "tok-7"]
    row = WHOLE | {
        "user_properties": [parameter("email", secrets[0]), parameter("name", "Jen"),
                            parameter("plan", "pro")],
        "event_params": [parameter("page_location", "https://x.example/?t=tok-7&gclid=click-7"),
                         parameter("gclid", "click-7"), parameter("first_name", "Jen")],
    }  # fmt: skip
    land(paths, "web/2026-11-02/a.jsonl", json_lines([row]))
    seal_unchecked(paths, "2026-11-02", now="2026-11-03T03:00:00")
    (logged,) = logged_rows(paths)
    text = json.dumps(logged, default=str)
    assert [secret for secret in secrets if secret in text] == []
    properties = json.loads(logged["properties"])
    assert properties["traits"]["plan"] == "pro"
    assert properties["traits"]["email"].startswith("e_")
    assert properties["click_id_kind"] == "gclid"

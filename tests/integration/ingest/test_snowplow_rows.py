"""Snowplow's enriched events: what a line becomes among the candidates, by Snowplow's schemas.

The lines are written from the schemas; events of a publisher are in tests/e2e.
"""

import gzip
import json
from datetime import date, datetime

import pytest

from dagster_project.ingest.config import ReadLimits, SourceSettings, load_settings
from dagster_project.ingest.historical_file import import_file
from dagster_project.ingest.landing_rows import copy_without
from dagster_project.ingest.snowplow_columns import COLUMNS
from tests.candidate_rows import candidate_rows, given
from tests.landed_days import land, logged_rows, refused_files, seal_unchecked, state_with
from tests.snowplow_lines import (
    ECOMMERCE,
    SNOWPLOW,
    action_line,
    contexts,
    enriched_line,
    self_describing_event,
)

SOURCE = SourceSettings(format="snowplow")
ENHANCED = "com.google.analytics.enhanced-ecommerce"


def read(tmp_path, *lines: str):
    return candidate_rows(tmp_path, "".join(f"{line}\n" for line in lines).encode(), SOURCE, ".tsv")


def test_the_columns_stand_where_the_pipeline_writes_them():
    # Counted in the published order, from 0: a shift by one would go unnoticed elsewhere.
    places = {"app_id": 0, "event_id": 6, "page_url": 29, "contexts": 52, "unstruct_event": 58,
              "useragent": 77, "dvce_ismobile": 102, "tr_tax_base": 110, "derived_contexts": 122,
              "derived_tstamp": 124, "true_tstamp": 130}  # fmt: skip
    assert {name: COLUMNS.index(name) for name in places} == places
    assert len(set(COLUMNS)) == len(COLUMNS) == 131


WHOLE = {
    "app_id": "shop", "platform": "web", "collector_tstamp": "2026-11-02 10:00:05.000",
    "derived_tstamp": "2026-11-02 10:00:00.123", "dvce_sent_tstamp": "2026-11-02 10:00:01",
    "event": "page_view", "event_name": "page_view", "event_id": "e-1", "user_id": "customer-7",
    "user_ipaddress": "203.0.113.9", "domain_userid": "cookie-1", "network_userid": "network-1",
    "domain_sessionid": "session-1", "geo_country": "DE", "geo_region": "HE",
    "geo_region_name": "Hesse", "geo_city": "Kassel", "page_url": "https://shop.example/a?b=c",
    "page_title": 'A "quoted" title', "page_referrer": "https://other.example/",
    "mkt_source": "news", "mkt_medium": "email", "mkt_campaign": "spring", "mkt_term": "cups",
    "useragent": "Mozilla/5.0", "br_family": "Firefox", "br_lang": "de-DE", "os_family": "Linux",
    "dvce_type": "Computer",
    "contexts": contexts((f"{SNOWPLOW}/web_page", {"id": "view-1"}),
                         (f"{ECOMMERCE}/page", {"type": "home"})),
}  # fmt: skip


def test_the_columns_of_a_line_become_fields(tmp_path):
    (row,) = read(tmp_path, enriched_line(WHOLE))
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 0, 123000)
    assert row["sent_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 1)
    assert given(row) == {
        "event_id": "e-1", "event_name": "page_viewed", "user_id": "customer-7",
        "anonymous_id": "cookie-1", "device_id": "network-1", "source_session_id": "session-1",
        "page_url": "https://shop.example/a?b=c", "referrer": "https://other.example/",
        "utm_source": "news", "utm_medium": "email", "utm_campaign": "spring",
        "device_type": "desktop", "os": "Linux", "browser": "Firefox", "app": "shop",
        "country": "DE", "region": "Hesse", "city": "Kassel", "ip": "203.0.113.9",
        "user_agent": "Mozilla/5.0", "locale": "de-DE",
    }  # fmt: skip
    assert row["properties"] == {
        "platform": "web", "title": 'A "quoted" title', "page_view_id": "view-1",
        "page_type": "home", "utm_term": "cups",
    }  # fmt: skip


def test_a_line_without_a_derived_time_has_the_collectors(tmp_path):
    (row,) = read(tmp_path, enriched_line(WHOLE | {"derived_tstamp": ""}))
    assert row["event_ts_parsed"] == datetime(2026, 11, 2, 10, 0, 5)


def test_the_collectors_cookie_of_nobody_is_no_device(tmp_path):
    line = enriched_line(WHOLE | {"network_userid": "00000000-0000-0000-0000-000000000000"})
    assert read(tmp_path, line)[0]["device_id"] is None


CUP = (f"{ECOMMERCE}/product", {"id": "p1", "name": "Cup", "category": "home/kitchen",
       "brand": "B", "price": 2.5, "quantity": 2, "currency": "EUR", "position": 3})  # fmt: skip
CUP_LINE = {"product_id": "p1", "name": "Cup", "category": "home/kitchen", "brand": "B",
            "price": 2.5, "quantity": 2, "currency": "EUR", "position": 3}  # fmt: skip
JUG = (f"{ECOMMERCE}/product", {"id": "p2", "price": "9", "currency": "EUR", "position": 0})
NAMES = {
    "product_view": "product_viewed", "list_view": "product_list_viewed",
    "list_click": "product_clicked", "add_to_cart": "product_added",
    "remove_from_cart": "product_removed", "transaction": "order_completed",
    "refund": "order_refunded", "promo_view": "promotion_viewed",
    "promo_click": "promotion_clicked", "transaction_error": "transaction_error",
}  # fmt: skip


def test_e_commerce_actions_have_the_names_of_the_registry_and_others_their_own(tmp_path):
    rows = read(tmp_path, *map(action_line, NAMES))
    assert [row["event_name"] for row in rows] == [*NAMES.values()]
    nameless = {"event": "unstruct", "event_name": "snowplow_ecommerce_action",
                "unstruct_event": self_describing_event(
                    f"{ECOMMERCE}/snowplow_ecommerce_action", {"type": None})}  # fmt: skip
    assert read(tmp_path, enriched_line(nameless))[0]["event_name"] == "snowplow_ecommerce_action"


def test_an_event_about_one_product_has_it_as_fields_and_every_product_is_a_line(tmp_path):
    cart = (f"{ECOMMERCE}/cart", {"cart_id": "c1", "currency": "EUR", "total_value": 14})
    (row,) = read(tmp_path, action_line("add_to_cart", CUP, cart, JUG))
    assert given(row) == {
        "event_name": "product_added", "product_id": "p1", "category": "home/kitchen",
        "brand": "B", "price": "2.5", "quantity": "2", "currency": "EUR",
    }  # fmt: skip
    assert row["properties"] == {
        "cart_id": "c1", "cart_value": 14,
        # A position that counts from 0 is none of the registry's.
        "products": [CUP_LINE, {"product_id": "p2", "price": 9, "currency": "EUR",
                                "placement": "0"}],
    }  # fmt: skip


def test_a_list_names_itself_and_a_click_its_place_in_it(tmp_path):
    seen, clicked = read(
        tmp_path, action_line("list_view", CUP, name="sale"),
        action_line("list_click", CUP, name="sale"),
    )  # fmt: skip
    assert (seen["product_id"], seen["properties"]["list_id"]) == (None, "sale")
    assert clicked["product_id"] == "p1"
    assert clicked["properties"] == {"list_id": "sale", "position": 3, "products": [CUP_LINE]}


def test_a_transaction_is_an_order_with_its_lines(tmp_path):
    order = (f"{ECOMMERCE}/transaction", {
        "transaction_id": "T1", "revenue": 31.5, "currency": "EUR", "payment_method": "card",
        "total_quantity": 2, "tax": 4.95, "shipping": 0, "discount_amount": 1,
        "discount_code": "SUMMER",
    })  # fmt: skip
    user = (f"{ECOMMERCE}/user", {"id": "u-1", "email": "jen@mail.example", "is_guest": False})
    (row,) = read(tmp_path, action_line("transaction", order, CUP, user))
    assert given(row) == {
        "event_name": "order_completed", "user_id": "u-1", "order_id": "T1", "revenue": "31.5",
        "currency": "EUR", "coupon": "SUMMER",
    }  # fmt: skip
    assert row["properties"] == {
        "email": "jen@mail.example", "is_guest": False, "payment_method": "card", "tax": 4.95,
        "shipping": 0, "discount": 1, "total_quantity": 2, "products": [CUP_LINE],
    }  # fmt: skip


def test_a_refund_gives_back_what_its_context_says(tmp_path):
    refund = (f"{ECOMMERCE}/refund", {"transaction_id": "T1", "refund_amount": 3,
              "currency": "EUR", "refund_reason": "broken"})  # fmt: skip
    (row,) = read(tmp_path, action_line("refund", refund))
    assert (row["order_id"], row["revenue"], row["currency"]) == ("T1", "3", "EUR")
    assert row["properties"] == {"reason": "broken"}


def test_the_first_step_begins_the_checkout_and_later_ones_are_done(tmp_path):
    def step(number: object):
        details = {"step": number, "delivery_method": "post", "billing_full_address": "Road 1"}
        return action_line("checkout_step", (f"{ECOMMERCE}/checkout_step", details))

    first, text, second = read(tmp_path, step(1), step("1"), step(2))
    assert [row["event_name"] for row in (first, text, second)] == [
        "checkout_started", "checkout_started", "checkout_step_completed",
    ]  # fmt: skip
    # An address is not read at all.
    assert second["properties"] == {"step": 2, "shipping_method": "post"}


def test_a_promotion_has_its_id_creative_and_place(tmp_path):
    promotion = (f"{ECOMMERCE}/promotion",
                 {"id": "pr", "name": "Spring", "creative_id": "b1", "position": "2"})  # fmt: skip
    (row,) = read(tmp_path, action_line("promo_click", promotion))
    assert row["properties"] == {
        "promotion_id": "pr", "promotion_name": "Spring", "creative": "b1", "position": 2,
    }  # fmt: skip


def test_enhanced_e_commerce_says_the_same_by_its_own_contexts(tmp_path):
    def line(action: str, *given_contexts) -> str:
        return enriched_line({
            "event": "unstruct", "event_name": "action", "contexts": contexts(*given_contexts),
            "unstruct_event": self_describing_event(f"{ENHANCED}/action", {"action": action}),
        })  # fmt: skip

    product = (f"{ENHANCED}/productFieldObject", {"id": "p1", "price": 2, "quantity": 1})
    order = (f"{ENHANCED}/actionFieldObject",
             {"id": "T1", "revenue": 12, "tax": 2, "currency": "EUR"})  # fmt: skip
    detail, bought = read(tmp_path, line("detail", product), line("purchase", order, product))
    assert (detail["event_name"], detail["product_id"]) == ("product_viewed", "p1")
    assert [bought[name] for name in ("event_name", "order_id", "revenue", "currency")] == [
        "order_completed", "T1", "12", "EUR",
    ]  # fmt: skip
    assert bought["properties"]["tax"] == 2


def test_the_first_events_of_commerce_are_known_too(tmp_path):
    added = {"event": "unstruct", "event_name": "add_to_cart",
             "unstruct_event": self_describing_event(f"{SNOWPLOW}/add_to_cart", {
                 "sku": "p1", "unitPrice": 2.5, "quantity": 2, "currency": "EUR"})}  # fmt: skip
    order = {
        "event": "transaction",
        "event_name": "transaction",
        "tr_orderid": "T1",
        "tr_total": "12",
        "tr_tax": "2",
        "tr_shipping": "1.5",
        "tr_currency": "EUR",
    }
    item = {
        "event": "transaction_item",
        "event_name": "transaction_item",
        "ti_orderid": "T1",
        "ti_sku": "p1",
        "ti_price": "4",
        "ti_quantity": "2",
        "ti_currency": "EUR",
    }
    rows = read(tmp_path, *map(enriched_line, (added, order, item)))
    product = ("event_name", "product_id", "price", "quantity", "currency")
    assert [rows[0][name] for name in product] == ["product_added", "p1", "2.5", "2", "EUR"]
    # Its total is with tax and shipping.
    assert (rows[1]["event_name"], rows[1]["order_id"]) == ("order_completed", "T1")
    assert float(rows[1]["revenue"]) == 8.5
    assert [rows[2][name] for name in product] == ["transaction_item", "p1", "4", "2", "EUR"]


def test_pings_structured_events_and_searches(tmp_path):
    ping = {"event": "page_ping", "pp_yoffset_max": "500", "br_viewheight": "500",
            "doc_height": "4000"}  # fmt: skip
    struct = {"event": "struct", "se_category": "media", "se_action": "Play Video",
              "se_label": "intro", "se_value": "3"}  # fmt: skip
    search = {
        "event": "unstruct",
        "event_name": "site_search",
        "unstruct_event": self_describing_event(
            f"{SNOWPLOW}/site_search", {"terms": ["red", "cup"], "totalResults": 4}
        ),
    }
    pinged, played, searched = read(tmp_path, *map(enriched_line, (ping, struct, search)))
    assert (pinged["event_name"], pinged["properties"]) == ("page_pinged", {"scroll_depth_pct": 25})
    assert played["event_name"] == "play_video"
    assert played["properties"] == {"se_category": "media", "se_label": "intro", "se_value": 3}
    assert searched["event_name"] == "products_searched"
    assert searched["properties"] == {"query": "red cup", "result_count": 4}


def test_an_app_has_its_session_and_screen_from_contexts(tmp_path):
    line = enriched_line({
        "event": "unstruct", "event_name": "link_click", "platform": "mob",
        "unstruct_event": self_describing_event(f"{SNOWPLOW}/link_click", {"elementId": "buy"}),
        "contexts": contexts(
            (f"{SNOWPLOW}/client_session", {"userId": "install-1", "sessionId": "session-9"}),
            ("com.snowplowanalytics.mobile/screen", {"name": "Start"}),
        ),
        "derived_contexts": contexts(
            ("com.iab.snowplow/spiders_and_robots", {"spiderOrRobot": True}),
            ("nl.basjes/yauaa_context", {"deviceClass": "Phone", "agentName": "Own"}),
        ),
    })  # fmt: skip
    (row,) = read(tmp_path, line)
    assert given(row) == {
        "event_name": "link_click", "anonymous_id": "install-1", "source_session_id": "session-9",
        "page_path": "Start", "device_type": "mobile", "browser": "Own", "is_bot": "true",
    }  # fmt: skip
    # An event of one's own keeps what it says.
    assert row["properties"] == {"elementId": "buy", "platform": "mob"}


def test_contexts_of_ones_own_are_kept_under_the_names_of_their_schemas(tmp_path):
    line = enriched_line(WHOLE | {
        "contexts": contexts(
            ("com.acme/shelf", {"row": 2, "contexts": "own"}),
            (f"{SNOWPLOW}/web_page", {"id": "view-1"}),
            ("com.acme.shop/visit \"x\"", {"shop": {"city": "Ulm"}}),
            ("com.acme/shelf", {"row": 3}),
            ("org.w3/PerformanceTiming", {"loadEventEnd": 9}),
            ("com.acme/empty", {}),
        ),
        "derived_contexts": contexts(("com.acme/enriched", {"n": 1})),
    })  # fmt: skip
    (row,) = read(tmp_path, line)
    assert row["properties"]["contexts"] == {
        "shelf": [{"row": 2, "contexts": "own"}, {"row": 3}],
        'visit "x"': [{"shop": {"city": "Ulm"}}],
        "empty": [{}],
    }
    (row,) = read(tmp_path, enriched_line(WHOLE))
    assert "contexts" not in row["properties"]


DEEP = '{"data":' + "[" * 100 + "]" * 100 + "}"
MALFORMED = [
    ("one\ttwo", "malformed_enriched_event"),
    (enriched_line(WHOLE) + "\t", "malformed_enriched_event"),
    (enriched_line(WHOLE | {"contexts": "[1"}), "malformed_contexts"),
    (enriched_line(WHOLE | {"derived_contexts": '{"data": {}}'}), "malformed_derived_contexts"),
    (enriched_line(WHOLE | {"unstruct_event": "{}"}), "malformed_unstruct_event"),
    # The quote in the title opens no string that would hide the brackets.
    (enriched_line(WHOLE | {"page_title": '"', "contexts": DEEP}), "nested_too_deep"),
]


def test_a_line_that_is_not_of_the_schema_says_where(tmp_path):
    *bad, good = read(tmp_path, *(line for line, _ in MALFORMED), enriched_line(WHOLE))
    assert [row["read_error"] for row in bad] == [code for _, code in MALFORMED]
    assert good["read_error"] is None


@pytest.fixture
def paths(tmp_path):
    return state_with(tmp_path / "state", "sources: {web: {format: snowplow}}\n")


def test_ids_and_addresses_are_not_in_the_log_in_clear(paths):
    user = (f"{ECOMMERCE}/user", {"id": "u-1", "email": "jen@mail.example"})
    lines = [
        enriched_line(WHOLE | {
            "page_url": "https://shop.example/?t=tok-7",
            "contexts": contexts(("com.acme/card", {"email": "ann@mail.example", "tier": "gold"})),
        }),
        action_line("product_view", CUP, user, **(
            {name: WHOLE[name] for name in ("event_id", "derived_tstamp", "network_userid")}
            | {"event_id": "e-2"}
        )),
    ]  # fmt: skip
    land(paths, "web/2026-11-02/a.tsv", "\n".join(lines).encode())
    seal_unchecked(paths, "2026-11-02", now="2026-11-03T03:00:00")
    rows = logged_rows(paths)
    assert len(rows) == 2
    text = json.dumps(rows, default=str)
    assert json.loads(rows[0]["properties"])["contexts"] == {"card": [{"tier": "gold"}]}
    secrets = [
        "jen@mail.example",
        "ann@mail.example",
        "customer-7",
        "cookie-1",
        "network-1",
        "203.0.113.9",
        "tok-7",
    ]
    assert [secret for secret in secrets if secret in text] == []
    assert json.loads(rows[1]["properties"])["email"].startswith("e_")


def test_a_file_of_another_format_is_refused_by_its_name(paths):
    land(paths, "web/2026-11-02/a.jsonl", b"{}\n")
    seal_unchecked(paths, "2026-11-02", now="2026-11-03T03:00:00")
    assert "is not that of format snowplow" in next(iter(refused_files(paths).values()))


def test_every_line_of_an_imported_file_is_a_row(paths, tmp_path):
    """There is no header to be put on every day's file, and none to be lost."""
    lines = [
        enriched_line(
            WHOLE | {"event_id": f"e-{day}", "derived_tstamp": f"2026-11-0{day} 10:00:00"}
        )
        for day in (2, 3, 2)
    ]
    file = tmp_path / "events.tsv"
    file.write_text("\n".join(lines))
    settings = load_settings(paths.settings_file)
    counts = import_file(paths, settings, "web", file, today=date(2026, 11, 9))
    assert counts == {date(2026, 11, 2): 2, date(2026, 11, 3): 1}
    landed = sorted((paths.landing / "web").glob("*/*.tsv.gz"))
    texts = [gzip.decompress(file.read_bytes()).decode() for file in landed]
    assert texts == [f"{lines[0]}\n{lines[2]}\n", f"{lines[1]}\n"]


def test_a_row_of_an_erased_person_leaves_the_landed_file(tmp_path):
    lines = [enriched_line(WHOLE | {"event_id": f"e-{number}"}) for number in range(3)]
    file, target = tmp_path / "a.tsv", tmp_path / "b.tsv"
    file.write_text("".join(f"{line}\n" for line in lines))
    copy_without(file, target, frozenset([1, 3]), SOURCE, ReadLimits())
    assert target.read_text() == f"{lines[1]}\n"

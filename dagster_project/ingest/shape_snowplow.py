"""Snowplow's enriched events, as the lines of 131 tab-separated columns that its pipeline writes.

What of a line becomes which field belongs here, after Snowplow's canonical event model
(https://docs.snowplow.io/docs/fundamentals/canonical-event/), the schemas of its e-commerce
tracking (com.snowplowanalytics.snowplow.ecommerce) and of the enhanced e-commerce before it. What
each context is called and holds is in `snowplow_contexts.py`, the columns are in
`snowplow_columns.py`.
"""

import json
from collections.abc import Iterable

from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape, snake_case_sql
from dagster_project.ingest.snowplow_columns import COLUMNS, JSON_COLUMNS
from dagster_project.ingest.snowplow_contexts import (
    ACTION,
    CONTEXTS,
    ENHANCED_ACTION,
    EVENT_DATA,
    PRODUCT,
    PRODUCT_SCHEMAS,
)
from dagster_project.ingest.snowplow_own_contexts import own_contexts_json, own_contexts_sql

_EVENTS = {
    "page_view": "page_viewed",
    "page_ping": "page_pinged",
    "transaction": "order_completed",
}
# Self-describing events by their schema; the others keep its name.
_SELF_DESCRIBING = {
    "com.snowplowanalytics.snowplow/add_to_cart": "product_added",
    "com.snowplowanalytics.snowplow/remove_from_cart": "product_removed",
    "com.snowplowanalytics.snowplow/site_search": "products_searched",
    "com.snowplowanalytics.snowplow/screen_view": "screen_viewed",
    "com.snowplowanalytics.mobile/screen_view": "screen_viewed",
    "com.snowplowanalytics.snowplow/consent_preferences": "consent_updated",
}
# What the e-commerce action says that was done, today's words and those of enhanced e-commerce.
_ACTIONS = {
    "product_view": "product_viewed", "detail": "product_viewed",
    "list_view": "product_list_viewed", "view": "product_list_viewed",
    "list_click": "product_clicked", "click": "product_clicked",
    "add_to_cart": "product_added", "add": "product_added",
    "remove_from_cart": "product_removed", "remove": "product_removed",
    "checkout": "checkout_step", "checkout_option": "checkout_step",
    "transaction": "order_completed", "purchase": "order_completed",
    "refund": "order_refunded",
    "promo_view": "promotion_viewed", "promo_click": "promotion_clicked",
}  # fmt: skip
# Events about one product: it is the event's own as well as a line.
_OF_ONE_PRODUCT = ("product_viewed", "product_clicked", "product_added", "product_removed")
_USED = (
    "app_id", "platform", "collector_tstamp", "event", "event_id", "user_id", "user_ipaddress",
    "domain_userid", "network_userid", "geo_country", "geo_region", "geo_city", "geo_region_name",
    "page_url", "page_title", "page_referrer", "mkt_medium", "mkt_source", "mkt_campaign",
    "mkt_term", "mkt_content", "se_category", "se_action", "se_label", "se_property", "se_value",
    "tr_orderid", "tr_affiliation", "tr_total", "tr_tax", "tr_shipping", "ti_orderid", "ti_sku",
    "ti_name", "ti_category", "ti_price", "ti_quantity", "pp_yoffset_max", "useragent", "br_family",
    "br_lang", "br_viewheight", "os_family", "dvce_type", "doc_height", "tr_currency",
    "ti_currency", "dvce_sent_tstamp", "domain_sessionid", "derived_tstamp", "event_name",
    *JSON_COLUMNS,
)  # fmt: skip
# The cookie of a collector that was told to know nobody.
_NOBODY = "00000000-0000-0000-0000-000000000000"
_SCHEMA = "'^iglu:([^/]+/[^/]+)/'"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(quote_text, values))


def _transformed(text: str, shape: object) -> str:
    return f"json_transform({text}, {quote_text(json.dumps(shape))})"


def _columns() -> str:
    parts = []
    for name in _USED:
        value = f"nullif(__ff_c[{COLUMNS.index(name) + 1}], '')"
        parts.append(f"{value} as __ff_e_{name}")
    return ", ".join(parts)


def _envelopes() -> str:
    """What the JSON columns hold: lists of contexts and an event, null where they are malformed."""
    one = {"schema": "VARCHAR", "data": "JSON"}
    return ", ".join(
        _transformed(
            f"case when json_valid(__ff_e_{name}) then __ff_e_{name} end",
            {"data": one if name == "unstruct_event" else [one]},
        )
        + f".data as __ff_{name}"
        for name in JSON_COLUMNS
    )


def _contexts() -> str:
    """The first context of each schema, as a structure of its values' text."""
    return ", ".join(
        _transformed(
            f"__ff_all[list_position(__ff_kinds, {quote_text(schema)})].data",
            dict.fromkeys(names, "VARCHAR"),
        )
        + f" as __ff_x_{name}"
        for name, (schema, names) in CONTEXTS.items()
    )


def _products() -> str:
    data = (
        f"list_transform(list_filter(__ff_all, lambda c: regexp_extract(c.schema, {_SCHEMA}, 1) "
        f"in ({_texts(PRODUCT_SCHEMAS)})), lambda c: c.data)"
    )
    listed = f"'[' || array_to_string({data}, ',') || ']'"
    return (
        f"case when list_has_any(__ff_kinds, [{_texts(PRODUCT_SCHEMAS)}]) "
        f"then {_transformed(listed, [dict.fromkeys(PRODUCT, 'VARCHAR')])} end"
    )


def _event_name() -> str:
    kinds = " ".join(f"when '{kind}' then '{name}'" for kind, name in _SELF_DESCRIBING.items())
    events = " ".join(f"when '{given}' then '{name}'" for given, name in _EVENTS.items())
    actions = " ".join(f"when '{given}' then '{name}'" for given, name in _ACTIONS.items())
    return (
        f"case __ff_e_event {events} when 'struct' then {snake_case_sql('__ff_e_se_action')} "
        f"when 'unstruct' then case when __ff_kind in ('{ACTION}', '{ENHANCED_ACTION}') "
        f"then case __ff_action {actions} "
        "else coalesce(__ff_action, __ff_e_event_name) end "
        f"else case __ff_kind {kinds} else __ff_e_event_name end end else __ff_e_event_name end"
    )


# The first step is the only word of the trackers for a checkout that begins.
_STEP_NAME = (
    "case when __ff_named = 'checkout_step' then case when try_cast(__ff_step as integer) = 1 "
    "then 'checkout_started' else 'checkout_step_completed' end else __ff_named end"
)


def _of(events: Iterable[str], value: str) -> str:
    return f"case when __ff_event in ({_texts(events)}) then {value} end"


def _of_product(name: str, older: str, item: str) -> str:
    """The value of the one product: by its context, the older event's own, the item of an order."""
    return (
        f"case when __ff_event in ({_texts(_OF_ONE_PRODUCT)}) "
        f"then coalesce(__ff_item.{name}, __ff_d.{older}) "
        f"when __ff_e_event = 'transaction_item' then __ff_e_ti_{item} end"
    )


def _text_json(name: str, value: str) -> str:
    return f"""'"{name}":' || to_json({value})"""


def _number_json(name: str, value: str) -> str:
    # What is no number stays, for the contract to refuse.
    number = f"coalesce(to_json(try_cast({value} as double)), to_json({value}))::varchar"
    return f"""'"{name}":' || {number}"""


def _position_json(value: str) -> str:
    """A position from 1 on; what is none, such as one that counts from 0, is a placement."""
    whole = f"try_cast({value} as integer)"
    return (
        f"case when {whole} >= 1 then '\"position\":' || {whole} "
        f"else {_text_json('placement', value)} end"
    )


def _object(members: Iterable[str]) -> str:
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _line() -> str:
    """The JSON text of one line of `products`, of the product `i`."""
    texts = ("name", "category", "brand", "variant", "size", "inventory_status", "currency",
             "coupon", "creative_id")  # fmt: skip
    return _object(
        (
            _text_json("product_id", "i.id"),
            *(_text_json(name, f"i.{name}") for name in texts),
            *(_number_json(name, f"i.{name}") for name in ("price", "quantity", "list_price")),
            _position_json("i.position"),
        )
    )


_LINES = (
    "case when len(__ff_products) > 0 then '\"products\":[' || array_to_string("
    f"list_transform(__ff_products, lambda i: {_line()}), ',') || ']' end"
)
_LISTED = ("product_list_viewed", "product_clicked")
_REFUND = ("order_refunded",)
_ORDERS = ("order_completed", *_REFUND)
_PROMOTIONS = ("promotion_viewed", "promotion_clicked")
_SCROLLED = (
    "least(100, round(100.0 * (try_cast(__ff_e_pp_yoffset_max as double) + "
    "coalesce(try_cast(__ff_e_br_viewheight as double), 0)) "
    "/ nullif(try_cast(__ff_e_doc_height as double), 0), 1))"
)
_TRANSACTION = "__ff_x_transaction"
_ENHANCED = "__ff_x_enhanced_action"


def _promotion(name: str) -> str:
    return f"coalesce(__ff_x_promotion.{name}, __ff_x_enhanced_promotion.{name})"


def _properties() -> str:
    made = _object(
        (
            _text_json("platform", "__ff_e_platform"),
            _text_json("title", "__ff_e_page_title"),
            _text_json("page_view_id", "__ff_x_web_page.id"),
            _text_json("page_type", "__ff_x_page.type"),
            _text_json("email", "__ff_x_user.email"),
            _text_json("is_guest", "try_cast(__ff_x_user.is_guest as boolean)"),
            _text_json("cart_id", "__ff_x_cart.cart_id"),
            _number_json("cart_value", "__ff_x_cart.total_value"),
            _number_json("step", "__ff_step"),
            _text_json(
                "payment_method",
                f"coalesce({_TRANSACTION}.payment_method, __ff_x_checkout_step.payment_method)",
            ),
            _text_json("shipping_method", "__ff_x_checkout_step.delivery_method"),
            _text_json("account_type", "__ff_x_checkout_step.account_type"),
            _text_json(
                "list_id",
                _of(_LISTED, "coalesce(__ff_d.name, __ff_item.list, __ff_x_enhanced_action.list)"),
            ),
            f"case when __ff_event = 'product_clicked' then "
            f"{_position_json('__ff_item.position')} end",
            _LINES,
            _text_json("affiliation", f"coalesce(__ff_e_tr_affiliation, {_ENHANCED}.affiliation)"),
            *(
                _number_json(
                    name, f"coalesce({_TRANSACTION}.{name}, {_ENHANCED}.{name}, __ff_e_tr_{name})"
                )
                for name in ("tax", "shipping")
            ),
            _number_json("discount", f"{_TRANSACTION}.discount_amount"),
            _number_json("total_quantity", f"{_TRANSACTION}.total_quantity"),
            _text_json("reason", _of(_REFUND, "__ff_x_refund.refund_reason")),
            _text_json("promotion_id", _of(_PROMOTIONS, _promotion("id"))),
            _text_json("promotion_name", _of(_PROMOTIONS, _promotion("name"))),
            _text_json(
                "creative",
                _of(
                    _PROMOTIONS,
                    "coalesce(__ff_x_promotion.creative_id, __ff_x_enhanced_promotion.creative)",
                ),
            ),
            f"case when __ff_event in ({_texts(_PROMOTIONS)}) then "
            f"{_position_json(_promotion('position'))} end",
            _number_json("scroll_depth_pct", f"case when __ff_e_event = 'page_ping' "
                         f"then {_SCROLLED} end"),
            *(
                _text_json(f"se_{name}", f"__ff_e_se_{name}")
                for name in ("category", "label", "property")
            ),
            _number_json("se_value", "__ff_e_se_value"),
            _text_json("utm_term", "__ff_e_mkt_term"),
            _text_json("utm_content", "__ff_e_mkt_content"),
            f"""'"contexts":' || {own_contexts_json('__ff_own_contexts')}""",
            _text_json("query", _of(("products_searched",), "__ff_query")),
            _number_json("result_count", "__ff_d.totalResults"),
        )
    )  # fmt: skip
    # An event of one's own keeps what it says; a column or context of the same name goes before.
    return (
        f"case when __ff_own is not null then json_merge_patch(__ff_own, {made})::varchar "
        f"else {made} end"
    )


_TAKEN_KINDS = (ACTION, ENHANCED_ACTION, *list(_SELF_DESCRIBING)[:3])
# Of an older event about a product the rest is a line's; of a search the terms are the query.
_OWN = (
    f"case when __ff_kind not in ({_texts(_TAKEN_KINDS)}) "
    "and json_type(__ff_unstruct_event.data) = 'OBJECT' then __ff_unstruct_event.data end"
)
_QUERY = "array_to_string(json_extract_string(__ff_unstruct_event.data, '$.terms[*]'), ' ')"


def _net(total: str) -> str:
    """The total of an order as the first e-commerce events had it: with tax and shipping."""
    parts = (f"try_cast({value} as decimal(38, 9))" for value in (total, *_ADDED))
    whole, tax, shipping = parts
    return f"coalesce({whole} - coalesce({tax}, 0) - coalesce({shipping}, 0), {whole})::varchar"


_ADDED = ("__ff_e_tr_tax", "__ff_e_tr_shipping")
_DEVICES = {
    "computer": "desktop", "desktop": "desktop", "mobile": "mobile", "phone": "mobile",
    "tablet": "tablet",
}  # fmt: skip


def _device_type() -> str:
    whens = " ".join(f"when '{given}' then '{name}'" for given, name in _DEVICES.items())
    return f"case lower(coalesce(__ff_e_dvce_type, __ff_x_agent.deviceClass)) {whens} end"


SNOWPLOW = Shape(
    is_json=False,
    steps=(
        "*, string_split(__ff_text, chr(9)) as __ff_c",
        f"* exclude (__ff_c), len(__ff_c) as __ff_count, {_columns()}",
        f"*, {_envelopes()}",
        "*, list_concat(__ff_contexts, __ff_derived_contexts) as __ff_all",
        f"*, list_transform(__ff_all, lambda c: regexp_extract(c.schema, {_SCHEMA}, 1)) "
        "as __ff_kinds, "
        f"regexp_extract(__ff_unstruct_event.schema, {_SCHEMA}, 1) as __ff_kind, "
        f"{_transformed('__ff_unstruct_event.data', dict.fromkeys(EVENT_DATA, 'VARCHAR'))} "
        "as __ff_d",
        f"*, {_contexts()}, {_products()} as __ff_products, "
        f"{own_contexts_sql()} as __ff_own_contexts",
        "*, __ff_products[1] as __ff_item, coalesce(__ff_d.type, __ff_d.action) as __ff_action, "
        "coalesce(__ff_x_checkout_step.step, __ff_x_enhanced_action.step) as __ff_step",
        f"*, {_event_name()} as __ff_named, {_OWN} as __ff_own, "
        f"case when __ff_kind like '%/site_search' then {_QUERY} end as __ff_query",
        f"*, {_STEP_NAME} as __ff_event",
    ),
    errors=(
        (f"__ff_count <> {len(COLUMNS)}", "malformed_enriched_event"),
        *(
            (
                f"__ff_e_{name} is not null and __ff_{name} is null",
                f"malformed_{name}",
            )
            for name in JSON_COLUMNS
        ),
    ),
    fields={
        "event_id": "__ff_e_event_id",
        "event_name": "__ff_event",
        # Worked out by the pipeline: the device's time, corrected for its clock, or the true one.
        "event_ts": "coalesce(__ff_e_derived_tstamp, __ff_e_collector_tstamp)",
        "sent_ts": "__ff_e_dvce_sent_tstamp",
        "user_id": "coalesce(__ff_e_user_id, __ff_x_user.id)",
        "anonymous_id": "coalesce(__ff_e_domain_userid, __ff_x_session.userId)",
        "device_id": f"coalesce(__ff_x_mobile.appleIdfv, nullif(__ff_e_network_userid, "
        f"'{_NOBODY}'))",
        "source_session_id": "coalesce(__ff_e_domain_sessionid, __ff_x_session.sessionId)",
        "product_id": _of_product("id", "sku", "sku"),
        "category": _of_product("category", "category", "category"),
        "brand": f"case when __ff_event in ({_texts(_OF_ONE_PRODUCT)}) then __ff_item.brand end",
        "price": _of_product("price", "unitPrice", "price"),
        "quantity": _of_product("quantity", "quantity", "quantity"),
        "currency": f"coalesce({_TRANSACTION}.currency, __ff_x_refund.currency, "
        f"{_ENHANCED}.currency, __ff_item.currency, __ff_x_cart.currency, __ff_d.currency, "
        "__ff_e_tr_currency, __ff_e_ti_currency)",
        "order_id": f"coalesce({_TRANSACTION}.transaction_id, __ff_x_refund.transaction_id, "
        f"{_of(_ORDERS, f'{_ENHANCED}.id')}, __ff_e_tr_orderid, __ff_e_ti_orderid)",
        "revenue": "case when __ff_event = 'order_completed' then "
        f"coalesce({_TRANSACTION}.revenue, {_ENHANCED}.revenue, {_net('__ff_e_tr_total')}) "
        "when __ff_event = 'order_refunded' then "
        f"coalesce(__ff_x_refund.refund_amount, {_ENHANCED}.revenue, {_TRANSACTION}.revenue) end",
        "coupon": f"coalesce({_TRANSACTION}.discount_code, __ff_x_checkout_step.coupon_code, "
        f"{_ENHANCED}.coupon)",
        "page_url": "__ff_e_page_url",
        # The name of the screen; a page's path follows from its address.
        "page_path": "case when __ff_e_page_url is null then coalesce(case when "
        "__ff_event = 'screen_viewed' then __ff_d.name end, __ff_x_screen.name) end",
        "referrer": "__ff_e_page_referrer",
        "utm_source": "__ff_e_mkt_source",
        "utm_medium": "__ff_e_mkt_medium",
        "utm_campaign": "__ff_e_mkt_campaign",
        "device_type": _device_type(),
        "os": "coalesce(__ff_e_os_family, __ff_x_agent.operatingSystemName)",
        "browser": "coalesce(__ff_e_br_family, __ff_x_agent.agentName)",
        "app": "__ff_e_app_id",
        "country": "__ff_e_geo_country",
        "region": "coalesce(__ff_e_geo_region_name, __ff_e_geo_region)",
        "city": "__ff_e_geo_city",
        "ip": "__ff_e_user_ipaddress",
        "user_agent": "__ff_e_useragent",
        "locale": "__ff_e_br_lang",
        # That no list knows the machine does not make it a person.
        "is_bot": "case when __ff_x_robot.spiderOrRobot = 'true' then 'true' end",
    },
    properties=_properties(),
)

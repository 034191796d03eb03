"""GA4's export to BigQuery, as JSON lines or Parquet.

What of an exported row becomes which field belongs here, after Google's schema of the export
(https://support.google.com/analytics/answer/7029846) and its recommended events. Parameters that
become no field are properties by their keys, user properties are traits; of the other columns those
below are kept.
"""

import json
from collections.abc import Iterable, Mapping

from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape, TimeForm

_EVENTS = {
    "page_view": "page_viewed",
    "screen_view": "screen_viewed",
    "view_item_list": "product_list_viewed",
    "select_item": "product_clicked",
    "view_item": "product_viewed",
    "add_to_wishlist": "product_added_to_wishlist",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "view_cart": "cart_viewed",
    "begin_checkout": "checkout_started",
    "add_shipping_info": "checkout_step_completed",
    "add_payment_info": "payment_info_entered",
    "purchase": "order_completed",
    "ecommerce_purchase": "order_completed",
    "refund": "order_refunded",
    "view_promotion": "promotion_viewed",
    "select_promotion": "promotion_clicked",
    "search": "products_searched",
    "view_search_results": "products_searched",
    "sign_up": "signed_up",
    "video_start": "content_started",
    "video_progress": "content_progressed",
    "video_complete": "content_completed",
}
# Events about one product: it is the event's own as well as a line.
_OF_ONE_PRODUCT = (
    "select_item", "view_item", "add_to_wishlist", "add_to_cart", "remove_from_cart",
)  # fmt: skip
# What GA4 writes where it knows nothing.
_NOTHING = (
    "", "(not set)", "(none)", "(direct)", "(data not available)", "(data deleted)",
    "(not provided)", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip

_NUMBERS = ("price", "quantity")
_VALUE = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"), "VARCHAR")
_PARAMETER = {"key": "VARCHAR", "value": _VALUE}
_ITEM = {
    **dict.fromkeys(
        ("item_id", "item_name", "item_brand", "item_variant", "item_category", "item_category2",
         "item_category3", "item_category4", "item_category5", "price", "quantity", "coupon",
         "affiliation", "item_list_id", "item_list_name", "item_list_index", "promotion_id",
         "promotion_name", "creative_name", "creative_slot"), "VARCHAR"),
    "item_params": [_PARAMETER],
}  # fmt: skip
_SCALARS = ("event_timestamp", "event_name", "user_pseudo_id", "user_id", "platform", "stream_id")
_WEB_INFO = dict.fromkeys(("browser", "hostname"), "VARCHAR")
_ROW = {
    **dict.fromkeys(_SCALARS, "VARCHAR"),
    "event_params": [_PARAMETER],
    "user_properties": [_PARAMETER],
    "items": [_ITEM],
    "privacy_info": dict.fromkeys(("analytics_storage", "ads_storage"), "VARCHAR"),
    "device": {
        **dict.fromkeys(
            ("category", "operating_system", "browser", "language", "vendor_id"), "VARCHAR"
        ),
        "web_info": _WEB_INFO,
    },
    "geo": dict.fromkeys(("country", "region", "city"), "VARCHAR"),
    "app_info": {"id": "VARCHAR"},
    "traffic_source": dict.fromkeys(("source", "medium", "name"), "VARCHAR"),
    "collected_traffic_source": dict.fromkeys(
        ("manual_source", "manual_medium", "manual_campaign_name", "gclid", "dclid"), "VARCHAR"
    ),
    "ecommerce": dict.fromkeys(("transaction_id", "purchase_revenue", "refund_value",
                                "tax_value", "shipping_value"), "VARCHAR"),
}  # fmt: skip
# Parameters that become fields, or that are identifiers of a click: its kind alone is kept. `value`
# is the revenue of an order or a refund, and a property of any other event.
_CLICKS = ("gclid", "dclid", "gbraid", "wbraid", "srsltid")
_TAKEN = (
    "page_location", "page_referrer", "firebase_screen", "transaction_id", "currency", "coupon",
    "source", "medium", "campaign", "ga_session_id", *_CLICKS,
)  # fmt: skip
_ORDERS = ("purchase", "ecommerce_purchase", "refund")
_LOOKED_UP = (
    "page_location", "page_referrer", "firebase_screen", "transaction_id", "value", "currency",
    "coupon", "source", "medium", "campaign", "ga_session_id", "tax", "shipping",
    "ignore_referrer",
)  # fmt: skip
_RENAMED = {
    "page_title": "title",
    "search_term": "query",
    "item_list_id": "list_id",
    "creative_name": "creative",
    "shipping_tier": "shipping_method",
    "payment_type": "payment_method",
    "video_title": "content_id",
    "video_percent": "progress_pct",
    "video_duration": "duration_s",
}


def _known(text: str) -> str:
    """The text, or null where it is one of GA4's words for nothing."""
    return f"case when {text} not in ({_texts(_NOTHING)}) then {text} end"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(map(quote_text, values))


def _parts(column: str, shape: Mapping[str, object]) -> str:
    """The values of a structure as columns, named by the structure and theirs."""
    return ", ".join(f"{column}.{name} as {column}_{name}" for name in shape)


def _parameter(name: str) -> str:
    """The column with the value of a parameter of `_LOOKED_UP`, as text."""
    return f"__ff_param_{name}"


def _looked_up() -> str:
    return ", ".join(
        f"__ff_values[list_position(__ff_keys, {quote_text(name)})] as {_parameter(name)}"
        for name in _LOOKED_UP
    )


def _value_json(value: str) -> str:
    """A parameter's value as JSON: text stays text, a number is one."""
    return (
        f"coalesce(to_json({value}.string_value), "
        f"to_json(try_cast({value}.int_value as bigint)), "
        f"to_json(try_cast(coalesce({value}.double_value, {value}.float_value) as double))"
        ")::varchar"
    )


def _members(parameters: str, key: str, where: str) -> str:
    """`"key":value` of the parameters that have a value, joined; the empty text for none."""
    pair = f"to_json({key})::varchar || ':' || {_value_json('p.value')}"
    kept = f"list_filter({parameters}, lambda p: {where})"
    pairs = f"list_transform({kept}, lambda p: {pair})"
    return f"nullif(array_to_string({pairs}, ','), '')"


def _category(item: str) -> str:
    levels = (_known(f"{item}.item_category{level}") for level in ("", "2", "3", "4", "5"))
    return f"nullif(concat_ws('/', {', '.join(levels)}), '')"


def _number_json(text: str) -> str:
    # What is no number stays, for the contract to refuse.
    return f"coalesce(to_json(try_cast({text} as double)), to_json({text}))::varchar"


def _item() -> str:
    """The JSON text of one line of `products`, of the item `i`."""
    texts = {
        "product_id": "i.item_id", "name": "i.item_name", "brand": "i.item_brand",
        "variant": "i.item_variant", "coupon": "i.coupon", "affiliation": "i.affiliation",
        "list_id": "i.item_list_id", "list_name": "i.item_list_name",
        "list_index": "i.item_list_index", "promotion_id": "i.promotion_id",
        "promotion_name": "i.promotion_name", "creative": "i.creative_name",
        "creative_slot": "i.creative_slot",
    }  # fmt: skip
    members = [f"""'"{name}":' || to_json({_known(value)})""" for name, value in texts.items()]
    members += [
        f"""'"category":' || to_json({_category("i")})""",
        *(f"""'"{name}":' || {_number_json(f"i.{name}")}""" for name in _NUMBERS),
        # A parameter of one's own gives way to the column of its name.
        _members("i.item_params", "p.key", f"p.key not in ({_texts((*texts, *_NUMBERS))})"),
    ]
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _event_name() -> str:
    names = " ".join(f"when '{given}' then '{name}'" for given, name in _EVENTS.items())
    # The contract refuses a log-in of nobody.
    return (
        f"case __ff_e_event_name {names} when 'login' then case when __ff_e_user_id is null "
        "then 'login' else 'login_succeeded' end else __ff_e_event_name end"
    )


def _of_product(value: str) -> str:
    return f"case when __ff_e_event_name in ({_texts(_OF_ONE_PRODUCT)}) then {value} end"


def _properties() -> str:
    renamed = " ".join(f"when '{given}' then '{name}'" for given, name in _RENAMED.items())
    key = f"case p.key {renamed} else p.key end"
    # Of two that would have one name the one that is renamed stays.
    twice = " or ".join(
        f"(p.key = '{name}' and list_contains(__ff_keys, '{given}'))"
        for given, name in _RENAMED.items()
    )
    kept = (
        f"p.key not in ({_texts((*_TAKEN, *_MADE))}) "
        f"and not (p.key in ({_texts(_RENAMED.values())}) and ({twice})) "
        f"and not (p.key = 'value' and __ff_e_event_name in ({_texts(_ORDERS)}))"
    )
    members = [
        _members("__ff_e_event_params", key, kept),
        *(f"""'"{name}":' || {value}""" for name, value in _MADE.items()),
    ]
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _click_kind() -> str:
    collected = [
        f"when nullif(__ff_e_collected_traffic_source_{name}, '') is not null then '{name}'"
        for name in ("gclid", "dclid")
    ]
    given = [f"when list_contains(__ff_keys, '{name}') then '{name}'" for name in _CLICKS]
    return f"to_json(case {' '.join([*collected, *given])} end)"


def _first(column: str) -> str:
    return f"to_json({_known(f'__ff_e_traffic_source_{column}')})"


# Properties made of columns; a parameter of the same name gives way, but for tax and shipping.
_MADE = {
    "tax": f"coalesce({_number_json('__ff_e_ecommerce_tax_value')}, "
    f"{_number_json(_parameter('tax'))})",
    "shipping": f"coalesce({_number_json('__ff_e_ecommerce_shipping_value')}, "
    f"{_number_json(_parameter('shipping'))})",
    "products": "case when len(__ff_e_items) > 0 then '[' || array_to_string("
    f"list_transform(__ff_e_items, lambda i: {_item()}), ',') || ']' end",
    "traits": "'{' || "
    + _members("__ff_e_user_properties", "p.key", "p.key is not null")
    + " || '}'",
    "click_id_kind": _click_kind(),
    "first_user_source": _first("source"),
    "first_user_medium": _first("medium"),
    "first_user_campaign": _first("name"),
    "platform": "to_json(__ff_e_platform)",
    "stream_id": "to_json(__ff_e_stream_id)",
}


def _not_an_array(name: str) -> str:
    # json_transform makes null of what is none; only then is a second look needed.
    return (
        f"__ff_e_{name} is null and contains(__ff_json, '\"{name}\"') "
        f"and json_type(__ff_json, '$.{name}') not in ('NULL', 'ARRAY')"
    )


def _bad_keys(name: str) -> str:
    """Whether a parameter has no key, or two have the same."""
    keys = f"list_transform(__ff_e_{name}, lambda p: p.key)"
    return f"len(list_distinct({keys})) < len(__ff_e_{name})"


def _utm(parameter: str, collected: str) -> str:
    given = f"__ff_e_collected_traffic_source_{collected}"
    return f"coalesce({_known(_parameter(parameter))}, {_known(given)})"


# The click of a Google ad, which the export is known to put down to google / organic.
_IS_AD_CLICK = (
    "(nullif(__ff_e_collected_traffic_source_gclid, '') is not null "
    "or list_contains(__ff_keys, 'gclid') "
    f"or regexp_matches({_parameter('page_location')}, '[?&]gclid=[^&#]'))"
)


GA4 = Shape(
    is_json=True,
    steps=(
        f"*, json_transform(__ff_json, {quote_text(json.dumps(_ROW))}) as __ff_e",
        # Columns of their own, a level at a time: DuckDB makes room for the whole structure
        # wherever a part of it is asked for. 0.3 s before the first row instead of 0.45.
        f"* exclude (__ff_e), {_parts('__ff_e', _ROW)}",
        "*, "
        + ", ".join(
            _parts(f"__ff_e_{name}", kind) for name, kind in _ROW.items() if isinstance(kind, dict)
        ),
        f"*, {_parts('__ff_e_device_web_info', _WEB_INFO)}, __ff_e_items[1] as __ff_item",
        "*, list_transform(__ff_e_event_params, lambda p: p.key) as __ff_keys, "
        "list_transform(__ff_e_event_params, lambda p: coalesce(p.value.string_value, "
        "p.value.int_value, p.value.double_value, p.value.float_value)) as __ff_values",
        f"*, {_looked_up()}",
        f"*, {_IS_AD_CLICK} as __ff_is_ad_click",
    ),
    errors=(
        *(
            (_not_an_array(name), f"malformed_{name}")
            for name in ("event_params", "user_properties", "items")
        ),
        *((_bad_keys(name), f"malformed_{name}") for name in ("event_params", "user_properties")),
    ),
    scalars={f"__ff_e_{name}": f"$.{name}" for name in _SCALARS},
    fields={
        "event_name": _event_name(),
        "event_ts": "__ff_e_event_timestamp",
        "user_id": "__ff_e_user_id",
        "anonymous_id": "__ff_e_user_pseudo_id",
        "device_id": _known("__ff_e_device_vendor_id"),
        # Unique within its visitor alone; together with that id it would hold it in clear.
        "source_session_id": _parameter("ga_session_id"),
        "product_id": _of_product(_known("__ff_item.item_id")),
        "category": _of_product(_category("__ff_item")),
        "brand": _of_product(_known("__ff_item.item_brand")),
        "price": _of_product("__ff_item.price"),
        "quantity": _of_product("__ff_item.quantity"),
        "currency": _parameter("currency"),
        "order_id": f"coalesce({_known(_parameter('transaction_id'))}, "
        f"{_known('__ff_e_ecommerce_transaction_id')})",
        "revenue": "case __ff_e_event_name "
        f"when 'refund' then coalesce(__ff_e_ecommerce_refund_value, {_parameter('value')}) "
        "when 'purchase' then "
        f"coalesce(__ff_e_ecommerce_purchase_revenue, {_parameter('value')}) "
        "when 'ecommerce_purchase' then "
        f"coalesce(__ff_e_ecommerce_purchase_revenue, {_parameter('value')}) end",
        "coupon": _known(_parameter("coupon")),
        "page_url": _parameter("page_location"),
        "page_path": f"case when __ff_e_event_name = 'screen_view' "
        f"then {_parameter('firebase_screen')} end",
        # Google Analytics marks a return from a payment: it is no source of traffic.
        "referrer": f"case when {_parameter('ignore_referrer')} is distinct from 'true' "
        f"then {_parameter('page_referrer')} end",
        "utm_source": "case when __ff_is_ad_click then 'google' "
        f"else {_utm('source', 'manual_source')} end",
        "utm_medium": "case when __ff_is_ad_click then 'cpc' "
        f"else {_utm('medium', 'manual_medium')} end",
        "utm_campaign": "case when not coalesce(__ff_is_ad_click, false) "
        f"or {_parameter('campaign')} <> '(organic)' "
        f"then {_utm('campaign', 'manual_campaign_name')} end",
        "device_type": _known("__ff_e_device_category"),
        "os": _known("__ff_e_device_operating_system"),
        "browser": _known("coalesce(__ff_e_device_web_info_browser, __ff_e_device_browser)"),
        "app": _known("coalesce(__ff_e_app_info_id, __ff_e_device_web_info_hostname)"),
        "country": _known("__ff_e_geo_country"),
        "region": _known("__ff_e_geo_region"),
        "city": _known("__ff_e_geo_city"),
        "locale": _known("__ff_e_device_language"),
        "consent": "nullif(json_merge_patch('{}', json_object("
        "'analytics_storage', lower(nullif(__ff_e_privacy_info_analytics_storage, '')), "
        "'ads_storage', lower(nullif(__ff_e_privacy_info_ads_storage, ''))))::varchar, '{}')",
    },
    properties=_properties(),
    time=TimeForm(unit="us"),
)

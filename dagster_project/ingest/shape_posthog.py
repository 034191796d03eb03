"""PostHog's events, as its batch exports and file downloads write them: JSON lines or Parquet.

What of an event becomes which field belongs here, after the events model of the exports
(https://posthog.com/docs/cdp/batch-exports/s3) and the properties that its libraries set. Of the
properties whose name begins with `$` the fields below are kept, the rest is not.
"""

import json

from dagster_project.ingest import segment_ecommerce as ecommerce
from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape, is_too_deep_sql, snake_case_sql

_EVENTS = {
    "$pageview": "page_viewed",
    "$screen": "screen_viewed",
    "$pageleave": "page_left",
    "$identify": "profile_updated",
    "$set": "profile_updated",
    "$create_alias": "user_aliased",
    "$groupidentify": "group_joined",
}
_EVENT = {
    "uuid": "VARCHAR", "event": "VARCHAR", "distinct_id": "VARCHAR", "timestamp": "VARCHAR",
    "properties": "JSON",
}  # fmt: skip
# Properties of the libraries, by a name without the dollar.
_SET_BY_LIBRARIES = (
    "device_id", "user_id", "anon_distinct_id", "is_identified", "process_person_profile",
    "session_id", "current_url", "pathname", "referrer", "screen_name", "device_type", "os",
    "browser", "app_name", "host", "ip", "raw_user_agent", "useragent", "browser_language",
    "geoip_country_code", "geoip_subdivision_1_name", "geoip_city_name", "feature_flag",
    "feature_flag_response", "group_type", "group_key", "prev_pageview_duration",
    "prev_pageview_max_content_percentage",
)  # fmt: skip
_IDS = ("device_id", "user_id", "anon_distinct_id", "session_id")
_CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")
_PLAIN = (*ecommerce.PROPERTIES, *_CAMPAIGN, "alias")
# `distinct_id` and `token`, the project's key, stand in the properties once more.
_TAKEN = (
    *ecommerce.FIELDS, *_CAMPAIGN, "product_id", "productId", "order_id", "orderId", "revenue",
    "alias", "distinct_id", "token",
)  # fmt: skip


def _of_library(name: str) -> str:
    return f'__ff_p."${name}"'


def _user_id() -> str:
    # The libraries of browsers and apps send a device's id with everything, and that id as
    # distinct_id until somebody is identified; those of servers send the user alone.
    is_identified = f"lower({_of_library('is_identified')})"
    return f"""
    case
        when __ff_e.event in ('$identify', '$create_alias') then __ff_e.distinct_id
        when {_of_library("user_id")} is not null then {_of_library("user_id")}
        when {is_identified} = 'true' then __ff_e.distinct_id
        when {is_identified} = 'false' then null
        when lower({_of_library("process_person_profile")}) = 'false' then null
        when {_of_library("device_id")} is not null
            then nullif(__ff_e.distinct_id, {_of_library("device_id")})
        else __ff_e.distinct_id
    end"""


def _event_name() -> str:
    known = " ".join(f"when '{given}' then '{name}'" for given, name in _EVENTS.items())
    # A flag that is on or off shows nobody a variant.
    is_variant = f"lower({_of_library('feature_flag_response')}) not in ('true', 'false')"
    return f"""
    case __ff_e.event {known}
        when '$feature_flag_called' then case when {_of_library("feature_flag")} is not null
            and {is_variant} then 'experiment_viewed' else 'feature_flag_called' end
        else case when starts_with(__ff_e.event, '$') then __ff_snake
            else {ecommerce.event_name_sql("__ff_snake", "__ff_user")} end
    end"""


def _anonymous_id() -> str:
    return f"""
    case when __ff_e.event = '$create_alias' then __ff_p.alias
    else coalesce(
        {_of_library("device_id")},
        case when __ff_e.event = '$identify' then {_of_library("anon_distinct_id")} end,
        case when __ff_user is null then __ff_e.distinct_id end
    ) end"""


def _patch() -> str:
    """What is changed of the properties: members of a JSON merge patch, in which null removes."""

    def number(name: str, factor: int) -> str:
        return f"try_cast({_of_library(name)} as double) * {factor}"

    is_exposure = "__ff_event = 'experiment_viewed'"
    of_exposure = f"case when {is_exposure} then {{}} end"
    depth = number("prev_pageview_max_content_percentage", 100)
    members = (
        "list_aggregate(list_transform(list_filter(json_keys(__ff_given), "
        f"lambda name: starts_with(name, '$') or name in ({_names(_TAKEN)})), "
        """lambda name: to_json(name) || ':null'), 'string_agg', ',')""",
        *ecommerce.places_sql("__ff_p"),
        """'"products":' || __ff_products""",
        f"""'"experiment_id":' || to_json({of_exposure.format(_of_library("feature_flag"))})""",
        f"""'"variant_id":'
            || to_json({of_exposure.format(_of_library("feature_flag_response"))})""",
        f"""'"group_id":' || to_json(case when __ff_event = 'group_joined'
            then {_of_library("group_key")} end)""",
        f"""'"group_type":' || to_json(case when __ff_event = 'group_joined'
            then {_of_library("group_type")} end)""",
        f"""'"scroll_depth_pct":' || to_json(case when __ff_event = 'page_left'
            and {depth} between 0 and 100 then {depth} end)""",
        f"""'"duration_s":' || to_json(case when __ff_event = 'page_left'
            and {number("prev_pageview_duration", 1)} >= 0
            then {number("prev_pageview_duration", 1)} end)""",
        """case when __ff_event = 'profile_updated' and json_type(__ff_traits) = 'OBJECT'
            then '"traits":' || __ff_traits end""",
    )
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote_text, names))


_PROPERTIES = {
    **{f"${name}": "VARCHAR" for name in _SET_BY_LIBRARIES},
    **dict.fromkeys(_PLAIN, "VARCHAR"),
    "products": "JSON",
    "$set": "JSON",
    "$set_once": "JSON",
}

_SNAKE = snake_case_sql("ltrim(__ff_e.event, '$')")


def _object(name: str) -> str:
    return f"coalesce(case when json_type({name}) = 'OBJECT' then {name} end, '{{}}')"


# What is set once gives way to what is set.
_TRAITS = (
    f"""json_merge_patch({_object('__ff_p."$set_once"')}, {_object('__ff_p."$set"')})::varchar"""
)

POSTHOG = Shape(
    is_json=True,
    steps=(
        f"*, json_transform(__ff_json, {quote_text(json.dumps(_EVENT))}) as __ff_e",
        # A text that holds JSON, in Parquet; an object, in JSON lines.
        "*, case json_type(__ff_e.properties) when 'VARCHAR' then __ff_e.properties->>'$' "
        "when 'OBJECT' then __ff_e.properties::varchar end as __ff_said",
        f"*, {is_too_deep_sql('__ff_said')} as __ff_is_deep",
        "*, case when not __ff_is_deep and json_valid(__ff_said) "
        "and starts_with(ltrim(__ff_said), '{') then __ff_said::json end as __ff_given",
        f"*, json_transform(__ff_given, {quote_text(json.dumps(_PROPERTIES))}) as __ff_p, "
        f"{_SNAKE} as __ff_snake",
        f"*, {_user_id()} as __ff_user, {_TRAITS} as __ff_traits",
        f"*, {_event_name()} as __ff_event, "
        f"{ecommerce.products_sql('__ff_p.products')} as __ff_products",
        f"*, {_patch()} as __ff_patch",
    ),
    errors=(
        ("__ff_is_deep", "nested_too_deep"),
        (
            "__ff_given is null and json_type(__ff_e.properties) <> 'NULL'",
            "properties_not_an_object",
        ),
    ),
    scalars={
        **{f"__ff_e.{name}": f"$.{name}" for name, kind in _EVENT.items() if kind == "VARCHAR"},
        **{f"__ff_p.{name}": f"$.properties.{name}" for name in _PLAIN},
        **{_of_library(name): f'$.properties."${name}"' for name in _IDS},
    },
    fields={
        "event_id": "__ff_e.uuid",
        "event_name": "__ff_event",
        # PostHog has corrected it for the clock of the device.
        "event_ts": '__ff_e."timestamp"',
        "user_id": "__ff_user",
        "anonymous_id": _anonymous_id(),
        "source_session_id": _of_library("session_id"),
        "product_id": "coalesce(__ff_p.product_id, __ff_p.productId, __ff_p.sku)",
        **{name: f"__ff_p.{name}" for name in ecommerce.FIELDS},
        "order_id": "coalesce(__ff_p.order_id, __ff_p.orderId)",
        "revenue": ecommerce.revenue_sql("__ff_event", "__ff_p"),
        "page_url": _of_library("current_url"),
        "page_path": f"case when __ff_event = 'screen_viewed' then {_of_library('screen_name')} "
        f"else {_of_library('pathname')} end",
        # What the library says of a visit that was typed in.
        "referrer": f"nullif({_of_library('referrer')}, '$direct')",
        **{name: f"__ff_p.{name}" for name in _CAMPAIGN},
        "device_type": f"lower({_of_library('device_type')})",
        "os": _of_library("os"),
        "browser": _of_library("browser"),
        "app": f"coalesce({_of_library('app_name')}, {_of_library('host')})",
        "country": _of_library("geoip_country_code"),
        "region": _of_library("geoip_subdivision_1_name"),
        "city": _of_library("geoip_city_name"),
        "ip": _of_library("ip"),
        "user_agent": f"coalesce({_of_library('raw_user_agent')}, {_of_library('useragent')})",
        "locale": _of_library("browser_language"),
    },
    properties="json_merge_patch(coalesce(__ff_given, '{}'), __ff_patch)::varchar",
)

"""Segment's messages as JSON lines, which RudderStack writes as well.

What of a message becomes which field belongs here, after Segment's specification of its common
fields, its six calls and its e-commerce events (https://segment.com/docs/connections/spec). Of
`context` the fields below are kept, and `traits`; the rest is not.
"""

import json

from dagster_project.ingest import segment_ecommerce as ecommerce
from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape, snake_case_sql

_CALLS = {
    "page": "page_viewed",
    "screen": "screen_viewed",
    "identify": "profile_updated",
    "alias": "user_aliased",
    "group": "group_joined",
}

_MESSAGE = {
    "type": "VARCHAR", "event": "VARCHAR", "name": "VARCHAR", "category": "VARCHAR",
    "messageId": "VARCHAR", "timestamp": "VARCHAR", "originalTimestamp": "VARCHAR",
    "receivedAt": "VARCHAR",
    "sentAt": "VARCHAR", "userId": "VARCHAR", "anonymousId": "VARCHAR", "previousId": "VARCHAR",
    "groupId": "VARCHAR", "properties": "JSON", "traits": "JSON",
    "context": {
        "ip": "VARCHAR", "userAgent": "VARCHAR", "locale": "VARCHAR", "sessionId": "VARCHAR",
        "traits": "JSON",
        "page": {"url": "VARCHAR", "path": "VARCHAR", "referrer": "VARCHAR", "title": "VARCHAR"},
        "campaign": {
            "source": "VARCHAR", "medium": "VARCHAR", "name": "VARCHAR", "term": "VARCHAR",
            "content": "VARCHAR",
        },
        "device": {"id": "VARCHAR", "type": "VARCHAR", "model": "VARCHAR"},
        "os": {"name": "VARCHAR"},
        "app": {"name": "VARCHAR"},
        "consent": {"categoryPreferences": "JSON"},
    },
}  # fmt: skip
# What of `properties` becomes a field, or is a part of one.
_PROPERTIES = (*ecommerce.PROPERTIES, "url", "path", "referrer")
# `search` is a query string; what it may hold of a person goes with those of the addresses.
_TAKEN = ("url", "path", "referrer", "search")
_TAKEN_OF_TRACK = (
    *_TAKEN, *ecommerce.FIELDS, "product_id", "productId", "order_id", "orderId", "revenue",
)  # fmt: skip


def _nulls(names: tuple[str, ...]) -> str:
    return quote_text(",".join(f'"{name}":null' for name in names))


def _event_name() -> str:
    calls = " ".join(f"when '{call}' then '{name}'" for call, name in _CALLS.items())
    tracked = ecommerce.event_name_sql("__ff_snake", "__ff_m.userId")
    return f"case __ff_m.type {calls} when 'track' then {tracked} end"


def _of_track(value: str) -> str:
    return f"case when __ff_m.type = 'track' then {value} end"


def _of_view(name: str) -> str:
    return f"case when __ff_m.type in ('page', 'screen') then __ff_m.{name} end"


def _patch() -> str:
    """What is changed of `properties`: members of a JSON merge patch, in which null removes."""
    members = (
        f"case when __ff_m.type = 'track' then {_nulls(_TAKEN_OF_TRACK)} else {_nulls(_TAKEN)} end",
        *ecommerce.places_sql("__ff_p"),
        """'"products":' || __ff_products""",
        f"""'"name":' || to_json({_of_view("name")})""",
        f"""'"page_category":' || to_json({_of_view("category")})""",
        """'"title":' || to_json(case when __ff_m.type = 'page'
            and json_extract_string(__ff_given, '$.title') is null
            then __ff_m.context.page.title end)""",
        """'"utm_term":' || to_json(__ff_m.context.campaign.term)""",
        """'"utm_content":' || to_json(__ff_m.context.campaign.content)""",
        """'"group_id":' || to_json(case when __ff_m.type = 'group' then __ff_m.groupId end)""",
        """case when json_type(__ff_m.traits) = 'OBJECT'
            then '"traits":' || __ff_m.traits::varchar end""",
        """case when json_type(__ff_m.context.traits) = 'OBJECT'
            then '"context":{"traits":' || __ff_m.context.traits::varchar || '}' end""",
    )
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


SEGMENT = Shape(
    is_json=True,
    steps=(
        f"*, json_transform(__ff_json, {quote_text(json.dumps(_MESSAGE))}) as __ff_m",
        "*, case when json_type(__ff_m.properties) = 'OBJECT' then __ff_m.properties end "
        "as __ff_given, "
        "json_transform(__ff_given, "
        + quote_text(json.dumps(dict.fromkeys(_PROPERTIES, "VARCHAR") | {"products": "JSON"}))
        + f") as __ff_p, {snake_case_sql('__ff_m.event')} as __ff_snake",
        f"*, {_event_name()} as __ff_event, "
        f"{ecommerce.products_sql('__ff_p.products')} as __ff_products",
        f"*, {_patch()} as __ff_patch",
    ),
    errors=(
        (
            "__ff_m.type is null or __ff_m.type not in "
            f"({', '.join(map(quote_text, ('track', *_CALLS)))})",
            "unknown_message_type",
        ),
        (
            "json_type(__ff_m.properties) not in ('OBJECT', 'NULL')",
            "properties_not_an_object",
        ),
        (
            "json_type(__ff_m.traits) not in ('OBJECT', 'NULL') "
            "or json_type(__ff_m.context.traits) not in ('OBJECT', 'NULL')",
            "traits_not_an_object",
        ),
    ),
    scalars={
        **{f"__ff_m.{name}": f"$.{name}" for name, kind in _MESSAGE.items() if kind == "VARCHAR"},
        **{f"__ff_p.{name}": f"$.properties.{name}" for name in _PROPERTIES},
        "__ff_m.context.ip": "$.context.ip",
        "__ff_m.context.device.id": "$.context.device.id",
        "__ff_m.context.sessionId": "$.context.sessionId",
    },
    fields={
        "event_id": "__ff_m.messageId",
        "event_name": "__ff_event",
        # Segment's own, corrected for the clock of the device, before the device's.
        # A message as its collector had it bears no `timestamp` yet.
        "event_ts": 'coalesce(__ff_m."timestamp", __ff_m.originalTimestamp, __ff_m.receivedAt)',
        "sent_ts": "__ff_m.sentAt",
        "user_id": "__ff_m.userId",
        # An alias says that what was known by `previousId` is the user from now on.
        "anonymous_id": "case when __ff_m.type = 'alias' "
        "then coalesce(__ff_m.previousId, __ff_m.anonymousId) else __ff_m.anonymousId end",
        "device_id": "__ff_m.context.device.id",
        "source_session_id": "__ff_m.context.sessionId",
        "product_id": _of_track("coalesce(__ff_p.product_id, __ff_p.productId, __ff_p.sku)"),
        **{name: _of_track(f"__ff_p.{name}") for name in ecommerce.FIELDS},
        "order_id": _of_track("coalesce(__ff_p.order_id, __ff_p.orderId)"),
        "revenue": _of_track(ecommerce.revenue_sql("__ff_event", "__ff_p")),
        "page_url": "case when __ff_m.type = 'track' "
        "then coalesce(__ff_m.context.page.url, __ff_p.url) "
        "else coalesce(__ff_p.url, __ff_m.context.page.url) end",
        "page_path": "case when __ff_m.type = 'screen' then __ff_m.name "
        "else coalesce(__ff_p.path, __ff_m.context.page.path) end",
        "referrer": "coalesce(__ff_p.referrer, __ff_m.context.page.referrer)",
        "utm_source": "__ff_m.context.campaign.source",
        "utm_medium": "__ff_m.context.campaign.medium",
        "utm_campaign": "__ff_m.context.campaign.name",
        # The libraries name the platform here, not the kind of device.
        "device_type": "case when lower(__ff_m.context.device.type) in ('ios', 'android') then "
        "case when __ff_m.context.device.model ilike '%ipad%' then 'tablet' else 'mobile' end "
        "else __ff_m.context.device.type end",
        "os": "__ff_m.context.os.name",
        "app": "__ff_m.context.app.name",
        "ip": "__ff_m.context.ip",
        "user_agent": "__ff_m.context.userAgent",
        "locale": "__ff_m.context.locale",
        "consent": "case when json_type(__ff_m.context.consent.categoryPreferences) = 'OBJECT' "
        "then __ff_m.context.consent.categoryPreferences::varchar end",
    },
    properties="case when __ff_patch is not null "
    "then json_merge_patch(coalesce(__ff_given, '{}'), __ff_patch)::varchar end",
)

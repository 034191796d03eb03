"""Names, order and DuckDB types of the tables that the contract speaks of.

Here: the log, the candidates that readers hand over, the split that comes back. Not here: rules.
"""

from collections.abc import Mapping
from types import MappingProxyType

AMOUNT_TYPE = "DECIMAL(18,4)"

LOG_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "event_id": "VARCHAR",
        "event_name": "VARCHAR",
        "event_ts": "TIMESTAMP",
        "sent_ts": "TIMESTAMP",
        "arrival_date": "DATE",
        "source": "VARCHAR",
        "user_id": "VARCHAR",
        "anonymous_id": "VARCHAR",
        "device_id": "VARCHAR",
        "source_session_id": "VARCHAR",
        "product_id": "VARCHAR",
        "category": "VARCHAR",
        "brand": "VARCHAR",
        "price": AMOUNT_TYPE,
        "quantity": AMOUNT_TYPE,
        "currency": "VARCHAR",
        "order_id": "VARCHAR",
        "revenue": AMOUNT_TYPE,
        "coupon": "VARCHAR",
        "impression_id": "VARCHAR",
        "page_url": "VARCHAR",
        "page_path": "VARCHAR",
        "referrer": "VARCHAR",
        "utm_source": "VARCHAR",
        "utm_medium": "VARCHAR",
        "utm_campaign": "VARCHAR",
        "device_type": "VARCHAR",
        "os": "VARCHAR",
        "browser": "VARCHAR",
        "app": "VARCHAR",
        "country": "VARCHAR",
        "region": "VARCHAR",
        "city": "VARCHAR",
        "ip_truncated": "VARCHAR",
        "locale": "VARCHAR",
        "user_agent_family": "VARCHAR",
        "is_bot": "BOOLEAN",
        "consent": "VARCHAR",
        "properties": "VARCHAR",
        "contract_version": "INTEGER",
        "source_file": "VARCHAR",
        "source_line": "BIGINT",
    }
)

_EVENT_INPUTS = [
    "user_id",
    "anonymous_id",
    "device_id",
    "source_session_id",
    "product_id",
    "category",
    "brand",
    "price",
    "quantity",
    "currency",
    "order_id",
    "revenue",
    "coupon",
    "impression_id",
    "page_url",
    "page_path",
    "referrer",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "device_type",
    "os",
    "browser",
    "app",
    "country",
    "region",
    "city",
    "ip",
    "user_agent",
    "locale",
    "is_bot",
    "consent",
    "properties",
]

CANDIDATE_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "source": "VARCHAR",
        "source_file": "VARCHAR",
        "source_line": "BIGINT",
        "raw": "VARCHAR",
        "read_error": "VARCHAR",
        "event_id": "VARCHAR",
        "event_name": "VARCHAR",
        "event_ts": "VARCHAR",
        "event_ts_parsed": "TIMESTAMP",
        "sent_ts": "VARCHAR",
        "sent_ts_parsed": "TIMESTAMP",
        **dict.fromkeys(_EVENT_INPUTS, "VARCHAR"),
    }
)

# What the treatment at ingest makes of `ip` and `user_agent`; the split has not got them yet.
MADE_BY_TREATMENT = frozenset({"ip_truncated", "user_agent_family"})

SPLIT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        **{name: kind for name, kind in LOG_COLUMNS.items() if name not in MADE_BY_TREATMENT},
        "ip": "VARCHAR",
        "user_agent": "VARCHAR",
        "raw": "VARCHAR",
        "read_error": "VARCHAR",
        "reasons": "VARCHAR[]",
    }
)

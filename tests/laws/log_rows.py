"""What a row of the event log looks like to the law tests: its columns and a way to write one down.

Belongs here: the column names and `log_row`. Not here: any meaning of a column (see `oracle/`).
"""

from datetime import date, datetime
from typing import Any

LOG_COLUMNS = tuple(
    [
        "event_id",
        "event_name",
        "event_ts",
        "sent_ts",
        "arrival_date",
        "source",
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
        "ip_truncated",
        "locale",
        "user_agent_family",
        "is_bot",
        "consent",
        "properties",
        "contract_version",
        "source_file",
        "source_line",
    ]
)


def log_row(
    event_id: str,
    event_name: str,
    event_ts: datetime,
    *,
    source: str = "web",
    arrival_date: date | None = None,
    source_file: str | None = None,
    source_line: int = 1,
    **columns: Any,
) -> dict[str, Any]:
    """One row of the log, every column there; what is not given is null.

    Args:
        event_id: the source's id of the event; the log never lacks one.
        event_name: name as in the registry, or any other.
        event_ts: naive UTC.
        source: the feed.
        arrival_date: default the day of `event_ts`.
        source_file: default `<source>/<arrival_date>/a.jsonl`.
        source_line: 1-based.
        columns: any other column of the log.

    Raises:
        ValueError: a column that the log does not have.
    """
    unknown = set(columns) - set(LOG_COLUMNS)
    if unknown:
        raise ValueError(f"not columns of the log: {sorted(unknown)}")
    row: dict[str, Any] = dict.fromkeys(LOG_COLUMNS)
    row.update(is_bot=False, properties="{}", contract_version=1)
    row.update(columns)
    arrived = arrival_date or event_ts.date()
    row.update(
        event_id=event_id,
        event_name=event_name,
        event_ts=event_ts,
        source=source,
        arrival_date=arrived,
        source_file=source_file or f"{source}/{arrived}/a.jsonl",
        source_line=source_line,
    )
    return row

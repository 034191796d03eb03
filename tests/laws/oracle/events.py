"""Events from log rows: keys, copies and winners, visitors, roles, reporting money.

Belongs here: what a single event is, before sessions and persons. Not here: line items (`lines`).
Written from docs/metrics.md, "Events", alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.laws.log_rows import LOG_COLUMNS

Row = dict[str, Any]
Rates = Mapping[str, Sequence[tuple[date, Decimal]]]

NOT_CONTENT = {"arrival_date", "source_file", "source_line", "contract_version", "sent_ts"}
CONTENT = [column for column in LOG_COLUMNS if column not in NOT_CONTENT]

EVENT_COLUMNS = [
    "event_key",
    "event_id",
    "event_name",
    "event_ts",
    "event_date",
    "report_date",
    "arrival_date",
    "source",
    "source_file",
    "source_line",
    "visitor_id",
    "user_id",
    "session_id",
    "role",
    "is_sessionable",
    "is_unregistered",
    "is_bot",
    "is_declared_bot",
    "currency_rate",
    "reporting_price",
    "reporting_revenue",
]
DUPLICATE_COLUMNS = [
    "event_key",
    "event_id",
    "event_date",
    "arrival_date",
    "source",
    "source_file",
    "source_line",
    "is_conflict",
]


def hashed(*parts: str) -> str:
    """md5 of the parts joined by U+001F."""
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def in_order(event: Row) -> tuple[Any, ...]:
    """Sort key: the order of events, everywhere."""
    return (event["event_ts"], event["event_key"])


def in_arrival(row: Row) -> tuple[Any, ...]:
    """Sort key: the order of arrival."""
    return (row["arrival_date"], row["source_file"], row["source_line"])


def pick(row: Row, columns: list[str]) -> Row:
    """The row with these columns alone."""
    return {column: row[column] for column in columns}


def visitor_identity(row: Row) -> tuple[str, str] | None:
    """Kind and value of the first identifier that is there."""
    for kind, column in (
        ("anonymous", "anonymous_id"),
        ("device", "device_id"),
        ("user", "user_id"),
    ):
        if row[column] is not None:
            return kind, row[column]
    return None


def rate_of(row: Row, day: date, currency: str, rates: Rates) -> Decimal | None:
    """Units of the reporting currency for one of the row's: the last rate of seven days."""
    if row["currency"] in (None, currency):
        return Decimal(1)
    known = [(when, rate) for when, rate in rates.get(row["currency"], []) if when <= day]
    if not known or (day - max(known)[0]).days > 7:
        return None
    return max(known)[1]


def converted(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    """An amount by a rate, to four decimals, half away from zero."""
    if amount is None or rate is None:
        return None
    return (amount * rate).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def derive(row: Row, registry: dict[str, Row], timezone: str, currency: str, rates: Rates) -> Row:
    """The log row with the derived columns of an event, session_id still null."""
    event = dict(row)
    event["event_date"] = row["event_ts"].date()
    local = row["event_ts"].replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))
    event["report_date"] = local.date()
    event["event_key"] = hashed(row["source"], row["event_id"], event["event_date"].isoformat())
    identity = visitor_identity(row)
    event["visitor_id"] = hashed(*identity) if identity else None
    event["visitor_kind"] = identity[0] if identity else None
    entry = registry.get(row["event_name"])
    event["is_unregistered"] = entry is None
    event["role"] = entry["role"] if entry else None
    event["is_sessionable"] = bool(entry and entry["is_sessionable"] and identity)
    # A null is_bot does not occur in the log; read as false if it does.
    event["is_bot"] = bool(row["is_bot"])
    event["currency_rate"] = rate_of(row, local.date(), currency, rates)
    event["reporting_price"] = converted(row["price"], event["currency_rate"])
    event["reporting_revenue"] = converted(row["revenue"], event["currency_rate"])
    event["session_id"] = None
    return event


def split_copies(copies: list[Row]) -> tuple[list[Row], list[Row]]:
    """Winners in order, and the duplicates with `is_conflict`."""
    by_key: dict[str, list[Row]] = defaultdict(list)
    for copy in copies:
        by_key[copy["event_key"]].append(copy)
    winners, duplicates = [], []
    for same in by_key.values():
        winner, *losers = sorted(same, key=in_arrival)
        winners.append(winner)
        for loser in losers:
            loser["is_conflict"] = any(loser[column] != winner[column] for column in CONTENT)
            duplicates.append(loser)
    return sorted(winners, key=in_order), duplicates


def arrivals_daily(winners: list[Row], duplicates: list[Row]) -> list[Row]:
    """What of `dq.arrivals_daily` follows from log rows.

    Readings: late, unregistered, without visitor and without rate count winners, each on its own
    arrival date; a rate is missing for a `price` or `revenue` column of the event in a currency
    without a rate, lines are not looked at.
    """
    table: dict[tuple[Any, str], Row] = {}

    def cell(row: Row) -> Row:
        key = (row["arrival_date"], row["source"])
        return table.setdefault(
            key,
            {
                "arrival_date": key[0],
                "source": key[1],
                "rows_logged": 0,
                "duplicates": 0,
                "conflicts": 0,
                "late_events": 0,
                "unregistered_events": 0,
                "events_without_visitor": 0,
                "events_without_rate": 0,
                "declared_bot_events": 0,
                "fast_visitor_events": 0,
            },
        )

    for loser in duplicates:
        counts = cell(loser)
        counts["rows_logged"] += 1
        counts["duplicates"] += 1
        counts["conflicts"] += loser["is_conflict"]
    for event in winners:
        counts = cell(event)
        counts["rows_logged"] += 1
        counts["late_events"] += event["arrival_date"] > event["event_date"]
        counts["unregistered_events"] += event["is_unregistered"]
        counts["events_without_visitor"] += event["visitor_id"] is None
        has_money = event["price"] is not None or event["revenue"] is not None
        counts["events_without_rate"] += has_money and event["currency_rate"] is None
        counts["declared_bot_events"] += event["is_declared_bot"]
        counts["fast_visitor_events"] += event["is_bot"] and not event["is_declared_bot"]
    return list(table.values())

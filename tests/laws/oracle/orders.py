"""Orders, their items, and refunds.

Belongs here: docs/metrics.md, "Orders". Not here: what a line is (`lines`).
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.laws.oracle.carts import cart_id_of
from tests.laws.oracle.events import Row, hashed, in_arrival, in_order

ORDER_GRAINS = {"order", "line"}


def order_key_of(event: Row) -> str:
    """Key of the order that the event belongs to."""
    if event["order_id"] is not None:
        return hashed(event["source"], "order", event["order_id"])
    return hashed(event["source"], "event", event["event_key"])


def line_value(event: Row) -> Decimal | None:
    """Sum of line_revenue, null if no line has one."""
    revenues = [x["line_revenue"] for x in event["lines"] if x["line_revenue"] is not None]
    return sum(revenues, Decimal(0)) if revenues else None


def stated_value(event: Row) -> Decimal | None:
    """The value that an order event or update states, null if none."""
    if event["reporting_revenue"] is not None:
        return event["reporting_revenue"]
    return line_value(event)


def value_events(order_events: list[Row], updates: list[Row], grain: str) -> list[Row]:
    """The events that an order's value and items come from, in order."""
    if grain == "line":
        return sorted(order_events, key=in_order)
    with_value = [u for u in sorted(updates, key=in_order) if stated_value(u) is not None]
    return [with_value[-1] if with_value else min(order_events, key=in_arrival)]


def build_orders(
    winners: list[Row], sources: dict[str, Row], currency: str
) -> tuple[list[Row], list[Row]]:
    """`core.fct_orders` and `core.fct_order_items`.

    Readings: an item's `ordered_at` and `report_date` are its order's; `price` is the one that
    counts in the reporting currency.
    """
    order_events: dict[str, list[Row]] = defaultdict(list)
    updates: dict[str, list[Row]] = defaultdict(list)
    for event in winners:
        if event["role"] == "order":
            order_events[order_key_of(event)].append(event)
        elif event["role"] == "order_update" and event["order_id"] is not None:
            updates[order_key_of(event)].append(event)
    orders, items = [], []
    for order_key, events in order_events.items():
        first = min(events, key=in_order)
        grain = sources[first["source"]]["order_grain"]
        if grain not in ORDER_GRAINS:
            raise ValueError(f"order_grain of {first['source']} is {grain!r}, not order or line")
        valued = value_events(events, updates[order_key], grain)
        values = [v for v in (stated_value(e) for e in valued) if v is not None]
        lines = [(event, line) for event in valued for line in event["lines"]]
        orders.append(
            {
                "order_key": order_key,
                "source": first["source"],
                "order_id": first["order_id"],
                "cart_id": cart_id_of(first),
                "event_key": first["event_key"],
                "visitor_id": first["visitor_id"],
                "user_id": first["user_id"],
                "session_id": first["session_id"],
                "ordered_at": first["event_ts"],
                "report_date": first["report_date"],
                "device_type": first["device_type"],
                "country": first["country"],
                "is_bot": first["is_bot"],
                "currency": currency,
                "coupon": next((e["coupon"] for e in valued if e["coupon"] is not None), None),
                "gross_revenue": sum(values, Decimal(0)) if values else None,
                "items": sum((line["quantity"] for _, line in lines), Decimal(0)),
                "line_count": len(lines),
            }
        )
        for event, line in lines:
            items.append(
                {
                    "event_key": event["event_key"],
                    "order_key": order_key,
                    "source": first["source"],
                    "ordered_at": first["event_ts"],
                    "report_date": first["report_date"],
                    **line,
                }
            )
    return orders, items


def refund_amount(event: Row) -> Any:
    """Positive; null where the refund states no value (it then counts as 0 in sums)."""
    value = stated_value(event)
    return None if value is None else abs(value)


def build_refunds(winners: list[Row]) -> list[Row]:
    """`core.fct_refunds`. Reading: `amount` stays null where nothing is stated."""
    return [
        {
            "event_key": event["event_key"],
            "order_key": order_key_of(event) if event["order_id"] is not None else None,
            "source": event["source"],
            "visitor_id": event["visitor_id"],
            "user_id": event["user_id"],
            "refunded_at": event["event_ts"],
            "report_date": event["report_date"],
            "is_bot": event["is_bot"],
            "amount": refund_amount(event),
        }
        for event in winners
        if event["role"] == "refund"
    ]

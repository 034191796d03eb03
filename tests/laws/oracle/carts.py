"""Carts by walking each holder's events one by one.

Belongs here: docs/metrics.md, "Carts". Not here: what a line is (`lines`), orders (`orders`).
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import median

from tests.laws.oracle.events import Row, hashed, in_order
from tests.laws.oracle.kpis import Cell, line_categories, ratio, with_ratios
from tests.laws.oracle.kpis import value_of as of_dimension

CART_ROLES = {"cart_add", "cart_remove", "cart_view", "checkout"}
JUNK = {"null", "none", "nan", "undefined", "0", "-1", "test", "anonymous", "unknown", ""}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class CartLimits:
    """How long after its last event a cart is abandoned, and how long after that recovered."""

    timeout: timedelta = timedelta(hours=24)
    recovery: timedelta = timedelta(days=7)


@dataclass
class Cart:
    """A cart on its way: its events with what was in it after each, and how it ended."""

    holder_key: str
    contents: dict[str, Decimal] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    steps: list[tuple[Row, Row]] = field(default_factory=list)
    outcome: str = "lapsed"
    order: Row | None = None

    @property
    def last_event_at(self) -> datetime:
        """Time of its last event."""
        return self.steps[-1][0]["event_ts"]

    def take(self, event: Row) -> Row:
        """Put in and take out what an event says; what is in the cart after it."""
        moved: dict[str, Decimal] = defaultdict(Decimal)
        before = sum(self.contents.values(), Decimal(0))
        for line in event["lines"]:
            if line["product_id"] is None or event["role"] not in ("cart_add", "cart_remove"):
                continue
            adds = event["role"] == "cart_add"
            moved[line["product_id"]] += line["quantity"] if adds else -abs(line["quantity"])
            if line["price"] is not None:
                self.prices[line["product_id"]] = line["price"]
        for product, change in moved.items():
            self.contents[product] = max(
                self.contents.get(product, Decimal(0)) + change, Decimal(0)
            )
        held = {product: count for product, count in self.contents.items() if count > 0}
        items = sum(held.values(), Decimal(0))
        after = {
            "quantity_change": items - before,
            "item_count": items,
            "product_count": len(held),
            "unpriced_item_count": sum(
                (count for product, count in held.items() if product not in self.prices), Decimal(0)
            ),
            "value": sum(
                (count * self.prices.get(product, Decimal(0)) for product, count in held.items()),
                Decimal(0),
            ),
        }
        self.steps.append((event, after))
        return after


def cart_id_of(event: Row) -> str | None:
    """`cart_id` of the properties: a text or a whole number that is no junk."""
    try:
        properties = json.loads(event["properties"] or "{}")
    except ValueError:
        return None
    value = properties.get("cart_id") if isinstance(properties, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return None if str(value).strip().lower() in JUNK else str(value)


def holder_of(event: Row) -> str | None:
    """Whose cart an event is about: the cart_id's in its source, else the visitor's."""
    cart_id = cart_id_of(event)
    if cart_id is not None:
        return hashed("cart", event["source"], cart_id)
    return None if event["visitor_id"] is None else hashed("visitor", event["visitor_id"])


def holder_of_order(first: Row, actions: list[Row], limits: CartLimits) -> str | None:
    """The holder whose cart an order is of; `first` is its first event, `actions` are in order."""
    since = first["event_ts"] - limits.timeout - limits.recovery
    before = [
        one for one in actions if since <= one["event_ts"] and in_order(one) < in_order(first)
    ]
    named = holder_of(first) if cart_id_of(first) is not None else None
    if any(one["holder_key"] == named for one in before):
        return named
    mine = [
        one["holder_key"]
        for one in before
        if first["visitor_id"] is not None and one["visitor_id"] == first["visitor_id"]
    ]
    return mine[-1] if mine else None


def walk(holder_key: str, stream: list[tuple[Row, Row | None]], limits: CartLimits) -> list[Cart]:
    """The carts of one holder.

    Args:
        holder_key: the holder.
        stream: cart events, and first events of orders beside their order, in any order.
        limits: timeout and recovery.
    """
    carts: list[Cart] = []
    current: Cart | None = None
    for event, order in sorted(stream, key=lambda one: in_order(one[0])):
        if current and event["event_ts"] - current.last_event_at > limits.timeout:
            current = None
        if order is None:
            current = _go_on(carts, current or Cart(holder_key), event)
            continue
        if current:
            current.outcome, current.order, current = "ordered", order, None
        for cart in carts:
            waited = event["event_ts"] - cart.last_event_at
            if cart.outcome == "lapsed" and waited <= limits.timeout + limits.recovery:
                cart.outcome, cart.order = "recovered", order
    return carts


def _go_on(carts: list[Cart], cart: Cart, event: Row) -> Cart | None:
    """An event of an open cart, or one that may open it; the cart that is open after it."""
    is_new = not cart.steps
    is_empty = cart.take(event)["item_count"] == 0
    if is_new and is_empty:
        return None
    if is_new:
        carts.append(cart)
    if is_empty:
        cart.outcome = "emptied"
        return None
    return cart


def build_carts(winners: list[Row], orders: list[Row], limits: CartLimits) -> list[Cart]:
    """All carts.

    Args:
        winners: all events that count, with their lines, in order.
        orders: rows of `core.fct_orders`.
        limits: timeout and recovery.
    """
    streams: dict[str, list[tuple[Row, Row | None]]] = defaultdict(list)
    actions = []
    for event in winners:
        holder_key = holder_of(event) if event["role"] in CART_ROLES else None
        if holder_key is not None:
            actions.append({**event, "holder_key": holder_key})
            streams[holder_key].append((event, None))
    by_key = {event["event_key"]: event for event in winners}
    for order in orders:
        first = by_key[order["event_key"]]
        holder_key = holder_of_order(first, actions, limits)
        if holder_key is not None:
            streams[holder_key].append((first, order))
    return [cart for key, stream in streams.items() for cart in walk(key, stream, limits)]


def key_of(cart: Cart) -> str:
    """`cart_key`."""
    return hashed(cart.holder_key, cart.steps[0][0]["event_key"])


def state_of(cart: Cart, limits: CartLimits, as_of: date | None) -> str:
    """How a cart stands when the as_of date is over."""
    if cart.outcome != "lapsed":
        return cart.outcome
    if as_of is None:
        return "open"
    end = datetime.combine(as_of, time()) + DAY
    return "abandoned" if cart.last_event_at + limits.timeout <= end else "open"


def fct_carts(carts: list[Cart], limits: CartLimits, as_of: date | None) -> list[Row]:
    """`core.fct_carts`."""
    table = []
    for cart in carts:
        events = [event for event, _ in cart.steps]
        states = [after for _, after in cart.steps]
        state = state_of(cart, limits, as_of)
        ordered_at = cart.order["ordered_at"] if cart.order else None
        abandoned_at = (
            cart.last_event_at + limits.timeout if state in ("abandoned", "recovered") else None
        )
        ended = {"ordered": ordered_at, "emptied": cart.last_event_at}
        table.append(
            {
                "cart_key": key_of(cart),
                "event_key": events[0]["event_key"],
                "last_event_key": events[-1]["event_key"],
                "source": events[0]["source"],
                "cart_id": cart_id_of(events[0]),
                "visitor_id": next((e["visitor_id"] for e in events if e["visitor_id"]), None),
                "user_id": next((e["user_id"] for e in reversed(events) if e["user_id"]), None),
                "order_key": cart.order["order_key"] if cart.order else None,
                "report_date": events[0]["report_date"],
                "state": state,
                "is_bot": any(event["is_bot"] for event in events),
                "event_count": len(events),
                "add_count": sum(event["role"] == "cart_add" for event in events),
                "remove_count": sum(event["role"] == "cart_remove" for event in events),
                "checkout_count": sum(event["role"] == "checkout" for event in events),
                "item_count": states[-1]["item_count"],
                "product_count": states[-1]["product_count"],
                "unpriced_item_count": states[-1]["unpriced_item_count"],
                "value": states[-1]["value"],
                "peak_value": max(after["value"] for after in states),
                "opened_at": events[0]["event_ts"],
                "last_event_at": cart.last_event_at,
                "ended_at": ended.get(state, abandoned_at),
                "abandoned_at": abandoned_at,
                "ordered_at": ordered_at,
                "recovered_at": ordered_at if state == "recovered" else None,
            }
        )
    return table


def fct_cart_events(carts: list[Cart]) -> list[Row]:
    """`core.fct_cart_events`."""
    return [
        {
            "event_key": event["event_key"],
            "cart_key": key_of(cart),
            "step_number": number,
            "role": event["role"],
            "event_ts": event["event_ts"],
            "event_date": event["event_date"],
            "is_bot": event["is_bot"],
            **after,
        }
        for cart in carts
        for number, (event, after) in enumerate(cart.steps, start=1)
    ]


def cart_abandonment(cart_rows: list[Row]) -> list[Row]:
    """`marts.cart_abandonment` from the rows of `core.fct_carts`."""
    by_date: dict[date, list[Row]] = defaultdict(list)
    for row in cart_rows:
        if not row["is_bot"]:
            by_date[row["report_date"]].append(row)
    table = []
    for day, rows in by_date.items():
        of = {
            state: [row for row in rows if row["state"] == state]
            for state in ("open", "ordered", "emptied", "abandoned", "recovered")
        }
        abandoned = of["abandoned"] + of["recovered"]
        minutes = [(r["ordered_at"] - r["opened_at"]) / timedelta(minutes=1) for r in of["ordered"]]
        table.append(
            {
                "report_date": day,
                "carts": len(rows),
                "open_carts": len(of["open"]),
                "ended_carts": len(rows) - len(of["open"]),
                "ordered_carts": len(of["ordered"]),
                "emptied_carts": len(of["emptied"]),
                "abandoned_carts": len(abandoned),
                "recovered_carts": len(of["recovered"]),
                "open_value": value_of(of["open"]),
                "ordered_value": value_of(of["ordered"]),
                "abandoned_value": value_of(abandoned),
                "recovered_value": value_of(of["recovered"]),
                "cart_abandonment_rate": ratio(len(abandoned), len(rows) - len(of["open"])),
                "cart_recovery_rate": ratio(len(of["recovered"]), len(abandoned)),
                "median_minutes_to_order": median(minutes) if minutes else None,
            }
        )
    return table


def value_of(rows: list[Row]) -> Decimal:
    """What was in carts, in money."""
    return sum((row["value"] for row in rows), Decimal(0))


def with_cart_counts(kpi_rows: list[Row], abandonment: list[Row]) -> list[Row]:
    """`marts.kpi_daily` with what it says of carts."""
    of_date = {row["report_date"]: row for row in abandonment}
    table = []
    for row in kpi_rows:
        carts = of_date.get(row["report_date"], {})
        counts = {name: carts.get(name, 0) for name in ("carts", "ended_carts", "abandoned_carts")}
        rate = ratio(counts["abandoned_carts"], counts["ended_carts"])
        table.append({**row, **counts, "cart_abandonment_rate": rate})
    return table


def with_cart_counts_by_dimension(
    kpi_rows: list[Row], cart_rows: list[Row], events: list[Row]
) -> list[Row]:
    """`marts.kpi_daily_by_dimension` with what it says of carts, by the values of first events."""
    event_of = {event["event_key"]: event for event in events}
    of_key: dict[tuple[date, str, str], list[Row]] = defaultdict(list)
    for row in cart_rows:
        if row["is_bot"]:
            continue
        first = event_of[row["event_key"]]
        for dimension in ("device_type", "country", "source", "channel"):
            of_key[row["report_date"], dimension, of_dimension(first[dimension])].append(row)
        for category in line_categories(first):
            of_key[row["report_date"], "category", category].append(row)
    keys = ("report_date", "dimension", "value")
    rows = {tuple(row[name] for name in keys): row for row in kpi_rows}
    for key in of_key.keys() - rows.keys():
        rows[key] = {**dict(zip(keys, key, strict=True)), **with_ratios(Cell().as_row())}
    table = []
    for key, row in rows.items():
        ended = [one for one in of_key[key] if one["state"] != "open"]
        left = [one for one in ended if one["state"] in ("abandoned", "recovered")]
        counts = {
            "carts": len(of_key[key]), "ended_carts": len(ended), "abandoned_carts": len(left),
        }  # fmt: skip
        table.append({**row, **counts, "cart_abandonment_rate": ratio(len(left), len(ended))})
    return table

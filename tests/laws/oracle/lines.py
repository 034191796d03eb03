"""The lines of an event, product interactions and products.

Belongs here: what `properties.products` or an event's own columns say about items.
Not here: orders and their values (`orders`).
"""

import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tests.laws.oracle.events import Row, converted, pick

INTERACTION_ROLES = {
    "product_view",
    "product_click",
    "cart_add",
    "cart_remove",
    "wishlist_add",
    "order",
    "impression",
    "click",
    "review",
}
INTERACTION_COLUMNS = [
    "event_key",
    "line_number",
    "event_ts",
    "event_date",
    "report_date",
    "arrival_date",
    "source",
    "visitor_id",
    "user_id",
    "session_id",
    "product_id",
    "category",
    "brand",
    "interaction",
    "price",
    "quantity",
    "is_bot",
]


def as_text(value: Any) -> str | None:
    """A JSON string trimmed, the empty one none, a number by its digits; all else is no text."""
    if isinstance(value, str):
        return value.strip(" \t\n\v\f\r") or None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return None


def as_number(value: Any) -> Decimal | None:
    """A JSON number, or a string that reads as one, to four decimals as in the log."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number.quantize(Decimal("0.0001"), ROUND_HALF_UP) if number.is_finite() else None


def stated_products(event: Row) -> list[Row] | None:
    """`properties.products` if it is a non-empty array of objects, else None.

    Reading: an array with one element that is no object is not an array of objects, so the
    event's own columns are taken.
    """
    if not event["properties"] or "products" not in event["properties"]:
        return None
    try:
        properties = json.loads(event["properties"], parse_float=Decimal)
    except ValueError:
        return None
    products = properties.get("products") if isinstance(properties, dict) else None
    if not isinstance(products, list) or not products:
        return None
    return products if all(isinstance(product, dict) for product in products) else None


def lines_of(event: Row) -> list[Row]:
    """The event's lines; price is in the reporting currency, quantity never null.

    Reading: a line's `price` in every table is the one that counts, null without a rate.
    """
    products = stated_products(event)
    if products is None:
        own = ("product_id", "price", "quantity")
        if all(event[column] is None for column in own):
            return []
        products = [pick(event, [*own, "category", "brand"])]
    lines = []
    for position, product in enumerate(products, start=1):
        price = converted(as_number(product.get("price")), event["currency_rate"])
        quantity = as_number(product.get("quantity"))
        quantity = Decimal(1) if quantity is None else quantity
        lines.append(
            {
                "line_number": position,
                "product_id": as_text(product.get("product_id")),
                "category": as_text(product.get("category")),
                "brand": as_text(product.get("brand")),
                "price": price,
                "quantity": quantity,
                "line_revenue": None if price is None else price * quantity,
            }
        )
    return lines


def product_lines(event: Row) -> list[Row]:
    """Lines that stand in `fct_product_interactions`: the role is one, the line names a product."""
    if event["role"] not in INTERACTION_ROLES:
        return []
    return [line for line in event["lines"] if line["product_id"] is not None]


def interactions(winners: list[Row]) -> list[Row]:
    """`core.fct_product_interactions`."""
    return [
        pick({**event, **line, "interaction": event["role"]}, INTERACTION_COLUMNS)
        for event in winners
        for line in product_lines(event)
    ]


def products(interaction_rows: list[Row]) -> list[Row]:
    """`core.dim_products`, over all interactions, bots' included."""
    by_product: dict[str, list[Row]] = defaultdict(list)
    for row in interaction_rows:
        by_product[row["product_id"]].append(row)
    table = []
    for product_id, rows in by_product.items():
        rows.sort(key=lambda row: (row["event_ts"], row["event_key"], row["line_number"]))

        def last(column: str, rows: list[Row] = rows) -> Any:
            return next((r[column] for r in reversed(rows) if r[column] is not None), None)

        table.append(
            {
                "product_id": product_id,
                "category": last("category"),
                "brand": last("brand"),
                "last_price": last("price"),
                "first_seen_at": rows[0]["event_ts"],
                "last_seen_at": rows[-1]["event_ts"],
                "interaction_count": len(rows),
            }
        )
    return table

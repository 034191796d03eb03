"""Reviews, and what is counted of each product on each date.

Belongs here: docs/metrics.md, `core.fct_reviews`, `marts.product_performance` and
`marts.impression_performance`. Not here: the lines of an event (`lines`), orders and refunds
(`orders`).
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from tests.laws.oracle.events import Row, pick
from tests.laws.oracle.kpis import Facts, ratio
from tests.laws.oracle.lines import as_number, as_text, product_lines

NEGATIVE_RATING = 2
REVIEW_COLUMNS = [
    "event_key", "line_number", "source", "visitor_id", "user_id", "session_id", "product_id",
    "event_date", "report_date", "is_bot",
]  # fmt: skip
EVENTS_COUNTED = {
    "product_click": "list_clicks",
    "product_view": "product_views",
    "wishlist_add": "wishlist_adds",
    "cart_add": "cart_adds",
    "cart_remove": "cart_removals",
}


def property_of(event: Row, name: str) -> Any:
    """A value of `properties`, numbers exact; None where they are no object or lack it."""
    try:
        properties = json.loads(event["properties"] or "{}", parse_float=Decimal)
    except ValueError:
        return None
    return properties.get(name) if isinstance(properties, dict) else None


def reviews(winners: list[Row]) -> list[Row]:
    """`core.fct_reviews`."""
    table = []
    for event in winners:
        if event["role"] != "review":
            continue
        stars = as_number(property_of(event, "rating"))
        rating = stars if stars is not None and 1 <= stars <= 5 else None
        for line in product_lines(event):
            row = pick({**event, **line}, REVIEW_COLUMNS)
            row["review_id"] = as_text(property_of(event, "review_id"))
            row["rating"] = rating
            row["is_negative"] = rating is not None and rating <= NEGATIVE_RATING
            row["reviewed_at"] = event["event_ts"]
            table.append(row)
    return table


@dataclass
class Product:
    """The counts of one product and date."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    click_ids: set[str] = field(default_factory=set)

    def as_row(self) -> Row:
        """Counts and the ratios on them."""
        counts, sums = self.counts, self.sums
        clicks = counts["clicks"] + len(self.click_ids)
        return {
            **{name: counts[name] for name in ("list_views", *EVENTS_COUNTED.values())},
            **{name: counts[name] for name in ("impressions", "orders", "reviews")},
            "negative_reviews": counts["negative_reviews"],
            "clicks": clicks,
            **{name: sums[name] for name in ("items", "gross_revenue", "refunds", "rating_sum")},
            "net_revenue": sums["gross_revenue"] - sums["refunds"],
            "ctr": ratio(clicks, counts["impressions"]),
            "view_to_add_rate": ratio(counts["cart_adds"], counts["product_views"]),
            "view_to_order_rate": ratio(counts["orders"], counts["product_views"]),
            "average_rating": ratio(sums["rating_sum"], counts["reviews"]),
        }

    @property
    def is_counted(self) -> bool:
        """Whether anything of it is not 0."""
        return bool(sum(self.counts.values()) or self.click_ids or self.sums["refunds"])


def count_event(products: dict[tuple[date, str], Product], event: Row) -> None:
    """Add one event to the products that it is about."""
    role, day = event["role"], event["report_date"]
    lines = [line for line in event["lines"] if line["product_id"] is not None]
    for product_id in {line["product_id"] for line in lines}:
        product = products[day, product_id]
        if role == "list_view":
            product.counts["list_views"] += 1
        elif role in EVENTS_COUNTED:
            product.counts[EVENTS_COUNTED[role]] += 1
        elif role == "impression":
            shown = sum(line["product_id"] == product_id for line in lines)
            product.counts["impressions"] += shown
        elif role == "click" and event["impression_id"] is None:
            product.counts["clicks"] += 1
        elif role == "click":
            product.click_ids.add(event["impression_id"])
        elif role == "refund":
            mine = [line["line_revenue"] for line in lines if line["product_id"] == product_id]
            stated = [revenue for revenue in mine if revenue is not None]
            product.sums["refunds"] += abs(sum(stated, Decimal(0)))


def product_performance(facts: Facts, order_items: list[Row], review_rows: list[Row]) -> list[Row]:
    """`marts.product_performance`.

    Args:
        facts: rows of no bots.
        order_items: `core.fct_order_items`, of bots' orders as well.
        review_rows: `core.fct_reviews`, bots' as well.
    """
    products: dict[tuple[date, str], Product] = defaultdict(Product)
    for event in facts.events:
        count_event(products, event)
    no_bots = {order["order_key"] for order in facts.orders}
    ordered = set()
    for item in order_items:
        if item["order_key"] in no_bots and item["product_id"] is not None:
            product = products[item["report_date"], item["product_id"]]
            product.sums["items"] += item["quantity"]
            product.sums["gross_revenue"] += item["line_revenue"] or Decimal(0)
            ordered.add((item["report_date"], item["product_id"], item["order_key"]))
    for day, product_id, _ in ordered:
        products[day, product_id].counts["orders"] += 1
    for review in review_rows:
        if review["rating"] is not None and not review["is_bot"]:
            product = products[review["report_date"], review["product_id"]]
            product.counts["reviews"] += 1
            product.counts["negative_reviews"] += review["is_negative"]
            product.sums["rating_sum"] += review["rating"]
    return [
        {"report_date": day, "product_id": product_id, **product.as_row()}
        for (day, product_id), product in products.items()
        if product.is_counted
    ]


KINDS = {
    "promotion_viewed": "promotion", "promotion_clicked": "promotion",
    "recommendation_shown": "recommendation", "recommendation_clicked": "recommendation",
}  # fmt: skip


def placement_of(event: Row, kind: str) -> str:
    """Where something was shown or clicked, by the first of the properties that say it."""
    names = ["list_id", "placement"]
    if kind == "promotion":
        names.insert(0, "promotion_id")
    said = [as_text(property_of(event, name)) for name in names]
    return next((one for one in said if one is not None), "(not set)")


def impression_performance(facts: Facts) -> list[Row]:
    """`marts.impression_performance`.

    Args:
        facts: rows of no bots.
    """
    placements: dict[tuple[date, str, str], list[Row]] = defaultdict(list)
    for event in facts.events:
        if event["role"] in {"impression", "click"}:
            kind = KINDS.get(event["event_name"], "other")
            placements[event["report_date"], kind, placement_of(event, kind)].append(event)
    table = []
    for (day, kind, placement), events in placements.items():
        shown = [event for event in events if event["role"] == "impression"]
        clicked = [event["impression_id"] for event in events if event["role"] == "click"]
        impressions = sum(max(1, len(product_lines(event))) for event in shown)
        clicks = clicked.count(None) + len(set(clicked) - {None})
        table.append(
            {
                "report_date": day,
                "kind": kind,
                "placement": placement,
                "viewers": len({event["visitor_id"] for event in shown} - {None}),
                "impressions": impressions,
                "clicks": clicks,
                "ctr": ratio(clicks, impressions),
            }
        )
    return table

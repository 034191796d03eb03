"""Searches, and what their sessions did after them.

Belongs here: docs/metrics.md, `core.fct_searches` and `marts.search_performance`.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from tests.laws.oracle.commerce import property_of
from tests.laws.oracle.events import Row, in_order, pick
from tests.laws.oracle.kpis import ratio, value_of
from tests.laws.oracle.lines import as_number, as_text

COLUMNS = [
    "event_key", "source", "visitor_id", "user_id", "session_id", "event_date", "report_date",
    "is_bot",
]  # fmt: skip


def normalised(query: Any) -> str | None:
    """Lower case, white space as one space, none at the ends; None if nothing is left."""
    text = as_text(query)
    return " ".join(text.lower().split()) or None if text is not None else None


def searches(winners: list[Row], fct_orders: list[Row]) -> list[Row]:
    """`core.fct_searches`; a session's events count for the last search before them."""
    order_of = {order["event_key"]: order for order in fct_orders if not order["is_bot"]}
    table: dict[str, Row] = {}
    latest: dict[str, Row] = {}
    for event in sorted(winners, key=in_order):
        session_id = event["session_id"]
        if event["role"] == "search":
            hits = as_number(property_of(event, "result_count"))
            row = {
                **pick(event, COLUMNS),
                "query": normalised(property_of(event, "query")),
                "has_click": False,
                "result_count": hits if hits is not None and hits >= 0 else None,
                "orders": 0,
                "revenue": Decimal(0),
                "searched_at": event["event_ts"],
            }
            table[event["event_key"]] = row
            if session_id is not None:
                latest[session_id] = row
        elif session_id in latest and not event["is_bot"]:
            search = latest[session_id]
            search["has_click"] |= event["role"] in {"product_click", "product_view"}
            order = order_of.get(event["event_key"])
            if order is not None:
                search["orders"] += 1
                search["revenue"] += order["gross_revenue"] or Decimal(0)
    return list(table.values())


def search_performance(rows: list[Row]) -> list[Row]:
    """`marts.search_performance`, from `core.fct_searches`."""
    by_query: dict[tuple[date, str], list[Row]] = defaultdict(list)
    for row in rows:
        if not row["is_bot"]:
            by_query[row["report_date"], value_of(row["query"])].append(row)
    table = []
    for (day, query), mine in by_query.items():
        hits = [row["result_count"] for row in mine if row["result_count"] is not None]
        clicked = sum(row["has_click"] for row in mine)
        ordered = sum(row["orders"] > 0 for row in mine)
        table.append(
            {
                "report_date": day,
                "query": query,
                "searches": len(mine),
                "searchers": len({row["visitor_id"] for row in mine} - {None}),
                "searches_with_result_count": len(hits),
                "results_shown": sum(hits),
                "zero_result_searches": hits.count(0),
                "searches_with_click": clicked,
                "searches_with_order": ordered,
                "orders": sum(row["orders"] for row in mine),
                "gross_revenue": sum((row["revenue"] for row in mine), Decimal(0)),
                "zero_result_share": ratio(hits.count(0), len(hits)),
                "average_results": ratio(sum(hits), len(hits)),
                "search_click_rate": ratio(clicked, len(mine)),
                "search_order_rate": ratio(ordered, len(mine)),
            }
        )
    return table

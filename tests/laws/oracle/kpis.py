"""The daily KPIs, in total and by dimension, counted day by day over all rows.

Belongs here: docs/metrics.md, `marts.kpi_daily` and `marts.kpi_daily_by_dimension`, without bots.
Not here: how events, sessions and orders come to be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.laws.oracle.events import Row
from tests.laws.oracle.lines import product_lines

NOT_SET = "(not set)"
COUNTED_ROLES = {
    "page_view": "page_views",
    "product_view": "product_views",
    "cart_add": "cart_adds",
    "checkout": "checkouts",
}


@dataclass
class Facts:
    """What is counted: rows of no bots, with their persons written to them."""

    events: list[Row]
    sessions: list[Row]
    orders: list[Row]
    refunds: list[Row]


@dataclass
class OrderPart:
    """What an order adds to one value of a dimension."""

    items: Decimal
    gross_revenue: Decimal
    is_without_value: bool


@dataclass
class Cell:
    """The counts of one date and value."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    visitors: set[str] = field(default_factory=set)
    persons: set[str] = field(default_factory=set)
    click_ids: set[str] = field(default_factory=set)
    converting_visitors: set[str] = field(default_factory=set)

    def as_row(self) -> Row:
        """Counts and the ratios on them."""
        counts, sums = self.counts, self.sums
        row: Row = {
            "visitors": len(self.visitors),
            "persons": len(self.persons),
            "new_visitors": counts["new_visitors"],
            "sessions": counts["sessions"],
            "engaged_sessions": counts["engaged_sessions"],
            "page_views": counts["page_views"],
            "product_views": counts["product_views"],
            "cart_adds": counts["cart_adds"],
            "checkouts": counts["checkouts"],
            "orders": counts["orders"],
            "orders_without_value": counts["orders_without_value"],
            "items": sums["items"],
            "gross_revenue": sums["gross_revenue"],
            "refunds": sums["refunds"],
            "net_revenue": sums["gross_revenue"] - sums["refunds"],
            "impressions": counts["impressions"],
            "clicks": counts["clicks"] + len(self.click_ids),
            "converting_sessions": counts["converting_sessions"],
            "converting_visitors": len(self.converting_visitors),
        }
        return row


def ratio(numerator: Any, denominator: Any) -> float | None:
    """Double, null where the denominator is 0."""
    return float(numerator) / float(denominator) if denominator else None


def with_ratios(row: Row) -> Row:
    """The row with the ratios that every KPI table has."""
    bounced = ratio(row["engaged_sessions"], row["sessions"])
    return {
        **row,
        "ctr": ratio(row["clicks"], row["impressions"]),
        "session_conversion_rate": ratio(row["converting_sessions"], row["sessions"]),
        "visitor_conversion_rate": ratio(row["converting_visitors"], row["visitors"]),
        "aov": ratio(row["gross_revenue"], row["orders"] - row["orders_without_value"]),
        "revenue_per_session": ratio(row["gross_revenue"], row["sessions"]),
        "bounce_rate": None if bounced is None else 1 - bounced,
    }


def count_event(cell: Cell, event: Row, impressions: int) -> None:
    """Add one event to a cell; `impressions` are added if that is its role."""
    role = event["role"]
    if event["is_sessionable"]:
        cell.visitors.add(event["visitor_id"])
        cell.persons.add(event["person_id"])
    if role in COUNTED_ROLES:
        cell.counts[COUNTED_ROLES[role]] += 1
    elif role == "impression":
        cell.counts["impressions"] += impressions
    elif role == "click" and event["impression_id"] is None:
        cell.counts["clicks"] += 1
    elif role == "click":
        cell.click_ids.add(event["impression_id"])


def tally(
    facts: Facts,
    event_values: Callable[[Row], dict[str, int]],
    session_values: Callable[[Row], set[str]],
    order_parts: Callable[[Row], dict[str, OrderPart]],
    refund_value: Callable[[Row], str],
) -> dict[tuple[date, str], Cell]:
    """Count every fact under the values that it has.

    Args:
        facts: rows of no bots.
        event_values: value -> impressions that the event adds there if it is one.
        session_values: values of a session.
        order_parts: value -> what the order adds there.
        refund_value: value of a refund.

    Returns:
        (report date, value) -> counts; only where something was counted.
    """
    cells: dict[tuple[date, str], Cell] = defaultdict(Cell)
    for event in facts.events:
        for value, impressions in event_values(event).items():
            count_event(cells[event["report_date"], value], event, impressions)
    for session in facts.sessions:
        for value in session_values(session):
            counts = cells[session["report_date"], value].counts
            counts["sessions"] += 1
            counts["new_visitors"] += session["is_new_visitor"]
            counts["engaged_sessions"] += session["is_engaged"]
            counts["converting_sessions"] += session["orders"] >= 1
    for order in facts.orders:
        for value, part in order_parts(order).items():
            cell = cells[order["report_date"], value]
            cell.counts["orders"] += 1
            cell.counts["orders_without_value"] += part.is_without_value
            cell.sums["items"] += part.items
            cell.sums["gross_revenue"] += part.gross_revenue
            if order["visitor_id"] is not None:
                cell.converting_visitors.add(order["visitor_id"])
    for refund in facts.refunds:
        cell = cells[refund["report_date"], refund_value(refund)]
        cell.sums["refunds"] += refund["amount"] or Decimal(0)
    return cells


def whole_order(order: Row) -> OrderPart:
    """An order as a whole."""
    gross = order["gross_revenue"]
    return OrderPart(order["items"], gross or Decimal(0), gross is None)


def kpi_daily(facts: Facts, as_of: date | None) -> list[Row]:
    """`marts.kpi_daily`. Reading: without an as_of date the last report date ends the table."""
    if not facts.events:
        return []
    days = [event["report_date"] for event in facts.events]
    first, last = min(days), max([*days, as_of] if as_of else days)
    cells = tally(
        facts,
        lambda event: {"": max(1, len(product_lines(event)))},
        lambda session: {""},
        lambda order: {"": whole_order(order)},
        lambda refund: "",
    )
    active: dict[date, set[str]] = defaultdict(set)
    for event in facts.events:
        if event["is_sessionable"]:
            active[event["report_date"]].add(event["person_id"])
    orders = sorted(facts.orders, key=lambda o: (o["ordered_at"], o["order_key"]))
    ordering: dict[date, set[str]] = defaultdict(set)
    repeating: dict[date, set[str]] = defaultdict(set)
    buyers_before: set[str] = set()
    for order in orders:
        if order["person_id"] is None:
            continue
        ordering[order["report_date"]].add(order["person_id"])
        if order["person_id"] in buyers_before:
            repeating[order["report_date"]].add(order["person_id"])
        buyers_before.add(order["person_id"])
    table = []
    cumulative = Decimal(0)
    buyers: set[str] = set()
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for number, day in enumerate(dates):
        row = with_ratios(cells[day, ""].as_row() if (day, "") in cells else Cell().as_row())
        row["report_date"] = day
        for name, length in (("dau", 1), ("wau", 7), ("mau", 30)):
            window = dates[max(0, number + 1 - length) : number + 1]
            row[name] = len(set().union(*(active[one] for one in window if one in active)))
        row["ordering_persons"] = len(ordering[day])
        row["repeat_ordering_persons"] = len(repeating[day])
        cumulative += row["net_revenue"]
        buyers |= ordering[day]
        row["cumulative_net_revenue"] = cumulative
        row["cumulative_buyers"] = len(buyers)
        row["stickiness"] = ratio(row["dau"], row["mau"])
        row["repeat_purchase_rate"] = ratio(row["repeat_ordering_persons"], row["ordering_persons"])
        row["clv_to_date"] = ratio(cumulative, len(buyers))
        table.append(row)
    return table


def value_of(text: str | None) -> str:
    """A dimension's value."""
    return NOT_SET if text is None else text


def line_categories(event: Row) -> dict[str, int]:
    """Category -> interactions of the event; one in its own category where it has none."""
    lines = product_lines(event)
    if not lines:
        return {value_of(event["category"]): 1}
    return Counter(value_of(line["category"]) for line in lines)


def category_parts(order: Row, items: list[Row]) -> dict[str, OrderPart]:
    """An order by the categories of its items; as a whole in `(not set)` without items."""
    if not items:
        return {NOT_SET: whole_order(order)}
    parts = {}
    for category in {value_of(item["category"]) for item in items}:
        mine = [item for item in items if value_of(item["category"]) == category]
        revenues = [i["line_revenue"] for i in mine if i["line_revenue"] is not None]
        parts[category] = OrderPart(
            sum((item["quantity"] for item in mine), Decimal(0)),
            sum(revenues, Decimal(0)),
            not revenues,
        )
    return parts


def kpi_daily_by_dimension(facts: Facts, order_items: list[Row]) -> list[Row]:
    """`marts.kpi_daily_by_dimension`.

    Readings: a category text `(not set)` and a null one are the same value. A session's categories
    are those of all its events, whatever their date. A session is converting in all of them.
    """
    event_of = {event["event_key"]: event for event in facts.events}
    items_of: dict[str, list[Row]] = defaultdict(list)
    for item in order_items:
        items_of[item["order_key"]].append(item)
    categories_of: dict[str, set[str]] = defaultdict(set)
    for event in facts.events:
        if event["session_id"] is not None:
            categories_of[event["session_id"]] |= set(line_categories(event))

    by_dimension = {}
    for column in ("device_type", "country", "source"):
        by_dimension[column] = tally(
            facts,
            lambda event, c=column: {value_of(event[c]): max(1, len(product_lines(event)))},
            lambda session, c=column: {value_of(session[c])},
            lambda order, c=column: {value_of(order[c]): whole_order(order)},
            lambda refund, c=column: value_of(event_of[refund["event_key"]][c]),
        )
    by_dimension["channel"] = tally(
        facts,
        lambda event: {value_of(event["channel"]): max(1, len(product_lines(event)))},
        lambda session: {session["channel"]},
        lambda order: {value_of(order["channel"]): whole_order(order)},
        lambda refund: NOT_SET,
    )
    by_dimension["category"] = tally(
        facts,
        line_categories,
        lambda session: categories_of[session["session_id"]],
        lambda order: category_parts(order, items_of[order["order_key"]]),
        lambda refund: value_of(event_of[refund["event_key"]]["category"]),
    )
    return [
        {"report_date": day, "dimension": dimension, "value": value, **with_ratios(row)}
        for dimension, cells in by_dimension.items()
        for (day, value), cell in cells.items()
        if any((row := cell.as_row()).values())
    ]

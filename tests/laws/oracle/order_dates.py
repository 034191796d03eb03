"""The dates on which persons ordered, as known on an arrival date.

Belongs here: docs/metrics.md, "order date". Not here: what an order is (`orders`), nor who a person
is (`identity`, `user_ties`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from tests.laws.oracle import events, identity
from tests.laws.oracle.events import Row
from tests.laws.oracle.lines import lines_of
from tests.laws.oracle.machines import mark_machines
from tests.laws.oracle.orders import build_orders
from tests.laws.oracle.sessions import assign_sessions
from tests.laws.oracle.user_ties import UserTies


def order_dates(
    log_rows: list[Row],
    *,
    registry: dict[str, Row],
    sources: dict[str, Row],
    settings: Row,
    rates: dict[str, Row],
    as_of: date,
) -> list[Row]:
    """`ml_inputs.ml_order_dates`, from rows that may have arrived after as_of.

    Readings: identity and orders are made of all that had arrived; an order counts by the UTC date
    of its first event; the value of a date is null where none of its orders states one.
    """
    copies = [
        events.derive(
            row, registry, settings["reporting_timezone"], settings["reporting_currency"], rates
        )
        for row in log_rows
        if row["arrival_date"] <= as_of
    ]
    winners, _ = events.split_copies(copies)
    mark_machines(winners, copies, settings)
    for event in winners:
        event["lines"] = lines_of(event)
    assign_sessions(winners, sources)
    ties = UserTies(winners)
    identity.assign_persons(winners, identity.build_map(winners, ties, []), ties)
    orders, _ = build_orders(winners, sources, settings["reporting_currency"])
    person_of = identity.order_persons(orders, winners)
    found: dict[tuple[str, date], list[Decimal]] = defaultdict(list)
    for order in orders:
        day = order["ordered_at"].date()
        if day <= as_of and order["visitor_id"] is not None and not order["is_bot"]:
            worth = order["gross_revenue"]
            found[person_of[order["order_key"]], day] += [] if worth is None else [worth]
    return [
        {
            "person_id": person,
            "order_date": day,
            "value": float(sum(values)) if values else None,
        }
        for (person, day), values in found.items()
    ]

"""Triggers by walking each visitor's moments: which of them fire, and what is suggested.

Belongs here: docs/metrics.md, `marts.trigger_firings`. Not here: who a person is (`identity`), what
was sent (the records are no function of the log).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from tests.laws.oracle.carts import Cart, key_of
from tests.laws.oracle.events import Row, hashed, in_order
from tests.laws.oracle.lines import as_number

SUGGESTIONS = 3
EPOCH = datetime(1970, 1, 1)
NEVER = datetime(9999, 12, 31)
MICROSECOND = timedelta(microseconds=1)


def rating_of(event: Row) -> Decimal | None:
    """The stars of a review; null for what is none, or says none."""
    if event["role"] != "review" or not event["properties"]:
        return None
    properties = json.loads(event["properties"], parse_float=Decimal)
    return as_number(properties.get("rating")) if isinstance(properties, dict) else None


def products_in(event: Row, category: str) -> set[str]:
    """Products of a category on the event's lines; none where a rule has no category."""
    return {
        line["product_id"]
        for line in event["lines"]
        if line["product_id"] is not None and line["category"] == category
    }


def bearing_on(rule: Row, events: Iterable[Row]) -> list[Row]:
    """The events that make the rule's condition hold, alone or with others, in their order."""
    found = [event for event in events if products_in(event, rule["category"])]
    if rule["condition"] == "products_viewed":
        found = [event for event in found if event["role"] == "product_view"]
    else:
        ratings = {event["event_key"]: rating_of(event) for event in found}
        found = [
            event
            for event in found
            if (stars := ratings[event["event_key"]]) is not None and stars <= rule["max_rating"]
        ]
    return sorted(found, key=in_order)


def moments_of(rule: Row, mine: Sequence[Row]) -> dict[datetime, list[Row]]:
    """A visitor's moments, each with its evidence.

    Args:
        rule: a trigger.
        mine: the visitor's events that bear on it, in order.
    """
    moments = {}
    for at, _ in groupby(mine, key=lambda event: event["event_ts"]):
        since = at - timedelta(seconds=rule["window_s"] or 0)
        evidence = [event for event in mine if since <= event["event_ts"] <= at]
        seen = {one for event in evidence for one in products_in(event, rule["category"])}
        if rule["condition"] != "products_viewed" or len(seen) >= rule["product_count"]:
            moments[at] = evidence
    return moments


def cart_moments(rule: Row, carts: Iterable[Cart]) -> dict[str, dict[datetime, list[Row]]]:
    """Visitor -> moment -> the cart's events up to it; the cart with the least key where several.

    Reading: an event or an order at the very moment still keeps the rule from firing.
    """
    pause = timedelta(seconds=rule["window_s"])
    found: dict[str, dict[datetime, list[Row]]] = defaultdict(dict)
    for cart in sorted(carts, key=key_of):
        events = [event for event, _ in cart.steps]
        if any(event["is_bot"] for event in events):
            continue
        ordered = [cart.order["ordered_at"]] if cart.order else []
        following = [*(event["event_ts"] for event in events[1:]), *ordered, NEVER]
        for number, (event, after) in enumerate(cart.steps):
            if (
                after["value"] > rule["value_over"]
                and following[number] > event["event_ts"] + pause
            ):
                if event["visitor_id"] is not None:
                    at = event["event_ts"] + pause
                    found[event["visitor_id"]].setdefault(at, events[: number + 1])
                break
    return found


def after_cooldown(rule: Row, moments: Iterable[datetime]) -> list[datetime]:
    """The moments that fire."""
    firing: list[datetime] = []
    for at in sorted(moments):
        if not firing or at - firing[-1] >= timedelta(seconds=rule["cooldown_s"]):
            firing.append(at)
    return firing


def within_budget(rule: Row, firings: list[Row]) -> list[Row]:
    """The first of each report date."""
    by_date: dict[Any, list[Row]] = defaultdict(list)
    for row in sorted(firings, key=lambda row: (row["fired_at"], row["firing_id"])):
        by_date[row["report_date"]].append(row)
    return [row for rows in by_date.values() for row in rows[: rule["daily_budget"]]]


def popular(rule: Row, products: Sequence[Row]) -> list[str]:
    """Products with the most interactions, of the category to suggest from where there is one."""
    wanted = [
        row
        for row in products
        if rule["suggested_category"] in (None, row["category"])
    ]  # fmt: skip
    wanted.sort(key=lambda row: (-row["interaction_count"], row["product_id"]))
    return [row["product_id"] for row in wanted]


def better_rated(rule: Row, events: Iterable[Row], reviewed: set[str]) -> list[str]:
    """Products of the category that are rated higher than those reviewed, the best first."""
    stars: dict[str, list[Fraction]] = defaultdict(list)
    for event in events:
        given = rating_of(event)
        if given is not None:
            for product in products_in(event, rule["category"]):
                stars[product].append(Fraction(given))
    average = {product: sum(given) / len(given) for product, given in stars.items()}
    least = max(average[product] for product in reviewed)
    better = [product for product, value in average.items() if value > least]
    return sorted(better, key=lambda one: (-average[one], -len(stars[one]), one))


def is_held_out(rule: Row, visitor_id: str) -> bool:
    """Whether the visitor gets no response of the rule."""
    return int(hashed("holdout", rule["rule"], visitor_id)[:8], 16) / 2**32 < rule["holdout_share"]


def moments_by_visitor(
    rule: Row, events: Iterable[Row], carts: Iterable[Cart]
) -> dict[str, dict[datetime, list[Row]]]:
    """Visitor -> moment -> evidence."""
    if rule["condition"] == "idle_cart":
        return cart_moments(rule, carts)
    by_visitor: dict[str, list[Row]] = defaultdict(list)
    for event in bearing_on(rule, events):
        by_visitor[event["visitor_id"]].append(event)
    return {visitor_id: moments_of(rule, mine) for visitor_id, mine in by_visitor.items()}


def trigger_firings(
    events: list[Row],
    rules: Sequence[Row],
    products: Sequence[Row],
    carts: Sequence[Cart],
    as_of: date | None,
    zone: str,
) -> list[Row]:
    """`marts.trigger_firings`, where no model has recommended anything.

    Args:
        events: of no bots, each with a visitor.
        rules: the triggers.
        products: `core.dim_products`.
        carts: all carts.
        as_of: latest closed arrival date, whose end a moment of a cart must have been before.
        zone: reporting time zone.
    """
    ends_at = datetime.combine(as_of, time()) + timedelta(days=1) if as_of else EPOCH
    table = []
    for rule in rules:
        firings = [
            firing(rule, visitor_id, at, moments[at], zone)
            for visitor_id, moments in moments_by_visitor(rule, events, carts).items()
            for at in after_cooldown(rule, moments)
            if rule["condition"] != "idle_cart" or at < ends_at
        ]
        for row in within_budget(rule, firings):
            reviewed = row.pop("products")
            if rule["suggest"] == "better_rated":
                suggested = better_rated(rule, events, reviewed)
            else:
                suggested = popular(rule, products)
            table.append({**row, "suggested_product_ids": suggested[:SUGGESTIONS] or None})
    return table


def firing(rule: Row, visitor_id: str, at: datetime, evidence: list[Row], zone: str) -> Row:
    """A firing, before what is suggested; `products` are those of its evidence."""
    since_epoch = str((at - EPOCH) // MICROSECOND)
    return {
        "firing_id": hashed(rule["rule"], visitor_id, since_epoch),
        "rule": rule["rule"],
        "person_id": evidence[-1]["person_id"],
        "visitor_id": visitor_id,
        "report_date": at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date(),
        "response": rule["response"],
        "is_holdout": is_held_out(rule, visitor_id),
        "discount_min_pct": rule["discount_min_pct"],
        "discount_max_pct": rule["discount_max_pct"],
        "fired_at": at,
        "evidence_event_keys": [event["event_key"] for event in evidence],
        "products": {one for event in evidence for one in products_in(event, rule["category"])},
    }

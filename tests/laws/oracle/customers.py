"""`marts.customer_360` without the columns that come from models.

Belongs here: docs/metrics.md, "customer_360". Not here: who a person is (`identity`).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.laws.oracle import consents
from tests.laws.oracle.events import Row, in_order
from tests.laws.oracle.kpis import Facts, ratio

CATEGORY_WEIGHTS = {"product_view": 1, "cart_add": 3, "order": 5}
CRM_ATTRIBUTES = {
    "segment", "crm_segment", "crmSegment", "customer_group", "customerGroup", "account_type",
    "accountType", "industry", "lead_status", "leadStatus", "loyalty_tier", "loyaltyTier",
    "newsletter", "plan", "tier",
}  # fmt: skip
RFM_SCORES = ("recency_score", "frequency_score", "monetary_score")


def by_person(rows: list[Row]) -> dict[str, list[Row]]:
    """person_id -> rows."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["person_id"] is not None:
            groups[row["person_id"]].append(row)
    return groups


def last_of(events: list[Row], column: str) -> Any:
    """Last value that is not null."""
    return next((e[column] for e in reversed(events) if e[column] is not None), None)


def favourite_category(interactions: list[Row]) -> str | None:
    """Category with the greatest weight, the alphabetically first of equals."""
    weights: dict[str, int] = defaultdict(int)
    for row in interactions:
        if row["category"] is not None and row["interaction"] in CATEGORY_WEIGHTS:
            weights[row["category"]] += CATEGORY_WEIGHTS[row["interaction"]]
    return min(weights, key=lambda category: (-weights[category], category), default=None)


def said_of_customer(properties: str | None) -> dict[str, str | None]:
    """Attribute -> what one event says of it as text, None where it takes it back."""
    try:
        top = json.loads(properties or "null")
    except ValueError:
        return {}
    top = top if isinstance(top, dict) else {}
    context = top.get("context")
    places = [top, top.get("traits"), context.get("traits") if isinstance(context, dict) else None]
    said: dict[str, str | None] = {}
    for place in places:
        for name, value in (place if isinstance(place, dict) else {}).items():
            if name not in CRM_ATTRIBUTES or isinstance(value, dict | list):
                continue
            text = value if isinstance(value, str) else json.dumps(value)
            if value is None or not text:
                said.setdefault(name, None)
            elif len(text) <= 100:
                said[name] = max(text, said.get(name) or "")
    return said


def crm_attributes(events: list[Row]) -> list[str]:
    """`name=value` of what a person's events, in order, last say of each attribute."""
    last: dict[str, str | None] = {}
    for event in events:
        if event["role"] == "profile":
            last |= said_of_customer(event["properties"])
    return [f"{name}={value}" for name, value in sorted(last.items()) if value is not None]


def quintiles(ranked: list[Row], score: str) -> None:
    """Write ntile(5) of the list's order: five groups, the first ones larger by one."""
    size, larger = divmod(len(ranked), 5)
    sizes = [size + (group < larger) for group in range(5)]
    scores = [group + 1 for group in range(5) for _ in range(sizes[group])]
    for row, number in zip(ranked, scores, strict=True):
        row[score] = number


def score_rfm(buyers: list[Row]) -> None:
    """Write the three scores and the segment. Reading: null recency (no as_of yet) is a tie."""
    orders: list[tuple[str, Callable[[Row], Any]]] = [
        ("recency_score", lambda r: -(r["recency_days"] or 0)),
        ("frequency_score", lambda r: r["order_count"]),
        ("monetary_score", lambda r: r["monetary"]),
    ]
    for score, value in orders:
        ranked = sorted(buyers, key=lambda r, value=value: (value(r), r["person_id"]))
        quintiles(ranked, score)
    for row in buyers:
        row["rfm_segment"] = "".join(str(row[score]) for score in RFM_SCORES)


@dataclass(frozen=True)
class Standing:
    """What tells where persons stand: rows of the tables, those of acts with their persons.

    Attributes:
        reviews: rows of `fct_reviews`, with person_id.
        carts: rows of `fct_carts`, with person_id.
        units: rows of `fct_experiment_units`.
        firings: rows of `trigger_firings`.
    """

    reviews: list[Row]
    carts: list[Row]
    units: list[Row]
    firings: list[Row]


def standing_of(
    person_id: str, standing: Standing, agreed: Mapping[str, list[str]], as_of: date | None
) -> Row:
    """The columns under "Where the person stands now"."""

    def mine(rows: list[Row]) -> list[Row]:
        return [row for row in rows if row["person_id"] == person_id]

    ratings = [
        row["rating"]
        for row in mine(standing.reviews)
        if row["rating"] is not None and not row["is_bot"]
    ]
    carts = [row for row in mine(standing.carts) if not row["is_bot"]]
    cart: Row = max(carts, key=lambda row: (row["opened_at"], row["cart_key"]), default={})
    firings = mine(standing.firings)
    firing: Row = max(firings, key=lambda row: (row["fired_at"], row["firing_id"]), default={})
    quiet_since = as_of - timedelta(days=28) if as_of else None
    running = {
        unit["experiment"]
        for unit in standing.units
        if quiet_since and unit["last_exposed_at"].date() >= quiet_since
    }
    return {
        "review_count": len(ratings),
        "average_rating": ratio(sum(ratings), len(ratings)),
        "last_cart_state": cart.get("state"),
        "last_cart_value": cart.get("value"),
        "last_cart_at": cart.get("last_event_at"),
        "consents": agreed.get(person_id, []),
        "running_experiments": sorted(
            f"{unit['experiment']}={unit['variant']}"
            for unit in mine(standing.units)
            if unit["experiment"] in running and not unit["is_contaminated"]
        ),
        "trigger_count": len(firings),
        "last_trigger": firing.get("rule"),
        "last_triggered_at": firing.get("fired_at"),
    }


def customer_360(
    facts: Facts,
    interactions: list[Row],
    persons: list[Row],
    as_of: date | None,
    standing: Standing,
) -> list[Row]:
    """One row for every person of `persons` with an event that is no bot's.

    Readings: all counts leave out bots' rows, `visitor_count` and `event_count` too. `aov` is
    gross_revenue over orders with a value, null without. Gross revenue and refunds are 0 if none.
    """
    user_of = {person["person_id"]: person["user_id"] for person in persons}
    person_of_event = {event["event_key"]: event["person_id"] for event in facts.events}
    sessions, orders = by_person(facts.sessions), by_person(facts.orders)
    refunds = by_person(facts.refunds)
    touched = by_person(
        [
            {**row, "person_id": person_of_event[row["event_key"]]}
            for row in interactions
            if not row["is_bot"]
        ]
    )
    agreed = consents.agreed(facts)
    table = []
    for person_id, unordered in by_person(facts.events).items():
        if person_id not in user_of:
            continue
        events = sorted(unordered, key=in_order)
        roles = [event["role"] for event in events]
        visits = sorted(sessions[person_id], key=lambda s: (s["started_at"], s["session_id"]))
        bought = sorted(orders[person_id], key=lambda o: (o["ordered_at"], o["order_key"]))
        values = [o["gross_revenue"] for o in bought if o["gross_revenue"] is not None]
        gross = sum(values, Decimal(0))
        refunded = sum((r["amount"] or Decimal(0) for r in refunds[person_id]), Decimal(0))
        recency = None
        if bought and as_of is not None:
            recency = max(0, (as_of - max(o["report_date"] for o in bought)).days)
        table.append(
            {
                "person_id": person_id,
                "user_id": user_of[person_id],
                "is_known": user_of[person_id] is not None,
                "first_seen_at": events[0]["event_ts"],
                "last_seen_at": events[-1]["event_ts"],
                "visitor_count": len({event["visitor_id"] for event in events}),
                "event_count": len(events),
                "session_count": len(visits),
                "page_views": roles.count("page_view"),
                "product_views": roles.count("product_view"),
                "cart_adds": roles.count("cart_add"),
                "order_count": len(bought),
                "gross_revenue": gross,
                "refunds": refunded,
                "monetary": gross - refunded,
                "aov": ratio(gross, len(values)),
                "first_order_at": bought[0]["ordered_at"] if bought else None,
                "last_order_at": bought[-1]["ordered_at"] if bought else None,
                "recency_days": recency,
                **dict.fromkeys(RFM_SCORES),
                "rfm_segment": None,
                "favourite_category": favourite_category(touched[person_id]),
                "last_device_type": last_of(events, "device_type"),
                "last_country": last_of(events, "country"),
                "first_channel": visits[0]["channel"] if visits else None,
                "last_channel": visits[-1]["channel"] if visits else None,
                "crm_attributes": crm_attributes(events),
                **standing_of(person_id, standing, agreed, as_of),
            }
        )
    score_rfm([row for row in table if row["order_count"] > 0])
    return table

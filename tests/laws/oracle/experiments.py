"""Experiments by following each person: which variant it met first, and what it did around then.

Belongs here: docs/metrics.md, "Experiments", without the statistics. Not here: who a person is
(`identity`), nor what an order or a session is.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.laws.oracle import events, identity
from tests.laws.oracle.events import Row, in_order
from tests.laws.oracle.lines import lines_of, product_lines
from tests.laws.oracle.machines import mark_machines
from tests.laws.oracle.orders import build_orders
from tests.laws.oracle.sessions import assign_sessions, build_sessions
from tests.laws.oracle.user_ties import UserTies

NOT_SET = "(not set)"
QUIET = timedelta(days=28)
BEFORE = timedelta(days=28)
# numerator and denominator after the exposure, and both before it
NUMBERS = ("numerator", "denominator", "numerator_before", "denominator_before")


def property_of(event: Row, name: str) -> str | None:
    """A property as text, null where it is not there or null."""
    value: Any = json.loads(event["properties"] or "{}").get(name)
    return None if value is None else str(value)


def exposures(winners: list[Row]) -> list[Row]:
    """`core.fct_experiment_exposures`, bots among them."""
    table = []
    for event in winners:
        names = {name: property_of(event, f"{name}_id") for name in ("experiment", "variant")}
        if event["role"] == "experiment" and None not in names.values():
            columns = ("event_key", "visitor_id", "user_id", "event_ts", "event_date",
                       "report_date", "arrival_date", "source", "device_type", "country",
                       "is_bot")  # fmt: skip
            table.append({**names, **{name: event[name] for name in columns}})
    return table


def units(winners: list[Row]) -> list[Row]:
    """`core.fct_experiment_units`: persons by the variant that they met first; no bots' events."""
    met: dict[tuple[str, str], list[tuple[Row, str]]] = defaultdict(list)
    person_of = {event["event_key"]: event for event in winners}
    for exposure in exposures(winners):
        event = person_of[exposure["event_key"]]
        if event["person_id"] is not None and not event["is_bot"]:
            met[exposure["experiment"], event["person_id"]].append((event, exposure["variant"]))
    table = []
    for (experiment, person_id), seen in met.items():
        seen.sort(key=lambda pair: in_order(pair[0]))
        first, variant = seen[0]
        table.append(
            {
                "experiment": experiment,
                "person_id": person_id,
                "variant": variant,
                "device_type": first["device_type"] or NOT_SET,
                "country": first["country"] or NOT_SET,
                "is_contaminated": len({name for _, name in seen}) > 1,
                "exposure_count": len(seen),
                "exposed_at": first["event_ts"],
                "last_exposed_at": seen[-1][0]["event_ts"],
                "event_key": first["event_key"],
            }
        )
    return table


@dataclass
class Act:
    """Something that a person did at a time, and what it counts."""

    person_id: str
    at: datetime
    counts: dict[str, Any]


def moments(
    log_rows: list[Row],
    *,
    registry: dict[str, Row],
    sources: dict[str, Row],
    settings: Row,
    rates: events.Rates,
    as_of: date,
    window_from: date,
) -> list[Row]:
    """`ml_inputs.ml_experiment_moments`, from rows that may have arrived after as_of.

    Readings: identity is made of all that had arrived; exposures and acts are those with an
    event_date in the window.
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
    ties = UserTies(winners)
    identity.assign_persons(winners, identity.build_map(winners, ties, []), ties)
    winners = [event for event in winners if window_from <= event["event_date"] <= as_of]
    latest: dict[str, datetime] = {}
    for one in sorted(exposures(winners), key=in_order):
        if one["visitor_id"] is not None and not one["is_bot"]:
            latest[one["experiment"]] = one["event_ts"]
    quiet_since = datetime.combine(as_of, time()) - QUIET
    running = [name for name, at in latest.items() if at >= quiet_since]
    acts = acts_of(winners, sources, settings["reporting_currency"])
    return [
        row
        for experiment in running
        for row in of_experiment(
            [unit for unit in units(winners) if unit["experiment"] == experiment], acts
        )
    ]


def acts_of(winners: list[Row], sources: dict[str, Row], currency: str) -> list[Act]:
    """Sessions, visitors' dates, orders, things shown and clicked, of no bots."""
    grouped = assign_sessions(winners, sources)
    orders, _ = build_orders(winners, sources, currency)
    person_of_order = identity.order_persons(orders, winners)
    orders = [order for order in orders if not order["is_bot"]]
    seen = [event for event in winners if not event["is_bot"] and event["visitor_id"] is not None]
    return [
        *session_acts(grouped, orders),
        *(order_act(order, person_of_order) for order in orders if order["visitor_id"]),
        *date_acts(seen, orders),
        *shown_and_clicked(seen),
    ]


def session_acts(grouped: list[list[Row]], orders: list[Row]) -> Iterator[Act]:
    """A session counts whole, at the time of its last event."""
    person_of = identity.session_persons(grouped)
    for session in build_sessions(grouped, orders, {}):
        if not session["is_bot"]:
            counts = {
                "sessions": 1,
                "engaged_sessions": int(session["is_engaged"]),
                "converting_sessions": int(session["orders"] >= 1),
            }
            yield Act(person_of[session["session_id"]], session["ended_at"], counts)


def order_act(order: Row, person_of: dict[str, Any]) -> Act:
    """An order, at the time of its first event."""
    worth = order["gross_revenue"]
    counts = {"orders": 1, "valued": int(worth is not None), "revenue": worth or 0}
    return Act(person_of[order["order_key"]], order["ordered_at"], counts)


def date_acts(seen: list[Row], orders: list[Row]) -> Iterator[Act]:
    """A visitor's date, at the time of its last event, of the person of that."""
    buyers = {(order["visitor_id"], order["report_date"]) for order in orders}
    dates: dict[tuple[str, date], Row] = {}
    for event in sorted(seen, key=in_order):
        if event["is_sessionable"]:
            dates[event["visitor_id"], event["report_date"]] = event
    for key, last in dates.items():
        counts = {"visitors": 1, "converting_visitors": int(key in buyers)}
        yield Act(last["person_id"], last["event_ts"], counts)


def shown_and_clicked(seen: list[Row]) -> Iterator[Act]:
    """Items shown, and each person's first click on an impression."""
    clicked = set()
    for event in sorted(seen, key=in_order):
        if event["role"] == "impression":
            counts = {"impressions": max(1, len(product_lines(event)))}
            yield Act(event["person_id"], event["event_ts"], counts)
        click = (event["person_id"], event["impression_id"] or event["event_key"])
        if event["role"] == "click" and click not in clicked:
            clicked.add(click)
            yield Act(event["person_id"], event["event_ts"], {"clicks": 1})


METRICS = {
    "ctr": ("clicks", "impressions"),
    "session_conversion_rate": ("converting_sessions", "sessions"),
    "visitor_conversion_rate": ("converting_visitors", "visitors"),
    "aov": ("revenue", "valued"),
    "revenue_per_session": ("revenue", "sessions"),
    "bounce_rate": ("bounces", "sessions"),
    "unit_conversion_rate": ("ordering", "units"),
    "orders_per_unit": ("orders", "units"),
    "revenue_per_unit": ("revenue", "units"),
}


def totals(acts: list[Act]) -> Counter[str]:
    """What a unit did in a time, and the unit itself."""
    found: Counter[str] = Counter(units=1)
    for act in acts:
        found.update(act.counts)
    found["bounces"] = found["sessions"] - found["engaged_sessions"]
    found["ordering"] = int(found["orders"] > 0)
    return found


def of_experiment(members: list[Row], acts: list[Act]) -> list[Row]:
    """The rows of one experiment, from its units."""
    acts_by_person: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        acts_by_person[act.person_id].append(act)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for unit in members:
        mine = acts_by_person[unit["person_id"]]
        start = unit["exposed_at"]
        after = totals([act for act in mine if act.at >= start])
        before = totals([act for act in mine if start - BEFORE <= act.at < start])
        numbers = {
            metric: [float(period[part]) for period in (after, before) for part in parts]
            for metric, parts in METRICS.items()
        }
        for segment in ("all", f"device_type={unit['device_type']}", f"country={unit['country']}"):
            groups[segment, unit["variant"]].append({**unit, "numbers": numbers})
    table = []
    for (segment, variant), assigned in groups.items():
        analysed = [unit for unit in assigned if not unit["is_contaminated"]]
        for metric in METRICS if analysed else ():
            values = [unit["numbers"][metric] for unit in analysed]
            row: Row = {
                "experiment": assigned[0]["experiment"],
                "segment": segment,
                "variant": variant,
                "metric": metric,
                "units": len(analysed),
                "assigned_units": len(assigned),
                "contaminated_units": len(assigned) - len(analysed),
                "first_exposed_at": min(unit["exposed_at"] for unit in assigned),
                "last_exposed_at": max(unit["exposed_at"] for unit in assigned),
            }
            for a, name in enumerate(NUMBERS):
                row[f"sum_{name}"] = sum(value[a] for value in values)
                for b, other in enumerate(NUMBERS[a:], start=a):
                    row[f"product_{name}_{other}"] = sum(v[a] * v[b] for v in values)
            table.append(row)
    return table

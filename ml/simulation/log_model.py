"""Shoppers fitted to a log: from its sessions to everything that a likeness is drawn from.

Here: what a log must hold, and the one walk over it. The parts are estimated in `semi_markov`,
`log_visits` and `log_wares`, drawn from in `log_shoppers`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby, pairwise
from typing import Any

import pyarrow as pa

from ml.simulation.baskets import Basket
from ml.simulation.log_visits import Calendar, Returns, fit_calendar, fit_returns
from ml.simulation.log_wares import Event, Orders, Wares, WaresTally, fit_orders
from ml.simulation.semi_markov import MEMORY, SUPPORT, Chain, Tally, Walk, Weights, fit_chain
from ml.simulation.settings import DAY, SESSION_GAP

SESSION_SCHEMA = pa.schema(
    [
        ("session_id", pa.string()),
        ("visitor_id", pa.string()),
        ("source", pa.string()),
        ("device_type", pa.string()),
        ("country", pa.string()),
        ("traffic_source", pa.string()),
        ("traffic_medium", pa.string()),
    ]
)
EVENT_SCHEMA = pa.schema(
    [
        ("session_id", pa.string()),
        ("event_ts", pa.timestamp("us")),
        ("event_key", pa.string()),
        ("event_name", pa.string()),
        ("role", pa.string()),
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.float64()),
        ("revenue", pa.float64()),
    ]
)
LINE_SCHEMA = pa.schema(
    [
        ("event_key", pa.string()),
        ("product_id", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.float64()),
    ]
)
# Kinds of sessions that come from different places: mails go to those with a cart.
NEW, RETURNING, WITH_CART = "new", "returning", "with_cart"


@dataclass(frozen=True)
class Log:
    """What is read of a log; bots are left out of it by whoever reads.

    Attributes:
        sessions: SESSION_SCHEMA, a row a session.
        events: EVENT_SCHEMA, the events of these sessions; amounts in the reporting currency; an
            order is its first event, with its value.
        lines: LINE_SCHEMA, of orders, by the key of the order's event.
        first, last: UTC days, both whole and within the log.
    """

    sessions: pa.Table
    events: pa.Table
    lines: pa.Table
    first: date
    last: date


@dataclass(frozen=True)
class Shoppers:
    """What is estimated of one source.

    Attributes:
        chain: of event names; standings are those of `baskets`.
        roles: event name to role.
        calendar, returns: when sessions begin, and whose they are.
        wares, orders: what events are about.
        devices, countries: of visitors; None for the rest.
        traffic: NEW, RETURNING or WITH_CART to (traffic source, medium); None for the rest.
    """

    chain: Chain
    roles: Mapping[str, str]
    calendar: Calendar
    returns: Returns
    wares: Wares
    orders: Orders
    devices: Weights[str | None] | None
    countries: Weights[str | None] | None
    traffic: Mapping[str, Weights[tuple[str, str] | None]]


@dataclass(frozen=True)
class LogModel:
    """All sources of a log.

    Attributes:
        sources: name to shoppers, by name.
        left_out: sources too small to be reproduced, by name.
    """

    sources: Mapping[str, Shoppers]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Session:
    visitor: str
    start: int
    device: str | None
    country: str | None
    traffic: tuple[str, str]
    events: list[Event]


def fit_log(log: Log, support: int = SUPPORT, memory: int = MEMORY) -> LogModel:
    """Estimate shoppers from a log.

    Args:
        log: the rows, in any order.
        support: a product, a step, a place of origin or a value that fewer visitors had is not
            reproduced.
        memory: see `semi_markov`.

    Returns:
        A model of each source with enough visitors. The same rows give the same model.

    Raises:
        ValueError: there is no session at all, or no source has enough visitors.
    """
    if not log.sessions.num_rows:
        raise ValueError(
            f"no session of a person from {log.first} to {log.last}: there is nothing to be like"
        )
    found: dict[str, Shoppers] = {}
    left_out: list[str] = []
    for source, sessions in _sources(log):
        shoppers = None
        if len({session.visitor for session in sessions}) >= support:
            shoppers = _fit_source(sessions, log.first, log.last, support, memory)
        if shoppers is None:
            left_out.append(source)
        else:
            found[source] = shoppers
    if not found:
        raise ValueError(
            f"no source has {support} visitors who did the same from {log.first} to {log.last}: "
            "a likeness of fewer would tell of persons"
        )
    return LogModel(found, tuple(left_out))


def _fit_source(
    sessions: Sequence[_Session], first: date, last: date, support: int, memory: int
) -> Shoppers | None:
    """Walk over the sessions of a source, visitor by visitor; None where nothing has support."""
    counts = _Counts()
    some = _with_products(sessions, support)
    for person, (_, group) in enumerate(groupby(some, key=lambda session: session.visitor)):
        basket = Basket()
        for number, session in enumerate(group):
            counts.add(person, session, basket, is_new=not number)
    return counts.shoppers(first, (last - first).days + 1, support, memory)


class _Counts:
    """What is counted of sessions; those of a person follow each other, by time."""

    def __init__(self) -> None:
        self.wares = WaresTally()
        self.devices: Tally[str] = Tally()
        self.countries: Tally[str] = Tally()
        self.traffic: dict[str, Tally[tuple[str, str]]] = {
            kind: Tally() for kind in (NEW, RETURNING, WITH_CART)
        }
        self.roles: dict[str, str] = {}
        self.orders: list[tuple[int, Event, dict[str, float]]] = []
        self.walks: list[Walk] = []
        self.visits: list[tuple[int, int, bool]] = []

    def add(self, person: int, session: _Session, basket: Basket, *, is_new: bool) -> None:
        """Count a session; `basket` is the person's, and goes on with it."""
        basket.begin_session(session.start)
        if is_new:
            self.devices.add(session.device or "", person)
            self.countries.add(session.country or "", person)
        self.traffic[kind_of(basket, is_new=is_new)].add(session.traffic, person)
        standings = [basket.standing]
        for event in session.events:
            self._add_event(person, event, basket)
            standings.append(basket.standing)
        names = [event.name for event in session.events]
        # A tracker's own sessions may have longer gaps; here they would be cut.
        waits = [
            min(later.moment - event.moment, SESSION_GAP)
            for event, later in pairwise(session.events)
        ]
        self.walks.append(Walk(person, names, standings, waits))
        self.visits.append((person, session.start, bool(basket.items)))

    def _add_event(self, person: int, event: Event, basket: Basket) -> None:
        if event.role is not None:
            self.roles[event.name] = event.role
        if event.role == "order":
            self.orders.append((person, event, dict(basket.items)))
        is_free = not basket.chooses(event.role)
        self.wares.add(event, person, basket.focus, basket.focus_name, is_free=is_free)
        basket.note(event.name, event.role, event.product, event.quantity, event.moment)

    def shoppers(self, first: date, days: int, support: int, memory: int) -> Shoppers | None:
        """What follows from the counts; None where no beginning of a session has support."""
        chain = fit_chain(self.walks, memory, support)
        if not chain.begins:
            return None
        wares = self.wares.wares(support)
        traffic = {kind: some.weights_and_rest(support) for kind, some in self.traffic.items()}
        starts = [start for _, start, _ in self.visits]
        return Shoppers(
            chain=chain,
            roles=self.roles,
            calendar=fit_calendar(starts, first, days, support),
            returns=fit_returns(self.visits, days, support),
            wares=wares,
            orders=fit_orders(self.orders, wares.goods, support),
            devices=self.devices.weights_and_rest(support),
            countries=self.countries.weights_and_rest(support),
            traffic={kind: some for kind, some in traffic.items() if some is not None},
        )


def _with_products(sessions: Sequence[_Session], support: int) -> Sequence[_Session]:
    """The sessions without what needs a product, where no product has enough visitors."""
    visitors: dict[str, set[str]] = {}
    for session in sessions:
        for event in session.events:
            if event.product is not None:
                visitors.setdefault(event.product, set()).add(session.visitor)
    if any(len(some) >= support for some in visitors.values()):
        return sessions
    kept = (
        replace(session, events=[event for event in session.events if event.product is None])
        for session in sessions
    )
    return [session for session in kept if session.events]


def kind_of(basket: Basket, *, is_new: bool) -> str:
    """Which kind of session begins."""
    if is_new:
        return NEW
    return WITH_CART if basket.items else RETURNING


def _sources(log: Log) -> Iterator[tuple[str, list[_Session]]]:
    """Sessions by source, visitor and time; moments in ms since the first day's midnight."""
    events = _events_by_session(log)
    end = ((log.last - log.first).days + 1) * DAY
    about = log.sessions.select(SESSION_SCHEMA.names).cast(SESSION_SCHEMA)
    found: dict[str, list[tuple[str, int, str, _Session]]] = {}
    for key, visitor, source, device, country, *origin in zip(
        *(_values(about, name) for name in SESSION_SCHEMA.names), strict=True
    ):
        done = events.get(key)
        if not done:
            continue
        start = done[0].moment
        if not 0 <= start < end:
            continue
        traffic = (origin[0] or "", origin[1] or "")
        session = _Session(visitor, start, device, country, traffic, done)
        found.setdefault(source, []).append((visitor, start, key, session))
    for source in sorted(found):
        yield source, [session for *_, session in sorted(found[source], key=lambda row: row[:3])]


def _events_by_session(log: Log) -> dict[str, list[Event]]:
    zero = int(datetime(log.first.year, log.first.month, log.first.day, tzinfo=UTC).timestamp())
    lines: dict[str, list[tuple[Any, ...]]] = {}
    of_orders = log.lines.select(LINE_SCHEMA.names).cast(LINE_SCHEMA)
    for key, *line in zip(*(_values(of_orders, n) for n in LINE_SCHEMA.names), strict=True):
        lines.setdefault(key, []).append(tuple(line))
    table = log.events.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)
    table = table.sort_by([(name, "ascending") for name in ("session_id", "event_ts", "event_key")])
    moments = (
        us // 1000 - zero * 1000 for us in table["event_ts"].cast(pa.int64()).to_numpy().tolist()
    )
    rest = ("session_id", "event_key", *EVENT_SCHEMA.names[3:])
    found: dict[str, list[Event]] = {}
    for moment, session, key, *content in zip(
        moments, *(_values(table, name) for name in rest), strict=True
    ):
        order = tuple(sorted(lines.get(key, ()), key=repr))
        found.setdefault(session, []).append(_event(moment, content, order))
    return found


def _event(moment: int, content: Sequence[Any], lines: tuple[Any, ...]) -> Event:
    name, role, product, category, brand, price, quantity, revenue = content
    return Event(name, role, moment, product, category, brand, price, quantity, revenue, lines)


def _values(table: pa.Table, name: str) -> list[Any]:
    """A column as Python values, each different text once in memory."""
    column = table[name].combine_chunks()
    if not pa.types.is_string(column.type):
        plain: list[Any] = column.to_pylist()
        return plain
    encoded = column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    return [None if at is None else words[at] for at in encoded.indices.to_pylist()]

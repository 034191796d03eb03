"""What truly happened, noted while it is planned, and the tables it is handed out in.

Sessions are cut from the plan of a visit, orders noted when they are placed. Nothing here reads a
line that was written. Sessions are what was delivered by the end of the last day; an order or a
planted effect that is not has `is_delivered` false. The summary counts undelivered events.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from ml.simulation.actions import Action
from ml.simulation.persons import Person
from ml.simulation.settings import DAY, SESSION_GAP, SESSIONABLE, Settings

_TIME = pa.timestamp("us")
SESSION_SCHEMA = pa.schema(
    [
        ("anonymous_id", pa.string()),
        ("person_id", pa.string()),
        ("user_id", pa.string()),
        ("started_at", _TIME),
        ("ended_at", _TIME),
        ("event_count", pa.int64()),
        ("page_views", pa.int64()),
        ("product_views", pa.int64()),
        ("cart_adds", pa.int64()),
        ("orders", pa.int64()),
        ("revenue", pa.float64()),
        ("is_bot", pa.bool_()),
        ("has_late_event", pa.bool_()),
    ]
)
PERSON_SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_ids", pa.list_(pa.string())),
        ("device_ids", pa.list_(pa.string())),
        ("kind", pa.string()),
        ("country", pa.string()),
        ("preference", pa.int64()),
        ("variant", pa.string()),
        ("visits", pa.int64()),
        ("log_ins", pa.int64()),
        ("orders", pa.int64()),
        ("is_bot", pa.bool_()),
    ]
)
ORDER_SCHEMA = pa.schema(
    [
        ("order_id", pa.string()),
        ("event_id", pa.string()),
        ("person_id", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_id", pa.string()),
        ("ordered_at", _TIME),
        ("first_revenue", pa.float64()),
        ("revenue", pa.float64()),
        ("refunded", pa.float64()),
        ("quantity", pa.int64()),
        ("coupon", pa.string()),
        ("variant", pa.string()),
        ("is_recovered_cart", pa.bool_()),
        ("is_delivered", pa.bool_()),
    ]
)
PLANTED_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("at", _TIME),
        ("source", pa.string()),
        ("event_id", pa.string()),
        ("person_id", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_id", pa.string()),
        ("value", pa.float64()),
        ("detail", pa.string()),
        ("is_delivered", pa.bool_()),
    ]
)


@dataclass(slots=True)
class Order:
    """An order as it was placed, and what became of it; money in cents."""

    order_id: str
    event_id: str
    person_id: str
    user_id: str | None
    anonymous_id: str
    moment: int
    first_revenue: int
    revenue: int
    quantity: int
    coupon: str | None
    variant: str
    is_recovered_cart: bool
    refunded: int = 0


@dataclass
class Truth:
    """The ledger of a simulation; filled day by day, complete once every day was drawn."""

    settings: Settings
    sessions: list[tuple[Any, ...]] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    planted: list[dict[str, Any]] = field(default_factory=list)
    undelivered: set[str] = field(default_factory=set)
    # (arrival day, source) -> how often each outcome
    delivered: dict[tuple[int, str], Counter[str]] = field(default_factory=dict)
    persons: list[Person] = field(default_factory=list)

    def at(self, moment: int) -> datetime:
        """The UTC time, naive, of a moment."""
        return datetime.combine(self.settings.start, time.min) + timedelta(milliseconds=moment)

    def date(self, day: int) -> date:
        """The date of a day's number."""
        return self.settings.start + timedelta(days=day)

    def plant(
        self,
        kind: str,
        moment: int,
        *,
        source: str | None = None,
        event_id: str | None = None,
        person: Person | None = None,
        anonymous_id: str | None = None,
        value: float | None = None,
        detail: str | None = None,
    ) -> None:
        """Note something that a warehouse is expected to find; what lies past the end is not."""
        if moment >= self.settings.days * DAY:
            return
        self.planted.append(
            {
                "kind": kind,
                "at": self.at(moment),
                "source": source,
                "event_id": event_id,
                "person_id": person.person_id if person else None,
                "user_id": person.user_id if person and person.has_account else None,
                "anonymous_id": anonymous_id,
                "value": value,
                "detail": detail,
            }
        )

    def note_sessions(
        self,
        person: Person,
        anonymous_id: str,
        actions: Sequence[Action],
        late: frozenset[str] | set[str],
    ) -> None:
        """Cut the delivered actions of one visit, in order of time, into sessions."""
        run: list[Action] = []
        for action in actions:
            if action.name not in SESSIONABLE:
                continue
            if run and action.moment - run[-1].moment > SESSION_GAP:
                self._note_session(person, anonymous_id, run, late)
                run = []
            run.append(action)
        if run:
            self._note_session(person, anonymous_id, run, late)

    def _note_session(
        self, person: Person, anonymous_id: str, run: list[Action], late: frozenset[str] | set[str]
    ) -> None:
        names = [action.name for action in run]
        placed = [
            self.orders[str(action.body["order_id"])]
            for action in run
            if action.name == "order_completed"
        ]
        logged_in = any('"user_id":' in action.who for action in run)
        self.sessions.append(
            (
                anonymous_id,
                person.person_id,
                person.user_id if logged_in else None,
                self.at(run[0].moment),
                self.at(run[-1].moment),
                len(run),
                names.count("page_viewed"),
                names.count("product_viewed"),
                names.count("product_added"),
                len(placed),
                sum(order.first_revenue for order in placed) / 100,
                person.is_bot,
                bool(late) and any(action.event_id in late for action in run),
            )
        )

    def tables(self) -> dict[str, pa.Table]:
        """`sessions`, `persons`, `orders`, `planted`; each in a total order."""
        return {
            "sessions": self._sessions(),
            "persons": self._persons(),
            "orders": self._orders(),
            "planted": self._planted(),
        }

    def _sessions(self) -> pa.Table:
        rows = sorted(self.sessions, key=lambda row: (row[3], row[0]))
        columns = list(zip(*rows, strict=True)) or [()] * len(SESSION_SCHEMA)
        return pa.table(
            [pa.array(c, t.type) for c, t in zip(columns, SESSION_SCHEMA, strict=True)],
            schema=SESSION_SCHEMA,
        )

    def _persons(self) -> pa.Table:
        rows = [
            {
                "person_id": person.person_id,
                "user_id": person.user_id if person.has_account else None,
                "anonymous_ids": [device.anonymous_id for device in person.devices],
                "device_ids": [device.device_id for device in person.devices],
                "kind": person.kind,
                "country": person.country,
                "preference": person.preference,
                "variant": person.variant,
                "visits": person.visits,
                "log_ins": person.log_ins,
                "orders": person.orders,
                "is_bot": person.is_bot,
            }
            for person in sorted(self.persons, key=lambda p: p.number)
            if person.visits
        ]
        return pa.Table.from_pylist(rows, schema=PERSON_SCHEMA)

    def _orders(self) -> pa.Table:
        rows = [
            {
                "order_id": order.order_id,
                "event_id": order.event_id,
                "person_id": order.person_id,
                "user_id": order.user_id,
                "anonymous_id": order.anonymous_id,
                "ordered_at": self.at(order.moment),
                "first_revenue": order.first_revenue / 100,
                "revenue": order.revenue / 100,
                "refunded": order.refunded / 100,
                "quantity": order.quantity,
                "coupon": order.coupon,
                "variant": order.variant,
                "is_recovered_cart": order.is_recovered_cart,
                "is_delivered": order.event_id not in self.undelivered,
            }
            for order in sorted(self.orders.values(), key=lambda o: (o.moment, o.order_id))
            if order.moment < self.settings.days * DAY
        ]
        return pa.Table.from_pylist(rows, schema=ORDER_SCHEMA)

    def _planted(self) -> pa.Table:
        rows = [
            row | {"is_delivered": row["event_id"] not in self.undelivered}
            for row in sorted(self.planted, key=lambda r: (r["kind"], r["at"], r["event_id"] or ""))
        ]
        return pa.Table.from_pylist(rows, schema=PLANTED_SCHEMA)

    def summary(self) -> dict[str, Any]:
        """Counts as plain JSON values: parameters, deliveries a day and source, totals."""
        settings = self.settings
        kinds = Counter(row["kind"] for row in self.planted)
        totals: Counter[str] = Counter()
        for counts in self.delivered.values():
            totals.update(counts)
        return {
            "parameters": {
                "seed": settings.seed,
                "days": settings.days,
                "start": settings.start.isoformat(),
                "visitors_per_day": settings.visitors_per_day,
                "lift": settings.lift,
                "spike": settings.spike,
                "attack_rate": settings.attack_rate,
                "faults": {
                    "late": settings.faults.late,
                    "duplicate": settings.faults.duplicate,
                    "conflict": settings.faults.conflict,
                    "invalid": settings.faults.invalid,
                },
            },
            "totals": dict(sorted(totals.items()))
            | {
                "undelivered": len(self.undelivered),
                "sessions": len(self.sessions),
                "orders": sum(row["is_delivered"] for row in self._orders().to_pylist()),
                "persons": sum(1 for person in self.persons if person.visits),
            },
            "planted": dict(sorted(kinds.items())),
            "deliveries": [
                {"arrival_date": self.date(day).isoformat(), "source": source}
                | dict(sorted(counts.items()))
                for (day, source), counts in sorted(self.delivered.items())
            ],
        }

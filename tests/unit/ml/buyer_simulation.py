"""Buyers who order and leave as BG/NBD says, with known parameters."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from ml.order_histories import ORDER_DATES_SCHEMA

R, ALPHA, A, B = 0.8, 6.0, 0.8, 2.5
Floats = np.ndarray


@dataclass(frozen=True)
class Order:
    """One order: who, when in weeks, and what it is worth."""

    person: int
    week: float
    value: float


def simulate(persons: int, weeks: float, seed: int) -> list[Order]:
    """Orders up to a week, of persons who order first in the first half; values gamma-gamma."""
    rng = np.random.default_rng(seed)
    orders = []
    for person in range(persons):
        rate, leaves = rng.gamma(R, 1 / ALPHA), rng.beta(A, B)
        scale = rng.gamma(4.0, 1 / 30.0)
        now = rng.random() * weeks / 2
        while now <= weeks:
            orders.append(Order(person, now, float(rng.gamma(6.0, 1 / scale))))
            if orders[-2:-1] and orders[-2].person == person and rng.random() < leaves:
                break
            now += rng.exponential(1 / rate)
    return orders


def histories(orders: list[Order], persons: int, weeks: float) -> tuple[Floats, Floats, Floats]:
    """x, t_x and T as of a week, of those who have ordered by then."""
    times: list[list[float]] = [[] for _ in range(persons)]
    for order in orders:
        if order.week <= weeks:
            times[order.person].append(order.week)
    known = [one for one in times if one]
    return (
        np.array([len(one) - 1.0 for one in known]),
        np.array([one[-1] - one[0] for one in known]),
        np.array([weeks - one[0] for one in known]),
    )


def order_dates(orders: list[Order], first: date) -> pa.Table:
    """The same as rows a person and date."""
    rows: dict[tuple[str, date], float] = {}
    for order in orders:
        key = (f"p{order.person:05}", first + timedelta(days=int(order.week * 7)))
        rows[key] = rows.get(key, 0.0) + order.value
    return pa.Table.from_pylist(
        [{"person_id": who, "order_date": day, "value": v} for (who, day), v in rows.items()],
        schema=ORDER_DATES_SCHEMA,
    )

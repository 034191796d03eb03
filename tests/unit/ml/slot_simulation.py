"""A log of recommendation slots whose truth is known.

Belongs here: slates drawn without replacement by fixed weights, clicks and revenues by product.
Not here: what any policy or estimate must be.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from ml.bandit_policies import DAILY_ORDERS_SCHEMA
from ml.slot_impressions import IMPRESSIONS_SCHEMA

START, DAYS = date(2026, 5, 1), 20
AS_OF = START + timedelta(days=DAYS - 1)


@dataclass(frozen=True)
class SlotShop:
    """A shop with one list.

    Attributes:
        weights: of the products in the logged policy, given what is above, (products,).
        clicked: probability of a click, (products,).
        price: what a click brings in `buys` of cases, (products,).
        positions: places of the list.
        buys: probability that a click is followed by an order.
        orders: a day.
    """

    weights: np.ndarray = field(default_factory=lambda: np.array([8.0, 6, 5, 4, 3, 2, 2, 1]))
    clicked: np.ndarray = field(
        default_factory=lambda: np.array([0.05, 0.1, 0.05, 0.15, 0.1, 0.4, 0.05, 0.1])
    )
    price: np.ndarray = field(default_factory=lambda: np.array([20.0, 5, 9, 4, 8, 6, 30, 2]))
    positions: int = 2
    buys: float = 0.5
    orders: int = 10

    def slates(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Products by place, and the probability of each given those above, (n, positions)."""
        # Gumbel's race draws without replacement by weights.
        race = np.log(self.weights) + rng.gumbel(size=(n, self.weights.size))
        drawn = np.argsort(-race, axis=1)[:, : self.positions]
        gone = np.cumsum(self.weights[drawn], axis=1) - self.weights[drawn]
        return drawn, self.weights[drawn] / (self.weights.sum() - gone)

    def log(self, seed: int, slates_a_day: int = 60, visitors: int = 40) -> pa.Table:
        """Impressions of `DAYS` days, each visitor with the same number of slates."""
        rng = np.random.default_rng(seed)
        n = slates_a_day * DAYS
        drawn, chances = self.slates(rng, n)
        is_clicked = rng.random(drawn.shape) < self.clicked[drawn]
        is_bought = is_clicked & (rng.random(drawn.shape) < self.buys)
        slate = np.repeat(np.arange(n), self.positions)
        days = [START + timedelta(days=int(k)) for k in slate // slates_a_day]
        columns = {
            "visitor_id": [f"v{k % visitors}" for k in slate],
            "list_id": ["home"] * slate.size,
            "slate_number": slate,
            "position": np.tile(np.arange(1, self.positions + 1), n),
            "event_date": days,
            "product_id": [f"p{k}" for k in drawn.ravel()],
            "propensity": chances.ravel(),
            "logged_by": ["logger-1"] * slate.size,
            "favourite_category": [("shoes", "hats", None)[k % 3] for k in slate],
            "is_clicked": is_clicked.ravel(),
            "revenue": (is_bought * self.price[drawn]).ravel(),
            "impressions": np.ones(slate.size, int),
            "reward_days": np.ones(slate.size, int),
        }
        return pa.table({name: pa.array(values) for name, values in columns.items()}).cast(
            IMPRESSIONS_SCHEMA
        )

    def daily_orders(self) -> pa.Table:
        """So many orders of 50 each on every day."""
        rows = [
            {
                "event_date": START + timedelta(days=day),
                "orders": self.orders,
                "gross_revenue": 50.0 * self.orders,
            }
            for day in range(DAYS)
        ]
        return pa.Table.from_pylist(rows, schema=DAILY_ORDERS_SCHEMA)

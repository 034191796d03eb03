"""What events are about: products, quantities and orders, estimated from a log.

Here: which product an event names, what it costs, what an order holds beside the cart and what it
is worth. Nothing that fewer persons than the support had is kept.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from ml.simulation.semi_markov import Tally, Weights, bin_means


class Event(NamedTuple):
    """One event of a session, as read.

    Attributes:
        name: of the registry.
        role: what it does there (`cart_add`, `order`, …), if anything.
        moment: ms.
        product, category, brand: of the product that it names.
        price: of one piece, in the reporting currency.
        quantity: pieces.
        revenue: of an order, in the reporting currency.
        lines: of an order: product, price, quantity.
    """

    name: str
    role: str | None
    moment: int
    product: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    quantity: float | None = None
    revenue: float | None = None
    lines: tuple[tuple[str | None, float | None, float | None], ...] = ()


@dataclass(frozen=True)
class Good:
    """A product: what most of its events say, and the mean of its prices; None: not said."""

    category: str | None
    brand: str | None
    price: float | None


@dataclass(frozen=True)
class Wares:
    """What events of each name are about.

    Attributes:
        goods: by product.
        liked: products by how often they were named, all events together.
        chosen: the same by event name, where the product was another one than before.
        named: by event name the share that names a product.
        stays: by (name of the event that the session was about, name): the share that names the
            same product again; by ("", name) for all together.
        priced: names of events that state a price.
        quantities: by event name.
    """

    goods: Mapping[str, Good]
    liked: Weights[str] | None
    chosen: Mapping[str, Weights[str]]
    named: Mapping[str, float]
    stays: Mapping[tuple[str, str], float]
    priced: frozenset[str]
    quantities: Mapping[str, Weights[float]]

    def choose(self, rng: random.Random, name: str) -> str | None:
        """A product for an event of this name; None where none is known."""
        weights = self.chosen.get(name, self.liked)
        return weights.draw(rng) if weights is not None else None

    def stay(self, focus_name: str, name: str) -> float:
        """The chance that an event names the product that the session is about."""
        return self.stays.get((focus_name, name), self.stays.get(("", name), 0.0))


@dataclass(frozen=True)
class Orders:
    """What is ordered, and for how much.

    Attributes:
        extra: how many lines an order has beside what is in the cart.
        extra_products, extra_quantities: of these lines.
        valued: share of the orders that state their value.
        ratios: stated value to the value of the lines.
        values: stated value, for orders without lines.
    """

    extra: Weights[int] | None
    extra_products: Weights[str] | None
    extra_quantities: Weights[float] | None
    valued: float
    ratios: Weights[float] | None
    values: Weights[float] | None


class WaresTally:
    """Counts what events are about; persons come one after the other."""

    def __init__(self) -> None:
        self.products: Tally[str] = Tally()
        self._categories: dict[str, Tally[str]] = defaultdict(Tally)
        self._brands: dict[str, Tally[str]] = defaultdict(Tally)
        self._prices: dict[str, list[float]] = defaultdict(list)
        self._priced: Tally[str] = Tally()
        self._chosen: dict[str, Tally[str]] = defaultdict(Tally)
        self._quantities: dict[str, Tally[float]] = defaultdict(Tally)
        self._stays: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._count: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(
        self, event: Event, person: int, focus: str | None, focus_name: str, *, is_free: bool
    ) -> None:
        """An event happened.

        Args:
            event: what it was.
            person: whose.
            focus, focus_name: the product that the session was about, and which event named it.
            is_free: whether the product was chosen, not taken from a cart or a slate.
        """
        count = self._count[event.name]
        count[0] += 1
        if event.quantity is not None:
            self._quantities[event.name].add(event.quantity, person)
        for product, price, _ in event.lines:
            self._add_good(product, price, person)
        if event.product is None:
            return
        count[1] += 1
        count[2] += event.price is not None
        self._add_good(event.product, event.price, person)
        if event.category is not None:
            self._categories[event.product].add(event.category, person)
        if event.brand is not None:
            self._brands[event.product].add(event.brand, person)
        is_same = event.product == focus
        if focus is not None and is_free:
            for key in ((focus_name, event.name), ("", event.name)):
                self._stays[key][0] += 1
                self._stays[key][1] += is_same
        if is_free and not is_same:
            self._chosen[event.name].add(event.product, person)

    def _add_good(self, product: str | None, price: float | None, person: int) -> None:
        if product is not None:
            self.products.add(product, person)
            if price is not None:
                self._prices[product].append(price)
                self._priced.add(product, person)

    def wares(self, support: int) -> Wares:
        """The estimate, of what at least `support` persons had."""
        names = sorted(self._count)
        priced = frozenset(self._priced.kept(support))
        kept = self.products.kept(support)
        # A cart must have a value: where most goods have a price, those without are left out.
        if 2 * len(priced) > len(kept):
            kept = [product for product in kept if product in priced]
        goods = {
            product: Good(
                _most(self._categories.get(product), support),
                _most(self._brands.get(product), support),
                _mean(self._prices[product]) if product in priced else None,
            )
            for product in kept
        }
        chosen = {name: _of(goods, self._chosen[name], support) for name in sorted(self._chosen)}
        quantities = {n: self._quantities[n].weights(support) for n in sorted(self._quantities)}
        return Wares(
            goods=goods,
            liked=_of(goods, self.products, support),
            chosen={name: weights for name, weights in chosen.items() if weights is not None},
            named={name: self._count[name][1] / self._count[name][0] for name in names},
            stays={
                key: same / times
                for key, (times, same) in sorted(self._stays.items())
                if times >= support
            },
            priced=frozenset(n for n in names if 2 * self._count[n][2] > self._count[n][1]),
            quantities={n: weights for n, weights in quantities.items() if weights is not None},
        )


def fit_orders(
    orders: Sequence[tuple[int, Event, Mapping[str, float]]],
    goods: Mapping[str, Good],
    support: int,
) -> Orders:
    """Estimate what orders hold and what they are worth.

    Args:
        orders: person, the order, and what was in the cart: product to quantity.
        goods: what is known of products.
        support: persons, at least.
    """
    extra: Tally[int] = Tally()
    products: Tally[str] = Tally()
    quantities: Tally[float] = Tally()
    stated: list[tuple[float, int]] = []
    pairs: list[tuple[float, float, int]] = []
    for person, order, cart in orders:
        beside = [line for line in order.lines if line[0] is not None and line[0] not in cart]
        extra.add(len(beside), person)
        held = dict(cart)
        for product, _, quantity in beside:
            assert product is not None
            products.add(product, person)
            quantities.add(quantity or 1.0, person)
            held[product] = held.get(product, 0.0) + (quantity or 1.0)
        if order.revenue is None:
            continue
        stated.append((order.revenue, person))
        value = value_of(held, goods)
        if value > 0:
            pairs.append((order.revenue, value, person))
    return Orders(
        extra=extra.weights(support),
        extra_products=_of(goods, products, support),
        extra_quantities=quantities.weights(support),
        valued=len(stated) / len(orders) if orders else 0.0,
        ratios=_ratios(pairs, support),
        values=bin_means(stated, support),
    )


def value_of(items: Mapping[str, float], goods: Mapping[str, Good]) -> float:
    """Price times quantity, of what has a price."""
    return fsum(
        (goods[product].price or 0.0) * quantity
        for product, quantity in items.items()
        if product in goods
    )


def _ratios(orders: Sequence[tuple[float, float, int]], support: int) -> Weights[float] | None:
    """Revenue to value, of orders of persons, scaled so that the mean order keeps its value."""
    found = bin_means(((revenue / value, person) for revenue, value, person in orders), support)
    if found is None:
        return None
    mean = fsum(revenue / value for revenue, value, _ in orders) / len(orders)
    whole = fsum(revenue for revenue, *_ in orders) / fsum(value for _, value, _ in orders)
    scale = whole / mean if mean > 0 else 1.0
    return Weights(tuple(ratio * scale for ratio in found.values), found.total)


def _of(goods: Mapping[str, Good], tally: Tally[str], support: int) -> Weights[str] | None:
    """The distribution over products that are known."""
    weights = tally.weights(support)
    return weights.only(goods) if weights is not None else None


def _most(tally: Tally[str] | None, support: int) -> str | None:
    """The value seen most often, of those that enough persons had; the first of equals."""
    weights = tally.weights(support) if tally is not None else None
    return max(weights.values, key=weights.share) if weights is not None else None


def _mean(prices: Sequence[float]) -> float:
    return round(fsum(prices) / len(prices), 2)

"""Shoppers like those of a log: event lines drawn from a fitted model.

Here: visitors, their sessions, and the canonical lines of their events. Every id is a new one; of
the log come names of events, sources, products, categories, brands, kinds of devices, countries
and traffic sources that enough visitors had, and nothing else.
"""

import random
from collections import defaultdict
from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ml.simulation.actions import encode, make_event_id
from ml.simulation.baskets import Basket
from ml.simulation.log_model import LogModel, Shoppers, kind_of
from ml.simulation.log_visits import Crowd
from ml.simulation.log_wares import value_of
from ml.simulation.semi_markov import END, History, Weights
from ml.simulation.settings import DAY
from ml.simulation.shop import DayFile

FILE_NAME = "events.jsonl.gz"
# A chain whose end is hardly ever seen must come to one.
MOST_EVENTS = 5_000
# Before those that are left are counted, which takes as long as there are products.
MOST_TRIES = 5
Line = tuple[int, str, str]


def generate(
    model: LogModel, start: date, days: int, seed: int, currency: str
) -> Iterator[list[DayFile]]:
    """Draw event lines, day by day.

    The days of a shorter likeness are the first days of a longer one. What would happen after the
    last day is left out.

    Args:
        model: fitted to a log.
        start: the first UTC day.
        days: how many, at least 1.
        seed: 0 or more.
        currency: of the amounts.

    Yields:
        The files of each day, a source each; equal arguments give equal bytes.

    Raises:
        ValueError: start, days or seed is out of range.
    """
    if start.year < 2000 or (date.max - start).days < days + 1:
        raise ValueError(f"start is 2000-01-01 or later, and days end by 9999, not {start}")
    if not 1 <= days <= 3660:
        raise ValueError(f"days is from 1 to 3660, not {days}")
    if seed < 0:
        raise ValueError(f"seed is 0 or more, not {seed}")
    likenesses = {
        source: _Likeness(shoppers, source, start, seed, currency)
        for source, shoppers in model.sources.items()
    }
    for day in range(days):
        when = start + timedelta(days=day)
        files = []
        for source, likeness in likenesses.items():
            lines = likeness.day(day)
            if lines:
                files.append(DayFile(source, when, FILE_NAME, lines))
        yield files


class _Person:
    """A visitor of the likeness, with what is theirs for good and what is in the cart."""

    def __init__(self, rng: random.Random, shoppers: Shoppers) -> None:
        self.anonymous_id = f"a{rng.getrandbits(64):016x}"
        self.device = shoppers.devices.draw(rng) if shoppers.devices else None
        self.country = shoppers.countries.draw(rng) if shoppers.countries else None
        self.basket = Basket()
        self.sessions = 0


class _Likeness:
    """One source, day after day."""

    def __init__(
        self, shoppers: Shoppers, source: str, start: date, seed: int, currency: str
    ) -> None:
        self.shoppers = shoppers
        self.source = source
        self.start = start
        self.seed = seed
        self.currency = currency
        self._zero = datetime(start.year, start.month, start.day, tzinfo=UTC)
        self._crowd: Crowd[_Person] = Crowd(shoppers.returns)
        self._waiting: dict[int, list[Line]] = defaultdict(list)

    def day(self, day: int) -> list[str]:
        """All lines of a day, in order of time; days are asked for one after the other."""
        when = self.start + timedelta(days=day)
        # By the date, so that likenesses of neighbouring days have no id in common.
        rng = random.Random(f"like-log {self.seed} {self.source} {when.isoformat()}")
        for moment in self.shoppers.calendar.draw(rng, when.weekday()):
            self._visit(rng, day * DAY + moment)
        return [line for *_, line in sorted(self._waiting.pop(day, []))]

    def _visit(self, rng: random.Random, start: int) -> None:
        gap = self.shoppers.returns.draw(rng)
        person = self._crowd.take(rng, start, gap) if gap is not None else None
        is_new = person is None
        if person is None:
            person = _Person(rng, self.shoppers)
        person.basket.begin_session(start)
        traffic = self.shoppers.traffic.get(kind_of(person.basket, is_new=is_new))
        origin = traffic.draw(rng) if traffic is not None else None
        end = _Session(rng, self, person, start, origin or ("", "")).walk()
        person.sessions += 1
        has_cart = bool(person.basket.items)
        self._crowd.leave(person, person.sessions, start, end, has_cart=has_cart)

    def write(self, moment: int, event_id: str, fields: dict[str, Any]) -> None:
        """Put a line to the day of its moment."""
        time = (self._zero + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")
        line = encode({"event_id": event_id, "event_ts": time.replace("+00:00", "Z"), **fields})
        self._waiting[moment // DAY].append((moment, event_id, line))


class _Session:
    """One session of a person."""

    def __init__(
        self,
        rng: random.Random,
        likeness: _Likeness,
        person: _Person,
        start: int,
        origin: tuple[str, str],
    ) -> None:
        self.rng = rng
        self.likeness = likeness
        self.shoppers = likeness.shoppers
        self.person = person
        self.basket = person.basket
        self.moment = start
        self.origin = origin
        self._shown: list[str] = []

    def walk(self) -> int:
        """Make all events; returns the moment of the last one."""
        chain, rng = self.shoppers.chain, self.rng
        history = History(self.basket.standing)
        name = ""
        for count in range(MOST_EVENTS):
            following = chain.following(rng, history)
            if following == END:
                break
            if count:
                # A millisecond at least: events of one moment would lose their order.
                self.moment += max(1, chain.wait(rng, name, following))
            name = following
            self._happen(name)
            history = history.after(name, self.basket.standing, chain.memory)
        return self.moment

    def _happen(self, name: str) -> None:
        rng, basket = self.rng, self.basket
        role = self.shoppers.roles.get(name)
        event_id = make_event_id(rng)
        fields: dict[str, Any] = {"event_name": name, "anonymous_id": self.person.anonymous_id}
        fields |= _said(device_type=self.person.device, country=self.person.country)
        if role == "page_view":
            self._shown = []
        if role in ("page_view", "ping"):
            fields["page_path"] = f"/page/{basket.pages + (role == 'page_view')}"
        if self.origin != ("", ""):
            fields |= _said(utm_source=self.origin[0], utm_medium=self.origin[1])
            self.origin = ("", "")
        product, quantity = None, None
        if role == "order":
            fields |= self._order()
        else:
            product = self._product(name, role, fields)
            quantity = self._quantity(name, role, product)
            fields |= self._about(name, product, quantity)
        self.likeness.write(self.moment, event_id, fields)
        basket.note(name, role, product, quantity, self.moment)

    def _product(self, name: str, role: str | None, fields: dict[str, Any]) -> str | None:
        rng, wares, basket = self.rng, self.shoppers.wares, self.basket
        if role == "impression":
            self._shown.append(make_event_id(rng))
            fields["impression_id"] = self._shown[-1]
        if role == "click" and basket.slate:
            alike = [k for k, (shown, _) in enumerate(basket.slate) if _kin(shown) == _kin(name)]
            at = rng.choice(alike or range(len(basket.slate)))
            fields["impression_id"] = self._shown[at]
            return basket.slate[at][1]
        if rng.random() >= wares.named.get(name, 0.0):
            return None
        if role == "cart_remove" and basket.items:
            return rng.choice(list(basket.items))
        if basket.focus is not None and rng.random() < wares.stay(basket.focus_name, name):
            return basket.focus
        return wares.choose(rng, name)

    def _quantity(self, name: str, role: str | None, product: str | None) -> float | None:
        if role == "cart_remove" and product in self.basket.items:
            return self.basket.items[product]
        quantities = self.shoppers.wares.quantities.get(name)
        return quantities.draw(self.rng) if quantities is not None else None

    def _about(self, name: str, product: str | None, quantity: float | None) -> dict[str, Any]:
        """The fields of the product."""
        if product is None:
            return {}
        good = self.shoppers.wares.goods[product]
        fields = {"product_id": product, **_said(category=good.category, brand=good.brand)}
        if quantity is not None:
            fields["quantity"] = _plain(quantity)
        if good.price is not None and name in self.shoppers.wares.priced:
            fields |= {"price": good.price, "currency": self.likeness.currency}
        return fields

    def _order(self) -> dict[str, Any]:
        """What is in the cart and beside it, and what it is worth."""
        rng, orders, goods = self.rng, self.shoppers.orders, self.shoppers.wares.goods
        held = self._held()
        fields: dict[str, Any] = {
            "order_id": f"L-{rng.getrandbits(64):016x}",
            "currency": self.likeness.currency,
        }
        value = value_of(held, goods)
        if rng.random() < orders.valued:
            if value > 0 and orders.ratios is not None:
                fields["revenue"] = round(value * orders.ratios.draw(rng), 2)
            elif orders.values is not None:
                fields["revenue"] = round(orders.values.draw(rng), 2)
        lines = [
            {
                "product_id": product,
                **_said(
                    price=goods[product].price,
                    category=goods[product].category,
                    brand=goods[product].brand,
                ),
                "quantity": _plain(quantity),
                "position": position,
            }
            for position, (product, quantity) in enumerate(held.items(), start=1)
            if product in goods
        ]
        if lines:
            fields["properties"] = {"products": lines}
        return fields

    def _held(self) -> dict[str, float]:
        """What is ordered: the cart, and so many other products beside it as orders have."""
        rng, orders = self.rng, self.shoppers.orders
        held = dict(self.basket.items)
        if orders.extra is None or orders.extra_products is None:
            return held
        for _ in range(orders.extra.draw(rng)):
            product = _another(rng, orders.extra_products, held)
            if product is None:
                break
            quantities = orders.extra_quantities
            held[product] = quantities.draw(rng) if quantities is not None else 1.0
        return held


def _another(rng: random.Random, weights: Weights[str], held: Container[str]) -> str | None:
    """A value that is not held yet; None where all are."""
    for _ in range(MOST_TRIES):
        drawn = weights.draw(rng)
        if drawn not in held:
            return drawn
    left = weights.only({value for value in weights.values if value not in held})
    return left.draw(rng) if left is not None else None


def _kin(name: str) -> str:
    """What the names of a showing and of its click have in common: recommendation, promotion."""
    return name.rpartition("_")[0]


def _said(**fields: Any) -> dict[str, Any]:
    """Those that are known."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _plain(quantity: float) -> float | int:
    return int(quantity) if quantity == int(quantity) else quantity

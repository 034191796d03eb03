"""What one event is before it is written: the moment, the name, who, and the content.

`Recorder` notes actions down in order and makes their ids. What is done, and how it is delivered,
is not here.
"""

import json
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from ml.simulation.catalogue import Product
from ml.simulation.persons import COUNTRIES, Device, Person

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Action(NamedTuple):
    """One thing done.

    Attributes:
        moment: ms since the start of the simulation.
        source: whose log it is in.
        name: the event's name.
        event_id: unique.
        who: JSON members, without braces, that say who did it and with what; may be empty.
        body: the other fields of the canonical event.
    """

    moment: int
    source: str
    name: str
    event_id: str
    who: str
    body: Mapping[str, Any]


def make_event_id(rng: random.Random) -> str:
    """An id in the form of a random UUID."""
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def members(fields: Mapping[str, Any]) -> str:
    """A JSON object's text without its braces."""
    return encode(fields)[1:-1]


def shop_identity(person: Person, device: Device) -> str:
    """What the shop's tracker says of person and device; the user id once logged in."""
    fields: dict[str, Any] = {
        "anonymous_id": device.anonymous_id,
        "device_id": device.device_id,
    }
    if device.logged_in:
        fields["user_id"] = person.user_id
    fields["country"] = person.country
    if person.country in COUNTRIES:
        fields["locale"] = COUNTRIES[person.country][2]
    fields |= {
        "ip": device.ip,
        "user_agent": device.user_agent,
        "device_type": device.device_type,
    }
    if device.app is not None:
        fields["app"] = device.app
    return members(fields)


def euros(cents: int) -> float:
    """Cents as the number that JSON shows, with at most two decimals."""
    return cents / 100


def product_fields(product: Product) -> dict[str, Any]:
    """The canonical fields of a product at its list price."""
    return {
        "product_id": product.product_id,
        "category": product.category,
        "brand": product.brand,
        "price": euros(product.price),
        "currency": "EUR",
    }


def line_item(product: Product, price: int, quantity: int, position: int) -> dict[str, Any]:
    """One element of `properties.products`; `price` in cents."""
    return {
        "product_id": product.product_id,
        "price": euros(price),
        "quantity": quantity,
        "category": product.category,
        "brand": product.brand,
        "name": product.name,
        "position": position,
    }


class Recorder:
    """The actions of one visit, in the order of their time."""

    def __init__(self, rng: random.Random, source: str, who: str, now: int) -> None:
        self.rng = rng
        self.source = source
        self.who = who
        self.now = now
        self.actions: list[Action] = []

    def note(self, name: str, after: int, body: Mapping[str, Any]) -> str:
        """Let `after` ms pass, then note an action; returns its event id."""
        self.now += after
        event_id = make_event_id(self.rng)
        self.actions.append(Action(self.now, self.source, name, event_id, self.who, body))
        return event_id

"""A person who leaves personal data in every event type of the registry, and one beside her.

Belongs here: the rows and what in them must be found nowhere. Not here: loading and searching.
"""

import json
from typing import Any

from expectations.contract import load_registry

USER, COOKIE, DEVICE = "jane.user.4711", "cookie-of-jane-77", "device-of-jane-88"
EMAIL, NAME, SURNAME = "jane.planted@example.com", "Janeforename", "Plantedsurname"
PHONE, IP, TEXT = "+49 151 23 99 4711", "203.0.113.77", "My shoes hurt said Plantedtext"
STREET, BIRTHDAY, SECRET = "Plantedstreet 7", "1988-11-23", "plantedsecret"
NEEDLES = (
    USER, COOKIE, DEVICE, EMAIL, NAME, SURNAME, PHONE, IP, TEXT, STREET, BIRTHDAY, SECRET,
)  # fmt: skip
JOE = "joe.user.0815"

_FIELDS: dict[str, Any] = {
    "product_id": "p1", "category": "Shoes", "brand": "Acme", "price": 10, "quantity": 1,
    "currency": "EUR", "order_id": "o1", "revenue": 10, "impression_id": "i1",
}  # fmt: skip
_TRAITS: dict[str, Any] = {
    "email": EMAIL, "firstName": NAME, "last_name": SURNAME, "phone": PHONE, "birthday": BIRTHDAY,
    "address": {"street": STREET, "city": "Graz"}, "name": f"{NAME} {SURNAME}", "id": USER,
}  # fmt: skip
_PROPERTIES: dict[str, Any] = {
    "email": EMAIL.upper(), "user_id": USER, "advertisingId": DEVICE, "fullName": NAME,
    "mobile": PHONE, "ip": IP, "password": SECRET, "token": SECRET, "review_text": TEXT,
    "reviewTitle": TEXT, "message": TEXT, "comment": TEXT, "feedback": {"q": TEXT},
    "query": f"mail to {EMAIL}", "delivery_address": STREET, "traits": _TRAITS,
    "context": {"ip": IP, "traits": _TRAITS},
    "products": [{"product_id": "p1", "category": "Shoes", "price": 10, "quantity": 1,
                  "engraving": {"nickname": NAME},
                  "email": EMAIL}],
    "contact": {"phone": PHONE, "people": [{"surname": SURNAME, "dob": BIRTHDAY}]},
}  # fmt: skip
_VALUES = {"integer": 3, "number": 0.5, "boolean": True, "text": "x"}


def rows_of_every_type(day: str, number: str = "") -> list[dict[str, Any]]:
    """An event of every type, with all that the type knows and all that is personal."""
    registry = load_registry()
    rows = []
    for minute, event in enumerate(registry.events.values()):
        declared = {
            name: _VALUES[registry.properties[name].type]
            for name in event.properties
            if registry.properties[name].type in _VALUES
        }
        if "rating" in declared:
            declared["rating"] = 4
        own = {"name": NAME} if event.name in _NAMING else {}
        rows.append(
            {
                "event_id": f"jane{number}-{day}-{event.name}",
                "event_name": event.name,
                "event_ts": f"{day}T10:{minute % 60:02}:00Z",
                "user_id": USER,
                "anonymous_id": COOKIE,
                "device_id": DEVICE,
                "ip": IP,
                "page_url": f"https://{SECRET}:x@shop.example/p?email={EMAIL}&name={SURNAME}",
                "referrer": f"https://mail.example/?to={EMAIL}",
                **_FIELDS,
                "properties": {**declared, **_PROPERTIES, **own},
            }
        )
    return rows


# Where `name` is a person's.
_NAMING = ("signed_up", "profile_updated", "login_succeeded", "login_failed", "consent_updated")


def broken_lines(day: str) -> bytes:
    """Lines that cannot be read, or break the contract, with her data in them."""
    late = {
        "event_id": "late", "event_name": "page_viewed", "event_ts": "soon", "user_id": USER,
        "properties": _PROPERTIES,
    }  # fmt: skip
    dear = {
        "event_id": f"{EMAIL}", "event_name": "order_completed", "event_ts": f"{day}T10:00:00Z",
        "anonymous_id": COOKIE, "price": TEXT,
    }  # fmt: skip
    return (
        f'{{"user_id": "{USER}", "properties": {{"email": "{EMAIL}",\n'.encode()
        + f"{TEXT}, {PHONE} {COOKIE}\n".encode()
        + json.dumps(late).encode() + b"\n"
        + json.dumps(dear).encode() + b"\n"
    )  # fmt: skip


def rows_of_joe(day: str, views: int = 20) -> list[dict[str, Any]]:
    """Somebody beside her, on his own device, who buys now and then; and a passer-by, Jim."""
    jim = {
        "event_id": f"jim-{day}",
        "event_name": "product_viewed",
        "event_ts": f"{day}T13:00:00Z",
        "anonymous_id": "cookie-of-jim",
        "product_id": "p0",
    }
    return [jim] + [
        {
            "event_id": f"joe-{day}-{n}",
            "event_name": "order_completed" if n == 7 else "product_viewed",
            "event_ts": f"{day}T12:{n % 60:02}:00Z",
            "user_id": JOE,
            "anonymous_id": "cookie-of-joe",
            "product_id": f"p{n % 5}",
            **({"order_id": f"joe-{day}", "revenue": 20} if n == 7 else {}),
        }
        for n in range(views)
    ]

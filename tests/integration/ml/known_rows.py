"""Orders in few words, and the persons of ids, for histories by hand.

Belongs here: rows that several tests of models' inputs tell. Not here: reading them (`conftest`).
"""

import hashlib
from decimal import Decimal

from tests.laws.stories import event
from tests.laws.warehouse import Row


def md5(*parts: str) -> str:
    """The hash of docs/metrics.md."""
    return hashlib.md5("\x1f".join(parts).encode()).hexdigest()


def user(name: str) -> str:
    """The person of a user id."""
    return md5("user", name)


def visitor(name: str) -> str:
    """The person of an anonymous id that is tied to nobody."""
    return md5("visitor", md5("anonymous", name))


def order(key: str, when: str, who: str, product: str) -> Row:
    return event(
        key, "order_completed", when, who, order_id=key, product_id=product, price=Decimal(1)
    )


def bought(key: str, when: str, value: int, **columns: object) -> Row:
    said = {"order_id": "o", "revenue": Decimal(value), "currency": "EUR", **columns}
    return event(key, "order_completed", when, "a", **said)

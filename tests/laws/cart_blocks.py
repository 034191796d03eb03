"""Stories of carts: filled, emptied, left alone for about as long as matters, ordered or recovered.

Belongs here: short stories like those of `building_blocks`, about what is in whose cart. Not here:
orders and their values by themselves (`order_story`).
"""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.laws.building_blocks import DAY, HALF_HOUR, MICROSECOND, Scene

Row = dict[str, Any]

# In the shop of the laws a cart is abandoned after 24 hours and recovered within two days more.
REST = (
    timedelta(0),
    MICROSECOND,
    timedelta(minutes=5),
    HALF_HOUR,
    timedelta(hours=20),
    DAY - MICROSECOND,
    DAY,
    DAY,
    DAY + MICROSECOND,
    2 * DAY,
    3 * DAY,
    3 * DAY + MICROSECOND,
)
SHORT_REST = REST[:5]
STEPS = (
    "product_added",
    "product_added",
    "product_added",
    "product_removed",
    "product_removed",
    "cart_viewed",
    "checkout_started",
    "order_completed",
    "order_completed",
)


def some_cart(scene: Scene) -> Row:
    """Properties that name a cart, one of two in a history; or junk, or nothing."""
    if scene.chance(10):
        return {"cart_id": scene.rng.choice(("", "undefined", 0, True, None, [], {"id": 1}))}
    return {"cart_id": scene.rng.choice((f"{scene.prefix}c1", f"{scene.prefix}c2", 7))}


def put(scene: Scene, named: Row) -> Row:
    """Columns of what is put in or taken out: a product or two, some without a price."""
    if scene.chance(15):
        lines = [
            {"product_id": scene.numbered("p", 2), "price": scene.rng.choice((3, 9.99, None)),
             "quantity": scene.rng.choice((1, 2, -1))}
            for _ in range(2)
        ]  # fmt: skip
        return {"properties": json.dumps({**named, "products": lines})}
    return {
        "product_id": scene.numbered("p", 2),
        "price": scene.rng.choice((None, Decimal("9.99"), Decimal(5))),
        "quantity": scene.rng.choice((None, Decimal(1), Decimal(1), Decimal(2), Decimal(-1))),
        "currency": scene.rng.choice((None, None, None, "EUR", "USD")),
        "properties": json.dumps(named),
    }


def cart_story(scene: Scene) -> None:
    """A cart of a visitor, or of a cart_id that another visitor may go on with."""
    who, at = scene.actor(), scene.moment()
    named = some_cart(scene) if scene.chance(50) else {}
    rests = REST if scene.chance(60) else SHORT_REST
    for name in ("product_added", *scene.rng.choices(STEPS, k=scene.rng.randint(1, 6))):
        columns: Row = {"properties": json.dumps(named)}
        if name in ("product_added", "product_removed"):
            columns = put(scene, named)
        elif name == "order_completed":
            stated = {} if scene.chance(50) else named
            columns = {"order_id": scene.numbered("o", 4), "properties": json.dumps(stated)}
        scene.emit(name, at, who, source="web" if scene.chance(85) else "till", **columns)
        at += scene.rng.choice(rests)
        who = scene.actor() if scene.chance(15) else who


def interrupted_cart(scene: Scene) -> None:
    """A cart at rest for longer than it lasts, and a late event that lies in between."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    apart = scene.rng.choice((DAY + MICROSECOND, 2 * DAY))
    item = {"product_id": scene.numbered("p", 2), "price": Decimal(5), "quantity": Decimal(1)}
    scene.emit("product_added", at, who, "natural", **item)
    last = scene.rng.choice(("product_added", "product_removed", "order_completed"))
    scene.emit(last, at + apart, who, "natural", **item)
    between = scene.rng.choice(("cart_viewed", "product_removed", "product_added"))
    scene.emit(between, at + apart / 2, who, "late", **item)


CART_BLOCKS: tuple[Callable[[Scene], None], ...] = (cart_story, cart_story, interrupted_cart)

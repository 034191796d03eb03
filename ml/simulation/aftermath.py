"""What follows a visit without being one: corrections, refunds, mails, the CRM, stock.

These events come from back-office systems: they bear a user id or an order id, no browser.
"""

import random
from typing import Any

from ml.simulation.actions import Action, euros, make_event_id, members
from ml.simulation.catalogue import Catalogue
from ml.simulation.persons import Person
from ml.simulation.settings import DAY, HOUR, MINUTE, SECOND, SHOP
from ml.simulation.truth import Order

UPDATE_SHARE, REFUND_SHARE = 0.03, 0.07
REASONS = ("does_not_fit", "damaged", "changed_mind")


def after_order(rng: random.Random, order: Order, items: list[tuple[int, int]]) -> list[Action]:
    """What becomes of an order: now and then a corrected value, a refund days later."""
    who = members({"user_id": order.user_id}) if order.user_id else ""
    found = []
    value = order.first_revenue
    if rng.random() < UPDATE_SHARE:
        value = round(value * rng.uniform(0.6, 0.95))
        body: dict[str, Any] = {
            "order_id": order.order_id,
            "revenue": euros(value),
            "currency": "EUR",
        }
        moment = order.moment + int(rng.uniform(1, 36) * HOUR)
        found.append(Action(moment, SHOP, "order_updated", make_event_id(rng), who, body))
    if rng.random() < REFUND_SHARE:
        whole = len(items) == 1 or rng.random() < 0.5
        body = {
            "order_id": order.order_id,
            "revenue": euros(value if whole else round(value * rng.uniform(0.2, 0.7))),
            "currency": "EUR",
            "properties": {"reason": REASONS[rng.randrange(len(REASONS))]},
        }
        moment = order.moment + int(rng.uniform(3, 10) * DAY)
        found.append(Action(moment, SHOP, "order_refunded", make_event_id(rng), who, body))
    return found


def abandoned_cart_mail(
    rng: random.Random, person: Person, moment: int
) -> tuple[list[Action], int | None]:
    """A mail about a cart left behind; also the moment of its click, if it is clicked."""
    who = members({"user_id": person.user_id})
    email_id = f"mail-{rng.getrandbits(40):010x}"
    body = {"properties": {"campaign_id": "abandoned-cart", "email_id": email_id}}
    found = [Action(moment, SHOP, "email_sent", make_event_id(rng), who, body)]
    if rng.random() >= 0.55:
        return found, None
    opened = moment + int(rng.uniform(5, 600) * MINUTE)
    found.append(Action(opened, SHOP, "email_opened", make_event_id(rng), who, body))
    if rng.random() >= 0.45:
        return found, None
    clicked = opened + int(rng.uniform(3, 60) * SECOND)
    found.append(Action(clicked, SHOP, "email_clicked", make_event_id(rng), who, body))
    return found, clicked


def profile_update(rng: random.Random, person: Person, moment: int) -> Action:
    """What the CRM knows of a person; the only event with a name and an e-mail address."""
    first, last = person.name
    body = {
        "country": person.country,
        "app": "crm",
        "properties": {
            "email": person.email,
            "first_name": first,
            "last_name": last,
            "segment": "private" if rng.random() < 0.9 else "business",
            "newsletter": rng.random() < 0.4,
        },
    }
    who = members({"user_id": person.user_id})
    return Action(moment, SHOP, "profile_updated", make_event_id(rng), who, body)


def stock_corrections(rng: random.Random, catalogue: Catalogue, day: int) -> list[Action]:
    """A few corrections of the stock on one day, of either sign."""
    found = []
    for _ in range(rng.randrange(1, 5)):
        product = catalogue.products[rng.randrange(len(catalogue.products))]
        received = rng.random() < 0.5
        body = {
            "product_id": product.product_id,
            "category": product.category,
            "quantity": rng.randrange(5, 60) if received else -rng.randrange(1, 4),
            "properties": {
                "warehouse_id": "main",
                "reason": "received" if received else "damaged",
            },
        }
        moment = day * DAY + int(rng.uniform(6, 18) * HOUR)
        found.append(Action(moment, SHOP, "inventory_adjusted", make_event_id(rng), "", body))
    return found

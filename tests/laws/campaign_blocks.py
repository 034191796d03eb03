"""Stories of campaigns: visits by one channel after another, and the order that follows.

Belongs here: short stories like those of `building_blocks`, about where visitors come from and how
long before an order. Not here: what they do in the shop.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.laws.building_blocks import DAY, HALF_HOUR, MICROSECOND, Scene

Row = dict[str, Any]

LOOK_BACK = 30 * DAY
OWN_PAGE = "https://www.shop.example/p"
ARRIVALS: tuple[Row, ...] = (
    {},
    {},
    {"utm_source": "google", "utm_medium": "cpc"},
    {"utm_source": "Partner", "utm_medium": " PPC "},
    {"utm_source": "facebook.com", "utm_medium": "paid-social"},
    {"utm_source": "(direct)", "utm_medium": "(none)"},
    {"utm_medium": "email", "utm_campaign": "spring-shopping"},
    {"utm_campaign": "cross-network-1"},
    {"utm_campaign": "a bishop", "referrer": "https://www.google.com/"},
    {"referrer": "https://www.google.com/"},
    {"referrer": "https://youtube.com/watch", "properties": json.dumps({"click_id_kind": "gclid"})},
    {"properties": json.dumps({"click_id_kind": "fbclid"})},
    {"properties": json.dumps({"click_id_kind": "else", "traits": {"click_id_kind": "gclid"}})},
    {"referrer": "https://shop.example/cart", "page_url": OWN_PAGE},
    {"referrer": "https://blog.example/", "page_url": OWN_PAGE},
)
APART = (HALF_HOUR, HALF_HOUR + MICROSECOND, timedelta(hours=2), DAY, 7 * DAY, 12 * DAY)


def whoever(scene: Scene) -> Row:
    """A device, signed in at times."""
    who = dict(scene.rng.choice(scene.devices))
    return {**who, "user_id": scene.rng.choice(scene.users[:2])} if scene.chance(40) else who


def campaign_story(scene: Scene) -> None:
    """Visits by channels, the first of them at the edge of what counts for the order at the end."""
    ordered_at = scene.moment()
    edge = scene.rng.choice((-MICROSECOND, timedelta(0), MICROSECOND, DAY, 3 * DAY))
    at, who = ordered_at - LOOK_BACK + edge, whoever(scene)
    for _ in range(scene.rng.randint(1, 5)):
        scene.emit("page_viewed", at, who, is_bot=scene.chance(4), **scene.rng.choice(ARRIVALS))
        at += scene.rng.choice(APART)
        who = whoever(scene) if scene.chance(50) else who
    if scene.chance(80):
        value = scene.rng.choice((None, "0", "10", "99.99", "0.0001"))
        revenue = None if value is None else Decimal(value)
        scene.emit("order_completed", ordered_at, who, revenue=revenue,
                   order_id=scene.numbered("c", 4))  # fmt: skip


CAMPAIGN_BLOCKS: tuple[Callable[[Scene], None], ...] = (campaign_story, campaign_story)

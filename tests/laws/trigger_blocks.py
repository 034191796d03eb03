"""Stories of random histories that make triggers fire, be held back, and be taken back.

Belongs here: what visitors view and review. Not here: the declared triggers (`shop`), nor other
stories (`building_blocks`).
"""

import json
from collections.abc import Callable
from datetime import timedelta

from tests.laws.building_blocks import DAY, MICROSECOND, Scene

TEN_MINUTES = timedelta(minutes=10)
# Around the windows and cool-downs of the shop's triggers.
APART = (
    timedelta(0),
    MICROSECOND,
    timedelta(minutes=4),
    TEN_MINUTES - MICROSECOND,
    TEN_MINUTES,
    TEN_MINUTES + MICROSECOND,
    timedelta(hours=1),
    DAY,
    2 * DAY,
    3 * DAY,
)


def comparison(scene: Scene) -> None:
    """Products of one category viewed at awkward distances, some twice, one of them late."""
    who, at = scene.actor(), scene.moment()
    category = scene.rng.choice(("bags", "hats"))
    count = scene.rng.randint(2, 6)
    late = scene.rng.randrange(count)
    for number in range(count):
        scene.emit(
            "product_viewed", at, who, "late" if number == late else "any", category=category,
            product_id=scene.numbered("p", 3), properties="{}", is_bot=scene.chance(5),
        )  # fmt: skip
        at += scene.rng.choice(APART)


def dislike(scene: Scene) -> None:
    """Reviews of shoes, of few and of many stars, by one visitor."""
    who, at = scene.actor(), scene.moment()
    for _ in range(scene.rng.randint(1, 4)):
        stars = scene.rng.choice((1, 2, 2, 2.5, 4, 5, "2", "n/a", None))
        scene.emit(
            "product_reviewed", at, who, category="shoes", product_id=scene.numbered("p", 3),
            properties=json.dumps({"rating": stars}), is_bot=False,
        )  # fmt: skip
        at += scene.rng.choice(APART)


TRIGGER_BLOCKS: tuple[Callable[[Scene], None], ...] = (comparison, comparison, dislike)

"""Stories of visitors who view faster than the shop's limit of three a minute, or just not.

Belongs here: short stories like those of `building_blocks`, whose views arrive apart. Not here: the
limit (`shop`), nor what a machine is (`oracle/machines`).
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from tests.laws.building_blocks import DAY, HALF_HOUR, MICROSECOND, Scene, copies

MINUTE = timedelta(minutes=1)
VIEWS = ("page_viewed", "product_viewed")
# What else may come hundreds a minute.
OTHERS = ("product_added", "order_completed", "page_pinged", "login_succeeded", "product_reviewed")


def burst(scene: Scene) -> None:
    """Views within a minute or over its end, some of them late, others' copies among them."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    # The last instant of a minute, and a minute before it.
    start = scene.rng.choice((at, at, at + MINUTE - MICROSECOND))
    step = scene.rng.choice((timedelta(0), MICROSECOND, timedelta(seconds=10)))
    late = scene.rng.choice(("any", "late"))
    for number in range(scene.rng.randint(3, 5)):
        name = scene.rng.choice((*VIEWS, *VIEWS, scene.rng.choice(OTHERS)))
        lateness = late if number >= 2 else "natural"
        scene.emit(name, start + number * step, who, lateness, is_bot=False)
    if scene.chance(50):
        scene.emit(scene.rng.choice((*OTHERS, "page_viewed")), start + HALF_HOUR, who, is_bot=False)
    if scene.chance(30):
        copies(scene)


def burst_at_midnight(scene: Scene) -> None:
    """Four views of one session, some on the day before: neither date has too many, or one has."""
    who = dict(scene.rng.choice(scene.devices))
    midnight = (
        datetime.combine(scene.rng.choice(scene.days), time()) + scene.rng.choice((0, 1)) * DAY
    )
    before = scene.rng.randint(0, 4)
    for number in range(4):
        at = midnight - MICROSECOND if number < before else midnight
        scene.emit("page_viewed", at, who, scene.rng.choice(("natural", "late")), is_bot=False)


BOT_BLOCKS: tuple[Callable[[Scene], None], ...] = (burst, burst, burst_at_midnight)

"""Stories of experiments for random histories: variants met, more than one, by devices and users.

Belongs here: what makes units, contaminates them, and what they do before and after. Not here: when
it arrives (`histories`).
"""

import json
from collections.abc import Callable
from datetime import timedelta

from tests.laws.building_blocks import GAPS, HALF_HOUR, Scene

VARIANTS = ("control", "control", "treatment", "treatment", "blue")


def met(experiment: str, variant: str) -> str:
    """The properties of an exposure."""
    return json.dumps({"experiment_id": experiment, "variant_id": variant})


def experiment_story(scene: Scene) -> None:
    """A person meets a variant, mostly the same again, and buys, looks and clicks around it."""
    device, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    name, variant = scene.numbered("x", 2), scene.rng.choice(VARIANTS)
    names = (
        "experiment_viewed", "experiment_viewed", "page_viewed", "product_viewed",
        "order_completed", "login_succeeded", "recommendation_shown", "recommendation_clicked",
    )  # fmt: skip
    for _ in range(scene.rng.randint(4, 9)):
        kind = scene.rng.choice(names)
        who = dict(device)
        if kind == "login_succeeded" or scene.chance(10):
            who["user_id"] = scene.rng.choice(scene.users[:3])
        columns = {}
        if kind == "experiment_viewed":
            seen = scene.rng.choice(VARIANTS) if scene.chance(25) else variant
            columns["properties"] = met(name, seen)
        elif kind == "order_completed":
            columns["order_id"] = scene.numbered("o", 3)
        elif kind.startswith("recommendation") and scene.chance(70):
            columns["impression_id"] = scene.numbered("i", 2)
        scene.emit(kind, at, who, **columns)
        at += scene.rng.choice((timedelta(0), HALF_HOUR, *GAPS))


EXPERIMENT_BLOCKS: tuple[Callable[[Scene], None], ...] = (
    experiment_story,
    experiment_story,
    experiment_story,
)

"""Stories of random histories in which a tracker says which session an event is in.

Belongs here: what the source `app` sends, which keeps its tracker's sessions. Not here: that it
does (`shop`), nor other stories (`building_blocks`).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.laws.building_blocks import DAY, GAPS, MICROSECOND, PAGES, Scene

NAMES = ("page_viewed", "product_viewed", "product_added", "page_pinged", "email_sent")
# Around a pause that the gap would cut at, and around the cut of a run.
PAUSES = (*GAPS, DAY - MICROSECOND, DAY, DAY + MICROSECOND, 3 * DAY)


def send(scene: Scene, at: Any, who: dict[str, Any], lateness: str = "any") -> None:
    """An event of the app with one of two session ids, or at times with none."""
    columns: dict[str, Any] = {"source_session_id": scene.rng.choice(("s1", "s1", "s1", "s2"))}
    if scene.chance(15):
        columns["source_session_id"] = None
    if scene.chance(20):
        columns["utm_medium"] = scene.rng.choice(("cpc", "email"))
    name = scene.rng.choice(NAMES)
    if scene.chance(15):
        name, columns["order_id"] = "order_completed", scene.numbered("o", 3)
    columns["page_path"] = scene.rng.choice(PAGES)
    scene.emit(name, at, who, lateness, source="app", **columns)


def tracked_visit(scene: Scene) -> None:
    """Events of few tracker's sessions at awkward distances, one of them late."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    count = scene.rng.randint(2, 7)
    late = scene.rng.randrange(count)
    for number in range(count):
        send(scene, at, who, "late" if number == late else "any")
        at += scene.rng.choice(PAUSES)


def two_sources(scene: Scene) -> None:
    """A visitor of the web and of the app at once: sessions that overlap, or begin together."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    for _ in range(scene.rng.randint(2, 6)):
        send(scene, at, who)
        if scene.chance(60):
            apart = scene.rng.choice((timedelta(0), MICROSECOND, timedelta(minutes=20)))
            scene.emit("page_viewed", at + apart, who, source="web")
        at += scene.rng.choice(GAPS)


TRACKER_BLOCKS: tuple[Callable[[Scene], None], ...] = (tracked_visit, tracked_visit, two_sources)

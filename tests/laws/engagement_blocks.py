"""Stories of log-ins with their details, of articles and videos, and of consent.

Belongs here: short stories like those of `building_blocks`, about signing in, content, consent. Not
here: which log-ins tie whom (`building_blocks`, `account_blocks`).
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.laws.building_blocks import DAY, HALF_HOUR, SHORT_GAPS, Scene

Row = dict[str, Any]

SIGNING_IN = ("login_succeeded", "login_failed", "logged_out", "password_changed")
CONTENT = ("content_started", "content_progressed", "content_progressed", "content_completed")


def auth_story(scene: Scene) -> None:
    """Log-ins that were refused or not, by one method or another, and a change of the password."""
    at = scene.moment()
    for _ in range(scene.rng.randint(1, 4)):
        who: Row = {"user_id": scene.rng.choice(scene.users)}
        if scene.chance(60):
            who |= scene.rng.choice(scene.devices)
        properties: Row = {}
        if scene.chance(60):
            properties["method"] = scene.rng.choice(("password", "sso", None))
            properties["is_mfa"] = scene.rng.choice((True, False, None))
        name = scene.rng.choice(SIGNING_IN)
        if name == "login_failed" and scene.chance(50):
            properties["failure_reason"] = "wrong_password"
            # Drawn from nothing, so that every other number of a history stays what it was.
            properties["occurrences"] = (None, "2", 5)[len(who) % 3]
        scene.emit(name, at, who, properties=json.dumps(properties), ip_truncated="10.0.0.0")
        at += scene.rng.choice(SHORT_GAPS)


def content_story(scene: Scene) -> None:
    """Pieces of content started, gone through and finished, over a gap, by half and by nobody."""
    who, at = scene.actor(), scene.moment()
    for _ in range(scene.rng.randint(2, 6)):
        properties: Row = {}
        if scene.chance(85):
            properties["content_id"] = scene.numbered("c", 2)
        if scene.chance(40):
            properties["content_type"] = scene.rng.choice(("article", "video"))
        if scene.chance(50):
            properties["progress_pct"] = scene.rng.choice((0, 25, "50", 62.5, 100, 120, "far"))
        if scene.chance(30):
            properties["duration_s"] = scene.rng.choice((60, 12.5, -1, None))
        scene.emit(scene.rng.choice(CONTENT), at, who, properties=json.dumps(properties))
        at += scene.rng.choice((*SHORT_GAPS, HALF_HOUR, HALF_HOUR + timedelta(seconds=1)))


CONSENTS = (
    {"ads": True}, {"ads": False, "a/b": "granted"}, {"ads": "Denied"}, {"a/b": None}, {},
    ["ads"], ["ads", "a/b"], [], [None], True, "all", "no", None,
)  # fmt: skip


def consent_story(scene: Scene) -> None:
    """Answers on a device or two, in every form, taken back and given again."""
    at = scene.moment()
    for _ in range(scene.rng.randint(2, 5)):
        consent = json.dumps(scene.rng.choice(CONSENTS)) if scene.chance(92) else None
        scene.emit("consent_updated", at, scene.actor(), consent=consent)
        at += scene.rng.choice((timedelta(0), DAY, *SHORT_GAPS))


ENGAGEMENT_BLOCKS: tuple[Callable[[Scene], None], ...] = (
    auth_story,
    content_story,
    content_story,
    consent_story,
    consent_story,
)

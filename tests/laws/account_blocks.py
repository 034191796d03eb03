"""Stories of accounts: CRM keys and e-mail addresses that tie users, and requests to erase them.

Belongs here: short stories like those of `building_blocks`, about who is one person with whom. Not
here: what a visitor does, log-ins among it.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.laws.building_blocks import DAY, GAPS, Scene
from tests.laws.oracle.events import hashed

Row = dict[str, Any]

CRM_NAMES = ("crm_id", "crm_id", "crmId", "crm_contact_id")
EMAIL_NAMES = ("email", "email", "userEmail", "customer_email")
SAID: tuple[Any, ...] = ("gold", "silver", "gold", "é", 7, True, None, "", {}, ["a"], "x" * 101)
ERASED_AT = datetime(2030, 1, 1)


def wrapped(scene: Scene, found: Row) -> str:
    """Properties as text, the keys at one of the places where they count or somewhere else."""
    place = scene.rng.randrange(8)
    if place == 0:
        return json.dumps({"traits": found})
    if place == 1:
        return json.dumps({"context": {"traits": found}, "crm": 1})
    if place == 2:
        return json.dumps({"other": found, "traits": [found], "context": "crm"})
    return json.dumps(found)


def some_keys(scene: Scene) -> Row:
    """One key or two, a few of each kind in a history; a key may be no text, or empty."""
    found: Row = {}
    kinds = scene.rng.choice((("crm",), ("email",), ("crm", "email")))
    if "crm" in kinds:
        found[scene.rng.choice(CRM_NAMES)] = scene.numbered("k", 4)
    if "email" in kinds:
        found[scene.rng.choice(EMAIL_NAMES)] = scene.numbered("k", 4)
    if scene.chance(40):
        found[scene.rng.choice(("segment", "plan"))] = scene.rng.choice(SAID)
    if scene.chance(8):
        found[scene.rng.choice((*CRM_NAMES, *EMAIL_NAMES))] = scene.rng.choice(("", 7, None, {}))
    return found


def account_story(scene: Scene) -> None:
    """A user or two show keys, on a device or from the back office, and other things between."""
    at = scene.moment()
    names = ("profile_updated", "profile_updated", "signed_up", "login_succeeded", "login_failed",
             "logged_out", "page_viewed")  # fmt: skip
    for _ in range(scene.rng.randint(1, 4)):
        who: Row = {"user_id": scene.rng.choice(scene.users[:4])} if scene.chance(92) else {}
        if scene.chance(50):
            who |= scene.rng.choice(scene.devices)
        properties = wrapped(scene, some_keys(scene))
        scene.emit(scene.rng.choice(names), at, who, properties=properties)
        at += scene.rng.choice((timedelta(0), *GAPS))


def late_key(scene: Scene) -> None:
    """Two users who were two persons, and a key that arrives late and makes them one."""
    first, second = scene.rng.choice(scene.users), scene.rng.choice(scene.users)
    at, key = scene.moment(), scene.numbered("k", 4)
    for user in (first, second):
        who = {**scene.rng.choice(scene.devices), "user_id": user}
        scene.emit("page_viewed", at, who, "natural")
        at += scene.rng.choice(GAPS)
    for user, lateness in ((first, "natural"), (second, "late")):
        who = {"user_id": user}
        at += scene.rng.choice((timedelta(0), DAY))
        properties = json.dumps({"crm_id": key})
        scene.emit("profile_updated", at, who, lateness, properties=properties)


def chain_of_users(scene: Scene) -> None:
    """Each user shares a key with the next one, in any order."""
    at = scene.moment()
    users = scene.rng.sample(scene.users, len(scene.users))
    for number, (user, follower) in enumerate(pairwise(users)):
        kind = scene.rng.choice(("crm_id", "email"))
        properties = json.dumps({kind: f"{scene.prefix}chain{number}"})
        for one in (user, follower):
            if scene.chance(85):
                scene.emit("profile_updated", at, {"user_id": one}, properties=properties)
            at += scene.rng.choice((timedelta(0), timedelta(hours=1)))


def shared_key(scene: Scene) -> None:
    """A key that many users show, about as many as make it tie nobody."""
    at = scene.moment()
    properties = json.dumps({"email": scene.numbered("k", 4)})
    for user in scene.users[: scene.rng.randint(4, 8)]:
        scene.emit("profile_updated", at, {"user_id": user}, properties=properties)
        at += scene.rng.choice((timedelta(0), timedelta(minutes=1), DAY))


def agent(scene: Scene) -> None:
    """A user who shows many keys, about as many as make it tied to nobody."""
    at, who = scene.moment(), {"user_id": scene.rng.choice(scene.users)}
    name = scene.rng.choice(("crm_id", "email"))
    for number in range(scene.rng.randint(4, 8)):
        properties = json.dumps({name: f"{scene.prefix}k{number}"})
        scene.emit("profile_updated", at, who, properties=properties)
        at += scene.rng.choice((timedelta(0), timedelta(minutes=1), DAY))


def other_keys(scene: Scene) -> None:
    """Copies of events that bear a key, with another key or user: ties come apart."""
    bearing = [row for row in scene.rows if row["user_id"] and "k" in row["properties"]]
    for row in scene.rng.sample(bearing, min(len(bearing), scene.rng.randint(1, 3))):
        copy = dict(row)
        kind = scene.rng.randrange(4)
        if kind == 0:
            copy["properties"] = "{}"
        elif kind == 1:
            copy["properties"] = wrapped(scene, some_keys(scene))
        elif kind == 2:
            copy["user_id"] = scene.rng.choice(scene.users)
        else:
            copy["event_name"] = scene.rng.choice(("login_failed", "profile_updated"))
        scene.rows.append(copy)
        scene.lateness.append(scene.rng.choice(("natural", "late", "any")))


def random_erasures(scene: Scene, first_request: int) -> tuple[Row, ...]:
    """Requests to erase some visitors and users, none in most histories."""
    if scene.chance(60):
        return ()
    visitors = [
        hashed(kind, device[f"{kind}_id"])
        for device in scene.devices
        for kind in ("anonymous", "device")
        if f"{kind}_id" in device
    ]
    visitors += [hashed("user", user) for user in scene.users[:2]]
    register = []
    for number in range(scene.rng.randint(1, 4)):
        row: Row = {"request_number": first_request + number, "erased_at": ERASED_AT,
                    "visitor_id": None, "user_id": None}  # fmt: skip
        if scene.chance(60):
            row["user_id"] = scene.rng.choice(scene.users[:4])
        else:
            row["visitor_id"] = scene.rng.choice(visitors)
        register.append(row)
    return tuple(register)


ACCOUNT_BLOCKS: tuple[Callable[[Scene], None], ...] = (
    account_story,
    account_story,
    late_key,
    chain_of_users,
    shared_key,
    agent,
    other_keys,
)

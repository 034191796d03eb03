"""The identity provider's log: customers' log-ins, the staff's day, and planted attacks.

An attack is noted in the ledger with the ids of its events. Sessions of the shop are not made here.
"""

import random
from typing import Any

from ml.simulation.actions import Action, make_event_id, members
from ml.simulation.persons import COUNTRIES, DEVICES, Device, Person
from ml.simulation.settings import DAY, HOUR, IDENTITY, MINUTE, SECOND
from ml.simulation.truth import Truth

STAFF_SIZE = 12
STAFF_NUMBER = 900_000_000
# An attack needs a history that it stands out from.
LOG_INS_BEFORE_ATTACK = 2
ATTACKS = ("impossible_country", "new_device_and_country", "odd_hour", "failures_before")
FAR_COUNTRIES = ("BR", "VN", "NG", "ID")
FOLDERS = ("finance", "contracts", "design", "orders", "hr")
MASS_DOWNLOAD_SHARE = 0.05


def _who(user_id: str, device_id: str, country: str, ip: str, user_agent: str) -> str:
    return members(
        {
            "user_id": user_id,
            "device_id": device_id,
            "country": country,
            "ip": ip,
            "user_agent": user_agent,
        }
    )


def _action(
    rng: random.Random, moment: int, name: str, who: str, properties: dict[str, Any]
) -> Action:
    return Action(moment, IDENTITY, name, make_event_id(rng), who, {"properties": properties})


def log_in(rng: random.Random, person: Person, device: Device, moment: int) -> list[Action]:
    """A customer's log-in, now and then after a mistyped password or from a journey."""
    country = person.country
    if rng.random() < 0.003:
        country = rng.choice([name for name in COUNTRIES if name != country])
    who = _who(person.user_id, device.device_id, country, device.ip, device.user_agent)
    found = []
    if rng.random() < 0.06:
        before = max(0, moment - rng.randrange(5, 30) * SECOND)
        found.append(
            _action(rng, before, "login_failed", who, _outcome("password", "wrong_password"))
        )
    found.append(_action(rng, moment, "login_succeeded", who, _outcome("password")))
    return found


def _outcome(method: str, failure: str | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = {"method": method, "is_mfa": False}
    if failure is not None:
        properties["failure_reason"] = failure
    return properties


def attack(
    rng: random.Random, truth: Truth, person: Person, device: Device, moment: int
) -> list[Action]:
    """Somebody else logs in as the person, some time after a log-in at `moment`."""
    kind = ATTACKS[rng.randrange(len(ATTACKS))]
    country = FAR_COUNTRIES[rng.randrange(len(FAR_COUNTRIES))]
    if kind == "impossible_country":
        begin = moment + int(rng.uniform(6, 45) * MINUTE)
    elif kind == "odd_hour":
        country = person.country
        offset = COUNTRIES[country][1]
        begin = (moment // DAY + 1) * DAY + int((rng.uniform(2.2, 3.8) - offset) * HOUR)
    else:
        begin = moment + int(rng.uniform(2, 30) * HOUR)
    who = _who(
        person.user_id,
        f"d{rng.getrandbits(64):016x}",
        country,
        f"203.0.113.{rng.randrange(1, 255)}",
        DEVICES[rng.randrange(len(DEVICES))][3],
    )
    found = []
    now = begin
    if kind == "failures_before":
        for _ in range(rng.randrange(6, 16)):
            found.append(
                _action(rng, now, "login_failed", who, _outcome("password", "wrong_password"))
            )
            now += rng.randrange(1_000, 6_000)
    found.append(_action(rng, now, "login_succeeded", who, _outcome("password")))
    if kind == "failures_before":
        later = now + 2 * MINUTE
        found.append(_action(rng, later, "password_changed", who, {"method": "password"}))
    for action in found:
        if action.name == "password_changed":
            continue
        hit = action.name == "login_succeeded"
        truth.plant(
            "login_anomaly" if hit else "login_failure_of_attack",
            action.moment,
            source=IDENTITY,
            event_id=action.event_id,
            person=person,
            detail=kind,
        )
    return found


def make_staff(seed: int) -> list[Person]:
    """The shop's employees, each with one device in the office's network."""
    rng = random.Random(f"staff {seed}")
    return [
        Person(
            number=STAFF_NUMBER + k,
            kind="employee",
            country="DE",
            preference=0,
            variant="none",
            devices=[
                Device(
                    anonymous_id="",
                    device_id=f"d{rng.getrandbits(64):016x}",
                    device_type="desktop",
                    app=None,
                    user_agent=DEVICES[k % 3][3],
                    ip=f"192.0.2.{10 + k}",
                )
            ],
            has_account=True,
        )
        for k in range(STAFF_SIZE)
    ]


def staff_day(
    rng: random.Random, truth: Truth, staff: list[Person], day: int, weekday: int
) -> list[Action]:
    """What the employees do on one day; weekday 0 is Monday. Sometimes one empties a folder."""
    found: list[Action] = []
    for person in staff:
        if weekday < 5 and rng.random() < 0.85:
            found += _working_day(rng, person, day)
    if rng.random() < MASS_DOWNLOAD_SHARE:
        found += _mass_download(rng, truth, staff[rng.randrange(len(staff))], day)
    return found


def _staff_who(person: Person) -> str:
    device = person.devices[0]
    return _who(person.user_id, device.device_id, "DE", device.ip, device.user_agent)


def _working_day(rng: random.Random, person: Person, day: int) -> list[Action]:
    who = _staff_who(person)
    person.visits += 1
    person.log_ins += 1
    now = day * DAY + int(rng.uniform(7, 8.5) * HOUR)
    found = [_action(rng, now, "login_succeeded", who, {"method": "sso", "is_mfa": True})]
    for _ in range(rng.randrange(2, 9)):
        now += int(rng.expovariate(1 / 55) * MINUTE) + MINUTE
        u = rng.random()
        name = (
            "file_accessed" if u < 0.85 else "file_downloaded" if u < 0.98 else "file_access_denied"
        )
        found.append(_action(rng, now, name, who, _file(rng, name)))
    found.append(_action(rng, now + 20 * MINUTE, "logged_out", who, {"method": "sso"}))
    return found


def _file(rng: random.Random, name: str) -> dict[str, Any]:
    folder, number = FOLDERS[rng.randrange(len(FOLDERS))], rng.randrange(1, 200)
    properties: dict[str, Any] = {
        "file_id": f"{folder}-{number}",
        "file_path": f"/{folder}/document-{number}.pdf",
        "action": "download" if name == "file_downloaded" else "read",
    }
    if name != "file_access_denied":
        properties["file_bytes"] = int(rng.lognormvariate(12, 1))
    return properties


def _mass_download(rng: random.Random, truth: Truth, person: Person, day: int) -> list[Action]:
    who = _staff_who(person)
    person.visits += 1
    person.log_ins += 1
    now = day * DAY + int(rng.uniform(1, 3) * HOUR)
    found = [_action(rng, now, "login_succeeded", who, {"method": "sso", "is_mfa": True})]
    for _ in range(rng.randrange(40, 80)):
        now += rng.randrange(2, 20) * SECOND
        name = "file_downloaded" if rng.random() < 0.9 else "file_access_denied"
        found.append(_action(rng, now, name, who, _file(rng, name)))
    truth.plant(
        "mass_download",
        found[1].moment,
        source=IDENTITY,
        event_id=found[1].event_id,
        person=person,
        value=float(len(found) - 1),
        detail="file_downloaded and file_access_denied at night",
    )
    return found

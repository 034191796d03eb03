"""Who comes to the shop: persons, their devices, countries and tastes. All of it is fictitious.

What they do there is in `visits`; names and addresses use reserved domains and networks.
"""

import random
from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate

from ml.simulation.catalogue import Preference

# country: (weight, UTC offset in hours, locale, city)
COUNTRIES: dict[str, tuple[int, int, str, str]] = {
    "DE": (46, 1, "de-DE", "Berlin"),
    "AT": (10, 1, "de-AT", "Vienna"),
    "CH": (8, 1, "de-CH", "Zurich"),
    "FR": (12, 1, "fr-FR", "Lyon"),
    "NL": (8, 1, "nl-NL", "Utrecht"),
    "GB": (10, 0, "en-GB", "Leeds"),
    "PL": (6, 1, "pl-PL", "Gdansk"),
}
COUNTRY_NAMES = tuple(COUNTRIES)
_COUNTRY_TOTAL = tuple(accumulate(spec[0] for spec in COUNTRIES.values()))

# kind: (share of new persons, of those known before, visits a day, chance to stay away for ever)
KINDS: dict[str, tuple[float, float, float, float]] = {
    "casual": (0.90, 0.0, 0.03, 0.50),
    "regular": (0.085, 0.75, 0.12, 0.08),
    "loyal": (0.015, 0.25, 0.36, 0.02),
}
# Visits a day of an average person known before: what the base's size follows from.
KNOWN_RATE = sum(spec[1] * spec[2] for spec in KINDS.values())
NEW_SHARE = 0.27

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 {}Safari/537.36"
# (weight, device_type, app, user agent)
DEVICES: tuple[tuple[int, str, str | None, str], ...] = (
    (24, "desktop", None, _CHROME.format("Windows NT 10.0; Win64; x64", "")),
    (
        7,
        "desktop",
        None,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    ),
    (
        9,
        "desktop",
        None,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    ),
    (26, "mobile", None, _CHROME.format("Linux; Android 14; K", "Mobile ")),
    (
        18,
        "mobile",
        None,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ),
    (
        10,
        "mobile",
        "shop-app",
        "Mozilla/5.0 (Linux; Android 14; K; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        6,
        "tablet",
        None,
        "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ),
)
_DEVICE_TOTAL = tuple(accumulate(spec[0] for spec in DEVICES))

FIRST_NAMES = ("Ada", "Ben", "Clara", "David", "Emil", "Frida", "Greta", "Hugo", "Ida", "Jonas")
LAST_NAMES = ("Albers", "Brandt", "Conrad", "Dietz", "Engel", "Falk", "Graf", "Hagen", "Imhof")


@dataclass(slots=True)
class Cart:
    """What lies in a device's cart: product index to quantity."""

    items: dict[int, int] = field(default_factory=dict)
    touched_at: int = 0
    touched_by: str = ""
    fired: bool = False
    mailed: bool = False


@dataclass(slots=True)
class Device:
    """One browser or app of a person; `anonymous_id` is what its tracker knows."""

    anonymous_id: str
    device_id: str
    device_type: str
    app: str | None
    user_agent: str
    ip: str
    logged_in: bool = False
    asked_consent: bool = False
    cart: Cart = field(default_factory=Cart)


@dataclass(slots=True)
class Person:
    """A person and what the simulation remembers of them from visit to visit."""

    number: int
    kind: str
    country: str
    preference: int
    variant: str
    devices: list[Device]
    has_account: bool
    is_bot: bool = False
    in_crm: bool = False
    visits: int = 0
    log_ins: int = 0
    orders: int = 0
    free_from: int = 0
    to_review: list[tuple[int, int]] = field(default_factory=list)

    @property
    def person_id(self) -> str:
        return f"person-{self.number}"

    @property
    def user_id(self) -> str:
        return f"U{100_000 + self.number}"

    @property
    def name(self) -> tuple[str, str]:
        return (
            FIRST_NAMES[self.number % len(FIRST_NAMES)],
            LAST_NAMES[self.number // len(FIRST_NAMES) % len(LAST_NAMES)],
        )

    @property
    def email(self) -> str:
        first, last = self.name
        return f"{first}.{last}.{self.number}@example.org".lower()


def make_person(
    rng: random.Random, number: int, preferences: tuple[Preference, ...], *, known: bool
) -> Person:
    """Draw a person; `known` ones came before the first day and are more loyal."""
    share = 1 if known else 0
    u = rng.random()
    kind = "loyal"
    for name, spec in KINDS.items():
        if u < spec[share]:
            kind = name
            break
        u -= spec[share]
    country = COUNTRY_NAMES[bisect(_COUNTRY_TOTAL, rng.random() * _COUNTRY_TOTAL[-1])]
    u = rng.random()
    count = 1 if kind == "casual" or u < 0.5 else 2 if u < 0.85 else 3
    return Person(
        number=number,
        kind=kind,
        country=country,
        preference=rng.randrange(len(preferences)),
        variant="treatment" if rng.random() < 0.5 else "control",
        devices=[_make_device(rng, country) for _ in range(count)],
        has_account=known and rng.random() < 0.6,
    )


def home_address(rng: random.Random, country: str) -> str:
    """A private address that stands for a provider's network in the country."""
    block = COUNTRY_NAMES.index(country)
    return f"10.{40 + block * 4 + rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def _make_device(rng: random.Random, country: str) -> Device:
    spec = DEVICES[bisect(_DEVICE_TOTAL, rng.random() * _DEVICE_TOTAL[-1])]
    return Device(
        anonymous_id=f"a{rng.getrandbits(64):016x}",
        device_id=f"d{rng.getrandbits(64):016x}",
        device_type=spec[1],
        app=spec[2],
        user_agent=spec[3],
        ip=home_address(rng, country),
    )

"""What random histories are made of: short stories of visitors, chosen to break a wrong model.

Belongs here: single stories (a chain of events at awkward gaps, an order sent twice, a late event
that joins two sessions, …), each a function of a `Scene`. Not here: on which day a row arrives and
in which order days are materialised (`histories`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.laws.log_rows import log_row
from tests.laws.shop import REGISTRY, UNREGISTERED_NAME

Row = dict[str, Any]

MICROSECOND = timedelta(microseconds=1)
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(hours=24)
GAPS = (
    timedelta(0),
    MICROSECOND,
    timedelta(seconds=1),
    timedelta(seconds=10),
    timedelta(minutes=29),
    HALF_HOUR - MICROSECOND,
    HALF_HOUR,
    HALF_HOUR,
    HALF_HOUR + MICROSECOND,
    HALF_HOUR + MICROSECOND,
    timedelta(minutes=45),
    timedelta(hours=6),
    DAY - MICROSECOND,
    DAY,
    DAY + MICROSECOND,
    2 * DAY,
)
SHORT_GAPS = GAPS[:7]
BROWSING = (
    "page_viewed",
    "page_viewed",
    "product_viewed",
    "product_viewed",
    "product_list_viewed",
    "product_clicked",
    "product_added",
    "product_removed",
    "product_added_to_wishlist",
    "checkout_started",
    "payment_info_entered",
    "product_reviewed",
    "signed_up",
    "email_sent",
    UNREGISTERED_NAME,
)
CATEGORIES = ("bags", "hats", "shoes")
PAGES = ("/", "/p", "/cart")
CAMPAIGN_VALUES: dict[str, tuple[str, ...]] = {
    "utm_source": ("google", "newsletter", "partner"),
    "utm_medium": ("cpc", "email", "Social", "organic", "other"),
    "utm_campaign": ("spring",),
    "referrer": ("https://www.google.com/", "https://facebook.com:443/x", "http://blog.example"),
}
# 22:00, 23:00, 04:00 and 05:00 UTC are midnights in Berlin and New York; clocks change at 01:00
# UTC in Berlin, at 06:00 and 07:00 UTC in New York.
HOURS = (0, 0, 1, 4, 5, 6, 7, 12, 22, 23)


@dataclass
class Scene:
    """The actors of one history and the rows written so far.

    `lateness` holds for each row how it may arrive: `natural`, `late` or `any`.
    """

    rng: Random
    days: list[date]
    prefix: str = ""
    rows: list[Row] = field(default_factory=list)
    lateness: list[str] = field(default_factory=list)
    devices: list[Row] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    counter: int = 0

    def __post_init__(self) -> None:
        """Choose devices (1 to 4) and users (1 to 8); ids of different kinds may share a text."""
        name = self.prefix
        devices: list[Row] = [
            {"anonymous_id": f"{name}x1"},
            {"device_id": f"{name}x1"},
            {"anonymous_id": f"{name}x2", "device_id": f"{name}x1"},
            {"anonymous_id": f"{name}x3"},
        ]
        self.users = [f"{name}x{number}" for number in range(1, 1 + self.rng.randint(1, 8))]
        self.rng.shuffle(devices)
        self.devices = devices[: self.rng.randint(1, 4)]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases; the smallest choice is false."""
        return self.rng.randrange(100) >= 100 - percent

    def moment(self) -> datetime:
        """A time on or around an arrival day, often at an edge of a day."""
        shift = self.rng.choice((0, 0, 0, -1, -2, 1)) * DAY
        at = datetime.combine(self.rng.choice(self.days), time(self.rng.choice(HOURS))) + shift
        return at + self.rng.choice((timedelta(0), -MICROSECOND, timedelta(minutes=10)))

    def numbered(self, kind: str, count: int) -> str:
        """One of `count` ids of a kind."""
        return f"{self.prefix}{kind}{self.rng.randrange(count)}"

    def products(self) -> Any:
        """A value of `properties.products`, well-formed or not."""
        if self.chance(25):
            return self.rng.choice(([], "shoes", [1, 2], [{"product_id": "p"}, 3], {}, [{}], None))
        items = []
        for _ in range(self.rng.randint(1, 3)):
            item: Row = {"product_id": self.numbered("p", 4)}
            if self.chance(60):
                item["price"] = self.rng.choice((0, 3, 9.99, 12.5, None, "n/a"))
            if self.chance(50):
                item["quantity"] = self.rng.choice((1, 2, 0, None, 0.5))
            if self.chance(60):
                item["category"] = self.rng.choice((*CATEGORIES, None))
            if self.chance(20):
                item["brand"] = self.rng.choice(("acme", "zeta"))
            items.append(item)
        return items

    def decoration(self, name: str) -> Row:
        """Columns of context and of the item, as an event of this name may have them."""
        columns: Row = {}
        role = REGISTRY.get(name, {}).get("role")
        if self.chance(10):
            column = self.rng.choice(tuple(CAMPAIGN_VALUES))
            columns[column] = self.rng.choice(CAMPAIGN_VALUES[column])
        if self.chance(25):
            columns["device_type"] = self.rng.choice(("phone", "desktop"))
        if self.chance(20):
            columns["country"] = self.rng.choice(("DE", "US"))
        if self.chance(5):
            columns["source_session_id"] = self.rng.choice(("s1", "s2"))
        if self.chance(6):
            columns["is_bot"] = True
        if role in ("page_view", "ping") and self.chance(80):
            columns["page_path"] = self.rng.choice(PAGES)
        if self.chance(40):
            columns["category"] = self.rng.choice(CATEGORIES)
        if role not in (None, "page_view", "ping", "login", "logout", "refund"):
            columns.update(self.item())
        return columns

    def item(self) -> Row:
        """Columns of one item, or an array of items, or both."""
        columns: Row = {}
        if self.chance(60):
            columns["product_id"] = self.numbered("p", 4)
        if self.chance(40):
            columns["price"] = Decimal(self.rng.choice(("0", "5", "9.99", "2.50")))
        if self.chance(30):
            columns["quantity"] = Decimal(self.rng.choice(("1", "2", "0", "0.5")))
        if self.chance(30):
            columns["properties"] = json.dumps({"products": self.products()})
        if self.chance(25):
            columns["currency"] = self.rng.choice(("EUR", "USD"))
        if self.chance(20):
            columns["brand"] = self.rng.choice(("acme", "zeta"))
        return columns

    def emit(
        self, name: str, at: datetime, who: Row | None = None, lateness: str = "any", **columns: Any
    ) -> None:
        """Write a row, unless it is so early that no arrival day could have taken it."""
        if at.date() - timedelta(days=1) > self.days[-1]:
            return
        self.counter += 1
        source = columns.pop("source", None) or ("till" if self.chance(15) else "web")
        row = {**self.decoration(name), **(who or {}), **columns}
        self.rows.append(log_row(f"{self.prefix}e{self.counter}", name, at, source=source, **row))
        self.lateness.append(lateness)

    def actor(self) -> Row:
        """Who does something: mostly a device, at times with a user, a user alone, or nobody."""
        if self.chance(4):
            return {}
        if self.chance(6):
            return {"user_id": self.rng.choice(self.users)}
        device = dict(self.rng.choice(self.devices))
        if self.chance(12):
            device["user_id"] = self.rng.choice(self.users)
        return device


def chain(scene: Scene) -> None:
    """One visitor's events, each at an awkward gap from the one before."""
    who, at = scene.actor(), scene.moment()
    gaps = GAPS if scene.chance(50) else SHORT_GAPS
    for _ in range(scene.rng.randint(2, 6)):
        scene.emit(scene.rng.choice(BROWSING), at, who)
        at += scene.rng.choice(gaps)


def long_run(scene: Scene) -> None:
    """A run of over 24 hours, with events at the cut; a late event in it may join two runs."""
    who = dict(scene.rng.choice(scene.devices))
    start = datetime.combine(scene.days[0], time(scene.rng.choice(HOURS))) - DAY
    late = scene.rng.randrange(1, 47)
    for number in range(48):
        lateness = "late" if number == late and scene.chance(70) else "any"
        scene.emit("page_viewed", start + number * HALF_HOUR, who, lateness, is_bot=False)
    for offset in (-MICROSECOND, timedelta(0), timedelta(minutes=10)):
        if scene.chance(75):
            scene.emit(
                scene.rng.choice(("page_viewed", "product_viewed")), start + DAY + offset, who
            )


def late_bridge(scene: Scene) -> None:
    """Two sessions, and an event between them that arrives on a later day and makes them one."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    apart = scene.rng.choice((HALF_HOUR + MICROSECOND, timedelta(minutes=40), 2 * HALF_HOUR))
    for _ in range(scene.rng.randint(1, 2)):
        scene.emit("page_viewed", at, who, "natural")
        scene.emit("product_viewed", at + apart, who, "natural")
        scene.emit(scene.rng.choice(BROWSING), at + apart / 2, who, "late")
        at += apart + scene.rng.choice((HALF_HOUR, HALF_HOUR + MICROSECOND))


def change(scene: Scene, row: Row) -> None:
    """Make a copy differ from its event in one thing, its key left as it is."""
    kind = scene.rng.randrange(9)
    if kind == 0:
        row.update({"anonymous_id": None, "device_id": None, **scene.actor()})
    elif kind == 1:
        row["order_id"] = scene.numbered("o", 3)
    elif kind == 2:
        row["event_ts"] = datetime.combine(row["event_ts"].date(), scene.moment().time())
    elif kind == 3:
        row["product_id"] = scene.numbered("p", 4)
    elif kind == 4:
        row["user_id"] = None
    elif kind == 5:
        row["is_bot"] = not row["is_bot"]
    elif kind == 6:
        row["event_name"] = scene.rng.choice(tuple(REGISTRY))
    elif kind == 7:
        row["revenue"] = Decimal(scene.rng.choice(("1", "77")))
    else:
        row["user_id"] = scene.rng.choice(scene.users)


def copies(scene: Scene) -> None:
    """Events sent again: the same or changed, or their id used by another source or date."""
    for _ in range(scene.rng.randint(1, 4)):
        if not scene.rows:
            return
        row = dict(scene.rng.choice(scene.rows))
        if scene.chance(15):
            row["source"] = "till" if row["source"] == "web" else "web"
        elif scene.chance(15):
            row["event_ts"] -= DAY
        elif scene.chance(70):
            change(scene, row)
        scene.rows.append(row)
        scene.lateness.append(scene.rng.choice(("natural", "late", "any")))


def identity_story(scene: Scene) -> None:
    """Log-ins and log-outs of some users on one device, tied times included, and views between."""
    device, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    names = ("login_succeeded", "login_succeeded", "login_failed", "logged_out", "page_viewed")
    for _ in range(scene.rng.randint(3, 6)):
        name = scene.rng.choice(names)
        user = {} if name == "page_viewed" else {"user_id": scene.rng.choice(scene.users[:3])}
        scene.emit(name, at, {**device, **user})
        at += scene.rng.choice((timedelta(0), timedelta(0), *GAPS))


def shared_device(scene: Scene) -> None:
    """A device that many users log in on, about as many as make it shared."""
    device, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    scene.emit("page_viewed", at - HALF_HOUR, device)
    for user in scene.users[: scene.rng.randint(5, 8)]:
        scene.emit("login_succeeded", at, {**device, "user_id": user})
        at += scene.rng.choice((timedelta(0), timedelta(minutes=1), timedelta(hours=6)))


def order_story(scene: Scene) -> None:
    """An order, sent once or twice, updated, refunded; with and without id, value and visitor."""
    who, at = scene.actor(), scene.moment()
    source = "till" if scene.chance(40) else "web"
    order = {"source": source, "order_id": scene.numbered("o", 3) if scene.chance(75) else None}

    def money() -> Row:
        amount = scene.rng.choice((None, None, "0", "10", "25.50", "99.99"))
        return {"revenue": None if amount is None else Decimal(amount)}

    if scene.chance(60):
        scene.emit("product_added", at, who, source=source)
    for _ in range(scene.rng.choice((1, 1, 2, 3))):
        coupon = scene.rng.choice((None, "c1", "c2"))
        scene.emit("order_completed", at, who, **order, **money(), coupon=coupon)
        at += scene.rng.choice((*GAPS, -HALF_HOUR, -DAY))
        who = scene.actor() if scene.chance(30) else who
    for _ in range(scene.rng.choice((0, 0, 1, 2))):
        scene.emit("order_updated", at, scene.rng.choice(({}, who)), **order, **money())
        at += scene.rng.choice(GAPS)
    for _ in range(scene.rng.choice((0, 0, 1, 2))):
        columns = {**order, **money(), **(scene.item() if scene.chance(40) else {})}
        if columns["revenue"] is not None and scene.chance(50):
            columns["revenue"] = -columns["revenue"]
        if scene.chance(30):
            columns["order_id"] = None
        scene.emit("order_refunded", at, scene.rng.choice(({}, {}, who)), **columns)


def impressions(scene: Scene) -> None:
    """Things shown and clicked, impression ids repeated or missing."""
    who, at = scene.actor(), scene.moment()
    for _ in range(scene.rng.randint(2, 5)):
        name = scene.rng.choice(
            ("recommendation_shown", "promotion_viewed", "recommendation_clicked")
        )
        shown = scene.numbered("i", 2) if scene.chance(70) else None
        scene.emit(name, at, who, impression_id=shown)
        at += scene.rng.choice(GAPS)


def pings(scene: Scene) -> None:
    """Pings of a page in the same and in other 10-second buckets."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    for _ in range(scene.rng.randint(1, 4)):
        scene.emit("page_pinged", at, who)
        at += scene.rng.choice((*SHORT_GAPS[:4], timedelta(seconds=9, microseconds=999_999)))


def funnel_story(scene: Scene) -> None:
    """Steps of the declared funnels, in and out of order, tied, repeated, at the window's edge."""
    who, at = dict(scene.rng.choice(scene.devices)), scene.moment()
    edges = (timedelta(hours=1), DAY, 2 * DAY, HALF_HOUR)
    names = ("page_viewed", "product_viewed", "product_viewed", "product_added", "order_completed")
    if scene.chance(40):
        for name in names:
            scene.emit(name, at, who)
            at += scene.rng.choice((timedelta(0), MICROSECOND, timedelta(minutes=1)))
        return
    for _ in range(scene.rng.randint(3, 7)):
        scene.emit(scene.rng.choice(names), at, who)
        at += scene.rng.choice((timedelta(0), timedelta(0), MICROSECOND, *edges))


BLOCKS: tuple[Callable[[Scene], None], ...] = (
    chain,
    chain,
    late_bridge,
    copies,
    copies,
    identity_story,
    identity_story,
    shared_device,
    order_story,
    order_story,
    order_story,
    impressions,
    pings,
    funnel_story,
    funnel_story,
)

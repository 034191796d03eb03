"""Machines that read the shop: page after page, no pings, and a user agent that says so."""

import random

from ml.simulation.actions import Action, Recorder, product_fields, shop_identity
from ml.simulation.browsing import ORIGIN
from ml.simulation.catalogue import Catalogue
from ml.simulation.persons import Device, Person
from ml.simulation.settings import DAY, SECOND, SHOP
from ml.simulation.truth import Truth

CRAWLER_NUMBER = 800_000_000
USER_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)


def make_crawlers(seed: int) -> list[Person]:
    """The shop's crawlers, each a visitor of its own."""
    rng = random.Random(f"crawlers {seed}")
    return [
        Person(
            number=CRAWLER_NUMBER + k,
            kind="crawler",
            country="US",
            preference=0,
            variant="none",
            devices=[
                Device(
                    anonymous_id=f"a{rng.getrandbits(64):016x}",
                    device_id=f"d{rng.getrandbits(64):016x}",
                    device_type="desktop",
                    app=None,
                    user_agent=user_agent,
                    ip=f"198.51.100.{20 + k}",
                )
            ],
            has_account=False,
            is_bot=True,
        )
        for k, user_agent in enumerate(USER_AGENTS)
    ]


def crawl(
    rng: random.Random, truth: Truth, catalogue: Catalogue, crawler: Person, day: int
) -> list[Action]:
    """One crawl through the products on a day, in order of time."""
    device = crawler.devices[0]
    start = day * DAY + int(rng.random() * 0.9 * DAY)
    recorder = Recorder(rng, SHOP, shop_identity(crawler, device), start)
    for _ in range(rng.randrange(15, 60)):
        product = catalogue.products[rng.randrange(len(catalogue.products))]
        recorder.note(
            "page_viewed",
            int(rng.uniform(1, 12) * SECOND),
            {
                "page_url": ORIGIN + product.path,
                "page_path": product.path,
                "properties": {"title": product.name},
            },
        )
        recorder.note("product_viewed", 60, product_fields(product) | {"page_path": product.path})
    if crawler.visits == 0:
        truth.plant(
            "bot_visitor",
            recorder.actions[0].moment,
            source=SHOP,
            event_id=recorder.actions[0].event_id,
            person=crawler,
            anonymous_id=device.anonymous_id,
            detail=device.user_agent,
        )
    crawler.visits += 1
    return recorder.actions

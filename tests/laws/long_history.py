"""A shop that goes on for hundreds of days alike, for what a day costs as the history grows.

Belongs here: the rows that arrive on a day, the same for the same number. Not here: random
histories made to find differences (`histories`), nor what is measured (`test_law5_cost_of_a_day`).

A day brings as many rows as any other: visits of that day, a few of the days before, rows of the
day before once more, and a bot that views a page every half an hour. Visitors come within sixty
days and then never again, so that nobody's past grows for ever except the bot's.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from tests.laws.histories import Row, number_lines
from tests.laws.log_rows import log_row

FIRST_DAY = date(2025, 1, 1)
STAYS_DAYS = 60
VISITS_A_DAY = 75
PRODUCTS = 40
SENT_AGAIN = 40
HALF_HOUR = timedelta(minutes=30)
# What one visit or another says by its properties: searches, views of content, consent, stars.
TOLD: tuple[tuple[tuple[str, Row], ...], ...] = (
    (
        ("products_searched", {"properties": '{"query": "hat", "result_count": 3}'}),
        ("content_started", {"properties": '{"content_id": "guide"}'}),
    ),
    (
        ("consent_updated", {"consent": '{"ads": true}'}),
        ("product_reviewed", {"product_id": "p1", "properties": '{"rating": 4}'}),
    ),
)
# How many days late the last visits of a day arrive; all others come on time.
LATE = {VISITS_A_DAY - 1: 1, VISITS_A_DAY - 2: 3}


def day_number(number: int) -> date:
    """The date of a day; the first one is 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def visit(rng: Random, number: int, place: int) -> list[Row]:
    """A visit of a day: looks, every other time adds, every other time orders and sends it back.

    Half of the visitors log in, in each of their visits, so that no log-in moves a long past: what
    that costs is due, and would make one day dearer than another. The CRM, which has a user id of
    its own for them, then shows the same e-mail address: the two are one person from the first
    visit on.
    """
    at = datetime.combine(day_number(number), time(rng.randrange(24), rng.randrange(60)))
    visitor = number * VISITS_A_DAY // 20 + rng.randrange(STAYS_DAYS * VISITS_A_DAY // 20)
    item = {
        "product_id": f"p{rng.randrange(PRODUCTS)}", "category": rng.choice(("bags", "hats")),
        "price": Decimal(rng.randint(1, 9)),
    }  # fmt: skip
    steps: list[tuple[str, Row]] = [
        ("page_viewed", {"page_path": "/", "utm_medium": rng.choice(("cpc", "email", None))}),
        ("product_viewed", item),
        *TOLD[place % len(TOLD)],
    ]
    if rng.randrange(2):
        steps.append(("product_added", item))
    if visitor % 2:
        email = {"properties": f'{{"email": "m{visitor}"}}'}
        steps.append(("login_succeeded", {"user_id": f"u{visitor}", **email}))
        said = {"properties": f'{{"email": "m{visitor}", "segment": "s{visitor % 3}"}}'}
        steps.append(("profile_updated", {"user_id": f"c{visitor}", "anonymous_id": None, **said}))
    if rng.randrange(2):
        order = {**item, "order_id": f"{number}-{place}"}
        steps += [("order_completed", order), ("order_refunded", order)]
    if visitor % 3 == 0:
        met = f'{{"experiment_id": "x", "variant_id": "{visitor % 2}"}}'
        steps.append(("experiment_viewed", {"properties": met}))
    return [
        log_row(f"{number}-{place}-{minute}", name, at + timedelta(minutes=minute),
                **{"anonymous_id": f"v{visitor}", "device_type": "phone", **columns})
        for minute, (name, columns) in enumerate(steps)
    ]  # fmt: skip


def visits_of(number: int) -> dict[int, list[Row]]:
    """The visits that happen on a day, by their place; none before the first day."""
    rng = Random(number)
    return {place: visit(rng, number, place) for place in range(VISITS_A_DAY) if number >= 1}


def arriving(number: int) -> list[Row]:
    """The rows that arrive on a day."""
    rows = [
        row
        for happened in (number - 3, number - 1, number)
        for place, visited in visits_of(happened).items()
        if LATE.get(place, 0) == number - happened
        for row in visited
    ]
    again = [
        row for place, visited in visits_of(number - 1).items() if place < 20 for row in visited
    ]
    start = datetime.combine(day_number(number), time())
    bot = [
        log_row(f"bot-{number}-{turn}", "page_viewed", start + turn * HALF_HOUR,
                anonymous_id="bot", is_bot=True)
        for turn in range(48)
    ]  # fmt: skip
    rows = [
        dict(row, arrival_date=day_number(number)) for row in (*rows, *again[:SENT_AGAIN], *bot)
    ]
    number_lines(rows, f"{day_number(number)}/a.jsonl")
    return rows


def very_late(number: int, days: int) -> Row:
    """A page view of a visitor of long ago, that arrives so many days late."""
    seen = visits_of(number - days)[0][0]
    row = dict(
        seen, event_id="very-late", event_ts=seen["event_ts"] + timedelta(minutes=7),
        arrival_date=day_number(number),
    )  # fmt: skip
    number_lines([row], f"{day_number(number)}/b.jsonl")
    return row

"""A shop of twenty days to train models on, and what arrives about it later.

Belongs here: the rows, and loading them into a warehouse. Not here: what a model must make of them.
"""

import json
import random
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from tests.laws.stories import day, event, view
from tests.laws.warehouse import Row, Warehouse

D = day(20)
PERSONS, PRODUCTS = 48, 24


def arriving(arrived: date, rows: list[Row]) -> list[Row]:
    """Rows of one file that was handed over on a day."""
    source_file = f"web/{arrived}/a.jsonl"
    return [
        dict(row, arrival_date=arrived, source_file=source_file, source_line=number)
        for number, row in enumerate(rows, start=1)
    ]


def account(when: str, person: int, key: str) -> Row:
    """The CRM shows a key of a user."""
    return event(f"c{key}-{person}", "profile_updated", when, None, user_id=f"u{person}",
                 properties=json.dumps({"crm_id": key}))  # fmt: skip


def file_access(key: str, when: str, person: int, folder: str) -> Row:
    """Somebody with an account opens a file."""
    properties = json.dumps({"file_path": f"/{folder}/a.pdf", "action": "read"})
    return event(f"a{key}", "file_accessed", when, None, user_id=f"u{person}",
                 device_id=f"d{person}", properties=properties)  # fmt: skip


def recommendation(
    key: str, name: str, when: str, person: int, product: int, **said: object
) -> Row:
    """A product is shown on the home page, or clicked there."""
    properties = json.dumps({"list_id": "home", **said})
    return event(f"{name}{key}", name, when, f"v{person}", product_id=f"p{product}",
                 impression_id=f"i{key}", properties=properties)  # fmt: skip


def recommended(number: int, chance: random.Random) -> list[Row]:
    """A day's first places: each of six products alike; the last of them is clicked more."""
    rows: list[Row] = []
    for person in range(PERSONS):
        key, product = f"{number}-{person}", chance.randrange(6)
        shown = {"position": 1, "propensity": 1 / 6}
        rows.append(recommendation(key, "recommendation_shown", f"{number:02} 10:00", person,
                                   product, **shown))  # fmt: skip
        if chance.random() < (0.5 if product == 5 else 0.1):
            rows.append(recommendation(key, "recommendation_clicked", f"{number:02} 10:01", person,
                                       product))  # fmt: skip
            rows.append(order_of(key, f"{number:02} 10:02", person, product))
    return rows


def order_of(key: str, when: str, person: int, product: int, **columns: object) -> Row:
    """An order of one product."""
    return event(f"r{key}", "order_completed", when, f"v{person}", order_id=f"r{key}",
                 product_id=f"p{product}", **{"price": Decimal(9), **columns})  # fmt: skip


def the_shop_up_to_d() -> list[Row]:
    """Twenty days of 48 persons with two tastes; half log in and open files, a quarter read on.

    Everybody orders now and then, and is shown a recommendation. Two of those turn out to be one on
    the fifth day.
    """
    chance, shown = random.Random(4), random.Random(5)
    rows: list[Row] = []
    for number in range(1, 21):
        today: list[Row] = []
        for person in range(PERSONS):
            who, name = f"v{person}", f"{number}-{person}"
            if person % 4 == 1:
                today += [
                    view(f"r{name}-{n}", f"{number:02} 07:{2 * n:02}", who, page_path=f"/{n}")
                    for n in range(3 + person % 5)
                ]
            taste = [p for p in range(PRODUCTS) if p % 2 == person % 2]
            kind = ("mobile", "desktop")[person // 2 % 2]
            today.append(view(f"w{name}", f"{number:02} 08:00", who, page_path="/", country="US",
                              device_type=kind))  # fmt: skip
            variant = json.dumps({"experiment_id": "x", "variant_id": f"{person // 2 % 2}"})
            today.append(
                event(
                    f"x{name}", "experiment_viewed", f"{number:02} 08:05", who, properties=variant
                )
            )
            for look, product in enumerate(chance.sample(taste, 2)):
                when = f"{number:02} 08:{10 + look}"
                seen = event(
                    f"s{name}-{look}", "product_viewed", when, who, product_id=f"p{product}",
                    category=f"c{person % 3}",
                )  # fmt: skip
                today.append(seen)
            if (number * (1 + person % 3) + person) % 11 == 0:
                bought = event(
                    f"b{name}", "order_completed", f"{number:02} 08:20", who, order_id=f"b{name}",
                    product_id=f"p{taste[0]}", price=Decimal(5 + person % 4),
                )  # fmt: skip
                today.append(bought)
            if person % 2 == 0:
                login = event(
                    f"l{name}", "login_succeeded", f"{number:02} 08:30", who, user_id=f"u{person}",
                    country="DE", device_id=f"d{person}", ip_truncated="10.0.0.0",
                )  # fmt: skip
                today.append(login)
                folders = [f"team{person % 4}", f"home{person}"]
                today += [
                    file_access(f"{name}-{nth}", f"{number:02} 09:{10 + nth}", person, folder)
                    for nth, folder in enumerate(folders)
                ]
        today += recommended(number, shown)
        if number == 5:
            today += [account(f"05 09:{person:02}", person, "mine") for person in (2, 6)]
        rows += arriving(day(number), today)
    return rows


def what_arrives_later() -> Iterator[tuple[date, list[Row]]]:
    """Three days, each with something dated before D that a model which peeks would see."""
    logins = [
        event(
            f"late{person}", "login_succeeded", "19 03:00", f"v{person}", user_id=f"u{person}",
            country="BR", device_id="elsewhere", ip_truncated="99.0.0.0",
        )
        for person in range(0, PERSONS, 2)
    ]  # fmt: skip
    failed = [event(f"f{n}", "login_failed", f"20 08:2{n}", "v0", user_id="u0") for n in range(5)]
    opened = [file_access(f"l{n}", f"19 10:{n:02}", 0, f"team{n % 4}") for n in range(12)]
    newcomer = view("n", "19 12:00", "newcomer", country="US", device_type="tablet")
    other = json.dumps({"experiment_id": "x", "variant_id": "blue"})
    met = [event(f"y{person}", "experiment_viewed", "19 11:00", f"v{person}", properties=other)
           for person in range(4)]  # fmt: skip
    looked = [event(f"g{person}", "product_viewed", "19 08:12", f"v{person}", product_id="p1")
              for person in range(0, 8, 2)]  # fmt: skip
    # More views in a minute of a day before D than a person makes.
    fast = [view(f"f{person}-{nth}", f"13 07:00:{nth:02}", f"v{person}")
            for person in range(PERSONS) for nth in range(4)]  # fmt: skip
    clicked = [recommendation(f"18-{person}", "recommendation_clicked", "18 20:00", person, product)
               for person in range(PERSONS) for product in range(6)]  # fmt: skip
    clicked = [dict(row, event_id=f"{row['event_id']}-{row['product_id']}") for row in clicked]
    liked = [event(f"k{person}-{nth}", "product_viewed", f"04 07:{nth:02}", f"v{person}",
                   product_id="p0", category="liked late")
             for person in range(8) for nth in range(40)]  # fmt: skip
    read = [view(f"read{n}", f"19 07:{20 + n}", "v1", page_path=f"/{n}", utm_medium="email")
            for n in range(9)]  # fmt: skip
    renamed = [event(f"z{product}", "product_viewed", "20 23:00", "v1", product_id=f"p{product}",
                     category="named late") for product in range(PRODUCTS)]  # fmt: skip
    hidden = [*logins, *failed, *opened, newcomer, *met, *looked, *fast, *clicked, *liked, *read,
              *renamed]  # fmt: skip
    yield day(21), arriving(day(21), hidden)
    orders = [
        event(
            f"o{person}", "order_completed", "18 09:00", f"v{person}", order_id=f"o{person}",
            product_id=f"p{(person + 1) % PRODUCTS}", price=Decimal(5),
        )
        for person in range(PERSONS)
    ]  # fmt: skip
    # A year before the window, and known only now.
    orders += [
        dict(row, event_id=f"x{row['event_id']}", order_id=f"x{row['order_id']}",
             event_ts=datetime(2025, 5, 18, 9))
        for row in orders
    ]  # fmt: skip
    # Orders after a click are updated; half of them began before it, as is known only now.
    for person in range(PERSONS):
        key = f"17-{person}"
        orders.append(dict(order_of(key, "17 12:00", person, 5, price=Decimal(99)),
                           event_id=f"u{key}", event_name="order_updated"))  # fmt: skip
        if person % 2:
            orders.append(dict(order_of(key, "17 09:00", person, 5), event_id=f"again{key}"))
    copies = [view(f"w20-{person}", "20 08:00", "another") for person in range(PERSONS)]
    yield day(22), arriving(day(22), orders + copies)
    # Odd persons never logged in: two visitors at a time turn out to be one person.
    merges = [
        event(
            f"m{person}", "login_succeeded", "10 07:00", f"v{person}", user_id=f"pair{person // 4}"
        )
        for person in range(1, PERSONS, 2)
    ]  # fmt: skip
    # And of those who did, two times two are one.
    ties = [account(f"10 08:{person:02}", person, f"of{pair}") for pair in (0, 8)
            for person in (pair, pair + 4)]  # fmt: skip
    yield day(23), arriving(day(23), merges + ties)


def load(warehouse: Warehouse, rows: list[Row], days: list[date]) -> None:
    warehouse.add_rows(rows)
    warehouse.set_days(dict.fromkeys(days, True))
    warehouse.run(days)

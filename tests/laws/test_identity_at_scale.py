"""Bots and very large components: ten thousand ids, worked out without the oracle.

Belongs here: what ten thousand users, keys or devices make of the tables of persons, and how many
rounds a component takes. Not here: what a day costs as the history grows
(`test_law5_cost_of_a_day`).
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from tests.laws.model_shop import arriving
from tests.laws.noticing_identity import profile, seen
from tests.laws.oracle.events import hashed
from tests.laws.stories import at, day, view
from tests.laws.warehouse import Row, Warehouse

MANY = 10_000


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    yield warehouse
    warehouse.con.close()


def run(warehouse: Warehouse, number: int, rows: list[Row]) -> None:
    """A day of May arrives and is run."""
    warehouse.add_rows(arriving(day(number), rows))
    warehouse.set_days({day(one): True for one in range(1, number + 1)})
    warehouse.run([day(number)])


def count(warehouse: Warehouse, sql: str) -> tuple:
    return warehouse.con.execute(f"select {sql}").fetchall()[0]


def when(number: int) -> str:
    """A second of 11 May."""
    return f"{at('11 00:00') + timedelta(seconds=number):%d %H:%M:%S}"


def chain(links: int) -> list[Row]:
    """Users of whom each shares an address with the next, their ages in no order; u0 is oldest."""
    places = [*range(1, links + 1)]
    Random(1).shuffle(places)
    users = ["u0", *(f"u{place}" for place in places)]
    ages = [profile(f"age{user}", when(int(user[1:])), user, crm_id=f"own{user}") for user in users]
    shown = [
        profile(f"{link}{side}", when(20_000 + link), users[link + side], email=f"m{link}")
        for link in range(links)
        for side in (0, 1)
    ]
    return ages + shown


def test_a_device_that_shows_ten_thousand_users_is_nobodys_and_they_are_no_one_person(warehouse):
    bot = [seen(f"s{n}", when(n + 1), f"u{n}", "bot") for n in range(MANY)]
    run(warehouse, 11, [view("first", when(0), "bot"), *bot])
    persons = count(
        warehouse, "count(*), max(visitor_count), max(user_count) from core.dim_persons"
    )
    # Each user, and the device's own time before the first of them.
    assert persons == (MANY + 1, 1, 1)
    assert count(warehouse, "count(*) from core.map_user_person") == (0,)
    assert count(warehouse, "count(*), count(distinct person_id) from core.map_visitor_person") == (
        MANY + 1,
        MANY + 1,
    )


def test_one_address_on_ten_thousand_users_ties_nobody(warehouse):
    run(warehouse, 11, [profile(f"p{n}", when(n), f"u{n}", email="shared") for n in range(MANY)])
    assert count(warehouse, "count(*), max(user_count) from core.dim_persons") == (MANY, 1)
    assert count(warehouse, "count(*) from core.map_user_person") == (0,)


def test_one_user_with_ten_thousand_keys_is_tied_to_none_of_their_owners(warehouse):
    rows = [profile(f"b{n}", when(n), "bot", crm_id=f"k{n}") for n in range(MANY)]
    rows += [profile(f"p{n}", when(n), f"u{n}", crm_id=f"k{n}") for n in range(MANY)]
    run(warehouse, 11, rows)
    assert count(warehouse, "count(*), max(user_count) from core.dim_persons") == (MANY + 1, 1)


def test_ten_thousand_devices_of_one_user_are_one_person(warehouse):
    run(warehouse, 11, [seen(f"s{n}", when(n), "u", f"v{n}") for n in range(MANY)])
    assert count(warehouse, "count(*), max(visitor_count) from core.dim_persons") == (1, MANY)


def test_a_chain_of_ten_thousand_users_is_one_person_in_a_few_rounds(warehouse):
    """Passed on from neighbour to neighbour, the oldest's name would take ten thousand rounds."""
    run(warehouse, 11, chain(MANY))
    assert count(
        warehouse, "count(*), any_value(person_id), max(user_count) from core.dim_persons"
    ) == (1, hashed("user", "u0"), MANY + 1)
    model = next(one for one in warehouse.models if one.name == "int_users_tied")
    start = model.sql.index("settled as (")
    # The rounds themselves, asked of the model's own SQL.
    rounds = model.sql[:start] + "settled as (select max(round) as rounds from labels) "
    assert rounds.count("with recursive") == 1
    recursion = rounds[rounds.index("with recursive") :]
    ties = f"with ties as (select * from intermediate.int_ties_found), found as ({recursion}"
    found = f"{ties} select rounds from settled) select * from found"
    ((taken,),) = warehouse.con.execute(found).fetchall()
    assert 1 < taken <= 30


def test_a_chain_cut_in_the_middle_is_two_persons_and_a_day_on_it_looks_at_no_others(warehouse):
    rows = chain(200)
    cut = next(row for row in rows if row["event_id"] == "1000")
    run(warehouse, 12, [*rows, *(profile(f"x{n}", when(n), f"x{n}", crm_id=f"x{n}")
                                 for n in range(500))])  # fmt: skip
    assert count(warehouse, "count(distinct person_id) from core.map_user_person") == (1,)
    warehouse.set_days({day(11): True, day(12): True})
    warehouse.add_rows(arriving(day(11), [dict(cut, properties="{}")]))
    warehouse.owe([day(11)])
    for model in warehouse.models:
        warehouse.run_model(model)
    # The link between the hundredth user and the next is gone; ages alone say who is oldest of the
    # second half.
    assert count(warehouse, "count(distinct person_id) from core.map_user_person") == (2,)
    assert count(warehouse, "count(distinct user_id) from intermediate.int_touched_users") == (201,)
    others = "from intermediate.int_touched_subjects where person_id in (select "
    others += "md5('user' || chr(31) || user_id) from core.fct_events where user_id like 'x%')"
    assert count(warehouse, f"count(*) {others}") == (0,)

"""The data tests of identity and erasure find what they are there for.

Belongs here: faults planted in finished tables, and that nothing is found without one. Not here:
what the models make (`test_identity_scenarios`, `test_erasure_scenarios`).
"""

from collections.abc import Iterator

import pytest

from tests.dbt_manifest import nodes_of_type
from tests.laws.compiled import on_tables
from tests.laws.harness import load, start
from tests.laws.noticing_identity import ERASED, ERASED_IN_PART
from tests.laws.warehouse import Warehouse

CHECKS = (
    "assert_erased_identifiers_lead_nowhere",
    "assert_tied_users_share_a_person",
    "assert_persons_have_events",
    "assert_customers_are_persons_once",
    "assert_visitor_intervals_cover_all_time",
)


def finished(history) -> Warehouse:
    """A warehouse after all but its last run's end: its outboxes still say what was touched."""
    warehouse = Warehouse()
    for number, run in enumerate(history.plan):
        load(history, number, warehouse)
        if number < len(history.plan) - 1:
            start(warehouse, run.days, None)
            continue
        warehouse.owe(run.days)
        for model in warehouse.models:
            warehouse.run_model(model)
    return warehouse


@pytest.fixture
def whole() -> Iterator[Warehouse]:
    """A person of two users and a lone visitor are erased."""
    warehouse = finished(ERASED)
    yield warehouse
    warehouse.con.close()


@pytest.fixture
def in_part() -> Iterator[Warehouse]:
    """One of a person's two users is erased."""
    warehouse = finished(ERASED_IN_PART)
    yield warehouse
    warehouse.con.close()


def failing(warehouse: Warehouse) -> set[str]:
    """The checks that find something."""
    tests = nodes_of_type("test")
    sql = {name: on_tables(tests[name]["compiled_code"]) for name in CHECKS}
    return {name for name, text in sql.items() if warehouse.con.execute(text).fetchall()}


def test_sound_tables_pass(whole, in_part):
    assert failing(whole) == failing(in_part) == set()


@pytest.mark.parametrize(
    "fault",
    [
        "update core.map_visitor_person set is_erased = false",
        "update core.map_visitor_person set evidence_event_key = 'e' where is_erased",
        "insert into core.dim_persons by name"
        " select person_id from intermediate.int_erased_persons",
        "insert into core.map_user_person by name"
        " select person_id, 'u' as user_id from intermediate.int_erased_persons limit 1",
    ],
)
def test_what_is_left_of_the_erased_is_found(whole, fault):
    whole.con.execute(fault)
    assert "assert_erased_identifiers_lead_nowhere" in failing(whole)


@pytest.mark.parametrize(
    "fault",
    [
        "update core.map_user_person set person_id = md5(user_id)",
        "update core.map_user_person set is_oldest = true",
        "update core.map_user_person set is_oldest = not is_oldest",
        "delete from core.map_user_person where is_oldest",
        "insert into core.map_user_person"
        " select map_user_person.* replace (user_id || n as user_id, false as is_oldest)"
        " from core.map_user_person, range(3) as more(n)",
    ],
)
def test_users_of_one_key_who_are_not_one_person_of_the_oldest_are_found(in_part, fault):
    in_part.con.execute(fault)
    assert "assert_tied_users_share_a_person" in failing(in_part)


def test_a_customer_who_was_erased_or_a_person_who_is_missing_is_found(whole, in_part):
    whole.con.execute(
        "insert into marts.customer_360 by name"
        " select person_id from intermediate.int_erased_persons"
    )
    assert "assert_customers_are_persons_once" in failing(whole)
    in_part.con.execute("delete from core.dim_persons")
    assert "assert_persons_have_events" in failing(in_part)

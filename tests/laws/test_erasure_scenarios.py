"""Erasure as dbt takes it up, situation by situation; the numbers are by hand.

Belongs here: what the register makes of the tables of persons and of the map, and that everything
else stands. Every history is compared with the oracle after each run and with a rebuild at its
end. Not here: who writes the register and what becomes of files.
"""

from decimal import Decimal

from tests.laws.judging import outcome_by
from tests.laws.noticing_identity import profile, seen
from tests.laws.oracle.events import hashed
from tests.laws.stories import day, event, killed, one, told, view

STANDS = (
    "fct_events", "fct_sessions", "fct_orders", "fct_product_interactions", "int_person_days",
    "int_person_totals", "kpi_daily", "kpi_daily_by_dimension", "fct_funnel_entries",
    "funnel_steps",
)  # fmt: skip
outcome = outcome_by(
    *STANDS, "map_visitor_person", "map_user_person", "dim_persons", "customer_360",
    "int_erased_identifiers", "int_erased_persons",
)  # fmt: skip
follow_persons = outcome_by("map_visitor_person", "dim_persons", "int_erased_persons")


def shop() -> list[dict]:
    """ann on her phone and as a second user of the CRM; bob on a tablet that ann used too."""
    order = event("o", "order_completed", "11 10:05", "phone", order_id="1", revenue=Decimal(9))
    return [
        seen("a", "11 10:00", "ann", "phone"), order, view("b", "11 10:10", "phone"),
        profile("c", "11 11:00", "ann", email="m"), profile("d", "11 11:10", "ann2", email="m"),
        seen("e", "11 12:00", "ann", "tablet"), seen("f", "11 14:00", "bob", "tablet"),
        view("g", "11 15:00", "lone"),
    ]  # fmt: skip


def told_with(*erasures: tuple[str, str], second: list[dict] | None = None):
    """The shop, and a second day with nothing of it, on which the register has these rows."""
    other = second or [view("z", "12 10:00", "other")]
    return told((day(11), shop()), (day(12), other),
                erasures=[(1, kind, value) for kind, value in erasures])  # fmt: skip


WHOLE = (("user_id", "ann"), ("user_id", "ann2"), ("visitor_id", hashed("anonymous", "phone")))
ANN, BOB = hashed("user", "ann"), hashed("user", "bob")


def rows_of(tables: dict, visitor: str) -> list[tuple]:
    mine = [r for r in tables["map_visitor_person"]
            if r["visitor_id"] == hashed("anonymous", visitor)]  # fmt: skip
    mine.sort(key=lambda row: row["valid_from"])
    return [(r["person_id"], r["is_erased"], r["evidence_event_key"] is None) for r in mine]


def test_an_erased_person_leaves_the_tables_of_persons_and_nothing_else_moves():
    before, tables = outcome(told_with()), outcome(told_with(*WHOLE))
    assert ANN in {row["person_id"] for row in before["customer_360"]}
    assert {row["user_id"] for row in before["map_user_person"]} == {"ann", "ann2"}
    for table in ("dim_persons", "customer_360", "map_user_person"):
        assert ANN not in {row["person_id"] for row in tables[table]}
        assert len([r for r in before[table] if r["person_id"] != ANN]) == len(tables[table])
    for table in STANDS:
        assert sorted(map(repr, tables[table])) == sorted(map(repr, before[table])), table
    assert one(tables["kpi_daily"], report_date=day(11))["gross_revenue"] == 9


def test_the_map_keeps_the_rows_of_the_erased_without_their_evidence():
    tables = outcome(told_with(*WHOLE))
    assert rows_of(tables, "phone") == [(ANN, True, True)]
    # The tablet was bob's as well: his interval stays what it was.
    assert rows_of(tables, "tablet") == [(ANN, True, True), (BOB, False, False)]
    assert rows_of(tables, "lone")[0][1] is False
    for user in ("ann", "ann2"):
        own = [r for r in tables["map_visitor_person"] if r["visitor_id"] == hashed("user", user)]
        assert [row["is_erased"] for row in own] == [True]


def test_a_person_stays_while_one_of_its_users_is_not_erased():
    tables = outcome(told_with(("user_id", "ann")))
    assert one(tables["dim_persons"], person_id=ANN)["user_count"] == 2
    assert {row["user_id"] for row in tables["map_user_person"]} == {"ann", "ann2"}
    assert rows_of(tables, "phone") == [(ANN, True, True)]


def test_a_visitor_of_nobody_goes_with_its_own_person():
    lone = hashed("anonymous", "lone")
    tables = outcome(told_with(("visitor_id", lone)))
    persons = {row["person_id"] for row in tables["dim_persons"]}
    assert hashed("visitor", lone) not in persons
    assert {ANN, BOB} <= persons
    assert rows_of(tables, "lone") == [(hashed("visitor", lone), True, True)]


def test_a_visitor_that_is_a_user_id_itself_is_erased_by_either_name():
    for row in (("visitor_id", hashed("user", "ann2")), ("user_id", "ann2")):
        tables = outcome(told_with(row))
        own = one(tables["map_visitor_person"], visitor_id=hashed("user", "ann2"))
        assert (own["person_id"], own["is_erased"]) == (ANN, True)


def test_what_is_tied_to_the_erased_afterwards_is_a_person_who_lives():
    late = [profile("h", "12 10:00", "new", email="m")]
    tables = outcome(told((day(11), shop()), (day(12), [view("z", "12 10:00", "other")]),
                          (day(13), late),
                          erasures=[(1, *row) for row in WHOLE]))  # fmt: skip
    assert one(tables["dim_persons"], person_id=ANN)["user_count"] == 3


def test_the_erased_come_back_to_nobody_when_their_ties_come_apart():
    """ann2 lives; when her tie to ann turns out to be none, ann's person goes."""
    apart = [profile("d", "11 11:10", "ann2", email="another")]
    history = told((day(12), shop()), (day(13), [view("z", "12 10:00", "other")]), (day(11), apart),
                   erasures=[(1, "user_id", "ann")])  # fmt: skip
    tables = outcome(history)
    persons = {row["person_id"] for row in tables["dim_persons"]}
    assert ANN not in persons
    assert hashed("user", "ann2") in persons


def test_an_erasure_is_taken_up_though_the_run_that_found_it_died_anywhere():
    for share in (0.1, 0.3, 0.4, 0.6, 0.8):
        tables = follow_persons(killed(told_with(*WHOLE), 1, share))
        assert rows_of(tables, "phone") == [(ANN, True, True)]
        assert ANN not in {row["person_id"] for row in tables["dim_persons"]}


def test_a_row_that_leaves_the_register_is_followed_as_well():
    history = told_with(*WHOLE)
    first, second = history.plan
    plan = (first, second, type(second)(second.days, second.visible))
    tables = outcome(type(history)(history.seals, plan))
    assert one(tables["dim_persons"], person_id=ANN)["user_count"] == 2
    assert rows_of(tables, "phone") == [(ANN, False, False)]

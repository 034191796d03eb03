"""Who is one person, situation by situation; the numbers are by hand.

Users of such warehouses suffer most of people merged for ever by a device, pasts left stale, tables
rewritten whole and sessions broken by a user id (dbt-snowplow-web PR 222, dbt-labs/snowplow #60,
rudder-transformer #1180, dbt-ga4 #61).

Belongs here: log-ins, shared devices, keys that tie users, and how far a late key reaches. Every
history is compared with the oracle after each run and with a rebuild at its end. Not here: erasure
(`test_erasure_scenarios`), ties of ten thousand users (`test_identity_at_scale`), chance
(`test_law3_incremental_equals_rebuild`).
"""

from tests.laws.harness import load, start
from tests.laws.histories import History
from tests.laws.judging import outcome_by
from tests.laws.noticing_identity import profile, seen
from tests.laws.oracle.events import hashed
from tests.laws.stories import at, day, event, one, told, view
from tests.laws.warehouse import Warehouse

outcome = outcome_by(
    "fct_sessions", "map_visitor_person", "map_user_person", "dim_persons", "customer_360",
    "kpi_daily", "int_identity_evidence", "int_key_evidence", "int_users_tied"
)  # fmt: skip

BEGINNING, END = (
    at("01 00:00").replace(year=1900, month=1),
    at("31 00:00").replace(year=9999, month=12),
)


def person(user: str) -> str:
    """The person of a user who is the oldest of its component."""
    return hashed("user", user)


def alone(visitor: str) -> str:
    """The person of a browser that never logged in."""
    return hashed("visitor", hashed("anonymous", visitor))


def login(event_id: str, when: str, user: str, visitor: str) -> dict:
    return event(event_id, "login_succeeded", when, visitor, user_id=user)


def logout(event_id: str, when: str, user: str, visitor: str) -> dict:
    return event(event_id, "logged_out", when, visitor, user_id=user)


def persons(tables: dict) -> dict[str, int]:
    """person_id -> number of its events."""
    return {row["person_id"]: row["event_count"] for row in tables["dim_persons"]}


def map_of(tables: dict, visitor: str) -> list[tuple]:
    """Intervals of a browser in time order."""
    mine = [r for r in tables["map_visitor_person"]
            if r["visitor_id"] == hashed("anonymous", visitor)]  # fmt: skip
    return sorted((r["valid_from"], r["valid_to"], r["person_id"]) for r in mine)


def evidence(event_id: str, date: str = "2026-05-11") -> str:
    return hashed("web", event_id, date)


def test_log_ins_after_browsing_make_one_person_of_two_devices_and_of_their_past():
    browsing = [view("a", "11 10:00", "phone"), view("b", "11 20:00", "desk")]
    before = outcome(told((day(11), browsing)))
    assert persons(before) == {alone("phone"): 1, alone("desk"): 1}
    tables = outcome(told(
        (day(11), browsing),
        (day(12), [login("c", "12 10:00", "ann", "phone")]),
        (day(13), [login("d", "13 10:00", "ann", "desk")]),
    ))  # fmt: skip
    assert persons(tables) == {person("ann"): 4}
    assert one(tables["dim_persons"])["visitor_count"] == 2
    assert one(tables["kpi_daily"], report_date=day(11))["persons"] == 1
    keys = {r["evidence_event_key"] for r in tables["map_visitor_person"]}
    assert keys == {evidence("c", "2026-05-12"), evidence("d", "2026-05-13")}


def test_a_family_tablet_is_whose_log_in_was_last_and_makes_no_two_people_one():
    tables = outcome(told((day(11), [
        view("a", "11 09:00", "tablet"),
        login("b", "11 10:00", "ann", "tablet"), view("c", "11 10:30", "tablet"),
        login("d", "11 12:00", "bob", "tablet"), view("e", "11 12:30", "tablet"),
        view("f", "11 11:59", "tablet"), login("g", "11 18:00", "ann", "tablet"),
        view("h", "11 18:30", "tablet"),
    ])))  # fmt: skip
    # ann: a (before the first log-in), b, c, f, g, h; bob: d, e.
    assert persons(tables) == {person("ann"): 6, person("bob"): 2}
    assert map_of(tables, "tablet") == [
        (BEGINNING, at("11 12:00"), person("ann")),
        (at("11 12:00"), at("11 18:00"), person("bob")),
        (at("11 18:00"), END, person("ann")),
    ]
    assert tables["map_user_person"] == []


def test_after_a_log_out_nobody_is_there_until_the_next_log_in():
    tables = outcome(told(
        (day(11), [login("a", "11 10:00", "ann", "till"), view("b", "11 13:00", "till")]),
        (day(12), [logout("c", "11 12:00", "ann", "till")]),
        (day(13), [login("d", "11 14:00", "bob", "till"), view("e", "11 15:00", "till")]),
    ))  # fmt: skip
    assert persons(tables) == {person("ann"): 2, alone("till"): 1, person("bob"): 2}
    assert map_of(tables, "till") == [
        (BEGINNING, at("11 12:00"), person("ann")),
        (at("11 12:00"), at("11 14:00"), alone("till")),
        (at("11 14:00"), END, person("bob")),
    ]


def test_two_accounts_with_one_crm_key_are_one_person_and_the_older_absorbs_the_younger():
    tables = outcome(told(
        (day(11), [seen("a", "11 08:00", "young", "phone"), view("b", "11 09:00", "phone"),
                   profile("c", "11 10:00", "old", crm_id="77")]),
        (day(12), [profile("d", "12 10:00", "young", crm_id="77")]),
    ))  # fmt: skip
    # The age of a user is that of its first event with a key: old's on the 11th.
    assert persons(tables) == {person("old"): 4}
    row = one(tables["dim_persons"])
    assert (row["user_id"], row["user_count"], row["is_known"]) == ("old", 2, True)
    assert map_of(tables, "phone") == [(BEGINNING, END, person("old"))]
    links = {row["user_id"]: row for row in tables["map_user_person"]}
    assert {user: link["evidence_event_key"] for user, link in links.items()} == {
        "old": evidence("c"), "young": evidence("d", "2026-05-12"),
    }  # fmt: skip
    assert {link["key_id"] for link in links.values()} == {hashed("crm", "77")}
    assert (links["old"]["is_oldest"], links["young"]["is_oldest"]) == (True, False)
    assert one(tables["customer_360"])["user_id"] == "old"


def two_families() -> list[dict]:
    """Two components of two users each, and somebody who has nothing to do with them."""
    return [
        profile("a", "11 10:00", "u1", "v1", crm_id="k"),
        profile("b", "11 10:10", "u2", crm_id="k"),
        profile("c", "11 11:00", "u3", "v3", email="m"), profile("d", "11 11:10", "u4", email="m"),
        view("e", "11 11:20", "v3"), login("f", "11 12:00", "u5", "v5"),
        profile("g", "11 12:10", "u5", crm_id="other"),
    ]  # fmt: skip


def test_a_late_key_that_bridges_two_components_makes_one_person_of_four_users():
    bridge = profile("z", "11 09:00", "u4", crm_id="k")
    tables = outcome(told((day(11), two_families()), (day(15), [bridge])))
    # u4's bridge is before all others, so the person is u4's: it dates back.
    assert persons(tables) == {person("u4"): 6, person("u5"): 2}
    assert {row["person_id"] for row in tables["map_user_person"]} == {person("u4")}
    kinds = sorted((row["user_id"], row["tie_kind"]) for row in tables["map_user_person"])
    assert kinds == [
        ("u1", "crm"), ("u2", "crm"), ("u3", "email"), ("u4", "crm"), ("u4", "email"),
    ]  # fmt: skip


def after(history: History) -> Warehouse:
    """The warehouse after every run, the scratch tables those of the last one."""
    warehouse = Warehouse(history.timezone)
    for number, run in enumerate(history.plan):
        load(history, number, warehouse)
        start(warehouse, run.days, None)
    return warehouse


def column(warehouse: Warehouse, sql: str) -> set:
    return {value for (value,) in warehouse.con.execute(sql).fetchall()}


def test_a_late_bridge_relabels_the_younger_component_and_nothing_else():
    bridge = profile("z", "15 09:00", "u4", crm_id="k")
    warehouse = after(told((day(11), two_families()), (day(15), [bridge])))
    relabelled = column(warehouse, "select user_id from intermediate.int_relabelled_users")
    assert relabelled == {"u3", "u4"}
    visitors = column(warehouse, "select visitor_id from intermediate.int_touched_visitors")
    # v3 and the users whom the CRM knows by their id alone; nobody of the older component.
    assert visitors == {hashed("anonymous", "v3"), hashed("user", "u4")}
    subjects = column(warehouse, "select person_id from intermediate.int_touched_subjects")
    assert subjects == {person("u3"), person("u1")}
    warehouse.con.close()


def test_a_key_that_is_seen_again_relabels_nobody():
    again = profile("z", "15 09:00", "u2", crm_id="k")
    warehouse = after(told((day(11), two_families()), (day(15), [again])))
    assert column(warehouse, "select user_id from intermediate.int_relabelled_users") == set()
    visitors = column(warehouse, "select visitor_id from intermediate.int_touched_visitors")
    assert visitors == {hashed("user", "u2")}
    warehouse.con.close()


def test_users_come_apart_when_the_event_that_tied_them_loses_to_an_older_copy():
    tied = [
        profile("a", "11 10:00", "ann", "phone", crm_id="k"), view("b", "11 10:30", "phone"),
        profile("c", "11 11:00", "bob", "desk", crm_id="k"), view("d", "11 11:30", "desk"),
    ]  # fmt: skip
    assert persons(outcome(told((day(12), tied)))) == {person("ann"): 4}
    tables = outcome(told((day(12), tied), (day(11), [seen("c", "11 11:00", "bob", "desk")])))
    assert persons(tables) == {person("ann"): 2, person("bob"): 2}
    assert tables["map_user_person"] == []


def test_a_chain_that_loses_its_middle_is_two_persons():
    chain = [profile(f"{n}{side}", f"11 {10 + n}:0{side}", f"u{n + side}", email=f"m{n}")
             for n in range(4) for side in (0, 1)]  # fmt: skip
    assert persons(outcome(told((day(12), chain)))) == {person("u0"): 8}
    # u2 never showed m1, which tied it to u1.
    cut = [profile("11", "11 11:01", "u2", email="another")]
    tables = outcome(told((day(12), chain), (day(11), cut)))
    assert persons(tables) == {person("u0"): 3, person("u2"): 5}


def test_a_key_of_a_sixth_user_ties_nobody_any_more():
    five = [profile(f"p{n}", f"11 1{n}:00", f"u{n}", email="office") for n in range(5)]
    assert persons(outcome(told((day(11), five)))) == {person("u0"): 5}
    tables = outcome(
        told((day(11), five), (day(12), [profile("q", "12 10:00", "u5", email="office")]))
    )
    assert persons(tables) == {person(f"u{n}"): 1 for n in range(6)}
    assert tables["map_user_person"] == []


def test_an_agent_who_keeps_many_customers_is_none_of_them():
    kept = [profile(f"a{n}", f"11 1{n}:00", "agent", crm_id=f"k{n}") for n in range(6)]
    own = [profile(f"c{n}", f"12 1{n}:00", f"u{n}", crm_id=f"k{n}") for n in range(6)]
    tables = outcome(told((day(11), kept[:5]), (day(12), own[:2])))
    assert persons(tables) == {person("agent"): 7}
    tables = outcome(told((day(11), kept[:5]), (day(12), own[:2]), (day(13), kept[5:])))
    assert persons(tables) == {person("agent"): 6, person("u0"): 1, person("u1"): 1}


def test_a_refused_log_in_ties_nobody_to_the_address_that_was_tried():
    refused = event("f", "login_failed", "11 11:00", None, user_id="thief",
                    properties='{"email": "m"}')  # fmt: skip
    tables = outcome(told((day(11), [profile("a", "11 10:00", "ann", email="m"), refused])))
    assert persons(tables) == {person("ann"): 1, person("thief"): 1}


def test_keys_of_two_kinds_with_one_text_are_two_keys():
    tables = outcome(told((day(11), [
        profile("a", "11 10:00", "ann", email="77"), profile("b", "11 11:00", "bob", crm_id="77"),
    ])))  # fmt: skip
    assert persons(tables) == {person("ann"): 1, person("bob"): 1}


def test_a_device_does_not_tie_users_even_where_their_keys_tie_others():
    tables = outcome(told((day(11), [
        profile("a", "11 10:00", "ann", "tablet", email="m"),
        profile("b", "11 11:00", "bob", "tablet", email="n"),
        profile("c", "11 12:00", "cat", None, email="n"),
    ])))  # fmt: skip
    assert persons(tables) == {person("ann"): 1, person("bob"): 2}


def test_a_device_of_six_users_belongs_to_nobody_before_any_of_them():
    users = [login(f"l{n}", f"11 1{n}:00", f"u{n}", "till") for n in range(6)]
    tables = outcome(told((day(11), [view("a", "11 09:00", "till"), *users[:5]]),
                          (day(12), users[5:])))  # fmt: skip
    assert persons(tables) == {alone("till"): 1, **{person(f"u{n}"): 1 for n in range(6)}}
    assert map_of(tables, "till")[0] == (BEGINNING, at("11 10:00"), alone("till"))


def test_a_user_id_that_appears_in_the_middle_of_a_visit_leaves_it_one_session():
    tables = outcome(told(
        (day(11), [view("a", "11 10:00", "phone"), view("c", "11 10:20", "phone", user_id="ann")]),
        (day(12), [login("b", "11 10:10", "ann", "phone")]),
    ))  # fmt: skip
    session = one(tables["fct_sessions"])
    # The log-in makes no session and is in none.
    assert (session["event_count"], session["user_id"]) == (2, "ann")
    assert persons(tables) == {person("ann"): 3}


def test_nothing_that_is_learned_of_persons_changes_a_session():
    browsing = [
        view("a", "11 10:00", "phone"), view("b", "11 10:20", "phone"),
        view("c", "11 10:00", "desk"), view("d", "11 18:00", "desk"),
    ]  # fmt: skip
    learned = [
        (day(12), [login("e", "12 10:00", "ann", "phone"), login("f", "12 10:00", "bob", "desk")]),
        (day(13), [profile("g", "13 10:00", "ann", crm_id="k"),
                   profile("h", "13 10:00", "bob", crm_id="k")]),
        (day(14), [logout("i", "11 10:10", "ann", "phone")]),
        (day(15), [view("j", "15 10:00", "other")]),
    ]  # fmt: skip
    before = outcome(told((day(11), browsing)))["fct_sessions"]
    erased = [(4, "user_id", "ann"), (4, "user_id", "bob")]
    tables = outcome(told((day(11), browsing), *learned, erasures=erased))
    assert len(before) == 3
    mine = [row for row in tables["fct_sessions"] if row["report_date"] == day(11)]
    assert sorted(map(repr, mine)) == sorted(map(repr, before))

"""Who a person is, from one identifier: theirs alone, and what others share.

The tables of core are written by hand, as the rules of identity give them (docs/metrics.md).
"""

import hashlib
from typing import Any

import duckdb
import pytest

from dagster_project.person import Person, SeveralPersonsError, find_person

ALWAYS, NEVER = "1900-01-01", "9999-12-31"


def pseudonym(name: str) -> str:
    """`u_jane` as the vault would write it."""
    return name[:2] + hashlib.md5(name.encode()).hexdigest()


def visitor(name: str) -> str:
    kind = {"a": "anonymous", "d": "device", "u": "user"}[name[0]]
    return hashlib.md5(f"{kind}\x1f{pseudonym(name)}".encode()).hexdigest()


def person_of_user(name: str) -> str:
    return hashlib.md5(f"user\x1f{pseudonym(name)}".encode()).hexdigest()


def person_of_visitor(name: str) -> str:
    return hashlib.md5(f"visitor\x1f{visitor(name)}".encode()).hexdigest()


class Warehouse:
    """Tables of core: events by who is named on them, and intervals by whom they are tied to."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("create schema core")
        columns = (
            "(event_key varchar, visitor_id varchar, user_id varchar, anonymous_id varchar, "
            "device_id varchar, event_ts timestamp, properties varchar)"
        )
        self.con.execute(f"create table core.fct_events {columns}")
        self.con.execute(f"create table core.fct_event_duplicates {columns}")
        self.con.execute(
            "create table core.map_visitor_person "
            "(visitor_id varchar, valid_from timestamp, valid_to timestamp, person_id varchar)"
        )
        self._events = 0

    def event(self, hour: int, *ids: str, inside: str = "", table: str = "fct_events") -> None:
        """An event at an hour that bears `u_…`, `a_…`, `d_…`; `inside` stands in properties."""
        by_kind = {one[0]: one for one in ids}
        first = by_kind.get("a") or by_kind.get("d") or by_kind.get("u")
        self._events += 1
        properties = f'{{"email": "{pseudonym(inside)}"}}' if inside else "{}"
        row = [
            f"e{self._events}",
            visitor(first) if first else None,
            *(pseudonym(by_kind[kind]) if kind in by_kind else None for kind in "uad"),
            f"2026-01-01 {hour:02}:00:00",
            properties,
        ]
        self.con.execute(f"insert into core.{table} values (?, ?, ?, ?, ?, ?, ?)", row)

    def tie(self, first: str, person: str, start: str = ALWAYS, end: str = NEVER) -> None:
        self.con.execute(
            "insert into core.map_visitor_person values (?, ?, ?, ?)",
            [visitor(first), start, end, person],
        )

    def find(self, name: str, *gone: str) -> Person:
        return find_person(self.con, pseudonym(name), gone)


@pytest.fixture
def core() -> Warehouse:
    """Jane on her laptop and her phone, Joe on his; and somebody who never logged in."""
    warehouse = Warehouse()
    warehouse.event(9, "a_laptop")
    warehouse.event(10, "a_laptop", "u_jane", "d_mac", inside="e_jane")
    warehouse.event(11, "d_phone", "u_jane")
    warehouse.event(10, "a_joe", "u_joe", inside="e_joe")
    warehouse.event(10, "a_nobody", "d_pc")
    warehouse.tie("a_laptop", person_of_user("u_jane"))
    warehouse.tie("d_phone", person_of_user("u_jane"))
    warehouse.tie("a_joe", person_of_user("u_joe"))
    warehouse.tie("a_nobody", person_of_visitor("a_nobody"))
    return warehouse


def names(*of: str) -> tuple[str, ...]:
    return tuple(sorted(pseudonym(one) for one in of))


def visitors(*of: str) -> tuple[str, ...]:
    return tuple(sorted(visitor(one) for one in of))


HERS = ("u_jane", "a_laptop", "d_mac", "d_phone", "e_jane")


@pytest.mark.parametrize("by", HERS)
def test_any_identifier_leads_to_all_that_are_the_persons_alone(core: Warehouse, by: str) -> None:
    found = core.find(by)
    assert found.person_ids == (person_of_user("u_jane"),)
    assert found.user_ids == names("u_jane")
    assert found.visitor_ids == visitors("a_laptop", "d_phone")
    assert found.pseudonyms == names(*HERS)
    assert found.shared == ()


def test_visitor_that_never_logged_in_is_a_person(core: Warehouse) -> None:
    for by in ("a_nobody", "d_pc"):
        found = core.find(by)
        assert found.person_ids == (person_of_visitor("a_nobody"),)
        assert found.user_ids == ()
        assert found.visitor_ids == visitors("a_nobody")
        assert found.pseudonyms == names("a_nobody", "d_pc")


def test_identifier_that_no_event_bears_is_all_there_is(core: Warehouse) -> None:
    assert core.find("u_other") == Person((), (), (), names("u_other"), ())


def family_tablet() -> Warehouse:
    """Jane until 12, nobody until 14, Joe from then; each has a device of their own too."""
    warehouse = Warehouse()
    for hour, user in ((10, "u_jane"), (13, None), (15, "u_joe")):
        warehouse.event(hour, "a_tablet", "d_tablet", *([user] if user else []))
    warehouse.event(10, "a_jane", "u_jane")
    warehouse.tie("a_tablet", person_of_user("u_jane"), end="2026-01-01 12:00")
    warehouse.tie("a_tablet", person_of_visitor("a_tablet"), "2026-01-01 12:00", "2026-01-01 14:00")
    warehouse.tie("a_tablet", person_of_user("u_joe"), "2026-01-01 14:00")
    warehouse.tie("a_jane", person_of_user("u_jane"))
    return warehouse


def test_shared_device_stays() -> None:
    found = family_tablet().find("u_jane")
    assert found.person_ids == (person_of_user("u_jane"),)
    assert found.visitor_ids == visitors("a_jane")
    assert found.pseudonyms == names("u_jane", "a_jane")
    assert found.shared == names("a_tablet", "d_tablet")


def test_shared_device_alone_names_nobody() -> None:
    with pytest.raises(SeveralPersonsError, match=r"tied to 2 persons.*name the person by a user"):
        family_tablet().find("a_tablet")


def test_last_of_a_shared_devices_persons_takes_it_along() -> None:
    joe = family_tablet().find("u_joe", person_of_user("u_jane"))
    assert joe.pseudonyms == names("u_joe", "a_tablet", "d_tablet")
    assert joe.shared == ()
    tablet = family_tablet().find("a_tablet", person_of_user("u_jane"))
    assert tablet.user_ids == names("u_joe")


def test_address_that_a_mailing_alone_bears_is_the_persons_still(core: Warehouse) -> None:
    core.event(8, inside="e_jane")
    assert core.find("u_jane").pseudonyms == names(*HERS)


def test_time_after_the_log_out_on_ones_own_device_comes_along() -> None:
    core = Warehouse()
    core.event(10, "a_own", "u_jane")
    core.event(13, "a_own", "d_own")
    core.tie("a_own", person_of_user("u_jane"), end="2026-01-01 12:00")
    core.tie("a_own", person_of_visitor("a_own"), "2026-01-01 12:00")

    found = core.find("u_jane")
    assert found.person_ids == tuple(sorted([person_of_user("u_jane"), person_of_visitor("a_own")]))
    assert found.pseudonyms == names("u_jane", "a_own", "d_own")


def test_own_user_id_wins_over_the_devices_person() -> None:
    core = Warehouse()
    core.event(10, "a_joe", "u_joe")
    core.event(11, "a_joe", "u_jane")
    core.tie("a_joe", person_of_user("u_joe"))

    assert core.find("u_jane").pseudonyms == names("u_jane")
    assert core.find("u_joe").shared == names("a_joe")


def test_copy_that_lost_counts_as_evidence_that_others_share(core: Warehouse) -> None:
    core.event(10, "a_joe2", "d_mac", "u_joe", table="fct_event_duplicates")
    found = core.find("u_jane")
    assert pseudonym("d_mac") in found.shared
    assert found.pseudonyms == names("u_jane", "a_laptop", "d_phone", "e_jane")


def test_friend_whom_an_event_mentions_is_somebody_else(core: Warehouse) -> None:
    core.event(12, "a_laptop", "u_jane", inside="u_friend")
    assert pseudonym("u_friend") not in core.find("u_jane").pseudonyms
    assert core.find("u_friend").person_ids == ()


def test_address_that_two_persons_have_stays(core: Warehouse) -> None:
    core.event(12, "a_joe", "u_joe", inside="e_jane")
    assert core.find("u_jane").shared == names("e_jane")
    with pytest.raises(SeveralPersonsError, match="this email identifier is tied to 2 persons"):
        core.find("e_jane")


def test_accounts_that_are_one_person_go_together(core: Warehouse) -> None:
    core.con.execute("create table core.map_user_person (user_id varchar, person_id varchar)")
    rows: list[Any] = [[pseudonym(one), person_of_user("u_jane")] for one in ("u_jane", "u_work")]
    core.con.executemany("insert into core.map_user_person values (?, ?)", rows)
    core.event(12, "a_work", "u_work")
    core.tie("a_work", person_of_user("u_jane"))

    found = core.find("u_work")
    assert found.person_ids == (person_of_user("u_jane"),)
    assert found.user_ids == names("u_jane", "u_work")
    assert found.pseudonyms == names(*HERS, "u_work", "a_work")

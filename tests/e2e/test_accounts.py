"""Accounts from files to the tables of persons: addresses tie users, the register erases them.

Belongs here: that the pseudonyms which ingest makes are the keys by which dbt ties users, and that
the erasure register is an input that outlives runs. Not here: the rules of ties
(`tests/laws/test_identity_scenarios.py`).
"""

from pathlib import Path

import duckdb

from dagster_project.ingest.vault import Vault
from tests.e2e.command import load_and_build, must
from tests.landed_days import event, json_lines, land, state_with

TABLES_OF_PERSONS = ("core.dim_persons", "marts.customer_360", "core.map_user_person")


def account(number: int, name: str, at: str, user: str, **properties: object) -> dict[str, object]:
    """An event of an account; its device is the user's own."""
    return event(number, at, event_name=name, user_id=user, anonymous_id=f"browser of {user}",
                 properties=properties)  # fmt: skip


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_accounts_of_one_address_are_one_person_until_it_is_erased(tmp_path: Path) -> None:
    paths = state_with(tmp_path / "state")
    land(paths, "shop/2026-11-02/a.jsonl", json_lines([
        account(1, "signed_up", "2026-11-02T10:00:00Z", "12", email="Jane@Example.com "),
        account(2, "page_viewed", "2026-11-02T11:00:00Z", "13"),
        account(3, "signed_up", "2026-11-02T12:00:00Z", "14", email="unknown", crm_id="null"),
        account(4, "signed_up", "2026-11-02T13:00:00Z", "15", email="unknown", crm_id="null"),
    ]))  # fmt: skip
    land(paths, "shop/2026-11-03/a.jsonl", json_lines([
        account(5, "profile_updated", "2026-11-03T10:00:00Z", "13",
                traits={"emailAddress": "jane@example.com"}),
    ]))  # fmt: skip
    load_and_build(paths.home)
    with Vault.open(paths) as vault:
        known = vault.pseudonyms("user", "users", ["12", "13"])
    ((oldest, events),) = rows(
        paths.home, "select user_id, event_count from core.dim_persons where user_count = 2"
    )
    assert (oldest, events) == (known["12"], 3)
    # Junk ties nobody: the other two users are two persons.
    assert rows(paths.home, "select count(*) from core.dim_persons") == [(3,)]
    ties = rows(paths.home, "select user_id, tie_kind, is_oldest from core.map_user_person")
    assert set(ties) == {(known["12"], "email", True), (known["13"], "email", False)}

    before = rows(paths.home, "select * from marts.kpi_daily where report_date < '2026-11-04'")
    must(paths.home, "erase-person", "13")
    land(paths, "shop/2026-11-04/a.jsonl", json_lines([event(6, "2026-11-04T10:00:00Z")]))
    load_and_build(paths.home)
    for table in TABLES_OF_PERSONS:
        where = "where user_id in (select unnest(?))"
        with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
            (left,) = con.execute(
                f"select count(*) from {table} {where}", [list(known.values())]
            ).fetchall()
        assert left == (0,), table
    assert rows(paths.home, "select count(*) from core.dim_persons") == [(3,)]
    erased = "select is_erased, count(*) from core.map_visitor_person group by all order by all"
    assert rows(paths.home, erased) == [(False, 3), (True, 2)]
    after = rows(paths.home, "select * from marts.kpi_daily where report_date < '2026-11-04'")
    assert sorted(after, key=repr) == sorted(before, key=repr)

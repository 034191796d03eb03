"""Rows of the erased: withheld where they are from before it, however they are delivered."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest import suppression
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import VAULT_FILE, Vault
from dagster_project.state import StatePaths
from tests.landed_days import (
    bytes_below,
    json_lines,
    land,
    seal_unchecked,
    sealed_files,
    state_with,
)

SETTINGS = """\
sources:
  shop: {format: canonical}
  app: {format: canonical, id_space: shop, user_id_space: app_users}
settings: {quarantine_share: 1.0}
"""
ERASED_AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-01-05T11:59:59.999999Z", "2026-01-05T12:00:00Z"
FILE = "shop/2026-01-05/a.jsonl"


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """Jane is erased: her user id, her cookie and her address; Joe was never anybody's concern."""
    state = state_with(tmp_path / "home", SETTINGS)
    with Vault.open(state) as vault:
        given = [
            *vault.pseudonyms("user", "users", ["jane-4711", "joe-0815"]).items(),
            *vault.pseudonyms("anonymous", "shop", ["cookie-jane"]).items(),
            *vault.pseudonyms("email", "emails", ["jane@example.com"]).items(),
        ]
        hers = [pseudonym for value, pseudonym in given if "jane" in value]
        assert suppression.erase_identifiers(vault, 1, hers, ERASED_AT) == 3
    return state


def landed(paths: StatePaths, *rows: dict[str, Any], name: str = FILE, tail: bytes = b"") -> Any:
    """Land rows, load them and give what became of their file."""
    filled = [
        {"event_id": f"e{n}", "event_name": "page_viewed", "event_ts": BEFORE, **row}
        for n, row in enumerate(rows)
    ]
    land(paths, name, json_lines(filled) + tail)
    seal_unchecked(paths, "2026-01-05", now="2026-01-05T18:00:00")
    return sealed_files(paths)[name]


def logged(paths: StatePaths) -> list[tuple[Any, ...]]:
    return duckdb.execute(
        "select event_id, user_id, anonymous_id from read_parquet(?) order by 1",
        [str(paths.log_events / "*" / "*.parquet")],
    ).fetchall()


@pytest.mark.parametrize(
    "ids",
    [
        {"user_id": "jane-4711"},
        {"user_id": " jane-4711 "},
        {"anonymous_id": "cookie-jane"},
        {"user_id": "joe-0815", "anonymous_id": "cookie-jane"},
        {"properties": {"email": "JANE@example.com "}},
        {"properties": {"traits": {"customerId": "jane-4711"}}},
        {"properties": {"context": {"traits": {"id": "jane-4711"}}}},
    ],
)
def test_row_from_before_that_bears_an_erased_identifier_is_withheld(
    paths: StatePaths, ids: dict[str, Any]
) -> None:
    file = landed(paths, ids, {"user_id": "joe-0815"})

    assert (file.read, file.logged, file.quarantined, file.withheld) == (2, 1, 0, {"erased": 1})
    assert [row[0] for row in logged(paths)] == ["e1"]


@pytest.mark.parametrize(
    "ids",
    [
        {"user_id": "cookie-jane"},
        {"anonymous_id": "jane-4711"},
        {"user_id": "jane-4711", "source": "app"},
        {"properties": {"note": "jane-4711"}},
    ],
)
def test_same_value_of_another_kind_or_space_is_somebody_else(
    paths: StatePaths, ids: dict[str, Any]
) -> None:
    source = ids.pop("source", "shop")
    file = landed(paths, ids, name=f"{source}/2026-01-05/a.jsonl")

    assert (file.logged, file.withheld) == (1, {})


def test_device_space_that_sources_share_is_one(paths: StatePaths) -> None:
    file = landed(paths, {"anonymous_id": "cookie-jane"}, name="app/2026-01-05/a.jsonl")

    assert file.withheld == {"erased": 1}


def test_row_from_the_erasure_on_has_a_new_pseudonym(paths: StatePaths) -> None:
    with Vault.open(paths) as vault:
        assert vault.lookup("user", "users", "jane-4711") is None
    file = landed(paths, {"user_id": "jane-4711", "event_ts": AFTER}, {"user_id": "jane-4711"})

    assert (file.logged, file.withheld) == (1, {"erased": 1})
    with Vault.open(paths) as vault:
        assert logged(paths)[0][1] == vault.lookup("user", "users", "jane-4711") is not None


def test_refused_row_of_the_erased_is_not_kept_in_quarantine(paths: StatePaths) -> None:
    rows = [
        {"user_id": "jane-4711", "event_ts": "no time"},
        {"user_id": "jane-4711", "price": "dear"},
        {"user_id": "joe-0815", "event_ts": "no time"},
    ]
    file = landed(paths, *rows)

    assert (file.read, file.quarantined, file.withheld) == (3, 1, {"erased": 2})
    with Vault.open(paths) as vault:
        (kept,) = read_quarantine(paths, vault, ERASED_AT.date())
    assert "joe-0815" in kept.raw


def test_unreadable_line_with_a_word_that_is_an_erased_identifier_is_withheld(
    paths: StatePaths,
) -> None:
    tail = b'{"user_id": "jane-4711", \n{to=Jane@Example.com}\n{"user_id": "joe-0815", \nnobody\n'
    file = landed(paths, tail=tail)

    assert (file.read, file.quarantined, file.withheld) == (4, 2, {"erased": 2})


def test_delivery_repeated_after_the_erasure_is_withheld_and_counted(paths: StatePaths) -> None:
    rows = [{"user_id": "jane-4711"}, {"user_id": "joe-0815"}]
    landed(paths, *rows)
    again = landed(paths, *rows, name="shop/2026-01-05/again.jsonl")

    assert (again.read, again.logged, again.withheld) == (2, 1, {"erased": 1})


def test_day_of_which_nothing_is_kept_is_sealed_all_the_same(paths: StatePaths) -> None:
    land(paths, "shop/2026-01-05/empty.jsonl", b"")
    file = landed(paths, {"user_id": "jane-4711"})

    assert (file.read, file.withheld) == (1, {"erased": 1})
    assert sealed_files(paths)["shop/2026-01-05/empty.jsonl"].read == 0


def test_identifier_erased_twice_counts_from_the_last_time(paths: StatePaths) -> None:
    later = datetime(2026, 1, 6, tzinfo=UTC)
    with Vault.open(paths) as vault:
        again = list(vault.pseudonyms("user", "users", ["jane-4711"]).values())
        suppression.erase_identifiers(vault, 2, again, later)
        assert suppression.suppressed(vault, "user", "users", ["jane-4711", "joe-0815"]) == {
            "jane-4711": later
        }
        # An earlier request that is finished late does not bring the time back.
        once_more = list(vault.pseudonyms("user", "users", ["jane-4711"]).values())
        suppression.erase_identifiers(vault, 1, once_more, ERASED_AT)
        assert suppression.suppressed(vault, "user", "users", ["jane-4711"])["jane-4711"] == later


def test_key_and_pseudonym_of_the_erased_are_not_in_the_vaults_file(tmp_path: Path) -> None:
    paths = state_with(tmp_path / "home")
    with Vault.open(paths) as vault:
        given = vault.pseudonyms("user", "users", [f"user-{n}" for n in range(2_000)])
        hers = given["user-1234"]
        key = vault.data_keys("user", "users", ["user-1234"])["user-1234"]
        file = paths.secrets / VAULT_FILE
        assert key in file.read_bytes()
        suppression.erase_identifiers(vault, 1, [hers], ERASED_AT)
        others = vault.keys_of_pseudonyms(given.values())
    content = file.read_bytes()
    assert key not in content
    assert bytes.fromhex(hers[2:]) not in content
    assert len(others) == 1_999
    assert sorted(bytes_below(paths.secrets)) == ["installation.key", VAULT_FILE]


def test_nobody_on_the_list_costs_no_look_up(tmp_path: Path) -> None:
    paths = state_with(tmp_path / "home")
    with Vault.open(paths) as vault:
        assert not suppression.is_in_use(vault)
        assert suppression.suppressed(vault, "user", "users", ["a"]) == {}
        assert not suppression.is_applied(vault, 1)


def test_applied_request_is_known_until_an_older_backup_is_restored(paths: StatePaths) -> None:
    with Vault.open(paths) as vault:
        assert suppression.is_applied(vault, 1)
        assert not suppression.is_applied(vault, 2)


def test_rows_of_a_table_are_withheld_as_well(tmp_path: Path) -> None:
    settings = """\
sources:
  till:
    format: csv
    mapping: {event_name: {value: order_completed}, event_ts: at, user_id: customer}
"""
    paths = state_with(tmp_path / "home", settings)
    with Vault.open(paths) as vault:
        hers = list(vault.pseudonyms("user", "users", ["jane-4711"]).values())
        suppression.erase_identifiers(vault, 1, hers, ERASED_AT)
    land(paths, "till/2026-01-05/a.csv", b"at,customer\n2026-01-05 10:00,jane-4711\n"
         b"2026-01-05 10:00,joe-0815\n2026-01-05 13:00,jane-4711\n")  # fmt: skip

    seal_unchecked(paths, "2026-01-05", now="2026-01-05T18:00:00")

    file = sealed_files(paths)["till/2026-01-05/a.csv"]
    assert (file.read, file.logged, file.withheld) == (3, 2, {"erased": 1})
    assert json.dumps(dict(file.withheld)) == '{"erased": 1}'

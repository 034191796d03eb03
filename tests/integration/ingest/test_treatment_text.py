"""Personal text: under a key where the registry keeps it, gone at any depth where it does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest.config import SourceSettings
from dagster_project.ingest.encryption import decrypt_text, encrypt_text
from dagster_project.ingest.treatment import number_copies, treat
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import SPLIT_COLUMNS, load_registry
from expectations.personal import personal_key_left_sql

SOURCES = {"shop": SourceSettings(format="canonical")}
TEXT = 'Too small, says Jané "J" Doe\n'


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(StatePaths(tmp_path)) as vault:
        yield vault


def treated(vault: Vault, properties: Any, event: str = "review_submitted", **row: Any) -> Any:
    con = duckdb.connect()
    columns = ", ".join(f"{name} {kind}" for name, kind in SPLIT_COLUMNS.items())
    con.execute(f"create table split ({columns})")
    given = {
        "event_name": event,
        "event_ts": "2026-01-02 10:00:00",
        "source": "shop",
        "source_file": "shop/2026-01-02/a.jsonl",
        "source_line": 1,
        "arrival_date": "2026-01-02",
        "raw": "row",
        "reasons": [],
        "properties": json.dumps(properties),
        **row,
    }
    con.execute(
        f"insert into split ({', '.join(given)}) values ({', '.join('?' * len(given))})",
        [*given.values()],
    )
    number_copies(con, "split", SOURCES)
    table = treat(
        con, "split", sources=SOURCES, registry=load_registry(), vault=vault, junk=["none"]
    )
    ((found,),) = con.execute(f"select properties from {table}").fetchall()
    return json.loads(found)


def test_review_is_kept_under_the_key_of_who_wrote_it(vault: Vault) -> None:
    found = treated(vault, {"review_text": TEXT, "rating": 4}, user_id="u1", anonymous_id="a1")

    key = vault.data_keys("user", "users", ["u1"])["u1"]
    assert found["rating"] == 4
    assert found["review_text"].startswith("enc1.")
    assert "Jan" not in found["review_text"]
    assert decrypt_text(key, "review_text", found["review_text"]) == TEXT


@pytest.mark.parametrize(
    ("ids", "kind", "space", "owner"),
    [
        ({"user_id": " u1 ", "device_id": "d1"}, "user", "users", "u1"),
        ({"user_id": "NONE", "anonymous_id": "a1", "device_id": "d1"}, "anonymous", "shop", "a1"),
        ({"device_id": "d1"}, "device", "shop", "d1"),
    ],
)
def test_key_is_the_users_else_the_visitors_else_the_devices(
    vault: Vault, ids: dict[str, str], kind: str, space: str, owner: str
) -> None:
    found = treated(vault, {"traits": {"feedback": TEXT}}, **ids)

    key = vault.data_keys(kind, space, [owner])[owner]
    assert decrypt_text(key, "feedback", found["traits"]["feedback"]) == TEXT


def test_text_of_a_row_without_an_identifier_is_dropped(vault: Vault) -> None:
    assert treated(vault, {"review_text": TEXT, "rating": 4}) == {"rating": 4}
    assert vault.count() == 0


def test_what_is_no_text_is_encrypted_as_json(vault: Vault) -> None:
    found = treated(vault, {"feedback": {"q1": "yes"}, "review_title": None}, user_id="u1")

    key = vault.data_keys("user", "users", ["u1"])["u1"]
    assert decrypt_text(key, "feedback", found["feedback"]) == '{"q1":"yes"}'
    assert "review_title" not in found


def test_same_text_of_a_person_is_the_same_value_and_anothers_is_not() -> None:
    one, two = b"1" * 32, b"2" * 32
    assert encrypt_text(one, "feedback", TEXT) == encrypt_text(one, "feedback", TEXT)
    assert encrypt_text(one, "feedback", TEXT) != encrypt_text(two, "feedback", TEXT)
    assert encrypt_text(one, "feedback", TEXT) != encrypt_text(one, "review_text", TEXT)


@pytest.mark.parametrize("text", ["", "x", "\ud83d", "é" * 5000])
def test_text_comes_back_with_the_right_key_and_name_only(text: str) -> None:
    value = encrypt_text(b"1" * 32, "feedback", text)
    assert decrypt_text(b"1" * 32, "feedback", value) == text
    assert decrypt_text(b"2" * 32, "feedback", value) is None
    assert decrypt_text(b"1" * 32, "review_text", value) is None
    assert decrypt_text(b"1" * 32, "feedback", "enc1.") is None


def test_personal_names_are_removed_at_any_depth(vault: Vault) -> None:
    given = {
        "products": [{"sku": "s1", "engraving": {"firstName": "Jane"}, "email": "j@x.example"}],
        "order": {"contact": {"phone": "+49 151 5555", "city": "Graz"}},
        "context": {"ip": "192.0.2.7", "traits": {"address": {"street": "High St"}}},
        "n": 12.5,
    }
    assert treated(vault, given, "order_updated") == {
        "products": [{"sku": "s1", "engraving": {}}],
        "order": {"contact": {"city": "Graz"}},
        "context": {"traits": {}},
        "n": 12.5,
    }


def test_a_products_name_and_a_purposes_id_stay_at_any_depth(vault: Vault) -> None:
    given = {"products": [{"name": "Shirt", "id": 7}], "purposes": [{"name": "ads", "id": 2}]}
    assert treated(vault, given, "consent_updated") == given


def test_a_name_that_only_a_text_mentions_stays(vault: Vault) -> None:
    given = {"query": '"phone": 5', "mobile": "0151", "list": [{"x": '{"email": 1}'}]}
    assert treated(vault, given) == {"query": '"phone": 5', "list": [{"x": '{"email": 1}'}]}


def test_beside_what_is_removed_numbers_keep_their_value(vault: Vault) -> None:
    given = '{"a": {"phone": 1}, "big": 12345678901234567890, "f": 0.1, "s": "é"}'
    found = treated(vault, json.loads(given))
    assert found == {"a": {}, "big": 12345678901234567890, "f": 0.1, "s": "é"}


def test_text_left_in_clear_is_found_by_the_suite() -> None:
    sql = personal_key_left_sql(load_registry(), "properties")
    rows = [
        ('{"review_text": "enc1.abc", "x": 1}', None),
        ('{"review_text": "Jane"}', "$.review_text"),
        ('{"context": {"traits": {"feedback": "Jane"}}}', "$.context.traits.feedback"),
        ('{"phone": "enc1.abc"}', "$.phone"),
    ]
    for properties, expected in rows:
        found = duckdb.execute(
            f"select {sql} from (select ? as properties, 'page_viewed' as event_name)", [properties]
        ).fetchall()
        assert found == [(expected,)], properties

"""Treatment: what becomes of one accepted row, field by field."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest.config import SourceSettings
from dagster_project.ingest.treatment import number_copies, treat, truncate_address
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import LOG_COLUMNS, SPLIT_COLUMNS, contains_email_sql, load_registry

DAY = date(2026, 1, 2)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
JUNK = ["null", "none", "0", "Unknown"]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(StatePaths(tmp_path)) as vault:
        yield vault


def treated(vault: Vault, *rows: dict[str, Any], **sources: SourceSettings) -> list[dict[str, Any]]:
    """Treat rows of a split, each given by what differs from a plain page view; in their order."""
    con = duckdb.connect()
    columns = ", ".join(f"{name} {kind}" for name, kind in SPLIT_COLUMNS.items())
    con.execute(f"create table split ({columns})")
    for line, row in enumerate(rows, start=1):
        given = {
            "event_name": "page_viewed",
            "event_ts": "2026-01-02 10:00:00",
            "source": "shop",
            "source_file": "shop/2026-01-02/a.jsonl",
            "source_line": line,
            "properties": "{}",
            "arrival_date": DAY,
            "contract_version": 1,
            "raw": f"row {line}",
            "reasons": [],
            **row,
        }
        marks = ", ".join("?" * len(given))
        con.execute(f"insert into split ({', '.join(given)}) values ({marks})", [*given.values()])
    sources = {"shop": SourceSettings(format="canonical"), **sources}
    number_copies(con, "split", sources)
    table = treat(
        con,
        "split",
        sources=sources,
        registry=load_registry(),
        vault=vault,
        junk=JUNK,
    )
    found = con.execute(f"select * from {table} order by source_file, source_line")
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def one(vault: Vault, **row: Any) -> dict[str, Any]:
    (result,) = treated(vault, row)
    return result


def properties_of(vault: Vault, properties: dict[str, Any], event: str = "page_viewed") -> Any:
    return json.loads(one(vault, event_name=event, properties=json.dumps(properties))["properties"])


def test_result_has_the_columns_of_the_log(vault: Vault) -> None:
    row = one(vault)
    assert list(row) == list(LOG_COLUMNS)
    assert row["arrival_date"] == DAY
    assert row["is_bot"] is False


def test_refused_rows_are_left_out(vault: Vault) -> None:
    assert treated(vault, {"reasons": ["event_ts: is missing"]}) == []


# Event ids


def test_event_id_of_the_source_is_kept(vault: Vault) -> None:
    assert one(vault, event_id="e-1")["event_id"] == "e-1"


def test_missing_event_id_is_the_keyed_hash_of_source_and_raw_row(vault: Vault) -> None:
    key = vault.derive_key("event id")
    expected = hmac.new(key, "shop\x1f{ä}".encode(), hashlib.sha256).hexdigest()
    assert one(vault, raw="{ä}")["event_id"] == expected


def test_row_delivered_again_in_another_file_has_the_same_event_id(vault: Vault) -> None:
    rows = treated(vault, {"raw": "x"}, {"raw": "x", "source_file": "shop/2026-01-02/b.jsonl"})
    assert rows[0]["event_id"] == rows[1]["event_id"]


def test_identical_rows_are_one_event_unless_the_source_keeps_them(vault: Vault) -> None:
    rows = [{"raw": "x"}, {"raw": "y"}, {"raw": "x"}, {"raw": "x"}]
    as_one = [row["event_id"] for row in treated(vault, *rows)]
    assert as_one[0] == as_one[2] == as_one[3] != as_one[1]
    keep = SourceSettings(format="canonical", identical_rows="keep")
    kept = [row["event_id"] for row in treated(vault, *rows, shop=keep)]
    assert kept[:2] == as_one[:2]
    assert len(set(kept)) == 4


def test_kept_copies_delivered_again_are_the_same_events(vault: Vault) -> None:
    keep = SourceSettings(format="canonical", identical_rows="keep")
    again = {"raw": "x", "source_file": "shop/2026-01-02/b.jsonl"}
    rows = treated(vault, {"raw": "x"}, {"raw": "x"}, again, again, shop=keep)
    ids = [row["event_id"] for row in rows]
    assert ids[:2] == ids[2:]


# Identifiers


def test_identifiers_become_pseudonyms_of_the_vault(vault: Vault) -> None:
    row = one(vault, user_id="12", anonymous_id="ab", device_id="cd")
    assert row["user_id"] == vault.lookup("user", "users", "12")
    assert row["anonymous_id"] == vault.lookup("anonymous", "shop", "ab")
    assert row["device_id"] == vault.lookup("device", "shop", "cd")


@pytest.mark.parametrize("junk", ["null", " NULL ", "None", "0", "unknown", "", "   "])
def test_junk_is_no_identifier(vault: Vault, junk: str) -> None:
    row = one(vault, user_id=junk, anonymous_id=junk, device_id=junk)
    assert (row["user_id"], row["anonymous_id"], row["device_id"]) == (None, None, None)
    assert vault.count() == 0


def test_sources_share_users_and_not_devices_unless_they_say_so(vault: Vault) -> None:
    same = {"user_id": "12", "anonymous_id": "12", "device_id": "12"}
    web, app = treated(
        vault,
        same,
        {**same, "source": "app"},
        app=SourceSettings(format="canonical"),
    )
    assert web["user_id"] == app["user_id"]
    assert web["anonymous_id"] != app["anonymous_id"]
    assert web["device_id"] != app["device_id"]
    web, app = treated(
        vault,
        same,
        {**same, "source": "app"},
        app=SourceSettings(format="canonical", id_space="shop", user_id_space="app_users"),
    )
    assert web["user_id"] != app["user_id"]
    assert web["anonymous_id"] == app["anonymous_id"]


# Addresses, agents, defaults


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.168.17.250", "192.168.17.0"),
        (" 8.8.8.8 ", "8.8.8.0"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::"),
        ("2001:db8::1", "2001:db8::"),
        ("::ffff:192.0.2.128", "192.0.2.0"),
        ("256.1.1.1", None),
        ("1.2.3", None),
        ("1.2.3.4.5", None),
        ("example.org", None),
        ("12:34:not", None),
        (None, None),
    ],
)
def test_address_is_cut_to_its_network(vault: Vault, ip: str | None, network: str | None) -> None:
    assert one(vault, ip=ip)["ip_truncated"] == network
    assert ip is None or truncate_address(ip) == network


def test_agent_fills_what_the_source_does_not_say(vault: Vault) -> None:
    row = one(vault, user_agent=CHROME, os="ReactOS")
    assert row["user_agent_family"] == "Chrome"
    assert (row["device_type"], row["os"], row["browser"]) == ("desktop", "ReactOS", "Chrome")
    assert row["is_bot"] is False


def test_sources_word_on_bots_wins(vault: Vault) -> None:
    assert one(vault, user_agent="Googlebot/2.1")["is_bot"] is True
    assert one(vault, user_agent="Googlebot/2.1", is_bot=False)["is_bot"] is False
    assert one(vault, user_agent=CHROME, is_bot=True)["is_bot"] is True


def test_source_defaults_fill_currency_and_consent(vault: Vault) -> None:
    shop = SourceSettings(format="canonical", currency="CHF", consent="granted")
    bare, own = treated(vault, {}, {"currency": "EUR", "consent": '{"ads":false}'}, shop=shop)
    assert (bare["currency"], json.loads(bare["consent"])) == ("CHF", "granted")
    assert (own["currency"], json.loads(own["consent"])) == ("EUR", {"ads": False})


# Addresses of pages


@pytest.mark.parametrize(
    ("url", "kept", "path"),
    [
        ("https://shop.example/a/b?x=1#top", "https://shop.example/a/b", "/a/b"),
        ("https://shop.example", "https://shop.example", "/"),
        ("https://shop.example?x=1", "https://shop.example", "/"),
        ("https://jane:pw@shop.example/a", "https://shop.example/a", "/a"),
        ("//shop.example/a?b", "//shop.example/a", "/a"),
        ("/a/b?x=1", "/a/b", "/a/b"),
        ("https://shop.example/#/cart", "https://shop.example/", "/"),
        ("?x=1", None, None),
        ("app-screen", "app-screen", None),
        (None, None, None),
    ],
)
def test_page_url_keeps_scheme_host_and_path(
    vault: Vault, url: str | None, kept: str | None, path: str | None
) -> None:
    row = one(vault, page_url=url, referrer=url)
    assert (row["page_url"], row["referrer"], row["page_path"]) == (kept, kept, path)


def test_given_page_path_wins_without_its_query(vault: Vault) -> None:
    row = one(vault, page_url="https://shop.example/a", page_path="/own?id=3")
    assert row["page_path"] == "/own"


def test_campaign_comes_from_the_query_where_it_is_not_given(vault: Vault) -> None:
    url = "https://s.example/?utm_source=news+letter&utm_medium=e%2Dmail&utm_campaign=#utm_x=1"
    row = one(vault, page_url=url, utm_medium="cpc")
    assert row["utm_source"] == "news letter"
    assert row["utm_medium"] == "cpc"
    assert row["utm_campaign"] is None


def test_campaign_that_cannot_be_decoded_is_left_out(vault: Vault) -> None:
    assert one(vault, page_url="https://s.example/?utm_source=%ff%fe")["utm_source"] is None


def test_kind_of_an_ad_click_is_kept_and_its_id_is_not(vault: Vault) -> None:
    row = one(vault, page_url="https://s.example/?gclid=SECRET", properties='{"a": 1}')
    assert json.loads(row["properties"]) == {"a": 1, "click_id_kind": "gclid"}
    assert "SECRET" not in str(row)


# Personal data in properties and free text


def test_email_in_properties_becomes_its_pseudonym(vault: Vault) -> None:
    found = properties_of(
        vault,
        {
            "email": " Jane@Example.com ",
            "plan": "a",
            "traits": {"email": "jane@example.com", "tier": 2},
            "context": {"traits": {"userEmail": "JANE@example.com"}, "page": "x"},
        },
    )
    pseudonym = vault.lookup("email", "emails", "jane@example.com")
    assert pseudonym is not None
    assert found == {
        "email": pseudonym,
        "plan": "a",
        "traits": {"email": pseudonym, "tier": 2},
        "context": {"traits": {"userEmail": pseudonym}, "page": "x"},
    }


def test_crm_key_is_one_pseudonym_whatever_its_place_and_type(vault: Vault) -> None:
    found = properties_of(vault, {"crm_id": " 77 ", "traits": {"crmId": 77}})
    pseudonym = vault.lookup("crm", "crm", "77")
    assert pseudonym is not None
    assert found == {"crm_id": pseudonym, "traits": {"crmId": pseudonym}}


@pytest.mark.parametrize("value", ["null", "NULL ", "0", " ", 0])
def test_junk_key_ties_nobody_since_it_is_dropped(vault: Vault, value: Any) -> None:
    assert properties_of(vault, {"crm_id": value, "email": value, "x": 1}) == {"x": 1}


def test_user_in_properties_has_the_pseudonym_of_the_column(vault: Vault) -> None:
    row = one(vault, user_id="12", properties='{"customer_id": 12, "traits": {"id": "12"}}')
    found = json.loads(row["properties"])
    assert found == {"customer_id": row["user_id"], "traits": {"id": row["user_id"]}}


def test_personal_properties_are_dropped(vault: Vault) -> None:
    assert properties_of(
        vault,
        {"phone": "+49 1", "traits": {"firstName": "Jane", "name": "J", "tier": 1}, "size": "M"},
    ) == {"traits": {"tier": 1}, "size": "M"}


def test_name_is_a_persons_or_a_products_by_event(vault: Vault) -> None:
    assert properties_of(vault, {"name": "Shirt", "x": 1}, "product_viewed") == {
        "name": "Shirt",
        "x": 1,
    }
    assert properties_of(vault, {"name": "Jane", "x": 1}, "signed_up") == {"x": 1}


@pytest.mark.parametrize("value", [None, {"a": 1}, ["x@y.example"], True, "null", ""])
def test_what_is_no_identifier_is_dropped(vault: Vault, value: Any) -> None:
    assert properties_of(vault, {"email": value, "x": 1}) == {"x": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"\\u0065mail": "jane@example.com", "x": 1}',
        '{"email": "jane@example.com", "email": "joe@example.com", "x": 1}',
    ],
)
def test_spelling_of_a_key_hides_nothing(vault: Vault, text: str) -> None:
    found = one(vault, properties=text)["properties"]
    assert "example.com" not in found
    assert json.loads(found)["x"] == 1


def test_objects_that_are_no_objects_stay(vault: Vault) -> None:
    given = {"email": "jane@example.com", "traits": "none", "context": {"traits": [1]}}
    found = properties_of(vault, given)
    assert found["traits"] == "none"
    assert found["context"] == {"traits": [1]}


def test_email_in_free_text_is_blanked(vault: Vault) -> None:
    row = one(
        vault,
        page_url="https://s.example/u/jane@example.com/orders",
        page_path="/u/jane%40example.com",
        utm_campaign="for jane@example.com",
        properties=json.dumps({"query": "a\njane@example.com", "list": ["x jane@example.com"]}),
    )
    assert row["page_url"] == "https://s.example/u/[email]/orders"
    assert json.loads(row["properties"])["list"] == ["x [email]"]
    for value in row.values():
        if isinstance(value, str):
            assert duckdb.execute(f"select {contains_email_sql('?::varchar')}", [value] * 8)
            assert "jane" not in value


def test_other_properties_stay_as_written(vault: Vault) -> None:
    text = '{"n": 1.10, "big": 12345678901234567890123, "list": [1, "é"], "null": null}'
    assert one(vault, properties=text)["properties"] == text

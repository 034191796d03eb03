"""What looks like an e-mail address is found and blanked, in texts, addresses of pages and JSON."""

import json
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contract import blank_emails_sql, contains_email_sql


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def found_and_blanked(con: duckdb.DuckDBPyConnection, text: str) -> tuple[bool, str, bool]:
    row = con.execute(
        f"with t as (select ?::varchar as x), b as (select x, {blank_emails_sql('x')} as y from t) "
        f"select {contains_email_sql('x')}, y, {contains_email_sql('y')} from b",
        [text],
    ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("anna@example.com", "[email]"),
        ("write to anna.b+shop@mail.example.co.uk, please", "write to [email], please"),
        ("https://s.example/?m=anna%40example.com&x=1", "https://s.example/?m=[email]&x=1"),
        ("https://s.example/?m=anna%2540example.com", "https://s.example/?m=[email]"),
        (r'{"a": "anna\u0040example.com"}', '{"a": "[email]"}'),
        ("ANNA@EXAMPLE.COM", "[email]"),
        ("jürgen@müller.de", "[email]"),
        ("anna＠example.com", "[email]"),
        ("a@b.com b@c.org", "[email] [email]"),
        ("anna@1und1.de", "[email]"),
        ("anna@xn--mller-kva.xn--p1ai", "[email]"),
    ],
)
def test_address_is_blanked(con: duckdb.DuckDBPyConnection, text: str, blanked: str) -> None:
    assert found_and_blanked(con, text) == (True, blanked, False)


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png",
        "https://medium.example/@anna.b/post",
        "package@1.2.3",
        "3 kg @ 4.50",
        "root@localhost",
        "@anna",
        "search query",
    ],
)
def test_what_is_no_address_stays(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert found_and_blanked(con, text) == (False, text, False)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    before=st.text(alphabet='ab"\\\n\t/é€😀 :u0', max_size=6),
    after=st.text(alphabet='ab"\\\n\t/é€😀 :,', max_size=6),
    ascii_only=st.booleans(),
)
def test_blanked_json_is_still_the_same_json(
    con: duckdb.DuckDBPyConnection, before: str, after: str, ascii_only: bool
) -> None:
    value = {"note": f"{before}anna@example.com {after}", "n": 1}
    _, blanked, left = found_and_blanked(con, json.dumps(value, ensure_ascii=ascii_only))
    assert not left
    read = json.loads(blanked)
    assert read["n"] == 1
    assert read["note"].endswith(f" {after}")
    assert "anna@" not in read["note"]

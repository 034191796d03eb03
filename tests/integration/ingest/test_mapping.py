"""Mapping: what a row becomes among the candidates, and why a row cannot."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.ingest.config import ReadLimits, SourceSettings, parse_settings
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.mapping import CANDIDATE_COLUMNS, create_candidates, load_candidates

CANONICAL = SourceSettings(format="canonical")


def source_of(text: str) -> SourceSettings:
    body = "".join(f"    {line}\n" for line in text.strip().splitlines())
    return parse_settings(f"sources:\n  shop:\n{body}").sources["shop"]


def candidates(
    tmp_path: Path,
    data: bytes,
    source: SourceSettings = CANONICAL,
    limits: ReadLimits | None = None,
) -> list[dict[str, Any]]:
    ending = "jsonl" if source.format in ("canonical", "jsonl") else source.format
    file = tmp_path / f"a.{ending}"
    file.write_bytes(data)
    with duckdb.connect() as con:
        create_candidates(con)
        files = {"shop/d/a": file}
        (outcome,) = load_candidates(con, files, "shop", source, limits or ReadLimits()).values()
        if isinstance(outcome, RefusedFileError):
            raise outcome
        found = con.execute("from candidates order by source_line").fetchall()
        assert outcome == len(found)
    return [dict(zip(CANDIDATE_COLUMNS, row, strict=True)) for row in found]


def canonical(tmp_path: Path, **event: object) -> dict[str, Any]:
    return candidates(tmp_path, json.dumps(event).encode())[0]


def test_the_table_has_the_shared_columns_in_order():
    with duckdb.connect() as con:
        create_candidates(con)
        described = con.execute("describe candidates").fetchall()
    assert [(row[0], row[1]) for row in described] == list(CANDIDATE_COLUMNS.items())


def test_a_canonical_event_keeps_its_values_as_text(tmp_path):
    line = b'{"event_name": " page_viewed ", "price": 1.50, "is_bot": true, "city": "", "os": null}'
    row = candidates(tmp_path, line)[0]
    assert row["event_name"] == "page_viewed"
    assert row["price"] == "1.5"
    assert row["is_bot"] == "true"
    assert row["city"] is None
    assert row["os"] is None
    assert row["raw"] == line.decode()
    assert (row["source"], row["source_file"], row["source_line"]) == ("shop", "shop/d/a", 1)
    assert row["properties"] == "{}"
    assert row["read_error"] is None


def test_keys_that_are_no_field_move_into_properties(tmp_path):
    row = canonical(tmp_path, event_name="x", properties={"a": 1}, b={"c": [2]}, d=None)
    assert json.loads(row["properties"]) == {"a": 1, "b": {"c": [2]}, "d": None}
    row = canonical(tmp_path, event_name="x", b='é"\\')
    assert json.loads(row["properties"]) == {"b": 'é"\\'}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"a": ', "malformed_json"),
        ('{"a": 1} x', "malformed_json"),
        ("{'a': 1}", "malformed_json"),
        ('{"a": "\\ud800"}', "malformed_json"),
        ('{"properties": {"a": NaN}}', "malformed_json"),
        ('{"a": -Infinity}', "malformed_json"),
        ("[1]", "not_an_object"),
        ('"text"', "not_an_object"),
        ("null", "not_an_object"),
        ('{"user_id": "a", "user_id": "b"}', "duplicate_key"),
        ('{"user_id": {"a": 1}}', "not_a_scalar"),
        ('{"price": [1]}', "not_a_scalar"),
        ('{"properties": [1]}', "properties_not_an_object"),
        ('{"properties": "x"}', "properties_not_an_object"),
        ('{"properties": {"a": 1}, "a": 2}', "property_given_twice"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "nested_too_deep"),
        ('{"a": ' + "[" * 63 + "]" * 63 + "}", None),
        ('{"a": "' + "[" * 500 + '"}', None),
        ('{"user_id": "{a}", "a": "NaN Infinity"}', None),
        ('{"properties": null}', None),
        ('{"consent": {"ads": true}}', None),
    ],
)
def test_a_row_that_cannot_be_read_says_why(tmp_path, line, code):
    assert candidates(tmp_path, line.encode())[0]["read_error"] == code


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-05-01T10:20:30Z", "2024-05-01 10:20:30"),
        ("2024-05-01t10:20:30z", "2024-05-01 10:20:30"),
        ("2024-05-01 10:20:30.123456789Z", "2024-05-01 10:20:30.123456"),
        ("2024-05-01T10:20:30+02:00", "2024-05-01 08:20:30"),
        ("2024-05-01T10:20:30.5-0230", "2024-05-01 12:50:30.500000"),
        ("2024-05-01T10:20:30+02", "2024-05-01 08:20:30"),
        ("2024-05-01 10:20:30 UTC", "2024-05-01 10:20:30"),
        ("2024-05-01T10:20Z", "2024-05-01 10:20:00"),
        ("2024-05-01T10:20+02:00", "2024-05-01 08:20:00"),
        ("2024-05-01T10:20", "2024-05-01 10:20:00"),
        ("2024-05-01", "2024-05-01 00:00:00"),
        ("1714558830", None),
        ("20240501", None),
        ("now", None),
        ("infinity", None),
        ("2024-02-30T00:00:00Z", None),
        ("2024-05-01T10:20:60Z", None),
        ("2024-05-01T10:20:30+99:00", None),
        ("01.05.2024", None),
        ("", None),
    ],
)
def test_a_canonical_time_is_iso_8601(tmp_path, text, utc):
    row = canonical(tmp_path, event_ts=text)
    assert (str(row["event_ts_parsed"]) if row["event_ts_parsed"] else None) == utc
    assert row["event_ts"] == (text or None)


def test_a_bare_number_is_no_canonical_time(tmp_path):
    row = canonical(tmp_path, event_ts=1714558830000)
    assert row["event_ts"] == "1714558830000"
    assert row["event_ts_parsed"] is None


@pytest.mark.parametrize(
    ("value", "mapped", "utc"),
    [
        ("1714558830", "unit: s", "2024-05-01 10:20:30"),
        ("1714558830.25", "unit: s", "2024-05-01 10:20:30.250000"),
        ("1714558830123", "unit: ms", "2024-05-01 10:20:30.123000"),
        ("1.714558830123e12", "unit: ms", "2024-05-01 10:20:30.123000"),
        ("1714558830123456", "unit: us", "2024-05-01 10:20:30.123456"),
        ("1714558830123456789", "unit: ns", "2024-05-01 10:20:30.123456"),
        ("-1", "unit: s", "1969-12-31 23:59:59"),
        ("99999999999999", "unit: s", None),
        ("253402300799", "unit: s", "9999-12-31 23:59:59"),
        ("253402300800", "unit: s", None),
        ("2024-05-01T10:20:30Z", "unit: s", None),
        ("1_000", "unit: s", None),
        ("nan", "unit: s", None),
        ("01.05.2024 10:20", 'format: "%d.%m.%Y %H:%M"', "2024-05-01 10:20:00"),
        # Berlin is at UTC+2 in May and at UTC+1 in January.
        ("01.05.2024 10:20", 'format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin',
         "2024-05-01 08:20:00"),
        ("2024-01-01 10:20:00", "timezone: Europe/Berlin", "2024-01-01 09:20:00"),
        ("2024-01-01 10:20:00Z", "timezone: Europe/Berlin", "2024-01-01 10:20:00"),
        ("2024-01-01 10:20:00+0300", 'format: "%Y-%m-%d %H:%M:%S%z", timezone: Europe/Berlin',
         "2024-01-01 07:20:00"),
        ("garbage", 'format: "%d.%m.%Y %H:%M"', None),
    ],
)  # fmt: skip
def test_a_mapped_time_follows_unit_format_and_zone(tmp_path, value, mapped, utc):
    source = source_of(f"""
format: csv
mapping:
  event_name: {{value: x}}
  event_ts: {{column: t, {mapped}}}
""")
    row = candidates(tmp_path, f"t\n{value}\n".encode(), source)[0]
    assert (str(row["event_ts_parsed"]) if row["event_ts_parsed"] else None) == utc
    assert row["event_ts"] == value


RETAIL = """
format: csv
currency: GBP
mapping:
  event_name: {sql: "case when \\"InvoiceNo\\" like 'C%' then 'order_refunded'
      when \\"Quantity\\"::int < 0 then 'inventory_adjusted' else 'order_completed' end"}
  event_ts: InvoiceDate
  order_id: InvoiceNo
  quantity: Quantity
  user_id: {sql: "regexp_replace(\\"CustomerID\\", '[.]0$', '')"}
  category: {column: Kind, values: {a: Apparel, b: "Bath, it's"}}
  brand: {value: ours}
  properties: ["*"]
"""
RETAIL_ROWS = b'''InvoiceNo,Quantity,InvoiceDate,CustomerID,Kind,Note,Empty
1,6,2010-12-01 08:26:00,17850.0,a,"say ""hi""",
C2,-1,2010-12-01 09:00:00,,b,x,
3,-5,2010-12-01 09:00:00,,c,x,
4,many,2010-12-01 09:00:00,,c,x,
'''


def test_expressions_values_and_constants(tmp_path):
    rows = candidates(tmp_path, RETAIL_ROWS, source_of(RETAIL))
    assert [row["event_name"] for row in rows[:3]] == [
        "order_completed",
        "order_refunded",
        "inventory_adjusted",
    ]
    assert [row["user_id"] for row in rows] == ["17850", None, None, None]
    assert [row["category"] for row in rows] == ["Apparel", "Bath, it's", "c", "c"]
    assert {row["brand"] for row in rows} == {"ours"}
    assert {row["currency"] for row in rows} == {"GBP"}
    assert [row["source_line"] for row in rows] == [2, 3, 4, 5]


def test_properties_take_the_columns_that_nothing_else_names(tmp_path):
    row = candidates(tmp_path, RETAIL_ROWS, source_of(RETAIL))[0]
    # The customer's number is named in an expression and must not stay in clear.
    assert json.loads(row["properties"]) == {"Note": 'say "hi"'}


def test_an_expression_that_fails_on_a_row_refuses_that_row_alone(tmp_path):
    rows = candidates(tmp_path, RETAIL_ROWS, source_of(RETAIL))
    assert [row["read_error"] for row in rows] == [None, None, None, "mapping_failed"]


def test_a_column_that_the_file_lacks_refuses_the_file(tmp_path):
    with pytest.raises(RefusedFileError, match=r"no column 'CustomerID'.*sources.shop.mapping"):
        candidates(tmp_path, RETAIL_ROWS.replace(b"CustomerID", b"Customer"), source_of(RETAIL))


def test_json_lines_are_mapped_by_key_and_by_path(tmp_path):
    source = source_of("""
format: jsonl
mapping:
  event_name: a/b
  event_ts: {column: T, unit: s}
  user_id: $.user.id
  city: t
  country: {sql: "upper(\\"geo\\"->>'$.c')"}
  properties: ["*", t]
""")
    line = b'{"a/b": "x", "T": 0, "t": "low", "user": {"id": 7, "mail": "m"}, '
    line += b'"geo": {"c": "de"}, "rest": [1, {"k": null}]}'
    row = candidates(tmp_path, line, source)[0]
    assert row["read_error"] is None
    assert (row["event_name"], row["user_id"], row["city"], row["country"]) == (
        "x", "7", "low", "DE",
    )  # fmt: skip
    assert json.loads(row["properties"]) == {"t": "low", "rest": [1, {"k": None}]}


def test_properties_have_names_of_their_own(tmp_path):
    source = source_of("""
format: csv
mapping:
  event_name: {column: act, values: {open: file_accessed}}
  event_ts: at
  properties: ["*", {file_path: {sql: "regexp_replace(path, '^/srv/[^/]*', '~')"}},
    {action: act}, {level: {column: lv, values: {"1": low}}}, {kind: {value: say "x"}}]
""")
    head = "act,at,path,lv,action,rest\n"
    rows = "open,2024-05-01,/srv/bob/a.doc,1,other,r\nread,2024-05-01,,2,,\n"
    first, second = candidates(tmp_path, (head + rows).encode(), source)
    assert first["read_error"] is None
    assert first["event_name"] == "file_accessed"
    # Columns that a property names are named, and a property's name is not there twice.
    assert json.loads(first["properties"]) == {
        "rest": "r", "file_path": "~/a.doc", "action": "open", "level": "low", "kind": 'say "x"',
    }  # fmt: skip
    assert json.loads(second["properties"]) == {"action": "read", "level": "2", "kind": 'say "x"'}
    with pytest.raises(RefusedFileError, match="no column 'lv'"):
        candidates(tmp_path, (head + rows).replace("lv", "xx").encode(), source)


def test_a_named_property_of_json_lines_is_a_path_or_a_key_and_a_scalar(tmp_path):
    source = source_of("""
format: jsonl
mapping:
  event_name: e
  event_ts: t
  properties: [{role: $.user.role}, {size: {sql: "try_cast(n as integer) * 2 // (1 - x::int)"}}, n]
""")
    lines = [{"user": {"role": "a"}, "n": 2, "x": 0}, {"user": {"role": ["a"]}, "n": 2, "x": 0},
             {"n": 3, "x": "many"}]  # fmt: skip
    rows = candidates(tmp_path, b"\n".join(json.dumps(one).encode() for one in lines), source)
    assert [row["read_error"] for row in rows] == [None, "not_a_scalar", "mapping_failed"]
    assert json.loads(rows[0]["properties"]) == {"n": 2, "role": "a", "size": "4"}


def test_a_source_states_consent_for_rows_that_do_not(tmp_path):
    source = SourceSettings(format="canonical", consent="granted")
    rows = candidates(tmp_path, b'{"consent": "denied"}\n{}\n', source)
    # The contract asks for JSON: the word of the settings is written as the JSON that it means.
    assert [row["consent"] for row in rows] == ["denied", '"granted"']


def test_nothing_of_a_refused_file_stays(tmp_path):
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_bytes(b"{}\n{}\n")
    bad.write_bytes(b'{"city": "x"}\n' * 60_000 + b"\xff\n")
    with duckdb.connect() as con:
        create_candidates(con)
        con.begin()
        files = {"before": good, "bad": bad, "after": good}
        outcome = load_candidates(con, files, "shop", CANONICAL, ReadLimits())
        con.commit()
        assert (outcome["before"], outcome["after"]) == (2, 2)
        assert isinstance(outcome["bad"], RefusedFileError)
        assert re.search(r"bad:60001: not UTF-8.*latin-1", str(outcome["bad"]))
        assert con.execute(
            "select source_file, count(*) from candidates group by 1 order by 1 desc"
        ).fetchall() == [("before", 2), ("after", 2)]


def test_a_row_becomes_the_same_whatever_rows_are_around_it(tmp_path):
    first = RETAIL_ROWS.splitlines(keepends=True)
    alone = [candidates(tmp_path, first[0] + row, source_of(RETAIL))[0] for row in first[1:]]
    together = candidates(tmp_path, RETAIL_ROWS, source_of(RETAIL))
    for one, other in zip(alone, together, strict=True):
        assert {**one, "source_line": 0} == {**other, "source_line": 0}


def rows_of(data: bytes) -> int:
    return sum(1 for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip())


JSON_PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b"\\", b":", b",", b"\n", b"\r\n", b"1", b"null", b"NaN", b" ",
     b'"event_ts"', b'"properties"', b'"user_id":', b"{}", b"\x00", b'"\\u0000"', b"\xc3\xa9",
     b"\xef\xbb\xbf", b'{"event_name":"x"}']
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(JSON_PIECES, max_size=25).map(b"".join))
def test_every_json_line_is_one_candidate(tmp_path, data):
    rows = candidates(tmp_path, data)
    assert len(rows) == rows_of(data)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.binary(max_size=100), st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_any_bytes_become_candidates_or_a_refused_file(tmp_path, data, kind):
    source = source_of(f"""
format: {kind}
mapping: {{event_name: {{value: x}}, event_ts: {{sql: "'2024-01-01'"}}, properties: ['*']}}
""")
    refusal = ""
    try:
        candidates(tmp_path, data, source)
    except RefusedFileError as error:
        refusal = str(error)
    assert "\n" not in refusal


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5))
def test_any_object_is_found_again_in_properties(tmp_path, event):
    row = canonical(tmp_path, **{f"p{key}": value for key, value in event.items()})
    assert row["read_error"] is None
    assert json.loads(row["properties"]) == {f"p{key}": value for key, value in event.items()}

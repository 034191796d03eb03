"""Readers: rows, their numbers, and what is refused whole."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.ingest.config import FieldMapping, ReadLimits, SourceSettings
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.readers import file_ending, read_file

MAPPING = {"event_name": FieldMapping(value="x"), "event_ts": FieldMapping(column="t")}
CANONICAL = SourceSettings(format="canonical")
Row = tuple[int, str, str | None]


def tabular(kind: str, **more: str) -> SourceSettings:
    return SourceSettings.model_validate({"format": kind, "mapping": MAPPING, **more})


def rows(file: Path, source: SourceSettings, **limits: int) -> list[Row]:
    found: list[Row] = []
    batches = read_file(file, f"shop/d/{file.name}", "shop", source, ReadLimits(**limits))
    for batch in batches:
        assert batch.num_rows > 0
        assert set(batch.column("source_file").to_pylist()) == {f"shop/d/{file.name}"}
        columns = [batch.column(i).to_pylist() for i in (1, 2, 3)]
        found += zip(*columns, strict=True)
    return found


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    file = tmp_path / name
    file.write_bytes(data)
    return file


def json_rows(tmp_path: Path, data: bytes, **limits: int) -> list[Row]:
    return rows(written(tmp_path, "a.jsonl", data), CANONICAL, **limits)


def csv_rows(tmp_path: Path, data: bytes, **limits: int) -> list[Row]:
    return rows(written(tmp_path, "a.csv", data), tabular("csv"), **limits)


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.jsonl", ".jsonl"), ("a.csv.gz", ".csv.gz"), ("a.b.tsv.zst", ".tsv.zst"),
     ("a.parquet", ".parquet"), ("a.log.gz", ".log.gz"), ("a.json", None), ("a.csv.bz2", None),
     ("csv", None)],
)  # fmt: skip
def test_files_are_known_by_their_ending(name, ending):
    assert file_ending(name) == ending


def test_lines_keep_their_physical_number(tmp_path):
    data = b'\xef\xbb\xbf{"a":1}\r\n\n  \t\n{"b":2}\n{"c":3}'
    assert json_rows(tmp_path, data) == [
        (1, '{"a":1}', None),
        (4, '{"b":2}', None),
        (5, '{"c":3}', None),
    ]


def test_an_empty_file_has_no_rows(tmp_path):
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst"):
        assert rows(written(tmp_path, name, b""), CANONICAL) == []
    for name in ("a.csv", "a.csv.gz"):
        assert rows(written(tmp_path, name, b""), tabular("csv")) == []
    assert rows(written(tmp_path, "a.parquet", b""), tabular("parquet")) == []


def test_packed_files_are_unpacked_by_their_ending(tmp_path):
    data = b'{"a":1}\n' * 3
    pack = zstandard.ZstdCompressor()
    expected = [(1, '{"a":1}', None), (2, '{"a":1}', None), (3, '{"a":1}', None)]
    # Several members or frames behind each other are one file, as the tools themselves read it.
    gz = gzip.compress(data[:8]) + gzip.compress(data[8:])
    zst = pack.compress(data[:8]) + pack.compress(data[8:])
    assert rows(written(tmp_path, "a.jsonl.gz", gz), CANONICAL) == expected
    assert rows(written(tmp_path, "a.jsonl.zst", zst), CANONICAL) == expected


def test_a_line_over_the_limit_is_one_row_and_the_next_is_read(tmp_path):
    data = b'{"a":1}\n{"' + b"x" * 30_000_000 + b'"}\n{"b":2}\n{"' + b"y" * 2000 + b'"}'
    found = json_rows(tmp_path, data, max_line_bytes=1024)
    assert [(number, error) for number, _, error in found] == [
        (1, None),
        (2, "line_too_long"),
        (3, None),
        (4, "line_too_long"),
    ]
    assert len(found[1][1]) == 200


def test_a_line_at_the_limit_is_read(tmp_path):
    assert json_rows(tmp_path, b"x" * 1024 + b"\n", max_line_bytes=1024)[0][2] is None
    assert json_rows(tmp_path, b"x" * 1025 + b"\n", max_line_bytes=1024)[0][2] == "line_too_long"


def test_a_file_that_is_not_utf8_is_refused_with_line_and_advice(tmp_path):
    with pytest.raises(RefusedFileError, match=r"shop/d/a\.jsonl:3: not UTF-8.*latin-1"):
        json_rows(tmp_path, b'{}\n\n{"a":"caf\xe9"}\n')
    with pytest.raises(RefusedFileError, match=r"shop/d/a\.csv:2: not UTF-8"):
        csv_rows(tmp_path, b"t\ncaf\xe9\n")


def test_latin1_is_read_where_it_is_declared(tmp_path):
    source = SourceSettings(format="canonical", encoding="latin-1")
    found = rows(written(tmp_path, "a.jsonl", b'{"a":"caf\xe9"}\n'), source)
    assert found == [(1, '{"a":"café"}', None)]
    found = rows(written(tmp_path, "a.csv", b"t\ncaf\xe9\n"), tabular("csv", encoding="latin-1"))
    assert found == [(2, '{"t":"café"}', None)]


PACKED = {
    ".gz": gzip.compress(b'{"a":1}\n' * 10_000),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress(b'{"a":1}\n' * 10_000),
}


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_broken_packing_is_refused(tmp_path, ending):
    good = PACKED[ending]
    for data, problem in (
        (good[:-5], "ends too early|not sound"),
        (good[: len(good) // 2], "ends too early|not sound"),
        (b'{"a":1}\n', "not sound"),
        (good + b"trailing", "not sound"),
        (good[:20] + bytes([good[20] ^ 255]) + good[21:], "not sound|ends too early"),
    ):
        file = written(tmp_path, f"a.jsonl{ending}", data)
        with pytest.raises(RefusedFileError, match=rf"a\.jsonl{ending}: the .*({problem})"):
            rows(file, CANONICAL)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_that_unpacks_beyond_the_limit_is_refused(tmp_path, ending):
    bomb = b"\n" * 50_000_000
    data = gzip.compress(bomb) if ending == ".gz" else zstandard.ZstdCompressor().compress(bomb)
    file = written(tmp_path, f"a.jsonl{ending}", data)
    with pytest.raises(RefusedFileError, match="more than 1,000,000 bytes decompressed"):
        rows(file, CANONICAL, max_file_bytes=1_000_000)


def test_the_ending_must_be_that_of_the_format(tmp_path):
    with pytest.raises(RefusedFileError, match="its ending is not that of format csv"):
        rows(written(tmp_path, "a.jsonl", b"{}"), tabular("csv"))


def test_csv_rows_are_objects_numbered_by_their_first_line(tmp_path):
    data = b'\xef\xbb\xbft,"n,1"\r\n1,"a\r\nb"\r\n\r\n2,"say ""hi"""\r\n'
    assert csv_rows(tmp_path, data) == [
        (2, '{"t":"1","n,1":"a\\r\\nb"}', None),
        (5, '{"t":"2","n,1":"say \\"hi\\""}', None),
    ]


def test_csv_rows_that_cannot_be_read_say_why(tmp_path):
    data = b't,n\n1\n1,2,3\n1,\x002\n1,a\rb\n1,5" pipe\n"1,2\n3,4\n'
    assert [(number, error) for number, _, error in csv_rows(tmp_path, data)] == [
        (2, "wrong_number_of_columns"),
        (3, "wrong_number_of_columns"),
        (4, "nul_character"),
        (5, "malformed_csv"),
        (6, None),
        (7, "unclosed_quote"),
    ]


def test_an_open_quote_swallows_no_more_than_a_row_may_hold(tmp_path):
    data = b't\n"open\n' + b"abcdefgh\n" * 1000
    found = csv_rows(tmp_path, data, max_line_bytes=1024)
    assert found[0][2] == "line_too_long"
    assert found[1][0] < 130
    assert {error for _, _, error in found[1:]} == {None}


def test_a_long_line_in_csv_is_one_row(tmp_path):
    data = b't\n"' + b"x" * 20_000_000 + b"\n2\n"
    found = csv_rows(tmp_path, data, max_line_bytes=1024)
    assert [(number, error) for number, _, error in found] == [(2, "line_too_long"), (3, None)]


def test_a_header_alone_has_no_rows(tmp_path):
    assert csv_rows(tmp_path, b"t,n\n") == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"t,n,t\n1,2,3\n", "a.csv:1: columns 1 and 3 have the same name"),
        (b"a,b\n1,2\n", "a.csv:1: no column 't', which sources.shop.mapping names"),
        (b"t;v\n1;2\n", "see that its first row is a header, and that ',' parts its columns"),
        (b't,"a\n1,2\n', "a.csv:1: the header cannot be read"),
        (b"t" + b",x" * 2000 + b"\n", "2,001 columns are more than"),
    ],
)
def test_a_header_that_cannot_be_used_refuses_the_file(tmp_path, data, problem):
    with pytest.raises(RefusedFileError) as caught:
        csv_rows(tmp_path, data)
    assert problem in str(caught.value)


def test_tsv_and_other_delimiters(tmp_path):
    assert rows(written(tmp_path, "a.tsv", b"t\tn\n1\t2,3\n"), tabular("tsv")) == [
        (2, '{"t":"1","n":"2,3"}', None)
    ]
    assert rows(written(tmp_path, "a.csv", b"t;n\n1;2,3\n"), tabular("csv", delimiter=";")) == [
        (2, '{"t":"1","n":"2,3"}', None)
    ]


def parquet_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_parquet_values_become_text(tmp_path):
    moment = datetime(2024, 5, 1, 10, 20, 30, 500, tzinfo=UTC)
    table = pa.table(
        {
            "t": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
            "naive": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ns")),
            "day": pa.array([date(2024, 5, 1)]),
            "number": pa.array([17850.0]),
            "money": pa.array([Decimal("1.50")]),
            "flag": pa.array([True]),
            "none": pa.array([None], pa.string()),
            "word": pa.array(["é"]).dictionary_encode(),
            "nested": pa.array([{"a": [1, None], "b": moment}]),
        }
    )
    found = rows(written(tmp_path, "a.parquet", parquet_bytes(table)), tabular("parquet"))
    assert [(number, error) for number, _, error in found] == [(1, None)]
    assert json.loads(found[0][1]) == {
        "t": "2024-05-01 10:20:30.000500Z",
        "naive": "2024-05-01 10:20:30.000500",
        "day": "2024-05-01",
        "number": "17850.0",
        "money": "1.50",
        "flag": "true",
        "none": None,
        "word": "é",
        "nested": '{"a":[1,null],"b":"2024-05-01T10:20:30.000500Z"}',
    }


def test_binary_in_parquet_is_a_row_that_cannot_be_read(tmp_path):
    table = pa.table({"t": pa.array([b"text", b"\xff"])})
    found = rows(written(tmp_path, "a.parquet", parquet_bytes(table)), tabular("parquet"))
    assert [error for _, _, error in found] == [None, "binary_value"]


def test_parquet_packed_as_a_whole_is_read(tmp_path):
    data = gzip.compress(parquet_bytes(pa.table({"t": ["1", "2"]})))
    found = rows(written(tmp_path, "a.parquet.gz", data), tabular("parquet"))
    assert found == [(1, '{"t":"1"}', None), (2, '{"t":"2"}', None)]


def test_parquet_that_does_not_open_is_refused(tmp_path):
    good = parquet_bytes(pa.table({"t": ["1", "2"]}))
    for data in (b"PAR1", good[:-10], good[: len(good) // 2], b"x" * 100):
        with pytest.raises(RefusedFileError, match="not a sound Parquet file"):
            rows(written(tmp_path, "a.parquet", data), tabular("parquet"))


def test_parquet_over_the_limit_is_refused(tmp_path):
    file = written(tmp_path, "a.parquet", parquet_bytes(pa.table({"t": ["x" * 1000] * 100})))
    with pytest.raises(RefusedFileError, match=r"more than settings.max_file_bytes"):
        rows(file, tabular("parquet"), max_file_bytes=100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=80), spot=st.integers(0, 400))
def test_a_damaged_parquet_file_is_rows_or_a_refusal(tmp_path, data, spot):
    good = bytearray(parquet_bytes(pa.table({"t": ["1", "2"], "n": [1, None]})))
    good[spot : spot + len(data)] = data
    try:
        found = rows(written(tmp_path, "a.parquet", bytes(good)), tabular("parquet"))
    except RefusedFileError:
        found = []
    assert len(found) in (0, 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cells=st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=8))
def test_any_table_that_the_csv_module_writes_is_read_back(tmp_path, cells):
    cells = [(a.replace("\x00", ""), b.replace("\x00", "")) for a, b in cells]
    sink = io.StringIO()
    csv.writer(sink, quoting=csv.QUOTE_ALL).writerows([("t", "n"), *cells])
    data = sink.getvalue().encode("utf-8", errors="replace")
    found = csv_rows(tmp_path, data)
    assert [error for _, _, error in found] == [None] * len(cells)
    expected = [
        {"t": a.encode(errors="replace").decode(), "n": b.encode(errors="replace").decode()}
        for a, b in cells
    ]
    assert [json.loads(raw) for _, raw, _ in found] == expected

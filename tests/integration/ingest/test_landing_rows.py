"""Rows taken out of a landed file: the others stay, byte for byte where the format has lines."""

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dagster_project.ingest.config import ReadLimits, SourceSettings, parse_settings
from dagster_project.ingest.landing_rows import copy_without
from dagster_project.ingest.readers import read_file

LIMITS = ReadLimits()
SOURCES = parse_settings("""
sources:
  lines: {format: canonical}
  table: {format: csv, mapping: {event_name: e, event_ts: t}}
  latin: {format: csv, encoding: latin-1, mapping: {event_name: e, event_ts: t}}
  columns: {format: parquet, mapping: {event_name: e, event_ts: t}}
""").sources
UNPACK = {
    "": lambda data: data,
    ".gz": gzip.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().stream_reader(data).read(),
}
PACK = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstandard.compress}


def without(folder: Path, name: str, data: bytes, rows: set[int], source: SourceSettings) -> bytes:
    ending = next(one for one in (".gz", ".zst", "") if name.endswith(one))
    file, target = folder / name, folder / f"out-{name}"
    file.write_bytes(PACK[ending](data))
    copy_without(file, target, frozenset(rows), source, LIMITS)
    return UNPACK[ending](target.read_bytes())


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_lines_go_and_the_others_stay_as_they_are(tmp_path: Path, ending: str) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n{"b": 2}  \nbroken\n{"c": 3}'
    found = without(tmp_path, f"a.jsonl{ending}", data, {3, 4}, SOURCES["lines"])
    assert found == b'\xef\xbb\xbf{"a": 1}\r\n\n{"c": 3}'
    last = without(tmp_path, f"b.jsonl{ending}", data, {5}, SOURCES["lines"])
    assert last == b'\xef\xbb\xbf{"a": 1}\r\n\n{"b": 2}  \nbroken\n'


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_rows_of_a_table_go_with_all_their_lines(tmp_path: Path, ending: str) -> None:
    data = b'e,t\nview,1\n"a\nb",2\nview,3\n"c""\n\nd",4\n'
    found = without(tmp_path, f"a.csv{ending}", data, {3, 6}, SOURCES["table"])
    assert found == b"e,t\nview,1\nview,3\n"
    found = without(tmp_path, f"b.csv{ending}", data, {2, 5}, SOURCES["table"])
    assert found == b'e,t\n"a\nb",2\n"c""\n\nd",4\n'


def test_table_in_another_encoding_stays_in_it(tmp_path: Path) -> None:
    data = "e,t\nviéw,1\nö,2\n".encode("latin-1")
    found = without(tmp_path, "a.csv", data, {3}, SOURCES["latin"])
    assert found == "e,t\nviéw,1\n".encode("latin-1")


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_rows_of_parquet_go_and_types_stay(tmp_path: Path, ending: str) -> None:
    table = pa.table(
        {
            "e": pa.array(["a", None, "c"]).dictionary_encode(),
            "t": pa.array([1, 2, 3], pa.timestamp("ms", "UTC")),
            "l": [[{"x": 1}], [], None],
            "d": [date(2026, 1, 1)] * 3,
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data = sink.getvalue().to_pybytes()
    found = without(tmp_path, f"a.parquet{ending}", data, {2}, SOURCES["columns"])
    left = pq.read_table(pa.BufferReader(found))
    assert left.to_pylist() == [table.to_pylist()[0], table.to_pylist()[2]]
    assert left.schema.equals(pq.read_schema(pa.BufferReader(data)))
    none = without(tmp_path, f"b.parquet{ending}", data, {1, 2, 3}, SOURCES["columns"])
    assert pq.read_table(pa.BufferReader(none)).num_rows == 0


_CELLS = st.text(st.sampled_from('a",\n\r é'), max_size=6)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(st.tuples(_CELLS, st.booleans()), min_size=1, max_size=12),
    is_table=st.booleans(),
    taken=st.sets(st.integers(0, 11)),
)
def test_reader_finds_the_other_rows_and_no_more(
    tmp_path: Path, cells: list[tuple[str, bool]], is_table: bool, taken: set[int]
) -> None:
    def line(text: str, is_quoted: bool) -> str:
        quoted = '"' + text.replace('"', '""') + '"'
        return f"{quoted if is_quoted else text.translate({34: None})},1"

    kind, source = ("csv", SOURCES["table"]) if is_table else ("jsonl", SOURCES["lines"])
    text = "\n".join(["e,t", *(line(*one) for one in cells)])
    file = tmp_path / f"a.{kind}"
    file.write_bytes(text.encode())

    def rows(of: Path) -> list[tuple[int, str]]:
        batches = read_file(of, "x", "s", source, LIMITS)
        return [(r["source_line"], r["raw"]) for b in batches for r in b.to_pylist()]

    before = rows(file)
    gone = {before[n][0] for n in taken if n < len(before)}
    copy_without(file, tmp_path / f"b.{kind}", frozenset(gone), source, LIMITS)
    after = [raw for _, raw in rows(tmp_path / f"b.{kind}")]
    assert after == [raw for number, raw in before if number not in gone]

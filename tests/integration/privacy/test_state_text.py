"""The search that law 7 rests on finds what is planted, in every kind of file."""

import gzip
import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.state_text import places_with

NEEDLE = "Planted.One@example.com"


def _duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as con:
        con.execute("create schema marts")
        con.execute("create table marts.a as select {'x': [?]} as b from range(5000)", [NEEDLE])


def _sqlite(file: Path) -> None:
    with sqlite3.connect(file) as con:
        con.execute("create table a (b blob)")
        con.execute("insert into a values (?)", (NEEDLE.encode(),))
    con.close()


def _parquet(file: Path) -> None:
    table = pa.table({"a": [[{"b": NEEDLE}]] * 5000, "c": ["x"] * 5000})
    pq.write_table(table, file, compression="zstd")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.parquet", _parquet),
        ("no_ending", _parquet),
        ("a.duckdb", _duckdb),
        ("a.sqlite", _sqlite),
        ("a.db", _sqlite),
        ("a.json", lambda file: file.write_text(f'{{"a": "{NEEDLE.upper()}"}}')),
        ("a.log", lambda file: file.write_text("?q=Planted.One%40example.com&b")),
        ("a.jsonl.gz", lambda file: file.write_bytes(gzip.compress(NEEDLE.encode() * 50))),
        (
            "a.csv.zst",
            lambda file: file.write_bytes(zstandard.compress(NEEDLE.encode() * 50)),
        ),
        (NEEDLE, lambda file: file.write_text("")),
    ],
)
def test_planted_text_is_found(tmp_path: Path, name: str, write: object) -> None:
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    assert places_with(tmp_path, (NEEDLE,)) == set()
    assert callable(write)
    write(tmp_path / "deep" / ".hidden" / name)

    assert places_with(tmp_path, (NEEDLE,)) == {(f"deep/.hidden/{name}", NEEDLE)}
    assert places_with(tmp_path, (NEEDLE,), leave_out=("deep",)) == set()

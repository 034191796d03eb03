"""Everything that a state folder holds, as text: what a search for planted identifiers looks into.

Belongs here: opening every kind of file that the state has. Not here: what is searched for.
"""

import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow.parquet as pq
import zstandard


def texts_below(folder: Path, leave_out: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(place, text) of each file, decoded and as its bytes are; names of files are text too."""
    for file in sorted(folder.rglob("*")):
        place = str(file.relative_to(folder))
        if place.startswith(leave_out) and leave_out:
            continue
        yield place, place
        if not file.is_file() or file.is_symlink():
            continue
        content = file.read_bytes()
        yield place, content.decode("latin-1")
        yield place, content.decode("utf-8", "replace")
        if file.name.endswith(".gz"):
            yield place, gzip.decompress(content).decode("utf-8", "replace")
        elif file.name.endswith(".zst"):
            unpacked = zstandard.ZstdDecompressor().stream_reader(content).read()
            yield place, unpacked.decode("utf-8", "replace")
        elif content.startswith(b"PAR1"):
            yield place, _parquet(file)
        elif content.startswith(b"SQLite format 3"):
            yield place, _sqlite(file)
        elif content[8:12] == b"DUCK":
            yield place, _duckdb(file)


def places_with(
    folder: Path, needles: tuple[str, ...], leave_out: tuple[str, ...] = ()
) -> set[tuple[str, str]]:
    """(place, needle) wherever one is found, in any case of letters or encoded as in an address."""
    found = set()
    for place, text in texts_below(folder, leave_out):
        lower = text.lower()
        for needle in needles:
            if any(one.lower() in lower for one in {needle, quote(needle, safe="")}):
                found.add((place, needle))
    return found


def _parquet(file: Path) -> str:
    table = pq.ParquetFile(file).read()
    return f"{table.schema}\n{table.to_pylist()}"


def _sqlite(file: Path) -> str:
    found = []
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as con:
        con.text_factory = lambda raw: raw.decode("utf-8", "replace")
        tables = con.execute("select name, sql from sqlite_master where type = 'table'").fetchall()
        for name, sql in tables:
            found.append(str(sql))
            for row in con.execute(f'select * from "{name}"'):
                found += [
                    one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in row
                ]
    return "\n".join(found)


def _duckdb(file: Path) -> str:
    found = []
    with duckdb.connect(str(file), read_only=True) as con:
        tables = con.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            found.append(str(con.execute(f'select * from "{schema}"."{table}"').fetchall()))
        found.append(str(con.execute("select sql from duckdb_views()").fetchall()))
    return "\n".join(found)

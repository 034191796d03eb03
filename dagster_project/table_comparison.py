"""Two warehouse files, table by table and row for row.

Belongs here: which tables are compared, finding the rows in which two of them differ, and saying so
in lines that a person can work with. Not here: where the files come from (`rebuild`), and what a
table means.

Everything is done by DuckDB under a memory limit and with room to spill: a table may be larger than
the memory. Values of text columns outside of a row's key are named and not shown, since a page's
address or a search may say who somebody is.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

WORKING_SCHEMAS: Final = ("state",)
"""Schemas about the runs themselves (what is owed, by what a file was built): not compared."""
_TOLERANCE: Final = "1e-9"
_LONGEST_KEY: Final = 8
_SHOWN = bool | int | float | Decimal | date | datetime
_FILES: Final = (("here", 1), ("there", -1))
_SIDES: Final = {"here": "is in the warehouse alone", "there": "is in the rebuild alone"}


@dataclass(frozen=True)
class TableDifference:
    """What is different between two versions of a table.

    Attributes:
        table: `schema.table`.
        rows: how many rows differ, paired by key.
        lines: one a finding, the first rows in the order of their keys.
    """

    table: str
    rows: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What came of comparing two files.

    Attributes:
        tables: how many tables were compared.
        rows: how many rows the second file has in them.
        differences: of the tables that differ, by name.
    """

    tables: int
    rows: int
    differences: tuple[TableDifference, ...]


_Columns = tuple[tuple[str, str], ...]


def compare_files(here: Path, there: Path, scratch: Path, first_rows: int = 5) -> Comparison:
    """Compare every table of two closed warehouse files.

    Args:
        here: the file as it stands.
        there: the file that is right.
        scratch: a folder for what does not fit into memory; it exists.
        first_rows: how many differing rows of a table to tell.

    Raises:
        duckdb.Error: a file cannot be opened or read.
    """
    with _opened(here, there, scratch) as con:
        ours, theirs = _tables(con, "here"), _tables(con, "there")
        found: list[TableDifference] = []
        rows = 0
        for table in sorted({*ours, *theirs}):
            if table not in theirs:
                found.append(TableDifference(table, 0, (f"{table}: {_SIDES['here']}",)))
                continue
            rows += _number(con, f"select count(*) from there.{_qualified(table)}")
            if table not in ours:
                found.append(TableDifference(table, 0, (f"{table}: {_SIDES['there']}",)))
            elif sorted(ours[table]) != sorted(theirs[table]):
                found.append(_other_columns(table, ours[table], theirs[table]))
            elif difference := _difference(con, table, theirs[table], first_rows):
                found.append(difference)
        return Comparison(len({*ours, *theirs}), rows, tuple(found))


@contextmanager
def _opened(here: Path, there: Path, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    config = {
        "memory_limit": os.environ.get("FOOTFALL_MEMORY_LIMIT", "2GB"),
        "temp_directory": str(scratch),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as con:
        for name, file in (("here", here), ("there", there)):
            place = str(file).replace("'", "''")
            con.execute(f"attach '{place}' as {name} (read_only)")
        yield con


def _tables(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, _Columns]:
    """Stored tables with names and types of their columns; views hold nothing of their own."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type "
        "from duckdb_columns() "
        "where database_name = ? and not internal and not list_contains(?, schema_name) "
        "and (schema_name, table_name) in ("
        "select (schema_name, table_name) from duckdb_tables() where database_name = ?) "
        "order by 1, column_index",
        [database, list(WORKING_SCHEMAS), database],
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return {table: tuple(columns) for table, columns in found.items()}


def _other_columns(table: str, ours: _Columns, theirs: _Columns) -> TableDifference:
    names = sorted({name for name, _ in set(ours) ^ set(theirs)})
    line = f"{table}: other columns or types than the rebuild has: {', '.join(names)}"
    return TableDifference(table, 0, (line,))


def _difference(
    con: duckdb.DuckDBPyConnection, table: str, columns: _Columns, first_rows: int
) -> TableDifference | None:
    """The rows of a table that have no equal on the other side, paired by key."""
    names = ", ".join(_quoted(name) for name, _ in columns)
    sides = [f"select %s, {side} as side from {file}.{_qualified(table)}" for file, side in _FILES]
    # First by a number a row, since whole rows of a large table fit into no memory: a change stays
    # unseen where 64 bits of hash are the same by chance. Aggregates spill; `except all` would
    # number every row of both tables.
    hashes = " union all ".join(side % f"hash({names}) as row_hash" for side in sides)
    con.execute(f"""
        create or replace temporary table unequal_hashes as
        select row_hash
        from ({hashes})
        group by row_hash
        having sum(side) <> 0
    """)
    if not _number(con, "select count(*) from unequal_hashes"):
        return None
    wanted = f" where hash({names}) in (select row_hash from unequal_hashes)"
    rows_of_both = " union all ".join(side % names + wanted for side in sides)
    con.execute(f"""
        create or replace temporary table unequal as
        select {names}, sum(side) as side
        from ({rows_of_both})
        group by {names}
        having sum(side) <> 0
    """)
    key = _key_of(con, table, columns)
    _pair(con, columns, key)
    found = dict(con.execute("select side, count(*) from pairs group by side").fetchall())
    rows = sum(found.values())
    if not rows:
        return None
    order = ", ".join(_quoted(name) for name in key)
    first = con.execute(
        f"select side, changed, key, here, there from pairs order by {order}, side limit ?",
        [first_rows],
    ).fetchall()
    counts = [
        f"{found[side]:,} {text}"
        for side, text in (
            ("both", "with other values"),
            ("here", "in the warehouse alone"),
            ("there", "in the rebuild alone"),
        )
        if found.get(side)
    ]
    lines = [f"{table}: {rows:,} rows differ ({', '.join(counts)})"]
    lines += [f"{table}: {_row_line(*row)}" for row in first]
    return TableDifference(table, rows, tuple(lines))


def _key_of(con: duckdb.DuckDBPyConnection, table: str, columns: _Columns) -> list[str]:
    """The shortest run of first columns that tells the rebuilt rows apart: keys stand first."""
    rows = _number(con, f"select count(*) from there.{_qualified(table)}")
    for length in range(1, min(_LONGEST_KEY, len(columns)) + 1):
        key = [name for name, _ in columns[:length]]
        listed = ", ".join(_quoted(name) for name in key)
        distinct = f"select distinct {listed} from there.{_qualified(table)}"
        if _number(con, f"select count(*) from ({distinct})") == rows:
            return key
    return [name for name, _ in columns[:_LONGEST_KEY]]


def _pair(con: duckdb.DuckDBPyConnection, columns: _Columns, key: Sequence[str]) -> None:
    """Make `pairs`: unequal rows of both sides by key, those within the tolerance left out."""
    quoted = [_quoted(name) for name in key]
    names = ", ".join(_quoted(name) for name, _ in columns)
    sides = {
        side: f"""
            select
                {names},
                row_number() over (partition by {", ".join(quoted)} order by {names}) as copy_number
            from unequal, range(abs(side)::bigint)
            where side {sign} 0
        """
        for side, sign in (("here", ">"), ("there", "<"))
    }
    same_key = " and ".join(f"here.{name} is not distinct from there.{name}" for name in quoted)
    changed = ", ".join(
        f"case when {_is_other(name, kind)} then {_literal(name)} end"
        for name, kind in columns
        if name not in key
    )
    con.execute(f"""
        create or replace temporary table pairs as
        with here as ({sides["here"]}), there as ({sides["there"]}),
        paired as (
            select
                case
                    when there.copy_number is null then 'here'
                    when here.copy_number is null then 'there'
                    else 'both'
                end as side,
                list_filter([{changed or "null"}], lambda name: name is not null) as changed,
                case when here.copy_number is null then there else here end as key,
                here,
                there
            from here
            full join there on {same_key} and here.copy_number = there.copy_number
        )
        select *, {", ".join(f"key.{name} as {name}" for name in quoted)}
        from (
            select
                side,
                changed,
                {{ {", ".join(f"{_literal(name)}: key.{_quoted(name)}" for name in key)} }} as key,
                here,
                there
            from paired
            where side <> 'both' or len(changed) > 0
        )
    """)


def _is_other(name: str, kind: str) -> str:
    """Whether a column differs; doubles are added up in any order, so they may in the last bits."""
    here, there = f"here.{_quoted(name)}", f"there.{_quoted(name)}"
    if kind not in {"DOUBLE", "FLOAT"}:
        return f"{here} is distinct from {there}"
    near = f"abs({here} - {there}) <= {_TOLERANCE} * greatest(1, abs({here}), abs({there}))"
    return f"{here} is distinct from {there} and not coalesce({near}, false)"


def _row_line(
    side: str,
    changed: Sequence[str],
    key: dict[str, Any],
    here: dict[str, Any],
    there: dict[str, Any],
) -> str:
    who = ", ".join(f"{name} {_text(value)}" for name, value in key.items())
    if side != "both":
        return f"the row of {who} {_SIDES[side]}"
    said = "; ".join(_change(name, here[name], there[name]) for name in changed)
    return f"in the row of {who}: {said}"


def _change(name: str, here: Any, there: Any) -> str:
    if all(value is None or isinstance(value, _SHOWN) for value in (here, there)):
        return f"{name} is {_text(here)}, rebuilt {_text(there)}"
    return f"{name} is another"


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return "null" if value is None else str(value)


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((found,),) = con.execute(sql).fetchall()
    return int(found)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _qualified(table: str) -> str:
    return ".".join(_quoted(part) for part in table.split(".", 1))

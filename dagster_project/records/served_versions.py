"""Looking into served versions, which is where everything that is recorded is read from.

What belongs here: opening the version to record beside the one recorded before, and asking what
their tables have: versions may be older than a table or a column. What is new in a version is for
`publications` and `outbox`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.records.entries import Publication
from dagster_project.serving import DATABASE, versions_folder
from dagster_project.state import StatePaths


@contextmanager
def opened(
    paths: StatePaths, number: int, last: Publication | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a version as `now` and, if it is still there, another as `before`.

    Args:
        paths: the state folder.
        number: of the version to record.
        last: the one recorded before; null where there is none.
    """
    with duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    ) as con:
        _attach(con, versions_folder(paths) / str(number) / DATABASE, "now")
        if last is not None and last.version != number:
            file = versions_folder(paths) / str(last.version) / DATABASE
            if file.is_file():
                _attach(con, file, "before")
        yield con


def _attach(con: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    quoted = str(file).replace("'", "''")
    con.execute(f"attach '{quoted}' as {name} (read_only)")


def columns_of(con: duckdb.DuckDBPyConnection, database: str, table: str) -> dict[str, str]:
    """Types by name of a table in schema marts or core; empty where there is none."""
    rows = con.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name || '.' || table_name = ? order by column_index",
        [database, table],
    ).fetchall()
    return dict(rows)


def erased_persons(con: duckdb.DuckDBPyConnection) -> str:
    """A query of the persons of whom nothing may be recorded, not even that they left."""
    if "is_erased" in columns_of(con, "now", "core.map_visitor_person"):
        return (
            "select person_id from now.core.map_visitor_person "
            "where is_erased and person_id is not null"
        )
    return "select null where false"

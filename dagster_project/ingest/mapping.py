"""Raw rows to candidates: the fields of an event, as text, one row for every row read.

Filling the table `candidates` belongs here. What a mapping makes of a row is `mapping_rows.py`,
what a built-in format does `shape.py`, reading the file is `readers.py`, and whether a value is
right is the contract's business.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_project.ingest.config import MAPPED_FIELDS, TIME_FIELDS, ReadLimits, SourceSettings
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.mapping_rows import candidates_sql
from dagster_project.ingest.mapping_sql import locked_connection
from dagster_project.ingest.readers import RAW_SCHEMA, read_file
from dagster_project.ingest.shape import shaped_sql
from dagster_project.ingest.shapes import shape_of

# The table `candidates`: name to type. A time is there as given and as UTC.
CANDIDATE_COLUMNS: dict[str, str] = {
    "source": "VARCHAR",
    "source_file": "VARCHAR",
    "source_line": "BIGINT",
    "raw": "VARCHAR",
    "read_error": "VARCHAR",
}
for _field in MAPPED_FIELDS:
    CANDIDATE_COLUMNS[_field] = "VARCHAR"
    if _field in TIME_FIELDS:
        CANDIDATE_COLUMNS[f"{_field}_parsed"] = "TIMESTAMP"
CANDIDATE_COLUMNS["properties"] = "VARCHAR"

_BATCH_VIEW = "footfall_raw_rows"
_RESULT_VIEW = "footfall_mapped_rows"
_RESULT_ROWS = 50_000


def create_candidates(con: duckdb.DuckDBPyConnection) -> None:
    """Create the empty table `candidates`.

    Raises:
        duckdb.CatalogException: there is one already.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in CANDIDATE_COLUMNS.items())
    con.execute(f"create table candidates ({columns})")


def load_candidates(
    con: duckdb.DuckDBPyConnection,
    files: Mapping[str, Path],
    source_name: str,
    source: SourceSettings,
    limits: ReadLimits,
) -> dict[str, int | RefusedFileError]:
    """Append the rows of a source's files to `candidates`: each row read is one row there.

    One statement reads them all: planning it costs as much as the rows of a small file.

    Args:
        con: has the table; see `create_candidates`.
        files: where each file is, by its name below `landing/`.
        source_name: the source.
        source: its settings.
        limits: see `readers.read_file`.

    Returns:
        By name, the number of rows read, or why the file as a whole cannot be used; nothing of such
        a file is in `candidates`.
    """
    found: dict[str, int | RefusedFileError] = {}

    def batches() -> Iterator[pa.RecordBatch]:
        # A refusal is kept: inside DuckDB it would lose its kind, and end a transaction of the
        # caller's.
        for name, path in files.items():
            rows = 0
            try:
                for batch in read_file(path, name, source_name, source, limits):
                    rows += batch.num_rows
                    yield batch
                found[name] = rows
            except RefusedFileError as error:
                found[name] = error

    reader = pa.RecordBatchReader.from_batches(RAW_SCHEMA, batches())
    with mapped_rows(con, reader, source_name, source) as select:
        con.execute(f"insert into candidates by name {select}")
    for name, outcome in found.items():
        if isinstance(outcome, RefusedFileError):
            con.execute(
                "delete from candidates where source = ? and source_file = ?", [source_name, name]
            )
    return found


@contextmanager
def mapped_rows(
    con: duckdb.DuckDBPyConnection,
    reader: pa.RecordBatchReader,
    source_name: str,
    source: SourceSettings,
    read_on: date | None = None,
) -> Iterator[str]:
    """Make raw rows readable on a connection as candidates, once, as a stream.

    Expressions of the settings run on a connection of their own that reaches nothing.

    Args:
        con: where the rows are wanted.
        reader: raw rows in `readers.RAW_SCHEMA`.
        source_name: the source.
        source: its settings.
        read_on: the day on which files are read that have no arrival date yet.

    Yields:
        A `select` to run on `con`, at most once.
    """
    if not any(field.sql is not None for field in (source.mapping or {}).values()):
        con.register(_BATCH_VIEW, reader)
        try:
            shape = shape_of(source, read_on)
            if shape is None:
                yield candidates_sql(source_name, source, _BATCH_VIEW)
            else:
                yield shaped_sql(source_name, source, shape, _BATCH_VIEW)
        finally:
            con.unregister(_BATCH_VIEW)
        return
    locked = locked_connection()
    try:
        locked.register(_BATCH_VIEW, reader)
        mapped = locked.execute(candidates_sql(source_name, source, _BATCH_VIEW))
        con.register(_RESULT_VIEW, mapped.to_arrow_reader(_RESULT_ROWS))
        try:
            yield f"select * from {_RESULT_VIEW}"
        finally:
            con.unregister(_RESULT_VIEW)
    finally:
        locked.close()

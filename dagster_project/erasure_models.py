"""What models write about a person: rows of their outputs, in files and in the warehouse.

Here: who is erased, as an output may name them, and taking such rows out of `ml/`, of the schema
`ml`, which holds the same rows, and of what is being written. Partitions are not trained again for
an erasure: who is erased was in the data that the model of the day had, and is still, under
pseudonyms that lead nowhere; but nothing is said about them any more.
"""

import hashlib
from collections.abc import Collection, Iterable
from functools import reduce

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.ingest import erasure_register
from dagster_project.ingest.durable import crash_point, write_atomic
from dagster_project.ingest.erasure_register import Request
from dagster_project.partition_files import parquet_bytes
from dagster_project.state import StatePaths

# Columns of model outputs that may name a person; `entity_id` is of any kind.
PERSON_COLUMNS = ("person_id", "visitor_id", "user_id", "entity_id")


def erased_ids(paths: StatePaths) -> frozenset[str]:
    """Every id by which an output may name somebody who was erased."""
    requests = erasure_register.requests(erasure_register.load(paths))
    return frozenset(one for request in requests for one in ids_of(request))


def ids_of(request: Request) -> frozenset[str]:
    """Persons, visitors and users of a request; and the persons that each was by itself.

    On an earlier date an account was not tied yet to the person that it is part of today.
    """
    return frozenset(
        [
            *request.person_ids,
            *request.visitor_ids,
            *request.user_ids,
            *_persons("visitor", request.visitor_ids),
            *_persons("user", request.user_ids),
        ]
    )


def _persons(kind: str, ids: Iterable[str]) -> list[str]:
    """As the macros user_person_id and visitor_person_id make them."""
    return [hashlib.md5(f"{kind}\x1f{one}".encode()).hexdigest() for one in ids]


def without(table: pa.Table, ids: Collection[str]) -> pa.Table:
    """An output without the rows that name one of some persons."""
    named = _named(table, ids)
    return table if named is None else table.filter(pc.invert(named))


def _named(table: pa.Table, ids: Collection[str]) -> pa.ChunkedArray | None:
    """Which rows name one of some persons; null where none does."""
    wanted = pa.array(sorted(ids), pa.string())
    names = [name for name in PERSON_COLUMNS if name in table.column_names]
    # A null is in no list.
    hits = [pc.is_in(table[name].cast(pa.string()), value_set=wanted) for name in names]
    named = reduce(pc.or_, hits) if hits and ids else None
    return named if named is not None and pc.any(named).as_py() else None


def take_out_of_files(paths: StatePaths, ids: Collection[str]) -> int:
    """Write the outputs of partitions that name a person anew without those rows.

    Args:
        paths: the state folder; the caller holds its lock.
        ids: as `ids_of` gives them.

    Returns:
        How many rows went.
    """
    gone = 0
    for file in sorted(paths.ml.glob("*/partition_date=*/*.parquet")):
        names = [name for name in PERSON_COLUMNS if name in pq.read_schema(file).names]
        if _named(pq.ParquetFile(file).read(columns=names), ids) is None:
            continue
        table = pq.ParquetFile(file).read()
        kept = without(table, ids)
        write_atomic(file, parquet_bytes(kept))
        crash_point("erasure: model output")
        gone += table.num_rows - kept.num_rows
    return gone


def take_out_of_warehouse(paths: StatePaths, ids: Collection[str]) -> int:
    """Delete the same rows from the schema `ml`: what dbt would make of the files as they are now.

    dbt itself would read every partition again, and each is a day of the work set.

    Returns:
        How many rows went.
    """
    if not paths.warehouse_db.exists():
        return 0
    gone = 0
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create temp table erased_ids as select unnest(?::varchar[]) as id",
                    [sorted(ids)])  # fmt: skip
        tables = con.execute(
            "select table_name, list(column_name) from duckdb_columns() "
            "join duckdb_tables() using (database_name, schema_name, table_name) "
            "where schema_name = 'ml' and list_contains(?, column_name) group by 1 order by 1",
            [list(PERSON_COLUMNS)],
        ).fetchall()
        for table, columns in tables:
            named = " or ".join(f'"{name}" in (select id from erased_ids)' for name in columns)
            (deleted,) = con.execute(f'delete from ml."{table}" where {named}').fetchall()
            gone += int(deleted[0])
    return gone

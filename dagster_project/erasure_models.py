"""What models wrote about a person: rows of their outputs, in files and in the warehouse.

Here: taking those rows out of `ml/` and of the schema `ml`, which holds the same rows. Partitions
are not trained again: who is erased was in the data that the model of the day had.
"""

from collections.abc import Collection
from functools import reduce

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dagster_project.ingest.durable import crash_point, write_atomic
from dagster_project.partition_files import parquet_bytes
from dagster_project.state import StatePaths

# Columns of model outputs that may name a person; `entity_id` is of any kind.
PERSON_COLUMNS = ("person_id", "visitor_id", "user_id", "entity_id")


def take_out_of_files(paths: StatePaths, ids: Collection[str]) -> int:
    """Write the outputs of partitions that name a person anew without those rows.

    Args:
        paths: the state folder; the caller holds its lock.
        ids: persons, visitors and users.

    Returns:
        How many rows went.
    """
    gone = 0
    wanted = pa.array(sorted(ids), pa.string())
    for file in sorted(paths.ml.glob("*/partition_date=*/*.parquet")):
        names = [name for name in PERSON_COLUMNS if name in pq.read_schema(file).names]
        if not names:
            continue
        narrow = pq.ParquetFile(file).read(columns=names)
        # A null is in no list.
        hits = [pc.is_in(narrow[name].cast(pa.string()), value_set=wanted) for name in names]
        named = reduce(pc.or_, hits)
        if not pc.any(named).as_py():
            continue
        table = pq.ParquetFile(file).read()
        kept = table.filter(pc.invert(named))
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

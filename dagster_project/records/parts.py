"""The two forms of a part: Parquet, and JSON lines for systems that are not ours.

What belongs here: writing, reading and counting the rows of one file. Which table has which form is
said in `entries`.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

PARQUET: Final = ".parquet"
JSON_LINES: Final = ".jsonl"


def write_part(file: Path, rows: pa.Table, form: str) -> None:
    """Write a part whole; the caller flushes it.

    Args:
        file: where, under whatever name.
        rows: of the table's schema.
        form: `PARQUET`, or `JSON_LINES`: an object a row, its keys in the order of the schema,
            times in ISO 8601 and UTC.
    """
    if form == PARQUET:
        pq.write_table(rows, file, compression="zstd")
    else:
        file.write_bytes(b"".join(_line(row) for row in rows.to_pylist()))


def read_part(file: Path, schema: pa.Schema) -> pa.Table:
    """The rows of a part.

    Args:
        file: under its own name, which says its form.
        schema: the table's, or the columns of it that are wanted.

    Raises:
        ValueError: a line is no JSON, or has not the schema's columns (KeyError).
    """
    if file.suffix == PARQUET:
        return pq.read_table(file, schema=schema, columns=schema.names)
    rows = [_row(json.loads(line), schema) for line in file.read_bytes().splitlines()]
    return pa.Table.from_pylist(rows, schema=schema)


def count_rows(file: Path) -> int:
    """How many rows a part has; a line that is not ended is none.

    Raises:
        OSError: it cannot be read.
        ArrowException: it is no Parquet file.
    """
    if file.suffix == PARQUET:
        return int(pq.read_metadata(file).num_rows)
    return file.read_bytes().count(b"\n")


def _line(row: Mapping[str, Any]) -> bytes:
    text = json.dumps({name: _as_json(value) for name, value in row.items()}, ensure_ascii=False)
    return (text + "\n").encode()


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _row(values: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    return {field.name: _from_json(values[field.name], field.type) for field in schema}


def _from_json(value: Any, kind: pa.DataType) -> Any:
    if value is not None and pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value).replace(tzinfo=None)
    if value is not None and pa.types.is_date(kind):
        return date.fromisoformat(value)
    return value

"""Parquet as raw rows: every value as text, or as the JSON that it is.

Turning typed values into text that is the same on every machine belongs here.
"""

import datetime
import json
import math
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.readers_csv import check_columns, object_text
from dagster_project.ingest.readers_lines import CUT_CHARS, raw_batch

_BATCH_ROWS = 20_000


@contextmanager
def open_parquet(
    path: Path, chunks: Iterable[bytes], rel_name: str, max_bytes: int, max_columns: int
) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, unpacked to a temporary one first if it is compressed as a whole.

    Raises:
        RefusedFileError: it is no sound Parquet file, too large, or its columns have equal names.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = path
        if path.suffix != ".parquet":
            plain = Path(folder) / "plain.parquet"
            with plain.open("wb") as handle:
                for chunk in chunks:
                    handle.write(chunk)
        try:
            with pq.ParquetFile(plain) as file:
                meta = file.metadata
                size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
                if size > max_bytes:
                    raise RefusedFileError(
                        f"{rel_name}: {size:,} bytes decompressed are more than "
                        f"settings.max_file_bytes ({max_bytes:,}); split the file"
                    )
                check_columns(list(file.schema_arrow.names), rel_name, 1, max_columns)
                yield file
        except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
            # It may quote bytes of the file, and has to stay on one line.
            reason = "".join(char for char in str(error)[:160] if char.isprintable())
            reason = reason or type(error).__name__
            raise RefusedFileError(
                f"{rel_name}: not a sound Parquet file ({reason}); deliver it again, complete"
            ) from None


def read_parquet(
    file: pq.ParquetFile, rel_name: str, max_line_bytes: int, *, is_nested: bool = False
) -> Iterator[pa.RecordBatch]:
    """Turn the file's rows into raw rows; the number of a row is its 1-based position.

    Args:
        file: open.
        rel_name: its name below `landing/`.
        max_line_bytes: longest row.
        is_nested: lists and structures stay what they are, else they become JSON text.
    """
    names = list(file.schema_arrow.names)
    number = 1
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        raws: list[str] = []
        errors: dict[int, str] = {}
        columns = [_values(column, is_nested) for column in batch.columns]
        columns = columns or [[None] * batch.num_rows]
        for row in zip(*columns, strict=True):
            values = list(row)[: len(names)]
            error = "binary_value" if any(value is BINARY for value in values) else None
            texts = [None if value is BINARY else value for value in values]
            raw = object_text(names, texts)
            if len(raw) > max_line_bytes:
                error, raw = "line_too_long", raw[:CUT_CHARS]
            if error:
                errors[len(raws)] = error
            raws.append(raw)
        numbers = pa.array(range(number, number + len(raws)), pa.int64())
        number += len(raws)
        if raws:
            yield raw_batch(rel_name, numbers, pa.array(raws, pa.string()), errors)


BINARY = "\x00binary"


def _values(column: pa.Array, is_nested: bool) -> list[Any]:
    if is_nested and pa.types.is_nested(column.type):
        return [_plain(value) for value in column.to_pylist()]
    return list(_texts(column))


def _texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        # The log ends at microseconds; Python's datetimes end at the year 9999, Arrow's do not.
        zone = None if column.type.tz is None else "UTC"
        column = column.cast(pa.timestamp("us", zone), safe=False).cast(pa.string())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.string())
    return [_text(value) for value in column.to_pylist()]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return value.isoformat(sep=" ")
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return BINARY
    if isinstance(value, list | dict):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _plain(value: object) -> object:
    """A nested value in the types of JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    return _text(value)

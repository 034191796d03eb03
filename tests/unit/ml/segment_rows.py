"""Rows for tests of segments: who was seen where, and who looked at what."""

from datetime import date

import pyarrow as pa

from ml.interactions import INTERACTIONS_SCHEMA
from ml.recommendations import VISITORS_SCHEMA


def visits(rows: list[tuple]) -> pa.Table:
    columns = dict(zip(VISITORS_SCHEMA.names, map(list, zip(*rows, strict=True)), strict=True))
    return pa.table(columns, schema=VISITORS_SCHEMA)


def views(rows: list[tuple[str, str, date, int]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"person_id": p, "product_id": a, "interaction": "view", "event_date": d, "n": n}
            for p, a, d, n in rows
        ],
        schema=INTERACTIONS_SCHEMA,
    )

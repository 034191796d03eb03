"""Events of persons as scores take them: with their columns, distinct, in order.

Here: what log-ins and accesses to files have in common. Not here: any score.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def with_columns(events: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """The columns of a schema, cast to its types.

    Args:
        events: any columns.
        schema: those that are needed.
        what: name of the events, for the error.

    Raises:
        ValueError: a column is missing.
    """
    missing = [name for name in schema.names if name not in events.column_names]
    if missing:
        raise ValueError(f"{what} lack the columns {', '.join(missing)}")
    return events.select(schema.names).cast(schema)


def sorted_events(
    events: pa.Table, schema: pa.Schema, what: str, required: Sequence[str]
) -> pa.Table:
    """Events with a person in the order (event_ts, event_key).

    Args:
        events: at least the columns of the schema, in any order; rows without a person_id are left
            out.
        schema: with event_key, person_id and event_ts.
        what: name of the events, for the error.
        required: columns that are never null.

    Raises:
        ValueError: a column is missing; a required one is null; an event_key comes twice.
    """
    table = with_columns(events, schema, what)
    table = table.filter(table["person_id"].is_valid())
    for name in required:
        if table[name].null_count:
            raise ValueError(f"{what}: {table[name].null_count} rows have no {name}")
    if len(table["event_key"].unique()) != table.num_rows:
        raise ValueError(f"{what}: an event_key comes twice; hand over distinct events")
    return table.sort_by([("event_ts", "ascending"), ("event_key", "ascending")]).combine_chunks()

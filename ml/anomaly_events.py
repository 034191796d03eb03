"""Events of persons as scores take them: with their columns, distinct, in order.

Here: what log-ins and accesses to files have in common. Not here: any score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_MICROSECONDS_PER_DAY = 86_400_000_000

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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


def flags(events: pa.Table, name: str) -> BoolArray:
    """(n,) a boolean column without nulls."""
    return np.asarray(events[name].to_numpy(zero_copy_only=False), dtype=bool)


def times(events: pa.Table) -> IntArray:
    """(n,) event_ts, microseconds since 1970."""
    return np.asarray(events["event_ts"].cast(pa.int64()).to_numpy(), dtype=np.int64)


def days_of_groups(events: pa.Table, group: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Tell the UTC days apart on which each group has an event.

    Args:
        events: n events.
        group: (n,) code of the group, such as a person.

    Returns:
        (m,) days since 1970 and (m,) group of each, in this order; (n,) which of them an event
        belongs to.
    """
    groups = int(group.max()) + 1 if len(group) else 1
    keys, unit = np.unique(
        times(events) // _MICROSECONDS_PER_DAY * groups + group, return_inverse=True
    )
    days, of_group = np.divmod(keys, groups)
    return days, of_group, unit.astype(np.int64)

"""What triggers ask other systems to do: the outbox, each firing told once and taken back once.

What belongs here: which lines a publication adds. How a part is written is in `entries`, the form
of a line in `parts`, and what fires is dbt's (`marts.trigger_firings`).

A firing of the last two days before the as_of date ends is `sent`; one that is older when it is
first seen is `expired`, so that a first load of an old log, or a day that comes late, mails nobody
about what is long past. A firing that was sent and is none any more is `retracted`. Held-out
visitors and erased persons have no line. Whoever sends keeps the `firing_id`s that it has seen, or
the number of the last file.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import duckdb
import pyarrow as pa

from dagster_project.records.entries import OUTBOX, SCHEMAS, Entry, parts_of, table_of
from dagster_project.records.parts import read_part
from dagster_project.records.served_versions import columns_of, erased_persons
from dagster_project.state import StatePaths

SENT: Final = "sent"
EXPIRED: Final = "expired"
RETRACTED: Final = "retracted"
FRESH: Final = timedelta(hours=48)
_MART: Final = "marts.trigger_firings"
_OF_THE_PUBLICATION: Final = ("publication", "built_from_seal", "published_after", "published_at")
# Of an earlier line, what its retraction repeats.
_TOLD: Final = ("firing_id", "state", "rule", "person_id", "visitor_id", "fired_at", "response")


def told_before(
    paths: StatePaths, chain: Sequence[Entry], names: Sequence[str] = _TOLD
) -> pa.Table:
    """What the outbox has told so far.

    Args:
        paths: the state folder, whose records are recovered.
        chain: all entries.
        names: columns of the outbox; those that a retraction would repeat, unless given.

    Returns:
        A row a line, with these columns.
    """
    schema = pa.schema([SCHEMAS[OUTBOX].field(name) for name in names])
    parts = [path for path in parts_of(list(chain)) if table_of(path) == OUTBOX]
    return pa.concat_tables(
        [schema.empty_table(), *(read_part(paths.home / path, schema) for path in parts)]
    )


def outbox_lines(
    con: duckdb.DuckDBPyConnection,
    told: pa.Table,
    as_of: date | None,
    *,
    erased: Collection[str] = (),
) -> pa.Table:
    """The lines that a version adds to the outbox.

    Args:
        con: the version is attached as `now`.
        told: as `told_before` gives it.
        as_of: the last closed arrival date by the version; before the first there is no telling
            what is old, and nothing is told.
        erased: persons and visitors of whom nothing may be told.

    Returns:
        Columns of the outbox but those of the publication, in the order of moments.
    """
    names = [name for name in SCHEMAS[OUTBOX].names if name not in _OF_THE_PUBLICATION]
    if as_of is None or not columns_of(con, "now", _MART):
        return pa.table({name: pa.array([], SCHEMAS[OUTBOX].field(name).type) for name in names})
    ends_at = datetime.combine(as_of, time()) + timedelta(days=1)
    con.register("told", told)
    lines = con.execute(
        f"""
        with told_firings as (
            select * from told
            where state <> '{RETRACTED}'
        ),
        new_lines as (
            select
                * exclude (is_holdout, report_date),
                case when fired_at >= $fresh_from then '{SENT}' else '{EXPIRED}' end as state
            from now.{_MART}
            where not is_holdout
                and fired_at < $ends_at
                and firing_id not in (select firing_id from told_firings)
        ),
        taken_back as (
            select * exclude (state), '{RETRACTED}' as state
            from told_firings
            where state = '{SENT}'
                and firing_id not in (select firing_id from now.{_MART})
                and firing_id not in (select firing_id from told where state = '{RETRACTED}')
        ),
        lines as (
            select * from new_lines
            union all by name
            select * from taken_back
        )
        select {", ".join(names)}
        from lines
        where not list_contains($erased, visitor_id)
            and not coalesce(list_contains($erased, person_id), false)
            and coalesce(person_id not in ({erased_persons(con)}), true)
        order by fired_at, firing_id
        """,
        {"fresh_from": ends_at - FRESH, "ends_at": ends_at, "erased": sorted(erased)},
    ).to_arrow_table()
    con.unregister("told")
    return lines

"""What a publication adds to the records: values of KPIs, what changed of persons, what is sent.

What belongs here: finding what is new in a served version, and recording each version once. How a
record is written is in `entries`; making a version is `serving`'s.

Both are read from the served versions, which never change once they have their number, so that a
version that a kill kept from being recorded is recorded by the next run, the same. KPI values are
compared with those last recorded, persons with the version recorded before: their state is not kept
a third time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

from dagster_project.erasure_models import erased_ids
from dagster_project.ingest import seals
from dagster_project.records.entries import (
    CUSTOMER_CHANGES,
    KPI_VALUES,
    OUTBOX,
    SCHEMAS,
    Entry,
    Publication,
    add_entry,
    part_path,
    parts_of,
    recover,
    table_of,
)
from dagster_project.records.outbox import outbox_lines, told_before
from dagster_project.records.served_versions import columns_of, erased_persons, opened
from dagster_project.serving import (
    PublishedVersion,
    about_version,
    current_number,
    publish,
    remove_old_versions,
)
from dagster_project.state import StatePaths

# Doubles are compared at 1e-9; counts and money are exact in this type.
_VALUE: Final = "decimal(38, 12)"
_SAME: Final = "1e-9"
_NUMERIC: Final = ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "DECIMAL")
# Nothing happened to a person when these move: the first follows from last_order_at and the as_of
# date, and the others are in the schema ml, partition by partition.
NOT_RECORDED: Final = (
    "recency_days", "top_recommendations", "predicted_clv", "churn_risk", "purchase_likelihood",
    "review_count", "average_rating", "last_cart_state", "last_cart_value", "last_cart_at",
    "consents", "running_experiments", "trigger_count", "last_trigger", "last_triggered_at",
)  # fmt: skip
PRESENCE: Final = "is_present"


@dataclass(frozen=True)
class Recorded:
    """What a publication added.

    Attributes:
        publication: the version.
        entry: its number in the chain.
        rows: added, by table of the records; a table without any is left out.
        rows_in_all: the table's rows now.
    """

    publication: Publication
    entry: int
    rows: dict[str, int]
    rows_in_all: dict[str, int]


def publish_and_record(
    paths: StatePaths, now: datetime, *, keep: int = 3
) -> tuple[PublishedVersion, Recorded | None]:
    """Serve what the warehouse holds, and record what is new in it.

    Args:
        paths: the state folder; the caller holds its lock, and every check has passed.
        now: the time of the publication, UTC.
        keep: versions to keep, the new one included. The one before goes only once what changed
            against it is recorded.
    """
    record_served(paths)
    entries = len(recover(paths))
    about = {"published_at": now.astimezone(UTC).isoformat(), "entries_before": entries}
    version = publish(paths, keep=max(keep, 2), about=about)
    recorded = record_served(paths)
    remove_old_versions(paths, version.number, keep)
    return version, recorded


def record_served(paths: StatePaths) -> Recorded | None:
    """Record the version that is served, unless it is recorded or no run of footfall built it.

    Args:
        paths: the state folder; the caller holds its lock.

    Raises:
        LogIntegrityError: the records differ from their chain.
    """
    chain = recover(paths)
    number = current_number(paths)
    about = {} if number is None else about_version(paths, number)
    seal, before = about.get("built_from_seal"), about.get("entries_before")
    if number is None or seal is None or before is None:
        return None
    # By what had been recorded when it was made: numbers of versions begin anew where the folder
    # was removed.
    if any(entry.publication and entry.sequence > before for entry in chain):
        return None
    at = about.get("published_at")
    publication = Publication(
        version=number,
        built_from_seal=seal,
        published_after=_as_of(paths, seal),
        published_at=at and datetime.fromisoformat(at),
    )
    sequence = len(chain) + 1
    last = _last_publication(chain)
    with opened(paths, number, last) as con:
        tables = {
            KPI_VALUES: _kpi_values(con, paths),
            CUSTOMER_CHANGES: _customer_changes(con, paths, is_first=last is None),
            OUTBOX: outbox_lines(con, told_before(paths, chain), publication.published_after,
                                 erased=erased_ids(paths)),
        }  # fmt: skip
    tables = {
        part_path(table, sequence): _of(publication, sequence, rows, table)
        for table, rows in tables.items()
        if rows.num_rows
    }
    chain.append(add_entry(paths, chain, tables, publication=publication))
    return Recorded(
        publication,
        sequence,
        {table_of(path): rows.num_rows for path, rows in tables.items()},
        _rows_in_all(chain),
    )


def _rows_in_all(chain: list[Entry]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for path, part in parts_of(chain).items():
        rows[table_of(path)] = rows.get(table_of(path), 0) + part.rows
    return rows


def _as_of(paths: StatePaths, seal: int) -> date | None:
    closed = [
        one.arrival_date
        for one in seals.load_chain(paths)
        if one.closes_day and one.sequence <= seal
    ]
    return max(closed, default=None)


def _last_publication(chain: list[Entry]) -> Publication | None:
    return next((entry.publication for entry in reversed(chain) if entry.publication), None)


def _kpi_values(con: duckdb.DuckDBPyConnection, paths: StatePaths) -> pa.Table:
    """Values of KPIs that are new, or others than those last recorded; null where a date went."""
    metrics = [
        name
        for name, kind in columns_of(con, "now", "marts.kpi_daily").items()
        if kind.startswith(_NUMERIC)
    ]
    if not metrics:
        return pa.table({"report_date": pa.array([], pa.date32())})
    pairs = ", ".join(
        f"{{'metric': '{name}', 'value': cast({name} as {_VALUE})}}" for name in metrics
    )
    return con.execute(
        f"""
        with published as (
            select report_date, unnest([{pairs}], recursive := true) from now.marts.kpi_daily
        ),
        last as (
            select report_date, metric, value from read_parquet(?)
            qualify row_number() over (
                partition by report_date, metric order by publication desc
            ) = 1
        )
        select
            coalesce(published.report_date, last.report_date) as report_date,
            coalesce(published.metric, last.metric) as metric,
            published.value
        from published
        full join last
            on published.report_date = last.report_date and published.metric = last.metric
        where last.metric is null
            or (published.value is null) <> (last.value is null)
            or abs(published.value - last.value) > {_SAME}
        order by all
        """,
        [str(paths.records / KPI_VALUES / "*.parquet")],
    ).to_arrow_table()


def _customer_changes(
    con: duckdb.DuckDBPyConnection, paths: StatePaths, *, is_first: bool
) -> pa.Table:
    """What changed of persons against the version recorded before; of the erased nothing.

    A new person is one row, since later changes have the values before them; one who is gone takes
    a row for each value.
    """
    now = columns_of(con, "now", "marts.customer_360")
    before = columns_of(con, "before", "marts.customer_360")
    empty = pa.table({"person_id": pa.array([], pa.string())})
    if not now or (not before and not is_first):
        # The version before is gone, and with it what was said of persons.
        return empty
    names = [one for one in now if one in before and one not in (*NOT_RECORDED, "person_id")]
    pairs = [
        "{'attribute': '" + PRESENCE + "', "
        "'old_value': cast(before_row.person_id is not null as varchar), "
        "'new_value': cast(now_row.person_id is not null as varchar)}"
    ]
    pairs += [
        f"{{'attribute': '{name}', 'old_value': {_text('before_row', name, before[name])}, "
        f"'new_value': {_text('now_row', name, now[name])}}}"
        for name in names
    ]
    relation = "before.marts.customer_360" if before else "(from now.marts.customer_360 limit 0)"
    return con.execute(
        f"""
        with pairs as (
            select
                coalesce(now_row.person_id, before_row.person_id) as person_id,
                before_row.person_id is null as is_new,
                unnest([{", ".join(pairs)}], recursive := true)
            from {relation} as before_row
            full join now.marts.customer_360 as now_row
                on before_row.person_id = now_row.person_id
        )
        select person_id, attribute, old_value, new_value
        from pairs
        where old_value is distinct from new_value
            and (not is_new or attribute = '{PRESENCE}')
            and not list_contains(?, person_id)
            and person_id not in ({erased_persons(con)})
        order by all
        """,
        [sorted(erased_ids(paths))],
    ).to_arrow_table()


def _text(row: str, name: str, kind: str) -> str:
    value = f"round({row}.{name}, 9)" if kind == "DOUBLE" else f"{row}.{name}"
    return f"cast({value} as varchar)"


def _of(publication: Publication, sequence: int, rows: pa.Table, table: str) -> pa.Table:
    """Rows with the columns that say of which publication they are."""
    at = publication.published_at
    said: dict[str, Any] = {
        "publication": sequence,
        "built_from_seal": publication.built_from_seal,
        "published_after": publication.published_after,
        "published_at": at and at.astimezone(UTC).replace(tzinfo=None),
    }
    schema = SCHEMAS[table]
    columns = [
        pa.array([said[field.name]] * rows.num_rows, field.type)
        if field.name in said
        else rows[field.name].cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)

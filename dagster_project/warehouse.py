"""The warehouse file from Python's side: the work set, and reading.

Belongs here: writing down which arrival dates a run owes before dbt starts, striking them off
after, and read-only queries for the closing table. Only dbt writes tables that people read.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.dbt_build import project_fingerprint
from dagster_project.ingest.durable import crash_point
from dagster_project.state import StatePaths

# What the derived tables depend on beside the log; the rest of the inputs follows the log.
_SETTING_INPUTS = ("sources", "settings", "event_types", "funnels", "triggers")
# Rates follow the calendar as the log does: a new one for today makes nothing stale.
_REPRICED = """
    with before as (
        select currency, unnest(range(valid_from, valid_to, interval 1 day))::date as day, rate
        from state.rates
    ),
    now as (
        select currency, unnest(range(valid_from, valid_to, interval 1 day))::date as day, rate
        from read_parquet(?)
    ),
    changed as (
        select currency, day
        from before full join now using (currency, day)
        where before.rate is distinct from now.rate
    )
    select distinct arrival_date
    from core.fct_events
    where (currency, report_date) in (from changed)
        and report_date in (select distinct day from changed)
    union
    select distinct arrival_date
    from core.fct_event_duplicates
    where (currency, report_date) in (from changed)
        and report_date in (select distinct day from changed)
"""


def inputs_fingerprint(paths: StatePaths) -> str:
    """SHA-256 over the models and the settings they read: if it moves, all tables are stale."""
    digest = hashlib.sha256(project_fingerprint().encode())
    with duckdb.connect() as con:
        for name in _SETTING_INPUTS:
            file = paths.warehouse_inputs / f"{name}.parquet"
            rows = con.execute("select * from read_parquet(?) order by all", [str(file)]).fetchall()
            digest.update(repr((name, rows)).encode())
    return digest.hexdigest()


def begin_work(paths: StatePaths, days: Sequence[date]) -> list[date]:
    """Write down the arrival dates of a run before dbt starts.

    Owed are the dates asked for, those that an earlier run left unfinished, those that were sealed
    since the last run that finished, and those of events in a currency whose rate is another now. A
    warehouse that is new, or was built by other models or settings, owes the whole log, and the
    dates of which models have written partitions.

    Returns:
        All dates now owed.
    """
    fingerprint = inputs_fingerprint(paths)
    paths.warehouse.mkdir(parents=True, exist_ok=True)
    if is_stale(paths):
        paths.warehouse_db.unlink()
        crash_point("warehouse: stale one removed")
        paths.warehouse_db.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    if not paths.warehouse_db.exists():
        days = [*days, *_model_partitions(paths)]
    log_days = str(paths.warehouse_inputs / "log_days.parquet")
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("begin")
        con.execute("create schema if not exists state")
        con.execute("create table if not exists state.work_set (arrival_date date)")
        con.execute(
            "create table if not exists state.built as "
            "select ?::varchar as fingerprint, 0::bigint as sequence, 0::bigint as begun",
            [fingerprint],
        )
        days = [*days, *_repriced_days(paths, con)]
        con.execute(
            "create or replace table state.rates_begun as select * from read_parquet(?)",
            [str(_rates_file(paths))],
        )
        con.execute(
            "update state.built set begun = "
            "(select coalesce(max(sequence), 0) from read_parquet(?))",
            [log_days],
        )
        con.execute(
            """
            insert into state.work_set
            select arrival_date
            from (
                select unnest(?::date[]) as arrival_date
                union
                select arrival_date from read_parquet(?)
                where sequence > (select sequence from state.built)
            ) as wanted
            where arrival_date not in (select arrival_date from state.work_set)
            """,
            [list(days), log_days],
        )
        owed = con.execute("select arrival_date from state.work_set order by 1").fetchall()
        crash_point("work set: before its commit")
        con.execute("commit")
    crash_point("work set: written")
    return [day for (day,) in owed]


def is_stale(paths: StatePaths) -> bool:
    """Whether the warehouse was built by other models or settings than those of today.

    Args:
        paths: the state folder, its inputs written.
    """
    return paths.warehouse_db.exists() and _built(paths)[0] != inputs_fingerprint(paths)


def _model_partitions(paths: StatePaths) -> list[date]:
    """Dates of which models have written something; on some of them nothing may have arrived."""
    return sorted(
        {
            date.fromisoformat(folder.name.removeprefix("partition_date="))
            for folder in paths.ml.glob("*/partition_date=*")
        }
    )


def _built(paths: StatePaths) -> tuple[str | None, int]:
    """By what the warehouse was built, and up to which seal."""
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        try:
            row = con.execute("select fingerprint, sequence from state.built").fetchone()
        except duckdb.CatalogException:
            return None, 0
    return (row[0], int(row[1])) if row else (None, 0)


def owed_days(paths: StatePaths, sealed: Sequence[tuple[int, date]]) -> list[date]:
    """The arrival dates that are sealed and not yet built, or left unfinished by a run.

    Those of events in a currency whose rate is another now as well.

    All of them where the warehouse was built by other models or settings.

    Args:
        paths: the state folder.
        sealed: sequence and arrival date of every seal.
    """
    if not paths.warehouse_db.exists() or is_stale(paths):
        return sorted({day for _, day in sealed})
    built = _built(paths)[1]
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        try:
            rows = con.execute("select arrival_date from state.work_set").fetchall()
        except duckdb.CatalogException:
            rows = []
        repriced = _repriced_days(paths, con)
    unbuilt = {day for number, day in sealed if number > built}
    return sorted({day for (day,) in rows} | unbuilt | set(repriced))


def _rates_file(paths: StatePaths) -> Path:
    return paths.warehouse_inputs / "rates.parquet"


def _repriced_days(paths: StatePaths, con: duckdb.DuckDBPyConnection) -> list[date]:
    """Arrival dates of events that were built by other rates than those of today."""
    try:
        rows = con.execute(_REPRICED, [str(_rates_file(paths))]).fetchall()
    except duckdb.CatalogException:
        return []  # nothing is built yet
    return [day for (day,) in rows]


def strike_off(paths: StatePaths, outboxes: Sequence[str]) -> None:
    """Every model and check has passed: nothing is owed any more.

    Args:
        paths: the state folder.
        outboxes: relations of the models that accumulate until the work set is done.
    """
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("begin")
        for relation in outboxes:
            con.execute(f"delete from {relation}")
        con.execute("delete from state.work_set")
        con.execute("update state.built set sequence = begun")
        con.execute("create or replace table state.rates as from state.rates_begun")
        crash_point("work set: before it is struck off")
        con.execute("commit")
        crash_point("work set: struck off")
        con.execute("checkpoint")


def query(paths: StatePaths, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a read-only query."""
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        return con.execute(sql).fetchall()

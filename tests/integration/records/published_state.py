"""A state folder whose warehouse and seals are written by hand, to publish and record.

Belongs here: what tests of the records need to publish and look. Not here: what they expect.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.ingest import seals
from dagster_project.ingest.durable import make_folder
from dagster_project.records.publications import publish_and_record
from dagster_project.state import StatePaths

KPI_TYPES = "report_date date, visitors bigint, gross_revenue decimal(18, 4), aov double"
CUSTOMER_TYPES = (
    "person_id varchar, order_count bigint, aov double, recency_days bigint, "
    "top_recommendations varchar[], last_seen_at timestamp"
)
ZERO = Decimal(0)


def state(home: Path) -> StatePaths:
    """A state folder with an empty log."""
    paths = StatePaths(home)
    make_folder(paths.manifests)
    return paths


def seal_day(paths: StatePaths, day: str, *, closes: bool = True) -> int:
    """Add a seal without rows; its number."""
    head = seals.read_head(paths)
    sealed = seals.append(
        paths,
        seals.Manifest(
            sequence=head.sequence + 1, arrival_date=date.fromisoformat(day),
            sealed_at=datetime(2026, 11, 30, tzinfo=UTC), contract_version=1, closes_day=closes,
            accepted_reason=None, previous=head.hash, files=(), refused=(), parts=(),
            quarantine=(), sources={},
        ),
    )  # fmt: skip
    return sealed.sequence


def build(
    paths: StatePaths,
    kpis: list[tuple[Any, ...]],
    customers: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    erased: tuple[str, ...] = (),
) -> None:
    """A warehouse built up to the last seal."""
    paths.warehouse.mkdir(parents=True, exist_ok=True)
    paths.warehouse_db.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create schema marts; create schema core; create schema state")
        con.execute(f"create table marts.kpi_daily ({KPI_TYPES})")
        con.execute(f"create table marts.customer_360 ({CUSTOMER_TYPES})")
        con.execute("create table core.map_visitor_person (person_id varchar, is_erased boolean)")
        con.execute("create table state.built as select ?::bigint as begun",
                    [seals.read_head(paths).sequence])  # fmt: skip
        for table, rows in (("kpi_daily", kpis), ("customer_360", customers)):
            for row in rows:
                marks = ", ".join("?" for _ in row)
                con.execute(f"insert into marts.{table} values ({marks})", list(row))
        for person in erased:
            con.execute("insert into core.map_visitor_person values (?, true)", [person])


def publish(paths: StatePaths, at: str = "2026-11-30T12:00:00") -> None:
    publish_and_record(paths, datetime.fromisoformat(at).replace(tzinfo=UTC))


def recorded(paths: StatePaths, table: str) -> list[tuple[Any, ...]]:
    """Rows of a table of the records, in the order of publications."""
    columns = {
        "kpi_values": "publication, published_after, report_date, metric, value",
        "customer_changes": "publication, published_after, person_id, attribute, old_value, "
        "new_value",
    }[table]
    with duckdb.connect() as con:
        return con.execute(
            f"select {columns} from read_parquet(?) order by all",
            [str(paths.records / table / "*.parquet")],
        ).fetchall()

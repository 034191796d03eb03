"""A state folder whose warehouse and seals are written by hand, to publish and record.

Belongs here: what tests of the records need to publish and look. Not here: what they expect.
"""

import json
from collections.abc import Sequence
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
FIRING_TYPES = (
    "firing_id varchar, rule varchar, person_id varchar, visitor_id varchar, report_date date, "
    "response varchar, is_holdout boolean, discount_min_pct double, discount_max_pct double, "
    "suggested_product_ids varchar[], fired_at timestamp, evidence_event_keys varchar[]"
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
    firings: Sequence[tuple[Any, ...]] = (),
) -> None:
    """A warehouse built up to the last seal."""
    paths.warehouse.mkdir(parents=True, exist_ok=True)
    paths.warehouse_db.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create schema marts; create schema core; create schema state")
        con.execute(f"create table marts.kpi_daily ({KPI_TYPES})")
        con.execute(f"create table marts.customer_360 ({CUSTOMER_TYPES})")
        con.execute(f"create table marts.trigger_firings ({FIRING_TYPES})")
        con.execute("create table core.map_visitor_person (person_id varchar, is_erased boolean)")
        con.execute("create table state.built as select ?::bigint as begun",
                    [seals.read_head(paths).sequence])  # fmt: skip
        tables = {"kpi_daily": kpis, "customer_360": customers, "trigger_firings": firings}
        for table, rows in tables.items():
            for row in rows:
                marks = ", ".join("?" for _ in row)
                con.execute(f"insert into marts.{table} values ({marks})", list(row))
        for person in erased:
            con.execute("insert into core.map_visitor_person values (?, true)", [person])


def firing(
    firing_id: str, at: str, *, person: str = "anna", is_holdout: bool = False
) -> tuple[Any, ...]:
    """A row of `marts.trigger_firings`, of November 2026."""
    fired_at = datetime.fromisoformat(f"2026-11-{at}")
    return (
        firing_id, "shoes_disliked", person, f"v-{person}", fired_at.date(), "discount",
        is_holdout, 10.0, 15.0, ["p1", "p2"], fired_at, [f"e-{firing_id}"],
    )  # fmt: skip


def outbox(paths: StatePaths) -> list[dict[str, Any]]:
    """The lines of the outbox as another program reads them, files in the order of their names."""
    return [
        json.loads(line)
        for file in sorted((paths.records / "outbox").glob("[0-9]*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


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

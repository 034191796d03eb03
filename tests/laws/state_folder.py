"""A state folder with a log and inputs, written without the ingest, for histories that go through dbt itself.

Belongs here: what `dbt build` needs to find. Not here: seals and vaults, which have their own tests.
"""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.state import StatePaths
from dagster_project.training import write_empty_outputs
from tests.laws.histories import FUNNELS, REFERRER_HOSTS, REGISTRY, SOURCES
from tests.laws.warehouse import EVENTS_SCHEMA

Row = dict[str, Any]


def _write(paths: StatePaths, name: str, rows: list[Row], schema: pa.Schema) -> None:
    paths.warehouse_inputs.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, paths.warehouse_inputs / f"{name}.parquet")


def write_settings(paths: StatePaths, timezone: str) -> None:
    """The inputs that do not follow the log."""
    text, number, flag = pa.string(), pa.int64(), pa.bool_()
    _write(paths, "settings", [{"reporting_timezone": timezone, "reporting_currency": "EUR"}],
           pa.schema([("reporting_timezone", text), ("reporting_currency", text)]))  # fmt: skip
    _write(paths, "sources", [{"source": n, "order_grain": s["order_grain"]} for n, s in SOURCES.items()],
           pa.schema([("source", text), ("order_grain", text)]))  # fmt: skip
    _write(paths, "event_types", [{"event_name": n, **t} for n, t in REGISTRY.items()],
           pa.schema([("event_name", text), ("is_sessionable", flag), ("role", text)]))  # fmt: skip
    _write(
        paths, "funnels",
        [
            {**{k: f[k] for k in ("funnel", "mode", "unit", "window_s")},
             "step": number, "step_name": name, "event_name": event}
            for f in FUNNELS for number, (name, event) in enumerate(f["steps"], start=1)
        ],
        pa.schema([("funnel", text), ("mode", text), ("unit", text), ("window_s", number),
                   ("step", pa.int32()), ("step_name", text), ("event_name", text)]),
    )  # fmt: skip
    pq.write_table(EVENTS_SCHEMA.empty_table(), paths.warehouse_inputs / "empty_events.parquet")
    write_empty_outputs(paths)


def write_log(paths: StatePaths, rows: list[Row], days: dict[date, bool]) -> None:
    """The log as it is when a run starts: a part a day, and which days are closed."""
    parts, files = [], []
    for day in days:
        mine = [row for row in rows if row["arrival_date"] == day]
        if not mine:
            continue
        folder = paths.log_day(day)
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(mine, schema=EVENTS_SCHEMA), folder / "part.parquet")
        place = str((folder / "part.parquet").relative_to(paths.home))
        parts.append({"arrival_date": day, "path": place, "rows": len(mine), "sequence": 1})
        for source in sorted({row["source"] for row in mine}):
            count = sum(row["source"] == source for row in mine)
            files.append({"arrival_date": day, "source": source, "source_file": source,
                          "read": count, "logged": count, "quarantined": 0, "withheld": 0})  # fmt: skip
    text, number = pa.string(), pa.int64()
    _write(paths, "log_parts", parts, pa.schema(
        [("arrival_date", pa.date32()), ("path", text), ("rows", number), ("sequence", number)]
    ))  # fmt: skip
    _write(paths, "log_files", files, pa.schema(
        [("arrival_date", pa.date32()), ("source", text), ("source_file", text)]
        + [(name, number) for name in ("read", "logged", "quarantined", "withheld")]
    ))  # fmt: skip
    _write(paths, "log_days", [{"arrival_date": d, "is_closed": c, "sequence": 1} for d, c in days.items()],
           pa.schema([("arrival_date", pa.date32()), ("is_closed", pa.bool_()), ("sequence", pa.int64())]))  # fmt: skip


def referrer_host_rows() -> list[tuple[str, str]]:
    """Rows of the seed that the histories' oracle knows."""
    return list(REFERRER_HOSTS.items())


def state_folder(home: Path) -> StatePaths:
    """An empty state folder."""
    return StatePaths(home)

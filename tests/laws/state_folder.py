"""A state folder with a log and inputs, written without the ingest.

It is for histories that go through dbt itself.

Belongs here: what `dbt build` needs to find. Not here: seals and vaults, which have
their own tests.
"""

from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import display_names
from dagster_project.ingest.erasure_register import INPUT_SCHEMA as ERASURES_SCHEMA
from dagster_project.ingest.rates import SCHEMA as RATES_SCHEMA
from dagster_project.ingest.warehouse_inputs import FUNNELS_SCHEMA, TRIGGERS_SCHEMA
from dagster_project.model_outputs import write_empty_outputs
from dagster_project.records.entries import recover
from dagster_project.state import StatePaths
from tests.laws.histories import FUNNELS, REGISTRY, SOURCES, History
from tests.laws.shop import NUMBERS, TRIGGERS, funnel_rows, rate_intervals
from tests.laws.warehouse import EVENTS_SCHEMA

Row = dict[str, Any]


def _write(paths: StatePaths, name: str, rows: list[Row], schema: pa.Schema) -> None:
    paths.warehouse_inputs.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, paths.warehouse_inputs / f"{name}.parquet")


def write_settings(paths: StatePaths, timezone: str) -> None:
    """The inputs that do not follow the log."""
    text, number, flag = pa.string(), pa.int64(), pa.bool_()
    _write(
        paths, "settings",
        [{"reporting_timezone": timezone, "reporting_currency": "EUR", **NUMBERS}],
        pa.schema([("reporting_timezone", text), ("reporting_currency", text)]
                  + [(name, number) for name in NUMBERS]),
    )  # fmt: skip
    _write(paths, "sources",
           [{"source": name, **source} for name, source in SOURCES.items()],
           pa.schema([("source", text), ("order_grain", text), ("sessions", text)]))  # fmt: skip
    _write(paths, "event_types", [{"event_name": n, **t} for n, t in REGISTRY.items()],
           pa.schema([("event_name", text), ("is_sessionable", flag), ("role", text)]))  # fmt: skip
    _write(paths, "funnels", funnel_rows(FUNNELS), FUNNELS_SCHEMA)
    _write(paths, "triggers", TRIGGERS, TRIGGERS_SCHEMA)
    _write(paths, "rates", rate_intervals(), RATES_SCHEMA)
    pq.write_table(EVENTS_SCHEMA.empty_table(), paths.warehouse_inputs / "empty_events.parquet")
    display_names.write_inputs(paths)
    write_empty_outputs(paths)
    recover(paths)


def write_log(paths: StatePaths, history: History, number: int) -> None:
    """The log as run `number` finds it: a part a seal, in the order the runs before found them."""
    parts, files, last = [], [], dict[date, int]()
    for earlier in range(number + 1):
        for day, rows in history.new_seals(earlier):
            sequence = len(parts) + 1
            part = paths.log_day(day) / f"{sequence:06}.parquet"
            part.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(list(rows), schema=EVENTS_SCHEMA), part)
            last[day] = sequence
            parts.append({"arrival_date": day, "path": str(part.relative_to(paths.home)),
                          "rows": len(rows), "sequence": sequence})  # fmt: skip
            for file, count in Counter((r["source"], r["source_file"]) for r in rows).items():
                files.append({"arrival_date": day, "source": file[0], "source_file": file[1],
                              "read": count, "logged": count,
                              "quarantined": 0, "withheld": 0,
                              "sequence": sequence, "is_replay": False})  # fmt: skip
    closed = history.closed_at(number)
    days = [{"arrival_date": d, "is_closed": d in closed, "sequence": s} for d, s in last.items()]
    _write(paths, "erasures", history.erasures_at(number), ERASURES_SCHEMA)
    text, integer, flag, a_date = pa.string(), pa.int64(), pa.bool_(), pa.date32()
    _write(paths, "log_parts", parts, pa.schema(
        [("arrival_date", a_date), ("path", text), ("rows", integer), ("sequence", integer)]
    ))  # fmt: skip
    _write(paths, "log_files", files, pa.schema(
        [("arrival_date", a_date), ("source", text), ("source_file", text)]
        + [(name, integer) for name in ("read", "logged", "quarantined", "withheld", "sequence")]
        + [("is_replay", flag)]
    ))  # fmt: skip
    _write(paths, "log_replays", [], pa.schema(
        [("arrival_date", a_date), ("source_file", text)]
        + [(name, integer) for name in ("source_line", "sequence")]
    ))  # fmt: skip
    _write(paths, "log_days", days, pa.schema(
        [("arrival_date", a_date), ("is_closed", flag), ("sequence", integer)]
    ))  # fmt: skip

"""Small Parquet tables that dbt reads beside the log: seals, settings, registry, erasures.

Written anew before each run, whole, so that dbt needs no Python to know which parts are the log.
Nothing about a person is in them; of the erased, the pseudonyms that lead nowhere.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dagster_project.ingest import display_names, erasure_register, rates, seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.config_bots import BotSettings
from dagster_project.ingest.config_carts import CartSettings
from dagster_project.ingest.durable import make_folder, write_atomic_table
from dagster_project.state import StatePaths
from expectations.contract import LOG_COLUMNS, Registry, event_types_table

_TEXT, _NUMBER, _REAL, _DATE = pa.string(), pa.int64(), pa.float64(), pa.date32()
FUNNELS_SCHEMA = pa.schema(
    [
        ("funnel", _TEXT), ("mode", _TEXT), ("unit", _TEXT), ("window_s", _NUMBER),
        ("step", pa.int32()), ("step_name", _TEXT), ("event_name", _TEXT),
        ("hold", _TEXT), ("excluded", pa.list_(_TEXT)),
    ]
)  # fmt: skip
TRIGGERS_SCHEMA = pa.schema(
    [
        ("rule", _TEXT), ("condition", _TEXT), ("category", _TEXT), ("product_count", _NUMBER),
        ("window_s", _NUMBER), ("max_rating", _REAL), ("value_over", _REAL),
        ("response", _TEXT), ("suggest", _TEXT), ("suggested_category", _TEXT),
        ("discount_min_pct", _REAL), ("discount_max_pct", _REAL), ("cooldown_s", _NUMBER),
        ("daily_budget", _NUMBER), ("holdout_share", _REAL),
    ]
)  # fmt: skip
_SCHEMAS: Mapping[str, pa.Schema] = {
    "log_parts": pa.schema(
        [("arrival_date", _DATE), ("path", _TEXT), ("rows", _NUMBER), ("sequence", _NUMBER)]
    ),
    "log_files": pa.schema(
        [("arrival_date", _DATE), ("source", _TEXT), ("source_file", _TEXT)]
        + [(name, _NUMBER) for name in ("read", "logged", "quarantined", "withheld", "sequence")]
        + [("is_replay", pa.bool_())]
    ),
    "log_replays": pa.schema(
        [("arrival_date", _DATE), ("source_file", _TEXT)]
        + [(name, _NUMBER) for name in ("source_line", "sequence")]
    ),
    "log_days": pa.schema(
        [("arrival_date", _DATE), ("is_closed", pa.bool_()), ("sequence", _NUMBER)]
    ),
    "sources": pa.schema(
        [(name, _TEXT) for name in ("source", "order_grain", "sessions", "currency")]
    ),
    "settings": pa.schema(
        [("reporting_timezone", _TEXT), ("reporting_currency", _TEXT)]
        + [(name, _NUMBER) for name in (*CartSettings.model_fields, *BotSettings.model_fields)]
    ),
    "funnels": FUNNELS_SCHEMA,
    "triggers": TRIGGERS_SCHEMA,
}  # fmt: skip


def write_inputs(paths: StatePaths, settings: Settings, registry: Registry) -> None:
    """Write every table, each whole or not at all.

    Raises:
        ConfigError: the file of currency rates cannot be used.
    """
    make_folder(paths.warehouse_inputs)
    chain = seals.load_chain(paths)
    for name, rows in _rows(settings, chain).items():
        _write(paths, name, pa.Table.from_pylist(rows, schema=_SCHEMAS[name]))
    _write(paths, "event_types", event_types_table(registry))
    currency_rates = rates.read_rates(paths.home, settings.settings.rates)
    _write(paths, "rates", pa.Table.from_pylist(currency_rates, schema=rates.SCHEMA))
    erasure_register.write_input(paths)
    display_names.write_inputs(paths)
    empty = paths.warehouse_inputs / "empty_events.parquet"
    if not empty.exists():
        _write_empty_events(empty)


def _rows(settings: Settings, chain: list[seals.Manifest]) -> dict[str, list[dict[str, Any]]]:
    general = settings.settings
    days: dict[Any, dict[str, Any]] = {}
    for one in chain:
        day = days.setdefault(
            one.arrival_date, {"arrival_date": one.arrival_date, "is_closed": False}
        )
        day["is_closed"] = day["is_closed"] or one.closes_day
        day["sequence"] = one.sequence
    return {
        "log_parts": [
            {
                "arrival_date": one.arrival_date,
                "path": part.path,
                "rows": part.rows,
                "sequence": one.sequence,
            }
            for one in chain
            for part in one.parts
        ],
        "log_files": [
            {
                "arrival_date": one.arrival_date,
                "source": file.source,
                "source_file": file.path,
                "read": file.read,
                "logged": file.logged,
                "quarantined": file.quarantined,
                "withheld": sum(file.withheld.values()),
                "sequence": one.sequence,
                "is_replay": file.replay is not None,
            }
            for one in chain
            for file in one.files
        ],
        "log_replays": [
            {
                "arrival_date": one.arrival_date,
                "source_file": file.path,
                "source_line": line,
                "sequence": one.sequence,
            }
            for one in chain
            for file in one.files
            if file.replay is not None
            for line in file.replay.lines
        ],
        "log_days": [days[day] for day in sorted(days)],
        "sources": [
            {
                "source": name,
                "order_grain": source.order_grain,
                "sessions": source.sessions,
                "currency": source.currency,
            }
            for name, source in sorted(settings.sources.items())
        ],
        "settings": [
            {
                "reporting_timezone": general.reporting_timezone,
                "reporting_currency": general.reporting_currency,
                **general.model_dump(include=set(CartSettings.model_fields)),
                **settings.bots.model_dump(),
            }
        ],
        "funnels": [
            row for name, funnel in sorted(settings.funnels.items()) for row in funnel.rows(name)
        ],
        "triggers": [
            trigger.row(name, cart_pause_s=60 * general.cart_trigger_minutes)
            for name, trigger in sorted(settings.triggers.items())
        ],
    }  # fmt: skip


def _write(paths: StatePaths, name: str, table: pa.Table) -> None:
    write_atomic_table(paths.warehouse_inputs / f"{name}.parquet", table)


def _write_empty_events(target: Path) -> None:
    columns = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in LOG_COLUMNS.items())
    with duckdb.connect() as con:
        table = con.execute(f"select {columns} limit 0").to_arrow_table()
    write_atomic_table(target, table)

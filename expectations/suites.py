"""Suites of expectations: the files of `suites/`, with what the registry knows filled in.

Here: reading a suite, and the values and SQL that come from the registry (`{"$PARAMETER": name}`
in a file). Not here: running one (validate.py).

A suite is a plain dict: name, meta (about, derived columns as DuckDB SQL), expectations.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from expectations.columns import LOG_COLUMNS
from expectations.personal import (
    column_holding_an_email_sql,
    email_checked_columns,
    personal_key_left_sql,
)
from expectations.registry import Registry

SUITES_FOLDER = Path(__file__).parent / "suites"


def batch_suite(
    registry: Registry,
    *,
    arrival_date: date | Sequence[date],
    earliest_event_date: date,
    max_future_hours: int,
) -> dict[str, Any]:
    """Expectations on the accepted rows of a batch: Parquet parts or a table with LOG_COLUMNS.

    Args:
        registry: the contract.
        arrival_date: the partition that the batch belongs to, or those of several batches that
            are looked at together.
        earliest_event_date: as in `split_sql`.
        max_future_hours: as in `split_sql`.

    Returns:
        The suite `event_batch`, complete.
    """
    arrival_dates = [arrival_date] if isinstance(arrival_date, date) else arrival_date
    parameters: dict[str, Any] = {
        "log_columns": [f"{name} {kind}" for name, kind in LOG_COLUMNS.items()],
        "contract_versions": [registry.contract_version],
        "arrival_days": [day.isoformat() for day in arrival_dates],
        "earliest_event_day": int(earliest_event_date.strftime("%Y%m%d")),
        "max_future_hours": max_future_hours,
        "column_holding_an_email": column_holding_an_email_sql(email_checked_columns(registry)),
        "column_too_long": _first_column_sql(_too_long(registry)),
        "personal_property_left": (
            "case when json_valid(properties) then "
            + personal_key_left_sql(registry, "properties")
            + " end"
        ),
        **{
            f"order_{name}": _not_negative_sql(registry, name)
            for name in ("price", "quantity", "revenue")
        },
    }
    return _read_suite("event_batch", parameters)


def counts_suite(*, max_quarantined_share: float) -> dict[str, Any]:
    """Expectations on what became of a batch's rows, one row a source file.

    Args:
        max_quarantined_share: of all rows read in the batch, 0 to 1.

    Raises:
        ValueError: the share is outside 0 to 1.
    """
    if not 0 <= max_quarantined_share <= 1:
        raise ValueError(f"max_quarantined_share: {max_quarantined_share} is not within 0 and 1")
    return _read_suite("batch_counts", {"max_quarantined_share": max_quarantined_share})


def seals_suite() -> dict[str, Any]:
    """Expectations on the audit table of seals, one row a part."""
    return _read_suite("log_seals", {})


def _read_suite(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    content = json.loads((SUITES_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    filled: dict[str, Any] = _fill(content, parameters)
    return filled


def _fill(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"}:
            return parameters[value["$PARAMETER"]]
        return {key: _fill(member, parameters) for key, member in value.items()}
    if isinstance(value, list):
        return [_fill(member, parameters) for member in value]
    return value


def _first_column_sql(conditions: Mapping[str, str]) -> str:
    cases = " ".join(f"when {condition} then '{name}'" for name, condition in conditions.items())
    return f"case {cases} end"


def _too_long(registry: Registry) -> dict[str, str]:
    conditions = {}
    for rule in registry.fields.values():
        if rule.name in LOG_COLUMNS and rule.max_length is not None:
            condition = f"strlen({rule.name}) > {rule.max_length}"
            if rule.type == "text":
                condition += f" and length({rule.name}) > {rule.max_length}"
            conditions[rule.name] = condition
    return conditions


def _not_negative_sql(registry: Registry, column: str) -> str:
    events = [e.name for e in registry.events.values() if column in e.not_negative]
    names = ", ".join(f"'{name}'" for name in events)
    return f"case when event_name in ({names}) then cast({column} as double) end"

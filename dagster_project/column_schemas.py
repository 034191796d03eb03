"""The columns that Dagster shows of tables which dbt does not make.

The types come from whoever writes the table, the descriptions from the dbt model that carries the
same columns on: a column is described once. Not here: the columns of the models, which the manifest
gives to Dagster as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from dagster_project.assets.records import record_key
from dagster_project.model_outputs import OUTPUTS, output_schema
from dagster_project.records.entries import CUSTOMER_CHANGES, KPI_VALUES, OUTBOX, SCHEMAS
from expectations.columns import LOG_COLUMNS

_ARROW_TO_SQL: Final = {
    "string": "varchar", "date32[day]": "date", "double": "double", "float": "float",
    "int64": "bigint", "int32": "integer", "bool": "boolean", "timestamp[us]": "timestamp",
    "list<item: string>": "varchar[]", "decimal128(38, 12)": "decimal(38,12)",
}  # fmt: skip


# Columns that the views over the records leave out or name otherwise.
_OF_A_RECORD: Final = {
    "built_from_seal": "The last seal of the log that the publication was built from.",
    "value": "What was published, in the unit of the metric.",
    "state": "What the line tells of the firing: sent, expired or retracted.",
}


def written_tables(manifest: Mapping[str, Any]) -> dict[dg.AssetKey, dg.TableSchema]:
    """Schema of the log, of each output of the models and of the records."""
    log = {name: kind.lower() for name, kind in LOG_COLUMNS.items()}
    # Of copies, not of events: what the pace of a visitor makes of them is not in the log.
    described = _described(manifest, "fct_event_duplicates")
    schemas = {dg.AssetKey("event_log"): _schema(log, described)}
    for output in OUTPUTS:
        types = {
            field.name: _ARROW_TO_SQL.get(str(field.type), str(field.type))
            for field in output_schema(output)
        }
        schemas[dg.AssetKey(["ml_outputs", output])] = _schema(types, _described(manifest, output))
    for table, described in (
        (KPI_VALUES, _described(manifest, "kpi_restatements") | _OF_A_RECORD),
        (CUSTOMER_CHANGES, _described(manifest, "customer_360_history") | _OF_A_RECORD),
        (
            OUTBOX,
            _described(manifest, "kpi_restatements")
            | _described(manifest, "trigger_firings")
            | _OF_A_RECORD,
        ),
    ):
        types = {
            field.name: _ARROW_TO_SQL.get(str(field.type), str(field.type))
            for field in SCHEMAS[table]
        }
        schemas[record_key(table)] = _schema(types, described)
    return schemas


def _described(manifest: Mapping[str, Any], model: str) -> dict[str, str]:
    columns = manifest["nodes"][f"model.footfall.{model}"]["columns"]
    return {name: column["description"] for name, column in columns.items()}


def _schema(types: Mapping[str, str], described: Mapping[str, str]) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=name, type=kind, description=described.get(name))
            for name, kind in types.items()
        ]
    )

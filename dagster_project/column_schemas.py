"""The columns that Dagster shows of tables which dbt does not make.

The types come from whoever writes the table, the descriptions from the dbt model that carries the
same columns on: a column is described once. Not here: the columns of the models, which the manifest
gives to Dagster as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from dagster_project.training import OUTPUTS, output_schema
from expectations.columns import LOG_COLUMNS

_ARROW_TO_SQL: Final = {
    "string": "varchar", "date32[day]": "date", "double": "double", "float": "float",
    "int64": "bigint", "int32": "integer", "bool": "boolean", "timestamp[us]": "timestamp",
    "list<item: string>": "varchar[]",
}  # fmt: skip


def written_tables(manifest: Mapping[str, Any]) -> dict[dg.AssetKey, dg.TableSchema]:
    """Schema of the log and of each output of the models."""
    log = {name: kind.lower() for name, kind in LOG_COLUMNS.items()}
    schemas = {dg.AssetKey("event_log"): _schema(log, _described(manifest, "fct_events"))}
    for output in OUTPUTS:
        types = {
            field.name: _ARROW_TO_SQL.get(str(field.type), str(field.type))
            for field in output_schema(output)
        }
        schemas[dg.AssetKey(["ml_outputs", output])] = _schema(types, _described(manifest, output))
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

"""How many rows each model reads, from DuckDB's own profile of its statements.

Belongs here: running models under the profiler, and a warehouse whose tables are long next to their
row groups. Not here: how much is too much (`test_law5_cost_of_a_day`).

DuckDB skips row groups whose bounds (zone maps) rule them out, and counts the rows of the others. A
row group holds 122,880 rows unless told otherwise, more than a test's table ever has; here it holds
2,048, the least, so that some tens of thousands of rows behave as millions do.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.dbt_manifest import DBT_PROJECT
from tests.laws.compiled import Model, statements
from tests.laws.warehouse import Warehouse

ROW_GROUP = 2048
_METRICS = {
    name: "true"
    for name in ("OPERATOR_NAME", "OPERATOR_TYPE", "OPERATOR_ROWS_SCANNED", "EXTRA_INFO")
}

Reads = dict[str, Counter[str]]


def warehouse_in_small_row_groups(folder: Path) -> Warehouse:
    """A warehouse in a file; in memory DuckDB keeps to its default row groups.

    The compiled models name their database `memory`; the first one of the connection
    has its file's name.
    """
    con = duckdb.connect(str(folder / "unused.duckdb"), config={"threads": 1})
    con.execute(f"attach '{folder / 'warehouse.duckdb'}' as memory (row_group_size {ROW_GROUP})")
    con.execute("use memory")
    con.execute("set checkpoint_threshold = '1GB'")
    for name, value in profile_settings().items():
        con.execute(f"set {name} = '{value}'")
    return Warehouse(con=con)


def profile_settings() -> dict[str, Any]:
    """DuckDB's settings in the project's dbt profile: how a table is read may hang on them."""
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text())["footfall"]
    settings = profile["outputs"]["warehouse"]["config_options"]
    # What the environment decides is no rule of reading.
    return {name: value for name, value in settings.items() if "env_var" not in str(value)}


def read_by_statement(con: duckdb.DuckDBPyConnection, statement: str) -> Counter[str]:
    """Rows read of each table by a statement."""
    con.execute("pragma enable_profiling = 'no_output'")
    con.execute(f"set custom_profiling_settings = '{json.dumps(_METRICS)}'")
    con.execute(statement)
    profile = json.loads(con.get_profiling_information(format="json"))
    con.execute("pragma disable_profiling")
    return scans(profile)


def scans(node: dict[str, Any]) -> Counter[str]:
    """Rows read by the table scans of a profile, by table."""
    found: Counter[str] = Counter()
    if node.get("operator_type") == "TABLE_SCAN":
        found[node["extra_info"].get("Table", "?").split(".", 1)[-1]] += node[
            "operator_rows_scanned"
        ]
    for child in node.get("children", []):
        found += scans(child)
    return found


def read_by_model(warehouse: Warehouse, model: Model) -> Counter[str]:
    """Run a model in its transaction; rows read of each table by all its statements."""
    with warehouse.transaction():
        reads = [read_by_statement(warehouse.con, todo) for todo in statements(model)]
    return sum(reads, Counter())

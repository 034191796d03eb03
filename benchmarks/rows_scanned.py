"""Rows that each dbt node reads, from DuckDB's own profile of its statements.

Only the counting belongs here. It wraps the cursor of dbt's adapter, so that what is counted is
what a run does; profiling slows it, so times are taken apart from it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

_NODE = re.compile(r'"node_id": "(?:model|test|seed)\.footfall\.([^".]+)')
_METRICS = json.dumps(
    {
        name: "true"
        for name in ("OPERATOR_NAME", "OPERATOR_TYPE", "OPERATOR_ROWS_SCANNED", "EXTRA_INFO")
    }
)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count rows read from stored tables and from the log, by node, as long as this is open."""
    rows: Counter[str] = Counter()
    execute = DuckDBCursorWrapper.execute

    def profiled(self: Any, sql: str, bindings: Any = None) -> Any:
        node = _NODE.search(sql)
        if node is None:
            return execute(self, sql, bindings)
        self._cursor.execute("pragma enable_profiling = 'no_output'")
        self._cursor.execute(f"set custom_profiling_settings = '{_METRICS}'")
        done = execute(self, sql, bindings)
        profile = self._cursor.get_profiling_information(format="json")
        if profile:
            rows[node.group(1)] += _scanned(json.loads(profile))
        return done

    DuckDBCursorWrapper.execute = profiled
    try:
        yield rows
    finally:
        DuckDBCursorWrapper.execute = execute


def _scanned(node: dict[str, Any]) -> int:
    """Rows read by the scans of a profile; scratch tables are the day's own and left out."""
    own = 0
    table = str(node.get("extra_info", {}).get("Table", ""))
    if node.get("operator_type") == "TABLE_SCAN" and not table.startswith("scratch."):
        own = int(node.get("operator_rows_scanned", 0))
    return own + sum(_scanned(child) for child in node.get("children", []))

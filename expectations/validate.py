"""A suite and data in, a report out: Great Expectations over columns that DuckDB prepares.

Here: running a suite and telling data that fails from a check that could not run. Not here: what
suites say (suites.py), what follows from a report.

DuckDB works out the derived columns of the suite and hands over only the columns that it names, as
pandas: an e-mail search over thirty text columns is one SQL pass and one narrow column. No
connection outlives the call, and no value of a row leaves it.
"""

import gc
import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

_RUN_NUMBERS = itertools.count(1)
# From here on the memory of a batch is worth the tenths of a second that it costs to give back.
_MANY_ROWS = 50_000
_NULL_CHECK = "expect_column_values_to_not_be_null"
_TABLE_CHECK_PREFIX = "expect_table_columns_"


@dataclass(frozen=True, slots=True)
class Result:
    """What one expectation found; no values of rows.

    `unexpected_count` is null for a check of the whole table. `exception` is set where the check
    could not run (a column is missing, say): that is no statement on the data, and no success.
    """

    expectation: str
    column: str
    success: bool
    unexpected_count: int | None
    exception: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a suite found in one set of data."""

    name: str
    suite: str
    success: bool
    rows: int
    results: tuple[Result, ...]

    def failures(self) -> list[str]:
        """Say in one line each which expectations failed, without values of rows."""
        return [_failure_line(self, result) for result in self.results if not result.success]


def validate(suite: Mapping[str, Any], data: Sequence[Path] | pa.Table, *, name: str) -> Report:
    """Check data against a suite.

    Args:
        suite: as `expectations.suites` makes them.
        data: Parquet files of one schema, or a table.
        name: what the report is about, such as `2026-01-01 batch 1`.

    Returns:
        The report, results in the order of the suite. Table checks see columns as `name TYPE`,
        and every file's own.

    Raises:
        ValueError: no files were given.
    """
    with duckdb.connect() as con:
        headers = _register(con, data)
        columns = {column for header in headers for column in header}
        frame = _read_columns(con, suite, columns)
    expectations = [
        {**item, "meta": {"position": position}}
        for position, item in enumerate(suite["expectations"])
    ]
    row_checks = [e for e in expectations if not _is_table_check(e)]
    table_checks = [e for e in expectations if _is_table_check(e)]
    outcomes = _run(row_checks, frame)
    for header in headers:
        typed = pd.DataFrame(columns=[f"{column} {kind}" for column, kind in header.items()])
        for position, outcome in _run(table_checks, typed).items():
            if position not in outcomes or outcomes[position]["success"]:
                outcomes[position] = outcome
    rows = len(frame)
    del frame
    if rows >= _MANY_ROWS:
        # Arrow's pool keeps the strings of the frame otherwise: 1.5 GB instead of 0.65 after three
        # batches of a million rows in one process.
        gc.collect()
        pa.default_memory_pool().release_unused()
    results = tuple(
        _result(item, outcomes[position]) for position, item in enumerate(suite["expectations"])
    )
    return Report(
        name=name,
        suite=suite["name"],
        success=all(result.success for result in results),
        rows=rows,
        results=results,
    )


def _register(
    con: duckdb.DuckDBPyConnection, data: Sequence[Path] | pa.Table
) -> list[dict[str, str]]:
    """Make the view `data`; return each distinct header (column -> DuckDB type) in it."""
    if isinstance(data, pa.Table):
        con.register("data", data)
        return [_header(con, "data")]
    paths = [str(path) for path in data]
    if not paths:
        raise ValueError("no files to validate: give at least one Parquet file")
    headers: list[dict[str, str]] = []
    for path in paths:
        header = _header(con, f"read_parquet({_text(path)}, hive_partitioning = false)")
        if list(header.items()) not in [list(known.items()) for known in headers]:
            headers.append(header)
    listed = ", ".join(_text(path) for path in paths)
    con.execute(
        f"create temp view data as select * from "
        f"read_parquet([{listed}], hive_partitioning = false, union_by_name = {len(headers) > 1})"
    )
    return headers


def _header(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = con.execute(f"describe select * from {relation}").fetchall()
    return {row[0]: row[1] for row in rows}


def _read_columns(
    con: duckdb.DuckDBPyConnection, suite: Mapping[str, Any], columns: set[str]
) -> pd.DataFrame:
    """Read what the row checks name; a column that is not there is left for them to report."""
    selected = _selected(suite, columns)
    try:
        frame = con.execute(_select(selected)).df()
    except duckdb.BinderException:
        # A derived column names what is not there: the others can be checked all the same.
        bound = {column: sql for column, sql in selected.items() if _binds(con, sql)}
        frame = con.execute(_select(bound)).df()
    for column in frame.columns:
        # Integers and booleans with nulls: comparing pandas' NA is neither true nor false, and
        # Great Expectations raises on it.
        if isinstance(frame[column].array, pd.arrays.IntegerArray | pd.arrays.BooleanArray):
            values = frame[column].astype(object)
            frame[column] = values.where(values.notna(), None)
    return frame


def _selected(suite: Mapping[str, Any], columns: set[str]) -> dict[str, str]:
    """Say what to read: column -> its SQL, narrowed where only nulls matter."""
    derived: Mapping[str, str] = suite.get("meta", {}).get("derived", {})
    checks_by_column: dict[str, set[str]] = {}
    for item in suite["expectations"]:
        if not _is_table_check(item):
            for column in _columns_of(item["kwargs"]):
                checks_by_column.setdefault(column, set()).add(item["type"])
    selected: dict[str, str] = {}
    for column, checks in checks_by_column.items():
        if column not in derived and column not in columns:
            continue
        expression = derived.get(column, f'"{column}"')
        if checks == {_NULL_CHECK}:
            expression = f"case when {expression} is not null then true end"
        selected[column] = expression
    return selected


def _select(expressions: Mapping[str, str]) -> str:
    columns = [f'{expression} as "{column}"' for column, expression in expressions.items()]
    # Without a column of its own the frame might have no rows to count.
    return f"select {', '.join([*columns, 'true as is_row'])} from data"


def _binds(con: duckdb.DuckDBPyConnection, expression: str) -> bool:
    try:
        con.execute(f"select {expression} from data limit 0")
    except duckdb.BinderException:
        return False
    return True


def _run(expectations: list[dict[str, Any]], frame: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Validate with Great Expectations; outcomes by the position of the expectation."""
    if not expectations:
        return {}
    # Without this the import sends usage data, and waits five seconds where there is no network.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Its own default would leave a temporary folder for pages behind, each time.
    context = gx.get_context(
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
    )
    # The ephemeral context is one a process: names must differ from run to run.
    unique = f"footfall_{next(_RUN_NUMBERS)}"
    source = context.data_sources.add_pandas(unique)
    try:
        batch = (
            source.add_dataframe_asset(unique)
            .add_batch_definition_whole_dataframe(unique)
            .get_batch({"dataframe": frame})
        )
        validated = batch.validate(
            gx.ExpectationSuite(name=unique, expectations=expectations),
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        )
    finally:
        context.data_sources.delete(unique)
    # Great Expectations puts what raised first: positions restore the order.
    outcomes: dict[int, dict[str, Any]] = {}
    for result in validated.results:
        if result.expectation_config is None:
            raise ValueError("Great Expectations returned a result without its expectation")
        outcomes[result.expectation_config.meta["position"]] = {
            "success": bool(result.success),
            "unexpected_count": result.result.get("unexpected_count"),
            "exception": _exception(result.exception_info),
        }
    return outcomes


def _exception(info: Mapping[str, Any]) -> str | None:
    """Name the kind of exception. Its message may quote values, so only the last line's type."""
    if info.get("raised_exception") is False:
        return None
    entries = [info] if "exception_traceback" in info else list(info.values())
    kinds: Counter[str] = Counter()
    for entry in entries:
        lines = str(entry.get("exception_traceback") or "").strip().splitlines()
        kinds[lines[-1].split(":", 1)[0].rsplit(".", 1)[-1] if lines else "Exception"] += 1
    return ", ".join(sorted(kinds))


def _result(item: Mapping[str, Any], outcome: Mapping[str, Any]) -> Result:
    return Result(
        expectation=item["type"],
        column="" if _is_table_check(item) else ", ".join(_columns_of(item["kwargs"])),
        success=outcome["success"] and outcome["exception"] is None,
        unexpected_count=outcome["unexpected_count"],
        exception=outcome["exception"],
        why=item.get("meta", {}).get("why", ""),
    )


def _failure_line(report: Report, result: Result) -> str:
    what = f"{report.name}: {result.expectation}" + (f" ({result.column})" if result.column else "")
    if result.exception is not None:
        return f"{what}: could not be checked, {result.exception} was raised"
    if result.unexpected_count is None:
        return f"{what}: does not hold. {result.why}"
    return f"{what}: {result.unexpected_count} of {report.rows} rows. {result.why}"


def _is_table_check(item: Mapping[str, Any]) -> bool:
    return str(item["type"]).startswith(_TABLE_CHECK_PREFIX)


def _columns_of(kwargs: Mapping[str, Any]) -> list[str]:
    if "column_list" in kwargs:
        return list(kwargs["column_list"])
    return [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

"""`footfall query SQL`: read the published tables, and nothing else."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import duckdb

from dagster_project.cli.tables import FORMATS
from dagster_project.ingest.errors import FootfallError, UsageError
from dagster_project.state import StatePaths

_TABLE_ROWS: Final = 100
_TRIES: Final = 3


class QueryError(FootfallError):
    """The statement cannot be run on what is published."""


class NothingPublishedError(FootfallError):
    """There is no published version yet."""


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "query",
        help="read the published tables with SQL",
        description="Run one SQL statement on the published schemas core, marts, ml and dq.",
        epilog='Example: footfall query "from marts.kpi_daily order by report_date desc limit 7"',
    )
    parser.add_argument(
        "sql", metavar="SQL", help="one statement; `-` reads it from standard input"
    )
    parser.add_argument("--format", choices=sorted(FORMATS), default="table")
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"at most N rows; 0 for all (default: {_TABLE_ROWS} for a table, else all)",
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Run the statement and print its rows."""
    sql = sys.stdin.read() if args.sql == "-" else args.sql
    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit}: is below 0; give a number of rows, or 0 for all")
    limit = args.limit if args.limit is not None else _TABLE_ROWS if args.format == "table" else 0
    columns, rows, is_cut = read_published(StatePaths(home), sql, limit)
    print(FORMATS[args.format](columns, rows))
    if is_cut:
        print(f"footfall: the first {limit} rows; --limit 0 for all", file=sys.stderr)
    return 0


def read_published(
    paths: StatePaths, sql: str, limit: int = 0
) -> tuple[list[str], list[tuple[Any, ...]], bool]:
    """Run one statement on the version that is served now.

    Args:
        paths: the state folder.
        sql: one statement.
        limit: rows at most; 0 for all.

    Returns:
        Column names, rows, and whether there were more.

    Raises:
        NothingPublishedError: no version is served yet.
        QueryError: none or several statements, or one that DuckDB does not run.
    """
    try:
        with open_published(paths) as con:
            statements = con.extract_statements(sql)
            if len(statements) != 1:
                raise QueryError(f"query: {len(statements)} statements; give exactly one")
            result = con.execute(statements[0])
            columns = [column[0] for column in result.description or []]
            rows = result.fetchmany(limit + 1) if limit else result.fetchall()
    except duckdb.Error as error:
        raise QueryError(f"query: {_one_line(error)}") from error
    return columns, rows[:limit] if limit else rows, bool(limit) and len(rows) > limit


def open_published(paths: StatePaths) -> duckdb.DuckDBPyConnection:
    """The version that is served now, for reading and nothing else.

    Raises:
        NothingPublishedError: no version is served yet.
    """
    for attempt in range(_TRIES):
        try:
            # The file behind the links: a swap while this reads changes nothing for it.
            file = paths.serving_db.resolve(strict=True)
        except OSError:
            break
        try:
            return duckdb.connect(
                str(file),
                read_only=True,
                config={
                    "enable_external_access": False,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "lock_configuration": True,
                },
            )
        except duckdb.IOException:
            # Removed between the look and the opening: there are newer ones.
            if file.exists() or attempt == _TRIES - 1:
                raise
    raise NothingPublishedError(
        f"{paths.home}: nothing published yet: run `footfall run`; another folder is named by "
        "--home or FOOTFALL_HOME"
    )


def _one_line(error: duckdb.Error) -> str:
    """DuckDB's message without the drawing of the place in the statement."""
    kept = []
    for line in str(error).splitlines():
        if line.startswith("LINE ") or set(line.strip()) == {"^"}:
            break
        if line.strip():
            kept.append(line.strip())
    return " ".join(kept)

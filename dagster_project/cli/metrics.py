"""`footfall metrics METRICS`: any metric by any dimension and period, from what is published."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_project import metric_queries
from dagster_project.cli.arrival_date import arrival_date, check_range
from dagster_project.cli.query import QueryError, open_published, read_published
from dagster_project.cli.tables import FORMATS, render_table
from dagster_project.ingest.errors import FootfallError, UsageError
from dagster_project.metric_queries import DIMENSIONS, GRAINS, Question
from dagster_project.state import StatePaths


class NotPublishedError(FootfallError):
    """The published version is older than the semantic layer."""


def register(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "metrics",
        help="answer any metric by any dimension, through MetricFlow",
        description="Work out metrics by dimension and period from the published tables. Without "
        "METRICS it lists them.",
        epilog="Example: footfall metrics sessions,bounce_rate --by week,channel",
    )
    parser.add_argument("metrics", metavar="METRICS", nargs="?", type=_names, default=[])
    parser.add_argument(
        "--by",
        type=_names,
        default=[],
        metavar="NAMES",
        help=f"periods ({', '.join(GRAINS)}) and dimensions ({', '.join(DIMENSIONS)})",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="in MetricFlow's form: \"{{ Dimension('kpi__channel') }} = 'Email'\"; may be repeated",
    )
    parser.add_argument(
        "--from", dest="first", type=arrival_date, metavar="D", help="first report date"
    )
    parser.add_argument(
        "--to", dest="last", type=arrival_date, metavar="D", help="last report date"
    )
    parser.add_argument(
        "--order", type=_names, default=[], metavar="NAMES", help="such as 'sessions desc,channel'"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N rows")
    parser.add_argument("--format", choices=sorted(FORMATS), default="table")
    parser.add_argument("--sql", action="store_true", help="print the statement, do not run it")
    parser.add_argument(
        "--project", type=Path, metavar="DIR", help="write a dbt project there, for `mf` itself"
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Print what was asked for."""
    check_range(args.first, args.last)
    paths = StatePaths(home)
    open_published(paths).close()
    if args.project is not None:
        folder = args.project.expanduser().absolute()
        metric_queries.write_project(paths, folder)
        print(f"export DBT_PROJECT_DIR='{folder}' DBT_PROFILES_DIR='{folder}'")
        return 0
    manifest = metric_queries.semantic_manifest(paths)
    if not args.metrics:
        known = metric_queries.metric_names(manifest)
        heads, rows = ["metric", "meaning"], list(known.items())
        if args.format == "table":
            print(render_table(heads, rows, max_cell=140))
        else:
            print(FORMATS[args.format](heads, rows))
        return 0
    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit {args.limit}: is below 1; give a number of rows")
    question = Question(
        metrics=list(dict.fromkeys(args.metrics)),
        by=args.by,
        where=args.where,
        first=args.first,
        last=args.last,
        order=args.order,
        limit=args.limit,
    )
    sql = metric_queries.metric_sql(manifest, question)
    if args.sql:
        print(sql)
        return 0
    columns, answer, _ = _answer(paths, sql)
    # MetricFlow puts counts before ratios; who asks has an order of his own.
    keys = [name for name in columns if name not in args.metrics]
    order = [columns.index(name) for name in [*keys, *dict.fromkeys(args.metrics)]]
    heads = [columns[at].removeprefix("metric_time__").removeprefix("kpi__") for at in order]
    print(FORMATS[args.format](heads, [[_plain(row[at]) for at in order] for row in answer]))
    return 0


def _answer(paths: StatePaths, sql: str) -> tuple[list[str], list[tuple[Any, ...]], bool]:
    try:
        return read_published(paths, sql)
    except QueryError as error:
        if "Catalog Error" not in str(error):
            raise
        raise NotPublishedError(
            f"{paths.serving_db}: was published before there were metrics; the next "
            "`footfall run` that loads a day publishes what they read"
        ) from error


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("no name; give them with commas between")
    return names


def _plain(value: Any) -> Any:
    """Periods are dates: MetricFlow makes timestamps of them."""
    return value.date() if isinstance(value, datetime) else value

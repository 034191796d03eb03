"""`footfall simulate --like-log`: event files like those of the log that is published.

Here: what is read of the published tables, where files may go, what is said. How shoppers are
estimated and drawn is in `ml.simulation`.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from dagster_project.cli.query import open_published
from dagster_project.ingest.config import Settings, load_settings
from dagster_project.ingest.errors import FootfallError, UsageError
from dagster_project.loading import registry_of
from dagster_project.state import StatePaths
from ml.simulation.semi_markov import SUPPORT

if TYPE_CHECKING:
    from ml.simulation.log_model import Log

LEAST_SUPPORT: Final = 2
# What a line of a likeness can say of what event types require.
_GIVEN: Final = frozenset({"anonymous_id", "product_id"})

# A million events take half a minute and 1 GB; of a larger log the last days are enough.
MOST_EVENTS: Final = 2_000_000

_AS_OF = "select max(arrival_date) from dq.arrivals_daily"
_FIRST = """
    select min(day)
    from (
        select
            cast(event_ts as date) as day,
            sum(count(*)) over (order by cast(event_ts as date) desc) as events
        from core.fct_events
        where session_id is not null and cast(event_ts as date) between $first and $last
        group by cast(event_ts as date)
    ) as days
    where events <= $most
"""
_SESSIONS = """
    select
        session_id, visitor_id, source, device_type, country, traffic_source, traffic_medium
    from core.fct_sessions
    where not is_bot and cast(started_at as date) between $first and $last
"""
_EVENTS = """
    select
        events.session_id, events.event_ts, events.event_key, events.event_name, events.role,
        events.product_id, events.category, events.brand,
        cast(events.reporting_price as double) as price,
        cast(events.quantity as double) as quantity,
        cast(orders.gross_revenue as double) as revenue
    from core.fct_events as events
    inner join core.fct_sessions as sessions on events.session_id = sessions.session_id
    left join core.fct_orders as orders on events.event_key = orders.event_key
    where
        not sessions.is_bot
        and cast(sessions.started_at as date) between $first and $last
        and not list_contains($left_out, events.event_name)
        -- Of an order its first event alone, which has the value.
        and (events.role is distinct from 'order' or orders.event_key is not null)
"""
_LINES = """
    select
        orders.event_key, items.product_id,
        cast(items.price as double) as price, cast(items.quantity as double) as quantity
    from core.fct_order_items as items
    inner join core.fct_orders as orders on items.order_key = orders.order_key
    where orders.event_date between $first and $last
"""


def _meets_any(fields: tuple[str, ...]) -> bool:
    return not fields or bool(_GIVEN.intersection(fields))


class NothingToResembleError(FootfallError):
    """What is published is too little to fit anything to."""


@dataclass(frozen=True)
class _Choices:
    into: Path
    days: int
    seed: int
    start: date | None
    support: int


def read_log(paths: StatePaths, settings: Settings) -> "tuple[Log, date, list[str]]":
    """Read the log's sessions, as far back as models are trained, or as MOST_EVENTS reach.

    Returns:
        The log, the last published day, and names of event types that cannot be made because
        they require what does not go out.

    Raises:
        NothingPublishedError: no version is served yet.
        UsageError: what is published has no day.
    """
    from ml.simulation.log_model import Log

    left_out = sorted(
        event.name
        for event in registry_of(settings).events.values()
        if event.is_sessionable
        and not (_GIVEN.issuperset(event.requires) and _meets_any(event.requires_any))
    )
    with open_published(paths) as con:
        as_of = _one(con, _AS_OF, {})
        if as_of is None:
            raise UsageError(f"{paths.home}: no day is published yet: run `footfall run`")
        window = timedelta(days=settings.settings.training_window_days - 1)
        days: dict[str, Any] = {"first": as_of - window, "last": as_of}
        days["first"] = _one(con, _FIRST, {**days, "most": MOST_EVENTS}) or as_of
        log = Log(
            sessions=con.execute(_SESSIONS, days).to_arrow_table(),
            events=con.execute(_EVENTS, {**days, "left_out": left_out}).to_arrow_table(),
            lines=con.execute(_LINES, days).to_arrow_table(),
            **days,
        )
        seen = con.execute("select distinct event_name from core.fct_events").fetchall()
    return log, as_of, [name for name in left_out if (name,) in seen]


def run(args: argparse.Namespace, home: Path) -> int:
    """Fit, draw and write; returns the exit code."""
    from dagster_project.cli.simulate import land
    from ml.simulation.log_model import fit_log
    from ml.simulation.log_shoppers import generate

    paths = StatePaths(home)
    choices = _choices(args)
    _refuse_own_folders(choices.into, paths)
    settings = load_settings(paths.settings_file)
    log, as_of, left_out = read_log(paths, settings)
    try:
        model = fit_log(log, support=choices.support)
    except ValueError as error:
        raise NothingToResembleError(f"{home}: {error}") from error
    _refuse_own_folders(choices.into, paths, model.sources)
    start = choices.start or as_of + timedelta(days=1)
    currency = settings.settings.reporting_currency
    try:
        likeness = generate(model, start, choices.days, choices.seed, currency)
        files, lines = land(choices.into, likeness)
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(
        f"{lines} lines in {files} files in {choices.into}: {choices.days} days from {start}, like "
        f"{log.sessions.num_rows} sessions of {log.first} to {log.last}"
    )
    if left_out:
        print(f"left out, for they need what must not go out: {', '.join(left_out)}")
    if model.left_out:
        print(f"left out, for they have too few visitors: {', '.join(model.left_out)}")
    print("to load them, make the folder the landing of another FOOTFALL_HOME, with the sources")
    for source in model.sources:
        print(f"  {source}: {{format: canonical}}")
    if start + timedelta(days=choices.days - 1) > datetime.now(UTC).date():
        print("days to come are loaded when they have come; --start takes an earlier one")
    return 0


def _choices(args: argparse.Namespace) -> _Choices:
    if args.into is None:
        raise UsageError("--like-log: needs --into DIR, a folder outside the state folder")
    if args.into.exists() and not args.into.is_dir():
        raise UsageError(f"--into {args.into}: is no folder")
    support = SUPPORT if args.support is None else args.support
    if support < LEAST_SUPPORT:
        raise UsageError(f"--support {support}: is below {LEAST_SUPPORT}; it would tell of persons")
    return _Choices(
        into=args.into,
        days=args.days,
        seed=args.seed,
        start=args.start,
        support=support,
    )


def _refuse_own_folders(into: Path, paths: StatePaths, sources: Iterable[str] = ()) -> None:
    """Refuse a folder where the log that is resembled takes its files from, by whatever links."""
    own = {paths.home.resolve(), paths.landing.resolve()}
    if paths.landing.is_dir():
        own |= {folder.resolve() for folder in paths.landing.iterdir()}
    for folder in (into.resolve(), *((into / source).resolve() for source in sources)):
        if any(folder == one or one in folder.parents for one in own):
            raise UsageError(
                f"--into {into}: leads into {paths.home}, whose log it is to be like; events that "
                "nobody did must not mix into it: name a folder outside"
            )


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any]) -> date | None:
    row = con.execute(sql, values).fetchone()
    found: date | None = row[0] if row else None
    return found

"""The partitions of everything: arrival dates, UTC.

Belongs here: where they start, and which of them a run covers. Windows are half-open.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from dagster_project.ingest.config import Settings
from dagster_project.ingest.landing import scan_landing
from dagster_project.state import StatePaths


def first_day(paths: StatePaths, settings: Settings | None) -> date:
    """The start that is set, else the first day found in log or landing, else yesterday."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if settings is None:
        return yesterday
    if settings.settings.start is not None:
        return settings.settings.start
    found = [_day(path.name.split("=")[-1]) for path in paths.log_events.glob("arrival_date=*")]
    found += [file.day for file in scan_landing(paths, settings)]
    # A day that has not come yet has no partition.
    return min((day for day in found if day is not None and day <= yesterday), default=yesterday)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def daily_partitions(start: date) -> dg.DailyPartitionsDefinition:
    """Arrival dates from `start` to today: today's is open and takes intraday seals."""
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(), timezone="UTC", fmt="%Y-%m-%d", end_offset=1
    )


def covered_days(context: dg.AssetExecutionContext) -> list[date]:
    """The arrival dates of a run, one or a range, in order."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)

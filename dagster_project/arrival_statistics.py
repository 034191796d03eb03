"""Whether a day's arrivals look like those of the weeks before.

Belongs here: volumes by source and shares of nulls by column against the same weekdays of the four
weeks before, read from the seals and from the footers of the sealed parts: no row is opened.
Findings warn, they never block.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.ingest.seals import Manifest
from dagster_project.state import StatePaths

_WEEKS = 4
# Below this a day says little; above it, less than a third or more than three times the usual
# is worth a look.
_MIN_ROWS = 50
_MIN_WEEKS = 2
_FACTOR = 3.0
_NULL_RISE = 0.2


@dataclass(frozen=True)
class Findings:
    """One line each."""

    volumes: list[str]
    nulls: list[str]


def compare_with_weeks_before(
    paths: StatePaths, manifests: Sequence[Manifest], days: Sequence[date]
) -> Findings:
    """Compare arrival dates with the same weekdays of the four weeks before.

    Args:
        paths: the state folder.
        manifests: all seals.
        days: the dates to look at.

    Raises:
        LogIntegrityError: a part of these days or of the weeks before cannot be read; it is named.
    """
    rows: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    parts: dict[date, list[str]] = defaultdict(list)
    for manifest in manifests:
        for file in manifest.files:
            rows[manifest.arrival_date][file.source] += file.logged
        parts[manifest.arrival_date] += [part.path for part in manifest.parts]
    volumes: list[str] = []
    nulls: list[str] = []
    shares: dict[date, dict[str, float]] = {}
    for day in days:
        before = [day - timedelta(weeks=week) for week in range(1, _WEEKS + 1)]
        known = [one for one in before if one in rows]
        if len(known) < _MIN_WEEKS:
            continue
        volumes += _volume_findings(day, rows[day], [rows[one] for one in known])
        if sum(rows[day].values()) >= _MIN_ROWS:
            for one in (day, *known):
                if one not in shares:
                    shares[one] = _null_shares(paths, parts[one])
            nulls += _null_findings(day, shares[day], [shares[one] for one in known])
    return Findings(volumes, nulls)


def _volume_findings(day: date, now: dict[str, int], before: list[dict[str, int]]) -> list[str]:
    found = []
    for source in sorted({name for week in before for name in week} | set(now)):
        usual = median(week.get(source, 0) for week in before)
        rows = now.get(source, 0)
        if max(usual, rows) < _MIN_ROWS:
            continue
        if rows > _FACTOR * usual or rows < usual / _FACTOR:
            found.append(
                f"{day}: {source} brought {rows} rows; the same weekday usually brings {usual:.0f}"
            )
    return found


def _null_shares(paths: StatePaths, parts: list[str]) -> dict[str, float]:
    nulls: dict[str, int] = defaultdict(int)
    total = 0
    for part in parts:
        footer = _footer(paths, part)
        total += footer.num_rows
        for group in range(footer.num_row_groups):
            for column in range(footer.num_columns):
                chunk = footer.row_group(group).column(column)
                if chunk.statistics is not None and chunk.statistics.has_null_count:
                    nulls[chunk.path_in_schema] += chunk.statistics.null_count
    return {name: count / total for name, count in nulls.items()} if total else {}


def _footer(paths: StatePaths, part: str) -> pq.FileMetaData:
    try:
        return pq.read_metadata(paths.home / part)
    except OSError as error:
        # Arrow's own texts name the whole path, and what they mean is said here already.
        reason = error.strerror or "its end is no Parquet footer"
    except (pa.ArrowException, ValueError):
        reason = "its end is no Parquet footer"
    raise LogIntegrityError(f"{part}: cannot be read ({reason}), and a seal names it")


def _null_findings(day: date, now: dict[str, float], before: list[dict[str, float]]) -> list[str]:
    found = []
    for column, share in sorted(now.items()):
        usual = median(week.get(column, 0.0) for week in before)
        if share > usual + _NULL_RISE:
            found.append(f"{day}: {column} is empty in {share:.0%} of rows; usually in {usual:.0%}")
    return found

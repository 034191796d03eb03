"""Sessions of Snowplow's own test traffic, held against the tables that its publisher expects.

The events are in the form of Snowplow's warehouse table. They become rows of the log here, timed by
the collector as the publisher's sessions are: half of them on their days, half when all is over.
"""

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.laws.log_rows import log_row
from tests.laws.warehouse import Row, Warehouse

Span = tuple[datetime, datetime]


def read(file: Path) -> list[dict[str, str]]:
    """A table's rows."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def utc(text: str) -> datetime:
    """A time as the files write it, naive UTC."""
    given = datetime.fromisoformat(text)
    return (
        (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    )


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "tracker_snowplow_ecommerce"


@pytest.fixture(scope="module")
def web_events(folder: Path) -> list[dict[str, str]]:
    """The web's events; an app's have their session in a context of another tracker."""
    rows = read(folder / "source" / "snowplow_ecommerce_events.csv")
    return [row for row in rows if row["platform"] == "web"]


@pytest.fixture(scope="module")
def sessions(web_events: list[dict[str, str]]) -> list[Row]:
    """What the models make of them, loaded in two runs."""
    times = [utc(row["collector_tstamp"]) for row in web_events]
    last = max(times).date()
    rows = [
        log_row(
            row["event_id"], "product_viewed", at, source="app", source_line=number,
            arrival_date=last if number % 2 else at.date(),
            anonymous_id=row["domain_userid"], source_session_id=row["domain_sessionid"],
        )
        for number, (row, at) in enumerate(zip(web_events, times, strict=True))
    ]  # fmt: skip
    warehouse = Warehouse("UTC")
    early = [row for row in rows if row["arrival_date"] < last]
    for batch in (early, [row for row in rows if row["arrival_date"] == last]):
        warehouse.add_rows(batch)
        days = sorted({row["arrival_date"] for row in batch})
        known = {row["arrival_date"] for row in early} | set(days)
        warehouse.set_days(dict.fromkeys(sorted(known), True))
        warehouse.run(days)
    return warehouse.rows("fct_sessions")


def test_a_session_of_the_tracker_is_one_of_ours(
    sessions: list[Row], web_events: list[dict[str, str]]
) -> None:
    events = Counter(row["domain_sessionid"] for row in web_events)
    assert all(row["is_source_session"] for row in sessions)
    assert {row["source_session_id"]: row["event_count"] for row in sessions} == events
    assert len(sessions) == len(events)


def test_start_and_end_are_those_that_the_publisher_expects(
    sessions: list[Row], folder: Path, web_events: list[dict[str, str]]
) -> None:
    file = folder / "expected" / "default" / "snowplow_ecommerce_sessions_expected.csv"
    ids = {row["domain_sessionid"] for row in web_events}
    expected: dict[str, Span] = {
        row["domain_sessionid"]: (utc(row["start_tstamp"]), utc(row["end_tstamp"]))
        for row in read(file)
        if row["domain_sessionid"] in ids
    }
    found = {row["source_session_id"]: (row["started_at"], row["ended_at"]) for row in sessions}
    assert len(expected) == 62
    assert {key: found[key] for key in expected} == expected
    # One session of a single event is in none of the publisher's tables.
    (more,) = [row for row in sessions if row["source_session_id"] not in expected]
    assert more["event_count"] == 1

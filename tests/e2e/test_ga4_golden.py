"""Inputs and expected tables of another GA4 package's tests, through the models of this one.

Belongs here: channel grouping, last non-direct sessions, users of visitors and conversions of
sessions, each difference by design named. The data is no part of the project: the tests are skipped
where it is absent.
"""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_manifest import DBT_PROJECT
from tests.laws.log_rows import log_row
from tests.laws.warehouse import Warehouse

Row = dict[str, Any]
NOON = datetime(2026, 5, 11, 12)

# What they call otherwise than GA4's rules, by source, medium and campaign, with the rule.
BY_DESIGN = {
    # Paid Shopping asks for a medium that is paid.
    ("alibaba", "", ""): ("Paid Shopping", "Organic Shopping"),
}


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> Path:
    folder = shared_data / "golden_ga4"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: expected tables of a GA4 package are compared")
    return folder


def read(file: Path) -> list[Row]:
    """Rows of a CSV file."""
    with file.open() as text:
        return list(csv.DictReader(text))


def built(rows: list[Row]) -> Warehouse:
    """A warehouse of these rows, with the project's own list of sources."""
    warehouse = Warehouse()
    hosts = [(row["host"], row["kind"]) for row in read(DBT_PROJECT / "seeds/referrer_hosts.csv")]
    warehouse.con.execute("delete from seeds.referrer_hosts")
    warehouse.con.executemany("insert into seeds.referrer_hosts values (?, ?)", hosts)
    warehouse.add_rows(rows)
    warehouse.set_days({row["arrival_date"]: True for row in rows})
    warehouse.run([])
    return warehouse


def test_channels_are_theirs_but_for_those_named(golden):
    folder = golden / "test_macro_default_channel_grouping"
    file = folder / "traffic_data_with_expected_channels.json"
    cases = json.loads(file.read_text())
    warehouse = built([
        log_row(f"{number}", "page_viewed", NOON, anonymous_id=f"{number}",
                utm_source=case["source"], utm_medium=case["medium"],
                utm_campaign=case["campaign"])
        for number, case in enumerate(cases)
    ])  # fmt: skip
    found = warehouse.con.execute(
        "select cast(events.event_id as integer), sessions.channel from core.fct_events as events "
        "inner join core.fct_sessions as sessions on events.session_id = sessions.session_id "
        "order by 1"
    ).fetchall()
    different = {
        (case["source"], case["medium"], case["campaign"]): (case["expected_channel"], channel)
        for case, (_, channel) in zip(cases, found, strict=True)
        if channel != case["expected_channel"]
    }
    assert len(cases) == 30
    assert different == BY_DESIGN


def test_direct_sessions_borrow_from_the_sessions_that_theirs_do(golden):
    folder = golden / "test_stg_ga4__sessions_traffic_sources_last_non_direct_daily"
    sessions = read(folder / "mock_stg_ga4__sessions_traffic_sources_daily_csv.csv")
    warehouse = built([
        log_row(one["session_partition_key"], "page_viewed",
                datetime.fromtimestamp(int(one["session_partition_timestamp"]), UTC).replace(
                    tzinfo=None),
                anonymous_id=one["client_key"], utm_source=one["session_source"],
                utm_medium=one["session_medium"] or None,
                utm_campaign=one["session_campaign"] or None)
        for one in sessions
    ])  # fmt: skip
    found = warehouse.con.execute("""
        select own.event_id, lender.event_id, touches.last_non_direct_source,
            touches.last_non_direct_medium, touches.last_non_direct_campaign
        from core.fct_touchpoints as touches
        inner join core.fct_events as own on touches.session_id = own.session_id
        inner join core.fct_events as lender
            on touches.last_non_direct_session_id = lender.session_id
        order by 1
    """).fetchall()
    assert found == [
        tuple(one[name] for name in (
            "session_partition_key", "session_partition_key_last_non_direct",
            "last_non_direct_source", "last_non_direct_medium", "last_non_direct_campaign",
        ))
        for one in read(folder / "expected_csv.csv")
    ]  # fmt: skip


def test_the_user_of_a_visitor_is_the_last_that_it_showed(golden):
    folder = golden / "test_stg_Ga4__user_id_mapping"
    events = read(folder / "mock_stg_ga4__events_csv.csv")
    warehouse = built([
        log_row(f"{number}", "page_viewed",
                NOON + timedelta(microseconds=int(one["event_timestamp"])),
                anonymous_id=one["client_key"], user_id=one["user_id"] or None)
        for number, one in enumerate(events)
    ])  # fmt: skip
    found = warehouse.con.execute("""
        select persons.user_id, events.anonymous_id
        from core.map_visitor_person as map
        inner join core.dim_persons as persons on map.person_id = persons.person_id
        inner join core.fct_events as events on map.visitor_id = events.visitor_id
        where map.valid_to = timestamp '9999-12-31' and persons.is_known
        group by all order by 2
    """).fetchall()
    expected = read(folder / "expected_csv.csv")
    assert found == [(one["last_seen_user_id"], one["client_key"]) for one in expected]


def test_conversions_of_sessions_and_dates_are_theirs(golden):
    folder = golden / "test_stg_ga4__session_conversions_daily"
    events = read(folder / "mock_stg_ga4__events_csv.csv")
    warehouse = built([
        log_row(f"{number}", one["event_name"], datetime.fromisoformat(one["event_date_dt"]),
                anonymous_id=one["session_key"], source_session_id=one["session_key"])
        for number, one in enumerate(events)
    ])  # fmt: skip
    found = warehouse.con.execute("""
        select source_session_id, cast(event_date as varchar),
            cast(count(*) filter (where event_name = 'my_conversion') as varchar)
        from core.fct_events group by all order by 2, 1
    """).fetchall()
    names = ("session_key", "session_partition_date", "my_conversion_count")
    expected = read(folder / "expected_csv.csv")
    assert found == [tuple(one[name] for name in names) for one in expected]

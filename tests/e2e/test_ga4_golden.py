"""Inputs and expected tables of two other GA4 packages' tests, through the models of this one.

Belongs here: channel grouping, last non-direct sessions, users of visitors and conversions of
sessions, and an export's sessions and order; each difference by design named. The data is no part
of the project: the tests are skipped where it is absent.
"""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_manifest import DBT_PROJECT
from tests.landed_days import land, logged_rows, seal_unchecked, state_with
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


EXPORTED = ("source_medium_input", "form_events_input", "purchase_input")


@pytest.fixture(scope="module")
def export(shared_data: Path) -> Path:
    return shared_data / "tracker_ga4_export"


@pytest.fixture(scope="module")
def exported(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The rows of three days' exports, read as such and built; sessions are the tracker's."""
    paths = state_with(
        tmp_path_factory.mktemp("ga4") / "state",
        "sources: {app: {format: ga4, sessions: source}}\n",
    )
    for name in EXPORTED:
        land(paths, f"app/2024-01-01/{name}.jsonl", (export / f"{name}.ndjson").read_bytes())
    seal_unchecked(paths, "2024-01-01", now="2024-01-02T03:00:00")
    rows = logged_rows(paths)
    assert len(rows) == 3 + 4 + 1
    return built(rows)


def results(export: Path, name: str) -> list[Row]:
    lines = (export / f"{name}_result.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_sessions_of_an_export_are_those_of_a_sessions_model(exported, export):
    found = exported.con.execute("""
        select cast(sessions.started_at as varchar), cast(sessions.ended_at as varchar),
            sessions.device_type, sessions.country, sessions.entry_page, sessions.channel
        from core.fct_sessions as sessions
        inner join core.fct_events as events on sessions.session_id = events.session_id
        where events.source_file like '%source_medium%' order by events.source_line
    """).fetchall()
    expected = [
        (one["session_start"].removesuffix(" UTC"), one["session_end"].removesuffix(" UTC"),
         one["device_category"], one["country"], one["landing_page"]["path"],
         one["last_click_attribution"]["channel"])
        for one in results(export, "source_medium")
    ]  # fmt: skip
    assert len(expected) == 3
    assert found[:2] == expected[:2]
    # By design: without parameters the publisher goes by the referrer, footfall by what the export
    # says that it collected.
    assert (expected[2][-1], found[2][-1]) == ("Referral", "Organic Search")
    assert found[2][:-1] == expected[2][:-1]
    ids = exported.con.execute(
        "select distinct source_session_id from core.fct_sessions where report_date = '2023-10-19'"
    ).fetchall()
    (custom,) = results(export, "custom_session_id")
    assert ids == [(str(custom["session_id"]),)]


def test_the_order_of_an_export_is_that_of_a_sessions_model(exported, export):
    (expected,) = results(export, "purchase")
    lines = sorted(expected["items"], key=lambda line: line["item_id"])
    orders = exported.con.execute(
        "select order_id, cast(gross_revenue as double), cast(items as integer), line_count, "
        "cast(report_date as varchar) from core.fct_orders"
    ).fetchall()
    pieces = sum(line["quantity"] for line in lines)
    assert orders == [
        (expected["transaction_id"], expected["value"], pieces, 2, expected["date"])
    ]  # fmt: skip
    found = exported.con.execute(
        "select product_id, category, brand, cast(price as double), cast(quantity as double), "
        "cast(line_revenue as double) from core.fct_order_items order by 1"
    ).fetchall()
    # Prices are kept to four decimals.
    assert found == [
        (line["item_id"], line["item_category"], line["item_brand"], round(line["price"], 4),
         line["quantity"], round(line["item_revenue"], 4))
        for line in lines
    ]  # fmt: skip


def test_the_days_of_an_export_are_its_rows_counted(exported):
    """Events of a form are in no registry, and make no visit unless the settings say so."""
    found = exported.con.execute(
        "select cast(report_date as varchar), visitors, sessions, page_views, orders, "
        "cast(gross_revenue as double), converting_sessions from marts.kpi_daily "
        "where visitors > 0 order by 1"
    ).fetchall()
    assert found == [("2023-10-19", 3, 3, 3, 0, 0, 0), ("2023-12-15", 1, 1, 0, 1, 31, 1)]
    # The buyer came back from a payment, whose referrer the property lists as unwanted.
    channels = exported.con.execute(
        "select value, orders from marts.kpi_daily_by_dimension "
        "where dimension = 'channel' and orders > 0"
    ).fetchall()
    assert channels == [("Direct", 1)]

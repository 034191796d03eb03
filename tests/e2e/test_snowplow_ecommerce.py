"""E-commerce events of Snowplow's test bench, against the sessions that its own package makes.

The publisher has them as warehouse tables, the canonical event and a table a context; here they are
put back into the lines of enriched TSV that such tables are loaded from, and read as such.
"""

import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.snowplow_tables import enriched_lines, table
from tests.landed_days import land, logged_rows, seal_unchecked, sealed_files, state_with

DAY, NOW = "2022-12-23", "2022-12-24T03:00:00"
Row = dict[str, str]


def rows_by_session(lines: list[str], home: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of the log after these lines, by the tracker's session; none is refused."""
    paths = state_with(home, "sources: {shop: {format: snowplow}}\n")
    land(paths, f"shop/{DAY}/events.tsv", "\n".join(lines).encode())
    seal_unchecked(paths, DAY, now=NOW)
    (file,) = sealed_files(paths).values()
    assert (file.read, file.logged, file.quarantined) == (834, 834, 0)
    sessions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in logged_rows(paths):
        row["properties"] = json.loads(row["properties"])
        sessions[row["source_session_id"]].append(row)
    return sessions


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "tracker_snowplow_ecommerce"


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, Row]:
    rows = table(folder / "expected" / "default", "snowplow_ecommerce_sessions_expected")
    return {row["domain_sessionid"]: row for row in rows}


@pytest.fixture(scope="module")
def sessions(folder: Path, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    lines = enriched_lines(folder / "source", is_collectors_time=False)
    return rows_by_session(lines, tmp_path_factory.mktemp("events") / "state")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("+00:00"))


def times(rows: list[dict[str, Any]], *names: str) -> list[datetime]:
    return sorted(row["event_ts"] for row in rows if not names or row["event_name"] in names)


def test_every_session_of_the_publisher_is_there(sessions, expected):
    # One event whose contexts were not published is of a session that the package never saw.
    (other,) = sessions.keys() - expected.keys()
    assert [row["event_name"] for row in sessions[other]] == ["snowplow_ecommerce_action"]
    assert len(expected.keys() & sessions.keys()) == len(expected) == 63


def test_start_and_end_are_the_publishers_by_the_time_of_the_collector(folder, expected, tmp_path):
    """By design footfall goes by the derived time, the package by the collector's.

    Lines without a derived time have the collector's, and then each start and end is the same.
    """
    lines = enriched_lines(folder / "source", is_collectors_time=True)
    sessions = rows_by_session(lines, tmp_path / "state")
    found = {key: times(sessions[key]) for key in expected}
    assert {key: (time[0], time[-1]) for key, time in found.items()} == {
        key: (instant(row["start_tstamp"]), instant(row["end_tstamp"]))
        for key, row in expected.items()
    }


# What the package counts, and the events that it counts as that. Views of a list are product views
# to it, by design two things to footfall.
COUNTED = {
    "product_views": ("product_viewed", "product_list_viewed"),
    "add_to_carts": ("product_added",),
    "remove_from_carts": ("product_removed",),
}
TIMED = {
    "product_view": COUNTED["product_views"],
    "product_add_to_cart": COUNTED["add_to_carts"],
    "product_remove_from_cart": COUNTED["remove_from_carts"],
}


def test_product_views_adds_and_removes_are_the_publishers(sessions, expected):
    for key, row in expected.items():
        counts = {name: len(times(sessions[key], *events)) for name, events in COUNTED.items()}
        assert counts == {name: int(row[f"number_{name}"] or 0) for name in COUNTED}
        for name, events in TIMED.items():
            found = times(sessions[key], *events)
            assert (found[:1], found[-1:]) == tuple(
                [instant(at)] if (at := row[f"{edge}_{name}"]) else [] for edge in ("first", "last")
            )


def test_orders_and_revenue_are_the_publishers(sessions, expected):
    orders: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for key, rows in sessions.items():
        for row in rows:
            if row["event_name"] == "order_completed":
                # An order that is sent again under another event id is the same order.
                orders[key][row["order_id"]] = row["revenue"]
    found = {key: (len(of), sum(of.values())) for key, of in orders.items()}
    assert found == {
        key: (int(float(row["total_number_transactions"])),
              Decimal(row["total_transaction_revenue"]))
        for key, row in expected.items()
        if row["total_transaction_revenue"]
    }  # fmt: skip
    assert sum(revenue for _, revenue in found.values()) == Decimal("1466094.89")
    assert all(row["currency"] for rows in sessions.values() for row in rows if row["order_id"])


def test_no_address_of_a_user_is_in_the_log(sessions):
    rows = [row for of in sessions.values() for row in of]
    text = json.dumps(rows, default=str)
    assert "peter@snowplowanalytics.com" not in text
    assert any(row["properties"].get("email", "").startswith("e_") for row in rows)

"""Currency rates through the warehouse: what they convert, and what a rate that comes late moves.

Belongs here: amounts by hand, the arrival dates that a changed rate makes owed, and that the tables
then are those of a warehouse built from nothing. Not here: the form of the file
(`unit/ingest/test_rates.py`), nor random histories, which have rates of their own (`tests/laws`).
"""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dagster_project import loading, warehouse
from dagster_project.ingest import seals
from dagster_project.ingest.config import load_settings
from dagster_project.state import StatePaths
from tests.e2e.command import load_and_build, served
from tests.fault_injection import lose_process_at
from tests.landed_days import event, json_lines, land, state_with

SETTINGS = (
    "sources: {shop: {format: canonical}}\n"
    "settings: {rates: rates.csv, reporting_timezone: Europe/Berlin}\n"
)
DAYS = [date(2026, 11, day) for day in (1, 2, 3)]
NOT_COMPARED = {"kpi_values", "customer_changes"}


def order(number: int, at: str, currency: str | None, revenue: str, **more: Any) -> dict[str, Any]:
    money = {"revenue": revenue} | ({"currency": currency} if currency else {})
    return event(
        number, at, event_name="order_completed", order_id=str(number), **{**money, **more}
    )


ARRIVALS = {
    DAYS[0]: [
        order(1, "2026-11-01T10:00:00Z", "USD", "100"),
        order(2, "2026-11-01T10:00:00Z", None, "7"),
    ],
    DAYS[1]: [
        order(3, "2026-11-02T10:00:00Z", "USD", "10"),
        order(4, "2026-11-02T11:00:00Z", "GBP", "50"),
        # In Berlin it is the 2nd already.
        order(5, "2026-11-01T23:30:00Z", "USD", "1000"),
    ],
    # Late, and its value is that of its lines: 2 × 10.01 by 0.9 each to four decimals.
    DAYS[2]: [
        {
            **event(6, "2026-11-01T12:00:00Z", event_name="order_completed", order_id="6"),
            "currency": "USD",
            "properties": {"products": [{"product_id": "p", "price": 10.01, "quantity": 2}]},
        }
    ],
}  # fmt: skip


def rates(paths: StatePaths, *lines: str) -> None:
    (paths.home / "rates.csv").write_text("\n".join(["date,currency,rate", *lines]) + "\n")
    loading.prepare_inputs(paths, load_settings(paths.settings_file))


def revenue(paths: StatePaths) -> dict[int, Any]:
    with served(paths.home) as con:
        rows = con.execute("select report_date, gross_revenue from marts.kpi_daily").fetchall()
    return {day.day: amount for day, amount in rows}


def owed(paths: StatePaths) -> list[date]:
    chain = seals.load_chain(paths)
    return warehouse.owed_days(paths, [(one.sequence, one.arrival_date) for one in chain])


def tables(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    with served(home) as con:
        names = con.execute("select schema_name || '.' || table_name from duckdb_tables()")
        return {
            name: con.execute(f"from {name} order by all").fetchall()
            for (name,) in names.fetchall()
            if name.split(".")[1] not in NOT_COMPARED
        }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    """Three days, by one rate of the first."""
    paths = state_with(tmp_path_factory.mktemp("rates") / "state", SETTINGS)
    (paths.home / "rates.csv").write_text("date,currency,rate\n2026-11-01,USD,0.9\n")
    for day, rows in ARRIVALS.items():
        land(paths, f"shop/{day}/orders.jsonl", json_lines(rows))
    load_and_build(paths.home)
    return paths


@pytest.fixture
def paths(built: StatePaths, tmp_path: Path) -> StatePaths:
    """The same, to be changed."""
    shutil.copytree(built.home, tmp_path / "state", symlinks=True)
    return StatePaths(tmp_path / "state")


def test_amounts_are_converted_by_the_last_rate_of_seven_days(built):
    # 100 × 0.9 + 7 + 2 × 9.009; (10 + 1000) × 0.9. Nobody says what a pound is.
    assert revenue(built) == {1: Decimal("115.0180"), 2: Decimal("909.0000"), 3: 0}
    with served(built.home) as con:
        unpriced = con.execute("select sum(orders_without_value) from marts.kpi_daily").fetchone()
        reported = con.execute(
            "select arrival_date, events_without_rate from dq.arrivals_daily "
            "where events_without_rate > 0"
        ).fetchall()
    assert unpriced == (1,)
    assert reported == [(DAYS[1], 1)]


def test_a_rate_for_a_day_to_come_makes_nothing_stale(paths):
    rates(paths, "2026-11-01,USD,0.9", "2026-11-04,USD,0.7", "2026-11-04,GBP,1.2")
    assert owed(paths) == []


def test_a_rate_that_comes_late_makes_the_events_of_its_dates_again(paths):
    rates(paths, "2026-11-01,USD,0.9", "2026-11-02,USD,0.8", "2026-10-30,GBP,1.25")
    assert owed(paths) == [DAYS[1]]
    load_and_build(paths.home)
    assert revenue(paths) == {1: Decimal("115.0180"), 2: Decimal("870.5000"), 3: 0}
    assert owed(paths) == []
    compare_with_a_new_warehouse(paths)


def test_a_rate_taken_back_and_a_corrected_one_reach_late_arrivals_too(paths):
    rates(paths, "2026-11-02,USD,0.8", "2026-11-01,USD,0.5")
    assert owed(paths) == DAYS
    load_and_build(paths.home)
    rates(paths, "2026-11-02,USD,0.8")
    assert owed(paths) == [DAYS[0], DAYS[2]]
    load_and_build(paths.home)
    assert revenue(paths) == {1: 7, 2: 808, 3: 0}
    compare_with_a_new_warehouse(paths)


def begin(home: Path) -> None:
    warehouse.begin_work(StatePaths(home), [])


def test_a_run_that_dies_leaves_the_dates_owed_whatever_the_rates_are_then(paths):
    rates(paths, "2026-11-02,USD,0.8")
    lose_process_at("work set: written", 1, begin, paths.home)
    rates(paths, "2026-11-01,USD,0.9")
    assert owed(paths) == DAYS


def compare_with_a_new_warehouse(paths: StatePaths) -> None:
    fresh = paths.home.with_name("fresh")
    shutil.copytree(paths.home, fresh, symlinks=True)
    StatePaths(fresh).warehouse_db.unlink()
    load_and_build(fresh)
    assert tables(paths.home) == tables(fresh)

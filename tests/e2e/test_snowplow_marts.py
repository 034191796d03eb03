"""Snowplow's e-commerce test bench, built into marts, against its publisher's expected tables.

Belongs here: sessions, products and days. Not here: what is logged of an event
(`test_snowplow_ecommerce.py`), nor sessions over several loads (`test_tracker_sessions.py`).
"""

from pathlib import Path

import pandas as pd
import pytest

from dagster_project.ingest.config import load_settings
from dagster_project.loading import registry_of
from expectations.contract import event_types_table
from tests.e2e.snowplow_tables import enriched_lines
from tests.landed_days import land, logged_rows, seal_unchecked, state_with
from tests.laws.warehouse import Warehouse

# What happens on a page without an action of commerce makes visits to the publisher.
SETTINGS = """\
sources: {app: {format: snowplow, sessions: source}}
events: {snowplow_ecommerce_action: {sessionable: true}}
"""
DAY, NOW = "2022-12-23", "2022-12-24T03:00:00"


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "tracker_snowplow_ecommerce"


@pytest.fixture(scope="module")
def warehouse(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All events, sessions by the tracker.

    A pound and a dollar are a euro: the publisher adds them up as such.
    """
    paths = state_with(tmp_path_factory.mktemp("snowplow") / "state", SETTINGS)
    lines = enriched_lines(folder / "source", is_collectors_time=False)
    land(paths, f"app/{DAY}/events.tsv", "\n".join(lines).encode())
    seal_unchecked(paths, DAY, now=NOW)
    rows = logged_rows(paths)
    assert len(rows) == 834
    made = Warehouse()
    made.take_any_pace()
    types = event_types_table(registry_of(load_settings(paths.settings_file)))
    made.con.execute("delete from inputs.event_types")
    made.con.register("types", types)
    made.con.execute(
        "insert into inputs.event_types select event_name, is_sessionable, role from types"
    )
    made.con.execute(
        "insert into inputs.rates values ('GBP', '2022-01-01', '2023-01-01', 1), "
        "('USD', '2022-01-01', '2023-01-01', 1)"
    )
    made.add_rows(rows)
    made.set_days({row["arrival_date"]: True for row in rows})
    made.run([])
    return made


def expected(folder: Path, name: str) -> pd.DataFrame:
    """One of the publisher's tables, all texts."""
    file = folder / "expected" / "default" / f"snowplow_ecommerce_{name}_expected.csv"
    return pd.read_csv(file, dtype=str)


@pytest.fixture(scope="module")
def lines(folder: Path) -> pd.DataFrame:
    """The publisher's row a product of an event, in numbers."""
    rows = expected(folder, "product_interactions")
    assert len(rows) == 928
    rows["quantity"] = rows["product_quantity"].astype(float).fillna(1)
    rows["value"] = rows["product_price"].astype(float) * rows["quantity"]
    return rows


@pytest.fixture(scope="module")
def orders(folder: Path) -> pd.DataFrame:
    rows = expected(folder, "transaction_interactions")
    assert len(rows) == 14
    return rows.assign(revenue=rows["transaction_revenue"].astype(float))


def counts(lines: pd.DataFrame, action: str, *keys: str) -> dict[object, int]:
    """Events of an action by keys; an event counts once for a product."""
    some = lines[lines["ecommerce_action_type"] == action]
    return some.groupby(list(keys))["event_id"].nunique().to_dict()


def test_every_product_of_every_day_is_the_publishers(warehouse, lines):
    keys = ("derived_tstamp_date", "product_id")
    actions = ("list_view", "list_click", "product_view", "add_to_cart", "remove_from_cart")
    tables = [counts(lines, action, *keys) for action in actions]
    sold = lines[lines["ecommerce_action_type"] == "transaction"].groupby(list(keys))
    sales = sold.agg(
        orders=("transaction_id", "nunique"), items=("quantity", "sum"), value=("value", "sum")
    )
    back = lines[lines["ecommerce_action_type"] == "refund"].groupby(list(keys))["value"].sum()
    wanted = {}
    for key in {key for one in (*tables, sales.index, back.index) for key in one}:
        sale = tuple(sales.loc[key]) if key in sales.index else (0, 0, 0)
        wanted[key] = (
            *[one.get(key, 0) for one in tables], *sale, back.get(key, 0)
        )  # fmt: skip
    found = warehouse.con.execute(
        "select cast(report_date as varchar), product_id, list_views, list_clicks, product_views, "
        "cart_adds, cart_removals, orders, cast(items as double), cast(gross_revenue as double), "
        "cast(refunds as double) from marts.product_performance"
    ).fetchall()
    assert {tuple(row[:2]): pytest.approx(row[2:], abs=1e-9) for row in found} == wanted
    assert len(found) == 10


def test_every_day_is_the_publishers(warehouse, lines, orders, folder):
    day = "derived_tstamp_date"
    viewed, added, removed = (
        counts(lines, action, day) for action in ("product_view", "add_to_cart", "remove_from_cart")
    )
    sums = orders.groupby(day)["revenue"].agg(["size", "sum"])
    pieces = lines[lines["ecommerce_action_type"] == "transaction"].groupby(day)["quantity"].sum()
    found = warehouse.con.execute(
        "select cast(report_date as varchar), product_views, cart_adds, orders, "
        "cast(gross_revenue as double), cast(items as double) from marts.kpi_daily "
        "where sessions > 0"
    ).fetchall()
    days = [row[0] for row in found]
    assert {*viewed, *added, *removed, *sums.index} < set(days)
    assert len(found) == 7
    for date, *numbers in found:
        count, revenue = tuple(sums.loc[date]) if date in sums.index else (0, 0)
        wanted = [viewed.get(date, 0), added.get(date, 0), count, revenue, pieces.get(date, 0)]
        assert numbers == pytest.approx(wanted, abs=1e-9), date
    # As the publisher has it, an order that was sent twice once.
    assert sum(row[4] for row in found) == pytest.approx(1_466_094.89, abs=1e-6)


def test_every_session_is_the_publishers(warehouse, folder):
    rows = expected(folder, "sessions")
    wanted = {
        row.domain_sessionid: (
            int(row.number_add_to_carts), int(float(row.total_number_transactions)),
            pytest.approx(float(row.total_transaction_revenue), abs=1e-9),
        )
        for row in rows.fillna("0").itertuples()
    }  # fmt: skip
    found = warehouse.con.execute(
        "select source_session_id, cart_adds, orders, cast(revenue as double) "
        "from core.fct_sessions where source_session_id is not null"
    ).fetchall()
    sessions = {key: tuple(numbers) for key, *numbers in found}
    # One event whose contexts were not published is of a session that the package never saw.
    (other,) = sessions.keys() - wanted.keys()
    assert sessions.pop(other) == (0, 0, 0)
    assert sessions == wanted
    assert len(sessions) == 63

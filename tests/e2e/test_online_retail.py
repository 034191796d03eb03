"""305 real days of a British gift retailer: 541,909 receipt lines, every day a partition, in one run.

The figures that the marts are held to are computed here with pandas, from docs/metrics.md and the files
themselves.
"""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.e2e.command import load_and_build, must, served

SETTINGS = """\
settings: {reporting_currency: GBP}
sources:
  retail:
    format: csv
    order_grain: line
    identical_rows: keep
    currency: GBP
    mapping:
      event_name: {sql: "case when InvoiceNo like 'C%' then 'order_refunded' when Quantity like '-%' or
          UnitPrice like '-%' then 'inventory_adjusted' else 'order_completed' end"}
      event_ts: {column: InvoiceDate, format: "%Y-%m-%d %H:%M:%S"}
      user_id: {sql: "regexp_replace(CustomerID, '[.]0$', '')"}
      order_id: InvoiceNo
      product_id: StockCode
      price: UnitPrice
      quantity: Quantity
      country: Country
"""


@pytest.fixture(scope="module")
def receipts(shared_data: Path) -> pd.DataFrame:
    """All receipt lines, with what the definitions make of each."""
    files = sorted((shared_data / "orders_online_retail" / "by-day").glob("*.csv.gz"))
    rows = pd.concat(
        [pd.read_csv(file, dtype=str).assign(file=file.name) for file in files], ignore_index=True
    )
    rows["date"] = pd.to_datetime(rows["InvoiceDate"]).dt.date
    quantity, price = rows["Quantity"].map(Decimal), rows["UnitPrice"].map(Decimal)
    rows["quantity"], rows["value"] = quantity, quantity * price
    is_refund = rows["InvoiceNo"].str.startswith("C")
    is_adjustment = ~is_refund & ((quantity < 0) | (price < 0))
    rows["kind"] = "sale"
    rows.loc[is_refund, "kind"] = "refund"
    rows.loc[is_adjustment, "kind"] = "adjustment"
    return rows


@pytest.fixture(scope="module")
def home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder after one load and one build over all days, the model assets apart."""
    home = tmp_path_factory.mktemp("retail") / "state"
    home.mkdir()
    (home / "footfall.yml").write_text(SETTINGS)
    must(home, "init")
    for file in sorted((shared_data / "orders_online_retail" / "by-day").glob("*.csv.gz")):
        folder = home / "landing" / "retail" / file.name.removesuffix(".csv.gz")
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "receipts.csv.gz")
    # The models of 374 partitions cost minutes and say nothing about these figures.
    load_and_build(home)
    return home


def test_settings_take_fifteen_lines():
    assert 10 <= len(SETTINGS.strip().splitlines()) <= 17


def test_every_row_read_is_accounted_for_by_file(home, receipts):
    files = [
        file
        for manifest in sorted((home / "log" / "manifests").glob("*.json"))
        for file in json.loads(manifest.read_text())["files"]
    ]
    assert len(files) == 305
    for file in files:
        ended = file["logged"] + file["quarantined"] + sum(file["withheld"].values())
        assert file["read"] == ended
    assert sum(file["read"] for file in files) == len(receipts) == 541_909
    assert sum(file["logged"] for file in files) == 541_909


def test_daily_kpis_equal_pandas(home, receipts):
    sales = receipts[receipts["kind"] == "sale"]
    # An order's lines all bear its first line's date, as the definitions say.
    first = sales.groupby("InvoiceNo")["date"].min()
    orders = sales.groupby("InvoiceNo").agg(value=("value", "sum"), items=("quantity", "sum"))
    orders["date"] = first
    refunds = receipts[receipts["kind"] == "refund"].groupby("date")["value"].sum().map(abs)
    by_day = orders.groupby("date").agg(
        orders=("value", "size"), gross=("value", "sum"), items=("items", "sum")
    )
    with served(home) as con:
        found = con.execute(
            "select report_date, orders, gross_revenue, refunds, net_revenue, items, aov "
            "from marts.kpi_daily order by 1"
        ).fetchall()
    assert found[0][0] == receipts["date"].min()
    assert found[-1][0] == receipts["date"].max()
    assert len(found) == (receipts["date"].max() - receipts["date"].min()).days + 1
    assert sum(row[1] for row in found) == len(orders)
    for date, order_count, gross, refunded, net, items, aov in found:
        if date not in by_day.index:
            assert (order_count, gross, items, aov) == (0, 0, 0, None)
            continue
        expected = by_day.loc[date]
        back = refunds.get(date, Decimal(0))
        assert order_count == expected["orders"], date
        assert abs(gross - expected["gross"]) < Decimal("0.001"), date
        assert abs(refunded - back) < Decimal("0.001"), date
        assert abs(net - (expected["gross"] - back)) < Decimal("0.001"), date
        assert items == expected["items"], date
        assert aov == pytest.approx(float(expected["gross"]) / expected["orders"], abs=1e-9), date


def test_recency_frequency_and_monetary_of_every_customer_equal_pandas(home, receipts):
    with Vault.open(StatePaths(home)) as vault:
        known = receipts.dropna(subset=["CustomerID"]).copy()
        known["customer"] = known["CustomerID"].str.removesuffix(".0")
        pseudonyms = vault.pseudonyms("user", "users", sorted(known["customer"].unique()))
    as_of = receipts["date"].max()
    expected = {}
    for customer, rows in known.groupby("customer"):
        sales = rows[rows["kind"] == "sale"]
        back = sum(rows.loc[rows["kind"] == "refund", "value"].map(abs), Decimal(0))
        last = sales.groupby("InvoiceNo")["date"].min().max() if len(sales) else None
        expected[pseudonyms[customer]] = (
            None if last is None else (as_of - last).days,
            sales["InvoiceNo"].nunique(),
            sum(sales["value"], Decimal(0)) - back,
        )
    with served(home) as con:
        found = {
            user: (recency, orders, monetary)
            for user, recency, orders, monetary in con.execute(
                "select user_id, recency_days, order_count, monetary from marts.customer_360"
            ).fetchall()
        }
    assert found.keys() == expected.keys()
    for user, (recency, orders, monetary) in expected.items():
        assert found[user][:2] == (recency, orders)
        assert abs(found[user][2] - monetary) < Decimal("0.001")


def test_the_whole_log_verifies(home):
    assert must(home, "verify").startswith("ok: 3")

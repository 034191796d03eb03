"""305 real days of a British gift retailer: 541,909 receipt lines, a day a partition, in 5 loads.

The first days and the last ones go through `footfall run`, models and all; the months
between are loaded and built alone, since their models cost minutes and say nothing about these
figures. The figures that the marts are held to are computed here with pandas, from docs/metrics.md
and the files themselves.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.e2e.command import begun, load_and_build, must, served
from tests.e2e.retention_by_pandas import (
    assert_cohorts_equal,
    assert_lifecycle_equals,
    retention,
)

SETTINGS = """\
settings: {reporting_currency: GBP}
sources:
  retail:
    format: csv
    order_grain: line
    identical_rows: keep
    currency: GBP
    mapping:
      event_name: {sql: "case when InvoiceNo like 'C%' then 'order_refunded' when Quantity \
like '-%' or UnitPrice like '-%' then 'inventory_adjusted' else 'order_completed' end"}
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


# Days of which there is a file: customers are known as of the last closed day.
RUN_TO = date(2010, 12, 9)
BUILT_TO = (date(2011, 4, 28), date(2011, 8, 31), date(2011, 12, 5))
LAST = date(2011, 12, 9)
AS_OF_DAYS = (RUN_TO, *BUILT_TO, LAST)

Customers = dict[str, tuple[int | None, int, Decimal]]


@dataclass(frozen=True)
class Retail:
    """The state folder at the end, and what was published of the customers on the way.

    Attributes:
        home: the state folder.
        customers: by as-of day and user id: recency, frequency, monetary value.
    """

    home: Path
    customers: dict[date, Customers]


@pytest.fixture(scope="module")
def retail(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Retail:
    """All days, in five loads."""
    home = begun(tmp_path_factory.mktemp("retail"), SETTINGS)
    for file in sorted((shared_data / "orders_online_retail" / "by-day").glob("*.csv.gz")):
        folder = home / "landing" / "retail" / file.name.removesuffix(".csv.gz")
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "receipts.csv.gz")
    with pytest.MonkeyPatch.context() as patch:
        # As many threads as there are processors: tables of this size are built by several.
        patch.delenv("FOOTFALL_THREADS")
        must(home, "run", "--to", str(RUN_TO))
        customers = {RUN_TO: published_customers(home)}
        for last in BUILT_TO:
            load_and_build(home, last)
            customers[last] = published_customers(home)
        must(home, "run")
    customers[LAST] = published_customers(home)
    return Retail(home, customers)


@pytest.fixture(scope="module")
def home(retail: Retail) -> Path:
    return retail.home


def published_customers(home: Path) -> Customers:
    """Recency, frequency and monetary value of every customer as published."""
    with served(home) as con:
        rows = con.execute(
            "select user_id, recency_days, order_count, monetary from marts.customer_360"
        ).fetchall()
    return {user: (recency, orders, monetary) for user, recency, orders, monetary in rows}


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
    for day, order_count, gross, refunded, net, items, aov in found:
        if day not in by_day.index:
            assert (order_count, gross, items, aov) == (0, 0, 0, None)
            continue
        expected = by_day.loc[day]
        back = refunds.get(day, Decimal(0))
        assert order_count == expected["orders"], day
        assert abs(gross - expected["gross"]) < Decimal("0.001"), day
        assert abs(refunded - back) < Decimal("0.001"), day
        assert abs(net - (expected["gross"] - back)) < Decimal("0.001"), day
        assert items == expected["items"], day
        assert aov == pytest.approx(float(expected["gross"]) / expected["orders"], abs=1e-9), day


def test_orders_and_revenue_by_country_equal_pandas(home, receipts):
    sales = receipts[receipts["kind"] == "sale"].sort_values("InvoiceDate", kind="stable")
    orders = sales.groupby("InvoiceNo").agg(
        date=("date", "first"), country=("Country", "first"), value=("value", "sum")
    )
    expected = {
        key: (len(group), group["value"].sum())
        for key, group in orders.groupby(["date", "country"])
    }
    with served(home) as con:
        rows = con.execute(
            "select report_date, value, orders, gross_revenue from marts.kpi_daily_by_dimension "
            "where dimension = 'country' and orders > 0"
        ).fetchall()
    found = {(day, country): (count, gross) for day, country, count, gross in rows}
    assert found.keys() == expected.keys()
    assert len({country for _, country in found}) > 30
    for key, (count, gross) in found.items():
        assert count == expected[key][0], key
        assert abs(gross - expected[key][1]) < Decimal("0.001"), key


@pytest.fixture(scope="module")
def known(home: Path, receipts: pd.DataFrame) -> pd.DataFrame:
    """The lines of customers with an id, with the id that the warehouse knows them by."""
    known = receipts.dropna(subset=["CustomerID"]).copy()
    names = known["CustomerID"].str.removesuffix(".0")
    with Vault.open(StatePaths(home)) as vault:
        pseudonyms = vault.pseudonyms("user", "users", sorted(names.unique()))
    known["user"] = names.map(pseudonyms)
    return known


@pytest.mark.parametrize("as_of", AS_OF_DAYS, ids=str)
def test_recency_frequency_and_monetary_of_every_customer_equal_pandas(retail, known, as_of):
    rows = known[known["file"] <= f"{as_of}.csv.gz"]
    sales = rows[rows["kind"] == "sale"]
    # An order's date is that of its first line.
    orders = sales.groupby(["user", "InvoiceNo"])["date"].min()
    last, frequency = orders.groupby("user").max(), orders.groupby("user").size()
    bought = sales.groupby("user")["value"].sum()
    refunds = rows[rows["kind"] == "refund"]
    back = refunds["value"].map(abs).groupby(refunds["user"]).sum()
    found = retail.customers[as_of]
    assert found.keys() == set(rows["user"])
    for user, (recency, order_count, monetary) in found.items():
        expected = (as_of - last[user]).days if user in last.index else None
        assert (recency, order_count) == (expected, frequency.get(user, 0)), user
        value = bought.get(user, Decimal(0)) - back.get(user, Decimal(0))
        assert abs(monetary - value) < Decimal("0.001"), user


@pytest.mark.parametrize(("period", "frequency"), [("week", "W-SUN"), ("month", "M")])
def test_retention_of_buyers_equals_pandas(home, known, period, frequency):
    sales = known[known["kind"] == "sale"]
    # An order's date is that of its first line; any line is activity.
    orders = sales.groupby("InvoiceNo").agg(user=("user", "first"), date=("date", "min"))
    first = orders.groupby("user")["date"].min()
    expected = retention(first, sales.rename(columns={"user": "person"}), frequency, LAST)
    assert assert_cohorts_equal(home, "order", period, expected) > 90


def test_who_is_new_returns_or_falls_silent_equals_pandas(home, known):
    sales = known[known["kind"] == "sale"]
    found = assert_lifecycle_equals(home, sales.rename(columns={"user": "person"}), LAST)
    assert (found["new"] == sales["user"].nunique()).all()
    assert found.loc["week", "resurrected"] > 1_000


def test_every_product_of_every_day_equals_pandas(home, receipts):
    sales = receipts[receipts["kind"] == "sale"]
    # An order's items count on the date of its first line.
    first = sales.groupby("InvoiceNo")["date"].min()
    sold = sales.assign(date=sales["InvoiceNo"].map(first)).groupby(["date", "StockCode"])
    counts = sold.agg(
        orders=("InvoiceNo", "nunique"), items=("quantity", "sum"), gross=("value", "sum")
    )
    refunds = receipts[receipts["kind"] == "refund"]
    back = refunds["value"].map(abs).groupby([refunds["date"], refunds["StockCode"]]).sum()
    expected = {
        key: (orders, items, gross, Decimal(0))
        for key, orders, items, gross in counts.itertuples(name=None)
    }
    for key, value in back.items():
        *sales_of_it, _ = expected.get(key, (0, Decimal(0), Decimal(0), None))
        if sales_of_it[0] or value:
            expected[key] = (*sales_of_it, value)
    with served(home) as con:
        rows = con.execute(
            "select report_date, product_id, orders, items, gross_revenue, refunds, net_revenue, "
            "product_views, view_to_order_rate from marts.product_performance"
        ).fetchall()
    found = {(day, product): tuple(rest) for day, product, *rest, _, _, _ in rows}
    assert found.keys() == expected.keys()
    assert len(found) == len(rows) > 200_000
    for key, (orders, items, gross, refunded) in expected.items():
        order_count, pieces, revenue, repaid = found[key]
        assert (order_count, pieces) == (orders, items), key
        assert abs(revenue - gross) < Decimal("0.01"), key
        assert abs(repaid - refunded) < Decimal("0.01"), key
    for *_, gross, repaid, net, views, rate in rows:
        assert (net, views, rate) == (gross - repaid, 0, None)


def test_what_is_ordered_with_the_best_sellers_equals_pandas(home, receipts):
    sales = receipts[receipts["kind"] == "sale"]
    first = sales.groupby("InvoiceNo")["date"].min()
    since = LAST - timedelta(days=179)
    baskets = sales.loc[sales["InvoiceNo"].map(first) >= since, ["InvoiceNo", "StockCode"]]
    baskets = baskets.drop_duplicates()
    size = baskets.groupby("InvoiceNo")["StockCode"].transform("size")
    baskets = baskets[size <= 50]
    total, alone = baskets["InvoiceNo"].nunique(), baskets["StockCode"].value_counts()
    best = alone.sort_values(ascending=False).index[:100]
    pairs = baskets[baskets["StockCode"].isin(best)].merge(baskets, on="InvoiceNo")
    pairs = pairs[pairs["StockCode_x"] != pairs["StockCode_y"]]
    both = pairs.groupby(["StockCode_x", "StockCode_y"]).size().rename("both").reset_index()
    both["other"] = both["StockCode_y"].map(alone)
    both = both.sort_values(["StockCode_x", "both", "other", "StockCode_y"],
                            ascending=[True, False, True, True])  # fmt: skip
    expected = [
        (x, y, count, alone[x], other, total)
        for x, y, count, other in both.groupby("StockCode_x")
        .head(20)
        .itertuples(index=False, name=None)
    ]
    with served(home) as con:
        rows = con.execute(
            "select product_id, other_product_id, orders_with_both, orders_with_product, "
            "orders_with_other, orders_in_window, support, confidence, lift "
            "from marts.product_affinity where list_contains(?, product_id) "
            "order by product_id, rank",
            [list(best)],
        ).fetchall()
    assert [row[:6] for row in rows] == expected
    assert len(rows) == 2_000
    for _, _, count, with_product, with_other, _, *ratios in rows:
        lift = count * total / (with_product * with_other)
        assert ratios == pytest.approx([count / total, count / with_product, lift], abs=1e-9)


def test_countries_have_codes_but_for_spellings_of_the_retailers_own(home):
    with served(home) as con:
        rows = con.execute(
            "select distinct country, country_code from core.fct_orders "
            "left join core.dim_countries using (country) where country is not null"
        ).fetchall()
    codes = dict(rows)
    assert {country for country, code in rows if code is None} <= {
        "Channel Islands", "Czech Republic", "EIRE", "European Community", "Hong Kong", "RSA",
        "Unspecified",
    }  # fmt: skip
    assert (codes["United Kingdom"], codes["USA"], codes["EIRE"]) == ("GB", "US", None)
    assert len(codes) > 30


def test_the_main_job_makes_models_of_its_days_and_recommends_nothing_bought(home, known):
    with served(home) as con:
        days = con.execute(
            "select count(distinct partition_date), max(partition_date) from ml.recommendations"
        ).fetchone()
        listed = con.execute(
            "select person_id, product_id, is_baseline from ml.recommendations "
            "where partition_date = ?",
            [LAST],
        ).fetchall()
        person = dict(con.execute("select person_id, user_id from core.dim_persons").fetchall())
        shown = con.execute(
            "select count(*) from marts.customer_360 where len(top_recommendations) > 0"
        ).fetchone()
    # 1 to 9 December 2010 by the first run; 6 to 9 December 2011 by the last.
    assert days == (9 + 4, LAST)
    # On this data the model beats popularity, as the gate of the last days finds.
    assert not all(is_baseline for _, _, is_baseline in listed)
    sales = known[known["kind"] == "sale"]
    bought = set(zip(sales["user"], sales["StockCode"], strict=True))
    assert not bought & {(person[who], product) for who, product, _ in listed}
    assert shown == (len({who for who, _, _ in listed}),)


def test_the_whole_log_verifies(home):
    assert must(home, "verify").startswith("ok: 3")

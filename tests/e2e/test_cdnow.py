"""CDNOW's purchase log of 1997 and 1998: 6,919 orders of 2,357 customers, in one delivery.

Belongs here: that the marts of orders and buyers say what pandas says. Not here: what the models of
lifetime value make of the same log (`tests/integration/ml/test_cdnow.py`).
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.e2e.command import begun, load_and_build, served
from tests.e2e.retention_by_pandas import (
    assert_cohorts_equal,
    assert_lifecycle_equals,
    retention,
)
from tests.landed_days import land

# The contract takes nothing from before 2000 unless the settings say so.
SETTINGS = """\
settings:
  earliest_event_date: 1997-01-01
  reporting_currency: USD
sources:
  cdnow:
    format: csv
    currency: USD
    mapping:
      event_name: {value: order_completed}
      event_ts: {column: date, format: "%Y%m%d"}
      user_id: customer
      order_id: order
      quantity: cds
      revenue: value
"""
FIRST, LAST = date(1997, 1, 1), date(1998, 6, 30)
COLUMNS = ["customer", "sample_id", "date", "cds", "value"]


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> pd.DataFrame:
    """The log's lines as texts; an order has no number of its own, so its line's is taken."""
    file = shared_data / "clv_cdnow_sample" / "CDNOW_sample.txt"
    found = pd.read_csv(file, sep=r"\s+", header=None, names=COLUMNS, dtype=str)
    found["order"] = [str(number) for number in range(1, len(found) + 1)]
    return found


@pytest.fixture(scope="module")
def home(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = begun(tmp_path_factory.mktemp("cdnow"), SETTINGS)
    land(StatePaths(home), f"cdnow/{LAST}/purchases.csv", rows.to_csv(index=False).encode())
    load_and_build(home)
    return home


@pytest.fixture(scope="module")
def orders(rows: pd.DataFrame, home: Path) -> pd.DataFrame:
    """The orders in numbers and dates, each with the id that the warehouse knows its buyer by."""
    with Vault.open(StatePaths(home)) as vault:
        users = vault.pseudonyms("user", "users", sorted(rows["customer"].unique()))
    found = pd.DataFrame({
        "person": rows["customer"].map(users), "number": rows["order"].astype(int),
        "date": pd.to_datetime(rows["date"], format="%Y%m%d").dt.date,
        "items": rows["cds"].astype(int), "value": rows["value"].map(Decimal),
    })  # fmt: skip
    # The data set's own figures.
    assert (len(found), found["person"].nunique(), found["items"].sum()) == (6_919, 2_357, 16_479)
    assert (found["value"].sum(), (found["value"] == 0).sum()) == (Decimal("244091.94"), 8)
    return found


def test_every_day_equals_pandas(home, orders):
    firsts = orders.groupby("person")["date"].min()
    known: set[str] = set()
    net = Decimal(0)
    expected = []
    by_day = dict(tuple(orders.groupby("date")))
    for day in pd.date_range(FIRST, LAST).date:
        mine = by_day.get(day, orders[:0])
        buyers = set(mine["person"])
        # Of one who buys twice on a day, the second order has one before it.
        again = {who for who, count in mine["person"].value_counts().items() if count > 1}
        repeating = (buyers & known) | again
        known |= buyers
        gross = mine["value"].sum() if len(mine) else Decimal(0)
        net += gross
        expected.append((
            day, len(mine), 0, int(mine["items"].sum()), gross, Decimal(0), gross,
            # Times are dates here: who buys on a day is in one visit, and no other.
            len(buyers), len(buyers), len(buyers), int((firsts == day).sum()), len(buyers),
            len(repeating), net, len(known),
            float(gross) / len(mine) if len(mine) else None,
            len(repeating) / len(buyers) if buyers else None, float(net) / len(known),
        ))  # fmt: skip
    with served(home) as con:
        found = con.execute(
            "select report_date, orders, orders_without_value, items, gross_revenue, refunds, "
            "net_revenue, visitors, sessions, converting_sessions, new_visitors, ordering_persons, "
            "repeat_ordering_persons, cumulative_net_revenue, cumulative_buyers, aov, "
            "repeat_purchase_rate, clv_to_date from marts.kpi_daily order by report_date"
        ).fetchall()
    assert len(found) == 546
    assert [row[:15] for row in found] == [row[:15] for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        assert list(row[15:]) == [pytest.approx(value, abs=1e-9) for value in wanted[15:]], row[0]


@pytest.mark.parametrize(("column", "days"), [("dau", 1), ("wau", 7), ("mau", 30)])
def test_active_buyers_of_every_day_equal_pandas(home, orders, column, days):
    bought = orders.groupby("date")["person"].agg(set)
    windows = {
        day: set().union(*bought.loc[(day - pd.Timedelta(days=days - 1)) : day])
        for day in pd.date_range(FIRST, LAST).date
    }
    with served(home) as con:
        found = dict(con.execute(f"select report_date, {column} from marts.kpi_daily").fetchall())
    assert found == {day: len(persons) for day, persons in windows.items()}


def test_every_customer_equals_pandas(home, orders):
    expected = {}
    for person, mine in orders.groupby("person"):
        value, first, last = mine["value"].sum(), mine["date"].min(), mine["date"].max()
        # Times are dates here, so each day of buying is a session, and all of them an event.
        expected[person] = (
            len(mine), mine["date"].nunique(), len(mine), value, value, (LAST - last).days,
            pytest.approx(float(value) / len(mine), abs=1e-9), first, last,
        )  # fmt: skip
    with served(home) as con:
        found = con.execute(
            "select user_id, event_count, session_count, order_count, gross_revenue, monetary, "
            "recency_days, aov, cast(first_order_at as date), cast(last_order_at as date) "
            "from marts.customer_360"
        ).fetchall()
    assert {user: tuple(rest) for user, *rest in found} == expected
    assert len(found) == len(expected) == 2_357


def test_scores_are_fifths_of_the_buyers(home, orders):
    by = orders.groupby("person").agg(
        last=("date", "max"), frequency=("number", "size"), monetary=("value", "sum")
    )
    with served(home) as con:
        persons = dict(con.execute("select user_id, person_id from core.dim_persons").fetchall())
        found = con.execute(
            "select person_id, recency_score, frequency_score, monetary_score, rfm_segment "
            "from marts.customer_360"
        ).fetchall()
    # Ties go by the person's id, which only the warehouse makes.
    by.index = by.index.map(persons)
    scores = {}
    for column in ("last", "frequency", "monetary"):
        ranked = sorted(by.index, key=lambda person: (by.at[person, column], person))
        # 2,357 are five groups of 471 and two over, one more for each of the first two.
        cuts = [472, 944, 1_415, 1_886, 2_357]
        scores[column] = {
            person: next(score for score, cut in enumerate(cuts, start=1) if place < cut)
            for place, person in enumerate(ranked)
        }
    for person, *three, segment in found:
        assert three == [scores[column][person] for column in scores], person
        assert segment == "".join(map(str, three))
    assert len(found) == 2_357


@pytest.mark.parametrize(
    ("period", "frequency", "least"), [("week", "W-SUN", 300), ("month", "M", 40)]
)
@pytest.mark.parametrize("cohort_type", ["order", "visit"])
def test_retention_of_buyers_equals_pandas(home, orders, cohort_type, period, frequency, least):
    first = orders.groupby("person")["date"].min()
    expected = retention(first, orders, frequency, LAST)
    assert assert_cohorts_equal(home, cohort_type, period, expected) > least


def test_who_is_new_returns_or_falls_silent_equals_pandas(home, orders):
    found = assert_lifecycle_equals(home, orders, LAST)
    assert (found["new"] == 2_357).all()
    assert found.loc["month", "resurrected"] > 1_000


def test_every_model_of_attribution_gives_every_order_to_the_one_channel(home, orders):
    expected = {day: (len(mine), mine["value"].sum()) for day, mine in orders.groupby("date")}
    with served(home) as con:
        found = con.execute(
            "select model, channel, report_date, conversions, credit from marts.attribution"
        ).fetchall()
    models = {model for model, *_ in found}
    assert len(models) == 8
    assert {channel for _, channel, *_ in found} == {"Direct"}
    for model in models:
        assert {
            day: (conversions, credit)
            for name, _, day, conversions, credit in found
            if name == model
        } == expected

"""A real shop's clickstream, imported as one historical file: sessions, conversion and its funnel, against pandas."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.command import load_and_build, must, served

SETTINGS = """\
sources:
  shop:
    format: csv
    mapping:
      event_name: {column: event, values: {main: page_viewed, catalog: product_list_viewed, product1: product_viewed,
        product2: product_viewed, cart: cart_viewed, delivery_choice: checkout_started,
        delivery_courier: checkout_step_completed, delivery_pickup: checkout_step_completed,
        payment_choice: payment_info_entered, payment_card: checkout_step_viewed,
        payment_cash: checkout_step_viewed, payment_done: order_completed, lost: path_lost}}
      event_ts: timestamp
      anonymous_id: user_id
      product_id: {sql: "case when event like 'product%' then event end"}
events:
  path_lost: {sessionable: true}
funnels:
  purchase:
    window: 365 days
    steps: [product_list_viewed, cart_viewed, checkout_started, payment_info_entered, order_completed]
"""


@pytest.fixture(scope="module")
def clicks(shared_data: Path) -> pd.DataFrame:
    """The log with its sessions: a gap of more than 30 minutes opens a new one."""
    file = shared_data / "clickstream_simple_shop" / "simple-onlineshop.csv.gz"
    rows = pd.read_csv(file, parse_dates=["timestamp"], dtype={"user_id": str})
    rows = rows.sort_values(["user_id", "timestamp"], kind="stable")
    gap = rows.groupby("user_id")["timestamp"].diff() > timedelta(minutes=30)
    opens = gap | (rows["user_id"] != rows["user_id"].shift())
    rows["session"] = opens.cumsum()
    return rows


@pytest.fixture(scope="module")
def home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("clicks") / "state"
    home.mkdir()
    (home / "footfall.yml").write_text(SETTINGS)
    must(home, "init")
    file = shared_data / "clickstream_simple_shop" / "simple-onlineshop.csv.gz"
    must(home, "import", "shop", str(file))
    load_and_build(home)
    return home


def test_sessions_of_every_day_equal_pandas(home, clicks):
    sessions = clicks.groupby("session").agg(
        started=("timestamp", "min"), converts=("event", lambda names: "payment_done" in set(names))
    )
    by_day = sessions.groupby(sessions["started"].dt.date).agg(
        sessions=("converts", "size"), converting=("converts", "sum")
    )
    with served(home) as con:
        found = con.execute(
            "select report_date, sessions, session_conversion_rate from marts.kpi_daily order by 1"
        ).fetchall()
    assert sum(row[1] for row in found) == len(sessions) == 6_454
    for date, count, rate in found:
        if date not in by_day.index:
            assert (count, rate) == (0, None)
            continue
        assert count == by_day.loc[date, "sessions"], date
        expected = by_day.loc[date, "converting"] / by_day.loc[date, "sessions"]
        assert rate == pytest.approx(expected, abs=1e-9), date


def test_the_funnel_counts_the_persons_that_its_publisher_counts(home):
    with served(home) as con:
        found = con.execute(
            "select step, count(distinct unit_id) from core.fct_funnel_entries, range(1, 6) as steps(step) "
            "where reached >= step group by step order by step"
        ).fetchall()
    assert [persons for _, persons in found] == [3_611, 1_924, 1_356, 958, 653]

"""A real shop's half year, delayed, doubled, shuffled and killed: the tables of one plain run.

A fifth of the rows arrives up to twenty days late, a twentieth comes twice, days are materialised
in an order of chance, several or one at a time, and some runs are killed. Whatever came of it
equals a single run over the same rows, each of which arrived on its own day, with the same last
day: in every table, row for row, but for the columns and the schema that are about arrival.

All rows go through the models' compiled SQL; three busy weeks through ingest, vault and dbt.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pandas as pd
import pytest

from dagster_project import dbt_build, loading, warehouse
from dagster_project.ingest.config import load_settings
from dagster_project.state import StatePaths
from tests.e2e.command import must
from tests.laws.harness import (
    TABLES,
    kill_of,
    load,
    rebuild,
    sorted_rows,
    start,
)  # fmt: skip
from tests.laws.histories import History, Run, number_lines
from tests.laws.log_rows import log_row
from tests.laws.warehouse import Row, Warehouse

ARRIVAL_COLUMNS = {
    "arrival_date", "source_file", "source_line", "contract_version", "is_late_changed",
    "fast_from_arrival_date",
}  # fmt: skip
LATE_SHARE, LONGEST_DELAY, SENT_AGAIN_SHARE = 0.20, 20, 0.05
Day = date


@dataclass(frozen=True)
class Delivery:
    """A row of the file, by its place, and the day on which it arrives."""

    row: int
    arrived: Day


def deliveries(rng: Random, happened: Sequence[Day]) -> list[Delivery]:
    """When rows arrive: a fifth late, a twentieth a second time, that one late or not as well."""

    def arrival(day: Day) -> Day:
        late = rng.randint(1, LONGEST_DELAY) if rng.random() < LATE_SHARE else 0
        return day + timedelta(days=late)

    found = []
    for row, day in enumerate(happened):
        found.append(Delivery(row, arrival(day)))
        if rng.random() < SENT_AGAIN_SHARE:
            found.append(Delivery(row, arrival(day)))
    rng.shuffle(found)
    return found


def in_shuffled_runs(rng: Random, days: Sequence[Day], most: int) -> list[list[Day]]:
    """Days in an order of chance, up to so many of them together."""
    left = rng.sample(sorted(days), len(days))
    runs = []
    while left:
        size = rng.randint(1, most)
        runs.append(sorted(left[:size]))
        left = left[size:]
    return runs


@pytest.fixture(scope="module")
def clicks(shared_data: Path) -> pd.DataFrame:
    """The log, with values and numbers of its orders from the other file about the same users."""
    folder = shared_data / "clickstream_simple_shop"
    rows = pd.read_csv(folder / "simple-onlineshop.csv.gz", dtype=str)
    orders = pd.read_csv(folder / "ab_test_demo.csv.gz", dtype=str).dropna(subset="transaction_ID")
    orders = orders[["user_id", "timestamp", "event", "transaction_value", "transaction_ID"]]
    orders.columns = ["user_id", "timestamp", "event", "value", "order"]
    rows = rows.merge(orders, how="left", on=["user_id", "timestamp", "event"], validate="1:1")
    rows["at"] = pd.to_datetime(rows["timestamp"])
    return rows


NAMES = {
    "main": "page_viewed", "catalog": "product_list_viewed", "product1": "product_viewed",
    "product2": "product_viewed", "cart": "product_added", "delivery_choice": "checkout_started",
    "payment_choice": "payment_info_entered", "payment_done": "order_completed",
}  # fmt: skip


def log_rows(clicks: pd.DataFrame) -> list[Row]:
    """Rows of the log, in the names of the law tests' shop; the others are not registered."""
    text = clicks.astype(object).where(clicks.notna(), None)
    return [
        log_row(
            f"e{place}", NAMES.get(row.event, row.event), row.at.to_pydatetime(),
            anonymous_id=row.user_id, order_id=row.order,
            product_id=row.event if row.event.startswith("product") else None,
            revenue=None if row.value is None else Decimal(row.value),
        )
        for place, row in enumerate(text.itertuples())
    ]  # fmt: skip


def plain_history(rows: Sequence[Row], last: Day) -> History:
    """Every row arrives on its own day, all in one run; `last` is a day without rows."""
    seals: dict[Day, list[Row]] = defaultdict(list)
    for row in rows:
        seals[row["arrival_date"]].append(dict(row))
    seals[last] += []
    return history_of(seals, [sorted(seals)], [])


def history_of(
    seals: dict[Day, list[Row]], runs: Sequence[Sequence[Day]], killed: Sequence[int]
) -> History:
    """A seal a day; some runs are killed half way, of which every second one comes again."""
    for day, rows in seals.items():
        number_lines(rows, f"{day}/a.jsonl")
    plan: list[Run] = []
    visible: dict[Day, int] = {}
    for number, days in enumerate(runs):
        visible |= dict.fromkeys(days, 1)
        run = Run(tuple(days), dict(visible))
        if number in killed:
            place = killed.index(number)
            plan.append(Run(run.days, run.visible, 0.2 + 0.7 * place / len(killed)))
            if place % 2:
                continue
        plan.append(run)
    return History({day: (tuple(rows),) for day, rows in sorted(seals.items())}, tuple(plan))


def follow(history: History) -> Warehouse:
    """All runs of a history, unjudged."""
    followed = Warehouse()
    for number, run in enumerate(history.plan):
        load(history, number, followed)
        start(followed, run.days, kill_of(history, number, followed.models))
    return followed


@dataclass(frozen=True)
class Compared:
    """The shuffled history at its end, and the plain one."""

    sent: list[Delivery]
    shuffled: Warehouse
    plain: Warehouse


@pytest.fixture(scope="module")
def compared(clicks: pd.DataFrame) -> Iterator[Compared]:
    rng, rows = Random(20191101), log_rows(clicks)
    sent = deliveries(rng, [row["arrival_date"] for row in rows])
    seals: dict[Day, list[Row]] = defaultdict(list)
    for one in sent:
        seals[one.arrived].append(dict(rows[one.row], arrival_date=one.arrived))
    runs = in_shuffled_runs(rng, list(seals), 12)
    killed = sorted(rng.sample(range(len(runs) - 1), 6))
    shuffled = follow(history_of(seals, runs, killed))
    plain = rebuild(plain_history(rows, max(seals)))
    yield Compared(sent, shuffled, plain)
    for one_of_both in (shuffled, plain):
        one_of_both.con.close()


def test_the_history_is_as_wild_as_it_should_be(compared, clicks):
    rows = len(clicks)
    twice = len(compared.sent) - rows
    assert rows == 35_381
    assert twice == pytest.approx(SENT_AGAIN_SHARE * rows, rel=0.1)
    happened = [at.date() for at in clicks["at"]]
    delays = [(one.arrived - happened[one.row]).days for one in compared.sent]
    assert sum(delay > 0 for delay in delays) == pytest.approx(LATE_SHARE * len(delays), rel=0.1)
    assert max(delays) == LONGEST_DELAY
    assert len(compared.shuffled.rows("fct_event_duplicates")) == twice
    assert len(compared.plain.rows("fct_event_duplicates")) == 0


def test_orders_and_revenue_of_the_shuffled_history_equal_pandas(compared, clicks):
    done = clicks[clicks["event"] == "payment_done"]
    orders = compared.shuffled.rows("fct_orders")
    assert len(orders) == done["order"].nunique()
    first = done.sort_values("at").drop_duplicates("order")
    assert first["value"].notna().all()
    stated = sum((Decimal(value) for value in first["value"]), Decimal(0))
    assert sum((row["gross_revenue"] for row in orders), Decimal(0)) == stated


# What arrived twice is in none of the tables but its own.
@pytest.mark.parametrize(
    "table",
    sorted(set(TABLES) - {"arrivals_daily", "arrivals_by_report_date", "fct_event_duplicates"}),
)
def test_every_table_of_the_shuffled_history_equals_that_of_a_plain_run(compared, table):
    found = sorted_rows(compared.shuffled, table, ARRIVAL_COLUMNS)
    assert found == sorted_rows(compared.plain, table, ARRIVAL_COLUMNS)


def test_a_single_row_that_gets_lost_would_be_seen(compared):
    compared.shuffled.con.execute("begin")
    compared.shuffled.con.execute(
        "delete from core.fct_events where event_key = (select max(event_key) from core.fct_events)"
    )
    found = sorted_rows(compared.shuffled, "fct_events", ARRIVAL_COLUMNS)
    compared.shuffled.con.execute("rollback")
    assert found != sorted_rows(compared.plain, "fct_events", ARRIVAL_COLUMNS)


SETTINGS = """\
sources:
  shop:
    format: csv
    mapping:
      event_name: {column: event, values: {main: page_viewed, catalog: product_list_viewed,
        product1: product_viewed, product2: product_viewed, cart: cart_viewed,
        delivery_choice: checkout_started,
        delivery_courier: checkout_step_completed, delivery_pickup: checkout_step_completed,
        payment_choice: payment_info_entered, payment_card: checkout_step_viewed,
        payment_cash: checkout_step_viewed, payment_done: order_completed, lost: path_lost}}
      event_ts: timestamp
      anonymous_id: user_id
      order_id: order
      revenue: value
      product_id: {sql: "case when event like 'product%' then event end"}
events:
  path_lost: {sessionable: true}
funnels:
  purchase:
    window: 7 days
    steps: [product_list_viewed, cart_viewed, payment_info_entered, order_completed]
"""
WEEKS = (date(2020, 4, 8), date(2020, 4, 28))


def land(home: Path, clicks: pd.DataFrame, sent: Sequence[Delivery]) -> list[Day]:
    """Put rows into landing by the day of their arrival; gives the days."""
    by_day: dict[Day, list[int]] = defaultdict(list)
    for one in sent:
        by_day[one.arrived].append(one.row)
    columns = ["user_id", "event", "timestamp", "value", "order"]
    for day, places in by_day.items():
        folder = home / "landing" / "shop" / day.isoformat()
        folder.mkdir(parents=True)
        clicks.iloc[places][columns].to_csv(folder / "clicks.csv", index=False)
    return sorted(by_day)


def load_days(home: Path, days: Sequence[Day], *, dies: bool) -> None:
    """Load and seal days and build what follows; or die after two thirds of the models."""
    paths = StatePaths(home)
    settings = load_settings(paths.settings_file)
    assert not loading.load_days(paths, settings, days, datetime.now(UTC)).refused
    owed = warehouse.begin_work(paths, days)
    assert set(days) <= set(owed)
    manifest = dbt_build.read_manifest(paths)
    names = models_in_order(manifest)
    if dies:
        names = names[: 2 * len(names) // 3]
    results = dbt_build.build(paths, ["referrer_hosts", *names])
    assert [one for one in results if not one.is_good] == []
    if not dies:
        warehouse.strike_off(paths, dbt_build.outboxes(manifest))


def models_in_order(manifest: dict[str, Any]) -> list[str]:
    """Names of all models, each after those that it reads."""
    left = {
        key: node
        for key, node in sorted(manifest["nodes"].items())
        if node["resource_type"] == "model"
    }
    names: list[str] = []
    while left:
        ready = [
            key for key, node in left.items() if not set(node["depends_on"]["nodes"]) & set(left)
        ]
        names += [left.pop(key)["name"] for key in ready]
    return names


@dataclass(frozen=True)
class Homes:
    """Two state folders with three weeks in them, of so many rows, some of them sent twice."""

    shuffled: Path
    plain: Path
    rows: int
    sent_twice: int


@pytest.fixture(scope="module")
def homes(clicks: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Three weeks by ingest and dbt: shuffled with a killed run, and plain with the same vault."""
    rng, weeks = Random(3), clicks[clicks["at"].dt.date.between(*WEEKS)].reset_index(drop=True)
    happened = [at.date() for at in weeks["at"]]
    shuffled, plain = (tmp_path_factory.mktemp(name) / "state" for name in ("shuffled", "plain"))
    for home in (shuffled, plain):
        home.mkdir()
        (home / "footfall.yml").write_text(SETTINGS)
    must(shuffled, "init")
    sent = deliveries(rng, happened)
    days = land(shuffled, weeks, sent)
    order = rng.sample(days, len(days))
    third = len(days) // 3
    load_days(shuffled, sorted(order[:third]), dies=False)
    load_days(shuffled, sorted(order[third : 2 * third]), dies=True)
    load_days(shuffled, sorted(order[2 * third :]), dies=False)

    shutil.copytree(shuffled / "secrets", plain / "secrets")
    land(plain, weeks, [Delivery(row, day) for row, day in enumerate(happened)])
    # Up to the same last day, on which nothing arrives any more.
    span = (days[-1] - WEEKS[0]).days
    load_days(plain, [WEEKS[0] + timedelta(days=number) for number in range(span + 1)], dies=False)
    return Homes(shuffled, plain, len(weeks), len(sent) - len(weeks))


def test_three_weeks_by_ingest_and_dbt_equal_a_plain_run_with_the_same_vault(homes):
    with duckdb.connect() as con:
        for name, home in (("shuffled", homes.shuffled), ("plain", homes.plain)):
            con.execute(f"attach '{home}/warehouse/footfall.duckdb' as {name} (read_only)")
        columns = con.execute(
            "select schema_name || '.' || table_name, list(column_name order by column_index) "
            "from duckdb_columns() where database_name = 'plain' "
            "and schema_name in ('core', 'marts', 'intermediate') and (schema_name, table_name) in "
            "(select (schema_name, table_name) from duckdb_tables()) group by 1"
        ).fetchall()
        assert {"core.fct_events", "core.fct_sessions", "marts.kpi_daily"} <= {
            t for t, _ in columns
        }
        differ = []
        for table, names in columns:
            kept = ", ".join(name for name in names if name not in ARRIVAL_COLUMNS)
            sides = [f"select {kept} from {name}.{table}" for name in ("shuffled", "plain")]
            for one, other in (sides, sides[::-1]):
                rows = con.execute(f"select count(*) from ({one} except all {other})").fetchall()
                if rows != [(0,)] and table != "core.fct_event_duplicates":
                    differ.append((table, rows))
        assert differ == []
        twice, late, all_rows = con.execute(
            "select (select count(*) from shuffled.core.fct_event_duplicates), "
            "count(*) filter (where arrival_date > event_date), count(*) "
            "from shuffled.core.fct_events"
        ).fetchall()[0]
    assert (twice, all_rows) == (homes.sent_twice, homes.rows)
    assert late == pytest.approx(LATE_SHARE * homes.rows, rel=0.2)

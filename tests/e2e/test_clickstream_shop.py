"""A real shop's clickstream, imported as one historical file.

Sessions, conversion, the funnel, retention and carts are held against pandas.
"""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.e2e.command import begun, load_and_build, must, served
from tests.e2e.funnels_by_pandas import (
    furthest_attempts,
    looks_of_a_day,
    steps_of,
    until_lost,
)
from tests.e2e.retention_by_pandas import (
    assert_cohorts_equal,
    assert_lifecycle_equals,
    retention,
)

# The log knows the cart's page alone, seen once something was put in: it stands for that.
SETTINGS = """\
sources:
  shop:
    format: csv
    mapping:
      event_name: {column: event, values: {main: page_viewed, catalog: product_list_viewed,
        product1: product_viewed, product2: product_viewed, cart: product_added,
        delivery_choice: checkout_started,
        delivery_courier: checkout_step_completed, delivery_pickup: checkout_step_completed,
        payment_choice: payment_info_entered, payment_card: checkout_step_viewed,
        payment_cash: checkout_step_viewed, payment_done: order_completed, lost: path_lost}}
      event_ts: timestamp
      anonymous_id: user_id
      product_id: {sql: "case when event like 'product%' or event = 'cart' then event end"}
      category: {sql: "case when event like 'product%' then event end"}
events:
  path_lost: {sessionable: true}
funnels:
  purchase:
    window: 365 days
    steps: [product_list_viewed, product_added, checkout_started, payment_info_entered,
      order_completed]
  seen_again:
    window: 1 day
    hold: product_id
    steps: [product_viewed, product_viewed, product_viewed]
  not_lost:
    window: 7 days
    exclude: path_lost
    steps: [product_viewed, product_added, order_completed]
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
    home = begun(tmp_path_factory.mktemp("clicks"), SETTINGS)
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


def test_views_of_each_product_and_day_equal_pandas(home, clicks):
    # What is put into the cart goes by its page's name; nobody views that as a product.
    used = clicks[clicks["event"].str.startswith("product") | (clicks["event"] == "cart")]
    is_view = used["event"].str.startswith("product")
    expected = is_view.groupby([used["timestamp"].dt.date, used["event"]]).sum().to_dict()
    with served(home) as con:
        rows = con.execute(
            "select report_date, product_id, product_views from marts.product_performance"
        ).fetchall()
    assert {(day, product): count for day, product, count in rows} == expected
    assert len(rows) == len(expected) > 200


def test_the_funnel_counts_the_persons_that_its_publisher_counts(home):
    with served(home) as con:
        found = con.execute(
            "select step, count(distinct unit_id) "
            "from core.fct_funnel_entries, range(1, 6) as steps(step) "
            "where reached >= step and funnel = 'purchase' group by step order by step"
        ).fetchall()
    assert [persons for _, persons in found] == [3_611, 1_924, 1_356, 958, 653]


@pytest.fixture(scope="module")
def entries(clicks: pd.DataFrame) -> pd.DataFrame:
    """An entry a person and date of a catalogue view: the date, and the times of the steps reached.

    The log is shorter than the funnel's window, so of a date's attempts the first gets furthest:
    each next step is the first one of its name at or after the step before.
    """
    names = ["catalog", "cart", "delivery_choice", "payment_choice", "payment_done"]
    assert clicks["timestamp"].max() - clicks["timestamp"].min() < timedelta(days=365)
    found = []
    for _, mine in clicks.groupby("user_id"):
        times = {name: mine.loc[mine["event"] == name, "timestamp"].to_numpy() for name in names}
        starts = pd.Series(times["catalog"])
        for day, entered in starts.groupby(starts.dt.date).min().items():
            reached = [entered.to_datetime64()]
            for name in names[1:]:
                place = times[name].searchsorted(reached[-1])
                if place == len(times[name]):
                    break
                reached.append(times[name][place])
            found.append({"day": day, "reached": len(reached), "times": reached})
    return pd.DataFrame(found)


def test_every_step_of_the_funnel_equals_pandas_on_every_day(home, entries):
    with served(home) as con:
        rows = con.execute(
            "select entry_date, step, entrants, conversions, rate_from_previous, rate_from_first, "
            "median_seconds_from_previous, p90_seconds_from_previous, median_seconds_from_first, "
            "p90_seconds_from_first from marts.funnel_steps "
            "where funnel = 'purchase' and dimension = '(all)'"
        ).fetchall()
    by_step = {(day, step): rest for day, step, *rest in rows}
    assert by_step.keys() == {(day, step) for day in set(entries["day"]) for step in range(1, 6)}
    for day, of_day in entries.groupby("day"):
        for step in range(1, 6):
            entrants, conversions, from_previous, from_first, *seconds = by_step[day, step]
            came = int((of_day["reached"] >= max(step - 1, 1)).sum())
            went_on = of_day[of_day["reached"] >= step]
            assert (entrants, conversions) == (came, len(went_on)), (day, step)
            expected = len(went_on) / came if came else None
            assert from_previous == (None if expected is None else pytest.approx(expected))
            assert from_first == pytest.approx(len(went_on) / len(of_day))
            if step == 1 or went_on.empty:
                assert seconds == [None] * 4
                continue
            times = np.array(list(went_on["times"].str[:step]))
            gaps = (times[:, [step - 1]] - times[:, [step - 2, 0]]) / np.timedelta64(1, "s")
            wanted = np.quantile(gaps, [0.5, 0.9], axis=0).T.ravel()
            assert np.allclose(seconds, wanted, rtol=0, atol=1e-6), (day, step)


def test_the_funnels_days_add_up_to_the_entries_of_all_persons(home, entries, clicks):
    with served(home) as con:
        sums = con.execute(
            "select step, sum(entrants), sum(conversions) from marts.funnel_steps "
            "where funnel = 'purchase' and dimension = '(all)' group by step order by step"
        ).fetchall()
    views = clicks[clicks["event"] == "catalog"]
    person_days = len(set(zip(views["user_id"], views["timestamp"].dt.date, strict=True)))
    assert sums[0] == (1, person_days, person_days)
    for step, entrants, conversions in sums[1:]:
        assert entrants == sums[step - 2][2]
        assert conversions == (entries["reached"] >= step).sum()


def steps_in(home: Path, funnel: str, dimension: str) -> dict[tuple, tuple]:
    """The same of the warehouse, by date, value and step."""
    with served(home) as con:
        rows = con.execute(
            "select entry_date, value, step, conversions, median_seconds_from_first, "
            "p90_seconds_from_first from marts.funnel_steps where funnel = ? and dimension = ?",
            [funnel, dimension],
        ).fetchall()
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}


def test_a_product_seen_again_equals_pandas_on_every_day(home, clicks):
    expected = {
        (day, "(all)", step): pytest.approx(row, abs=1e-6)
        for day, of_day in furthest_attempts(clicks, looks_of_a_day).groupby("day")
        for step, row in steps_of(of_day, 3).items()
    }
    found = steps_in(home, "seen_again", "(all)")
    assert found == expected
    # Some come back twice, and not all of them.
    sums = [sum(row[0] for key, row in found.items() if key[2] == step) for step in (1, 2, 3)]
    assert sums[0] > sums[1] > sums[2] > 0


def test_orders_before_the_path_is_lost_equal_pandas_by_day_and_page(home, clicks):
    expected = {
        (day, page, step): pytest.approx(row, abs=1e-6)
        for (day, page), mine in furthest_attempts(clicks, until_lost).groupby(["day", "page"])
        for step, row in steps_of(mine, 3).items()
    }
    found = steps_in(home, "not_lost", "category")
    assert found == expected
    assert {value for _, value, _ in found} == {"product1", "product2"}


def test_the_values_of_each_dimension_add_up_to_the_whole(home):
    with served(home) as con:
        sums = con.execute(
            "select dimension, list(counts order by funnel, entry_date, step) from (select "
            "dimension, funnel, entry_date, step, [sum(entrants), sum(conversions)] as counts "
            "from marts.funnel_steps group by all) group by dimension"
        ).fetchall()
    by_dimension = dict(sums)
    assert by_dimension.keys() == {
        "(all)", "device_type", "country", "source", "channel", "category"
    }  # fmt: skip
    assert all(counts == by_dimension["(all)"] for counts in by_dimension.values())


@pytest.fixture(scope="module")
def active(clicks: pd.DataFrame) -> pd.DataFrame:
    """A visitor is a person here, and each of its events is activity."""
    return pd.DataFrame({"person": clicks["user_id"], "date": clicks["timestamp"].dt.date})


@pytest.mark.parametrize(
    ("period", "frequency", "least"),
    [("day", "D", 400), ("week", "W-SUN", 100), ("month", "M", 10)],
)
def test_retention_of_visitors_equals_pandas(home, active, period, frequency, least):
    first = active.groupby("person")["date"].min()
    expected = retention(first, active, frequency, max(active["date"]))
    assert assert_cohorts_equal(home, "visit", period, expected) > least
    began = sum(size for (_, offset), (size, *_) in expected.items() if offset == 0)
    assert began == active["person"].nunique()


def test_who_is_new_returns_or_falls_silent_equals_pandas(home, active):
    found = assert_lifecycle_equals(home, active, max(active["date"]))
    assert (found["new"] == active["person"].nunique()).all()
    assert found.loc["day", "resurrected"] > 100


@pytest.fixture(scope="module")
def walks(clicks: pd.DataFrame, home: Path) -> pd.DataFrame:
    """Each event as the warehouse has it, with the next one of its session by pandas.

    Equal times are in the order of the event's key, which only the warehouse makes.
    """
    with served(home) as con:
        events = con.execute(
            "select visitor_id, event_ts, event_key, event_name from core.fct_events"
        ).df()
    assert len(events) == len(clicks)
    events = events.sort_values(["visitor_id", "event_ts", "event_key"])
    gap = events.groupby("visitor_id")["event_ts"].diff() > timedelta(minutes=30)
    opens = gap | (events["visitor_id"] != events["visitor_id"].shift())
    events["session"] = opens.cumsum()
    by_session = events.groupby("session")
    events["next_name"] = by_session["event_name"].shift(-1)
    events["seconds"] = -by_session["event_ts"].diff(-1).dt.total_seconds()
    events["month"] = by_session["event_ts"].transform("min").dt.to_period("M")
    return events


def test_transitions_equal_pandas(home, walks):
    steps = walks.fillna({"next_name": "(exit)"})
    first = walks[walks["session"] != walks["session"].shift()]
    starts = first.assign(event_name="(start)", next_name=first["event_name"], seconds=np.nan)
    steps = pd.concat([steps, starts])
    grouped = steps.groupby(["month", "event_name", "next_name"])["seconds"]
    expected = grouped.agg(["size", "median"])
    leaving = expected["size"].groupby(["month", "event_name"]).transform("sum")
    with served(home) as con:
        found = con.execute("from marts.behaviour_transitions").df()
    assert len(found) == len(expected)
    for row in found.itertuples():
        key = (pd.Period(row.report_month, "M"), row.state, row.next_state)
        size, median = expected.loc[key]
        assert row.count == size, key
        assert row.probability == pytest.approx(size / leaving[key], abs=1e-9), key
        assert row.median_seconds == pytest.approx(median, abs=1e-6, nan_ok=True), key


def test_top_paths_equal_pandas(home, walks):
    repeats = (walks["event_name"] == walks["event_name"].shift()) & (
        walks["session"] == walks["session"].shift()
    )
    ways = walks[~repeats].groupby("session").agg(
        month=("month", "first"),
        path=("event_name", lambda names: " > ".join([*names[:12], *(["…"] * (len(names) > 12))])),
    )  # fmt: skip
    ways["converts"] = walks.groupby("session")["event_name"].agg(
        lambda names: (names == "order_completed").any()
    )
    with served(home) as con:
        found = con.execute("from marts.top_paths order by report_month, path_rank").fetchall()
    expected = []
    for month, mine in ways.groupby("month"):
        counts = mine.groupby("path")["converts"].agg(["size", "sum"])
        ranked = sorted(counts.itertuples(), key=lambda row: (-row.size, row.Index))[:100]
        expected += [
            (month.start_time.date(), rank, row.Index, row.size, row.sum,
             row.size / len(mine), row.sum / row.size)
            for rank, row in enumerate(ranked, start=1)
        ]  # fmt: skip
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    assert np.allclose([row[5:] for row in found], [row[5:] for row in expected], atol=1e-9)


@pytest.fixture(scope="module")
def carts(clicks: pd.DataFrame) -> pd.DataFrame:
    """Carts by pandas: opened, last used, and the first order after that.

    A visitor's cart goes on until an order, or a rest of more than 24 hours; nothing is taken out.
    """
    used = clicks[clicks["event"].isin(["cart", "delivery_choice", "payment_done"])].copy()
    rest = used.groupby("user_id")["timestamp"].diff() > timedelta(hours=24)
    is_order = used["event"] == "payment_done"
    after_order = is_order.groupby(used["user_id"]).shift(fill_value=False)
    used["spell"] = (rest | after_order | (used["user_id"] != used["user_id"].shift())).cumsum()
    orders = used.loc[is_order, ["user_id", "timestamp"]].rename(columns={"timestamp": "ordered"})
    steps = used[~is_order]
    opened = steps[steps["event"] == "cart"].groupby("spell")["timestamp"].min().rename("opened")
    steps = steps.join(opened, on="spell").query("timestamp >= opened")
    found = steps.groupby("spell").agg(
        user_id=("user_id", "first"), opened=("opened", "first"), last=("timestamp", "max")
    )
    found = pd.merge_asof(
        found.sort_values("last"), orders.sort_values("ordered"), by="user_id",
        left_on="last", right_on="ordered", direction="forward",
    )  # fmt: skip
    waited = found["ordered"] - found["last"]
    as_of = clicks["timestamp"].max().normalize() + timedelta(days=1)
    conditions = [
        waited <= timedelta(hours=24),
        waited <= timedelta(days=8),
        found["last"] + timedelta(hours=24) <= as_of,
    ]
    found["state"] = np.select(conditions, ["ordered", "recovered", "abandoned"], "open")
    return found


def test_every_cart_equals_pandas(home, carts):
    with served(home) as con:
        rows = con.execute("select opened_at, last_event_at, state from core.fct_carts").fetchall()
    expected = carts[["opened", "last", "state"]].itertuples(index=False, name=None)
    assert sorted(rows) == sorted((o.to_pydatetime(), t.to_pydatetime(), s) for o, t, s in expected)
    assert set(carts["state"]) == {"ordered", "recovered", "abandoned", "open"}


def test_cart_abandonment_of_every_day_equals_pandas(home, carts):
    ended = carts[carts["state"] != "open"]
    lost = ended["state"].isin(["abandoned", "recovered"])
    rates = lost.groupby(ended["opened"].dt.date).mean()
    minutes = (carts["ordered"] - carts["opened"]) / timedelta(minutes=1)
    bought = carts["state"] == "ordered"
    medians = minutes[bought].groupby(carts.loc[bought, "opened"].dt.date).median()
    opened = carts.groupby(carts["opened"].dt.date).size()
    with served(home) as con:
        rows = con.execute(
            "select report_date, carts, cart_abandonment_rate, median_minutes_to_order "
            "from marts.cart_abandonment"
        ).fetchall()
        daily = dict(
            con.execute("select report_date, cart_abandonment_rate from marts.kpi_daily").fetchall()
        )
    assert {day: count for day, count, *_ in rows} == opened.to_dict()
    for day, _, rate, median in rows:
        assert rate == daily[day] == (pytest.approx(rates[day]) if day in rates else None), day
        assert median == (pytest.approx(medians[day]) if day in medians else None), day

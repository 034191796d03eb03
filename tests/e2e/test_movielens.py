"""MovieLens 100K as a shop's reviews: 100,000 ratings of 1,682 films by 943 persons.

Belongs here: that the marts of reviews, visits and products say what pandas says. Not here: what
recommenders make of the same ratings (`tests/integration/ml/test_movielens.py`).
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
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
from tests.e2e.steps_by_pandas import assert_steps_of_one_name_equal
from tests.landed_days import land

# The contract takes nothing from before 2000 unless the settings say so.
SETTINGS = """\
settings: {earliest_event_date: 1997-01-01}
sources:
  films:
    format: tsv
    mapping:
      event_name: {value: product_reviewed}
      event_ts: {column: "timestamp:float", unit: s}
      user_id: "user_id:token"
      product_id: "item_id:token"
      properties: [rating: "rating:float"]
"""
FIRST, LAST = date(1997, 9, 20), date(1998, 4, 22)


@pytest.fixture(scope="module")
def home(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = begun(tmp_path_factory.mktemp("films"), SETTINGS)
    # The file is a table with tabs, whatever its name ends in.
    content = (shared_data / "recsys_ml100k" / "ml-100k.inter.gz").read_bytes()
    land(StatePaths(home), f"films/{LAST}/ratings.tsv.gz", content)
    load_and_build(home)
    return home


@pytest.fixture(scope="module")
def ratings(shared_data: Path, home: Path) -> pd.DataFrame:
    """The ratings with their visits: a rest of more than 30 minutes opens a new one."""
    rows = pd.read_csv(
        shared_data / "recsys_ml100k" / "ml-100k.inter.gz", sep="\t", dtype={0: str, 1: str}
    )
    rows.columns = ["user", "product", "rating", "time"]
    with Vault.open(StatePaths(home)) as vault:
        users = vault.pseudonyms("user", "users", sorted(rows["user"].unique()))
    rows["person"] = rows["user"].map(users)
    rows["at"] = pd.to_datetime(rows["time"], unit="s")
    rows["date"] = rows["at"].dt.date
    rows = rows.sort_values(["person", "time"], kind="stable")
    rest = rows.groupby("person")["time"].diff() > 1_800
    rows["visit"] = (rest | (rows["person"] != rows["person"].shift())).cumsum()
    # None is so long that it would be cut at a full day.
    assert rows.groupby("visit")["time"].agg(np.ptp).max() < 86_400
    # The data set's own figures.
    assert (len(rows), rows["person"].nunique(), rows["product"].nunique()) == (
        100_000, 943, 1_682,
    )  # fmt: skip
    assert rows["rating"].value_counts().to_dict() == {
        1: 6_110, 2: 11_370, 3: 27_145, 4: 34_174, 5: 21_201,
    }  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def visits(ratings: pd.DataFrame) -> pd.DataFrame:
    """A row a visit: who, when it began, how many ratings."""
    return ratings.groupby("visit").agg(
        person=("person", "first"), began=("at", "min"), size=("at", "size"), date=("date", "first")
    )


def test_reviews_of_every_film_and_day_equal_pandas(home, ratings):
    grouped = ratings.assign(negative=ratings["rating"] <= 2).groupby(["date", "product"])
    expected = grouped.agg(
        size=("rating", "size"), negative=("negative", "sum"),
        total=("rating", "sum"), mean=("rating", "mean"),
    )  # fmt: skip
    with served(home) as con:
        found = con.execute(
            "select report_date, product_id, reviews, negative_reviews, rating_sum, "
            "average_rating, product_views, orders, gross_revenue from marts.product_performance"
        ).fetchall()
    assert {(day, product): tuple(rest) for day, product, *rest in found} == {
        key: (size, negative, total, pytest.approx(mean, abs=1e-9), 0, 0, 0)
        for key, size, negative, total, mean in expected.itertuples(name=None)
    }
    assert len(found) == len(expected) > 60_000
    assert sum(row[2] for row in found) == 100_000
    assert sum(row[3] for row in found) == 6_110 + 11_370


def test_every_film_equals_pandas(home, ratings):
    expected = ratings.groupby("product")["at"].agg(["size", "min", "max"])
    with served(home) as con:
        found = con.execute(
            "select product_id, interaction_count, first_seen_at, last_seen_at "
            "from core.dim_products"
        ).fetchall()
    assert {product: tuple(rest) for product, *rest in found} == {
        product: (size, first.to_pydatetime(), last.to_pydatetime())
        for product, size, first, last in expected.itertuples(name=None)
    }
    assert len(found) == 1_682


def test_every_person_equals_pandas(home, ratings, visits):
    counts = visits.groupby("person").size()
    by_person = ratings.groupby("person").agg(
        size=("rating", "size"), mean=("rating", "mean"), first=("at", "min"), last=("at", "max")
    )
    with served(home) as con:
        found = con.execute(
            "select user_id, event_count, session_count, order_count, review_count, "
            "average_rating, first_seen_at, last_seen_at from marts.customer_360"
        ).fetchall()
    assert {user: tuple(rest) for user, *rest in found} == {
        person: (size, counts[person], 0, size, pytest.approx(mean, abs=1e-9),
                 first.to_pydatetime(), last.to_pydatetime())
        for person, size, mean, first, last in by_person.itertuples(name=None)
    }  # fmt: skip
    assert len(found) == 943


def test_visits_and_persons_of_every_day_equal_pandas(home, ratings, visits):
    began, came = visits.groupby("date"), ratings.groupby("date")["person"].agg(set)
    # Nobody views a page: a visit of one rating or many, none is engaged, and all bounce.
    sessions = began.size()
    newcomers = visits.groupby("person")["date"].min().value_counts()
    with served(home) as con:
        found = con.execute(
            "select report_date, sessions, new_visitors, visitors, persons, dau, wau, mau, "
            "stickiness, engaged_sessions, bounce_rate, orders, session_conversion_rate "
            "from marts.kpi_daily order by report_date"
        ).fetchall()
    days = [*pd.date_range(FIRST, LAST).date]
    assert [row[0] for row in found] == days
    assert sum(row[1] for row in found) == len(visits) > 2_000
    for day, count, new, *persons, stickiness, engaged, bounce, orders, conversion in found:
        windows = [
            set().union(*came.loc[day - timedelta(days=length - 1) : day]) for length in (1, 7, 30)
        ]
        active, *_, month = sizes = [len(window) for window in windows]
        assert (count, new) == (sessions.get(day, 0), newcomers.get(day, 0)), day
        assert persons == [active, active, *sizes], day
        assert stickiness == pytest.approx(active / month if month else None, abs=1e-9), day
        assert (engaged, orders) == (0, 0)
        assert (bounce, conversion) == ((1, 0) if count else (None, None)), day


@pytest.mark.parametrize(
    ("period", "frequency", "least"),
    [("day", "D", 2_000), ("week", "W-SUN", 200), ("month", "M", 30)],
)
def test_retention_equals_pandas(home, ratings, period, frequency, least):
    first = ratings.groupby("person")["date"].min()
    expected = retention(first, ratings, frequency, LAST)
    assert assert_cohorts_equal(home, "visit", period, expected) > least


def test_who_is_new_returns_or_falls_silent_equals_pandas(home, ratings):
    found = assert_lifecycle_equals(home, ratings, LAST)
    assert (found["new"] == 943).all()
    assert found.loc["week", "resurrected"] > 100


def test_steps_of_a_visit_equal_pandas(home, ratings):
    assert_steps_of_one_name_equal(home, ratings, "product_reviewed", months=8)

"""A game's A/B test through the warehouse: 90,189 players, two gates, who came back when.

Belongs here: that units, the mismatch of their shares and retention are what scipy and pandas say.
Not here: the statistics of metrics (`tests/integration/ml/test_ab_tests.py`).

The data set has a row a player and no times. One day for all is made up: a player is met on it, and
comes back on the first and the seventh day after if the row says so. It has no orders.
"""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from dagster_project.state import StatePaths
from tests.e2e.command import begun, load_and_build, served
from tests.e2e.retention_by_pandas import (
    assert_cohorts_equal,
    assert_lifecycle_equals,
    retention,
)
from tests.landed_days import land

SETTINGS = """\
sources:
  test:
    format: csv
    id_space: game
    mapping:
      event_name: {value: experiment_viewed}
      event_ts: {sql: "'2016-03-01 12:00:00'"}
      anonymous_id: userid
      properties: [experiment_id: {value: gate}, variant_id: version]
  game:
    format: csv
    id_space: game
    mapping:
      event_name: {value: screen_viewed}
      event_ts: at
      anonymous_id: userid
"""
MET, LAST = date(2016, 3, 1), date(2016, 3, 8)


@pytest.fixture(scope="module")
def players(shared_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(shared_data / "ab_cookie_cats" / "cookie_cats.csv.gz")
    # The data set's own figures.
    assert rows["userid"].nunique() == len(rows) == 90_189
    assert rows["version"].value_counts().to_dict() == {"gate_40": 45_489, "gate_30": 44_700}
    return rows


@pytest.fixture(scope="module")
def visits(players: pd.DataFrame) -> pd.DataFrame:
    """Who came on which date: all on the first."""
    days = {0: players["userid"] >= 0, 1: players["retention_1"], 7: players["retention_7"]}
    return pd.concat([
        pd.DataFrame({"person": players.loc[came, "userid"], "date": MET + timedelta(days=day)})
        for day, came in days.items()
    ])  # fmt: skip


@pytest.fixture(scope="module")
def home(shared_data: Path, visits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = begun(tmp_path_factory.mktemp("cats"), SETTINGS)
    paths, file = StatePaths(home), shared_data / "ab_cookie_cats" / "cookie_cats.csv.gz"
    land(paths, f"test/{LAST}/players.csv.gz", file.read_bytes())
    back = visits[visits["date"] > MET].rename(columns={"person": "userid"})
    back = back.assign(at=back["date"].map("{} 12:00:00".format))
    land(paths, f"game/{LAST}/visits.csv", back.to_csv(index=False).encode())
    load_and_build(home, families=["experiments"])
    return home


def test_players_and_the_mismatch_of_their_shares_are_what_scipy_says(home, players):
    met = players["version"].value_counts()
    mismatch = stats.chisquare(met.to_numpy()).pvalue
    assert mismatch == pytest.approx(0.008608, abs=1e-6)
    with served(home) as con:
        found = con.execute(
            "select variant, metric, is_control, units, control_units, contaminated_units, "
            "srm_p_value from marts.experiment_results where experiment = 'gate' "
            "and segment = 'all'"
        ).fetchall()
        units = con.execute(
            "select variant, count(*) from core.fct_experiment_units group by all"
        ).fetchall()
    assert dict(units) == met.to_dict()
    assert {row[0] for row in found} == set(met.index)
    assert len(found) == len({tuple(row[:2]) for row in found}) > 10
    for variant, metric, is_control, count, control, contaminated, p_value in found:
        assert is_control == (variant == "gate_30")
        assert (count, control, contaminated) == (met[variant], met["gate_30"], 0), metric
        assert p_value == pytest.approx(mismatch, abs=1e-9), metric


def test_visits_a_player_and_their_share_that_bounce_are_those_of_the_rows(home, players):
    """All visits are of one event: of a meeting, or of a screen, and nobody orders."""
    with served(home) as con:
        found = dict(con.execute(
            "select (variant, metric), mean from marts.experiment_results "
            "where experiment = 'gate' and segment = 'all'"
        ).fetchall())  # fmt: skip
    for variant in ("gate_30", "gate_40"):
        assert found[variant, "bounce_rate"] == 1
        for metric in ("session_conversion_rate", "visitor_conversion_rate",
                       "unit_conversion_rate", "orders_per_unit"):  # fmt: skip
            assert found[variant, metric] == 0, metric


def test_players_of_every_day_equal_pandas(home, visits):
    came = visits.groupby("date")["person"].agg(set)
    with served(home) as con:
        found = con.execute(
            "select report_date, visitors, sessions, new_visitors, wau, mau "
            "from marts.kpi_daily order by 1"
        ).fetchall()
    expected = []
    for day in pd.date_range(MET, LAST).date:
        here = len(came.get(day, ()))
        week, month = (
            len(set().union(*came.loc[day - timedelta(days=length - 1) : day]))
            for length in (7, 30)
        )
        expected.append((day, here, here, here if day == MET else 0, week, month))
    assert found == expected
    assert [row[1] for row in found if row[1]] == [90_189, 40_153, 16_781]


def test_retention_of_players_equals_pandas(home, visits):
    first = visits.groupby("person")["date"].min()
    expected = retention(first, visits, "D", LAST)
    assert assert_cohorts_equal(home, "visit", "day", expected) == 8
    assert [row[1] for row in expected.values()] == [90_189, 40_153, 0, 0, 0, 0, 0, 16_781]
    assert all(row[3] for row in expected.values())


def test_players_that_are_back_after_a_week_are_resurrected(home, visits):
    found = assert_lifecycle_equals(home, visits, LAST)
    assert found.loc["day"].tolist() == [90_189, 40_153, 16_781, 90_189]

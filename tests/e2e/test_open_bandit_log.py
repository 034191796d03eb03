"""A fashion shop's front page through the warehouse: 20,000 items shown by two policies in a week.

Belongs here: that impressions, clicks and rates of the marts, and the value of a policy, are what
pandas says of the Open Bandit Dataset (campaign men). Not here: the estimators themselves
(`tests/integration/ml/test_open_bandit.py`).

The log has one row an item shown, with its click. It is landed as what was shown, and again as what
was clicked. Its publisher tells no visitors: each row is one of its own.
"""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.state import StatePaths
from tests.e2e.command import begun, load_and_build, served
from tests.landed_days import land

# What stands above an item is not in the log, so each place is a list of its own.
SOURCE = """\
  {policy}:
    format: csv
    mapping:
      event_name: {{column: kind, values: {{shown: recommendation_shown,
        clicked: recommendation_clicked}}}}
      event_ts: timestamp
      anonymous_id: number
      impression_id: {{sql: "'{policy} ' || number"}}
      product_id: item_id
      properties: [propensity: propensity_score, policy: {{value: {policy}}},
        position: {{value: "1"}}, list_id: {{sql: "'{policy} ' || \\"position\\""}}]
"""
POLICIES = ("bts", "random")
SETTINGS = "sources:\n" + "".join(SOURCE.format(policy=policy) for policy in POLICIES)
# A reward is waited for until a day is over: the day after the log's last is the first to know all.
LAST, AS_OF = date(2019, 11, 30), date(2019, 12, 1)
COLUMNS = ["number", "timestamp", "item_id", "position", "click", "propensity_score"]


@pytest.fixture(scope="module")
def shown(shared_data: Path) -> pd.DataFrame:
    """Every row of both policies, with its date."""
    parts = []
    for policy in POLICIES:
        file = shared_data / "bandit_obd_men" / policy / "men.csv.gz"
        rows = pd.read_csv(file, usecols=COLUMNS[1:], dtype={"item_id": str})
        # Counted from 1, as 0 is no identifier.
        rows["number"] = range(1, len(rows) + 1)
        parts.append(rows.assign(policy=policy))
    found = pd.concat(parts, ignore_index=True)
    found["date"] = pd.to_datetime(found["timestamp"], format="mixed").dt.date
    # The data set's own figures.
    assert found["policy"].value_counts().to_dict() == {"bts": 10_000, "random": 10_000}
    assert found.groupby("policy")["click"].sum().to_dict() == {"bts": 69, "random": 46}
    assert found["item_id"].nunique() == 34
    return found


@pytest.fixture(scope="module")
def home(shown: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = begun(tmp_path_factory.mktemp("bandit"), SETTINGS)
    for policy, rows in shown.groupby("policy"):
        clicked = rows[rows["click"] == 1]
        for kind, some in (("shown", rows), ("clicked", clicked)):
            content = some[COLUMNS].assign(kind=kind).to_csv(index=False).encode()
            land(StatePaths(home), f"{policy}/{AS_OF}/{kind}.csv", content)
    load_and_build(home, families=["bandits"])
    return home


def counted(rows: pd.DataFrame, keys: list[str]) -> dict[object, tuple[object, ...]]:
    """Impressions, clicks and their rate by keys."""
    grouped = rows.groupby(keys)["click"].agg(["size", "sum"])
    return {
        key: (size, clicks, pytest.approx(clicks / size, abs=1e-9))
        for key, size, clicks in grouped.itertuples(name=None)
    }


def test_impressions_and_clicks_of_every_day_equal_pandas(home, shown):
    with served(home) as con:
        found = con.execute(
            "select report_date, impressions, clicks, ctr, visitors, new_visitors, sessions "
            "from marts.kpi_daily order by 1"
        ).fetchall()
    # The publisher gives a visitor to each row here, and so a visit.
    expected = {day: (*three, *[three[0]] * 3) for day, three in counted(shown, ["date"]).items()}
    # The day of the load had none.
    expected[AS_OF] = (0, 0, None, 0, 0, 0)
    assert {day: tuple(rest) for day, *rest in found} == expected
    assert len(found) == 8
    assert sum(row[1] for row in found) == 20_000
    assert sum(row[2] for row in found) == 115


def test_each_policy_of_every_day_equals_pandas(home, shown):
    with served(home) as con:
        found = con.execute(
            "select report_date, value, impressions, clicks, ctr from marts.kpi_daily_by_dimension "
            "where dimension = 'source'"
        ).fetchall()
    assert {tuple(row[:2]): tuple(row[2:]) for row in found} == counted(shown, ["date", "policy"])
    assert len(found) == 14


def test_every_place_of_every_day_equals_pandas(home, shown):
    with served(home) as con:
        found = con.execute(
            "select report_date, kind, placement, impressions, clicks, ctr, viewers "
            "from marts.impression_performance"
        ).fetchall()
    place = shown["policy"] + " " + shown["position"].astype(str)
    expected = counted(shown.assign(place=place), ["date", "place"])
    assert {(day, name): tuple(rest) for day, _, name, *rest, _ in found} == expected
    assert len(found) == 7 * 2 * 3
    assert {row[1] for row in found} == {"recommendation"}
    # Each row has a visitor of its own.
    assert all(row[6] == row[3] for row in found)


def test_every_item_of_every_day_equals_pandas(home, shown):
    with served(home) as con:
        found = con.execute(
            "select report_date, product_id, impressions, clicks, ctr "
            "from marts.product_performance"
        ).fetchall()
    assert {tuple(row[:2]): tuple(row[2:]) for row in found} == counted(shown, ["date", "item_id"])
    assert len(found) > 200


def test_every_item_is_a_product(home, shown):
    times = pd.to_datetime(shown["timestamp"], format="mixed").dt.tz_localize(None)
    expected = times.groupby(shown["item_id"]).agg(["size", "min", "max"])
    expected["size"] += shown.groupby("item_id")["click"].sum()
    with served(home) as con:
        found = con.execute(
            "select product_id, interaction_count, first_seen_at, last_seen_at "
            "from core.dim_products"
        ).fetchall()
    assert {product: tuple(rest) for product, *rest in found} == {
        item: (size, first.to_pydatetime(), last.to_pydatetime())
        for item, size, first, last in expected.itertuples(name=None)
    }


@pytest.mark.parametrize("policy", POLICIES)
def test_choosing_evenly_is_worth_what_the_formulas_say(home, shown, policy):
    """The last three of seven days are valued, in each place of the page."""
    with served(home) as con:
        found = con.execute(
            "select list_id, method, value, logged_value, impressions, effective_impressions "
            "from ml.bandit_policies where partition_date = ? and policy = 'uniform' "
            "and reward = 'click' and method in ('IPS', 'SNIPS') and starts_with(list_id, ?)",
            [AS_OF, f"{policy} "],
        ).fetchall()
    assert len(found) == 6
    late = shown["date"].isin([date(2019, 11, 28), date(2019, 11, 29), LAST])
    for list_id, method, *numbers in found:
        place = shown["position"] == int(list_id.removeprefix(f"{policy} "))
        mine = shown[late & place & (shown["policy"] == policy)]
        weights = 1 / 34 / mine["propensity_score"]
        gained = (weights * mine["click"]).sum()
        expected = [
            gained / (len(mine) if method == "IPS" else weights.sum()),
            mine["click"].mean(), len(mine), weights.sum() ** 2 / (weights**2).sum(),
        ]  # fmt: skip
        assert numbers == pytest.approx(expected, rel=1e-9, abs=1e-12), (list_id, method)

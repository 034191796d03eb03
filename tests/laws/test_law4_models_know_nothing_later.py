"""Law 4: a model of partition D knows nothing that arrived after D. Same inputs, same bytes.

A shop of twenty days is trained on its last one. Then three days come that hold late log-ins, late
orders, copies, and log-ins that tie anonymous visitors' past, all of before D. Belongs here: the
bytes of every file of D. Not here: what a model makes of its inputs (`tests/unit/ml`).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dagster_project import model_inputs, model_outputs, training
from dagster_project.ingest.config import Settings, load_settings
from dagster_project.model_inputs import ModelInputs
from dagster_project.state import StatePaths
from tests.laws.compiled import compiled_models, models_behind
from tests.laws.model_shop import D, load, the_shop_up_to_d, what_arrives_later
from tests.laws.stories import day
from tests.laws.warehouse import Warehouse

# In how many places an input looks at D; two unless it is here.
BOUNDS = {
    "ml_logins": 1, "ml_file_accesses": 1, "ml_kpi_series_by_dimension": 3, "ml_users_tied": 1,
    "ml_experiment_acts": 6, "ml_product_steps": 1, "ml_impressions": 4, "ml_daily_orders": 1,
    "ml_products": 1,
}  # fmt: skip
BOUND = "arrival_date <= cast(getvariable('as_of_date') as date)"


# By whom an output is made, where the family goes by another name.
FAMILY_OF = {
    "anomaly_scores": "anomalies", "experiment_statistics": "experiments",
    "clv_predictions": "lifetime_value", "purchase_outcomes": "purchase_propensity",
    "bandit_policies": "bandits",
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """A shop that late days have come to, and what its models of D were before they came."""

    paths: StatePaths
    settings: Settings
    warehouse: Warehouse
    rows: dict[str, int]
    before: dict[str, bytes]

    def trained(self, *outputs: str) -> dict[str, bytes]:
        """Train who makes outputs on D, by default all; the bytes of all files then."""
        for family in map(family_of, outputs) if outputs else training.FAMILIES:
            training.FAMILIES[family](self.paths, self.settings, [D])
        return bytes_of(self.paths)


def family_of(output: str) -> str:
    return FAMILY_OF.get(output, output)


def bytes_of(paths: StatePaths) -> dict[str, bytes]:
    """Every file of D's models and of what they made."""
    files = [*paths.ml.rglob("*.parquet"), *paths.models.rglob("*.json")]
    return {
        str(file.relative_to(paths.home)): file.read_bytes()
        for file in sorted(files)
        if str(D) in str(file)
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Models are trained when D is the last day; then late days arrive."""
    paths = StatePaths(tmp_path_factory.mktemp("law4"))
    paths.settings_file.write_text("sources: {}\n")
    settings = load_settings(paths.settings_file)
    inputs = [one.name for one in compiled_models() if one.relation.startswith("ml_inputs.")]
    warehouse = Warehouse()
    warehouse.models = models_behind(*inputs)
    load(warehouse, the_shop_up_to_d(), [day(number) for number in range(1, 21)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_inputs, "opened", lambda _: nullcontext(ModelInputs(warehouse.con, 0)))
        rows: dict[str, int] = {}
        for train in training.FAMILIES.values():
            rows |= train(paths, settings, [D])[D].rows
        before = bytes_of(paths)
        for arrived, late in what_arrives_later():
            load(warehouse, late, [arrived])
        yield Shop(paths, settings, warehouse, rows, before)
    warehouse.con.close()


@contextmanager
def peeking(warehouse: Warehouse, table: str, place: int) -> Iterator[None]:
    """An input of the models forgets its bound, in one of the places where it looks at D."""
    model = next(one for one in warehouse.models if one.name == table)
    pieces = model.sql.split(BOUND)
    assert len(pieces) == 1 + BOUNDS.get(table, 2)
    sql = BOUND.join(pieces[: place + 1]) + "true" + BOUND.join(pieces[place + 1 :])
    warehouse.con.execute(f"create or replace view {model.relation} as {sql}")
    yield
    warehouse.con.execute(f"create or replace view {model.relation} as {model.sql}")


def test_a_model_of_a_day_gives_the_same_bytes_after_late_days(shop):
    assert {name.split("/")[1] for name in shop.before} == {
        *model_outputs.OUTPUTS,
        "recommendations",
        "anomalies",
        "experiments",
        "lifetime_value",
        "purchase_propensity",
        "bandits",
    }
    assert shop.trained() == shop.before


def test_every_output_of_the_day_holds_rows(shop):
    # 24 log-ins and 24 days of file access, and the counts with values on more than 14 days.
    assert shop.rows["recommendations"] > 0
    assert shop.rows["similar_products"] > 0
    assert shop.rows["anomaly_scores"] >= 48
    assert shop.rows["experiment_statistics"] > 0
    assert shop.rows["clv_predictions"] > 0
    assert shop.rows["churn_risk"] > 0
    assert shop.rows["purchase_propensity"] > 0
    assert shop.rows["next_products"] > 0
    assert shop.rows["purchase_outcomes"] > 0
    # One slot and all together, six policies, two rewards, three methods.
    assert shop.rows["bandit_policies"] == 2 * 6 * 2 * 3


@pytest.mark.parametrize(
    ("table", "place", "output"),
    [
        ("ml_interactions", 0, "recommendations"),
        ("ml_interactions", 1, "recommendations"),
        ("ml_bought", 0, "recommendations"),
        ("ml_visitors", 0, "recommendations"),
        ("ml_visitors", 1, "recommendations"),
        ("ml_products", 0, "recommendations"),
        ("ml_users_tied", 0, "recommendations"),
        ("ml_logins", 0, "anomaly_scores"),
        ("ml_file_accesses", 0, "anomaly_scores"),
        ("ml_kpi_series", 0, "anomaly_scores"),
        ("ml_kpi_series", 1, "anomaly_scores"),
        ("ml_kpi_series_by_dimension", 0, "anomaly_scores"),
        ("ml_kpi_series_by_dimension", 1, "anomaly_scores"),
        ("ml_kpi_series_by_dimension", 2, "anomaly_scores"),
        ("ml_sessions", 0, "anomaly_scores"),
        ("ml_sessions", 1, "anomaly_scores"),
        ("ml_experiment_acts", 0, "experiment_statistics"),
        ("ml_experiment_acts", 2, "experiment_statistics"),
        ("ml_experiment_acts", 3, "experiment_statistics"),
        ("ml_experiment_acts", 5, "experiment_statistics"),
        ("ml_purchase_examples", 0, "purchase_propensity"),
        ("ml_purchase_examples", 1, "purchase_propensity"),
        ("ml_product_steps", 0, "next_products"),
        ("ml_purchase_outcomes", 0, "purchase_outcomes"),
        ("ml_purchase_outcomes", 1, "purchase_outcomes"),
        ("ml_order_dates", 0, "clv_predictions"),
        ("ml_order_dates", 1, "clv_predictions"),
        ("ml_users_tied", 0, "clv_predictions"),
        ("ml_impressions", 0, "bandit_policies"),
        ("ml_impressions", 1, "bandit_policies"),
        ("ml_impressions", 2, "bandit_policies"),
        ("ml_impressions", 3, "bandit_policies"),
        ("ml_daily_orders", 0, "bandit_policies"),
    ],
)
def test_an_input_that_peeks_would_be_found(shop, table, place, output):
    with peeking(shop.warehouse, table, place):
        after = shop.trained(output)
    changed = {name.split("/")[1] for name in after if after[name] != shop.before[name]}
    assert output in changed
    assert shop.trained(output) == shop.before


def test_who_turned_out_to_be_too_fast_later_was_a_person_on_the_day(shop):
    """All were: of each family some file would be another if that had been known."""
    model = next(one for one in shop.warehouse.models if one.name == "ml_bots_found_later")
    nobody = f"create or replace view {model.relation} as select * from ({model.sql}) where false"
    shop.warehouse.con.execute(nobody)
    after = shop.trained()
    shop.warehouse.run_model(model)
    changed = {name.split("/")[1] for name in after if after[name] != shop.before[name]}
    assert {family_of(output) for output in changed} >= training.FAMILIES.keys()
    assert shop.trained() == shop.before


def test_the_next_days_model_does_see_what_arrived_late(shop):
    later = D + timedelta(days=3)
    training.train_recommendations(shop.paths, shop.settings, [later])
    file = shop.paths.ml / f"recommendations/partition_date={later}/part.parquet"
    of_d = shop.before[f"ml/recommendations/partition_date={D}/part.parquet"]
    assert file.read_bytes() != of_d
    (known,) = shop.warehouse.con.execute(
        "select count(distinct person_id) from ml_inputs.ml_interactions"
    ).fetchall()[0]
    # 24 that logged in from the start, three of whom are three others by the keys of the CRM, and
    # 12 pairs of what were 24 visitors.
    assert known == 24 - 3 + 12


def test_users_tied_by_a_key_that_came_later_are_not_yet_one_person_on_the_day(shop):
    con = shop.warehouse.con
    fifth = {"u2": "u2", "u6": "u2"}
    for as_of, tied in ((D, fifth), (day(23), fifth | {"u0": "u0", "u4": "u0", "u8": "u8",
                                                       "u12": "u8"})):  # fmt: skip
        con.execute(f"set variable as_of_date = '{as_of}'")
        found = dict(con.execute("from ml_inputs.ml_users_tied").fetchall())
        assert found == {
            user: hashlib.md5(f"user\x1f{oldest}".encode()).hexdigest()
            for user, oldest in tied.items()
        }

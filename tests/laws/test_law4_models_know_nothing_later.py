"""Law 4: a model of partition D knows nothing that arrived after D. Same inputs, same bytes.

A shop of twenty days is trained on its last one. Then three days come that hold late log-ins, late
orders, copies, and log-ins that tie anonymous visitors' past, all of before D. Belongs here: the
bytes of every file of D. Not here: what a model makes of its inputs (`tests/unit/ml`).
"""

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project import model_inputs, training
from dagster_project.ingest.config import load_settings
from dagster_project.model_inputs import ModelInputs
from dagster_project.state import StatePaths
from tests.laws.compiled import Model
from tests.laws.model_shop import D, load, the_shop_up_to_d, what_arrives_later
from tests.laws.stories import day
from tests.laws.warehouse import Warehouse

# In how many places an input looks at D; two unless it is here.
BOUNDS = {"ml_logins": 1, "ml_kpi_series": 1, "ml_users_tied": 1, "ml_experiment_acts": 6}
BOUND = "arrival_date <= cast(getvariable('as_of_date') as date)"


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    (tmp_path / "footfall.yml").write_text("sources: {}\n")
    return StatePaths(tmp_path)


@pytest.fixture
def warehouse(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """The warehouse when D was its last day; training reads it."""
    warehouse = Warehouse()
    load(warehouse, the_shop_up_to_d(), [day(number) for number in range(1, 21)])
    monkeypatch.setattr(
        model_inputs, "opened", lambda _: nullcontext(ModelInputs(warehouse.con, 0))
    )
    yield warehouse
    warehouse.con.close()


def load_later_days(warehouse: Warehouse) -> None:
    for arrived, rows in what_arrives_later():
        load(warehouse, rows, [arrived])


def trained(paths: StatePaths) -> dict[str, bytes]:
    """Train every family on D; the bytes of all that they wrote."""
    settings = load_settings(paths.settings_file)
    training.train_recommendations(paths, settings, [D])
    training.score_anomalies(paths, settings, [D])
    training.analyse_experiments(paths, settings, [D])
    files = [*paths.ml.rglob("*.parquet"), *paths.models.rglob("*.json")]
    return {str(file.relative_to(paths.home)): file.read_bytes() for file in sorted(files)}


def peek(warehouse: Warehouse, table: str, place: int) -> None:
    """Make an input of the models forget its bound: one of the places where it looks at D."""
    model: Model = next(one for one in warehouse.models if one.name == table)
    pieces = model.sql.split(BOUND)
    assert len(pieces) == 1 + BOUNDS.get(table, 2)
    sql = BOUND.join(pieces[: place + 1]) + "true" + BOUND.join(pieces[place + 1 :])
    warehouse.con.execute(f"create or replace view {model.relation} as {sql}")


def test_a_model_of_a_day_gives_the_same_bytes_after_late_days(paths, warehouse):
    before = trained(paths)
    assert {name.split("/")[1] for name in before} == {
        *training.OUTPUTS,
        "recommendations",
        "anomalies",
        "experiments",
    }
    load_later_days(warehouse)
    assert trained(paths) == before


def test_every_output_of_the_day_holds_rows(paths, warehouse):
    settings = load_settings(paths.settings_file)
    made: dict[str, Any] = training.train_recommendations(paths, settings, [D])[D].rows
    made |= training.score_anomalies(paths, settings, [D])[D].rows
    made |= training.analyse_experiments(paths, settings, [D])[D].rows
    # 24 log-ins of D, and the counts that have values on more than 14 days.
    assert made["recommendations"] > 0
    assert made["similar_products"] > 0
    assert made["anomaly_scores"] >= 24
    assert made["experiment_statistics"] > 0


@pytest.mark.parametrize(
    ("table", "place", "family"),
    [
        ("ml_interactions", 0, "recommendations"),
        ("ml_interactions", 1, "recommendations"),
        ("ml_bought", 0, "recommendations"),
        ("ml_visitors", 0, "recommendations"),
        ("ml_visitors", 1, "recommendations"),
        ("ml_users_tied", 0, "recommendations"),
        ("ml_logins", 0, "anomaly_scores"),
        ("ml_kpi_series", 0, "anomaly_scores"),
        ("ml_experiment_acts", 0, "experiment_statistics"),
        ("ml_experiment_acts", 2, "experiment_statistics"),
        ("ml_experiment_acts", 3, "experiment_statistics"),
        ("ml_experiment_acts", 5, "experiment_statistics"),
    ],
)
def test_an_input_that_peeks_would_be_found(paths, warehouse, table, place, family):
    before = trained(paths)
    load_later_days(warehouse)
    peek(warehouse, table, place)
    after = trained(paths)
    changed = {name.split("/")[1] for name in before if before[name] != after[name]}
    assert family in changed


def test_the_next_days_model_does_see_what_arrived_late(paths, warehouse):
    before = trained(paths)
    load_later_days(warehouse)
    settings = load_settings(paths.settings_file)
    later = D + timedelta(days=3)
    training.train_recommendations(paths, settings, [later])
    name = f"ml/recommendations/partition_date={later}/part.parquet"
    assert (paths.home / name).read_bytes() != before[name.replace(str(later), str(D))]
    (known,) = warehouse.con.execute(
        "select count(distinct person_id) from ml_inputs.ml_interactions"
    ).fetchall()[0]
    # 24 that logged in from the start, three of whom are three others by the keys of the CRM, and
    # 12 pairs of what were 24 visitors.
    assert known == 24 - 3 + 12


def test_users_tied_by_a_key_that_came_later_are_not_yet_one_person_on_the_day(warehouse):
    load_later_days(warehouse)
    fifth = {"u2": "u2", "u6": "u2"}
    for as_of, tied in ((D, fifth), (day(23), fifth | {"u0": "u0", "u4": "u0", "u8": "u8",
                                                       "u12": "u8"})):  # fmt: skip
        warehouse.con.execute(f"set variable as_of_date = '{as_of}'")
        found = dict(warehouse.con.execute("from ml_inputs.ml_users_tied").fetchall())
        assert found == {
            user: hashlib.md5(f"user\x1f{oldest}".encode()).hexdigest()
            for user, oldest in tied.items()
        }

"""Law 4: a model of partition D knows nothing that arrived after D. Same inputs, same bytes.

A shop of twenty days is trained on its last one. Then three days come that hold late log-ins, late
orders, copies, and log-ins that tie anonymous visitors' past, all of before D. Belongs here: the
bytes of every file of D. Not here: what a model makes of its inputs (`tests/unit/ml`).
"""

import random
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dagster_project import model_inputs, training
from dagster_project.ingest.config import load_settings
from dagster_project.model_inputs import ModelInputs
from dagster_project.state import StatePaths
from tests.laws.compiled import Model
from tests.laws.stories import at, day, event, view
from tests.laws.warehouse import Row, Warehouse

D = day(20)
BOUND = "arrival_date <= cast(getvariable('as_of_date') as date)"
PERSONS, PRODUCTS = 48, 24


def arriving(arrived: date, rows: list[Row]) -> list[Row]:
    """Rows of one file that was handed over on a day."""
    source_file = f"web/{arrived}/a.jsonl"
    return [
        dict(row, arrival_date=arrived, source_file=source_file, source_line=number)
        for number, row in enumerate(rows, start=1)
    ]


def the_shop_up_to_d() -> list[Row]:
    """Twenty days of 48 persons with two tastes; every second person logs in every day."""
    chance = random.Random(4)
    rows: list[Row] = []
    for number in range(1, 21):
        today: list[Row] = []
        for person in range(PERSONS):
            who, name = f"v{person}", f"{number}-{person}"
            taste = [p for p in range(PRODUCTS) if p % 2 == person % 2]
            today.append(view(f"w{name}", f"{number:02} 08:00", who, page_path="/"))
            for look, product in enumerate(chance.sample(taste, 2)):
                when = f"{number:02} 08:{10 + look}"
                seen = event(
                    f"s{name}-{look}", "product_viewed", when, who, product_id=f"p{product}"
                )
                today.append(seen)
            if person % 2 == 0:
                login = event(
                    f"l{name}", "login_succeeded", f"{number:02} 08:30", who, user_id=f"u{person}",
                    country="DE", device_id=f"d{person}", ip_truncated="10.0.0.0",
                )  # fmt: skip
                today.append(login)
        rows += arriving(day(number), today)
    return rows


def what_arrives_later() -> Iterator[tuple[date, list[Row]]]:
    """Three days, each with something dated before D that a model which peeks would see."""
    logins = [
        event(
            f"late{person}", "login_succeeded", "19 03:00", f"v{person}", user_id=f"u{person}",
            country="BR", device_id="elsewhere", ip_truncated="99.0.0.0",
        )
        for person in range(0, PERSONS, 2)
    ]  # fmt: skip
    failed = [event(f"f{n}", "login_failed", f"20 08:2{n}", "v0", user_id="u0") for n in range(5)]
    yield day(21), arriving(day(21), logins + failed)
    orders = [
        event(
            f"o{person}", "order_completed", "18 09:00", f"v{person}", order_id=f"o{person}",
            product_id=f"p{(person + 1) % PRODUCTS}", price=Decimal(5),
        )
        for person in range(PERSONS)
    ]  # fmt: skip
    copies = [view(f"w20-{person}", "20 08:00", "another") for person in range(PERSONS)]
    yield day(22), arriving(day(22), orders + copies)
    # Odd persons never logged in: two visitors at a time turn out to be one person.
    merges = [
        event(f"m{person}", "login_succeeded", "10 07:00", f"v{person}", user_id=f"pair{person // 4}")
        for person in range(1, PERSONS, 2)
    ]  # fmt: skip
    yield day(23), arriving(day(23), merges)


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


def load(warehouse: Warehouse, rows: list[Row], days: list[date]) -> None:
    warehouse.add_rows(rows)
    warehouse.set_days(dict.fromkeys(days, True))
    warehouse.run(days)


def load_later_days(warehouse: Warehouse) -> None:
    for arrived, rows in what_arrives_later():
        load(warehouse, rows, [arrived])


def trained(paths: StatePaths) -> dict[str, bytes]:
    """Train both families on D; the bytes of all that they wrote."""
    settings = load_settings(paths.settings_file)
    training.train_recommendations(paths, settings, [D])
    training.score_anomalies(paths, settings, [D])
    files = [*paths.ml.rglob("*.parquet"), *paths.models.rglob("*.json")]
    return {str(file.relative_to(paths.home)): file.read_bytes() for file in sorted(files)}


def peek(warehouse: Warehouse, table: str, place: int) -> None:
    """Make an input of the models forget its bound: one of the places where it looks at D."""
    model: Model = next(one for one in warehouse.models if one.name == table)
    pieces = model.sql.split(BOUND)
    assert len(pieces) == {"ml_interactions": 3}.get(table, 2)
    sql = BOUND.join(pieces[: place + 1]) + "true" + BOUND.join(pieces[place + 1 :])
    warehouse.con.execute(f"create or replace view {model.relation} as {sql}")


def test_a_model_of_a_day_gives_the_same_bytes_after_late_days(paths, warehouse):
    before = trained(paths)
    assert {name.split("/")[1] for name in before} == {
        *training.OUTPUTS,
        "recommendations",
        "anomalies",
    }
    load_later_days(warehouse)
    assert trained(paths) == before


def test_every_output_of_the_day_holds_rows(paths, warehouse):
    settings = load_settings(paths.settings_file)
    made: dict[str, Any] = training.train_recommendations(paths, settings, [D])[D].rows
    made |= training.score_anomalies(paths, settings, [D])[D].rows
    # 24 log-ins of D, and the counts that have values on more than 14 days.
    assert made["recommendations"] > 0
    assert made["similar_products"] > 0
    assert made["anomaly_scores"] >= 24


@pytest.mark.parametrize(
    ("table", "place", "family"),
    [
        ("ml_interactions", 0, "recommendations"),
        ("ml_interactions", 1, "recommendations"),
        ("ml_logins", 0, "anomaly_scores"),
        ("ml_kpi_series", 0, "anomaly_scores"),
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
    # 24 that logged in from the start, and 12 pairs of what were 24 visitors.
    assert known == 36

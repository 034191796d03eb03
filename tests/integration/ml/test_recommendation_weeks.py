"""Recommendations of a day are the same bytes whichever days were run, and in which order (law 4).

Six weeks of a shop in a small warehouse of its own: all are young but the last two. Belongs here:
the chain from a Monday through the week. Not here: what models read (`test_model_inputs.py`).
"""

import itertools
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from dagster_project import recommendation_weeks, training
from dagster_project.ingest import seals
from dagster_project.ingest.config import Settings, load_settings
from dagster_project.ingest.seals import Manifest, Part
from dagster_project.recommendation_weeks import Week, days_behind, weeks
from dagster_project.state import StatePaths

FIRST = date(2026, 1, 5)  # a Monday
# Friday of the sixth week to Wednesday after: D goes on from Tuesday, and that from an anchor.
DAYS = [FIRST + timedelta(days=number) for number in range(39, 45)]
D = DAYS[-1]
MONDAY = DAYS[-3]
PERSONS, PRODUCTS = 48, 24


def log() -> pa.Table:
    """Two tastes; something new of it every day, and one product that comes on the day before D."""
    rng = np.random.default_rng(8)
    rows = []
    for number in range((D - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        for person in rng.choice(PERSONS, 20, replace=False):
            product = int(rng.integers(0, PRODUCTS // 2)) * 2 + person % 2
            name = "new" if day == DAYS[-2] and person < 12 else f"a{product:02}"
            rows.append((f"p{person:02}", name, "view", day, day))
    names = ("person_id", "product_id", "interaction", "event_date", "arrival_date")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


class Shop:
    """A state folder with a warehouse that has what recommendations read, and a chain of seals."""

    def __init__(self, home: Path, rows: pa.Table, patch: pytest.MonkeyPatch) -> None:
        home.mkdir(parents=True)
        self.paths = StatePaths(home)
        self.paths.settings_file.write_text("sources: {}\n")
        self.settings: Settings = load_settings(self.paths.settings_file)
        self.patch = patch
        self.chain = [seal(nth, day) for nth, day in enumerate(arrivals(rows), start=1)]
        self.paths.warehouse.mkdir()
        with duckdb.connect(str(self.paths.warehouse_db)) as con:
            con.register("rows", rows)
            con.execute("create schema ml_inputs; create schema state")
            con.execute("create table state.built as select 'x' as fingerprint, 999 as begun")
            con.execute("create table log as select * from rows")
            seen = "arrival_date <= cast(getvariable('as_of_date') as date)"
            since = "event_date >= cast(getvariable('window_from') as date)"
            con.execute(
                "create view ml_inputs.ml_interactions as select person_id, product_id, "
                f"interaction, event_date, count(*) as n from log where {seen} and {since} "
                "group by all"
            )
            con.execute(
                "create view ml_inputs.ml_visitors as select distinct person_id, event_date, "
                "if(person_id[-1]::int % 2 = 0, 'Germany', 'France') as country, "
                "null::varchar as device_type from log "
                f"where {seen} and {since}"
            )
            con.execute(
                "create view ml_inputs.ml_products as select distinct product_id, "
                f"product_id[:2] as category from log where {seen} and {since}"
            )
            con.execute(
                "create view ml_inputs.ml_bought as select distinct person_id, product_id from log "
                f"where {seen} and not ({since}) and interaction = 'order'"
            )

    def train(self, days: Sequence[date]) -> None:
        self.patch.setattr(seals, "load_chain", lambda _: self.chain)
        training.train_recommendations(self.paths, self.settings, days)

    def load_older(self, day: date) -> None:
        """Rows of a day that was forgotten until now."""
        with duckdb.connect(str(self.paths.warehouse_db)) as con:
            con.execute(
                "insert into log select 'p' || (10 + i), 'a' || (11 + (i * 5) % 12), 'order', $1, "
                "$1 from range(24) as numbers(i)",
                [day],
            )
        self.chain = [*self.chain, seal(len(self.chain) + 1, day)]

    def files_of(self, day: date) -> dict[str, bytes]:
        found = [*self.paths.ml.rglob("*.parquet"), *self.paths.models.rglob("*")]
        return {
            str(file.relative_to(self.paths.home)): file.read_bytes()
            for file in sorted(found)
            if str(day) in str(file) and file.is_file()
        }

    def card(self, day: date) -> dict:
        file = self.paths.models / "recommendations" / str(day) / "card.json"
        return json.loads(file.read_bytes())


def arrivals(rows: pa.Table) -> list[date]:
    return sorted(set(rows["arrival_date"].to_pylist()))


def seal(sequence: int, day: date) -> Manifest:
    part = Part(f"log/{day}/{sequence}.parquet", 1, 1, f"sha{sequence}", day, day)
    return Manifest(
        sequence=sequence, arrival_date=day, sealed_at=datetime(2026, 3, 9, tzinfo=UTC),
        contract_version=1, closes_day=True, accepted_reason=None, previous="", files=(),
        refused=(), parts=(part,), quarantine=(), sources={},
    )  # fmt: skip


@pytest.fixture
def make_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Shop]:
    numbers = itertools.count()
    return lambda: Shop(tmp_path / str(next(numbers)), log(), monkeypatch)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """D, made when nothing else was."""
    with pytest.MonkeyPatch.context() as patch:
        shop = Shop(tmp_path_factory.mktemp("alone") / "state", log(), patch)
        shop.train([D])
        assert not shop.files_of(MONDAY)
        return shop.files_of(D)


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """All days in one run: enough of them for processes beside this one."""
    with pytest.MonkeyPatch.context() as patch:
        shop = Shop(tmp_path_factory.mktemp("ranged") / "state", log(), patch)
        shop.train(DAYS)
        return shop


def test_a_day_is_the_same_whether_run_alone_or_in_a_range_on_all_processors(alone, ranged):
    assert ranged.files_of(D) == alone
    assert {name.split("/")[1] for name in alone} == {
        "recommendations", "similar_products", "model_metrics", "model_versions",
    }  # fmt: skip
    assert sum("item_factors" in name for name in alone) == 1


def test_a_day_is_the_same_when_days_come_one_by_one_in_any_order(alone, make_shop):
    shop = make_shop()
    for day in (DAYS[4], D, MONDAY, DAYS[2], D):
        shop.train([day])
    assert shop.files_of(D) == alone


def test_a_week_is_one_full_fit_and_steps_that_name_their_parents(ranged):
    lineage = {day: ranged.card(day)["lineage"] for day in DAYS}
    assert [day for day in DAYS if lineage[day]["parent_sha256"] is None] == [MONDAY]
    for before, day in itertools.pairwise(DAYS):
        if day != MONDAY:
            assert lineage[day]["parent_sha256"] == lineage[before]["sha256"]
    assert {lineage[day]["anchor"] for day in DAYS} == {
        str(DAYS[0] - timedelta(days=4)),
        str(MONDAY),
    }


def test_an_older_day_changes_the_parents_and_not_only_the_day(make_shop, monkeypatch):
    shop, fresh = make_shop(), make_shop()
    shop.train([MONDAY, D])
    before = shop.files_of(D)
    shop.load_older(FIRST + timedelta(days=30))
    fresh.load_older(FIRST + timedelta(days=30))
    fresh.train([D])
    # The parent that rests there has not seen the older day. A chain that took it would be found:
    with monkeypatch.context() as patch:
        patch.setattr(recommendation_weeks, "made_from", lambda *_: "always the same")
        shop.train([MONDAY])  # so that its state says so
        shop.load_older(FIRST + timedelta(days=31))
        fresh.load_older(FIRST + timedelta(days=31))
        shop.train([D])
    fresh.train([D])
    factors = f"models/recommendations/{D}/card.json"
    assert shop.files_of(D)[factors] != fresh.files_of(D)[factors]
    shop.train([D])
    assert shop.files_of(D) == fresh.files_of(D) != before


def test_a_missing_parent_is_not_skipped_and_a_damaged_one_is_not_taken(
    alone, make_shop, monkeypatch
):
    shop = make_shop()
    shop.train([MONDAY])
    state = next(shop.paths.models.rglob("item_factors.parquet"))
    whole = state.read_bytes()
    for content in (whole[:-5], b"", whole):
        state.write_bytes(content)
        shop.train([D])
        assert shop.files_of(D) == alone
    # Another state of the same form than the one that its card names.
    shutil.copy(state.parents[1] / str(D) / state.name, state)
    shop.train([D])
    assert shop.files_of(D) == alone
    # A chain that did without a parent would be found.
    monkeypatch.setattr(recommendation_weeks._Chain, "state", lambda *_: None)
    monkeypatch.setattr(recommendation_weeks, "next_day_truth", lambda *_: [])
    shop.train([D])
    assert shop.files_of(D) != alone


def test_each_day_measures_the_day_before(ranged):
    with duckdb.connect() as con:
        rows = con.execute(
            "select partition_date, model_version, value from read_parquet(?) "
            "where metric = 'next_day_persons' and model <> 'segment_popularity' order by 1",
            [str(ranged.paths.ml / "model_metrics" / "*" / "recommendations.parquet")],
        ).fetchall()
    assert [row[0] for row in rows] == DAYS
    assert all(row[2] > 0 for row in rows)
    versions = {day: ranged.card(day)["version"] for day in DAYS}
    assert [row[1] for row in rows[1:]] == [versions[day] for day in DAYS[:-1]]


def test_a_day_follows_the_setting_of_how_many_of_a_category_a_list_may_hold(alone, make_shop):
    shop = make_shop()
    shop.paths.settings_file.write_text("sources: {}\nsettings: {max_category_share: 0.2}\n")
    shop.settings = load_settings(shop.paths.settings_file)
    shop.train([D])
    assert shop.card(D)["params"]["max_category_share"] == 0.2
    assert shop.files_of(D).keys() == alone.keys()
    assert shop.files_of(D) != alone


def test_weeks_hold_each_day_and_what_it_tells_of_the_day_before():
    sunday, tuesday = date(2026, 3, 1), date(2026, 3, 3)
    found = weeks([tuesday, sunday + timedelta(days=1), sunday])
    assert found == [
        Week((sunday,), (sunday, sunday + timedelta(days=1))),
        Week((sunday + timedelta(days=1), tuesday), (tuesday,)),
    ]
    behind = days_behind([sunday + timedelta(days=1)])
    assert behind == [sunday - timedelta(days=n) for n in range(6, -1, -1)] + [
        sunday + timedelta(days=1)
    ]

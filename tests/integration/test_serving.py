"""Publication: whole versions, at once, whatever happens on the way."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.cli.query import NothingPublishedError, QueryError, read_published
from dagster_project.serving import (
    PublishError,
    current_number,
    publish,
    version_numbers,
    versions_folder,
)
from dagster_project.state import StatePaths
from tests.children import CHILDREN
from tests.fault_injection import lose_process_at

STEPS = [
    "serving: built",
    "serving: named",
    "serving: linked",
    "serving: swapped",
]


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    state = StatePaths(tmp_path / "home")
    state.warehouse.mkdir(parents=True)
    fill(state, 1)
    return state


def fill(paths: StatePaths, mark: int) -> None:
    """A warehouse all of whose tables bear one number, so that a mixture of versions shows."""
    with duckdb.connect(str(paths.warehouse_db)) as con:
        for schema in ("core", "marts", "ml", "intermediate", "state"):
            con.execute(f"create schema if not exists {schema}")
        con.execute(f"create or replace table core.fct_events as select {mark} as mark")
        con.execute(
            "create or replace table marts.kpi_daily as "
            f"select {mark} as mark, 1.5::decimal(18, 4) as revenue"
        )
        con.execute(f"create or replace table ml.churn_risk as select {mark} as mark")
        con.execute("create or replace view marts.from_core as select mark from core.fct_events")
        con.execute("create or replace table intermediate.int_hidden as select 1 as a")
        con.execute("create or replace table state.work_set as select 1 as a")


def test_version_holds_the_public_schemas_with_views_as_tables(paths: StatePaths) -> None:
    version = publish(paths)

    assert version.number == 1
    assert dict(version.tables) == {
        "core.fct_events": 1,
        "marts.from_core": 1,
        "marts.kpi_daily": 1,
        "ml.churn_risk": 1,
    }
    columns, rows, is_cut = read_published(paths, "from marts.kpi_daily")
    assert (columns, rows, is_cut) == (["mark", "revenue"], [(1, Decimal("1.5000"))], False)


def test_views_for_tools_stay_views_over_what_is_published(paths: StatePaths) -> None:
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create schema semantic")
        con.execute("create view semantic.hidden as select a from intermediate.int_hidden")
        con.execute(
            "create view semantic.acts as select mark, a from core.fct_events, semantic.hidden"
        )

    version = publish(paths)

    assert not any(name.startswith("semantic.") for name in version.tables)
    assert read_published(paths, "from semantic.acts")[1] == [(1, 1)]
    views = "select view_name from duckdb_views() where schema_name = 'semantic'"
    assert read_published(paths, views)[1] == [("acts",)]


def test_marts_and_model_tables_are_parquet_too(paths: StatePaths) -> None:
    publish(paths)

    names = sorted(str(p.relative_to(paths.serving)) for p in paths.serving.glob("parquet/*/*"))
    assert names == [
        "parquet/churn_risk/churn_risk.parquet",
        "parquet/from_core/from_core.parquet",
        "parquet/kpi_daily/kpi_daily.parquet",
    ]
    file = paths.serving / "parquet" / "kpi_daily" / "kpi_daily.parquet"
    assert duckdb.execute("select mark from read_parquet(?)", [str(file)]).fetchall() == [(1,)]


def test_links_are_relative_so_that_the_folder_can_be_moved(paths: StatePaths) -> None:
    publish(paths)
    moved = StatePaths(paths.home.rename(paths.home.with_name("moved")))

    assert read_published(moved, "select mark from core.fct_events")[1] == [(1,)]


def test_last_three_versions_are_kept_and_numbers_never_come_again(paths: StatePaths) -> None:
    for _ in range(5):
        publish(paths)

    assert version_numbers(paths) == [3, 4, 5]
    assert current_number(paths) == 5
    assert sorted(p.name for p in versions_folder(paths).iterdir()) == ["3", "4", "5"]


def test_reader_of_a_removed_version_goes_on_reading_it(paths: StatePaths) -> None:
    publish(paths)
    file = paths.serving_db.resolve()
    with duckdb.connect(str(file), read_only=True) as reader:
        for mark in range(2, 6):
            fill(paths, mark)
            publish(paths)
        assert not file.exists()
        assert reader.execute("select mark from ml.churn_risk").fetchall() == [(1,)]


def test_published_file_cannot_be_changed_by_its_owner_by_mistake(paths: StatePaths) -> None:
    publish(paths)

    assert paths.serving_db.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("step", STEPS)
def test_kill_at_any_step_leaves_a_whole_version_served(paths: StatePaths, step: str) -> None:
    publish(paths)
    fill(paths, 2)
    lose_process_at(step, 1, publish, paths)

    expected = 2 if step == "serving: swapped" else 1
    marks = read_published(
        paths,
        "select a.mark, b.mark, c.mark from core.fct_events a, marts.kpi_daily b, ml.churn_risk c",
    )[1]
    assert marks == [(expected,) * 3]

    fill(paths, 3)
    version = publish(paths)
    assert read_published(paths, "select mark from ml.churn_risk")[1] == [(3,)]
    assert current_number(paths) == version.number
    assert [p for p in paths.serving.rglob(".tmp-*")] == []


@pytest.mark.parametrize("step", STEPS)
def test_kill_in_the_first_publication_leaves_nothing_or_a_whole_version(
    paths: StatePaths, step: str
) -> None:
    lose_process_at(step, 1, publish, paths)

    if step == "serving: swapped":
        assert read_published(paths, "select mark from ml.churn_risk")[1] == [(1,)]
    else:
        with pytest.raises(NothingPublishedError, match="published yet: run `footfall run`"):
            read_published(paths, "select 1")
    publish(paths)
    assert read_published(paths, "select mark from ml.churn_risk")[1] == [(1,)]


def test_kill_while_an_old_version_is_removed_leaves_no_version_with_files_missing(
    paths: StatePaths,
) -> None:
    for _ in range(3):
        publish(paths)
    lose_process_at("serving: old version out of the numbers", 1, publish, paths)

    assert version_numbers(paths) == [2, 3, 4]
    assert current_number(paths) == 4
    publish(paths)
    assert version_numbers(paths) == [3, 4, 5]
    assert [p for p in paths.serving.rglob(".tmp-*")] == []


def test_reader_in_another_process_never_fails_nor_sees_two_versions(paths: StatePaths) -> None:
    publish(paths)
    stop, results = CHILDREN.Event(), CHILDREN.Queue()
    reader = CHILDREN.Process(target=_read_until, args=(paths.home, stop, results))
    reader.start()
    assert results.get(timeout=60) == "started"
    for mark in range(2, 22):
        fill(paths, mark)
        publish(paths)
    stop.set()
    seen, faults = results.get(timeout=60)
    reader.join(60)

    assert faults == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


def _read_until(home: Path, stop: Any, results: Any) -> None:
    paths = StatePaths(home)
    seen: list[int] = []
    faults: list[str] = []
    results.put("started")
    sql = (
        "select list_distinct([a.mark, b.mark, c.mark]) "
        "from core.fct_events a, marts.kpi_daily b, ml.churn_risk c"
    )
    # Bounded, so that it ends where the test that should stop it was killed.
    end = time.monotonic() + 120
    while not stop.is_set() and time.monotonic() < end:
        try:
            ((marks,),) = read_published(paths, sql)[1]
        except Exception as error:  # Whatever it is, the test says it.
            faults.append(repr(error))
            continue
        if len(marks) != 1:
            faults.append(f"mixture {marks}")
        seen.append(marks[0])
    results.put((seen, faults))


def test_warehouse_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"footfall\.duckdb: is missing; run `footfall run`"):
        publish(StatePaths(tmp_path))


def test_warehouse_without_public_tables_leaves_the_old_version_served(paths: StatePaths) -> None:
    publish(paths)
    paths.warehouse_db.unlink()
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create table nothing as select 1 as a")
    with pytest.raises(PublishError, match="holds no table to publish"):
        publish(paths)

    assert read_published(paths, "select mark from core.fct_events")[1] == [(1,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("create table core.mine as select 1", "read-only"),
        ("drop table core.fct_events", "read-only"),
        ("copy core.fct_events to '/tmp/out.csv'", "disabled by configuration"),
        ("from read_csv('/etc/passwd')", "disabled by configuration"),
        ("attach '/tmp/other.duckdb'", "disabled by configuration"),
        ("set enable_external_access = true", "locked"),
        ("install httpfs", "disabled"),
        ("select 1; select 2", "2 statements; give exactly one"),
        ("", "0 statements; give exactly one"),
        ("selec 1", "syntax error"),
        ("from marts.no_such_table", "no_such_table does not exist"),
    ],
)
def test_query_reads_published_tables_and_nothing_else(
    paths: StatePaths, sql: str, words: str
) -> None:
    publish(paths)

    with pytest.raises(QueryError, match=words) as caught:
        read_published(paths, sql)
    assert "\n" not in str(caught.value)


def test_limit_says_that_there_were_more_rows(paths: StatePaths) -> None:
    publish(paths)

    assert read_published(paths, "from range(3)", limit=2) == (["range"], [(0,), (1,)], True)
    assert read_published(paths, "from range(2)", limit=2) == (["range"], [(0,), (1,)], False)

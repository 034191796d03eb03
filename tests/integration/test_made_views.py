"""Which views stand as they were noted, so that a run leaves them."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.made_views import note_views, standing_views
from dagster_project.state import StatePaths


def model(name: str, materialized: str = "made_view") -> dict[str, Any]:
    config = {"materialized": materialized}
    return {"resource_type": "model", "schema": "marts", "alias": name, "config": config}


NODES = {
    "model.a": model("a"),
    "model.b": model("b"),
    "model.kept": model("kept", "replace_touched"),
    "test.a": {"resource_type": "test", "schema": "dbt_test", "alias": "a", "config": {}},
}


def execute(paths: StatePaths, sql: str) -> None:
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute(sql)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A warehouse with both views and a table made and noted."""
    paths = StatePaths(tmp_path / "state")
    paths.warehouse.mkdir(parents=True)
    execute(paths, """
        create schema state; create schema marts; create table marts.kept as select 1 as n;
        create view marts.a as select n from marts.kept;
        create view marts.b as select n + 1 as n from marts.kept;
    """)  # fmt: skip
    note_views(paths, NODES, NODES)
    return paths


def test_views_that_were_noted_stand_and_nothing_else_does(paths):
    assert standing_views(paths, NODES) == {"model.a", "model.b"}
    assert standing_views(paths, {"model.a": NODES["model.a"]}) == {"model.a"}


def test_nothing_stands_where_nothing_was_noted(tmp_path):
    paths = StatePaths(tmp_path)
    paths.warehouse.mkdir(parents=True)
    execute(paths, "create schema state; create schema marts; create view marts.a as select 1")
    assert standing_views(paths, NODES) == set()


@pytest.mark.parametrize(
    "sql",
    ["drop view marts.a", "create or replace view marts.a as select n + 2 as n from marts.kept"],
)
def test_a_view_that_is_gone_or_another_is_made_again(paths, sql):
    execute(paths, sql)
    assert standing_views(paths, NODES) == {"model.b"}
    execute(paths, "create or replace view marts.a as select n + 3 as n from marts.kept")
    assert standing_views(paths, NODES) == {"model.b"}
    note_views(paths, NODES, ["model.a"])
    assert standing_views(paths, NODES) == {"model.a", "model.b"}


def test_no_view_stands_in_a_state_folder_that_was_moved(paths, tmp_path):
    moved = StatePaths(paths.home.rename(tmp_path / "elsewhere"))
    assert standing_views(moved, NODES) == set()


def test_a_run_that_made_tables_alone_notes_no_view(paths):
    note_views(paths, NODES, ["model.kept", "test.a"])
    assert standing_views(paths, NODES) == {"model.a", "model.b"}

"""The dbt project is parsed once, whatever state folder asks, and each reads its own files."""

from pathlib import Path

import duckdb
import pytest

from dagster_project import dbt_build
from dagster_project.state import StatePaths
from tests.dbt_manifest import DBT_PROJECT

SOURCES = """
version: 2
sources:
  - name: inputs
    config:
      meta:
        external_location: "'{{ env_var('FOOTFALL_HOME') }}/{name}.csv'"
    tables: [{name: numbers}]
"""
PROJECT = """
name: footfall
profile: footfall
models: {footfall: {+materialized: table}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model over one file of the state folder."""
    root = tmp_path / "dbt"
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text(PROJECT)
    (root / "profiles.yml").write_bytes((DBT_PROJECT / "profiles.yml").read_bytes())
    (root / "models" / "sources.yml").write_text(SOURCES)
    (root / "models" / "doubled.sql").write_text(
        "select 2 * number as twice from {{ source('inputs', 'numbers') }}"
    )
    monkeypatch.setattr(dbt_build, "project_dir", lambda: root)
    dbt_build._parsed.cache_clear()
    return root


def state_of(home: Path, number: int) -> StatePaths:
    paths = StatePaths(home)
    paths.warehouse.mkdir(parents=True)
    (home / "numbers.csv").write_text(f"number\n{number}\n")
    return paths


def built(paths: StatePaths) -> object:
    assert all(node.is_good for node in dbt_build.build(paths, ["doubled"]))
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        return con.execute("from main.doubled").fetchall()


def test_state_folders_share_one_parse_and_read_their_own_files(project, tmp_path, monkeypatch):
    one, other = state_of(tmp_path / "one", 1), state_of(tmp_path / "other", 10)
    assert built(one) == [(2,)]
    monkeypatch.setattr(dbt_build, "_parse", lambda folder: pytest.fail("parsed again"))
    assert built(other) == [(20,)]
    assert built(one) == [(2,)]


def test_a_changed_model_is_parsed_anew_and_the_earlier_parse_goes(project, tmp_path):
    paths = state_of(tmp_path / "one", 1)
    earlier = dbt_build.manifest_path(paths).parent
    (project / "models" / "doubled.sql").write_text("select 7 as seven")
    assert built(paths) == [(7,)]
    assert not earlier.exists()
    assert [path.name for path in earlier.parent.iterdir()] == [
        dbt_build.manifest_path(paths).parent.name
    ]


def test_without_a_checkout_the_parse_rests_in_the_state_folder(project, tmp_path, monkeypatch):
    installed = project.rename(tmp_path / "dbt_project")
    monkeypatch.setattr(dbt_build, "project_dir", lambda: installed)
    paths = state_of(tmp_path / "one", 1)
    assert built(paths) == [(2,)]
    assert dbt_build.manifest_path(paths).is_relative_to(paths.home)
    assert not (installed / "target").exists()


def test_a_parse_that_cannot_be_read_is_one_clear_line(project, tmp_path):
    paths = state_of(tmp_path / "one", 1)
    folder = dbt_build.manifest_path(paths).parent
    (folder / "partial_parse.msgpack").write_bytes(b"\x00\x01")
    with pytest.raises(dbt_build.DbtError, match="remove the folder") as caught:
        dbt_build.build(paths, ["doubled"])
    assert str(folder) in str(caught.value)


def test_a_project_that_does_not_parse_leaves_nothing_behind(project, tmp_path):
    paths = state_of(tmp_path / "one", 1)
    (project / "models" / "doubled.sql").write_text("select * from {{ ref('nobody') }}")
    with pytest.raises(dbt_build.DbtError, match="nobody"):
        dbt_build.manifest_path(paths)
    assert list((project / "target" / "parsed").iterdir()) == []

"""Questions that cannot be answered are told in one line; `mf` gets a project that only reads."""

import sys
from pathlib import Path

import pytest
import yaml

from dagster_project import cli, metric_queries
from dagster_project.ingest.errors import UsageError
from dagster_project.metric_queries import NoMetricFlowError, Question, metric_sql, write_project
from dagster_project.state import StatePaths

MANIFEST = '{"semantic_models": [], "metrics": []}'
SAID = """Got error(s) during query resolution.

Error #1:
  Message:

    The given input does not match any of the available group-by-items for
    SimpleMetric('mau'). Common issues are:

      * Incorrect names.

    Suggestions:
      ['kpi_date__report_date__day', 'metric_time__day']

  Query Input:

    kpi__channel

  Issue Location:

    [Resolve Query(['mau'])]

Error #2:
  Message:

    The order-by item 'kpi__channel' does not match exactly one of the query items.

  Query Input:

    kpi__channel
"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StatePaths:
    monkeypatch.setattr(metric_queries, "semantic_manifest", lambda paths: MANIFEST)
    return StatePaths(tmp_path / "state")


def test_a_page_of_errors_becomes_a_line():
    assert metric_queries._one_line(SAID) == (
        "The given input does not match any of the available group-by-items for "
        "SimpleMetric('mau'): kpi__channel; there is kpi_date__report_date__day, metric_time__day"
    )
    assert metric_queries._one_line("Something\n  else") == "Something else"


def test_a_missing_package_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "metricflow.engine.metricflow_engine", None)
    with pytest.raises(NoMetricFlowError, match=r"pip install 'footfall\[semantic\]'"):
        metric_sql(MANIFEST, Question(["sessions"]))


def test_an_order_that_is_none_is_told():
    with pytest.raises(UsageError, match="--order day up"):
        metric_sql(MANIFEST, Question(["sessions"], ["day"], order=["day up"]))


def test_the_project_for_mf_reads_what_is_published_and_can_be_written_again(paths, tmp_path):
    for _ in range(2):
        write_project(paths, tmp_path / "project")
    profile = yaml.safe_load((tmp_path / "project" / "profiles.yml").read_text())
    target = profile["footfall"]["outputs"]["published"]
    assert target["path"] == str(paths.serving_db)
    assert target["config_options"]["access_mode"] == "read_only"
    manifest = tmp_path / "project" / "target" / "semantic_manifest.json"
    assert manifest.read_text() == MANIFEST


def test_a_project_of_somebody_is_not_written_over(paths, tmp_path):
    (tmp_path / "profiles.yml").write_text("mine: {}\n")
    with pytest.raises(UsageError, match="holds something else"):
        write_project(paths, tmp_path)
    assert (tmp_path / "profiles.yml").read_text() == "mine: {}\n"


def test_dates_the_wrong_way_round_are_told(tmp_path, capsys, environment):
    words = ["metrics", "orders", "--from", "2026-02-01", "--to", "2026-01-01"]
    assert cli.main(["--home", str(tmp_path), *words]) == 2
    assert "--from 2026-02-01 is after --to 2026-01-01; swap them" in capsys.readouterr().err


def test_without_a_published_version_nothing_is_parsed_or_made(tmp_path, capsys, environment):
    home = tmp_path / "none"
    assert cli.main(["--home", str(home), "metrics", "sessions"]) == 1
    assert "nothing published yet" in capsys.readouterr().err
    assert not home.exists()

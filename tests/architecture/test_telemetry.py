"""Nothing calls home: every way in turns the telemetry of the tools off."""

import re
from pathlib import Path

import yaml

from dagster_project.cli.init import initialise
from dagster_project.state import StatePaths

REPOSITORY = Path(__file__).parents[2]
OFF = {
    "DAGSTER_DISABLE_TELEMETRY": {"1", "yes", "true"},
    "DO_NOT_TRACK": {"1"},
    "DBT_SEND_ANONYMOUS_USAGE_STATS": {"false", "0"},
    "GX_ANALYTICS_ENABLED": {"false", "0"},
}


def still_on(exported: dict[str, str]) -> set[str]:
    """Switches that are not off in an environment."""
    return {name for name, values in OFF.items() if exported.get(name, "").lower() not in values}


def exports(makefile: str) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)\s*:?=\s*(\S+)", makefile, re.MULTILINE))


def test_make_exports_every_switch_as_off():
    assert still_on(exports((REPOSITORY / "Makefile").read_text())) == set()


def test_the_command_sets_every_switch_as_off():
    from dagster_project import cli

    assert still_on(cli._QUIET) == set()


def test_a_switch_that_is_missing_or_on_is_found():
    makefile = "export DO_NOT_TRACK := 1\nexport GX_ANALYTICS_ENABLED := true\n"
    assert still_on(exports(makefile)) == set(OFF) - {"DO_NOT_TRACK"}


def test_dbt_sends_no_statistics():
    project = yaml.safe_load((REPOSITORY / "dbt" / "dbt_project.yml").read_text())
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_dagster_of_a_new_state_folder_is_silent_and_shows_no_sign_up(tmp_path):
    initialise(StatePaths(tmp_path / "state"))
    settings = yaml.safe_load((tmp_path / "state" / "dagster" / "dagster.yaml").read_text())
    assert settings["telemetry"] == {"enabled": False}
    assert settings["nux"] == {"enabled": False}


def test_one_writer_at_a_time_has_the_pool(tmp_path):
    initialise(StatePaths(tmp_path / "state"))
    settings = yaml.safe_load((tmp_path / "state" / "dagster" / "dagster.yaml").read_text())
    assert settings["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}

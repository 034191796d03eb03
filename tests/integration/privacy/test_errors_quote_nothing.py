"""An error of a library that quotes a row: neither Dagster's storage nor the terminal has it."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.ingest import staging
from dagster_project.safe_errors import UnforeseenError, without_values
from dagster_project.state import StatePaths
from tests.landed_days import land_day
from tests.state_text import places_with

EMAIL, NAME = "jane.planted@example.com", "Plantedname"


def quoting(*_: Any, **__: Any) -> str:
    raise duckdb.ConversionException(f'Could not convert "{NAME}" of {EMAIL}\nLINE 1: {NAME}')


def test_run_that_fails_keeps_no_value_of_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    paths = StatePaths(tmp_path / "home")
    initialise(paths)
    land_day(paths, "2026-01-05")
    monkeypatch.setattr(staging, "treat", quoting)

    assert main(["--home", str(paths.home), "run"]) == 1

    said = capsys.readouterr()
    assert "unexpected ConversionException: Could not convert …" in said.err
    assert NAME not in said.err + said.out
    assert places_with(paths.home, (EMAIL, NAME)) == set()


def test_stack_is_kept_and_what_lies_behind_is_not() -> None:
    with pytest.raises(UnforeseenError) as caught, without_values():
        quoting()
    assert str(caught.value) == "unexpected ConversionException: Could not convert … of …"
    assert caught.value.__suppress_context__
    assert caught.traceback[-1].name == "quoting"

"""`footfall plan-experiment`: what makes no sense is refused in a line."""

from pathlib import Path

import pytest

from dagster_project.cli import main

pytestmark = pytest.mark.usefixtures("environment")


def planned(home: Path, *words: str) -> int:
    return main(["--home", str(home), "plan-experiment", "--mean", "0.6", *words])


@pytest.mark.parametrize("lift", ["inf", "nan", "0", "1e-300"])
def test_a_lift_that_is_none_is_refused(lift, tmp_path, capsys):
    assert planned(tmp_path, "--lift", lift) == 2
    said = capsys.readouterr()
    assert "must be a share such as 0.05, which is 5 %" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_rate_above_one_is_refused_and_not_shown_beside(tmp_path, capsys):
    assert planned(tmp_path, "--lift", "5") == 2
    assert "takes unit_conversion_rate from 0.6 above 1; 0.05 is 5 %" in capsys.readouterr().err
    assert planned(tmp_path, "--lift", "0.5") == 0
    said = capsys.readouterr().out
    assert "+50.00%" in said
    assert "+100.00%" not in said

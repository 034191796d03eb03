"""An erasure that was ended after the files: a run, or the command again, finishes it."""

from pathlib import Path

import pytest

from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.ingest import durable, erasure_register
from dagster_project.serving import version_numbers
from dagster_project.state import StatePaths
from tests.landed_days import event, json_lines, land, seal_unchecked, state_with

SETTINGS = "sources: {shop: {format: canonical}}\n"


class Ended(BaseException):
    """Stands in for a kill."""


def footfall(paths: StatePaths, *words: str) -> int:
    return main(["--home", str(paths.home), *words])


def ended_at(paths: StatePaths, monkeypatch: pytest.MonkeyPatch, step: str, *words: str) -> None:
    """Run a command that comes to an end at a step."""

    def end(name: str) -> None:
        if name == step:
            raise Ended

    with monkeypatch.context() as patched:
        patched.setattr(durable, "on_crash_point", end)
        with pytest.raises(Ended):
            footfall(paths, *words)


def left_open(paths: StatePaths) -> list[int]:
    entries = erasure_register.load(paths)
    return [one.number for one in erasure_register.open_requests(entries)]


def test_open_erasure_is_finished_by_a_run_and_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    paths = StatePaths(tmp_path / "home")
    paths.home.mkdir()
    paths.settings_file.write_text(SETTINGS)
    initialise(paths)
    rows = [
        event(n, "2026-01-05T10:00:00Z", event_name="product_viewed", user_id=who, product_id="p")
        for n, who in enumerate(["jane-4711", "joe-0815", "jim-1234", "jil-0099", "joy-0088"])
    ]
    landed = land(paths, "shop/2026-01-05/a.jsonl", json_lines(rows))
    assert footfall(paths, "run") == 0

    # The tables are done, and the older version is served still.
    ended_at(paths, monkeypatch, "erasure: built", "erase-person", "jane-4711")
    assert (left_open(paths), len(version_numbers(paths))) == ([1], 1)
    assert footfall(paths, "verify") == 0
    assert footfall(paths, "run") == 0
    assert (left_open(paths), len(version_numbers(paths))) == ([], 1)
    assert b"jane" not in landed.read_bytes()

    # Served, and not yet written down as done.
    ended_at(paths, monkeypatch, "erasure: published", "erase-person", "joe-0815")
    assert left_open(paths) == [2]
    capsys.readouterr()
    assert footfall(paths, "erase-person") == 0
    assert "request 2: done" in capsys.readouterr().out
    assert (left_open(paths), len(version_numbers(paths))) == ([], 1)

    # Another is named, of whom nothing is known: that request is finished, and this is told.
    ended_at(paths, monkeypatch, "erasure: published", "erase-person", "jil-0099")
    assert left_open(paths) == [3]
    capsys.readouterr()
    assert footfall(paths, "erase-person", "nobody-1") == 2
    said = capsys.readouterr()
    assert "request 3: done" in said.out
    assert "ID is not known" in said.err
    assert footfall(paths, "erase-person", " ") == 2
    assert "ID is empty" in capsys.readouterr().err
    # The same is named once more.
    ended_at(paths, monkeypatch, "erasure: published", "erase-person", "joy-0088")
    capsys.readouterr()
    assert footfall(paths, "erase-person", "joy-0088") == 0
    assert "ID is that of a person who is erased" in capsys.readouterr().out
    assert left_open(paths) == []
    assert landed.read_bytes().count(b"jim-1234") == landed.read_bytes().count(b"\n") == 1
    assert footfall(paths, "verify") == 0

    # Nothing is open, and nobody is named.
    assert footfall(paths, "erase-person") == 2
    assert "erase-person: which one?" in capsys.readouterr().err


def test_warehouse_behind_the_log_is_said_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    paths = state_with(tmp_path / "home", SETTINGS)
    rows = [event(1, "2026-01-05T10:00:00Z", user_id="jane-4711")]
    landed = land(paths, "shop/2026-01-05/a.jsonl", json_lines(rows))
    seal_unchecked(paths, "2026-01-05", now="2026-01-06T03:00:00")

    assert footfall(paths, "erase-person", "jane-4711") == 1

    assert "call `footfall run` and then this command again" in capsys.readouterr().err
    assert b"jane-4711" in landed.read_bytes()
    assert erasure_register.load(paths) == []

"""Errors of storage, told from their words, in one line with what to do."""

import sqlite3
from pathlib import Path

import pytest

from dagster_project import storage_errors
from dagster_project.cli import say_error
from dagster_project.ingest.errors import FootfallError

HOME = Path("/srv/footfall")
# As the four libraries say it.
NO_ROOM = [
    "[Errno 28] No space left on device",
    "[Errno 27] File too large: '/srv/footfall/log/x'",
    "[Errno 122] Disk quota exceeded",
    "(sqlite3.OperationalError) database or disk is full",
    "(sqlite3.OperationalError) disk I/O error",
    'IO Error: Could not write file "/srv/footfall/warehouse/x": No space left on device',
]
NOT_ALLOWED = [
    "[Errno 13] Permission denied: '/srv/footfall/staging'",
    "[Errno 30] Read-only file system: '/srv/footfall/lock'",
    "attempt to write a readonly database",
]


@pytest.mark.parametrize("text", NO_ROOM)
def test_a_full_disk_is_known_in_the_words_of_each_library(text: str) -> None:
    advice = storage_errors.advice(text, HOME)
    assert advice is not None
    assert advice.startswith("there is no room to write: see `df /srv/footfall`")


@pytest.mark.parametrize("text", NOT_ALLOWED)
def test_a_place_that_may_not_be_written_is_known(text: str) -> None:
    advice = storage_errors.advice(text, HOME)
    assert advice is not None
    assert advice.startswith("see owner and mode of what is below /srv/footfall")


def test_other_errors_have_no_advice_about_storage() -> None:
    assert storage_errors.advice("fct_sessions failed: Runtime Error", HOME) is None
    assert storage_errors.storage_line("Runtime Error in model a\n  'full disk' is no date") is None


def test_a_part_that_is_no_parquet_file_any_more_is_named_with_what_to_do() -> None:
    place = "/srv/footfall/log/events/arrival_date=2026-11-01/00000001-000.parquet"
    text = f"Invalid Input Error: No magic bytes found at end of file '{place}'"
    said = f"Runtime Error in model int_event_copies\n  {text}\n  LINE 1: select 'Annegret'"
    assert storage_errors.storage_line(said) == text
    assert storage_errors.advice(text, HOME) == (
        "a file is cut short or damaged: `footfall verify` names it if it is of the log; restore "
        "it from a backup and run again"
    )


def test_the_line_about_storage_is_found_among_those_of_a_model() -> None:
    said = "Runtime Error in model fct_sessions\n  IO Error: File too large\n  LINE 1: select 'Ann'"
    assert storage_errors.storage_line(said) == "IO Error: File too large"


def test_a_value_of_a_row_is_no_error_of_storage_and_is_not_told() -> None:
    said = "Conversion Error: Could not convert string 'No space left on device, Ann' to INT64"
    assert storage_errors.storage_line(said) is None
    assert storage_errors.advice(said, HOME) is None


def test_an_error_behind_an_error_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError("Annegret-Zwickl could not be stored")
    error.__cause__ = sqlite3.OperationalError("database or disk is full")
    assert say_error(error, HOME) == 1
    said = capsys.readouterr().err
    assert said.startswith("footfall: database or disk is full; there is no room to write")
    assert "Annegret" not in said
    assert said.count("\n") == 1


def test_an_error_of_ours_about_storage_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert say_error(FootfallError("dbt parse: [Errno 28] No space left on device"), HOME) == 1
    said = capsys.readouterr().err
    assert said.startswith("footfall: dbt parse: [Errno 28] No space left on device; there is no")


def test_an_error_of_ours_about_anything_else_is_left_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert say_error(FootfallError("2026-11-01: nothing to seal"), HOME) == 1
    assert capsys.readouterr().err == "footfall: 2026-11-01: nothing to seal\n"


def test_a_damaged_warehouse_is_made_anew() -> None:
    text = (
        'IO Error: The file "/srv/footfall/warehouse/footfall.duckdb" exists, but it is not a '
        "valid DuckDB database file!"
    )
    assert storage_errors.storage_line(text) == text
    advice = storage_errors.advice(text, HOME)
    assert advice is not None
    assert "`footfall rebuild --replace` makes it anew" in advice

"""What an unforeseen error may say: never a value from the data."""

import stat
from pathlib import Path

import pytest

from dagster_project.cli.crash_report import report_crash, safe_message


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Could not convert string 'a@b.example' to INT32", "Could not convert string … to INT32"),
        ("no such row: ann@shop.example", "no such row: …"),
        ("cannot place 203.0.113.77 anywhere", "cannot place … anywhere"),
        ("cannot place 2001:db8::8a2e:370:7334 anywhere", "cannot place … anywhere"),
        ("bad number +49 170 1234567", "bad number …"),
        ('Key "user_id: 77" twice', "Key … twice"),
        ("column 12 of 14", "column 12 of 14"),
        ("first line\nsecond line with data", "first line"),
    ],
)
def test_values_are_blanked_in_messages(message: str, said: str) -> None:
    assert safe_message(ValueError(message)) == said


def test_paths_of_system_errors_are_kept() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/nowhere/at/all.csv").read_bytes()

    assert "/nowhere/at/all.csv" in safe_message(caught.value)


def test_log_has_the_stack_of_all_causes_without_values_and_is_private(tmp_path: Path) -> None:
    def cause() -> None:
        raise ValueError("cannot read 'ann@shop.example'")

    try:
        try:
            cause()
        except ValueError as error:
            raise RuntimeError("stopped at 'Ann Miller'") from error
    except RuntimeError as error:
        said = report_crash(error, tmp_path)

    (file,) = (tmp_path / "logs").iterdir()
    text = file.read_text()
    assert said == f"unexpected RuntimeError: stopped at … (details: {file})"
    assert "in cause" in text
    assert "builtins.ValueError: cannot read …" in text
    assert "Ann Miller'\n" not in text.split("RuntimeError: ")[-1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_state_folder_that_does_not_exist_is_not_made_for_a_log(tmp_path: Path) -> None:
    home = tmp_path / "typo"
    report_crash(ValueError("x"), home)

    assert not home.exists()

"""The shell around the commands: which one, where, and what an error becomes."""

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dagster_project import cli
from dagster_project.ingest.errors import FootfallError, UsageError


class Command:
    """A command that does what a test says and remembers how it was called."""

    def __init__(self) -> None:
        self.home: Path | None = None
        self.raises: BaseException | None = None

    def register(self, subparsers: Any) -> None:
        subparsers.add_parser("doctor").add_argument("word", nargs="?")

    def run(self, args: argparse.Namespace, home: Path) -> int:
        self.home = home
        if self.raises is not None:
            raise self.raises
        return 0


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: None) -> Command:
    fake = Command()
    module = ModuleType("fake")
    module.register, module.run = fake.register, fake.run  # type: ignore[attr-defined]
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: module)
    monkeypatch.delenv("FOOTFALL_HOME")
    monkeypatch.chdir(tmp_path)
    return fake


def test_home_is_the_option_then_the_environment_then_the_working_directory(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli.main(["doctor"])
    assert command.home == tmp_path / ".footfall"
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / "by-environment"))
    cli.main(["doctor"])
    assert command.home == tmp_path / "by-environment"
    cli.main(["--home", "by-option", "doctor"])
    assert command.home == tmp_path / "by-option"
    cli.main(["doctor", "--home", "after"])
    assert command.home == tmp_path / "after"


def test_value_of_home_is_not_taken_for_a_command(command: Command, tmp_path: Path) -> None:
    assert cli.main(["--home", "query", "doctor"]) == 0
    assert command.home == tmp_path / "query"


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (FootfallError("log: is broken; mend it"), 1, "footfall: log: is broken; mend it\n"),
        (UsageError("two\n  lines"), 2, "footfall: two lines\n"),
        (KeyboardInterrupt(), 130, "footfall: interrupted"),
        (ZeroDivisionError("by 'x'"), 1, "footfall: unexpected ZeroDivisionError: by … (details: "),
    ],
)
def test_error_is_one_line_and_an_exit_code(
    command: Command,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    said: str,
) -> None:
    command.raises = raised

    assert cli.main(["doctor"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["doctor", "--no-such-option"]])
def test_wrong_use_exits_with_2(command: Command, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2


def test_every_command_has_a_module_with_register_and_run() -> None:
    folder = Path(cli.__file__).parent
    for name, (module, _) in cli.COMMANDS.items():
        text = (folder / f"{module}.py").read_text()
        assert "\ndef register(" in text, name
        assert "\ndef run(" in text, name


def test_help_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\n"
        "from dagster_project.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'dagster', 'dbt', 'duckdb', 'great_expectations', 'pandas', 'numpy', 'pyarrow'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "simulate" in done.stdout

"""The command `footfall`: finds the command, runs it, and says what went wrong in one line.

Belongs here: the list of commands, the state folder, exit codes, errors. What a command does is in
the module of its name, which is imported only when it is called:
`footfall --help` imports no Dagster.

A command's module has `register(subparsers)`, which adds its parser, and `run(args, home) -> int`.
"""

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from dagster_project import storage_errors
from dagster_project.ingest.errors import FootfallError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("init", "make the state folder with footfall.yml and keys"),
    "import": ("import_file", "bring a historical file into landing, by arrival day"),
    "run": ("run", "load, check, seal, build, train and publish the days that have landed"),
    "accept": ("accept", "seal a batch that the checks refused"),
    "rebuild": ("rebuild", "build the warehouse anew beside the present one, and compare"),
    "replay": ("replay", "try quarantined rows again under today's contract"),
    "verify": ("verify", "check the whole log and the records against their seals"),
    "export-person": ("export_person", "give out all that is held of a person, as JSON"),
    "erase-person": ("erase_person", "erase a person, now and from every later rebuild"),
    "query": ("query", "read the published tables with SQL"),
    "metrics": ("metrics", "answer any metric by any dimension, through MetricFlow"),
    "plan-experiment": ("plan_experiment", "say how many persons and days an experiment needs"),
    "simulate": ("simulate", "write a shop's event files with known ground truth"),
    "doctor": ("doctor", "say what is wrong with the installation or the state"),
}
"""Command -> its module below `dagster_project.cli`, and its line of help."""

_QUIET: Final = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}
_INTERRUPTED: Final = 130
_PIPE_CLOSED: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the words after `footfall`; those of this process unless given.

    Returns:
        The exit code: 0 done, 1 a check failed or something broke, 2 wrong use.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    home: Path | None = None
    try:
        args, home, module = _parse(words)
        _prepare_environment(home)
        code = int(module.run(args, home))
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted; what was finished stays, and the next run goes on from there")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`); nothing must complain when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except Exception as error:
        return say_error(error, home)
    finally:
        if argv is None:
            # The process ends: to look for cycles among all that it has imported takes a second.
            gc.freeze()
    return code


def say_error(error: Exception, home: Path | None) -> int:
    """Tell an error in one line on the terminal.

    Args:
        error: what a command raised.
        home: the state folder, where it is known yet.

    Returns:
        The exit code.
    """
    if isinstance(error, FootfallError):
        text = str(error)
        _say(text if home is None else storage_errors.with_advice(text, home))
        return error.exit_code
    _say(_of_no_error_of_ours(error, home))
    return 1


def _of_no_error_of_ours(error: Exception, home: Path | None) -> str:
    """The line for an error that nobody foresaw; a disk that is full is one that we did."""
    told = None if home is None else storage_errors.explained(error, home)
    if told is not None:
        return told
    from dagster_project.cli.crash_report import report_crash

    return report_crash(error, home)


def _parse(words: list[str]) -> tuple[argparse.Namespace, Path, Any]:
    """The arguments, the state folder, and the module of the command."""
    command = _command_of(words)
    parser = argparse.ArgumentParser(
        prog="footfall",
        allow_abbrev=False,
        description="A self-hosted behavioural data warehouse.",
        epilog="Exit codes: 0 done, 1 a check failed, 2 wrong use.",
    )
    parser.add_argument(
        "--home", metavar="DIR", help="state folder; else $FOOTFALL_HOME, else ./.footfall"
    )
    parser.add_argument("--version", action="version", version=f"footfall {_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    module = None
    for name, (module_name, text) in COMMANDS.items():
        if name == command:
            module = importlib.import_module(f"dagster_project.cli.{module_name}")
            module.register(subparsers)
            # After the command as well; absent there, it must not hide the one before.
            subparsers.choices[name].add_argument(
                "--home", default=argparse.SUPPRESS, help=argparse.SUPPRESS
            )
        else:
            subparsers.add_parser(name, help=text, add_help=False)
    args = parser.parse_args(words)
    chosen = args.home or os.environ.get("FOOTFALL_HOME") or ".footfall"
    return args, Path(chosen).expanduser().absolute(), module


def _command_of(words: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of `--home`."""
    rest = iter(words)
    for word in rest:
        if word == "--home":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _prepare_environment(home: Path) -> None:
    """What the tools read when they are imported: no telemetry, and where the state is."""
    os.environ.update(_QUIET)
    os.environ["FOOTFALL_HOME"] = str(home)
    os.environ["DAGSTER_HOME"] = str(home / "dagster")


def _version() -> str:
    try:
        return version("footfall")
    except PackageNotFoundError:
        return "(not installed)"


def _say(text: str) -> None:
    line = " ".join(text.split())
    sys.stdout.flush()
    print(f"footfall: {line}", file=sys.stderr)

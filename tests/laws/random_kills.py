"""Law 3 under kills at random: `python -m tests.laws.random_kills --kills 200 --seed 1`.

A shop's third day arrives on two that are built. A run is killed at an instant of chance, the next
one goes on from there and is killed as well, up to four in a row; then one is let through, and
every published table must equal that of a run that nobody killed. Belongs here: the rounds, and
telling the seed of one that failed. Not here: the run (`tests/whole_run.py`).
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from dagster_project.cli import main as footfall
from dagster_project.ingest import verify
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_after, told_under
from tests.whole_run import begin_state, run_whole, tables

_MOST_IN_A_ROW = 4
Work = Callable[[Path], object]


def run_command(home: Path) -> None:
    """The command itself, Dagster and all."""
    code = footfall(["--home", str(home), "run"])
    if code != 0:
        raise SystemExit(code)


def kills_of(seed: int) -> list[float]:
    """When the runs of a round die, as shares of the time that a whole one takes."""
    rng = Random(seed)
    return [rng.random() for _ in range(rng.randint(1, _MOST_IN_A_ROW))]


def main(arguments: list[str] | None = None) -> int:
    """Rounds of kills until there are enough; 1 at the first difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws.random_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument(
        "--command", action="store_true", help="kill `footfall run` itself: three times as slow"
    )
    chosen = parser.parse_args(arguments)
    work: Work = run_command if chosen.command else run_whole
    with tempfile.TemporaryDirectory(prefix="footfall-kills-") as folder:
        return _rounds(Path(folder), work, chosen.kills, chosen.seed)


def _rounds(folder: Path, work: Work, wanted: int, seed: int) -> int:
    home, begun = folder / "state", folder / "begun"
    _must(told_under(None, home, begin_state, home))
    shutil.copytree(home, begun, symlinks=True)
    started = time.monotonic()
    _must(told_under(None, home, work, home))
    seconds = time.monotonic() - started
    expected = tables(home)
    killed, first = 0, seed
    while killed < wanted:
        shutil.rmtree(home)
        shutil.copytree(begun, home, symlinks=True)
        for share in kills_of(seed):
            killed += lose_process_after(share * seconds, work, home)
        said = told_under(None, home, work, home)
        found = tables(home)
        wrong = sorted(
            name for name in {*found, *expected} if found.get(name) != expected.get(name)
        )
        problems = verify.audit(StatePaths(home)).problems
        if "footfall: " in said or wrong or problems:
            print(f"seed {seed}: {said.strip()} {wrong} {list(problems)}")
            return 1
        print(f"seed {seed}: no difference, {killed} kills by now", flush=True)
        seed += 1
    print(
        f"no difference after {killed} kills in {seed - first} rounds; seeds {first} to {seed - 1}"
    )
    return 0


def _must(said: str) -> None:
    if "footfall: " in said:
        raise SystemExit(said)


if __name__ == "__main__":
    sys.exit(main())

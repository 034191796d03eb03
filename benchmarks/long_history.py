"""What one more day costs early and late in a long history: wall, processor time, rows read.

    python -m benchmarks.long_history [--days 60,180,365] [--visitors 400]

Every day brings as many events as any other, one in a hundred of them late. The days up to each
mark are loaded and built as a range; the marked day is then loaded and built alone, in processes of
its own, and once more on a copy of the state with DuckDB's profile on, for the rows that each model
reads. Models are not trained: they read a window of bounded length by themselves.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks.process import Usage, footfall, machine, measure

FIRST = date(2025, 1, 1)
# Stages of a day that law 5 binds; publication copies every mart and is exempt.
STAGES = ("load", "build", "publish")


@dataclass(frozen=True)
class Day:
    """What a marked day took, stage by stage, and what each model read and took."""

    number: int
    used: Mapping[str, Usage]
    rows: Mapping[str, int]
    seconds: Mapping[str, float]


def main() -> None:
    """Simulate, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_history")
    parser.add_argument("--days", default="60,180,365")
    parser.add_argument("--visitors", default="400", help="visits a day, ten events each")
    chosen = parser.parse_args()
    marks = [int(number) for number in chosen.days.split(",")]
    print(machine())
    with tempfile.TemporaryDirectory(prefix="footfall-benchmark-") as folder:
        source, home = Path(folder) / "source", Path(folder) / "home"
        for state in (source, home):
            footfall(state, "init")
        footfall(
            source, "simulate", "--days", str(marks[-1]), "--visitors", chosen.visitors,
            "--start", FIRST.isoformat(), "--late", "0.01", "--spike", "0", "--lift", "0",
        )  # fmt: skip
        days = [_marked(home, source, number) for number in marks]
    _print(days)


def _marked(home: Path, source: Path, number: int) -> Day:
    """Bring the state to the eve of a day, then measure the day."""
    _land(home, source, number - 1)
    for stage in ("load", "build"):
        measure([sys.executable, "-m", "benchmarks.stage", stage], home)
    _land(home, source, number)
    used = {"load": measure([sys.executable, "-m", "benchmarks.stage", "load"], home)}
    copy = home.with_name("copy")
    shutil.copytree(home, copy, symlinks=True)
    counted = measure([sys.executable, "-m", "benchmarks.stage", "build", "--rows"], copy)
    shutil.rmtree(copy)
    for stage in STAGES[1:]:
        used[stage] = measure([sys.executable, "-m", "benchmarks.stage", stage], home)
    return Day(number, used, _last_line(counted), _last_line(used["build"]))


def _land(home: Path, source: Path, number: int) -> None:
    """Move the files of the days up to one into the state's landing folder."""
    last = (FIRST + timedelta(days=number - 1)).isoformat()
    for folder in sorted((source / "landing").glob("*/*")):
        if folder.name <= last:
            target = home / "landing" / folder.parent.name / folder.name
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)


def _last_line(used: Usage) -> dict[str, float]:
    content: dict[str, float] = json.loads(used.output.strip().splitlines()[-1])
    return content


def _print(days: Sequence[Day]) -> None:
    for day in days:
        for stage, used in day.used.items():
            print(f"day {day.number:4} {stage:8} {used}")
        print(f"day {day.number:4} rows read by models and tests: {sum(day.rows.values()):,}")
    first, last = days[0], days[-1]
    print(f"\n{'':32} " + " ".join(f"{'day ' + str(day.number):>22}" for day in days))
    for name in sorted(last.rows, key=lambda name: -last.rows[name])[:40]:
        cells = [f"{day.rows.get(name, 0):13,} {day.seconds.get(name, 0):6.2f} s" for day in days]
        growth = last.rows[name] / max(first.rows.get(name, 0), 1)
        print(f"{name:32} " + " ".join(cells) + f"  x{growth:.1f}")


if __name__ == "__main__":
    main()

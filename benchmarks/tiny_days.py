"""The fixed cost of a tiny day, split, and thirty tiny days in one run.

    python -m benchmarks.tiny_days [--days 30] [--visitors 20]

A day of some two hundred events: what it costs is start-up, orchestration, checks, dbt and the
models, not rows. `footfall run` and Dagster's own launcher (`dg launch`) are timed as whole
processes; the parts are the steps of the first, as Dagster has noted them.
"""

import argparse
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

from benchmarks.process import BIN, Usage, footfall, machine, measure

FIRST = date(2026, 1, 1)


def main() -> None:
    """Simulate, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiny_days")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--visitors", default="20", help="visits a day, ten events each")
    chosen = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="footfall-benchmark-") as folder:
        fresh = Path(folder) / "fresh"
        footfall(fresh, "init")
        footfall(
            fresh, "simulate", "--days", str(chosen.days), "--visitors", chosen.visitors,
            "--start", FIRST.isoformat(),
        )  # fmt: skip
        at_once = Path(folder) / "at-once"
        shutil.copytree(fresh, at_once)
        days = [(FIRST + timedelta(days=number)).isoformat() for number in range(chosen.days)]
        _print("first run of a fresh state", footfall(fresh, "run", "--to", days[0]))
        for day in days[1:4]:
            one = footfall(fresh, "run", "--from", day, "--to", day)
            _print("a tiny day, footfall run", one)
        _print_steps(one)
        for day in days[4:6]:
            launch = [str(BIN / "dg"), "launch", "--job", "daily", "--partition", day]
            _print("a tiny day, dg launch", measure(launch, fresh))
        imports = measure([str(BIN / "python"), "-c", "import dagster_project.definitions"], fresh)
        _print("of it, imports", imports)
        whole = footfall(at_once, "run")
        _print(f"{chosen.days} tiny days in one run", whole)
        _print_steps(whole)


def _print(name: str, used: Usage) -> None:
    print(f"{name:28} {used}", flush=True)


def _print_steps(used: Usage) -> None:
    for line in used.output.splitlines():
        if line[:1].isdigit() and line.endswith(" s"):
            print(f"    {line}")


if __name__ == "__main__":
    main()

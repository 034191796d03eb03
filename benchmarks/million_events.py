"""A million events through everything: events a second and peak memory, stage by stage and whole.

    python -m benchmarks.million_events [--days 10] [--visitors 10000] [--parts]

The events are those of `footfall simulate`, with late, duplicate and invalid lines, ten days
of a hundred thousand by default. Each stage is a process of its own, then the whole is
`footfall run` from the start.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.process import footfall, machine, measure

STAGES = ("load", "build", "train", "publish")


def main() -> None:
    """Simulate, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million_events")
    parser.add_argument("--days", default="10")
    parser.add_argument("--visitors", default="10000")
    parser.add_argument("--seed", default="3")
    parser.add_argument("--stages", default=",".join(STAGES), help="the whole alone where empty")
    parser.add_argument("--parts", action="store_true", help="the slowest parts of each stage")
    parser.add_argument("--no-whole", action="store_true")
    chosen = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="footfall-benchmark-") as folder:
        fresh = Path(folder) / "fresh"
        footfall(fresh, "init")
        simulated = footfall(
            fresh, "simulate", "--days", chosen.days, "--seed", chosen.seed,
            "--visitors", chosen.visitors,
        )  # fmt: skip
        events = int(simulated.output.split(" lines in ")[0].split()[-1])
        print(f"{events:,} lines over {chosen.days} days; simulate {simulated}")
        if chosen.stages:
            home = Path(folder) / "stages"
            shutil.copytree(fresh, home)
            for stage in chosen.stages.split(","):
                used = measure([sys.executable, "-m", "benchmarks.stage", stage], home)
                print(f"{stage:8} {used}  {events / used.wall_s:9,.0f} events/s", flush=True)
                if chosen.parts:
                    _print_parts(json.loads(used.output.strip().splitlines()[-1]))
            shutil.rmtree(home)
        if not chosen.no_whole:
            used = footfall(fresh, "run")
            print(f"whole    {used}  {events / used.wall_s:9,.0f} events/s")


def _print_parts(parts: dict[str, float]) -> None:
    slowest = sorted(parts.items(), key=lambda part: -part[1])[:40]
    for name, seconds in slowest:
        print(f"    {seconds:7.2f}  {name}")


if __name__ == "__main__":
    main()

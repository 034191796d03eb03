"""Each model on real data against its baseline: the table of docs/models.md.

    python -m benchmarks.models_report [--data FOLDER] [NAME …]

A process a data set, so that seconds and memory are its own. `--data` is the folder of the public
data sets (by default beside the checkout, or what FOOTFALL_SHARED_DATA says). Without names all are
run, and the table between the marks in docs/models.md is made anew; with names it is printed.

Belongs here: which lines there are, running them, the table. Not here: how each is measured
(`report_recommenders`, `report_people`, `report_anomalies`), the models.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.process import REPOSITORY, machine
from benchmarks.report_anomalies import files, logins, nab, taxi
from benchmarks.report_line import Line
from benchmarks.report_people import cdnow, choices, cookie_cats, retailer
from benchmarks.report_recommenders import bandits, movielens, next_film, open_bandit

DOCUMENT = REPOSITORY / "docs" / "models.md"
BEGIN, END = "<!-- models-report -->", "<!-- /models-report -->"


REPORTS: dict[str, Callable[[Path], Iterator[Line]]] = {
    one.__name__: one
    for one in (
        movielens, next_film, retailer, cdnow, choices, logins, files, taxi, nab, cookie_cats,
        bandits, open_bandit,
    )
}  # fmt: skip


def _run(name: str, data: Path) -> None:
    """Measure in this process; print the lines with what they took as JSON."""
    started = time.perf_counter()
    lines = [asdict(line) for line in REPORTS[name](data)]
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"lines": lines, "seconds": seconds, "mib": peak}))


def _table(names: list[str], data: Path) -> str:
    rows = [
        "| model | data | metric | baseline | result | 95 % interval | s, MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        words = [sys.executable, "-m", "benchmarks.models_report", "--one", name]
        done = subprocess.run(
            [*words, "--data", str(data)], capture_output=True, text=True, check=False,
            cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        took = f"{found['seconds']:.0f}, {found['mib']:.0f}"
        rows += [f"| {' | '.join(line.values())} | {took} |" for line in found["lines"]]
        print(f"{name}: {took}", file=sys.stderr, flush=True)
    return "\n".join(rows)


def main() -> None:
    """Measure, and print the table or write it into the document."""
    beside = REPOSITORY.parent / "shared" / "data"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models_report")
    parser.add_argument("names", nargs="*", help=", ".join(REPORTS))
    parser.add_argument("--data", type=Path, default=os.environ.get("FOOTFALL_SHARED_DATA", beside))
    parser.add_argument("--one", choices=REPORTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        _run(chosen.one, chosen.data)
        return
    unknown = set(chosen.names) - set(REPORTS)
    if unknown or not chosen.data.is_dir():
        reason = f"no report {', '.join(unknown)}" if unknown else f"no data sets in {chosen.data}"
        parser.error(f"{reason}; the names are {', '.join(REPORTS)}")
    table = _table(chosen.names or list(REPORTS), chosen.data)
    if chosen.names:
        print(table)
        return
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    made = f"{BEGIN}\n{machine()}\n\n{table}\n{END}"
    DOCUMENT.write_text(before + made + after)


if __name__ == "__main__":
    main()

"""`footfall simulate`: write a shop's event files with known ground truth into landing.

What happens in the shop is in `ml.simulation`; here its lines become files. A file that is there
already with the same bytes is left alone, so a simulation can be made longer in place; one with
other bytes stops the command, because a landed file must not change.
"""

import argparse
import gzip
import io
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import UsageError
from dagster_project.state import StatePaths
from ml.simulation import IDENTITY, SHOP, Faults, Settings, Simulation

# Three takes a third of the time of six, for files a tenth larger.
COMPRESSION_LEVEL = 3


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes:
        files: in landing, those found with the same bytes included.
        lines: in them.
        totals: events, late, duplicates, conflicts, invalid, sessions, orders, persons, …
        planted: how many of each planted kind.
    """

    files: int
    lines: int
    totals: dict[str, int]
    planted: dict[str, int]


def simulate(landing: Path, truth: Path, settings: Settings) -> Summary:
    """Write the files of a simulation, and its truth.

    Args:
        landing: the folder of `<source>/<day>/` folders.
        truth: the folder for sessions, persons, orders and planted effects (Parquet), and
            summary.json; its files are replaced.
        settings: of the simulation.

    Raises:
        UsageError: a file of the same name but other content is in landing.
    """
    simulation = Simulation(settings)
    files = lines = 0
    for day_files in simulation.days():
        for file in day_files:
            folder = landing / file.source / file.date.isoformat()
            data = "".join(line + "\n" for line in file.lines).encode()
            if file.name.endswith(".gz"):
                data = gzip.compress(data, COMPRESSION_LEVEL, mtime=0)
            _land(folder / file.name, data)
            files += 1
            lines += len(file.lines)
    truth.mkdir(parents=True, exist_ok=True)
    for name, table in simulation.truth.tables().items():
        _write(truth / f"{name}.parquet", _parquet(table))
    summary = simulation.truth.summary()
    _write(truth / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    return Summary(files, lines, summary["totals"], summary["planted"])


def _land(path: Path, data: bytes) -> None:
    if path.exists():
        if path.read_bytes() == data:
            return
        raise UsageError(
            f"{path} is there with other content: simulate into an empty state folder, "
            "or with the seed and parameters that made it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, data)


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all: readers ignore names that end in .tmp."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    unfinished.replace(path)


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "simulate",
        help="write a shop's event files with known ground truth",
        description="Write a plausible shop's event files to landing/shop and landing/identity, "
        "and what truly happened to truth/. The same parameters give the same bytes; more days "
        "add to the days before.",
    )
    plain, faults = Settings(), Faults()
    parser.add_argument("--seed", type=int, default=plain.seed, help="default: %(default)s")
    parser.add_argument("--days", type=int, default=plain.days, help="default: %(default)s")
    parser.add_argument(
        "--start",
        type=date.fromisoformat,
        default=plain.start,
        metavar="YYYY-MM-DD",
        help="first UTC day, default: %(default)s",
    )
    parser.add_argument(
        "--visitors",
        type=int,
        default=plain.visitors_per_day,
        help="visits on an average day, about ten events each; default: %(default)s",
    )
    parser.add_argument(
        "--lift",
        type=float,
        default=plain.lift,
        help="rise of the mean order value in the experiment's treatment, default: %(default)s",
    )
    parser.add_argument(
        "--spike",
        type=float,
        default=plain.spike,
        help="rise of visits on the planted spike day, default: %(default)s",
    )
    for name, what in (
        ("late", "share of events that arrive one to eleven days late"),
        ("duplicate", "share of events delivered twice"),
        ("invalid", "extra lines that break the contract, as a share of the events"),
    ):
        parser.add_argument(
            f"--{name}",
            type=float,
            default=getattr(faults, name),
            help=f"{what}, default: %(default)s",
        )
    parser.add_argument(
        "--no-faults", action="store_true", help="every event arrives once, in time, well formed"
    )
    parser.add_argument(
        "--truth",
        type=Path,
        default=None,
        help="folder for the truth, default: truth/ in the state folder",
    )


def run(args: argparse.Namespace, home: Path) -> int:
    """Run the command on a state folder; returns the exit code."""
    try:
        settings = Settings(
            seed=args.seed,
            days=args.days,
            start=args.start,
            visitors_per_day=args.visitors,
            lift=args.lift,
            spike=args.spike,
            faults=Faults.none()
            if args.no_faults
            else Faults(late=args.late, duplicate=args.duplicate, invalid=args.invalid),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    paths = StatePaths(home)
    truth = args.truth if args.truth is not None else home / "truth"
    summary = simulate(paths.landing, truth, settings)
    totals = summary.totals
    print(
        f"{summary.lines} lines in {summary.files} files in {paths.landing}: "
        f"{totals.get('events', 0)} events ({totals.get('late', 0)} late), "
        f"{totals.get('duplicates', 0)} duplicates, {totals.get('invalid', 0)} invalid"
    )
    print(
        f"{totals['persons']} persons, {totals['sessions']} sessions, {totals['orders']} orders; "
        f"what truly happened is in {truth}"
    )
    for source in _undeclared(paths):
        print(f"to load {source}, add to the sources of {paths.settings_file}:")
        print(f"  {source}: {{format: canonical}}")
    return 0


def _undeclared(paths: StatePaths) -> list[str]:
    """Simulated sources that the settings, where there are any, do not name."""
    if not paths.settings_file.exists():
        return []
    declared = load_settings(paths.settings_file).sources
    return [name for name in (SHOP, IDENTITY) if name not in declared]

"""A command in a process of its own: wall time, processor time and peak memory.

Only the measuring belongs here; what is run is the business of the benchmarks.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Usage:
    """What a process took; memory is that of its largest process, in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    output: str

    def __str__(self) -> str:
        return f"{self.wall_s:7.1f} s wall {self.cpu_s:7.1f} s CPU {self.peak_mib:7.0f} MiB"


def measure(words: Sequence[str], home: Path) -> Usage:
    """Run a command on a state folder to its end.

    Raises:
        RuntimeError: it failed; the text is the end of its output.
    """
    environment = dict(
        os.environ, FOOTFALL_HOME=str(home), DAGSTER_HOME=str(home / "dagster"),
        PYTHONPATH=str(REPOSITORY), DAGSTER_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1",
        GX_ANALYTICS_ENABLED="false", DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )  # fmt: skip
    started = time.perf_counter()
    process = subprocess.Popen(
        list(words), env=environment, cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit {process.returncode}\n{output[-3000:]}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def footfall(home: Path, *words: str) -> Usage:
    """The command `footfall`."""
    return measure([sys.executable, "-m", "dagster_project.cli", *words], home)


def machine() -> str:
    """The size of this machine, for the page of figures."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores, {pages / 2**30:.0f} GiB, Python {sys.version.split()[0]}"

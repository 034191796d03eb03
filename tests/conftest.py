"""What concerns a whole session: processes, threads of builds, and what law 3 has tried.

Belongs here: this alone. It stands here since the process that starts others, and prints, looks
into no folder below.
"""

import os
import sys
from collections import Counter
from typing import Any

import pytest

# Small tables are built by one thread of DuckDB a sixth faster than by two.
os.environ.setdefault("FOOTFALL_THREADS", "1")
_HARNESS = "tests.laws.harness"
_COUNTS = ("histories", "rows", "runs", "kills")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep a module together whose tests share what is made once (with `--dist loadgroup`).

    It would be made once in each process otherwise, and many of these are whole runs.
    """
    fixtures = getattr(item, "_fixtureinfo", None)
    definitions = fixtures.name2fixturedefs.values() if fixtures else ()
    if any(one.scope == "module" for several in definitions for one in several):
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _tried() -> dict[str, Any]:
    """What this process has tried; empty where it has run no test of law 3."""
    harness = sys.modules.get(_HARNESS)
    if harness is None:
        return {}
    counts = {name: getattr(harness.TRIED, name) for name in _COUNTS}
    return {**counts, "situations": dict(harness.TRIED.situations)}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run in processes beside each other, each hands over what it has tried."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["law3"] = _tried()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what a process beside this one has tried."""
    tried = getattr(node, "workeroutput", {}).get("law3")
    if not tried:
        return
    from tests.laws.harness import TRIED

    for name in _COUNTS:
        setattr(TRIED, name, getattr(TRIED, name) + tried[name])
    TRIED.situations += Counter(tried["situations"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many histories this session has followed, and what happened in them."""
    if not _tried().get("histories"):
        return
    from tests.laws.harness import TRIED

    terminalreporter.write_line(f"law 3: {TRIED}")
    if TRIED.situations:
        terminalreporter.write_line("law 3: in so many of the random histories:")
        for line in TRIED.told():
            terminalreporter.write_line(line)

"""Gives the law tests the project root on the import path, and prints what law 3 has tried."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.laws.harness import TRIED  # noqa: E402


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many histories this session has followed."""
    if TRIED.histories:
        terminalreporter.write_line(f"law 3: {TRIED}")

"""A module's tests run in one process, so that what they share is made once.

Belongs here: the grouping in `tests/conftest.py`, seen to work under the runner that is installed.
"""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
GROUPING = "from tests.conftest import pytest_itemcollected\n"
MODULE = """\
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared():
    with (Path(__file__).parent / "made").open("a") as file:
        file.write(f"{os.getpid()}\\n")


@pytest.mark.parametrize("number", range(6))
def test_something(shared, number):
    pass
"""


def times_made(folder: Path, conftest: str) -> int:
    """How often two processes make what the six tests of a module share."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_module.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "--rootdir",
         str(folder), "-c", "/dev/null", "-o", f"pythonpath={REPOSITORY}", str(folder)],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return len((folder / "made").read_text().splitlines())


def test_what_a_module_shares_is_made_once(tmp_path):
    assert times_made(tmp_path, GROUPING) == 1


def test_it_would_be_made_in_each_process_otherwise(tmp_path):
    assert times_made(tmp_path, "") == 2

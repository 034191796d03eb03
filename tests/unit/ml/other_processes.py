"""Python code run in a process of its own, under another environment."""

import os
import subprocess
import sys
from pathlib import Path

import ml

_HERE = Path(__file__).parent


def printed(code: str, **environment: str) -> str:
    """What code prints that may import this folder's modules by their bare names.

    Args:
        code: Python.
        environment: set for it, beside that of this process.
    """
    places = [str(_HERE), str(Path(ml.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = sys.argv[1:]\n{code}", *places],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()

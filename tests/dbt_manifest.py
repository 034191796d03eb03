"""The dbt project's manifest with compiled SQL, made once a process.

Belongs here: starting dbt for tests that look at the project's nodes. Not here: running models
(`tests/laws/compiled.py`), and what any test thinks of a node.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.laws.shop import AFFINITY, RETENTION_OFFSETS

DBT_PROJECT = Path(__file__).parents[1] / "dbt"
PROFILES = Path(__file__).parent / "laws"
# Stands in the compiled SQL wherever a file of the state folder is read.
COMPILED_HOME = "/footfall-home"

Node = dict[str, Any]


@cache
def compiled_manifest() -> dict[str, Any]:
    """The manifest, with `compiled_code` in every node; needs no database.

    Retention and affinity reach as far as the shop of the laws has it.

    Raises:
        RuntimeError: dbt could not compile the project; the text is dbt's.
    """
    with TemporaryDirectory(prefix="footfall-manifest-") as target:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"), "compile", "--no-populate-cache",
                "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES),
                "--target-path", target, "--log-path", target,
                "--vars", json.dumps({"retention_offsets": RETENTION_OFFSETS, **AFFINITY}),
            ],
            env=dict(os.environ, FOOTFALL_HOME=COMPILED_HOME, DO_NOT_TRACK="1"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:])
        manifest: dict[str, Any] = json.loads((Path(target) / "manifest.json").read_text())
        return manifest


def nodes_of_type(resource_type: str) -> dict[str, Node]:
    """All nodes of one type (`model`, `test`, …), by name."""
    return {
        node["name"]: node
        for node in compiled_manifest()["nodes"].values()
        if node["resource_type"] == resource_type
    }

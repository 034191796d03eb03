"""The dbt project's manifest with compiled SQL, made once as long as the project stays as it is.

Belongs here: starting dbt for tests that look at the project's nodes. Not here: running models
(`tests/laws/compiled.py`), and what any test thinks of a node.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dagster_project import dbt_build
from tests.laws.shop import AFFINITY, RETENTION_OFFSETS

DBT_PROJECT = Path(__file__).parents[1] / "dbt"
PROFILES = Path(__file__).parent / "laws"
KEPT = Path(__file__).parents[1] / ".pytest_cache" / "footfall_manifest"
# Stands in the compiled SQL wherever a file of the state folder is read.
COMPILED_HOME = "/footfall-home"

Node = dict[str, Any]


@cache
def compiled_manifest() -> dict[str, Any]:
    """The manifest, with `compiled_code` in every node; needs no database.

    Retention and affinity reach as far as the shop of the laws has it. dbt takes ten seconds for
    it, so that processes beside each other, and the next session, read what the first one wrote.

    Raises:
        RuntimeError: dbt could not compile the project; the text is dbt's.
    """
    variables = json.dumps({"retention_offsets": RETENTION_OFFSETS, **AFFINITY})
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{_fingerprint(variables)}.json"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for other in KEPT.glob("*.json"):
                other.unlink()
            beside = kept.with_suffix(".new")
            beside.write_bytes(_compile(variables))
            beside.rename(kept)
        manifest: dict[str, Any] = json.loads(kept.read_bytes())
    return manifest


def _fingerprint(variables: str) -> str:
    """Of all that a manifest is made from."""
    digest = hashlib.sha256(f"{variables} {version('dbt-core')} {version('dbt-duckdb')}".encode())
    digest.update(dbt_build.project_fingerprint().encode())
    digest.update((PROFILES / "profiles.yml").read_bytes())
    return digest.hexdigest()


def _compile(variables: str) -> bytes:
    with TemporaryDirectory(prefix="footfall-manifest-") as target:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"), "compile", "--no-populate-cache",
                "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES),
                "--target-path", target, "--log-path", target, "--vars", variables,
            ],
            env=dict(os.environ, FOOTFALL_HOME=COMPILED_HOME, DO_NOT_TRACK="1"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:])
        return (Path(target) / "manifest.json").read_bytes()


def nodes_of_type(resource_type: str) -> dict[str, Node]:
    """All nodes of one type (`model`, `test`, …), by name."""
    return {
        node["name"]: node
        for node in compiled_manifest()["nodes"].values()
        if node["resource_type"] == resource_type
    }

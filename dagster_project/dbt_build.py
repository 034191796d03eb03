"""dbt, run inside this process.

A dbt started as a subprocess costs 4 to 5 seconds before its first statement; in a warm process the
same build takes two. Belongs here: parsing the project into the state folder, running a selection,
and what came of each node. Not here: Dagster, and what any model computes.
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster_project.ingest.durable import crash_point
from dagster_project.ingest.errors import FootfallError
from dagster_project.state import StatePaths

_CHOSEN = "footfall_chosen"


class DbtError(FootfallError):
    """dbt could not parse or run; the text is dbt's first line about it."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node.

    Attributes:
        unique_id: dbt's id of the node.
        status: success, pass, warn, fail, error or skipped.
        seconds: wall time of the node.
        message: dbt's words, empty where it passed.
        failures: rows that a test found wrong; None for models.
    """

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int | None

    @property
    def is_good(self) -> bool:
        return self.status in {"success", "pass", "warn"}


def project_dir() -> Path:
    """The dbt project: beside the package in a checkout, inside it in a wheel."""
    here = Path(__file__).parent
    packaged = here / "dbt_project"
    return packaged if packaged.is_dir() else here.parent / "dbt"


def target_dir(paths: StatePaths) -> Path:
    """Where dbt keeps its manifest for this state folder."""
    return paths.warehouse / "dbt"


def project_fingerprint() -> str:
    """SHA-256 over the names and contents of the project's files."""
    digest = hashlib.sha256()
    root = project_dir()
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] not in {"target", "logs"}:
            digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def manifest_path(paths: StatePaths) -> Path:
    """The parsed manifest, made anew when a file of the project has changed.

    Raises:
        DbtError: the project does not parse.
    """
    target = target_dir(paths)
    manifest, stamp = target / "manifest.json", target / "fingerprint"
    fingerprint = project_fingerprint()
    if not (manifest.exists() and stamp.exists() and stamp.read_text() == fingerprint):
        target.mkdir(parents=True, exist_ok=True)
        _invoke(paths, ["parse"])
        stamp.write_text(fingerprint)
    return manifest


def build(paths: StatePaths, nodes: list[str]) -> list[NodeResult]:
    """Build models and run tests, by name, in dependency order.

    Args:
        paths: the state folder; the caller holds its lock.
        nodes: names of models, seeds and tests.

    Raises:
        DbtError: dbt itself failed before it ran a node.
    """
    if not nodes:
        return []
    parsed = _parsed(paths.home, project_fingerprint())
    _mark_chosen(parsed, set(nodes))
    command = ["build", "--indirect-selection", "empty", "--no-populate-cache", "--no-write-json"]
    result = _invoke(paths, [*command, "--select", f"tag:{_CHOSEN}"], parsed)
    return [
        NodeResult(
            unique_id=run.node.unique_id,
            status=str(run.status),
            seconds=float(run.execution_time),
            message=str(run.message or "") if str(run.status) not in {"success", "pass"} else "",
            failures=run.failures,
        )
        for run in result.results
        if run.node.resource_type != "operation"
    ]


def _mark_chosen(parsed: Any, names: set[str]) -> None:
    """Tag the nodes of a build: for a name, dbt looks at every node of the project anew."""
    for node in parsed.nodes.values():
        others = [tag for tag in node.tags if tag != _CHOSEN]
        node.tags = [*others, _CHOSEN] if node.name in names else others


@lru_cache(maxsize=1)
def _parsed(home: Path, fingerprint: str) -> Any:
    """The project as dbt has it in memory: reading and writing it costs a second a build."""
    return _invoke(StatePaths(home), ["parse", "--no-write-json"])


@contextlib.contextmanager
def _environment(paths: StatePaths) -> Iterator[None]:
    wanted = {
        "FOOTFALL_HOME": str(paths.home),
        "FOOTFALL_WAREHOUSE": str(paths.warehouse_db),
        "DO_NOT_TRACK": "1",
        "DBT_PROFILES_DIR": str(project_dir()),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _invoke(paths: StatePaths, command: list[str], parsed: Any = None) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    target = target_dir(paths)
    arguments = [
        *command,
        "--project-dir", str(project_dir()),
        "--target-path", str(target),
        "--log-path", str(target),
        # A tenth of a build would go into lines of a log that nobody reads.
        "--log-level", "none",
        "--log-level-file", "none",
        "--quiet",
    ]  # fmt: skip
    spoken: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "error":
            spoken.append(event.info.msg)

    try:
        with _environment(paths), contextlib.redirect_stdout(io.StringIO()):
            runner = dbtRunner(manifest=parsed, callbacks=[_mark_finished_nodes, listen])
            done = runner.invoke(arguments)
    finally:
        # The adapter keeps the database open in a process-wide place; no reader could open it.
        DuckDBConnectionManager.close_all_connections()
    if done.exception is not None:
        raise DbtError(f"dbt {command[0]}: {_first_line(str(done.exception))}")
    if done.result is None:
        said = _first_line("\n".join(spoken))
        raise DbtError(f"dbt {command[0]}: {said}")
    return done.result


def _mark_finished_nodes(event: Any) -> None:
    if event.info.name == "NodeFinished":
        crash_point(f"dbt: {event.data.node_info.node_name} finished")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:3])[:500] or "no message"


def read_manifest(paths: StatePaths) -> dict[str, Any]:
    """The parsed manifest as a dict."""
    content: dict[str, Any] = json.loads(manifest_path(paths).read_bytes())
    return content


def outboxes(manifest: Mapping[str, Any]) -> list[str]:
    """Relations of the models that accumulate until the work set is struck off."""
    return [
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "accumulate"
    ]

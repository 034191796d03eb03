"""dbt, run inside this process.

A dbt started as a subprocess costs 4 to 5 seconds before its first statement; in a warm process the
same build takes two. Belongs here: parsing the project, running a selection, and what
came of each node. Not here: Dagster, and what any model computes.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_project.ingest.durable import crash_point
from dagster_project.ingest.errors import FootfallError
from dagster_project.state import StatePaths
from dagster_project.worker_processes import dismiss_workers

_CHOSEN = "footfall_chosen"
_MANIFEST = "manifest.json"
# Stands in the parsed project wherever a file of the state folder is read.
_ANY_HOME = Path("/footfall-home")


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
    """The manifest of the parsed project, made anew when a file of the project has changed.

    The project is parsed once for all state folders: it is most of what a first run would wait for.

    Raises:
        DbtError: the project does not parse.
    """
    folder = _parsed_folder(paths)
    if not (folder / _MANIFEST).exists():
        _parse(folder)
    return folder / _MANIFEST


def parse_ahead() -> None:
    """Parse the project of a checkout, which its first run would wait for."""
    manifest_path(StatePaths(_ANY_HOME))


def _parsed_folder(paths: StatePaths) -> Path:
    """Beside the sources in a checkout; where these cannot be written, in the state folder."""
    made_from = f"{project_fingerprint()} {version('dbt-core')} {version('dbt-duckdb')}"
    root = project_dir()
    is_checkout = root.name == "dbt" and os.access(root, os.W_OK)
    kept = root / "target" / "parsed" if is_checkout else _dbt_dir(paths) / "parsed"
    return kept / hashlib.sha256(made_from.encode()).hexdigest()[:16]


def _parse(folder: Path) -> None:
    kept = folder.parent
    kept.mkdir(parents=True, exist_ok=True)
    earlier = [path for path in kept.iterdir() if not path.name.startswith(".")]
    beside = Path(tempfile.mkdtemp(dir=kept, prefix=".parsing-"))
    beside.chmod(0o755)
    try:
        _invoke(StatePaths(_ANY_HOME), ["parse"], beside)
        # Another process may have been first; what it wrote is the same.
        if not folder.exists():
            beside.rename(folder)
    except OSError:
        if not (folder / _MANIFEST).exists():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    for path in earlier:
        if path != folder:
            shutil.rmtree(path, ignore_errors=True)


def _dbt_dir(paths: StatePaths) -> Path:
    """Where dbt writes what it ran over this state folder."""
    return paths.warehouse / "dbt"


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
    # What models were trained with would take memory beside the build.
    dismiss_workers()
    parsed = _parsed(paths.home, manifest_path(paths).parent)
    _mark_chosen(parsed, set(nodes))
    command = ["build", "--indirect-selection", "empty", "--no-populate-cache", "--no-write-json"]
    selected = [*command, "--select", f"tag:{_CHOSEN}"]
    result = _invoke(paths, selected, _dbt_dir(paths), parsed)
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
def _parsed(home: Path, folder: Path) -> Any:
    """The project as dbt has it in memory, with the sources of one state folder."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    written = (folder / "partial_parse.msgpack").read_bytes()
    try:
        parsed = Manifest.from_msgpack(written, decoder=extended_mashumuro_decoder)
    except Exception as error:
        raise DbtError(f"{folder}: no parsed project can be read; remove the folder") from error
    for source in parsed.sources.values():
        for meta in (source.meta, source.config.meta):
            if location := meta.get("external_location"):
                meta["external_location"] = location.replace(str(_ANY_HOME), str(home))
    parsed.build_parent_and_child_maps()
    parsed.build_flat_graph()  # type: ignore[no-untyped-call]
    return parsed


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


def _invoke(paths: StatePaths, command: list[str], target: Path, parsed: Any = None) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

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


def relation_of(node: Mapping[str, Any]) -> str:
    """The table or view of a node, with its schema."""
    return f"{node['schema']}.{node['alias']}"


def outboxes(manifest: Mapping[str, Any]) -> list[str]:
    """Relations of the models that accumulate until the work set is struck off."""
    return [
        relation_of(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "accumulate"
    ]

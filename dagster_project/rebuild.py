"""The warehouse made anew from its inputs, beside the present one.

Belongs here: building all tables in a file of their own, comparing them with the present ones,
training models anew before, and putting the new file in place. Not here: how rows are compared
(`table_comparison`), what a run owes (`warehouse`), and what any table or model computes.

Inputs are the log, the settings, the seeds and the files of the models as they stand. Records are
no part of the warehouse: they hold what was published, and a rebuild never touches them.

The new file has the present one's name in a folder beside it, since views name the database that
they were made in.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from dagster_project import dbt_build, loading, training, warehouse
from dagster_project.ingest import event_log, seals, verify
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import crash_point, fsync_file, fsync_folder, make_folder
from dagster_project.ingest.errors import FootfallError
from dagster_project.records.publications import publish_and_record
from dagster_project.state import StatePaths
from dagster_project.table_comparison import Comparison, compare_files

_MEND: Final = "`footfall rebuild --replace` puts a new one in its place"


class RebuildError(FootfallError):
    """The warehouse could not be rebuilt, compared or replaced; the present one is as it was."""


@dataclass(frozen=True)
class RebuildPaths(StatePaths):
    """A state folder whose warehouse is the one that is being made."""

    @property
    def warehouse_db(self) -> Path:
        return self.warehouse_rebuild / super().warehouse_db.name


@dataclass(frozen=True)
class Rebuilt:
    """What came of a rebuild.

    Attributes:
        days: arrival dates that were built.
        trained: partitions of models that were made again before.
        comparison: with the present warehouse; None where it could not be compared.
        not_comparable: why it could not be compared; empty where it was.
        version: the published version that serves the new tables; None where nothing was replaced.
    """

    days: int
    trained: int
    comparison: Comparison | None
    not_comparable: str
    version: int | None


def rebuild(
    paths: StatePaths,
    settings: Settings,
    now: datetime,
    *,
    replace: bool = False,
    retrain: bool = False,
) -> Rebuilt:
    """Build the warehouse anew, compare it with the present one, and replace that on request.

    A kill at any moment leaves the present warehouse in place, or the new one once it has the name.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings.
        now: the time, UTC.
        replace: put the new warehouse in place and publish it.
        retrain: train the models of all partitions that have one anew, from the new warehouse.

    Raises:
        RebuildError: a model or a test failed, there is nothing to compare with, or the log is not
            what was sealed.
    """
    event_log.recover(paths)
    _check_log(paths)
    loading.prepare_inputs(paths, settings)
    not_comparable = _not_comparable(paths)
    if not_comparable and not replace:
        raise RebuildError(not_comparable)
    comparison, version = None, None
    with _beside(paths) as new:
        days = warehouse.begin_work(new, [])
        trained = _train_anew(new, settings) if retrain else 0
        _build(new)
        crash_point("rebuild: built")
        if not not_comparable:
            try:
                comparison = _compare(paths, new)
            except duckdb.Error as error:
                not_comparable = _cannot(paths, "read", error)
                if not replace:
                    raise RebuildError(not_comparable) from error
        if replace:
            version = publish_and_record(new, now)[0].number
            crash_point("rebuild: published")
            _put_in_place(new, paths)
        return Rebuilt(len(days), trained, comparison, not_comparable, version)


def _check_log(paths: StatePaths) -> None:
    """The whole log is read, so all of it must be what was sealed.

    Raises:
        RebuildError: it is not; names the first place.
    """
    problems = verify.audit(paths).problems
    if problems:
        raise RebuildError(
            f"{problems[0]} ({len(problems)} places differ from what was sealed, `footfall verify` "
            "names all); nothing is built from it, and the present warehouse is as it was"
        )


def _not_comparable(paths: StatePaths) -> str:
    """Why a comparison with the present warehouse says nothing; empty where it does."""
    file = paths.warehouse_db
    if not file.exists():
        return f"{file}: is missing, so there is nothing to compare; {_MEND}"
    try:
        duckdb.connect(str(file), read_only=True).close()
    except duckdb.Error as error:
        return _cannot(paths, "opened", error)
    try:
        built = warehouse.query(paths, "select fingerprint from state.built")
        sealed = [(one.sequence, one.arrival_date) for one in seals.load_chain(paths)]
        owed = warehouse.owed_days(paths, sealed)
    except duckdb.CatalogException:
        built, owed = [], []
    except duckdb.Error as error:
        return _cannot(paths, "read", error)
    if built != [(warehouse.inputs_fingerprint(paths),)]:
        return (
            f"{file}: was built by other models or settings than today's, so a comparison says "
            f"nothing of its rows; {_MEND}"
        )
    if owed:
        return (
            f"{file}: {len(owed)} arrival dates from {owed[0]} to {owed[-1]} are not built yet; "
            "`footfall run` first, or `footfall rebuild --replace`"
        )
    return ""


def _cannot(paths: StatePaths, what: str, error: duckdb.Error) -> str:
    reason = str(error).splitlines()[0]
    return f"{paths.warehouse_db}: cannot be {what} ({reason}); {_MEND}"


def _compare(paths: StatePaths, new: RebuildPaths) -> Comparison:
    scratch = new.warehouse_rebuild / "spilled"
    scratch.mkdir()
    return compare_files(paths.warehouse_db, new.warehouse_db, scratch)


@contextmanager
def _beside(paths: StatePaths) -> Iterator[RebuildPaths]:
    """A folder for the new warehouse, which goes with the rebuild.

    It is not kept to look into: it would hold persons whom a later erasure does not know of.
    """
    new = RebuildPaths(paths.home)
    shutil.rmtree(new.warehouse_rebuild, ignore_errors=True)
    make_folder(new.warehouse_rebuild)
    try:
        yield new
    finally:
        shutil.rmtree(new.warehouse_rebuild, ignore_errors=True)


def _build(new: RebuildPaths) -> None:
    """Build everything that is owed, seeds and tests included.

    Raises:
        RebuildError: a model or a test failed.
    """
    manifest = dbt_build.read_manifest(new)
    wanted = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed", "test"}
    ]
    _build_nodes(new, manifest, wanted)
    warehouse.strike_off(new, dbt_build.outboxes(manifest))


def _build_nodes(new: RebuildPaths, manifest: Mapping[str, Any], names: list[str]) -> None:
    results = dbt_build.build(new, names)
    failed = [one for one in results if not one.is_good and one.status != "skipped"]
    if failed:
        first = failed[0]
        said = first.message.splitlines()[0] if first.message else first.status
        raise RebuildError(
            f"rebuild: {manifest['nodes'][first.unique_id]['name']} failed: {said} "
            f"({len(failed)} nodes failed); the present warehouse is as it was"
        )


def _train_anew(new: RebuildPaths, settings: Settings) -> int:
    """Train every partition that has a model, from what the new warehouse gives it."""
    trained = {
        folder.name: sorted(date.fromisoformat(card.parent.name) for card in cards)
        for folder in sorted(new.models.glob("*"))
        if (cards := list(folder.glob("*/card.json")))
    }
    unknown = sorted(set(trained) - set(training.FAMILIES))
    if unknown:
        raise RebuildError(
            f"{new.models / unknown[0]}: no family of models that this version trains; move the "
            "folder away, or leave out --retrain"
        )
    if not trained:
        return 0
    manifest = dbt_build.read_manifest(new)
    _build_nodes(new, manifest, _read_by_models(manifest))
    for family, days in trained.items():
        training.FAMILIES[family](new, settings, days)
    return sum(len(days) for days in trained.values())


def _read_by_models(manifest: Mapping[str, Any]) -> list[str]:
    """The views that models read, and all that these are made from, by name."""
    nodes = manifest["nodes"]
    waiting = [key for key, node in nodes.items() if node.get("schema") == "ml_inputs"]
    waiting = [key for key in waiting if nodes[key]["resource_type"] == "model"]
    found: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in nodes and key not in found:
            found.add(key)
            waiting += nodes[key]["depends_on"].get("nodes", [])
    return sorted(nodes[key]["name"] for key in found)


def _put_in_place(new: RebuildPaths, paths: StatePaths) -> None:
    """Give the new file the present one's name: whoever looks finds one or the other, whole."""
    fsync_file(new.warehouse_db)
    # What the present one has not yet taken from its write-ahead log would be read into the new.
    ahead = paths.warehouse_db.with_suffix(".duckdb.wal")
    if ahead.exists():
        try:
            with duckdb.connect(str(paths.warehouse_db)) as con:
                con.execute("checkpoint")
        except duckdb.Error:
            # It cannot be opened, so there is nothing to keep.
            paths.warehouse_db.unlink(missing_ok=True)
        ahead.unlink(missing_ok=True)
        fsync_folder(paths.warehouse)
        crash_point("rebuild: write-ahead log gone")
    new.warehouse_db.replace(paths.warehouse_db)
    crash_point("rebuild: replaced")
    fsync_folder(paths.warehouse)

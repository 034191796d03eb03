"""The published set: what BI tools and analysts read, swapped whole and at once.

Belongs here: making a version from the closed warehouse, the links that name the current one, and
removing old versions. What a table means is dbt's business; reading one is `cli/query.py`'s.

A version is a folder that never changes once it has its number. Readers reach it by
`serving/current`, a link that is renamed into place, so a reader that opens one file sees one
version, and one that holds an older version open goes on reading it. A reader of several Parquet
files resolves `serving/current` once.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from dagster_project.ingest.durable import (
    crash_point,
    fsync_file,
    fsync_folder,
    make_folder,
    render_json,
)
from dagster_project.ingest.errors import FootfallError
from dagster_project.state import StatePaths

SCHEMAS: Final = ("core", "marts", "ml", "dq")
# Views that tools read on top of these; they stay views, for their rows are those of the events.
VIEWED_SCHEMAS: Final = ("semantic",)
PARQUET_SCHEMAS: Final = ("marts", "ml")
CURRENT: Final = "current"
DATABASE: Final = "footfall.duckdb"
PARQUET: Final = "parquet"
ABOUT: Final = "version.json"
_UNFINISHED: Final = ".tmp-"
_NUMBER: Final = re.compile(r"[1-9]\d*")


class PublishError(FootfallError):
    """The warehouse cannot be published; what was served before is served still."""


@dataclass(frozen=True)
class PublishedVersion:
    """A version that is served.

    Attributes:
        number: counts up from 1.
        folder: `serving/versions/<number>`.
        tables: rows by `schema.table`.
        bytes: size on disk of all its files.
    """

    number: int
    folder: Path
    tables: Mapping[str, int]
    bytes: int


def versions_folder(paths: StatePaths) -> Path:
    """Where the versions are."""
    return paths.serving / "versions"


def version_numbers(paths: StatePaths) -> list[int]:
    """Numbers of the finished versions on disk, ascending."""
    folder = versions_folder(paths)
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if _NUMBER.fullmatch(path.name))


def current_number(paths: StatePaths) -> int | None:
    """The number of the version that is served; None before the first."""
    try:
        name = (paths.serving / CURRENT).readlink().name
    except OSError:
        return None
    return int(name) if _NUMBER.fullmatch(name) else None


def about_version(paths: StatePaths, number: int) -> dict[str, Any]:
    """What a version says of itself; empty where it says nothing.

    `built_from_seal` is the last seal of the log that its tables were built from, null where the
    warehouse does not know; the rest is what `publish` was told.
    """
    try:
        content: dict[str, Any] = json.loads(
            (versions_folder(paths) / str(number) / ABOUT).read_bytes()
        )
    except (FileNotFoundError, ValueError):
        return {}
    return content


def publish(
    paths: StatePaths, *, keep: int = 3, about: Mapping[str, Any] | None = None
) -> PublishedVersion:
    """Make a version from the warehouse and serve it.

    The caller holds the state's lock. A kill at any moment leaves the version before it served.

    Args:
        paths: the state folder; nobody has the warehouse open to write.
        keep: versions to keep, the new one included; at least 1. The one that was served before
            stays unless `keep` is 1.
        about: what else the version is to say of itself, as JSON values.

    Returns:
        The version that is now served.

    Raises:
        PublishError: there is no warehouse, it is open elsewhere, or it holds nothing to publish.
        ValueError: keep is below 1.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; at least the new version is kept")
    if not paths.warehouse_db.is_file():
        raise PublishError(f"{paths.warehouse_db}: is missing; run `footfall run`")
    folder = versions_folder(paths)
    make_folder(folder)
    _remove_unfinished(paths)
    # A version that a kill left before the swap keeps its number: nothing that has one changes.
    before = current_number(paths)
    number = max([0, *version_numbers(paths)]) + 1
    beside = folder / f"{_UNFINISHED}{number}"
    beside.mkdir()
    tables = _build(paths.warehouse_db, beside)
    built_from = {"built_from_seal": _built_from_seal(paths.warehouse_db)}
    (beside / ABOUT).write_bytes(render_json({**(about or {}), **built_from}))
    size = _flush(beside)
    crash_point("serving: built")
    target = folder / str(number)
    beside.rename(target)
    fsync_folder(folder)
    crash_point("serving: named")
    # The fixed links first: they lead nowhere until `current` does, and are never touched again.
    _link(paths.serving / DATABASE, Path(CURRENT) / DATABASE)
    _link(paths.serving / PARQUET, Path(CURRENT) / PARQUET)
    crash_point("serving: linked")
    _link(paths.serving / CURRENT, Path("versions") / str(number))
    crash_point("serving: swapped")
    remove_old_versions(paths, number, keep, before)
    return PublishedVersion(number, target, tables, size)


def _build(warehouse: Path, folder: Path) -> dict[str, int]:
    """Copy the tables into a new database and into Parquet; gives rows by table."""
    rows: dict[str, int] = {}
    (folder / PARQUET).mkdir()
    config = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    try:
        with duckdb.connect(str(folder / DATABASE), config=config) as con:
            con.execute(f"attach {_text(str(warehouse))} as warehouse (read_only)")
            found = con.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where database_name = 'warehouse' and not internal and not temporary "
                "union all "
                "select schema_name, view_name from duckdb_views() "
                "where database_name = 'warehouse' and not internal "
                "order by 1, 2"
            ).fetchall()
            con.execute("begin")
            for schema, table in found:
                if schema not in SCHEMAS:
                    continue
                name = f"{_name(schema)}.{_name(table)}"
                con.execute(f"create schema if not exists {_name(schema)}")
                con.execute(f"create table {name} as from warehouse.{name}")
                counted = con.execute(f"select count(*) from {name}").fetchone()
                rows[f"{schema}.{table}"] = int(counted[0]) if counted else 0
            _add_views(con)
            con.execute("commit")
            con.execute("detach warehouse")
            _export(con, folder / PARQUET, list(rows))
            con.execute("checkpoint")
    except (duckdb.IOException, duckdb.ConnectionException, duckdb.BinderException) as error:
        reason = str(error).splitlines()[0]
        raise PublishError(
            f"{warehouse}: cannot be published ({reason}); see that nothing has it open to write"
        ) from error
    if not rows:
        raise PublishError(f"{warehouse}: holds no table to publish; run `footfall run`")
    return rows


def _add_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make the views that tools read over the new tables; what reads other schemas is a table."""
    found = con.execute(
        "select schema_name, view_name, sql from duckdb_views() where database_name = 'warehouse' "
        "and list_contains(?, schema_name) order by 1, 2",
        [list(VIEWED_SCHEMAS)],
    ).fetchall()
    kept = []
    for schema, view, sql in found:
        con.execute(f"create schema if not exists {_name(schema)}")
        if "intermediate." in sql:
            name = f"{_name(schema)}.{_name(view)}"
            con.execute(f"create table {name} as from warehouse.{name}")
        else:
            kept.append(sql)
    for sql in kept:
        con.execute(sql)


def _built_from_seal(warehouse: Path) -> int | None:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        try:
            row = con.execute("select max(begun) from state.built").fetchone()
        except duckdb.CatalogException:
            return None
    return row[0] if row else None


def _export(con: duckdb.DuckDBPyConnection, folder: Path, tables: list[str]) -> None:
    for qualified in tables:
        schema, table = qualified.split(".", 1)
        if schema not in PARQUET_SCHEMAS:
            continue
        (folder / table).mkdir()
        file = folder / table / f"{table}.parquet"
        con.execute(
            f"copy {_name(schema)}.{_name(table)} to {_text(str(file))} "
            "(format parquet, compression zstd)"
        )


def _flush(folder: Path) -> int:
    """Put every file and folder of a version on disk, read-only; gives their bytes."""
    size = 0
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            fsync_folder(path)
        else:
            # A version does not change: a tool that opens it to write is told so.
            path.chmod(0o444)
            fsync_file(path)
            size += path.stat().st_size
    fsync_folder(folder)
    return size


def _link(place: Path, target: Path) -> None:
    """Let a link at `place` lead to `target`, which is relative to its folder; atomic."""
    if place.is_symlink() and place.readlink() == target:
        return
    if place.exists() and not place.is_symlink():
        raise PublishError(f"{place}: is no link of footfall's; move it away and run again")
    beside = place.with_name(f"{_UNFINISHED}{place.name}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(place)
    fsync_folder(place.parent)


def _remove_unfinished(paths: StatePaths) -> None:
    for folder in (versions_folder(paths), paths.serving):
        for path in folder.glob(f"{_UNFINISHED}*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def remove_old_versions(
    paths: StatePaths, current: int, keep: int, before: int | None = None
) -> None:
    """Remove all but the last versions, `keep` of them with the current one.

    `before`, the version that was served until now, counts among them unless `keep` is 1.
    """
    older = [number for number in version_numbers(paths) if number < current]
    if keep > 1 and before in older:
        # The records compare with it; versions that a kill kept from being served do not count.
        older.remove(before)
        keep -= 1
    for number in older[: max(0, len(older) - (keep - 1))]:
        # Out of the numbers first, so that a kill half way leaves no version with missing files.
        folder = versions_folder(paths)
        gone = folder / f"{_UNFINISHED}old-{number}"
        (folder / str(number)).rename(gone)
        crash_point("serving: old version out of the numbers")
        shutil.rmtree(gone)


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Whether waiting files fit the settings of their source, told before anything is sealed.

Here: reading the beginning of the first waiting file of each source. Not here: which files wait
(`pending`), what the contract says of rows (`expectations`), and loading.
"""

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from dagster_project.ingest.config import Settings, SourceSettings
from dagster_project.ingest.errors import RefusedFileError
from dagster_project.ingest.landing import LandedFile
from dagster_project.ingest.readers import read_file
from dagster_project.state import StatePaths


def misfits(paths: StatePaths, settings: Settings, waiting: Sequence[LandedFile]) -> Iterator[str]:
    """What does not fit, a line each.

    Args:
        paths: the state folder.
        settings: the settings.
        waiting: files that no seal knows, in any order.

    Yields:
        Why the first file of a source would be refused, or which of the columns that its mapping
        names its first rows do not have.
    """
    first: dict[str, LandedFile] = {}
    for file in sorted(waiting, key=lambda one: (one.source, one.day, one.path)):
        first.setdefault(file.source, file)
    for source, file in first.items():
        of_source = settings.sources[source]
        try:
            rows = next(
                read_file(
                    paths.landing / file.path, file.path, source, of_source, settings.settings
                ),
                None,
            )
        except RefusedFileError as error:
            yield f"landing/{error}"
            continue
        except OSError:
            continue  # Gone, or not to be read: loading says so.
        if rows is not None and of_source.format == "jsonl":
            yield from _nowhere(file, source, of_source, rows)


def _nowhere(
    file: LandedFile, source: str, of_source: SourceSettings, rows: pa.RecordBatch
) -> Iterator[str]:
    """Keys and paths of a mapping that no row has."""
    with duckdb.connect() as con:
        con.register("rows", pa.Table.from_batches([rows]))
        for name in of_source.required_columns:
            path = name if name.startswith("$.") else '$."' + name.replace('"', '\\"') + '"'
            (found,) = con.execute(
                "select coalesce(bool_or(json_exists(try_cast(raw as json), $path)), true) "
                "from rows where read_error is null",
                {"path": path},
            ).fetchall()[0]
            if not found:
                yield (
                    f"landing/{file.path}: {name!r}, which sources.{source}.mapping names, is in "
                    f"none of its first {rows.num_rows} rows; see its spelling (of nested JSON a "
                    "path: $.a.b)"
                )

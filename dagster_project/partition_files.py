"""The files of a run's partitions: written beside as they are made, put in place together.

A flush costs milliseconds and a range writes thousands of files, so they are flushed in one go at
the end. A run that is killed leaves every partition as it was; its dates stay owed.
"""

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest.durable import crash_point, fsync_file, fsync_folder, make_folder


class PartitionFiles:
    """Files that become visible when the block ends without an error."""

    def __init__(self) -> None:
        self._beside: dict[Path, Path] = {}

    def __enter__(self) -> "PartitionFiles":
        """Begin with none."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put them in place, or take them away where the block failed."""
        if kind is None:
            self._place()
            return
        for beside in self._beside.values():
            beside.unlink(missing_ok=True)

    def add(self, target: Path, content: bytes) -> None:
        """A file of these bytes at `target`."""
        make_folder(target.parent)
        beside = target.with_name(f".{target.name}.tmp")
        beside.write_bytes(content)
        self._beside[target] = beside

    def add_table(self, target: Path, table: pa.Table) -> None:
        """A Parquet file of this table at `target`."""
        self.add(target, parquet_bytes(table))

    def _place(self) -> None:
        for beside in self._beside.values():
            fsync_file(beside)
        crash_point("partitions: written beside")
        for target, beside in self._beside.items():
            beside.replace(target)
            crash_point("partitions: one renamed")
        crash_point("partitions: renamed")
        for folder in sorted({target.parent for target in self._beside}):
            fsync_folder(folder)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file, the same for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content

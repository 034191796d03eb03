"""Writes that survive a power cut: write beside, flush to disk, rename, flush the folder.

Only the mechanics of durable files belong here, and the named points at which a test may kill the
process; what is written, and in which order, is the business of `event_log` and `vault`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _nothing(name: str) -> None:
    """Carry on: the crash hook outside of tests."""


on_crash_point: Callable[[str], None] = _nothing
"""Called with the name of each step of a durable write. Tests set it in a child process that they
mean to lose; nothing else does."""


def crash_point(name: str) -> None:
    """Mark a moment between two steps of a durable write."""
    on_crash_point(name)


def fsync_file(path: Path) -> None:
    """Flush a file's content to disk.

    Raises:
        OSError: the file is missing or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Flush a folder's list of names to disk, so that a rename or a new file in it stays."""
    fsync_file(path)


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make a folder and the missing ones above it, each name flushed to disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=mode, exist_ok=True)
    fsync_folder(path.parent)


def write_atomic(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`, so that a reader sees the old file or the new one and no other.

    Args:
        path: where; its folder exists.
        content: the whole file.
        mode: permission bits of the new file.
    """
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    crash_point(f"{path.name}: written beside")
    beside.replace(path)
    crash_point(f"{path.name}: renamed")
    fsync_folder(path.parent)


def write_atomic_json(path: Path, content: Any) -> None:
    """`write_atomic` of readable JSON, keys sorted."""
    write_atomic(path, render_json(content))


def write_atomic_table(path: Path, table: Any) -> None:
    """`write_atomic` of an Arrow table as Parquet."""
    # Only some commands write one, and the import is a third of a second.
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def render_json(content: Any) -> bytes:
    """Readable JSON in one fixed form: sorted keys, two spaces, a line end."""
    return (json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def place_copy(source: Path, target: Path) -> None:
    """Give `source` a second name, or copy it where the file system has no hard links; flushed.

    The source stays, so that the step can be done again after a crash; `target` is there whole or
    not at all.
    """
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        beside = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(source, beside)
        fsync_file(beside)
        crash_point("copy: written beside")
        beside.rename(target)
    fsync_file(target)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    # Into one buffer again and again; other threads run while a block is hashed.
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

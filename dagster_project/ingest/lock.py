"""One writer to a state folder: an flock, and who holds it.

The lock is the kernel's and goes with the process, however it ends; what the file says is for
people.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dagster_project.ingest.errors import LockHeldError
from dagster_project.state import StatePaths

_POLL_S = 0.2
# Folders that this process holds, and how often: a run inside a run is one writer.
_held: dict[Path, int] = {}


@contextmanager
def state_lock(paths: StatePaths, *, run: str, wait_s: float, now: datetime) -> Iterator[None]:
    """Hold the lock of a state folder; again within the same process is no second writer.

    Args:
        paths: the state folder, which exists.
        run: what to tell others that this is.
        wait_s: how long to wait for another process.
        now: the time to write down.

    Raises:
        LockHeldError: another process still holds it; the text says who and since when.
    """
    place = paths.lock.resolve()
    if place in _held:
        _held[place] += 1
        try:
            yield
        finally:
            _held[place] -= 1
        return
    paths.home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(paths, descriptor, wait_s)
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "run": run,
            "since": now.isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        _held[place] = 1
        try:
            yield
        finally:
            del _held[place]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder_of(paths: StatePaths) -> dict[str, object] | None:
    """Who holds the lock, as it was written down; None where nobody does."""
    try:
        with paths.lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _written_down(file.read())
    except FileNotFoundError:
        return None
    return None


def is_gone(holder: dict[str, object]) -> bool:
    """Whether the process that wrote itself down ran on this machine and does not any more."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _written_down(content: bytes) -> dict[str, object]:
    """Who holds the lock; empty where it has not been written yet, or was overwritten."""
    try:
        holder = json.loads(content)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _acquire(paths: StatePaths, descriptor: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = holder_of(paths) or {}
                raise LockHeldError(
                    f"{paths.lock}: held by process {holder.get('pid', '?')} on "
                    f"{holder.get('host', '?')} (run {holder.get('run', '?')}) since "
                    f"{holder.get('since', '?')}; wait for it or end it"
                ) from None
            time.sleep(_POLL_S)
        else:
            return

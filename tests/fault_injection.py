"""A process that meets a fault: killed at a named step, out of room, or without the right to write.

Belongs here: starting such a process and telling how it ended. Not here: what it does, and what
must come of it. It is forked from a server that has imported everything and started no thread, so
that it costs a fraction of a second.
"""

import ctypes
import io
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from dagster_project import cli
from dagster_project.ingest import durable
from tests.children import CHILDREN, begin

# A run takes ten; one that does not end on a busy machine within this hangs.
_SECONDS = 600
# linux/capability.h: these two let root write and read whatever a file's mode says.
_VERSION_3, _DAC_OVERRIDE, _DAC_READ_SEARCH = 0x20080522, 1 << 1, 1 << 2
Fault = Callable[[], None]


def lose_process_at(step: str, occurrence: int, work: Callable[..., object], *args: Any) -> None:
    """Do `work(*args)` in a process that dies by SIGKILL when it passes a step."""
    child = CHILDREN.Process(target=_work_and_die, args=(step, occurrence, work, args))
    child.start()
    child.join(_SECONDS)
    _end(child)
    assert child.exitcode == -signal.SIGKILL, f"{step}: not passed, exit {child.exitcode}"


def lose_process_after(seconds: float, work: Callable[..., object], *args: Any) -> bool:
    """Do `work(*args)` in a process that dies by SIGKILL some time later; whether it did."""
    child = CHILDREN.Process(target=_work_alone, args=(work, args))
    child.start()
    child.join(seconds)
    if not child.is_alive():
        assert child.exitcode == 0
        return False
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        child.kill()  # It has not come as far as a group of its own.
    child.join(_SECONDS)
    return child.exitcode == -signal.SIGKILL


def told_under(fault: Fault | None, home: Path, work: Callable[..., object], *args: Any) -> str:
    """Do `work(*args)` in a process with a fault; what a user is told, empty where it went well."""
    receiver, sender = CHILDREN.Pipe(duplex=False)
    child = CHILDREN.Process(target=_tell, args=(sender, fault, home, work, args))
    child.start()
    sender.close()
    said = receiver.recv() if receiver.poll(_SECONDS) else None
    child.join(_SECONDS)
    _end(child)
    assert said is not None, f"{work.__name__} had not ended after {_SECONDS} s"
    return str(said)


class FilesUpTo:
    """No file may grow beyond so many bytes: what a full disk is, with no need to be root."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self) -> None:
        """Bring it about in this process."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._size))


class Folders:
    """Folders that may not be written, whoever runs the tests."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def __call__(self) -> None:
        """Bring it about in this process; `writable_again` ends it."""
        for folder in self._folders:
            folder.chmod(0o500)
        _be_bound_by_modes()

    def writable_again(self) -> None:
        for folder in self._folders:
            folder.chmod(0o700)


def _be_bound_by_modes() -> None:
    """Give up what makes root write where the mode forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()
    if libc.capget(header, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    # Effective, permitted and inheritable of the first 32; the second 32 follow.
    for place in range(3):
        held[place] &= ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    if libc.capset(header, held) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _work_and_die(step: str, occurrence: int, work: Callable[..., object], args: Any) -> None:
    begin()
    passed = 0

    def die(name: str) -> None:
        nonlocal passed
        passed += name == step
        if passed == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    durable.on_crash_point = die
    work(*args)


def _work_alone(work: Callable[..., object], args: Any) -> None:
    begin()
    # A group of its own, so that what it starts dies with it.
    os.setpgrp()
    work(*args)


def _tell(
    sender: Any, fault: Fault | None, home: Path, work: Callable[..., object], args: Any
) -> None:
    begin()
    if fault is not None:
        fault()
    spoken = io.StringIO()
    with redirect_stderr(spoken):
        try:
            work(*args)
        except Exception as error:
            cli.say_error(error, home)
    sender.send(spoken.getvalue())
    sender.close()
    sys.stdout.flush()


def _end(child: Any) -> None:
    if child.is_alive():
        child.kill()
        child.join()

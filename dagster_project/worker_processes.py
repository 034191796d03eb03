"""Processes beside this one, for work that would hold Python's one thread at a time.

Belongs here: starting them so that they never outlive their parent, and the one that has Great
Expectations imported. What they compute is the caller's business.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process, util
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from dagster_project.ingest.errors import FootfallError
from expectations.validate import Report, validate

_Done = TypeVar("_Done")
# A process costs two seconds to start: fewer items than this are done here.
_FEWEST_ITEMS = 6
_validator: ProcessPoolExecutor | None = None
# The pool that maps, and what its processes began with: the next work most often begins the same.
_mapping: tuple[ProcessPoolExecutor, Callable[[], None]] | None = None


class WorkerLostError(FootfallError):
    """A process beside this one has gone without a word."""


def started(workers: int, prepare: Callable[[], None]) -> ProcessPoolExecutor:
    """A pool whose processes end with this one, however it ends.

    Args:
        workers: how many.
        prepare: called in each before its first work; a function of a module.
    """
    return ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(prepare,)
    )


def _begin(prepare: Callable[[], None]) -> None:
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    # Last of all, at once: to take down what it has imported would take two seconds.
    util.Finalize(None, os._exit, args=(0,), exitpriority=-100)
    prepare()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def map_in_order(
    work: Callable[..., _Done],
    items: Iterable[Sequence[Any]],
    count: int,
    prepare: Callable[[], None],
) -> Iterator[_Done]:
    """Results of `work(*item)` in the order of the items, from all processors where it is worth it.

    Args:
        work: a function of a module; it and its arguments are pickled.
        items: arguments, taken as they are needed: two a processor are on their way at most.
        count: how many pieces of work they hold, which is how many items there are or more.
        prepare: called in each process before its first work. The processes stay for more work
            that begins with it, until `dismiss_workers`.

    Raises:
        WorkerLostError: a process was ended from outside; nothing of its work is taken.
    """
    workers = os.cpu_count() or 1
    if workers < 2 or count < _FEWEST_ITEMS:
        for item in items:
            yield work(*item)
        return
    pool = _mapping_pool(workers, prepare)
    waiting: list[Future[_Done]] = []
    try:
        for item in items:
            waiting.append(pool.submit(work, *item))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    except BrokenProcessPool:
        dismiss_workers()
        raise WorkerLostError(
            "a process that worked beside the run was ended from outside, most often for want of "
            "memory (`dmesg` says so); run again with more of it or for fewer days"
        ) from None
    finally:
        for future in waiting:
            future.cancel()


def _mapping_pool(workers: int, prepare: Callable[[], None]) -> ProcessPoolExecutor:
    global _mapping
    if _mapping is not None and _mapping[1] is not prepare:
        dismiss_workers()
    if _mapping is None:
        _mapping = started(workers, prepare), prepare
    return _mapping[0]


def dismiss_workers() -> None:
    """End the processes that `map_in_order` keeps, and give back their memory."""
    global _mapping
    if _mapping is not None:
        _mapping[0].shutdown(cancel_futures=True)
        _mapping = None


def warm_up_validation() -> None:
    """Import Great Expectations in a process of its own: three seconds that pass beside others.

    Where it is imported here already, there is nothing to wait for.
    """
    global _validator
    is_imported = "great_expectations" in sys.modules
    if _validator is None and not is_imported and (os.cpu_count() or 1) > 1:
        _validator = started(1, _import_validation)
        _validator.submit(os.getpid)


def cool_down_validation() -> None:
    """End that process."""
    global _validator
    if _validator is not None:
        _validator.shutdown()
        _validator = None


def _import_validation() -> None:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations  # noqa: F401


def validate_beside(
    suite: Mapping[str, Any], data: Sequence[Path] | pa.Table, *, name: str
) -> Report:
    """`expectations.validate.validate`, in the process that is warm; here where none is."""
    if _validator is not None:
        try:
            return _validator.submit(validate, suite, data, name=name).result()
        except BrokenProcessPool:
            # Ended from outside, say for want of memory: the check is made all the same.
            cool_down_validation()
    return validate(suite, data, name=name)

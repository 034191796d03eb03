"""Taking a person out of `records/`: what was published or sent of them, on earlier days.

Records are not derived, so no build takes a person out of them: who keeps one adds its own function
to `RECORD_ERASERS`. Each is called with the state folder and the request, may be called again after
a kill, and gives the files that it changed, which the erasure register then lists (`verify` accepts
a changed record by it; see `erasure_register.expected_hashes`).
"""

from collections.abc import Callable, Iterable
from typing import Final

from dagster_project.erasure_models import ids_of
from dagster_project.ingest.erasure_register import Request, Rewrite
from dagster_project.records.rewriting import rewrite_without
from dagster_project.state import StatePaths


def take_out_of_records(paths: StatePaths, request: Request) -> list[Rewrite]:
    """Let every record lose a person; gives the files that changed."""
    return [one for erase in RECORD_ERASERS for one in erase(paths, request)]


def _take_out_of_publications(paths: StatePaths, request: Request) -> Iterable[Rewrite]:
    """The changes of persons that publications brought."""
    for one in rewrite_without(paths, ids_of(request), request.number):
        yield Rewrite(
            path=one.path,
            before=one.before,
            after=one.after,
            bytes=one.bytes,
            mtime_ns=(paths.home / one.path).stat().st_mtime_ns,
            rows=one.rows_gone,
        )


RECORD_ERASERS: Final[list[Callable[[StatePaths, Request], Iterable[Rewrite]]]] = [
    _take_out_of_publications
]

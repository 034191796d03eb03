"""The hook for `records/`: what was published or sent of a person, on earlier days.

Records are not derived, so no build takes a person out of them: who keeps one adds its own function
to `RECORD_ERASERS`. Each is called with the state folder and the request, may be called again after
a kill, and gives the files that it changed, which the erasure register then lists (`verify` accepts
a changed record by it; see `erasure_register.expected_hashes`).
"""

from collections.abc import Callable, Iterable
from typing import Final

from dagster_project.ingest.erasure_register import Request, Rewrite
from dagster_project.state import StatePaths

RECORD_ERASERS: Final[list[Callable[[StatePaths, Request], Iterable[Rewrite]]]] = []


def take_out_of_records(paths: StatePaths, request: Request) -> list[Rewrite]:
    """Let every record lose a person; gives the files that changed."""
    return [one for erase in RECORD_ERASERS for one in erase(paths, request)]

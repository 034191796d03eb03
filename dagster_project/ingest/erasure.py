"""Carrying an erasure out below the warehouse: vault, landing, quarantine, staging.

The order, each step on disk before the next: the request; the vault forgets and the suppression
list learns, at once; the files lose the person's rows; what waited in staging is staged again.
Every step can be done again, and a run does so for a request that a kill has left open.

Not here: who the person is, what the warehouse and the models hold of them, and when a request is
finished (`dagster_project.erasure`).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from dagster_project.ingest import batch, erasure_files, erasure_register, suppression
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import crash_point
from dagster_project.ingest.erasure_files import Finder
from dagster_project.ingest.erasure_register import Request
from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from expectations.contract import Registry


@dataclass(frozen=True)
class TakenOut:
    """What an erasure took out below the warehouse.

    Attributes:
        request: the request.
        identifiers: how many left the vault in this attempt.
        files: how many files lost rows. rows: how many they lost.
        unreadable: landed files that could not be looked into.
    """

    request: Request
    identifiers: int
    files: int
    rows: int
    unreadable: tuple[str, ...]


def ask(paths: StatePaths, request: Request, now: datetime) -> None:
    """Write a request down; from then on it will be carried out, whatever happens.

    Args:
        paths: the state folder; the caller holds its lock.
        request: numbered by `next_number`.
        now: the time, UTC.
    """
    content = erasure_register.request_content(request)
    erasure_register.append(paths, erasure_register.REQUESTED, request.number, now, content)


def next_number(paths: StatePaths) -> int:
    """The number of the next request."""
    return len(erasure_register.requests(erasure_register.load(paths))) + 1


def carry_out(
    paths: StatePaths,
    settings: Settings,
    registry: Registry,
    now: datetime,
) -> list[TakenOut]:
    """Carry out every request that is open; and again what an old backup of secrets/ brought back.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings. registry: the contract.
        now: the time, UTC.

    Returns:
        What was done, a value a request; empty where there is none.
    """
    entries = erasure_register.load(paths)
    requests = erasure_register.requests(entries)
    if not requests:
        return []
    left_open = {one.number for one in erasure_register.open_requests(entries)}
    done = []
    with Vault.open(paths) as vault:
        on_the_list = partial(suppression.suppressed, vault)
        finder = Finder(paths, settings, registry, vault, on_the_list)
        for one in requests:
            if one.number not in left_open and suppression.is_applied(vault, one.number):
                continue
            identifiers = suppression.erase_identifiers(
                vault, one.number, one.pseudonyms, one.erased_at
            )
            crash_point("erasure: vault")
            if one.number not in left_open:
                continue
            files, unreadable = erasure_files.take_out(finder, one, now)
            _discard_staged(paths, {file.path for file in files})
            crash_point("erasure: files")
            done.append(
                TakenOut(
                    request=one,
                    identifiers=identifiers,
                    files=len(files),
                    rows=sum(file.rows for file in files),
                    unreadable=tuple(unreadable),
                )
            )
    return done


def _discard_staged(paths: StatePaths, changed: set[str]) -> None:
    """Batches of files that lost rows are staged again, by the next run of their day."""
    for day in batch.staged_days(paths):
        try:
            staged = batch.staged_batch(paths, day)
        except FootfallError:
            batch.discard(paths, day)  # Of another version: the next run stages it anew.
            continue
        places = [file.path for file in staged.files] + [file.path for file in staged.refused]
        if any(f"landing/{place}" in changed for place in places):
            batch.discard(paths, day)


def finish(paths: StatePaths, number: int, now: datetime, counts: dict[str, int]) -> None:
    """Say that nothing of a request is left to do."""
    erasure_register.append(paths, erasure_register.FINISHED, number, now, {"counts": counts})

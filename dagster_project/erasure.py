"""Erasing a person, from the request to the published set without them.

Here: finding the person, the order of the steps over the whole state, and when a request is
finished. What happens below the warehouse is `ingest.erasure`, in the warehouse dbt's, by the file
of erasures that it reads.

A request is on disk before anything is touched. It is finished when a version without the person
is served and no older one is left; a run that finds it open carries it out again from its start.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb

from dagster_project import dbt_build, warehouse
from dagster_project.erasure_models import (
    erased_ids,
    ids_of,
    take_out_of_files,
    take_out_of_warehouse,
)
from dagster_project.erasure_records import take_out_of_records
from dagster_project.identifiers import Identifier
from dagster_project.ingest import erasure, erasure_register, event_log, seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import crash_point
from dagster_project.ingest.erasure import TakenOut
from dagster_project.ingest.erasure_register import Request
from dagster_project.ingest.errors import FootfallError
from dagster_project.person import Person, find_person
from dagster_project.records.publications import publish_and_record
from dagster_project.state import StatePaths
from expectations.contract import Registry

# What is kept of served versions otherwise, and once while a request is open.
VERSIONS = 3


@dataclass(frozen=True)
class Erased:
    """What an erasure did: below the warehouse, and rows of model outputs."""

    taken_out: TakenOut
    model_rows: int


def ask_for(
    paths: StatePaths, identifier: Identifier, now: datetime
) -> tuple[Request, tuple[str, ...]]:
    """Find the person behind an identifier and write the request down.

    Args:
        paths: the state folder; the caller holds its lock.
        identifier: the one named.
        now: the time of the erasure, UTC.

    Returns:
        The request; and the pseudonyms that stay since others share them.

    Raises:
        FootfallError: the warehouse is behind the log, or the identifier is of several persons.
    """
    person = Person((), (), (), (identifier.pseudonym,), ())
    if paths.warehouse_db.exists():
        check_warehouse_is_level(paths)
        with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
            person = find_person(con, identifier.pseudonym, erased_ids(paths))
    elif seals.load_chain(paths):
        raise _behind(paths, "nothing is built")
    users = set(person.user_ids)
    if identifier.kind == "user":
        users.add(identifier.pseudonym)
    request = Request(
        number=erasure.next_number(paths),
        erased_at=now,
        pseudonyms=person.pseudonyms,
        user_ids=tuple(sorted(users)),
        visitor_ids=person.visitor_ids,
        person_ids=person.person_ids,
    )
    erasure.ask(paths, request, now)
    crash_point("erasure: asked")
    return request, person.shared


def check_warehouse_is_level(paths: StatePaths) -> None:
    """See that every sealed day is built, so that all that ties the person is known.

    Raises:
        FootfallError: one is not.
    """
    chain = seals.load_chain(paths)
    owed = warehouse.owed_days(paths, [(one.sequence, one.arrival_date) for one in chain])
    if owed:
        raise _behind(paths, f"{len(owed)} arrival dates are not built, the first {owed[0]}")


def _behind(paths: StatePaths, what: str) -> FootfallError:
    return FootfallError(
        f"{paths.warehouse_db}: {what}, so not all of the person is known; call `footfall run` "
        "and then this command again"
    )


def carry_out(
    paths: StatePaths, settings: Settings, registry: Registry, now: datetime
) -> list[Erased]:
    """Take out what is kept of everybody whose request is open, but for the derived tables.

    Args:
        paths: the state folder; the caller holds its lock.
        settings: the settings. registry: the contract.
        now: the time, UTC.
    """
    # Parts that a killed seal has placed are known for such by what waits in staging.
    event_log.recover(paths)
    done = []
    for one in erasure.carry_out(paths, settings, registry, now):
        request = one.request
        ids = ids_of(request)
        rows = take_out_of_files(paths, ids)
        take_out_of_warehouse(paths, ids)
        crash_point("erasure: models")
        changed = take_out_of_records(paths, request)
        if changed:
            erasure_register.append(
                paths,
                erasure_register.REWRITTEN,
                request.number,
                now,
                {"files": [asdict(file) for file in changed]},
            )
        # What a rebuild that was killed has left; nobody reads it.
        shutil.rmtree(paths.warehouse_rebuild, ignore_errors=True)
        done.append(Erased(one, rows))
    return done


def rebuild(paths: StatePaths, now: datetime) -> None:
    """Let dbt take the erased out of what it derives, and publish the result alone.

    The day that the log ends on goes along, since a build without any would be one of everything.

    Raises:
        FootfallError: dbt or a test of it failed; the next run or this command goes on from there.
    """
    chain = seals.load_chain(paths)
    if not paths.warehouse_db.exists() or not chain:
        return
    warehouse.begin_work(paths, [chain[-1].arrival_date])
    manifest = dbt_build.read_manifest(paths)
    results = dbt_build.build(paths, list(_nodes(manifest)))
    failed = [one for one in results if not one.is_good and one.status != "skipped"]
    if failed:
        raise FootfallError(
            f"the erasure is under way, but dbt failed at {failed[0].unique_id.split('.')[-1]}; "
            "the older published versions are kept until `footfall run` passes, which finishes it"
        )
    crash_point("erasure: built")
    publish_and_record(paths, now, keep=1)
    crash_point("erasure: published")
    warehouse.strike_off(paths, dbt_build.outboxes(manifest))


def _nodes(manifest: Mapping[str, Any]) -> Iterable[str]:
    """Names of all models, seeds and data tests."""
    return (
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed", "test"}
    )


def versions_to_keep(paths: StatePaths) -> int:
    """How many served versions may stay: those from before an erasure hold the person."""
    return 1 if erasure_register.open_requests(erasure_register.load(paths)) else VERSIONS


def conclude(paths: StatePaths, now: datetime) -> None:
    """After a publication that left no older version: say that open requests are done."""
    entries = erasure_register.load(paths)
    for request in erasure_register.open_requests(entries):
        files = erasure_register.rewrites(entries, request.number)
        counts = {
            "identifiers": len(request.pseudonyms),
            "files": len(files),
            "rows": sum(file.rows for file in files),
        }
        erasure.finish(paths, request.number, now, counts)

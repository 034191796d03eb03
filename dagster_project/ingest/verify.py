"""Whether the log is what was sealed: every hash, every link of the chain, nothing more and nothing less.

Reads only, needs neither the vault nor the lock, and never repairs: mending is `event_log.recover`, and what it cannot
mend is for people.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import seals
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.state import StatePaths

AUDIT_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("part", pa.string()),
        ("sealed_sha256", pa.string()),
        ("found_sha256", pa.string()),
        ("sealed_bytes", pa.int64()),
        ("found_bytes", pa.int64()),
        ("sealed_rows", pa.int64()),
        ("found_rows", pa.int64()),
        ("manifest_hash_ok", pa.bool_()),
        ("previous_ok", pa.bool_()),
        ("sequence_ok", pa.bool_()),
    ]
)
_THREADS = 4
_ROTATION_DAYS = 30


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        seals: AUDIT_SCHEMA, a row a part, and one with no part for a seal without parts.
        problems: every place where the log differs from its seals, one line each.
        bytes: hashed.
    """

    seals: pa.Table
    problems: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class _Link:
    """A manifest's place in the chain. `manifest` is None where the file is no seal."""

    name: str
    sequence: int
    manifest: seals.Manifest | None
    hash_ok: bool
    previous_ok: bool
    sequence_ok: bool


def audit(
    paths: StatePaths, days: Iterable[date] | None = None, today: date | None = None
) -> Audit:
    """Check the whole chain, and the parts of all days or of some.

    Args:
        paths: the state folder.
        days: arrival dates whose parts are hashed; None for all.
        today: with `days`, adds the thirtieth of the log whose turn it is.
    """
    links, problems = _chain(paths)
    wanted = None if days is None else set(days)
    rows: list[dict[str, object]] = []
    jobs: list[tuple[_Link, str, str, int, int | None]] = []
    for link in links:
        if link.manifest is None:
            rows.append(_row(link, None))
            continue
        turn = today is not None and link.sequence % _ROTATION_DAYS == today.toordinal() % _ROTATION_DAYS
        if wanted is not None and link.manifest.arrival_date not in wanted and not turn:
            continue
        if not link.manifest.parts:
            rows.append(_row(link, None))
        jobs += [(link, part.path, part.sha256, part.bytes, part.rows) for part in link.manifest.parts]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda job: _look(paths, job[1]), jobs))
    hashed = 0
    for (link, place, sha256, size, count), (found_sha, found_size, found_rows) in zip(
        jobs, found, strict=True
    ):
        hashed += found_size or 0
        rows.append(
            {
                **_row(link, place),
                "sealed_sha256": sha256,
                "found_sha256": found_sha,
                "sealed_bytes": size,
                "found_bytes": found_size,
                "sealed_rows": count,
                "found_rows": found_rows,
            }
        )
        problems += _part_problems(place, link, sha256, found_sha)
    if wanted is None:
        problems += _unnamed(paths, [link.manifest for link in links if link.manifest])
        problems += _quarantine_problems(paths, [link.manifest for link in links if link.manifest])
    return Audit(pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA), tuple(problems), hashed)


def _row(link: _Link, place: str | None) -> dict[str, object]:
    return {
        "sequence": link.sequence,
        "part": place,
        "manifest_hash_ok": link.hash_ok,
        "previous_ok": link.previous_ok,
        "sequence_ok": link.sequence_ok,
    }


def _chain(paths: StatePaths) -> tuple[list[_Link], list[str]]:
    links: list[_Link] = []
    problems: list[str] = []
    good: list[seals.Manifest] = []
    expected = 1
    before = seals.NO_PREVIOUS
    for sequence, file in seals.manifest_files(paths):
        place = f"log/manifests/{file.name}"
        manifest, hash_ok = _read(file, place, problems)
        sequence_ok = sequence == expected and (manifest is None or manifest.name == file.name)
        if sequence != expected:
            problems.append(f"log/manifests: seal {expected} is missing before {file.name}")
        elif not sequence_ok:
            problems.append(f"{place}: holds the seal of another name")
        previous_ok = manifest is not None and manifest.previous == before
        if manifest is not None and not previous_ok:
            problems.append(f"{place}: does not name the hash of the seal before it")
        links.append(_Link(file.name, sequence, manifest, hash_ok, previous_ok, sequence_ok))
        if manifest is not None:
            before = manifest.hash
            good.append(manifest)
        expected = sequence + 1
    try:
        head = seals.read_head(paths)
    except LogIntegrityError as error:
        problems.append(str(error))
    else:
        problem = seals.head_problem(head, good)
        if problem is not None:
            problems.append(f"log/manifests/HEAD: {problem}")
    return links, problems


def _read(file: Path, place: str, problems: list[str]) -> tuple[seals.Manifest | None, bool]:
    try:
        return seals.parse(file.read_bytes(), place), True
    except (LogIntegrityError, json.JSONDecodeError) as error:
        problems.append(str(error))
        return None, False


def _look(paths: StatePaths, place: str) -> tuple[str | None, int | None, int | None]:
    file = paths.home / place
    if not file.is_file() or file.is_symlink():
        return None, None, None
    try:
        rows: int | None = pq.read_metadata(file).num_rows
    except (pa.ArrowInvalid, OSError):
        rows = None
    return sha256_of(file), file.stat().st_size, rows


def _part_problems(place: str, link: _Link, sealed: str, found: str | None) -> list[str]:
    if found is None:
        return [f"{place}: is missing; seal {link.sequence} names it"]
    if found != sealed:
        return [f"{place}: differs from what seal {link.sequence} holds"]
    return []


def _unnamed(paths: StatePaths, chain: Sequence[seals.Manifest]) -> list[str]:
    named = {part.path for manifest in chain for part in manifest.parts}
    found = (str(file.relative_to(paths.home)) for file in sorted(paths.log_events.rglob("*")) if file.is_file())
    return [f"{place}: no seal names it" for place in found if place not in named]


def _quarantine_problems(paths: StatePaths, chain: Sequence[seals.Manifest]) -> list[str]:
    """Quarantine is kept for a set time only, so what is gone is no problem; what differs is."""
    return [
        f"{one.path}: differs from what seal {manifest.sequence} holds"
        for manifest in chain
        for one in manifest.quarantine
        if (paths.home / one.path).is_file() and sha256_of(paths.home / one.path) != one.sha256
    ]

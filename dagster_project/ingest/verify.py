"""Whether the log is what was sealed: every hash, every link of the chain, nothing more or less.

Reads only, needs neither the vault nor the lock, and never repairs: mending is
`event_log.recover`, and what it cannot mend is for people.

The audit table has a row for every file that the log is made of: each seal, whose sealed hash is
the one that it bears and whose found hash is that of its content, and each part in scope. What
stands in a folder in scope unnamed has a row with nothing sealed.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.ingest import erasure_register, leftovers, seals
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.ingest.replay import replay_problems
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
# Hashing leaves Python's lock alone, so it takes all processors; below four, the disk would wait.
_THREADS = max(4, os.cpu_count() or 1)
_ROTATION_DAYS = 30
_HALF_DONE = " (a run is at it, or was ended: the next run finishes or removes it)"


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        seals: AUDIT_SCHEMA, a row a seal (`part` is its file, rows 0) and a row a part.
        problems: every place where the log differs from its seals, one line each.
        bytes: hashed.
    """

    seals: pa.Table
    problems: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class _Link:
    """A manifest's place in the chain. `manifest` is None where the file is no whole seal."""

    place: str
    sequence: int
    bytes: int
    claimed_hash: str | None
    found_hash: str | None
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
    jobs: list[tuple[_Link, seals.Part]] = []
    for link in links:
        rows.append(_seal_row(link))
        if link.manifest is not None and _is_in_scope(link.manifest, wanted, today):
            jobs += [(link, part) for part in link.manifest.parts]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda job: _look(paths, job[1].path), jobs))
    hashed = 0
    for (link, part), looked in zip(jobs, found, strict=True):
        hashed += looked.bytes or 0
        rows.append(_part_row(link, part, looked))
        problems += _part_problems(link, part, looked)
    chain = [link.manifest for link in links if link.manifest]
    folders = [paths.log_events] if wanted is None else [paths.log_day(day) for day in wanted]
    for place in _unnamed(paths, folders, chain):
        rows.append({"part": place, "found_bytes": (paths.home / place).lstat().st_size})
        problems.append(f"{place}: no seal names it{_may_be_half_done(paths, place, chain)}")
    if wanted is None:
        problems += _strange_manifests(paths)
        problems += erasure_register.problems(paths)
        problems += _quarantine_problems(paths, chain)
    problems += [text for manifest in chain for text in seals.count_problems(manifest)]
    problems += replay_problems(chain)
    return Audit(pa.Table.from_pylist(rows, schema=AUDIT_SCHEMA), tuple(problems), hashed)


def _is_in_scope(manifest: seals.Manifest, wanted: set[date] | None, today: date | None) -> bool:
    if wanted is None or manifest.arrival_date in wanted:
        return True
    turn = None if today is None else today.toordinal() % _ROTATION_DAYS
    return manifest.sequence % _ROTATION_DAYS == turn


def _seal_row(link: _Link) -> dict[str, object]:
    return {
        "sequence": link.sequence,
        "part": link.place,
        "sealed_sha256": link.claimed_hash,
        "found_sha256": link.found_hash,
        "sealed_bytes": link.bytes,
        "found_bytes": link.bytes,
        "sealed_rows": 0,
        "found_rows": 0,
        "manifest_hash_ok": link.hash_ok,
        "previous_ok": link.previous_ok,
        "sequence_ok": link.sequence_ok,
    }


def _part_row(link: _Link, part: seals.Part, looked: "_Looked") -> dict[str, object]:
    return {
        **_seal_row(link),
        "part": part.path,
        "sealed_sha256": part.sha256,
        "found_sha256": looked.sha256,
        "sealed_bytes": part.bytes,
        "found_bytes": looked.bytes,
        "sealed_rows": part.rows,
        "found_rows": looked.rows,
    }


def _chain(paths: StatePaths) -> tuple[list[_Link], list[str]]:
    links: list[_Link] = []
    problems: list[str] = []
    good: list[seals.Manifest] = []
    expected = 1
    # None after a seal that cannot be read: whom the next one follows is not known then.
    before: str | None = seals.NO_PREVIOUS
    for sequence, file in seals.manifest_files(paths):
        place = f"log/manifests/{file.name}"
        raw = file.read_bytes()
        claimed, found = _hashes(raw)
        try:
            manifest = seals.parse(raw, place)
        except LogIntegrityError as error:
            manifest = None
            problems.append(str(error))
        sequence_ok = sequence == expected and (manifest is None or manifest.name == file.name)
        if sequence != expected:
            problems.append(f"log/manifests: seal {expected} is missing before {file.name}")
        elif manifest is not None and not sequence_ok:
            problems.append(f"{place}: holds the seal {manifest.name}")
        previous_ok = manifest is not None and manifest.previous == before
        if manifest is not None and before is not None and not previous_ok:
            problems.append(f"{place}: does not name the hash of the seal before it")
        links.append(
            _Link(
                place=place,
                sequence=sequence,
                bytes=len(raw),
                claimed_hash=claimed,
                found_hash=found,
                manifest=manifest,
                hash_ok=manifest is not None,
                previous_ok=previous_ok,
                sequence_ok=sequence_ok,
            )
        )
        before = None if manifest is None else manifest.hash
        good += [] if manifest is None else [manifest]
        expected = sequence + 1
    try:
        head = seals.read_head(paths)
    except LogIntegrityError as error:
        return links, [*problems, str(error)]
    if links and links[-1].manifest is None:
        # The last seal is named above; whether HEAD is right cannot be said.
        return links, problems
    problem = seals.head_problem(head, good)
    if problem is not None:
        half = _HALF_DONE if seals.is_one_behind(head, good) else ""
        problems.append(f"log/manifests/HEAD: {problem}{half}")
    return links, problems


def _hashes(raw: bytes) -> tuple[str | None, str | None]:
    """The hash that a seal bears and that of its content; null where it is no JSON object."""
    try:
        content = json.loads(raw)
        return str(content["hash"]), seals.content_hash(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None


@dataclass(frozen=True)
class _Looked:
    """What a part is now; null is missing, `rows` also where it is no Parquet file any more.

    `error` is why a file that is there cannot be read, `days` the arrival dates of its rows.
    """

    error: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    rows: int | None = None
    days: frozenset[date] = frozenset()


def _look(paths: StatePaths, place: str) -> _Looked:
    file = paths.home / place
    if not file.is_file() or file.is_symlink():
        return _Looked()
    rows: int | None = None
    days: frozenset[date] = frozenset()
    try:
        footer = pq.read_metadata(file)
        rows, days = footer.num_rows, _arrival_dates(footer)
    except (pa.ArrowException, ValueError, OSError):
        pass  # The hash says what is wrong, or reading it does.
    try:
        return _Looked(None, sha256_of(file), file.stat().st_size, rows, days)
    except OSError as error:
        return _Looked(error.strerror or type(error).__name__)


def _arrival_dates(footer: pq.FileMetaData) -> frozenset[date]:
    """The least and the greatest arrival date of each row group, from its statistics."""
    column = footer.schema.to_arrow_schema().get_field_index("arrival_date")
    if column < 0:
        return frozenset()
    groups = (footer.row_group(number).column(column) for number in range(footer.num_row_groups))
    known = [one.statistics for one in groups if one.statistics and one.statistics.has_min_max]
    return frozenset(day for one in known for day in (one.min, one.max))


def _part_problems(link: _Link, part: seals.Part, looked: _Looked) -> list[str]:
    """What is wrong with a part, the worst alone: further words would follow from it."""
    assert link.manifest is not None
    day = link.manifest.arrival_date
    if not re.fullmatch(
        rf"log/events/arrival_date={day}/{link.manifest.sequence:08d}-\d{{3,}}\.parquet", part.path
    ):
        return [f"{link.place}: names {part.path}, which is no place for a part of seal {day}"]
    if looked.error is not None:
        return [f"{part.path}: cannot be read ({looked.error}); seal {link.sequence} names it"]
    if looked.sha256 is None:
        return [f"{part.path}: is missing; seal {link.sequence} names it"]
    if looked.sha256 != part.sha256:
        return [f"{part.path}: differs from what seal {link.sequence} holds"]
    if (looked.rows, looked.bytes) != (part.rows, part.bytes):
        return [
            f"{part.path}: holds {looked.rows} rows in {looked.bytes} bytes, and seal "
            f"{link.sequence} says {part.rows} in {part.bytes}"
        ]
    return [
        f"{part.path}: holds rows of {other}; seal {link.sequence} says that all came on {day}"
        for other in sorted(looked.days - {day})
    ]


def _unnamed(
    paths: StatePaths, folders: Sequence[Path], chain: Sequence[seals.Manifest]
) -> list[str]:
    named = {part.path for manifest in chain for part in manifest.parts}
    found = (
        str(file.relative_to(paths.home))
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if not file.is_dir() or file.is_symlink()
    )
    return [place for place in found if place not in named]


def _may_be_half_done(paths: StatePaths, place: str, chain: Sequence[seals.Manifest]) -> str:
    file = paths.home / place
    is_next = file.name.startswith(f"{len(chain) + 1:08d}-")
    if not is_next and not leftovers.is_half_written(file):
        return ""
    if leftovers.is_half_written(file) or leftovers.is_of_waiting_batch(paths, file):
        return _HALF_DONE
    return f", and no batch in staging holds the same: a seal after {len(chain)} was taken away"


def _strange_manifests(paths: StatePaths) -> list[str]:
    """What stands beside the seals and is none; half-written files are nothing yet."""
    if not paths.manifests.is_dir():
        return []
    known = {seals.HEAD_FILE, *(file.name for _, file in seals.manifest_files(paths))}
    return [
        f"log/manifests/{file.name}: is no seal"
        for file in sorted(paths.manifests.iterdir())
        if file.name not in known and not file.name.startswith(".")
    ]


def _quarantine_problems(paths: StatePaths, chain: Sequence[seals.Manifest]) -> list[str]:
    """What is gone is no problem, since quarantine is kept for a set time only; what differs is.

    Unless the erasure register says that a person's rows were taken out.
    """
    erasures = erasure_register.entries(paths)
    kept = [
        (manifest.sequence, one)
        for manifest in chain
        for one in manifest.quarantine
        if (paths.home / one.path).is_file()
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda job: _hash_or_reason(paths.home / job[1].path), kept)
    return [
        f"{one.path}: differs from what seal {sequence} holds"
        if not isinstance(looked, OSError)
        else f"{one.path}: cannot be read ({looked.strerror}); seal {sequence} names it"
        for (sequence, one), looked in zip(kept, found, strict=True)
        if looked not in erasure_register.expected_hashes(erasures, one.path, one.sha256)
    ]


def _hash_or_reason(file: Path) -> str | OSError:
    try:
        return sha256_of(file)
    except OSError as error:
        return error

"""Seals: the manifests that say what the log is, chained by their hashes.

What belongs here: the form of a manifest, reading and writing the chain. How a chain hangs together
is in `chains`; what a batch holds and in which order files are placed is in `event_log`; comparing
parts on disk with their seals is in `verify`.

A manifest is readable JSON in one fixed form, so that its bytes follow from its content. Its `hash`
is the SHA-256 of its canonical JSON (sorted keys, no spaces, UTF-8) without `hash`. The first one's
`previous` is 64 zeros.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from dagster_project.ingest.chains import EMPTY_HEAD as EMPTY_HEAD
from dagster_project.ingest.chains import HEAD_FILE as HEAD_FILE
from dagster_project.ingest.chains import NO_PREVIOUS as NO_PREVIOUS
from dagster_project.ingest.chains import Head as Head
from dagster_project.ingest.chains import content_hash as content_hash
from dagster_project.ingest.chains import head_problem as head_problem
from dagster_project.ingest.chains import is_one_behind as is_one_behind
from dagster_project.ingest.chains import read_head_in, write_head_in
from dagster_project.ingest.durable import crash_point, render_json, write_atomic
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.state import StatePaths

_NAME: Final = re.compile(r"(\d{8,})-(\d{4}-\d{2}-\d{2})\.json")


@dataclass(frozen=True)
class Replay:
    """Which quarantined rows a replay took: lines of a file that an earlier seal refused."""

    sequence: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class SealedFile:
    """A source file that was read whole: where each of its rows went.

    A replay names the file again with the rows that it took out of quarantine and those alone; what
    it leaves there stays counted by the seal that refused it.

    Attributes:
        path: relative to `landing/`.
        sha256: of the file's bytes as read.
        mtime_ns: the file's time of change as read; a hint that spares hashing it again.
        read, logged, quarantined: rows.
        withheld: rows by reason.
        replay: null where the file itself was read.
    """

    source: str
    path: str
    bytes: int
    sha256: str
    mtime_ns: int
    read: int
    logged: int
    quarantined: int
    withheld: Mapping[str, int] = field(default_factory=dict)
    replay: Replay | None = None

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "SealedFile":
        """Read it from JSON values."""
        replay = content.get("replay")
        if replay is not None:
            replay = Replay(sequence=replay["sequence"], lines=tuple(replay["lines"]))
        return cls(**{**content, "replay": replay})


@dataclass(frozen=True)
class RefusedFile:
    """A source file that could not be read as a whole; it may be delivered again."""

    source: str
    path: str
    sha256: str
    reason: str


@dataclass(frozen=True)
class Part:
    """A Parquet file of the log; `path` is relative to the state folder."""

    path: str
    rows: int
    bytes: int
    sha256: str
    first_event_date: date | None
    last_event_date: date | None


@dataclass(frozen=True)
class QuarantineFile:
    """A Parquet file of refused rows; `path` is relative to the state folder."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One seal: a batch that is in the log for ever."""

    sequence: int
    arrival_date: date
    sealed_at: datetime
    contract_version: int
    closes_day: bool
    accepted_reason: str | None
    previous: str
    files: tuple[SealedFile, ...]
    refused: tuple[RefusedFile, ...]
    parts: tuple[Part, ...]
    quarantine: tuple[QuarantineFile, ...]
    sources: Mapping[str, Mapping[str, Any]]
    hash: str = ""

    @property
    def name(self) -> str:
        """The file's name in `log/manifests/`."""
        return manifest_name(self.sequence, self.arrival_date)

    @property
    def rows(self) -> int:
        """Rows in the log by this seal."""
        return sum(part.rows for part in self.parts)

    def content(self) -> dict[str, Any]:
        """The manifest as JSON values, without `hash`."""
        values = asdict(self)
        del values["hash"]
        values["arrival_date"] = self.arrival_date.isoformat()
        values["sealed_at"] = self.sealed_at.isoformat()
        for part in values["parts"]:
            for key in ("first_event_date", "last_event_date"):
                part[key] = None if part[key] is None else part[key].isoformat()
        for file in values["files"]:
            if file["replay"] is None:
                del file["replay"]
        return values


def manifest_name(sequence: int, arrival_date: date) -> str:
    """`00000001-2026-01-01.json`."""
    return f"{sequence:08d}-{arrival_date.isoformat()}.json"


def render(manifest: Manifest) -> bytes:
    """The bytes of a manifest's file."""
    content = manifest.content()
    return render_json({**content, "hash": content_hash(content)})


def parse(raw: bytes, place: str) -> Manifest:
    """Read a manifest's file and check that nothing in it was changed.

    Args:
        raw: the file's bytes.
        place: its name, for the error.

    Raises:
        LogIntegrityError: not JSON, not in the fixed form, fields missing, or the hash is wrong.
    """
    try:
        content = json.loads(raw)
        if render_json(content) != raw:
            raise LogIntegrityError(
                f"{place}: is not written as it was sealed; restore it from a backup"
            )
        if content["hash"] != content_hash(content):
            raise LogIntegrityError(
                f"{place}: its content does not have the hash {content['hash'][:12]}… that was "
                "sealed; restore it from a backup"
            )
        return _from_content(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogIntegrityError(
            f"{place}: is no manifest ({error}); restore it from a backup"
        ) from error


def _from_content(content: Mapping[str, Any]) -> Manifest:
    parts = tuple(
        Part(
            path=part["path"],
            rows=part["rows"],
            bytes=part["bytes"],
            sha256=part["sha256"],
            first_event_date=_date_or_none(part["first_event_date"]),
            last_event_date=_date_or_none(part["last_event_date"]),
        )
        for part in content["parts"]
    )
    return Manifest(
        sequence=int(content["sequence"]),
        arrival_date=date.fromisoformat(content["arrival_date"]),
        sealed_at=datetime.fromisoformat(content["sealed_at"]),
        contract_version=content["contract_version"],
        closes_day=content["closes_day"],
        accepted_reason=content["accepted_reason"],
        previous=content["previous"],
        files=tuple(SealedFile.from_content(file) for file in content["files"]),
        refused=tuple(RefusedFile(**file) for file in content["refused"]),
        parts=parts,
        quarantine=tuple(QuarantineFile(**file) for file in content["quarantine"]),
        sources=content["sources"],
        hash=content["hash"],
    )


def _date_or_none(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def read_head(paths: StatePaths) -> Head:
    """What HEAD names; `EMPTY_HEAD` where there is no such file.

    Raises:
        LogIntegrityError: HEAD is there and is not what a seal writes.
    """
    return read_head_in(paths.manifests)


def write_head(paths: StatePaths, head: Head) -> None:
    """Let HEAD name a seal, whole or not at all."""
    write_head_in(paths.manifests, head)


def manifest_files(paths: StatePaths) -> list[tuple[int, Path]]:
    """(sequence, file) of every manifest by name, in order of the sequence."""
    if not paths.manifests.is_dir():
        return []
    found = []
    for file in paths.manifests.iterdir():
        if match := _NAME.fullmatch(file.name):
            found.append((int(match.group(1)), file))
    return sorted(found)


@dataclass
class _Parsed:
    stamp: tuple[int, int, int]
    manifest: Manifest


# Parsed manifests by folder and name; a file that changed in any way is parsed again.
_cache: dict[Path, dict[str, _Parsed]] = {}


def load_chain(paths: StatePaths) -> list[Manifest]:
    """Every manifest, in order, its hash and its place in the chain checked; parses only new ones.

    HEAD may name the seal before the last: that is how it stands while another process seals, and
    how a crash leaves it until `event_log.recover`.

    Raises:
        LogIntegrityError: a manifest was changed, is missing, or stands where it does not belong,
            or the chain is shorter or longer than HEAD says. The text names the place.
    """
    chain = load_manifests(paths)
    head = read_head(paths)
    if not is_one_behind(head, chain):
        check_head(head, chain)
    return chain


def load_manifests(paths: StatePaths) -> list[Manifest]:
    """`load_chain` without looking at HEAD."""
    seen = _cache.get(paths.manifests, {})
    kept: dict[str, _Parsed] = {}
    chain: list[Manifest] = []
    for sequence, file in manifest_files(paths):
        status = file.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        parsed = seen.get(file.name)
        if parsed is None or parsed.stamp != stamp:
            place = f"log/manifests/{file.name}"
            parsed = _Parsed(stamp, parse(file.read_bytes(), place))
        for problem in place_problems(parsed.manifest, file.name, sequence, chain):
            raise LogIntegrityError(f"log/manifests/{file.name}: {problem}; restore log/")
        kept[file.name] = parsed
        chain.append(parsed.manifest)
    _cache[paths.manifests] = kept
    return chain


def place_problems(
    manifest: Manifest, name: str, sequence: int, before: list[Manifest]
) -> Iterator[str]:
    """What is wrong with a manifest's place in the chain, as text.

    Args:
        manifest: the one in question, its own hash checked.
        name: its file's name, with the sequence in it.
        sequence: the number in the file's name.
        before: the manifests before it.
    """
    last = before[-1] if before else None
    expected = 1 if last is None else last.sequence + 1
    if manifest.name != name:
        yield f"holds the seal {manifest.name}"
    elif sequence != expected:
        yield f"follows the seal {expected - 1}, so {expected} is missing"
    elif manifest.previous != (NO_PREVIOUS if last is None else last.hash):
        yield "does not name the hash of the seal before it"


def check_head(head: Head, chain: list[Manifest]) -> None:
    """Compare HEAD with the chain.

    Raises:
        LogIntegrityError: they do not end at the same seal.
    """
    problem = head_problem(head, chain)
    if problem is not None:
        raise LogIntegrityError(f"log/manifests/{HEAD_FILE}: {problem}; restore log/ from a backup")


def append(paths: StatePaths, manifest: Manifest) -> Manifest:
    """Write a manifest and then HEAD; the parts it names are on disk already.

    Args:
        paths: the state folder; `log/manifests/` exists.
        manifest: the next of the chain, without its hash.

    Returns:
        The manifest with its hash.

    Raises:
        LogIntegrityError: it does not follow from HEAD, or a file does not add up (law 1).
    """
    head = read_head(paths)
    if (manifest.sequence, manifest.previous) != (head.sequence + 1, head.hash):
        raise LogIntegrityError(
            f"log/manifests/{HEAD_FILE}: seal {manifest.sequence} does not follow from seal "
            f"{head.sequence}; run `footfall verify`"
        )
    for problem in count_problems(manifest):
        raise LogIntegrityError(f"{problem}; nothing was sealed, please report this as a defect")
    raw = render(manifest)
    sealed = parse(raw, manifest.name)
    crash_point("manifest: before")
    write_atomic(paths.manifests / manifest.name, raw)
    crash_point("manifest: sealed")
    write_head(paths, Head(sealed.sequence, sealed.hash))
    crash_point("HEAD: written")
    return sealed


def count_problems(manifest: Manifest) -> Iterator[str]:
    """Law 1: each file's rows are logged, quarantined or withheld, and the parts hold them all."""
    for file in manifest.files:
        ended = file.logged + file.quarantined + sum(file.withheld.values())
        if file.read != ended:
            yield f"{manifest.name}: {file.path}: {file.read} rows read and {ended} accounted for"
    logged = sum(file.logged for file in manifest.files)
    refused = sum(file.quarantined for file in manifest.files) + len(manifest.refused)
    in_quarantine = sum(file.rows for file in manifest.quarantine)
    if (manifest.rows, in_quarantine) != (logged, refused):
        yield (
            f"{manifest.name}: parts hold {manifest.rows} rows of {logged}, quarantine "
            f"{in_quarantine} of {refused}"
        )

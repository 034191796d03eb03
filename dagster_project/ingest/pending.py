"""Which landed files wait to be loaded, and which changed too late.

Here: comparing what `landing` found with the seals, and today's settings with theirs. Not here:
opening a file as a reader does (`readers`), under which arrival date it is loaded (`event_log`),
and what becomes of its rows (`staging`).
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date

from dagster_project.ingest import erasure_register, seals
from dagster_project.ingest.config import Settings
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.landing import LandedFile
from dagster_project.state import StatePaths


def read_as(settings: Settings, source: str) -> str:
    """A hash of all that decides how files of a source are read: its settings, and the limits."""
    limits = {
        name: value
        for name, value in settings.settings.model_dump(mode="json").items()
        if name.startswith("max_")
    }
    decides = {"source": settings.sources[source].model_dump(mode="json"), "limits": limits}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def days_read_otherwise(
    settings: Settings, chain: Sequence[seals.Manifest]
) -> dict[str, set[date]]:
    """Source -> arrival dates whose rows were mapped by other settings than today's."""
    today = {source: read_as(settings, source) for source in settings.sources}
    found: dict[str, set[date]] = {}
    for seal in chain:
        for source in {file.source for file in seal.files} & today.keys():
            was = seal.sources.get(source, {}).get("read_as")
            if was and was != today[source]:
                found.setdefault(source, set()).add(seal.arrival_date)
    return found


def unsealed_files(
    paths: StatePaths,
    settings: Settings,
    landed: Sequence[LandedFile],
    chain: Sequence[seals.Manifest],
) -> list[LandedFile]:
    """Landed files that no seal knows, and refused ones that may be read by now.

    A sealed name is not loaded again, whatever it holds now; see `changed_files`. A file that was
    refused is tried again once its content is another, or it would be read by other settings.
    """
    sealed = {file.path for manifest in chain for file in manifest.files}
    still_refused = _still_refused(paths, settings, landed, chain)
    return [file for file in landed if file.path not in sealed and file.path not in still_refused]


def refused_files(
    paths: StatePaths,
    settings: Settings,
    landed: Sequence[LandedFile],
    chain: Sequence[seals.Manifest],
) -> list[str]:
    """Files that were refused as a whole and would be again, one line each."""
    sealed = {file.path for manifest in chain for file in manifest.files}
    still_refused = _still_refused(paths, settings, landed, chain)
    return [
        f"landing/{still_refused[path]}" for path in sorted(still_refused) if path not in sealed
    ]


def _still_refused(
    paths: StatePaths,
    settings: Settings,
    landed: Sequence[LandedFile],
    chain: Sequence[seals.Manifest],
) -> dict[str, str]:
    """Why a file was refused that would be read as it was then, by its place."""
    refusals = {
        (one.path, one.sha256): (one.reason, seal.sources.get(one.source, {}).get("read_as"))
        for seal in chain
        for one in seal.refused
    }
    tried = {path for path, _ in refusals}
    found = {}
    for file in landed:
        if file.path in tried:
            content = _hash_if_there(paths, file) or ""
            reason, was_read_as = refusals.get((file.path, content), (None, None))
            # Seals of before this was noted do not say.
            if reason and was_read_as in {None, read_as(settings, file.source)}:
                found[file.path] = reason
    return found


def _hash_if_there(paths: StatePaths, file: LandedFile) -> str | None:
    """The hash of a landed file; None where it has gone since it was listed.

    A source may take its files away at any moment; staging says which it could not open.
    """
    try:
        return sha256_of(paths.landing / file.path)
    except FileNotFoundError:
        return None


def changed_files(
    paths: StatePaths, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[str]:
    """Sealed files whose content is another one now.

    Content is hashed only where size or time of change differ from what was sealed, or from what
    the erasure of a person has left of it.
    """
    sealed = {file.path: file for manifest in chain for file in manifest.files}
    entries = erasure_register.load(paths)
    rewritten = {one.path: one for one in erasure_register.rewrites(entries)}
    found = []
    for file in landed:
        before = sealed.get(file.path)
        if before is None or (file.bytes, file.mtime_ns) == (before.bytes, before.mtime_ns):
            continue
        after = rewritten.get(f"landing/{file.path}")
        if after is not None:
            if (file.bytes, file.mtime_ns) == (after.bytes, after.mtime_ns):
                continue
            allowed = erasure_register.expected_hashes(
                entries, f"landing/{file.path}", before.sha256
            )
            if _hash_if_there(paths, file) in allowed:
                continue
        found_hash = _hash_if_there(paths, file)
        if found_hash is not None and found_hash != before.sha256:
            found.append(
                f"landing/{file.path}: changed after it was sealed; not loaded, deliver the change "
                "under a new name"
            )
    return found

"""Which landed files wait to be loaded, and which changed too late.

Here: comparing what `landing` found with the seals. Not here: opening a file as a reader does
(`readers`), under which arrival date it is loaded (`event_log`), and what becomes of its rows
(`staging`).
"""

from collections.abc import Sequence

from dagster_project.ingest import seals
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.landing import LandedFile
from dagster_project.state import StatePaths


def unsealed_files(
    paths: StatePaths, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[LandedFile]:
    """Landed files that no seal knows, and refused ones that were delivered anew.

    A sealed name is not loaded again, whatever it holds now; see `changed_files`. A file that was
    refused is tried again once its content is another.
    """
    sealed = {file.path for manifest in chain for file in manifest.files}
    refused = {(file.path, file.sha256) for manifest in chain for file in manifest.refused}
    tried = {path for path, _ in refused}
    return [
        file
        for file in landed
        if file.path not in sealed
        and not (
            file.path in tried and (file.path, sha256_of(paths.landing / file.path)) in refused
        )
    ]


def changed_files(
    paths: StatePaths, landed: Sequence[LandedFile], chain: Sequence[seals.Manifest]
) -> list[str]:
    """Sealed files whose content is another one now.

    Content is hashed only where size or time of change differ from what was sealed.
    """
    sealed = {file.path: file for manifest in chain for file in manifest.files}
    found = []
    for file in landed:
        before = sealed.get(file.path)
        if before is None or (file.bytes, file.mtime_ns) == (before.bytes, before.mtime_ns):
            continue
        if file.bytes != before.bytes or sha256_of(paths.landing / file.path) != before.sha256:
            found.append(
                f"landing/{file.path}: changed after it was sealed; not loaded, deliver the change "
                "under a new name"
            )
    return found

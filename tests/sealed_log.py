"""A sealed log of four seals over three days, and the tools of somebody who changes it.

Belongs here: the log that attacks are tried on, and writing files and manifests as an attacker
would. Not here: the attacks and what must come of them.

The middle day has two seals, one of them with a quarantine file.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from dagster_project.ingest import seals, verify
from dagster_project.state import StatePaths
from tests.landed_days import event, json_lines, land, land_day, load, state_with

FIRST, MIDDLE, LAST = "2026-11-01", "2026-11-02", "2026-11-03"
DAYS = [FIRST, MIDDLE, LAST]
NOW = "2026-11-04T03:00:00"
SETTINGS = "settings: {quarantine_share: 0.5}\nsources: {shop: {format: canonical}}\n"


def sealed_log(home: Path) -> StatePaths:
    """A state folder with that log: 3, 3, 3 and 5 rows."""
    paths = state_with(home, SETTINGS)
    land_day(paths, FIRST)
    load(paths, FIRST, now="2026-11-02T03:00:00")
    land_day(paths, MIDDLE, name="morning")
    load(paths, MIDDLE, now=f"{MIDDLE}T12:00:00")
    rows = [event(n, f"{MIDDLE}T13:00:00Z", event_id=f"late{n}") for n in range(3)]
    land(paths, f"shop/{MIDDLE}/evening.jsonl", json_lines([*rows, {"event_name": "lost"}]))
    load(paths, MIDDLE, now="2026-11-03T03:00:00")
    land_day(paths, LAST, rows=5)
    load(paths, LAST, now=NOW)
    assert [one.rows for one in seals.load_chain(paths)] == [3, 3, 3, 5]
    assert verify.audit(paths).problems == ()
    return paths


def copy_of(sealed: StatePaths, home: Path) -> StatePaths:
    """The log once more, to be changed."""
    shutil.copytree(sealed.home, home)
    return StatePaths(home)


def manifest_file(paths: StatePaths, sequence: int) -> Path:
    return dict(seals.manifest_files(paths))[sequence]


def part_file(paths: StatePaths, sequence: int) -> Path:
    (part,) = seals.parse(manifest_file(paths, sequence).read_bytes(), "").parts
    return paths.home / part.path


def overwrite(file: Path, content: bytes) -> None:
    if file.exists():
        file.chmod(0o644)
    file.write_bytes(content)


def forge(file: Path, **changes: object) -> str:
    """Edit a manifest and give it the hash of its new content."""
    content = {**json.loads(file.read_bytes()), **changes}
    content["hash"] = seals.content_hash(content)
    overwrite(file, seals.render_json(content))
    return str(content["hash"])


def set_head(paths: StatePaths, sequence: int, seal_hash: str) -> None:
    overwrite(
        paths.manifests / "HEAD", seals.render_json({"sequence": sequence, "hash": seal_hash})
    )


def contents(paths: StatePaths) -> list[dict[str, Any]]:
    """Every manifest as JSON values, in order."""
    return [json.loads(file.read_bytes()) for _, file in seals.manifest_files(paths)]


def forge_chain(paths: StatePaths, manifests: list[dict[str, Any]]) -> None:
    """Write these manifests as the whole chain, with numbers, hashes and HEAD all made anew."""
    for _, file in seals.manifest_files(paths):
        file.unlink()
    before = seals.NO_PREVIOUS
    for sequence, content in enumerate(manifests, start=1):
        content |= {"sequence": sequence, "previous": before}
        before = content["hash"] = seals.content_hash(content)
        name = f"{sequence:08d}-{content['arrival_date']}.json"
        overwrite(paths.manifests / name, seals.render_json(content))
    set_head(paths, len(manifests), before)

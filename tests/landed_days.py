"""A state folder with landed files, loaded as a run loads it.

Belongs here: what tests of the ingest side need to land, load and look. Not here: what they expect.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.ingest import seals
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.event_log import seal, stage_days
from dagster_project.ingest.vault import Vault
from dagster_project.loading import LoadReport, load_days, registry_of
from dagster_project.state import StatePaths

SETTINGS = "sources: {shop: {format: canonical}}\n"


def state_with(home: Path, settings: str = SETTINGS) -> StatePaths:
    """A state folder with settings and keys."""
    home.mkdir(parents=True, exist_ok=True)
    paths = StatePaths(home)
    paths.settings_file.write_text(settings)
    Vault.open_or_create(paths).close()
    return paths


def event(number: int, at: str, **more: Any) -> dict[str, Any]:
    """An event that the contract takes."""
    return {
        "event_id": f"e{number}",
        "event_name": "page_viewed",
        "event_ts": at,
        "anonymous_id": f"cookie-{number}",
        **more,
    }


def json_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def land(paths: StatePaths, place: str, content: bytes) -> Path:
    """Put a file at `landing/<place>`, under its name at once."""
    file = paths.landing / place
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.tmp")
    beside.write_bytes(content)
    beside.replace(file)
    return file


def land_day(paths: StatePaths, day: str, rows: int = 3, name: str = "a") -> Path:
    """Land a file of good events of a day, an hour apart."""
    events = [event(n, f"{day}T{n % 24:02}:00:00Z", event_id=f"{name}{n}") for n in range(rows)]
    return land(paths, f"shop/{day}/{name}.jsonl", json_lines(events))


def load(paths: StatePaths, *days: str, now: str) -> LoadReport:
    """Load arrival dates as a run at `now` does (UTC)."""
    settings = load_settings(paths.settings_file)
    wanted = [date.fromisoformat(day) for day in days]
    return load_days(paths, settings, wanted, datetime.fromisoformat(now).replace(tzinfo=UTC))


def seal_unchecked(paths: StatePaths, *days: str, now: str) -> None:
    """Stage and seal arrival dates without the suites, which cost seconds a time."""
    settings = load_settings(paths.settings_file)
    wanted = [date.fromisoformat(day) for day in days]
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    with Vault.open(paths) as vault:
        for staged in stage_days(paths, settings, registry_of(settings), vault, wanted):
            seal(paths, settings, vault, staged, at)


def sealed_files(paths: StatePaths) -> dict[str, seals.SealedFile]:
    """What became of each file that was read, by its place below `landing/`."""
    return {file.path: file for one in seals.load_chain(paths) for file in one.files}


def refused_files(paths: StatePaths) -> dict[str, str]:
    """Why a file was refused, by its place below `landing/`."""
    return {file.path: file.reason for one in seals.load_chain(paths) for file in one.refused}


def logged_rows(paths: StatePaths) -> list[dict[str, Any]]:
    """Every row of the log, by file and line."""
    parts = [str(paths.home / part.path) for one in seals.load_chain(paths) for part in one.parts]
    with duckdb.connect() as con:
        found = con.execute(
            "from read_parquet(?, hive_partitioning = false) order by source_file, source_line",
            [parts],
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }

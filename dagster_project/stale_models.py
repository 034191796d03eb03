"""Models that have not seen all of the log up to their date (law 4).

A model of partition D is a function of what arrived up to D. An older day that is loaded
afterwards changes that, so later models are stale until somebody has them made again. Belongs here:
the hash of the log up to a date, the file beside the card that keeps it, the comparison. Not here:
showing what is stale (`assets/models.py`, `footfall doctor`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dagster_project.ingest import seals
from dagster_project.ingest.durable import render_json
from dagster_project.state import StatePaths

FILE = "log_seen.json"


@dataclass(frozen=True)
class LogSeen:
    """The log up to an arrival date, in short.

    Attributes:
        parts: number of sealed parts up to the date.
        sha256: over their names and hashes, in order of arrival date and name.
    """

    parts: int
    sha256: str

    def content(self, day: date) -> bytes:
        """The file beside the card."""
        return render_json(
            {"arrival_dates_up_to": day.isoformat(), "parts": self.parts, "sha256": self.sha256}
        )


@dataclass(frozen=True)
class StaleModel:
    """A partition whose model has not seen what is now in the log up to its date."""

    family: str
    day: date
    unseen_parts: int


def log_up_to(chain: Iterable[seals.Manifest], days: Sequence[date]) -> dict[date, LogSeen]:
    """Hash the log up to each of some dates; parts in the order of their dates, not of sealing.

    Args:
        chain: the seals that count.
        days: arrival dates, each inclusive.
    """
    parts = sorted(
        (one.arrival_date, part.path, part.sha256) for one in chain for part in one.parts
    )
    digest = hashlib.sha256()
    seen: dict[date, LogSeen] = {}
    place = 0
    for day in sorted(set(days)):
        while place < len(parts) and parts[place][0] <= day:
            digest.update("\0".join(parts[place][1:]).encode() + b"\n")
            place += 1
        seen[day] = LogSeen(place, digest.hexdigest())
    return seen


def stale_models(paths: StatePaths, families: Sequence[str] | None = None) -> list[StaleModel]:
    """The trained partitions that a loading of an older day has overtaken, by family and date.

    Args:
        paths: the state folder.
        families: folders below `models/`; None for all.
    """
    kept = _kept(paths, families)
    now = log_up_to(seals.load_chain(paths), [day for _, day in kept]) if kept else {}
    return [
        StaleModel(family, day, now[day].parts - found.get("parts", 0))
        for (family, day), found in sorted(kept.items())
        if found.get("sha256") != now[day].sha256
    ]


def describe(stale: Sequence[StaleModel]) -> str:
    """One line: which dates, and the command that makes them again."""
    days = sorted({one.day for one in stale})
    first, last = days[0], days[-1]
    return (
        f"older days were loaded after the models of {len(days)} dates ({first} to {last}) were "
        f"trained; to make them again: footfall run --from {first} --to {last}"
    )


def _kept(
    paths: StatePaths, families: Sequence[str] | None
) -> dict[tuple[str, date], Mapping[str, Any]]:
    kept: dict[tuple[str, date], Mapping[str, Any]] = {}
    for card in paths.models.glob("*/*/card.json"):
        family, day = card.parts[-3], card.parts[-2]
        if families is not None and family not in families:
            continue
        file = card.with_name(FILE)
        kept[family, date.fromisoformat(day)] = (
            json.loads(file.read_bytes()) if file.exists() else {}
        )
    return kept

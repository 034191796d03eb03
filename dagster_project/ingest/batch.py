"""A batch in `staging/<D>/`: what waits to be checked and sealed, and reading back what waits.

Here: what became of each file of a day, as a value and as the report beside the staged Parquet. Not
here: how it is made (`staging`), the seal (`event_log`), and the checks before it.
"""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from dagster_project.ingest import seals
from dagster_project.ingest.durable import crash_point, make_folder, write_atomic_json
from dagster_project.ingest.errors import FootfallError
from dagster_project.state import StatePaths

QUARANTINE_FILE: Final = "quarantine.parquet"
_REPORT: Final = "report.json"


@dataclass(frozen=True)
class StagedBatch:
    """What is in `staging/<D>/`.

    Attributes:
        day: the arrival date.
        is_closed: the day took its last seal before; nothing is staged.
        files: what became of each file's rows.
        refused: files that cannot be read as a whole.
        unsettled: files that changed while they were read or could not be opened, one line each;
            they are left for the next batch.
        parts: staged Parquet files with the log's columns, names below `staging/<D>/`.
        quarantine_rows: rows of the staged quarantine file, a row a refused file included.
        contract_version: of the registry that split it.
        sources: the settings that its rows were read by.
    """

    day: date
    is_closed: bool = False
    files: tuple[seals.SealedFile, ...] = ()
    refused: tuple[seals.RefusedFile, ...] = ()
    unsettled: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    quarantine_rows: int = 0
    contract_version: int = 0
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Rows read."""
        return sum(file.read for file in self.files)

    @property
    def logged(self) -> int:
        return sum(file.logged for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)

    @property
    def withheld(self) -> int:
        return sum(sum(file.withheld.values()) for file in self.files)

    @property
    def quarantined_share(self) -> float:
        """Of the rows read, 0 to 1."""
        return self.quarantined / self.read if self.read else 0.0

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.refused


def write_report(paths: StatePaths, batch: StagedBatch) -> None:
    """Say beside the staged files what they are; from then on the batch waits."""
    content = {**asdict(batch), "day": batch.day.isoformat()}
    # Where no row was kept, nothing has made the folder yet.
    make_folder(paths.staging_day(batch.day))
    write_atomic_json(paths.staging_day(batch.day) / _REPORT, content)


def staged_days(paths: StatePaths) -> list[date]:
    """Arrival dates with a batch in `staging/`, in order."""
    found = []
    for report in paths.staging.glob(f"*/{_REPORT}"):
        # Another name is not ours.
        with suppress(ValueError):
            found.append(date.fromisoformat(report.parent.name))
    return sorted(found)


def staged_batch(paths: StatePaths, day: date) -> StagedBatch:
    """The batch that waits in `staging/<D>/`.

    Raises:
        FootfallError: nothing waits there, or another version of footfall staged it.
    """
    file = paths.staging_day(day) / _REPORT
    again = f"`footfall run --from {day} --to {day}` stages one"
    try:
        content = json.loads(file.read_bytes())
        return StagedBatch(
            **{
                **content,
                "day": day,
                "files": tuple(seals.SealedFile.from_content(one) for one in content["files"]),
                "refused": tuple(seals.RefusedFile(**one) for one in content["refused"]),
                "unsettled": tuple(content["unsettled"]),
                "parts": tuple(content["parts"]),
            }
        )
    except FileNotFoundError:
        raise FootfallError(f"{day}: no batch waits in staging; {again}") from None
    except (ValueError, TypeError, KeyError):
        raise FootfallError(f"{file}: is no batch of this version of footfall; {again}") from None


def staged_quarantine(paths: StatePaths, day: date) -> Path:
    """The file of the rows refused in `staging/<D>/`; there only if there are any."""
    return paths.staging_day(day) / QUARANTINE_FILE


def discard(paths: StatePaths, day: date) -> None:
    """Empty `staging/<D>/`; what landed stays, and can be staged again.

    Out of its place first, so that a kill half way leaves no batch with files missing.
    """
    folder = paths.staging_day(day)
    if not folder.is_dir():
        return
    gone = paths.staging / f".{day.isoformat()}.discarded"
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    crash_point("staging: out of its place")
    shutil.rmtree(gone)


def remove_unfinished(paths: StatePaths) -> None:
    """Remove what a killed run was writing or discarding; no batch is among it."""
    for folder in paths.staging.glob(".*"):
        shutil.rmtree(folder)

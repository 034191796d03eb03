"""The chain of recommendation models from one anchor to the next.

Belongs here: which parent a partition goes on from, whether the one at hand still holds, making a
missing one anew, and measuring each partition once the next day is known. Not here: fits and
measures (`ml/`), writing files (`training.py`).

A state that rests beside a card holds if it was made by today's settings and code from the log as
it stands up to its date. Then it is, byte for byte, what making it anew would give, for the states
before it were made of a part of that log. So a partition does not depend on which days were run.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_project.model_inputs import ModelInputs
from dagster_project.partition_files import parquet_bytes
from dagster_project.stale_models import LogSeen
from ml.cards import canonical_json
from ml.next_day import next_day_truth
from ml.recommendations import (
    CODE_VERSION,
    FittedPartition,
    RecommendationParams,
    RecommendationRun,
    fit_partition,
    list_partition,
)
from ml.recommender_inputs import MONDAY, Known, prepare
from ml.recommender_state import RecommenderState

STATE_FILE = "item_factors.parquet"
_MADE_FROM = b"made_from"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Week:
    """Work that goes on from one anchor.

    Attributes:
        days: partitions to make, rising.
        measured: partitions, to be made in this run, whose day before lies in this week: what they
            tell of that day is found here, where its state is.
    """

    days: tuple[date, ...]
    measured: tuple[date, ...]


@dataclass(frozen=True)
class MadeWeek:
    """What came of it.

    Attributes:
        runs: partition -> its run.
        truths: partition -> metrics of the day before it, on what it tells.
    """

    runs: dict[date, RecommendationRun]
    truths: dict[date, list[dict[str, Any]]]


def monday_of(day: date) -> date:
    """The Monday on or before a day: always an anchor."""
    return day - timedelta(days=(day.weekday() - MONDAY) % 7)


def weeks(days: Sequence[date]) -> list[Week]:
    """Partitions by the week that they go on in; none depends on another."""
    anchors = sorted({monday_of(day - back) for day in days for back in (_DAY, 0 * _DAY)})
    return [
        Week(
            tuple(day for day in sorted(days) if monday_of(day) == anchor),
            tuple(day for day in sorted(days) if monday_of(day - _DAY) == anchor),
        )
        for anchor in anchors
    ]


def days_behind(days: Sequence[date]) -> list[date]:
    """Every date whose state a run may need: these, and back to the anchor before each."""
    needed = {day for one in days for day in _from_anchor(one - _DAY)} | set(days)
    return sorted(needed)


def _from_anchor(day: date) -> Iterator[date]:
    first = monday_of(day)
    return (first + timedelta(days=number) for number in range((day - first).days + 1))


def state_bytes(run: RecommendationRun, made_from: str) -> bytes:
    """The file that the next day goes on from."""
    table = run.state.to_table()
    notes = {**table.schema.metadata, _MADE_FROM: made_from.encode()}
    return parquet_bytes(table.replace_schema_metadata(notes))


def make_week(
    inputs: ModelInputs,
    params: RecommendationParams,
    models: Path,
    seen: Mapping[date, LogSeen],
    week: Week,
) -> MadeWeek:
    """Make the partitions of a week one after another.

    Args:
        inputs: the warehouse.
        params: settings.
        models: the family's folder, where states rest.
        seen: the log up to each date of `days_behind`.
        week: what to make.
    """
    chain = _Chain(inputs, params, models, seen)
    made = MadeWeek({}, {})
    for day in sorted({*week.days, *week.measured}):
        if day in week.measured and chain.known(day - _DAY).matrix.person_ids:
            state = chain.state(day - _DAY)
            before = chain.known(day - _DAY)
            made.truths[day] = next_day_truth(before, state, chain.known(day).window)
        if day in week.days:
            made.runs[day] = list_partition(chain.make(day))
    return made


def made_from(params: RecommendationParams, inputs: ModelInputs, seen: LogSeen) -> str:
    """Hash of all that decides what the state of a date is."""
    content = [CODE_VERSION, asdict(params), inputs.fingerprint, seen.sha256]
    return hashlib.sha256(canonical_json(content)).hexdigest()


class _Chain:
    """States and inputs of a week; of the inputs the last two days are kept."""

    def __init__(
        self,
        inputs: ModelInputs,
        params: RecommendationParams,
        models: Path,
        seen: Mapping[date, LogSeen],
    ) -> None:
        self._inputs = inputs
        self._params = params
        self._models = models
        self._seen = seen
        self._known: dict[date, Known] = {}
        self._states: dict[date, RecommenderState] = {}

    def known(self, day: date) -> Known:
        """What was known on a date."""
        if day not in self._known:
            self._known = {one: kept for one, kept in self._known.items() if one == day - _DAY}
            window = self._params.window_days
            seen = self._params.recent_days + self._params.validation_days
            self._known[day] = prepare(
                self._inputs.read("ml_interactions", day, window),
                self._inputs.read("ml_bought", day, window),
                day,
                self._params,
                self._inputs.read("ml_visitors", day, seen),
                self._inputs.read("ml_products", day, window),
            )
        return self._known[day]

    def make(self, day: date) -> FittedPartition:
        """Fit a date, from the day before unless it is an anchor."""
        known = self.known(day)
        parent = None if known.is_anchor else self.state(day - _DAY)
        fitted = fit_partition(known, parent)
        self._states[day] = fitted.state
        return fitted

    def state(self, day: date) -> RecommenderState:
        """The state of a date: as it rests, if that holds, else made anew from the anchor on."""
        missing: list[date] = []
        for one in reversed(list(_from_anchor(day))):
            found = self._states.get(one) or self._at_rest(one)
            if found is not None:
                self._states[one] = found
                break
            missing.append(one)
            if one == day and self.known(day).is_anchor:
                break  # of a young log
        for one in reversed(missing):
            self.make(one)
        return self._states[day]

    def _at_rest(self, day: date) -> RecommenderState | None:
        folder = self._models / day.isoformat()
        try:
            table = pq.read_table(folder / STATE_FILE)
            state = RecommenderState.from_table(table)
            card = json.loads((folder / "card.json").read_bytes())
        except (OSError, ValueError, KeyError, pa.ArrowException):
            return None  # missing, or damaged: made anew
        expected = made_from(self._params, self._inputs, self._seen[day]).encode()
        holds = table.schema.metadata.get(_MADE_FROM) == expected
        is_whole = card.get("lineage", {}).get("sha256") == state.sha256()
        return state if holds and is_whole else None

"""How events reach the warehouse: when, how often, and what is broken on the way.

Every line has the compact form of JSON, with the fields of the canonical event. What happened is
decided elsewhere; here a copy may be late, repeated or changed, and a line that was never an event
may be added.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ml.simulation.actions import Action, euros, make_event_id, members
from ml.simulation.settings import DAY, HOUR, MINUTE, SECOND
from ml.simulation.truth import Truth

# Of the late events so many come with a whole visit, from an app that was without a network.
OFFLINE_PART = 0.7
MOST_DAYS_LATE = 11
INVALID_KINDS = (
    "malformed_json",
    "missing_event_ts",
    "missing_event_name",
    "wrong_type",
    "not_an_object",
    "before_2000",
)
Line = tuple[int, str, int, str]


class Deliveries:
    """Lines by day of arrival; the ledger counts what becomes of them."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.faults = truth.settings.faults
        self.end = truth.settings.days * DAY
        self._waiting: dict[int, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        self._dates = [
            (truth.settings.start + timedelta(days=day)).isoformat()
            for day in range(truth.settings.days)
        ]

    def time_text(self, moment: int) -> str:
        """A moment as ISO 8601, UTC, milliseconds."""
        day, rest = divmod(moment, DAY)
        hours, rest = divmod(rest, HOUR)
        minutes, rest = divmod(rest, MINUTE)
        seconds, ms = divmod(rest, SECOND)
        return f"{self._dates[day]}T{hours:02d}:{minutes:02d}:{seconds:02d}.{ms:03d}Z"

    def take_day(self, day: int) -> dict[str, list[Line]]:
        """All lines that arrive on a day, by source, in order of arrival; once a day."""
        sources = self._waiting.pop(day, {})
        for lines in sources.values():
            lines.sort()
        return dict(sorted(sources.items()))

    def deliver(
        self, rng: random.Random, actions: Sequence[Action], *, is_visit: bool = False
    ) -> tuple[list[Action], set[str]]:
        """Plan and write the delivery of actions, which are in order of time.

        Args:
            rng: to draw from.
            actions: what happened; what lies past the simulation's end is dropped.
            is_visit: whether they come from one browser or app, which may have been offline.

        Returns:
            The actions that arrive before the simulation ends, and the ids of those among them
            that arrive on a later day than their own.
        """
        flush: int | None = None
        if is_visit and actions and rng.random() < self.faults.late * OFFLINE_PART:
            flush = self._later_day(rng, actions[-1].moment)
        single = self.faults.late * (1 - OFFLINE_PART) if is_visit else self.faults.late
        delivered: list[Action] = []
        late: set[str] = set()
        random_ = rng.random
        end = self.end
        for action in actions:
            moment = action.moment
            if flush is not None:
                sent = flush + len(delivered) * 3
            elif random_() < single:
                sent = self._later_day(rng, moment)
            else:
                sent = moment + int(random_() * 1500) + 20
            arrival = sent + 10 + int(random_() * 90)
            repeated = random_()
            broken = random_()
            if moment >= end:
                continue
            if arrival >= end:
                self.truth.undelivered.add(action.event_id)
                continue
            self._write(action, sent, arrival)
            counts = self._counts(arrival, action.source)
            counts["events"] += 1
            if arrival // DAY > moment // DAY:
                counts["late"] += 1
                late.add(action.event_id)
            delivered.append(action)
            if repeated < self.faults.duplicate:
                self._repeat(rng, action, sent, arrival)
            if broken < self.faults.invalid:
                self._write_invalid(rng, action, sent, arrival)
        return delivered, late

    def _later_day(self, rng: random.Random, moment: int) -> int:
        days = min(MOST_DAYS_LATE, int(rng.paretovariate(1.1)))
        return (moment // DAY + days) * DAY + int(rng.random() * (DAY - MINUTE))

    def _counts(self, arrival: int, source: str) -> Counter[str]:
        return self.truth.delivered.setdefault((arrival // DAY, source), Counter())

    def _line(self, action: Action, sent: int, body: Any) -> str:
        who = "," + action.who if action.who else ""
        rest = "," + members(body) if body else ""
        return (
            f'{{"event_id":"{action.event_id}","event_name":"{action.name}",'
            f'"event_ts":"{self.time_text(action.moment)}","sent_ts":"{self.time_text(sent)}"'
            f"{who}{rest}}}"
        )

    def _put(self, arrival: int, source: str, event_id: str, copy: int, line: str) -> None:
        self._waiting[arrival // DAY][source].append((arrival, event_id, copy, line))
        self._counts(arrival, source)["lines"] += 1

    def _write(self, action: Action, sent: int, arrival: int) -> None:
        self._put(arrival, action.source, action.event_id, 0, self._line(action, sent, action.body))

    def _repeat(self, rng: random.Random, action: Action, sent: int, arrival: int) -> None:
        """Deliver once more, after the first copy; now and then with another content."""
        again = (
            arrival + rng.randrange(1, 600) * SECOND
            if rng.random() < 0.5
            else arrival + int(rng.uniform(0.2, 5) * DAY)
        )
        is_conflict = rng.random() < self.faults.conflict
        if again >= self.end:
            return
        body = _changed(action.body) if is_conflict else action.body
        self._put(again, action.source, action.event_id, 1, self._line(action, sent, body))
        counts = self._counts(again, action.source)
        counts["duplicates"] += 1
        if is_conflict:
            counts["conflicts"] += 1

    def _write_invalid(self, rng: random.Random, action: Action, sent: int, arrival: int) -> None:
        """Add a line that is no event: a broken copy under an id of its own."""
        kind = INVALID_KINDS[rng.randrange(len(INVALID_KINDS))]
        copy = action._replace(event_id=make_event_id(rng))
        line = self._line(copy, sent, copy.body)
        if kind == "malformed_json":
            line = line[: int(len(line) * rng.uniform(0.3, 0.9))]
        elif kind == "missing_event_ts":
            line = line.replace(f'"event_ts":"{self.time_text(copy.moment)}",', "")
        elif kind == "missing_event_name":
            line = line.replace(f'"event_name":"{copy.name}",', "")
        elif kind == "wrong_type":
            line = self._line(copy, sent, {**copy.body, "price": "call us", "quantity": "many"})
        elif kind == "not_an_object":
            line = '["tracker","warm-up"]'
        else:
            line = line.replace(self.time_text(copy.moment), "1970-01-01T00:00:00.000Z", 1)
        self._put(arrival, action.source, copy.event_id, 0, line)
        self._counts(arrival, action.source)["invalid"] += 1
        self.truth.plant(
            "invalid_line",
            action.moment,
            source=action.source,
            event_id=copy.event_id,
            detail=kind,
        )


def _changed(body: Any) -> dict[str, Any]:
    """The same event with another content, as a tracker's faulty retry would send it."""
    for key in ("revenue", "price"):
        if key in body:
            return {**body, key: euros(round(body[key] * 110))}
    if "page_path" in body:
        return {**body, "page_path": body["page_path"] + "/retry"}
    return {**body, "region": "retry"}

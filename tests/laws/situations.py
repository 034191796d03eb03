"""What happens to a history, by name, so that a session can say what it has tried.

Belongs here: finding situations in a log and a plan. Not here: making them (`histories`).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from tests.laws.histories import History

RANGE = "several days in one run"
SINGLE = "a day by itself"
PARTS = "a day sealed in parts and run between them"
AGAIN = "a day run again though nothing of it is new"
OLDER = "an older day loaded after newer ones"
FIRST_LAST = "the first arrival of a duplicate loaded last"
KILLED_SAME = "a run killed, then the same again"
KILLED_OTHER = "a run killed, then another one"
KILLED_TWICE = "two runs killed one after the other"
COMBINED = "at least five of these in one history, a kill among them"
SITUATIONS = (
    RANGE, SINGLE, PARTS, AGAIN, OLDER, FIRST_LAST, KILLED_SAME, KILLED_OTHER, KILLED_TWICE,
    COMBINED,
)  # fmt: skip
_KILLS = {KILLED_SAME, KILLED_OTHER, KILLED_TWICE}
_ENOUGH = 5


def situations_of(history: History) -> set[str]:
    """The situations that occur in a history."""
    found = {*_of_runs(history), *_of_kills(history)}
    if _first_copy_comes_last(history):
        found.add(FIRST_LAST)
    if len(found) >= _ENOUGH and found & _KILLS:
        found.add(COMBINED)
    return found


def _of_runs(history: History) -> Iterator[str]:
    known: set[date] = set()
    done: dict[date, int] = {}
    unfinished: set[date] = set()
    for run in history.plan:
        yield RANGE if len(run.days) > 1 else SINGLE
        new = set(run.visible) - known
        if known and new and min(new) < max(known):
            yield OLDER
        for day in set(run.days) & set(done) - unfinished:
            yield AGAIN if done[day] == run.visible[day] else PARTS
        known |= new
        unfinished |= set(run.days)
        if run.kill_after is None:
            done |= {day: run.visible[day] for day in unfinished}
            unfinished = set()


def _of_kills(history: History) -> Iterator[str]:
    for one, following in pairwise(history.plan):
        if one.kill_after is None:
            continue
        yield KILLED_SAME if one.days == following.days else KILLED_OTHER
        if following.kill_after is not None:
            yield KILLED_TWICE


def _first_copy_comes_last(history: History) -> bool:
    """Whether a winner by order of arrival is loaded by a later run than all of its copies."""
    copies: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], int]]] = defaultdict(list)
    for number in range(len(history.plan)):
        for _, rows in history.new_seals(number):
            for row in rows:
                key = (row["source"], row["event_id"], row["event_ts"].date())
                place = (row["arrival_date"], row["source_file"], row["source_line"])
                copies[key].append((place, number))
    for found in copies.values():
        (_, loaded), *others = sorted(found)
        if others and all(number < loaded for _, number in others):
            return True
    return False

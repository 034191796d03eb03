"""A semi-Markov chain over the names of events: what comes next, and after how long.

Here: distributions of counted things, histories, the estimation from sequences, the drawing of
steps. What an event says beside its name is in `log_model`.

What comes next depends on the last few different names, on how often the last one stands in a row,
and on a standing that the caller knows (whether something is in the cart). A step that too few
persons took after a history is drawn after a shorter one instead, so that none is copied from one
person. Waiting times follow the pair of names.

Sources: Howard (1971), Dynamic Probabilistic Systems II (semi-Markov processes); Cleary, Witten
(1984), Data Compression Using Adaptive Coding and Partial String Matching (shorter histories).
"""

import random
from bisect import bisect
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import fsum
from typing import Generic, NamedTuple, TypeVar, cast

START, END = "(start)", "(end)"
MEMORY = 3
SUPPORT = 5
# How often a name stands in a row is told apart up to here: slates and pings seldom go further.
LONGEST_RUN = 8
BINS = 200
Context = tuple[str, int, tuple[str, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Weights(Generic[T]):
    """A distribution over a few values.

    Attributes:
        values: what can be drawn.
        total: running totals of their weights, above 0.
    """

    values: tuple[T, ...]
    total: tuple[float, ...]

    def draw(self, rng: random.Random) -> T:
        """One value."""
        at = bisect(self.total, rng.random() * self.total[-1])
        return self.values[min(at, len(self.total) - 1)]

    def share(self, value: T) -> float:
        """The probability of a value, 0 for one that is not there."""
        if value not in self.values:
            return 0.0
        at = self.values.index(value)
        return (self.total[at] - (self.total[at - 1] if at else 0.0)) / self.total[-1]

    def only(self, values: Container[T]) -> "Weights[T] | None":
        """The same, of what is among these values; None where that is nothing."""
        left = [(value, weight) for value, weight in self._pairs() if value in values]
        return weigh(left) if left else None

    def without(self, value: T) -> "Weights[T] | None":
        """The same without one value; None where nothing else is there."""
        left = [(one, weight) for one, weight in self._pairs() if one != value]
        return weigh(left) if left else None

    def _pairs(self) -> Iterator[tuple[T, float]]:
        weights = (after - before for before, after in pairwise((0.0, *self.total)))
        return zip(self.values, weights, strict=True)


def weigh(counts: Iterable[tuple[T, float]]) -> Weights[T]:
    """Make a distribution of values and their weights, in this order.

    Raises:
        ValueError: no weight is above 0.
    """
    pairs = [(value, weight) for value, weight in counts if weight > 0]
    if not pairs:
        raise ValueError("no weight is above 0: nothing can be drawn")
    values, weights = zip(*pairs, strict=True)
    return Weights(values, tuple(accumulate(map(float, weights))))


class Tally(Generic[T]):
    """How often each value was seen, and with how many persons, who come one after the other."""

    def __init__(self) -> None:
        # value -> [times, persons, the last person]
        self._seen: dict[T, list[int]] = {}

    def add(self, value: T, person: int) -> None:
        """A person had this value once more."""
        seen = self._seen.get(value)
        if seen is None:
            self._seen[value] = [1, 1, person]
            return
        seen[0] += 1
        if seen[2] != person:
            seen[1] += 1
            seen[2] = person

    def values(self) -> Iterable[T]:
        """All that was seen."""
        return self._seen

    def kept(self, support: int) -> list[T]:
        """What at least so many persons had, in order."""
        return sorted(value for value, seen in self._seen.items() if seen[1] >= support)  # type: ignore[type-var]

    def weights(self, support: int) -> Weights[T] | None:
        """The distribution of what at least so many persons had; None where there is none."""
        kept = self.kept(support)
        if not kept:
            return None
        return Weights(tuple(kept), tuple(accumulate(float(self._seen[v][0]) for v in kept)))

    def weights_and_rest(self, support: int) -> Weights[T | None] | None:
        """The same, with None for all that fewer persons had; None where there is nothing else."""
        kept = self.kept(support)
        if not kept:
            return None
        times = [float(self._seen[value][0]) for value in kept]
        rest = sum(seen[0] for seen in self._seen.values()) - fsum(times)
        if not rest:
            return Weights(tuple(kept), tuple(accumulate(times)))
        return Weights((*kept, None), tuple(accumulate([*times, rest])))


def bin_means(values: Iterable[tuple[float, int]], support: int = SUPPORT) -> Weights[float] | None:
    """Sort numbers into bins, and give the mean of each; None where there are too few.

    Args:
        values: (number, whose).
        support: different persons in a bin, at least.

    Returns:
        Some BINS means, weighted by how many numbers they stand for, so that they keep the mean of
        all. Equal numbers are in one bin: who is who does not matter.
    """
    ordered = sorted(values)
    least = -(-len(ordered) // BINS)
    edges = [0]
    persons: set[int] = set()
    for at, (value, person) in enumerate(ordered, start=1):
        persons.add(person)
        is_edge = at == len(ordered) or ordered[at][0] != value
        if is_edge and at - edges[-1] >= least and len(persons) >= support:
            edges.append(at)
            persons = set()
    if len(edges) == 1:
        return None
    # What is left over are the last ones.
    edges[-1] = len(ordered)
    return weigh(
        (fsum(value for value, _ in ordered[a:b]) / (b - a), b - a) for a, b in pairwise(edges)
    )


class Walk(NamedTuple):
    """One session.

    Attributes:
        person: a number for whoever had it.
        names: of the events, in order.
        standings: before each event and, last, before the end: one more than names; not empty.
        waits: ms between neighbours: one less than names.
    """

    person: int
    names: Sequence[str]
    standings: Sequence[str]
    waits: Sequence[int]


class History(NamedTuple):
    """What the next step may depend on.

    Attributes:
        standing: of the person by now.
        run: how often the last name stands in a row, at most LONGEST_RUN.
        names: no two neighbours alike, the newest first.
    """

    standing: str
    run: int = 1
    names: tuple[str, ...] = (START,)

    def after(self, name: str, standing: str, memory: int) -> "History":
        """The history once an event of this name has happened."""
        if name == self.names[0]:
            return History(standing, min(self.run + 1, LONGEST_RUN), self.names)
        return History(standing, 1, (name, *self.names)[:memory])

    def contexts(self) -> Iterator[Context]:
        """From all of it to the last name alone."""
        for length in range(len(self.names), 0, -1):
            yield self.standing, self.run, self.names[:length]
        yield self.standing, 0, self.names[:1]
        yield "", 0, self.names[:1]


@dataclass(frozen=True)
class Step:
    """What came next in a context.

    Attributes:
        weights: names that enough persons went on with; None for the rest.
        rest: names that fewer persons went on with, None among them.
    """

    weights: Weights[str | None]
    rest: frozenset[str | None]

    def of(self, wanted: frozenset[str | None]) -> Weights[str | None] | None:
        """The part of it that concerns some names; None where there is none."""
        names = wanted - {None}
        return self.weights.only(names | {None} if names & self.rest else names)


@dataclass(frozen=True)
class Chain:
    """An estimated chain.

    Attributes:
        memory: how many different names a history holds.
        steps: context to what comes next; for the rest, in which proportion a shorter context says.
        waits: (name, next name) to means of waiting times, ms.
        any_wait: the same, for pairs that were seen too seldom; None where hardly any was seen.
    """

    memory: int
    steps: Mapping[Context, Step]
    waits: Mapping[tuple[str, str], Weights[float]]
    any_wait: Weights[float] | None

    @property
    def begins(self) -> bool:
        """Whether it can make a first event."""
        return ("", 0, (START,)) in self.steps

    def following(self, rng: random.Random, history: History) -> str:
        """The name of what comes next, or END."""
        known = [self.steps[c] for c in history.contexts() if c in self.steps]
        wanted: frozenset[str | None] | None = None
        for step in known:
            weights = step.weights if wanted is None else step.of(wanted)
            if weights is None:
                continue
            name = weights.draw(rng)
            if name is not None:
                return name
            wanted = step.rest if wanted is None else step.rest & wanted
        # What too few did here, too few did anywhere.
        told = known[0].weights.without(None) if known else None
        return (told.draw(rng) if told is not None else None) or END

    def wait(self, rng: random.Random, name: str, following: str) -> int:
        """Milliseconds from one event to the next."""
        found = self.waits.get((name, following), self.any_wait)
        return round(found.draw(rng)) if found is not None else 0


def fit_chain(walks: Iterable[Walk], memory: int = MEMORY, support: int = SUPPORT) -> Chain:
    """Estimate a chain.

    Args:
        walks: those of a person follow each other.
        memory: how many different names a history holds, at least 1.
        support: by how many persons a step must have been taken after a history, at least 1.

    Returns:
        Shares of the steps that were taken, and waiting times of pairs that at least `support`
        persons had. The order of persons changes nothing.

    Raises:
        ValueError: memory or support is below 1.
    """
    if memory < 1 or support < 1:
        raise ValueError(f"memory and support are at least 1, not {memory} and {support}")
    counts: dict[Context, Tally[str]] = defaultdict(Tally)
    waits: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for walk in walks:
        history = History(walk.standings[0])
        for at, name in enumerate((*walk.names, END)):
            for context in history.contexts():
                counts[context].add(name, walk.person)
            if name != END:
                history = history.after(name, walk.standings[at + 1], memory)
        for pair, wait in zip(pairwise(walk.names), walk.waits, strict=True):
            waits[pair].append((wait, walk.person))
    steps = ((context, _step(context, counts[context], support)) for context in sorted(counts))
    binned = ((pair, bin_means(waits[pair], support)) for pair in sorted(waits))
    return Chain(
        memory,
        {context: step for context, step in steps if step is not None},
        {pair: found for pair, found in binned if found is not None},
        bin_means((wait for pair in waits.values() for wait in pair), support),
    )


def _step(context: Context, tally: Tally[str], support: int) -> Step | None:
    """What enough persons did next; the rest is left to the shorter context, if there is one."""
    is_last = not context[0]
    found = tally.weights(support) if is_last else tally.weights_and_rest(support)
    if found is None:
        return None
    weights = cast("Weights[str | None]", found)
    rest: set[str | None] = set() if is_last else set(tally.values())
    return Step(weights, frozenset(rest.difference(weights.values)))

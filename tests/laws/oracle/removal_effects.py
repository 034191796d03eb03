"""Removal effects of channels in exact fractions: who is reached with each channel, and without it.

Belongs here: docs/metrics.md, "Removal effect". Not here: what a journey is (`attribution`).
"""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

START, CONVERSION, NOWHERE = "(start)", "(conversion)", "(nowhere)"
Steps = dict[str, dict[str, Fraction]]


def step_probabilities(journeys: list[tuple[list[str], bool]]) -> Steps:
    """State -> next state -> probability."""
    counts: dict[str, Counter[str]] = {}
    for channels, converts in journeys:
        states = [START, *channels, CONVERSION if converts else NOWHERE]
        for state, following in pairwise(states):
            counts.setdefault(state, Counter())[following] += 1
    return {
        state: {following: Fraction(count, sum(to.values())) for following, count in to.items()}
        for state, to in counts.items()
    }


def reached(steps: Steps, removed: str | None = None) -> Fraction:
    """Probability of getting from the start to a conversion, by Gaussian elimination.

    The unknowns are the probabilities from each state; a removed channel's is 0.
    """
    states = [state for state in steps if state != removed]
    rows = [
        [Fraction(int(state == one)) - steps[state].get(one, Fraction(0)) for one in states]
        + [steps[state].get(CONVERSION, Fraction(0))]
        for state in states
    ]
    for place in range(len(rows)):
        pivot = next(row for row in range(place, len(rows)) if rows[row][place])
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for other in range(len(rows)):
            if other != place and rows[other][place]:
                factor = rows[other][place]
                rows[other] = [
                    value - factor * taken
                    for value, taken in zip(rows[other], rows[place], strict=True)
                ]
    return rows[states.index(START)][-1]


def removal_effects(journeys: list[tuple[list[str], bool]]) -> dict[str, Fraction]:
    """Channel -> share of conversions that would not be without it; empty without conversions."""
    steps = step_probabilities(journeys)
    whole = reached(steps)
    if not whole:
        return {}
    return {channel: 1 - reached(steps, channel) / whole for channel in steps if channel != START}

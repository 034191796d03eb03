"""Diagrams of behaviour, in Mermaid, from what sessions did next.

Here: which steps are drawn, and the text of a diagram. Not here: counting the steps (the marts
`behaviour_transitions` and `top_paths`), nor where a diagram is shown. Sessions are read as a
first-order Markov chain, the discovery of process mining by directly-follows graphs (van der Aalst,
Process Mining, 2016, chapter 6).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

START, EXIT = "(start)", "(exit)"
_PLAIN = re.compile(r"[A-Za-z0-9_ .()>…-]")


@dataclass(frozen=True)
class Transition:
    """How often a state was followed by another.

    Attributes:
        state: name of an event, or `(start)`.
        next_state: name of an event, or `(exit)`.
        count: steps in the month.
        probability: share of the steps out of `state`, 0–1.
        median_seconds: between the two; None where one of them is no event.
    """

    state: str
    next_state: str
    count: int
    probability: float
    median_seconds: float | None


def label(text: str) -> str:
    """Text that Mermaid shows as it is: all but plain characters become `#<code point>;`."""
    if text.strip().lower() == "end":  # closes a block, wherever it stands
        return "".join(f"#{ord(character)};" for character in text)
    return "".join(one if _PLAIN.match(one) else f"#{ord(one)};" for one in text)


def state_diagram(
    transitions: Iterable[Transition], *, most_states: int = 15, least_probability: float = 0.05
) -> str:
    """The states that sessions are most often in, and where they go from each.

    Args:
        transitions: those of one month.
        most_states: so many states are drawn, those that are entered most often; names break ties.
        least_probability: steps taken less often are left out.

    Returns:
        A `stateDiagram-v2`.
    """
    steps = _in_order(transitions)
    entered: dict[str, int] = {}
    for step in steps:
        if step.next_state != EXIT:
            entered[step.next_state] = entered.get(step.next_state, 0) + step.count
    drawn = sorted(entered, key=lambda state: (-entered[state], state))[:most_states]
    places = {state: f"s{number}" for number, state in enumerate(drawn, start=1)}
    lines = [f'state "{label(state)}" as {place}' for state, place in places.items()]
    ends = {START: "[*]", EXIT: "[*]"}
    for step in steps:
        left = places.get(step.state) or ends.get(step.state)
        right = places.get(step.next_state) or ends.get(step.next_state)
        if left and right and step.probability >= least_probability:
            lines.append(f"{left} --> {right}: {_percent(step.probability)}{_after(step)}")
    return _text("stateDiagram-v2", lines)


def activity_diagram(transitions: Iterable[Transition], activities: Collection[str]) -> str:
    """A process, such as checkout: its activities, and the decisions after each.

    Args:
        transitions: those of one month.
        activities: names of the events that belong to the process; those that nobody did are not
            drawn.

    Returns:
        A `flowchart`, whose diamonds are decisions. Steps to what lies outside of the process are
        one way out, and sessions that end another.
    """
    inside = [step for step in _in_order(transitions) if step.state in activities]
    done = sorted({step.state for step in inside})
    places = {state: f"a{number}" for number, state in enumerate(done, start=1)}
    entries: dict[str, int] = {}
    ways: dict[tuple[str, str], float] = {}
    for step in _in_order(transitions):
        if step.state not in activities and step.next_state in places:
            entries[step.next_state] = entries.get(step.next_state, 0) + step.count
    for step in inside:
        end = "leave" if step.next_state == EXIT else places.get(step.next_state, "elsewhere")
        key = (places[step.state], end)
        ways[key] = ways.get(key, 0.0) + step.probability
    lines = [f'{place}["{label(state)}"]' for state, place in places.items()]
    lines += ['elsewhere(["goes elsewhere"])', 'leave(["leaves"])', 'begin(["begins"])']
    came = sum(entries.values())
    lines += [
        f'begin -- "{_percent(count / came)}" --> {places[state]}'
        for state, count in sorted(entries.items())
    ]
    lines += [f"{place} --> {place}d{{ }}" for place in places.values()]
    lines += [f'{place}d -- "{_percent(share)}" --> {end}' for (place, end), share in ways.items()]
    return _text("flowchart TD", lines)


def sequence_diagram(path: Sequence[str], transitions: Iterable[Transition]) -> str:
    """A session's way as messages between a visitor and the shop.

    Args:
        path: names of its events in order.
        transitions: those of the month, for how long each step takes.

    Returns:
        A `sequenceDiagram`; between two messages stands the median time of all who took that step.
    """
    seconds: Mapping[tuple[str, str], float | None] = {
        (step.state, step.next_state): step.median_seconds for step in transitions
    }
    lines = ["participant visitor as Visitor", "participant shop as Shop"]
    for number, state in enumerate(path):
        took = seconds.get((path[number - 1], state)) if number else None
        if took is not None:
            lines.append(f"Note over visitor,shop: {_duration(took)}")
        lines.append(f"visitor->>shop: {label(state)}")
    return _text("sequenceDiagram", lines)


def _in_order(transitions: Iterable[Transition]) -> list[Transition]:
    return sorted(transitions, key=lambda step: (step.state, step.next_state))


def _text(kind: str, lines: Iterable[str]) -> str:
    return "\n".join([kind, *(f"    {line}" for line in lines)]) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _after(step: Transition) -> str:
    return "" if step.median_seconds is None else f", {_duration(step.median_seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.0f} h"

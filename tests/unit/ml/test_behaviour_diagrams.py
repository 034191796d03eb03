"""Diagrams of behaviour: read back, they say what the table says."""

import re

import pytest

from ml.behaviour_diagrams import (
    Transition,
    activity_diagram,
    label,
    sequence_diagram,
    state_diagram,
)

VIEW, ADD, PAY, ORDER = "product_viewed", "product_added", "payment_info_entered", "order_completed"
MONTH = [
    Transition("(start)", VIEW, 10, 1.0, None),
    Transition(VIEW, ADD, 6, 0.6, 12.4),
    Transition(VIEW, "(exit)", 4, 0.4, None),
    Transition(ADD, PAY, 5, 5 / 6, 600.0),
    Transition(ADD, "(exit)", 1, 1 / 6, None),
    Transition(PAY, ORDER, 3, 0.6, 30.0),
    Transition(PAY, VIEW, 1, 0.2, 7_300.0),
    Transition(PAY, "(exit)", 1, 0.2, None),
    Transition(ORDER, "(exit)", 3, 1.0, None),
]
HOSTILE = [
    'x"] --> s1\nclick s1 call alert()', "end", "</text><script>", "a;b", "%%{init}%%", "Ünïcode –",
]  # fmt: skip


def read_back(text):
    """The text that Mermaid shows for a label."""
    return re.sub(r"#(\d+);", lambda found: chr(int(found.group(1))), text)


def names_of(diagram):
    """Place -> state of a state diagram."""
    found = re.findall(r'^    state "([^"]*)" as (s\d+)$', diagram, re.MULTILINE)
    return {place: read_back(text) for text, place in found}


def test_a_state_diagram_has_every_state_and_every_step():
    diagram = state_diagram(MONTH)
    states = names_of(diagram)
    assert set(states.values()) == {VIEW, ADD, PAY, ORDER}
    steps = re.findall(r"^    (\S+) --> (\S+): (\d+) %(?:, (\d+ \w+))?$", diagram, re.MULTILINE)
    found = {
        (states.get(left, "(start)"), states.get(right, "(exit)")): (int(share), took)
        for left, right, share, took in steps
    }
    assert found == {
        ("(start)", VIEW): (100, ""), (VIEW, ADD): (60, "12 s"), (VIEW, "(exit)"): (40, ""),
        (ADD, PAY): (83, "10 min"), (ADD, "(exit)"): (17, ""), (PAY, ORDER): (60, "30 s"),
        (PAY, VIEW): (20, "2 h"), (PAY, "(exit)"): (20, ""), (ORDER, "(exit)"): (100, ""),
    }  # fmt: skip


def test_rare_steps_and_states_are_left_out():
    assert "20 %" not in state_diagram(MONTH, least_probability=0.25)
    assert set(names_of(state_diagram(MONTH, most_states=2)).values()) == {VIEW, ADD}


def test_an_activity_diagram_follows_the_process_and_counts_its_ways_out():
    diagram = activity_diagram(MONTH, [PAY, ORDER, "checkout_started"])
    places = dict(re.findall(r'^    (a\d+)\["([^"]*)"\]$', diagram, re.MULTILINE))
    assert set(places.values()) == {PAY, ORDER}
    ways = {
        (places[place], places.get(end, end)): share
        for place, share, end in re.findall(r'(a\d+)d -- "([^"]+)" --> (\w+)', diagram)
    }
    assert ways == {
        (PAY, ORDER): "60 %", (PAY, "elsewhere"): "20 %", (PAY, "leave"): "20 %",
        (ORDER, "leave"): "100 %",
    }  # fmt: skip
    assert re.findall(r'begin -- "100 %" --> (a\d+)', diagram) == [
        place for place, state in places.items() if state == PAY
    ]


def test_a_sequence_diagram_tells_the_path_in_order_and_how_long_it_takes():
    diagram = sequence_diagram([VIEW, ADD, PAY], MONTH)
    told = [line.strip() for line in diagram.splitlines()[3:]]
    assert told == [
        f"visitor->>shop: {VIEW}", "Note over visitor,shop: 12 s", f"visitor->>shop: {ADD}",
        "Note over visitor,shop: 10 min", f"visitor->>shop: {PAY}",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_its_label(name):
    assert read_back(label(name)) == name
    assert not re.search(r'["\n;<%\[\]]', re.sub(r"#\d+;", "", label(name)))
    hostile = [Transition("(start)", name, 1, 1.0, None), Transition(name, "(exit)", 1, 1.0, None)]
    assert set(names_of(state_diagram(hostile)).values()) == {name}
    assert len(state_diagram(hostile).splitlines()) == 4
    assert len(sequence_diagram([name], hostile).splitlines()) == 4

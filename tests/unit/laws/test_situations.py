"""Situations of a history are found where they are told, and nowhere else."""

import pytest

from tests.laws.histories import History, Run
from tests.laws.situations import (
    AGAIN,
    COMBINED,
    FIRST_LAST,
    KILLED_OTHER,
    KILLED_SAME,
    KILLED_TWICE,
    OLDER,
    PARTS,
    RANGE,
    SINGLE,
    situations_of,
)  # fmt: skip
from tests.laws.stories import day, killed, told, view

PLAIN = told((day(11), [view("a", "11 10:00")]), (day(12), [view("b", "12 10:00")]))


def test_days_in_order_are_single_days_and_nothing_else():
    assert situations_of(PLAIN) == {SINGLE}


def test_all_days_in_one_run_are_a_range():
    whole = Run((day(11), day(12)), {day(11): 1, day(12): 1})
    assert situations_of(History(PLAIN.seals, (whole,))) == {RANGE}


@pytest.mark.parametrize(
    ("steps", "situation"),
    [
        ([(day(11), [view("a", "11 10:00")]), (day(11), [view("b", "11 11:00")])], PARTS),
        ([(day(11), [view("a", "11 10:00")]), (day(11), [])], AGAIN),
        ([(day(12), [view("b", "12 10:00")]), (day(11), [view("a", "11 10:00")])], OLDER),
    ],
)
def test_what_happens_to_days_is_found(steps, situation):
    assert situations_of(told(*steps)) == {SINGLE, situation}


def test_a_first_arrival_that_is_loaded_last_is_found():
    copy = [view("e", "11 10:00")]
    assert situations_of(told((day(12), copy), (day(11), copy))) == {SINGLE, OLDER, FIRST_LAST}
    # In order of arrival, the first is loaded first.
    assert situations_of(told((day(11), copy), (day(12), copy))) == {SINGLE}


def test_what_comes_after_a_kill_is_found():
    assert situations_of(killed(PLAIN, 0, 0.5)) == {SINGLE, KILLED_SAME}
    one, other = PLAIN.plan
    dead = Run(one.days, one.visible, 0.5)
    assert situations_of(History(PLAIN.seals, (dead, other))) == {SINGLE, KILLED_OTHER}
    twice = History(PLAIN.seals, (dead, dead, one, other))
    assert situations_of(twice) == {SINGLE, KILLED_SAME, KILLED_TWICE}


def test_a_day_that_a_killed_run_left_is_not_run_again_for_nothing():
    dead = Run((day(11),), {day(11): 1}, 0.5)
    later = Run((day(11), day(12)), {day(11): 1, day(12): 1})
    assert situations_of(History(PLAIN.seals, (dead, later))) == {SINGLE, RANGE, KILLED_OTHER}


def test_five_at_once_with_a_kill_are_a_combination():
    copy = [view("e", "11 10:00")]
    history = told((day(12), copy), (day(11), copy), (day(11), [view("f", "11 11:00")]))
    assert COMBINED not in situations_of(history)
    assert situations_of(killed(history, 1, 0.5)) == {
        SINGLE, OLDER, FIRST_LAST, PARTS, KILLED_SAME, COMBINED,
    }  # fmt: skip

"""Shifts of a column: by hand, what chance does, what is to be acted on."""

import numpy as np
import pytest

from ml.drift import ACT, Shift, column_shifts, population_stability, say


def test_index_by_hand() -> None:
    # Below 1, 1, 2, above 2: 50 and 50 before, 20 and 80 now, half a row more in each of the four.
    before, now = np.repeat([1.0, 2.0], 50), np.repeat([1.0, 2.0], [20, 80])
    p, q = np.array([0.5, 50.5, 50.5, 0.5]) / 102, np.array([0.5, 20.5, 80.5, 0.5]) / 102
    found = population_stability("x", before, now, groups=2)
    assert found.index == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert found.is_beyond
    # A chi-squared of three degrees of freedom goes beyond 16.266 once in 1,000.
    assert found.bar == pytest.approx(max(ACT, 16.2662 * (1 / 100 + 1 / 100)), abs=1e-5)


def test_the_bar_holds_what_chance_does() -> None:
    rng = np.random.default_rng(0)
    shifts = [
        population_stability("x", rng.normal(size=60), rng.normal(size=60)) for _ in range(1000)
    ]
    # Groups hold whole rows, so that it is no more than about 1 in 1,000.
    assert np.mean([one.is_beyond for one in shifts]) < 0.005
    # Without the bar for small samples it would be told of every second.
    assert np.mean([one.index > ACT for one in shifts]) > 0.3


@pytest.mark.parametrize("moved", [lambda x: x + 1, lambda x: 3 * x, lambda x: np.abs(x)])
def test_a_shift_a_spread_and_a_fold_are_found(moved) -> None:
    rng = np.random.default_rng(1)
    before, now = rng.normal(size=5000), rng.normal(size=500)
    assert population_stability("x", before, moved(now)).is_beyond
    assert not population_stability("x", before, now).is_beyond


def test_a_constant_column_and_what_was_never_seen() -> None:
    constant = np.ones(1000)
    assert population_stability("x", constant, constant).index == pytest.approx(0)
    assert population_stability("x", constant, np.full(1000, 5.0)).is_beyond
    assert population_stability("x", constant, np.zeros(1000)).is_beyond
    with pytest.raises(ValueError, match="x: nothing to compare"):
        population_stability("x", constant, np.zeros(0))


def test_columns_are_compared_each_by_itself_and_named_by_distance() -> None:
    rng = np.random.default_rng(2)
    before, now = rng.normal(size=(900, 3)), rng.normal([0, 1, 3], size=(900, 3))
    shifts = column_shifts(["still", "near", "far"], before, now)
    assert [one.is_beyond for one in shifts] == [False, True, True]
    said = say(shifts)
    assert said.index("far (PSI") < said.index("near (PSI")
    assert "still" not in said
    assert say([Shift("x", 0.2, 0.25)]) == ""

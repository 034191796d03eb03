"""The change of a ratio in its parts: by hand, what adds up, and what must be nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.ratio_decomposition import against_others, decompose_ratio

# A thousandth at least: a ratio of what is next to nothing overflows.
COUNTS = st.just(0.0) | st.floats(1e-3, 1e6)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Numerators and denominators of some values, before and after; some have none."""
    k = draw(st.integers(1, 6))
    numerators = draw(arrays(float, (k, 2), elements=COUNTS))
    denominators = draw(arrays(float, (k, 2), elements=COUNTS))
    denominators[draw(st.integers(0, k - 1))] += 1
    return numerators, denominators


def close(one: float, other: float, size: float) -> bool:
    return abs(one - other) <= 1e-9 * max(1.0, size)


@given(tables())
def test_all_parts_add_up_to_the_change(table: tuple[np.ndarray, np.ndarray]) -> None:
    numerators, denominators = table
    found = decompose_ratio(numerators, denominators)
    # In full, from the definition: both whole ratios.
    before, after = numerators.sum(axis=0) / denominators.sum(axis=0)
    size = abs(found.ratios).max() + abs(before) + abs(after)
    assert close(found.mix.sum() + found.rate.sum(), after - before, size)
    assert (found.before, found.after) == (before, after)
    assert found.shares.sum(axis=0) == pytest.approx(1)


@given(tables(), st.data())
def test_a_pure_change_of_shares_has_no_rate_effect(
    table: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    _, denominators = table
    ratios = data.draw(arrays(float, len(denominators), elements=st.floats(0, 1e3)))
    found = decompose_ratio(ratios[:, None] * denominators, denominators)
    assert abs(found.rate).max() <= 1e-9 * max(1.0, ratios.max())


@given(tables(), st.floats(0.01, 100))
def test_a_pure_change_of_ratios_has_no_mix_effect(
    table: tuple[np.ndarray, np.ndarray], grown: float
) -> None:
    numerators, denominators = table
    one = denominators[:, :1] + 1
    found = decompose_ratio(numerators, np.hstack([one, one * grown]))
    assert abs(found.mix).max() <= 1e-9 * max(1.0, abs(found.ratios).max())


@given(tables())
def test_backwards_the_parts_change_their_sign(table: tuple[np.ndarray, np.ndarray]) -> None:
    forth = decompose_ratio(*table)
    back = decompose_ratio(*(one[:, ::-1] for one in table))
    size = 1e-9 * max(1.0, abs(forth.ratios).max(), abs(forth.rate).max())
    assert back.mix == pytest.approx(-forth.mix, abs=size)
    assert back.rate == pytest.approx(-forth.rate, abs=size)


def test_by_hand() -> None:
    """A: 3 of 10, then 8 of 40; B: 9 of 90, then 6 of 60."""
    found = decompose_ratio(
        np.array([[3.0, 8.0], [9.0, 6.0]]), np.array([[10.0, 40.0], [90.0, 60.0]])
    )
    # .12 becomes .14, .13 in the mean. A: share .1 to .4, ratio .3 to .2; B: .9 to .6, both .1.
    assert (found.before, found.after) == pytest.approx((0.12, 0.14))
    assert found.mix == pytest.approx([0.3 * (0.25 - 0.13), -0.3 * (0.1 - 0.13)])
    assert found.rate == pytest.approx([0.25 * -0.1, 0.0])


def test_values_that_come_and_go_do_so_by_their_share() -> None:
    """B (a ratio of .1) goes, C (of .5) comes, A stays at .2; nothing changed within any."""
    found = decompose_ratio(
        np.array([[10.0, 10.0], [5.0, 0.0], [0.0, 25.0]]),
        np.array([[50.0, 50.0], [50.0, 0.0], [0.0, 50.0]]),
    )
    assert found.rate == pytest.approx([0, 0, 0])
    # .15 becomes .35, .25 in the mean: B -.5 (.1 - .25), C +.5 (.5 - .25).
    assert found.mix == pytest.approx([0, 0.075, 0.125])


def test_a_value_without_any_denominator_does_nothing_or_counts_as_rate() -> None:
    denominators = np.array([[100.0, 100.0], [0.0, 0.0]])
    nothing = decompose_ratio(np.array([[10.0, 20.0], [0.0, 0.0]]), denominators)
    assert nothing.rate == pytest.approx([0.1, 0])
    assert nothing.mix.tolist() == [0, 0]
    # Buyers without a visit: 3 of 100 more.
    stray = decompose_ratio(np.array([[10.0, 10.0], [0.0, 3.0]]), denominators)
    assert stray.rate == pytest.approx([0, 0.03])


def test_a_value_that_gains_from_all_alike_is_the_whole_mix_effect() -> None:
    """A of .1 goes from .2 to .6; B of .2 and C of .4 stay as one to three."""
    numerators = np.array([[2.0, 6.0], [4.0, 2.0], [24.0, 12.0]])
    denominators = np.array([[20.0, 60.0], [20.0, 10.0], [60.0, 30.0]])
    # The others' ratio is .35: .4 (.1 - .35).
    found = against_others(numerators, denominators, 0)
    assert found.mix.sum() == pytest.approx(-0.1)
    assert found.ratios == pytest.approx(np.array([[0.1, 0.1], [0.35, 0.35]]))
    assert decompose_ratio(numerators, denominators).mix.sum() == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("numerators", "denominators", "what"),
    [
        ([[1.0, 1.0]], [[1.0, 0.0]], "all 0"),
        ([[1.0, 1.0]], [[1.0, -1.0]], "negative"),
        ([[1.0, float("nan")]], [[1.0, 1.0]], "finite"),
        ([[1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], "not"),
        ([[1.0]], [[1.0]], "not"),
    ],
)
def test_what_is_no_ratio_is_refused(
    numerators: list[list[float]], denominators: list[list[float]], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        decompose_ratio(np.array(numerators), np.array(denominators))

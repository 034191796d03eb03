"""When sessions begin and whose they are, from processes that are known."""

import random
from collections import Counter
from datetime import date

import numpy as np

from ml.simulation.log_visits import Calendar, Crowd, Returns, fit_calendar, fit_returns
from ml.simulation.semi_markov import Weights, weigh
from ml.simulation.settings import DAY, HOUR, MINUTE

MONDAY = date(2026, 3, 2)
DAYS = 20
DAILY = 0.2


def regulars(seed: int) -> list[tuple[int, int, bool]]:
    """Two thousand persons who come each day with the same chance, since long before the log."""
    rng = np.random.default_rng(seed)
    return [
        (person, int(day) * DAY + 9 * HOUR, False)
        for person in range(2_000)
        for day in np.flatnonzero(rng.random(DAYS) < DAILY)
    ]


def test_returns_are_told_although_the_log_begins_in_the_midst() -> None:
    visits = regulars(seed=5)
    found = fit_returns(visits, DAYS, support=5)
    # The day of the visit before is geometric: P(d) = .2 * .8^(d - 1).
    for gap in range(1, 8):
        share = found.days.share((0, 1) if gap == 1 else (gap, gap))
        assert abs(share - DAILY * (1 - DAILY) ** (gap - 1)) < 0.02
    # Never within 20 days: .8^19 = .014. Control: a quarter are first in this log.
    assert found.days.share(None) < 0.04
    first = len({person for person, *_ in visits}) / len(visits)
    assert first > 0.2


def test_who_came_often_comes_back_sooner() -> None:
    rng = np.random.default_rng(3)
    visits = [
        (person, int(day) * DAY, False)
        for person in range(1_000)
        for day in np.flatnonzero(rng.random(DAYS) < (0.02 if person % 2 else 0.4))
    ]
    loyalty = fit_returns(visits, DAYS, support=5).loyalty
    assert loyalty[0] < loyalty[1] < loyalty[2]
    alike = fit_returns(regulars(seed=1), DAYS, support=5).loyalty
    # Control: persons who are alike come back alike, a fifth of them on each of the days that are
    # waited for; some 1,700 visits of a fourth level, a standard error of .006.
    assert all(abs(rate - DAILY) < 0.02 for rate in alike[:4])


def test_a_cart_brings_back_by_the_next_day() -> None:
    rng = random.Random(4)
    visits = []
    for person in range(4_000):
        has_cart = person % 2 == 0
        visits.append((person, 0, has_cart))
        if rng.random() < (0.3 if has_cart else 0.1):
            visits.append((person, DAY, False))
    assert abs(fit_returns(visits, 2, support=5).pull - 3.0) < 0.6
    # Control: where nobody has a cart there is none to compare with.
    without = [(person, moment, False) for person, moment, _ in visits]
    assert fit_returns(without, 2, support=5).pull == 1.0


def test_sessions_have_the_level_of_their_weekday_and_the_hours_of_the_log() -> None:
    rng = np.random.default_rng(2)
    starts = []
    for day in range(28):
        mean = 80 if day % 7 < 5 else 20
        for hour in rng.choice([8, 20], size=rng.poisson(mean), p=[0.25, 0.75]):
            starts.append(day * DAY + int(hour) * HOUR + int(rng.random() * HOUR))
    calendar = fit_calendar(starts, MONDAY, 28, support=5)
    # Four days each, a standard error of 4.5 and 2.2.
    assert all(abs(mean - 80) < 14 for mean in calendar.means[:5])
    assert all(abs(mean - 20) < 7 for mean in calendar.means[5:])
    assert calendar.spread < 0.02

    drawn = random.Random(9)
    moments = [calendar.draw(drawn, weekday=1) for _ in range(200)]
    assert abs(np.mean([len(some) for some in moments]) - calendar.means[1]) < 3
    hours = Counter(moment // HOUR for some in moments for moment in some)
    assert set(hours) == {8, 20}
    assert abs(hours[20] / hours.total() - calendar.hours[1].share(20)) < 0.02
    assert all(some == sorted(some) for some in moments)


def test_days_that_vary_more_than_chance_are_drawn_so() -> None:
    rng = np.random.default_rng(7)
    counts = rng.poisson(rng.gamma(4, 100 / 4, size=140))
    starts = [day * DAY + int(at) for day, n in enumerate(counts) for at in rng.integers(0, DAY, n)]
    calendar = fit_calendar(starts, MONDAY, 140, support=5)
    # A gamma of shape 4 has the squared coefficient of variation of a quarter.
    assert abs(calendar.spread - 0.25) < 0.1
    drawn = random.Random(3)
    numbers = [len(calendar.draw(drawn, 0)) for _ in range(400)]
    assert np.std(numbers) > 3 * np.mean(numbers) ** 0.5


def test_a_log_of_a_day_has_a_week() -> None:
    calendar = fit_calendar([9 * HOUR] * 30, MONDAY, 1, support=5)
    assert calendar.means == (30.0,) * 7
    assert isinstance(calendar, Calendar)
    assert calendar.hours[3].values == (9,)


def test_nobody_comes_back_while_the_session_may_go_on() -> None:
    crowd: Crowd[str] = Crowd(Returns(Weights((None,), (1.0,)), (1.0,)))
    crowd.leave("ada", 1, 0, 10 * MINUTE, has_cart=False)
    rng = random.Random(1)
    assert crowd.take(rng, 40 * MINUTE, 0) is None
    assert crowd.take(rng, 41 * MINUTE, 1) is None
    assert crowd.take(rng, 40 * MINUTE + 1, 0) == "ada"
    # Who was taken has gone.
    assert crowd.take(rng, 50 * MINUTE, 0) is None


def test_visitors_are_taken_by_loyalty_and_cart() -> None:
    taken: Counter[str] = Counter()
    for seed in range(600):
        crowd: Crowd[str] = Crowd(Returns(weigh([(None, 1.0)]), (0.1, 0.3), pull=5.0))
        crowd.leave("once", 1, 0, 0, has_cart=False)
        crowd.leave("often", 7, 0, 0, has_cart=False)
        crowd.leave("cart", 1, 0, 0, has_cart=True)
        taken[str(crowd.take(random.Random(seed), DAY, 1))] += 1
        later = crowd.take(random.Random(seed), 2 * DAY, 2)
        taken[f"{later} later"] += 1
    # .1 : .3 : .5 on the next day.
    assert abs(taken["once"] / 600 - 1 / 9) < 0.05
    assert abs(taken["often"] / 600 - 3 / 9) < 0.07
    assert abs(taken["cart"] / 600 - 5 / 9) < 0.07

"""The chain finds again what made the sequences, and keeps what few did to itself."""

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from ml.simulation.semi_markov import (
    END,
    START,
    Chain,
    History,
    Step,
    Walk,
    Weights,
    bin_means,
    fit_chain,
    weigh,
)

# A known semi-Markov process: what comes next, and the mean of an exponential waiting time, ms.
STEPS = {
    START: {"home": 0.7, "product": 0.3},
    "home": {"product": 0.6, "home": 0.1, END: 0.3},
    "product": {"cart": 0.25, "product": 0.35, "home": 0.1, END: 0.3},
    "cart": {"order": 0.5, "product": 0.2, END: 0.3},
    "order": {END: 1.0},
}
WAITS = {"home": 8_000, "product": 20_000, "cart": 45_000, "order": 60_000}
WALKS = 4_000
# In standard errors: one of some thirty figures is beyond it in less than one case of 100.
TOLERANCE = 3.6


def walks_of(seed: int, number: int = WALKS) -> list[Walk]:
    """Walks of the process; the waiting time is that of the next name."""
    rng = np.random.default_rng(seed)
    walks = []
    for person in range(number):
        names: list[str] = []
        while not names or names[-1] != END:
            following = STEPS[names[-1] if names else START]
            names.append(str(rng.choice(list(following), p=list(following.values()))))
        names.pop()
        waits = [int(rng.exponential(WAITS[name])) for name in names[1:]]
        walks.append(walk(person, *names, waits=waits))
    return walks


def walk(person: int, *names: str, waits: list[int] | None = None) -> Walk:
    """A walk in one standing."""
    between = [1_000] * (len(names) - 1) if waits is None else waits
    return Walk(person, names, ["there"] * (len(names) + 1), between)


def errors(chain: Chain, walks: list[Walk]) -> dict[tuple[str, str], float]:
    """How far each probability and each mean wait is from the truth, in standard errors."""
    times = Counter(pair for one in walks for pair in pairwise((START, *one.names, END)))
    visits = Counter(name for one in walks for name in (START, *one.names))
    found = {}
    for name, following in STEPS.items():
        weights = chain.steps["there", 0, (name,)].weights
        for then, share in following.items():
            error = (share * (1 - share) / visits[name]) ** 0.5
            found[name, then] = abs(weights.share(then) - share) / (error or 1.0)
            if then != END and name != START:
                mean = mean_of(chain.waits[name, then])
                # The standard deviation of an exponential time is its mean.
                error = WAITS[then] / times[name, then] ** 0.5
                found[f"wait {name}", then] = abs(mean - WAITS[then]) / error
    return found


def mean_of(weights: Weights[float]) -> float:
    return sum(value * weights.share(value) for value in weights.values)


def draw(chain: Chain, seed: int, number: int) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        history, names = History("there"), []
        while (name := chain.following(rng, history)) != END:
            names.append(name)
            history = history.after(name, "there", chain.memory)
        found.append(tuple(names))
    return found


def test_the_parameters_of_a_known_process_are_found_again() -> None:
    walks = walks_of(seed=4)
    assert max(errors(fit_chain(walks, memory=1), walks).values()) < TOLERANCE

    # Control: the same events in another order have other parameters.
    rng = random.Random(1)
    mixed = [one._replace(names=rng.sample(one.names, len(one.names))) for one in walks]
    chain = fit_chain(mixed, memory=1, support=1)
    assert max(errors(chain, walks).values()) > 10 * TOLERANCE


def test_a_chain_fitted_to_what_a_chain_drew_is_the_same() -> None:
    chain = fit_chain(walks_of(seed=4), memory=1)
    drawn = [walk(person, *names) for person, names in enumerate(draw(chain, 8, WALKS))]
    again = fit_chain(drawn, memory=1)
    for name, following in STEPS.items():
        context = ("there", 0, (name,))
        for then in following:
            # Some 900 visits of the rarest name: a standard error of at most .017, twice.
            difference = again.steps[context].weights.share(then) - chain.steps[
                context
            ].weights.share(then)
            assert abs(difference) < 0.07


@pytest.mark.parametrize(("memory", "is_found"), [(1, False), (2, True)])
def test_what_depends_on_the_name_before_the_last_takes_a_memory_of_two(
    memory: int, is_found: bool
) -> None:
    walks = [walk(person, "mail", "page", "order") for person in range(50)]
    walks += [walk(50 + person, "search", "page", "list") for person in range(50)]
    drawn = set(draw(fit_chain(walks, memory=memory), 3, 400))
    only_seen = drawn == {("mail", "page", "order"), ("search", "page", "list")}
    assert only_seen is is_found


def test_a_slate_of_four_stays_one_of_four() -> None:
    slate = ("page", *["shown"] * 4, "click")
    walks = [walk(person, *slate) for person in range(20)]
    assert set(draw(fit_chain(walks), 5, 50)) == {slate}


def test_what_is_done_depends_on_the_standing() -> None:
    walks = [Walk(person, ("page", "order"), ("cart", "cart", ""), [5]) for person in range(10)] + [
        Walk(10 + person, ("page",), ("none", "none"), []) for person in range(10)
    ]
    chain = fit_chain(walks)
    rng = random.Random(1)
    after = {
        standing: {
            chain.following(rng, History(standing).after("page", standing, 3)) for _ in range(50)
        }
        for standing in ("cart", "none")
    }
    assert after == {"cart": {"order"}, "none": {END}}


def test_what_fewer_persons_than_the_support_did_is_not_done() -> None:
    often = [walk(person, "page") for person in range(40)]
    four = [walk(100 + k % 4, "page", "secret") for k in range(40)]
    four.sort(key=lambda one: one.person)
    drawn = Counter(draw(fit_chain(often + four), 6, 300))
    assert set(drawn) == {("page",)}
    # Control: with a lower bar, or one person more, it is.
    assert ("page", "secret") in set(draw(fit_chain(often + four, support=4), 6, 300))
    five = [*four, walk(104, "page", "secret")]
    assert ("page", "secret") in set(draw(fit_chain(often + five), 6, 300))


def rare() -> list[Walk]:
    """After mail and page 3 of 53 end in a list; after page in general 50, and 500 in a search."""
    walks = [walk(person, "mail", "page", "order") for person in range(50)]
    walks += [walk(60 + person, "mail", "page", "list") for person in range(3)]
    walks += [walk(70 + person, "home", "page", "list") for person in range(50)]
    return walks + [walk(200 + person, "home", "page", "search") for person in range(500)]


def after_mail(chain: Chain) -> Counter[str]:
    rng = random.Random(2)
    history = History("there").after("mail", "there", 3).after("page", "there", 3)
    return Counter(chain.following(rng, history) for _ in range(8_000))


def test_a_rare_step_keeps_its_share_and_lends_it_to_no_other() -> None:
    chain = fit_chain(rare())
    found = after_mail(chain)
    assert set(found) == {"order", "list"}
    # 3 / 53, and a standard error of .0026.
    assert abs(found["list"] / 8_000 - 3 / 53) < 0.0105

    # Control: where the rest may be anything that is not kept, the share goes to the search.
    everything = frozenset({"order", "list", "search"})
    loose = {
        context: Step(step.weights, everything if step.rest else step.rest)
        for context, step in chain.steps.items()
    }
    found = after_mail(Chain(chain.memory, loose, chain.waits, chain.any_wait))
    assert found["search"] > 5 * found["list"] > 0


def test_the_order_of_persons_changes_nothing() -> None:
    walks = walks_of(seed=2, number=300)
    other = [one._replace(person=299 - one.person) for one in reversed(walks)]
    assert fit_chain(walks) == fit_chain(other)
    assert fit_chain(walks) != fit_chain(walks[1:])


def test_bins_keep_the_mean_and_are_of_enough_persons_each() -> None:
    values = [(float(v**2), v) for v in range(103)]
    found = bin_means(values, support=5)
    assert found is not None
    # Twenty bins of five, of which the last one has the three that are left over.
    assert len(found.values) == 20
    assert found.values[0] == np.mean([0, 1, 4, 9, 16])
    assert found.share(found.values[-1]) == pytest.approx(8 / 103)
    assert mean_of(found) == pytest.approx(np.mean([value for value, _ in values]))
    assert bin_means(values[:4], support=5) is None


def test_a_bin_is_never_of_one_person() -> None:
    mine = [(float(50 + v), 7) for v in range(40)]
    found = bin_means([*mine, *((float(v), v) for v in range(10))], support=5)
    assert found is not None
    assert found.values == (2.0, np.mean([*range(5, 10), *range(50, 90)]))
    assert bin_means(mine, support=5) is None


def test_who_is_who_does_not_matter_where_numbers_are_equal() -> None:
    # One has twenty of the equal ones, ten others have one each.
    values = [(10.0, max(0, v - 19)) for v in range(30)] + [(20.0, v) for v in range(30)]
    other = [(value, 29 - person) for value, person in values]
    assert bin_means(values, support=3) == bin_means(other, support=3)


@pytest.mark.parametrize(("memory", "support"), [(0, 5), (3, 0)])
def test_a_memory_or_a_support_of_nothing_is_an_error(memory: int, support: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fit_chain([walk(1, "page")], memory, support)
    with pytest.raises(ValueError, match="nothing can be drawn"):
        weigh([("page", 0.0)])

"""What is popular with those who are like a person: popularity of a segment, shrunk to that of all.

Here: the rankings of segments, and of whom each place mostly speaks. Not here: who is in a segment
(segments.py), whether segments are served (recommender_validation.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.interactions import Weighting, encode_sorted
from ml.popularity import PopularityRanking, sum_by_code, undecayed
from ml.segments import EVERYBODY, Segment

# What one person did is no popularity, and would tell of that person.
_NAMED_BY = 2


@dataclass(frozen=True)
class SegmentRanking:
    """Products in a segment, most popular first.

    Attributes:
        ranking: all products of the ranking of everybody; a score is what everybody would do in the
            recent days if all were like the segment.
        chain: segments from everybody to the narrowest that is large enough.
        named: (n,) place in `chain` of the segment that most of each score comes from.
    """

    ranking: PopularityRanking
    chain: tuple[Segment, ...]
    named: npt.NDArray[np.int64]

    @classmethod
    def of_everybody(cls, ranking: PopularityRanking) -> SegmentRanking:
        """What all are served of whom nothing is known."""
        return cls(ranking, (EVERYBODY,), np.zeros(len(ranking.product_ids), dtype=np.int64))


@dataclass(frozen=True)
class SegmentPrior:
    """How far a segment is believed.

    Attributes:
        persons: what the broader segment says counts for so many average persons, > 0.
        min_persons: a segment in which fewer did anything is left out.
    """

    persons: float = 20.0
    min_persons: int = 5

    def __post_init__(self) -> None:
        """Refuse a prior that makes no sense."""
        if not (self.persons > 0 and np.isfinite(self.persons)):
            raise ValueError(f"persons of the prior must be a positive number, not {self.persons}")


def rank_segments(
    interactions: pa.Table,
    as_of: date,
    everybody: PopularityRanking,
    segment_of: Mapping[str, Segment],
    wanted: Iterable[Segment],
    weighting: Weighting,
    recent_days: int,
    prior: SegmentPrior,
) -> dict[Segment, SegmentRanking]:
    """Rank the products of segments by the worth of their recent interactions, shrunk.

    The share of product i in segment s within the broader one b is

        q_s(i) = (worth_s(i) + m q_b(i)) / (worth_s + m),   m = prior.persons x mean worth a person,

    from everybody, whose share is the plain one, to the segment: the posterior mean of a Dirichlet
    prior whose mean is the broader segment. Products without a recent interaction follow as they
    do for everybody.

    Args:
        interactions: columns of INTERACTIONS_SCHEMA.
        as_of: the last day counted.
        everybody: the ranking of all on that day.
        segment_of: person -> segment; who is not in it counts with everybody alone.
        wanted: segments to rank.
        weighting: worth of each type; its half-life is not used.
        recent_days: the window of popularity.
        prior: how far a segment is believed.

    Returns:
        A ranking a wanted segment; ties are in order of ids.

    Raises:
        ValueError: see `clean_interactions`.

    Source: Gelman et al. (2013), Bayesian Data Analysis, 3.4 and 5: conjugate shrinkage.
    """
    segments = sorted(set(wanted))
    if segments in ([], [EVERYBODY]):
        return {one: SegmentRanking.of_everybody(everybody) for one in segments}
    counts = _Counts.of(interactions, as_of, everybody, weighting, recent_days)
    own = [segment_of.get(person, EVERYBODY) for person in counts.persons]
    return {
        segment: _shrunk(counts, everybody, _large_chain(counts, own, segment, prior), prior)
        for segment in segments
    }


@dataclass(frozen=True)
class _Counts:
    """Recent interactions by place of the product in the ranking of everybody.

    Attributes:
        persons: those who did anything.
        person: (n_cells,) index into them.
        product: (n_cells,) place of the product.
        worth: (n_cells,) what the person did with it.
        n_products: places of the ranking with a recent interaction; these come first.
    """

    persons: tuple[str, ...]
    person: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]
    worth: npt.NDArray[np.float64]
    n_products: int

    @classmethod
    def of(
        cls,
        interactions: pa.Table,
        as_of: date,
        everybody: PopularityRanking,
        weighting: Weighting,
        recent_days: int,
    ) -> _Counts:
        table, worth, age = undecayed(interactions, as_of, weighting)
        is_recent = (age < recent_days) & (worth > 0)
        table, worth = table.filter(pa.array(is_recent)), worth[is_recent]
        persons, person = encode_sorted(table["person_id"])
        products, product = encode_sorted(table["product_id"])
        place = {one: i for i, one in enumerate(everybody.product_ids)}
        places = np.array([place[one] for one in products], dtype=np.int64)
        width = max(len(everybody.product_ids), 1)
        cells, code = np.unique(person * width + places[product], return_inverse=True)
        return cls(
            persons,
            cells // width,
            cells % width,
            sum_by_code(code, worth, len(cells)),
            len(products),
        )

    def within(self, is_member: npt.NDArray[np.bool_]) -> tuple[Any, Any]:
        """Worth and number of persons of each product, of some persons."""
        mine = is_member[self.person]
        products = self.product[mine]
        worth = sum_by_code(products, self.worth[mine], self.n_products)
        return worth, np.bincount(products, minlength=self.n_products)


@dataclass(frozen=True)
class _Link:
    """A segment of a chain, and who of those who did anything is in it."""

    segment: Segment
    is_member: npt.NDArray[np.bool_]


def _large_chain(
    counts: _Counts, own: list[Segment], segment: Segment, prior: SegmentPrior
) -> list[_Link]:
    """From everybody to the narrowest segment in which enough persons did anything."""
    chain = [_Link(EVERYBODY, np.ones(len(own), dtype=bool))]
    for one in segment.chain()[1:]:
        is_member = np.array([one.holds(other) for other in own], dtype=bool)
        if int(is_member.sum()) >= prior.min_persons:
            chain.append(_Link(one, is_member))
    return chain


def _shrunk(
    counts: _Counts, everybody: PopularityRanking, chain: list[_Link], prior: SegmentPrior
) -> SegmentRanking:
    if len(chain) == 1:
        return SegmentRanking.of_everybody(everybody)
    n, total = counts.n_products, everybody.scores[: counts.n_products].sum()
    order = np.arange(len(everybody.product_ids))
    scores = everybody.scores.copy()
    named = np.zeros(len(order), dtype=np.int64)
    strength = prior.persons * total / len(counts.persons)
    # What each segment of the chain adds to a product's share; they add up to it.
    parts = np.zeros((len(chain), n))
    parts[0] = everybody.scores[:n] / total
    speaks = np.ones((len(chain), n), dtype=bool)
    for level, link in enumerate(chain[1:], start=1):
        worth, persons = counts.within(link.is_member)
        parts[:level] *= strength / (worth.sum() + strength)
        parts[level] = worth / (worth.sum() + strength)
        speaks[level] = persons >= _NAMED_BY
    scores[:n] = np.round(parts.sum(axis=0) * total, 6)
    # Of equal parts the broader.
    named[:n] = np.where(speaks, np.round(parts, 9), -1).argmax(axis=0)
    by_id = np.argsort(np.array(everybody.product_ids[:n], dtype=object), kind="stable")
    rank_of_id = np.empty(n, dtype=np.int64)
    rank_of_id[by_id] = np.arange(n)
    order[:n] = np.lexsort((rank_of_id, -scores[:n]))
    ids = tuple(everybody.product_ids[i] for i in order.tolist())
    ranking = PopularityRanking(ids, scores[order], everybody.days[order])
    return SegmentRanking(ranking, tuple(link.segment for link in chain), named[order])

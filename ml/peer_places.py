"""Which places does a person reach for, and which do the people who work alike?

A place is where files lie: a folder, a share. Peers are found in the accesses themselves, by a walk
from the person's places to whoever uses them and on to the places of these (a random walk on the
graph of persons and places; Cooper et al., 2014, Random Walks in Recommender Systems, two steps
further). Here: how much more surprising a place is for the person than for anybody. Not here: what
that says of a day.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ml.interactions import encode_sorted

# Of a person with a long past: half by the own past, nearly all of the rest by peers. What neither
# knows is then 100 times less likely than for anybody: 4.6 nats.
_OWN, _PEERS = 0.5, 0.49
# Accesses after which a person's own past has half its weight.
_HALF_KNOWN = 5.0
_BLOCK = 512

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def excess_surprisal(
    days: IntArray, person: IntArray, place: Any, teaches: BoolArray, wanted: BoolArray
) -> FloatArray:
    """How much more surprising a place is for a person than for anybody, by the days before.

    ln(share of everybody's accesses / share expected of the person), not below 0. A place that
    nobody has used before is no stranger for one than for another: 0.

    Args:
        days: (n,) day of each access, ascending.
        person: (n,) code of the person.
        place: (n,) text; null is no place, 0.
        teaches: (n,) whether an access counts for later days.
        wanted: (n,) which accesses are asked for; the others stay 0.

    Returns:
        (n,) nats.
    """
    given = place.is_valid().to_numpy(zero_copy_only=False).astype(bool)
    names, code = encode_sorted(place.fill_null(""))
    shape = (int(person.max()) + 1 if len(person) else 0, len(names))
    excess = np.zeros(len(days))
    known = sparse.csr_matrix(shape, dtype=np.float64)
    seen = 0
    for day in np.unique(days[wanted & given]):
        first, last = np.searchsorted(days, [day, day + 1])
        new = np.flatnonzero((teaches & given)[seen:first]) + seen
        added = sparse.csr_matrix((np.ones(len(new)), (person[new], code[new])), shape=shape)
        known, seen = (known + added).tocsr(), int(first)
        rows = np.flatnonzero((wanted & given)[first:last]) + first
        excess[rows] = _excess(known, person[rows], code[rows])
    return excess


def _excess(known: sparse.csr_matrix, person: IntArray, place: IntArray) -> FloatArray:
    everybody = np.asarray(known.sum(axis=0)).ravel()
    total = everybody.sum()
    if not total:
        return np.zeros(len(person))
    of_person = np.asarray(known.sum(axis=1)).ravel()
    shares = sparse.diags(1 / np.maximum(of_person, 1)) @ known
    users = (known @ sparse.diags(1 / np.maximum(everybody, 1))).T.tocsr()
    own, peers = np.empty(len(person)), np.empty(len(person))
    who, row = np.unique(person, return_inverse=True)
    for start in range(0, len(who), _BLOCK):
        block = who[start : start + _BLOCK]
        inside = np.flatnonzero((row >= start) & (row < start + _BLOCK))
        at = (row[inside] - start, place[inside])
        of_block = shares[block]
        own[inside] = np.asarray(of_block[at]).ravel()
        peers[inside] = np.asarray((of_block @ users @ shares).tocsr()[at]).ravel()
    anybody = everybody[place] / total
    known_well = of_person[person] / (of_person[person] + _HALF_KNOWN)
    expected = known_well * (_OWN * own + _PEERS * peers)
    expected += (1 - known_well * (_OWN + _PEERS)) * anybody
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.log(anybody / expected)
    return np.where(anybody > 0, np.maximum(excess, 0.0), 0.0)

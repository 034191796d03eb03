"""How good a ranked list is: recall, NDCG, MAP at k, coverage and novelty.

Ties are pessimistic: a relevant item stands behind every other item with the same score, so that a
model which scores everything alike earns nothing. Here: measures. Not here: who is measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def rank_relevant(
    scores: npt.NDArray[np.floating],
    relevant: IntArray,
    excluded: IntArray | None = None,
) -> IntArray:
    """Ranks of the relevant items of one person.

    Args:
        scores: (n_items,) the higher the better.
        relevant: (r,) distinct item indices.
        excluded: indices that are not ranked (seen, bought); none of them may be relevant.

    Returns:
        (r,) 1-based ranks, ascending; equal scores rank behind all that are not relevant.

    Raises:
        ValueError: an item is both relevant and excluded.
    """
    values = np.array(scores, dtype=np.float64)
    if excluded is not None and len(excluded):
        values[excluded] = -np.inf
        if np.isneginf(values[relevant]).any():
            raise ValueError("an item cannot be both relevant and excluded")
    hits = np.sort(values[relevant])[::-1]
    values[relevant] = -np.inf
    # Above a relevant item: the others that score at least as much, and the better relevant ones.
    above = (values[None, :] >= hits[:, None]).sum(axis=1)
    return np.asarray(above + np.arange(1, len(hits) + 1), dtype=np.int64)


def recall_at_k(ranks: IntArray, k: int) -> float:
    """Share of the relevant items within the first k; ranks (r,) 1-based, r >= 1."""
    return float(np.count_nonzero(ranks <= k) / len(ranks))


def ndcg_at_k(ranks: IntArray, k: int) -> float:
    """Discounted gain 1 / log2(rank + 1) of the relevant items, over that of the ideal list.

    Source: Järvelin, Kekäläinen (2002), binary relevance.
    """
    gain = float(np.sum(1.0 / np.log2(ranks[ranks <= k] + 1.0)))
    ideal = float(np.sum(1.0 / np.log2(np.arange(1, min(k, len(ranks)) + 1) + 1.0)))
    return gain / ideal


def average_precision_at_k(ranks: IntArray, k: int) -> float:
    """Mean over min(k, r) of the precision at each relevant item within the first k."""
    found = np.sort(ranks[ranks <= k])
    precision = np.arange(1, len(found) + 1) / found
    return float(precision.sum() / min(k, len(ranks)))


def coverage(listed: IntArray, n_items: int) -> float:
    """Share of the catalogue that stands on at least one list; 0 for an empty catalogue."""
    return float(len(np.unique(listed)) / n_items) if n_items else 0.0


def novelty(listed: IntArray, owners: IntArray, persons: int) -> float:
    """Mean self-information of what is listed, bits: -log2 of the share of persons that have it.

    Args:
        listed: item indices of all lists.
        owners: (n_items,) persons that have each item; one that nobody has counts half a person.
        persons: how many there are.

    Returns:
        Bits; 0 where nothing is listed.

    Source: Zhou et al. (2010), PNAS 107(10).
    """
    if not len(listed):
        return 0.0
    return float(-np.log2(np.maximum(owners[listed], 0.5) / persons).mean())

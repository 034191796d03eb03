"""The baseline: what everybody likes just now.

Here: the ranking of products by the worth of recent interactions. Not here: who is served by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.interactions import Weighting, clean_interactions, encode_sorted, event_days, row_weights

NO_DECAY_DAYS = 1e12


@dataclass(frozen=True)
class PopularityRanking:
    """Products, most popular first.

    Attributes:
        product_ids: (n,) in order of (recent first, score falling, id rising).
        scores: (n,) float64, the worth of the product's interactions in `days`.
        days: (n,) the number of days that the score counts: the short window, or for products
            without a recent interaction the long one.
    """

    product_ids: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    days: npt.NDArray[np.int64]


def rank_by_popularity(
    interactions: pa.Table, as_of: date, weighting: Weighting, recent_days: int, window_days: int
) -> PopularityRanking:
    """Rank products by the undecayed worth of their interactions in the last days.

    Args:
        interactions: columns of INTERACTIONS_SCHEMA.
        as_of: the last day counted; a later event date counts as that day.
        weighting: worth of each type; its half-life is not used.
        recent_days: the short window, ending on as_of.
        window_days: the long window, which ranks what the short one does not hold.

    Returns:
        The ranking; empty where nothing happened in the long window.

    Raises:
        ValueError: recent_days is not in 1..window_days, or see `clean_interactions`.
    """
    if not 1 <= recent_days <= window_days:
        raise ValueError(f"recent_days must be in 1..{window_days}, not {recent_days}")
    table, worth, age = undecayed(interactions, as_of, weighting)
    products, codes = encode_sorted(table["product_id"])
    recent = sum_by_code(codes[age < recent_days], worth[age < recent_days], len(products))
    whole = sum_by_code(codes[age < window_days], worth[age < window_days], len(products))
    is_recent = recent > 0
    score = np.where(is_recent, recent, whole)
    order = np.lexsort((np.arange(len(products)), -score, ~is_recent))
    order = order[score[order] > 0]
    return PopularityRanking(
        tuple(products[i] for i in order),
        score[order],
        np.where(is_recent[order], recent_days, window_days).astype(np.int64),
    )


def undecayed(
    interactions: pa.Table, as_of: date, weighting: Weighting
) -> tuple[pa.Table, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Clean interactions, with the worth of each however old it is, and its age in days.

    Args:
        interactions: columns of INTERACTIONS_SCHEMA.
        as_of: the day of age 0; a later event date counts as that day.
        weighting: worth of each type; its half-life is not used.

    Raises:
        ValueError: see `clean_interactions`.
    """
    table = clean_interactions(interactions)
    worth = row_weights(table, as_of, Weighting(weighting.by_type, NO_DECAY_DAYS))
    age = np.maximum(np.datetime64(as_of, "D").astype(np.int64) - event_days(table), 0)
    return table, worth, age


def sum_by_code(
    codes: npt.NDArray[np.int64], values: npt.NDArray[np.float64], n: int
) -> npt.NDArray[np.float64]:
    """Add up in an order that does not depend on the order of the rows."""
    order = np.lexsort((values, codes))
    total = np.bincount(codes[order], weights=values[order], minlength=n)
    return np.round(total, 6)

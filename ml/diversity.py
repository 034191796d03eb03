"""How many products of one category a list may hold, and how different those of a list are.

Here: the rule, as a choice among ranked products, and its measures. Not here: what a product is
worth to a person, and where categories come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.als import TopN, top_n

IntArray = npt.NDArray[np.int64]
UNKNOWN = -1
# How much deeper than a list is looked before all products are put in order.
_DEEPER = 5


@dataclass(frozen=True)
class CategoryRule:
    """At most so many products of one category in a list.

    Attributes:
        codes: (n_products,) category of each product; UNKNOWN ones are not limited.
        share: of a list that one category may have, in (0, 1]; 1 for no limit.
    """

    codes: IntArray
    share: float

    def __post_init__(self) -> None:
        """Refuse a share that makes no sense."""
        if not 0 < self.share <= 1:
            raise ValueError(f"max_category_share must be above 0 and at most 1, not {self.share}")

    @classmethod
    def of(
        cls, product_ids: Sequence[str], categories: Mapping[str, str], share: float
    ) -> CategoryRule:
        """Of products in their order, by what is known of their categories."""
        code = {category: i for i, category in enumerate(sorted(set(categories.values())))}
        found = [code[categories[p]] if p in categories else UNKNOWN for p in product_ids]
        return cls(np.array(found, dtype=np.int64), share)

    @property
    def is_on(self) -> bool:
        """Whether it can limit anything."""
        return self.share < 1 and self.knows_any

    @property
    def knows_any(self) -> bool:
        """Whether the category of any product is known."""
        return bool((self.codes != UNKNOWN).any())

    def limit(self, n: int) -> int:
        """Products of one category in a list of n: the share rounded down, and at least one."""
        return max(1, int(n * self.share + 1e-9))

    def choose(self, ranked: IntArray, n: int) -> IntArray:
        """Choose n of ranked products.

        Those beyond the limit of their category give way to the next best of others, and come back
        only where the list would be shorter without them. What is chosen stays in its order.

        Args:
            ranked: (m,) products, the best first, none twice.
            n: length of the list.

        Returns:
            (min(n, m),) places in `ranked`, rising.
        """
        if not self.is_on:
            return np.arange(min(n, len(ranked)), dtype=np.int64)
        is_within = self._is_within(ranked, n)
        within = np.flatnonzero(is_within)[:n]
        beyond = np.flatnonzero(~is_within)[: n - len(within)]
        return np.sort(np.concatenate([within, beyond]))

    def is_settled(self, ranked: IntArray, n: int) -> bool:
        """Whether what follows after these ranked products cannot change which n are chosen."""
        return not self.is_on or int(self._is_within(ranked, n).sum()) >= n

    def _is_within(self, ranked: IntArray, n: int) -> npt.NDArray[np.bool_]:
        """Which are among the first so many of their category."""
        codes = self.codes[ranked]
        order = np.argsort(codes, kind="stable")
        in_order = codes[order]
        nth = np.empty(len(codes), dtype=np.int64)
        nth[order] = np.arange(len(codes)) - np.searchsorted(in_order, in_order, side="left")
        return np.asarray((nth < self.limit(n)) | (codes == UNKNOWN))

    def top_n(self, scores: Any, n: int, excluded: Any = None) -> TopN:
        """Take the best n columns of each row within the limit; see `ml.als.top_n`.

        Args:
            scores: (n_rows, n_products).
            n: length of a list; as long as without the rule.
            excluded: None or bool (n_rows, n_products), true where a product may not be listed.
        """
        plain = top_n(scores, n, excluded)
        if not self.is_on or not len(plain.rows):
            return plain
        starts = np.searchsorted(plain.rows, np.arange(len(scores) + 1))
        items, values = plain.items.copy(), plain.scores.copy()
        left = self._rows_beyond(plain, n)
        for depth in (min(_DEEPER * n, scores.shape[1]), scores.shape[1]):
            if not len(left):
                break
            deeper = top_n(scores[left], depth, None if excluded is None else excluded[left])
            edges = np.searchsorted(deeper.rows, np.arange(len(left) + 1))
            unsettled = []
            for place, row in enumerate(left.tolist()):
                part = slice(edges[place], edges[place + 1])
                ranked = deeper.items[part]
                is_whole = len(ranked) < depth or depth == scores.shape[1]
                if not (is_whole or self.is_settled(ranked, n)):
                    unsettled.append(row)
                    continue
                chosen = self.choose(ranked, n)
                items[starts[row] : starts[row + 1]] = ranked[chosen]
                values[starts[row] : starts[row + 1]] = deeper.scores[part][chosen]
            left = np.array(unsettled, dtype=np.int64)
        return TopN(plain.rows, plain.ranks, items, values)

    def _rows_beyond(self, lists: TopN, n: int) -> IntArray:
        """Lists with more of a category than they may hold."""
        codes = self.codes[lists.items]
        known = codes != UNKNOWN
        n_codes = self.codes.max() + 1
        cells, counts = np.unique(lists.rows[known] * n_codes + codes[known], return_counts=True)
        return np.unique(cells[counts > self.limit(n)] // n_codes)


def intra_list_diversity(rows: IntArray, items: IntArray, codes: IntArray) -> float:
    """Share of the pairs of products in a list that are of different categories, mean over lists.

    Args:
        rows: (n,) list of each listed product.
        items: (n,) the product.
        codes: (n_products,) categories; products of an UNKNOWN one are left out.

    Returns:
        0 to 1; 0 where no list has two products of known categories.

    Source: Ziegler et al. (2005), Improving Recommendation Lists Through Topic Diversification:
    one minus the intra-list similarity, with products of one category alike.
    """
    known = codes[items] != UNKNOWN
    lists, code = rows[known], codes[items[known]]
    if not len(lists):
        return 0.0
    sizes = np.bincount(lists).astype(np.float64)
    cells, counts = np.unique(lists * (codes.max() + 1) + code, return_counts=True)
    same = np.bincount(
        cells // (codes.max() + 1), counts * (counts - 1.0) / 2, minlength=len(sizes)
    )
    pairs = sizes * (sizes - 1) / 2
    has_pairs = pairs > 0
    if not has_pairs.any():
        return 0.0
    return float((1 - same[has_pairs] / pairs[has_pairs]).mean())


def category_coverage(items: IntArray, codes: IntArray) -> float:
    """Share of the known categories that stand on at least one list; 0 where none is known.

    Args:
        items: (n,) products of all lists.
        codes: (n_products,) categories.
    """
    known = np.unique(codes[codes != UNKNOWN])
    listed = np.unique(codes[items])
    return float(np.isin(known, listed).mean()) if len(known) else 0.0

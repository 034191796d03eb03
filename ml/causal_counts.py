"""What was known just before each row: counts over the earlier rows only.

Everything here is a function of the rows before, so that adding later rows changes no value. Rows
are given in their final order. Not here: what the counts mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def counted_before(groups: IntArray, teaches: BoolArray) -> IntArray:
    """Count, for each row, the earlier rows of its group that teach.

    Args:
        groups: (n,) group of each row, in row order.
        teaches: (n,) whether the row counts for later ones.

    Returns:
        (n,) int64.
    """
    order = np.argsort(groups, kind="stable")
    ranked, taught = groups[order], teaches[order].astype(np.int64)
    before = np.cumsum(taught) - taught
    first = np.searchsorted(ranked, ranked, side="left")
    result = np.empty(len(groups), dtype=np.int64)
    result[order] = before - before[first] if len(groups) else before
    return result


def sums_before(values: npt.NDArray[Any]) -> FloatArray:
    """Sum the values before each row, and all of them: (n + 1,)."""
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))


def distinct_before(groups: IntArray, teaches: BoolArray) -> IntArray:
    """Count, for each row, the distinct groups among the earlier rows that teach."""
    is_first = teaches & (counted_before(groups, teaches) == 0)
    seen = is_first.astype(np.int64)
    return np.asarray(np.cumsum(seen) - seen, dtype=np.int64)


def last_before(groups: IntArray, marks: BoolArray) -> IntArray:
    """Find, for each row, the latest earlier row of its group that is marked, or -1."""
    n = len(groups)
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    place = np.where(marks[order], np.arange(n), -1)
    latest = np.concatenate(([-1], np.maximum.accumulate(place)[:-1])) if n else place
    first = np.searchsorted(ranked, ranked, side="left")
    result = np.full(n, -1, dtype=np.int64)
    found = latest >= first
    result[order[found]] = order[latest[found]]
    return result


def counted_within(groups: IntArray, times: IntArray, weights: IntArray, span: int) -> IntArray:
    """Sum, for each row, the weights of earlier rows of its group at most `span` before it.

    Args:
        groups: (n,) group of each row.
        times: (n,) time of each row, not falling within a group, in the unit of span.
        weights: (n,) how much each row counts.
        span: length of the look-back, inclusive.

    Returns:
        (n,) int64; the row itself does not count.
    """
    n = len(groups)
    order = np.lexsort((np.arange(n), times, groups))
    ranked, time = groups[order], times[order]
    before = np.concatenate(([0], np.cumsum(weights[order])))
    starts = _starts(ranked)
    result = np.zeros(n, dtype=np.int64)
    for start, stop in zip(starts, np.append(starts, n)[1:], strict=True):
        opens = start + np.searchsorted(time[start:stop], time[start:stop] - span, side="left")
        result[order[start:stop]] = before[start:stop] - before[opens]
    return result


def density_before(
    groups: IntArray, bins: IntArray, teaches: BoolArray, kernel: FloatArray, block: int = 4096
) -> FloatArray:
    """Sum, for each row, the kernel between its bin and those of earlier rows of its group.

    Args:
        groups: (n,) group of each row.
        bins: (n,) bin of each row, 0..m-1.
        teaches: (n,) whether the row counts for later ones.
        kernel: (m, m); kernel[a, b] is what a row in bin b adds at bin a.
        block: rows handled at a time, bounds memory at block x m.

    Returns:
        (n,) float64.
    """
    n, m = len(groups), len(kernel)
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    starts = _starts(ranked)
    result = np.zeros(n)
    for start, stop in zip(starts, np.append(starts, n)[1:], strict=True):
        counts = np.zeros(m)
        for low in range(start, stop, block):
            rows = order[low : min(low + block, stop)]
            added = np.zeros((len(rows), m))
            added[np.arange(len(rows)), bins[rows]] = teaches[rows]
            after = counts + np.cumsum(added, axis=0)
            # Summed row by row: a matrix product may round differently with its shape.
            result[rows] = np.sum(kernel[bins[rows]] * (after - added), axis=1)
            counts = after[-1]
    return result


def at_least_before(
    scores: FloatArray, pool: BoolArray, groups: IntArray, wanted: BoolArray, block: int = 4096
) -> tuple[IntArray, IntArray]:
    """Rank each row among the earlier rows of the pool in its group.

    Args:
        scores: (n,) scores in row order.
        pool: (n,) rows that others are compared with.
        groups: (n,) only rows of the same group are compared.
        wanted: (n,) rows that are ranked; the others stay 0.
        block: rows of the pool sorted at a time.

    Returns:
        (n,) number of earlier pool rows that score at least as much; (n,) number of earlier pool
        rows.
    """
    above = np.zeros(len(scores), dtype=np.int64)
    size = np.zeros(len(scores), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        in_pool = members[pool[members]]
        values = scores[in_pool]
        rows = members[wanted[members]]
        cuts = np.searchsorted(in_pool, rows, side="left")
        size[rows] = cuts
        for low in range(0, len(values), block):
            part = values[low : low + block]
            whole = cuts >= low + len(part)
            found = rows[whole]
            above[found] += len(part) - np.searchsorted(np.sort(part), scores[found], side="left")
            for i in np.flatnonzero((cuts > low) & ~whole):
                above[rows[i]] += np.count_nonzero(part[: cuts[i] - low] >= scores[rows[i]])
    return above, size


def _starts(ranked: IntArray) -> IntArray:
    """Places at which a new group begins in sorted groups."""
    if not len(ranked):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))).astype(np.int64)

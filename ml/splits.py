"""What is learned from and what is predicted: splits along time.

Never a random split: a model of today must be judged by days that it has not seen.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def split_by_date(
    table: pa.Table, as_of: date, validation_days: int, column: str = "event_date"
) -> tuple[pa.Table, pa.Table, date]:
    """Split into the days before and the last days of a window.

    Args:
        table: rows with a date32 column.
        as_of: last day of the window.
        validation_days: number of days, ending on as_of, that are predicted, >= 1.
        column: name of the date column.

    Returns:
        Training rows (date <= cut), validation rows (date > cut), and the cut, the last training
        day = as_of - validation_days.

    Raises:
        ValueError: validation_days < 1.
    """
    if validation_days < 1:
        raise ValueError(f"validation_days must be at least 1, not {validation_days}")
    cut = as_of - timedelta(days=validation_days)
    is_train = pc.less_equal(table[column], pa.scalar(cut, pa.date32()))
    return table.filter(is_train), table.filter(pc.invert(is_train)), cut


def leave_last_out(
    persons: npt.NDArray[np.int64], items: npt.NDArray[np.int64], times: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Number each person's interactions from the last one backwards.

    Args:
        persons: (n,) person index.
        items: (n,) item code, breaks ties of time.
        times: (n,) any increasing time.

    Returns:
        (n,) 0 for the last interaction of its person (the test), 1 for the one before (the
        validation), and so on; independent of the order of the rows.
    """
    order = np.lexsort((-items, -times, persons))
    ranked = persons[order]
    first = np.searchsorted(ranked, ranked, side="left")
    position = np.empty(len(persons), dtype=np.int64)
    position[order] = np.arange(len(persons)) - first
    return position

"""Are today's buyers like those of some weeks before, and so is what the model says of them?

Here: which numbers of a buyer are compared, and with whom. Not here: how far two samples are apart
(drift.py).

A shop's oldest buyers grow older every day. Days are cut off where no buyer could have had more of
them then, so that a steady shop is no drift.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from ml.bg_nbd import BgNbd, group_histories, order_probability
from ml.drift import Shift, population_stability
from ml.order_histories import Buyers, Floats, OrderBook, buyers_as_of

# So many days before, at most an eighth of the days there are.
WINDOW_DAYS = 30
_LEAST_PART = 8


def lifetime_shifts(
    book: OrderBook, as_of: date, model: BgNbd | None, churn_days: int
) -> list[Shift]:
    """Compare the buyers as of a partition with those as of a window before.

    Args:
        book: order dates up to as_of.
        as_of: partition date.
        model: of orders, as of the partition, which scores both; None where a rule is served.
        churn_days: how far the probability of no order looks.

    Returns:
        Frequency, recency, age, mean value, and the probability; none where history is too short.
    """
    span = (as_of - book.first_day).days + 1 if book.first_day else 0
    days = min(WINDOW_DAYS, span // _LEAST_PART)
    if not days:
        return []
    most = span - days - 1
    before, now = (
        _columns(buyers_as_of(book, end), most, model, churn_days)
        for end in (as_of - timedelta(days=days), as_of)
    )
    return [
        population_stability(name, values, now[name])
        for name, values in before.items()
        if len(values) and len(now[name])
    ]


def _columns(buyers: Buyers, most: int, model: BgNbd | None, churn_days: int) -> dict[str, Floats]:
    found = {
        "order_days": buyers.order_days.astype(np.float64),
        "days_since_last_order": np.minimum(buyers.silent, most).astype(np.float64),
        "days_since_first_order": np.minimum(buyers.as_of - buyers.first, most).astype(np.float64),
        "mean_order_value": buyers.mean_value[buyers.valued > 0],
    }
    if model is not None:
        histories = group_histories(*buyers.in_weeks)
        some = histories.per_person(order_probability(model, *histories.all, churn_days / 7))
        found["no_order_probability"] = 1 - some
    return found

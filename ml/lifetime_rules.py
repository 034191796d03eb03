"""The simple rules that models of lifetime value and churn have to beat.

Here: each person's own rate and own mean, and what persons as long silent did. Not here: the
models, the comparison (lifetime_validation.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.order_histories import Buyers, Floats, Ints

_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class SilenceClasses:
    """The baseline of churn: of persons as long without an order, how many ordered again?

    Persons with one order and with several apart, each in quarters by days of silence. Empty where
    there is no past to learn it from.

    Attributes:
        edges: (2, 3) upper bounds of all but the last quarter, days.
        persons: (2, 4) persons of a class.
        returned: (2, 4) those of them who ordered in the days after.
    """

    edges: Floats
    persons: Floats
    returned: Floats

    @classmethod
    def learned(cls, buyers: Buyers, ordered: npt.NDArray[np.bool_]) -> SilenceClasses:
        """From buyers as of a date, and whether each ordered in the days after."""
        edges, persons, returned = np.zeros((2, 3)), np.zeros((2, 4)), np.zeros((2, 4))
        several = (buyers.order_days > 1).astype(np.int64)
        for kind in (0, 1):
            silent = buyers.silent[several == kind]
            if len(silent):
                edges[kind] = np.quantile(silent, _QUARTERS)
                quarter = np.searchsorted(edges[kind], silent)
                persons[kind] = np.bincount(quarter, minlength=4)
                returned[kind] = np.bincount(quarter, ordered[several == kind].astype(float), 4)
        return cls(edges, persons, returned)

    def place(self, buyers: Buyers) -> Ints:
        """(n,) number of each person's class, 0 to 7."""
        several = (buyers.order_days > 1).astype(np.int64)
        quarter = np.zeros(len(several), dtype=np.int64)
        for kind in (0, 1):
            mine = several == kind
            quarter[mine] = np.searchsorted(self.edges[kind], buyers.silent[mine])
        return several * 4 + quarter

    def risk(self, buyers: Buyers) -> Floats:
        """(n,) share that did not order; one who did and one who did not are added to a class."""
        if not self.persons.sum():
            return np.full(len(buyers.persons), np.nan)
        share = 1 - (self.returned + 1) / (self.persons + 2)
        return np.asarray(share.reshape(-1)[self.place(buyers)], dtype=np.float64)

    def in_words(self, days: int) -> list[str]:
        """What each class says; none where nothing was learned."""
        if not self.persons.sum():
            return []
        words = []
        for kind, who in enumerate(("one order day", "several order days")):
            edges = [f"{edge:g}" for edge in self.edges[kind].tolist()]
            spans = [f"at most {edges[0]}", f"more than {edges[0]} to {edges[1]}",
                     f"more than {edges[1]} to {edges[2]}", f"more than {edges[2]}"]  # fmt: skip
            for quarter, span in enumerate(spans):
                persons, returned = self.persons[kind, quarter], self.returned[kind, quarter]
                words.append(
                    f"{returned:.0f} of {persons:.0f} persons with {who}, the last {span} days "
                    f"before, ordered in the {days} days after"
                )
        return words


def days_an_order(buyers: Buyers) -> float:
    """Days that the average person takes for an order after the first; infinite without any."""
    orders = int((buyers.order_days - 1).sum())
    return float((buyers.as_of - buyers.first).sum() / orders) if orders else np.inf


def own_rate(buyers: Buyers, days: int) -> Floats:
    """(n,) orders in so many days if each person goes on as often as since the first order.

    One order of an average person, and the time it takes, is added to each person's own: somebody
    who ordered yesterday and today is not expected to do so every day.
    """
    age = buyers.as_of - buyers.first
    return np.asarray(buyers.order_days / (age + days_an_order(buyers)) * days, dtype=np.float64)


def own_value(buyers: Buyers) -> Floats:
    """(n,) each person's mean order value, else the mean over persons; no number without any."""
    valued = buyers.valued > 0
    everybody = float(buyers.mean_value[valued].mean()) if valued.any() else np.nan
    return np.where(valued, buyers.mean_value, everybody)

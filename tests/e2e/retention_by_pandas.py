"""Who came back, counted by pandas.

Belongs here: retention and lifecycle as docs/metrics.md defines them, from a row a person and date.
Not here: who was active on which date; a test says that of its own data.
"""

from datetime import date

import pandas as pd


def retention(
    first: pd.Series, active: pd.DataFrame, frequency: str, as_of: date
) -> dict[tuple[date, int], tuple[int, int, int, bool]]:
    """By cohort and offset: size, who came in the very period, who in it or later, is it over.

    Args:
        first: person -> the date on which it began.
        active: a row a `person` and `date`.
        frequency: pandas' name of the period.
        as_of: the last date, which is closed.
    """
    began = pd.to_datetime(first).dt.to_period(frequency)
    periods = pd.to_datetime(active["date"]).dt.to_period(frequency)
    came = pd.DataFrame({"person": active["person"], "period": periods}).drop_duplicates()
    came["cohort"] = came["person"].map(began)
    last = came.groupby("person")["period"].max()
    found = {}
    for cohort, persons in began.groupby(began):
        mine, theirs = came[came["cohort"] == cohort], last[persons.index]
        for period in pd.period_range(cohort, pd.Timestamp(as_of), freq=frequency):
            bounded, rolling = int((mine["period"] == period).sum()), int((theirs >= period).sum())
            if period == cohort:
                bounded = rolling = len(persons)
            is_over = period.end_time.date() <= as_of
            key = (cohort.start_time.date(), (period - cohort).n)
            found[key] = (len(persons), bounded, rolling, is_over)
    return found


def lifecycle(active: pd.DataFrame, frequency: str, as_of: date) -> pd.DataFrame:
    """By period: new, returning, resurrected and dormant persons.

    Args:
        active: a row a `person` and `date`, repeated or not.
        frequency: pandas' name of the period.
        as_of: the last date.
    """
    periods = pd.to_datetime(active["date"]).dt.to_period(frequency)
    every = pd.period_range(periods.min(), pd.Timestamp(as_of), freq=frequency)
    came = pd.crosstab(active["person"], periods).reindex(columns=every, fill_value=0) > 0
    before = came.shift(1, axis="columns", fill_value=False)
    ever_before = came.cumsum(axis="columns") - came > 0
    return pd.DataFrame(
        {
            "new": (came & ~ever_before).sum(),
            "returning": (came & before).sum(),
            "resurrected": (came & ever_before & ~before).sum(),
            "dormant": (before & ~came).sum(),
        }
    )

"""Cohorts and lifecycle by pandas: who came back how many periods after.

Written from docs/metrics.md, not from the models; it shares no code with them.
"""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.command import served


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
    bounded = came.groupby([came["person"].map(began), "period"]).size().to_dict()
    last = came.groupby("person")["period"].max()
    found = {}
    for cohort, persons in began.groupby(began):
        size, left = len(persons), last[persons.index].sort_values()
        for period in pd.period_range(cohort, pd.Timestamp(as_of), freq=frequency):
            here, later = bounded.get((cohort, period), 0), size - int(left.searchsorted(period))
            if period == cohort:
                here = later = size
            key = (cohort.start_time.date(), (period - cohort).n)
            found[key] = (size, here, later, period.end_time.date() <= as_of)
    return found


def assert_cohorts_equal(
    home: Path,
    cohort_type: str,
    period: str,
    expected: dict[tuple[date, int], tuple[int, int, int, bool]],
) -> int:
    """Hold every row of a type and period to `expected`, and each rate to its own counts.

    Returns:
        How many cohorts and offsets were compared; the mart ends at 30 days, 26 weeks, 24 months.
    """
    most = {"day": 30, "week": 26, "month": 24}[period]
    with served(home) as con:
        rows = con.execute(
            'select cohort_date, b."offset", b.cohort_size, b.retained, r.retained, b.is_complete, '
            "b.rate, r.rate from marts.retention_cohorts as b join marts.retention_cohorts as r "
            'using (cohort_type, period, cohort_date, "offset") '
            "where cohort_type = ? and period = ? and b.mode = 'bounded' and r.mode = 'rolling'",
            [cohort_type, period],
        ).fetchall()
    found = {(day, offset): tuple(rest) for day, offset, *rest, _, _ in rows}
    assert found == {key: value for key, value in expected.items() if key[1] <= most}
    assert len(found) == len(rows)
    for _, _, size, bounded, rolling, _, *rates in rows:
        assert rates == pytest.approx([bounded / size, rolling / size], abs=1e-9)
    return len(rows)


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


def assert_lifecycle_equals(home: Path, active: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Hold every day, week and month of `marts.lifecycle` to pandas.

    Args:
        home: the state folder.
        active: a row a `person` and `date`, repeated or not.
        as_of: the last date, which is closed.

    Returns:
        Persons over all days, weeks and months, by column.
    """
    sums = {}
    for period, frequency in {"day": "D", "week": "W-SUN", "month": "M"}.items():
        expected = lifecycle(active, frequency, as_of)
        with served(home) as con:
            found = con.execute(
                "select period_start, new_persons, returning_persons, resurrected_persons, "
                "dormant_persons, active_persons, quick_ratio, is_complete from marts.lifecycle "
                "where period = ? order by 1",
                [period],
            ).fetchall()
        assert len(found) == len(expected)
        for (start, *counts, persons, ratio, is_complete), row in zip(
            found, expected.itertuples(), strict=True
        ):
            assert start == row.Index.start_time.date()
            assert counts == [row.new, row.returning, row.resurrected, row.dormant], start
            assert persons == row.new + row.returning + row.resurrected
            gained = row.new + row.resurrected
            assert ratio == (pytest.approx(gained / row.dormant) if row.dormant else None)
            assert is_complete == (row.Index.end_time.date() <= as_of)
        sums[period] = expected.sum()
    return pd.DataFrame(sums).T

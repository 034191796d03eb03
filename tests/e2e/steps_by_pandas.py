"""Steps and paths by pandas, of logs whose visits are made of one name of events.

Written from docs/metrics.md, not from the models; it shares no code with them.
"""

from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.command import served


def assert_steps_of_one_name_equal(
    home: Path, events: pd.DataFrame, name: str, *, months: int
) -> None:
    """Hold transitions and paths to visits in which nothing else but `name` happens.

    Args:
        home: the state folder.
        events: `visit` and `at` of every event, no bots', by visit and time.
        name: what all of them are.
        months: in so many of them visits began.
    """
    began = events.groupby("visit")["at"].min().dt.to_period("M")
    starts = began.value_counts()
    rests = events.groupby("visit")["at"].diff().dropna().dt.total_seconds()
    steps = rests.groupby(events.loc[rests.index, "visit"].map(began)).agg(["size", "median"])
    expected = {}
    for month, (count, median) in steps.iterrows():
        visits, day = starts[month], month.start_time.date()
        leaving = count + visits
        expected[day, "(start)", name] = (visits, 1, None)
        expected[day, name, "(exit)"] = (visits, pytest.approx(visits / leaving, abs=1e-9), None)
        expected[day, name, name] = (count, pytest.approx(count / leaving, abs=1e-9), median)
    with served(home) as con:
        found = con.execute(
            "select report_month, state, next_state, count, probability, median_seconds "
            "from marts.behaviour_transitions"
        ).fetchall()
        paths = con.execute(
            "select report_month, path_rank, path, sessions, converting_sessions, share "
            "from marts.top_paths"
        ).fetchall()
    assert {tuple(row[:3]): tuple(row[3:]) for row in found} == expected
    assert len(found) == 3 * months
    # Repeats in a row are one: there is one path.
    assert sorted(paths) == [
        (month.start_time.date(), 1, name, count, 0, 1)
        for month, count in starts.sort_index().items()
    ]

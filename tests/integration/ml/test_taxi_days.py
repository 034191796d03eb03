"""The KPI scores on real days: taxi passengers of New York, July 2014 to January 2015 (NAB).

The publisher labels five events. Summed to days, three of them are plain: Thanksgiving, Christmas,
the snow storm of 26 and 27 January. The marathon moves passengers within a day, and New Year's Day
is judged with the wide scale that Christmas left behind.
"""

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd

from ml.anomaly_series import score_series


def test_holidays_and_the_snow_storm_are_flagged_and_little_else(shared_data: Path) -> None:
    nab = shared_data / "nab"
    rows = pd.read_csv(nab / "data" / "realKnownCause" / "nyc_taxi.csv", parse_dates=["timestamp"])
    daily = rows.set_index("timestamp")["value"].resample("D").sum()
    assert len(daily) == 215
    labels = json.loads((nab / "labels" / "combined_labels.json").read_text())
    events = [pd.Timestamp(t).normalize() for t in labels["realKnownCause/nyc_taxi.csv"]]

    scores = score_series(daily.to_numpy(), first_weekday=daily.index[0].weekday())
    flagged = {daily.index[s.day] for s in scores if s.is_anomaly}

    # The holidays' own days, and both days of the storm.
    plain = {"2014-11-27", "2014-12-25", "2015-01-26", "2015-01-27"}
    assert {pd.Timestamp(day) for day in plain} <= flagged
    # Every flag lies within two days of a labelled event.
    near = timedelta(days=2)
    assert all(any(abs(day - event) <= near for event in events) for day in flagged)

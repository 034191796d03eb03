"""KPI series by dimension: what explains a change, planted drops, days without a value."""

import re
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score

from ml.anomaly_kpis import (
    DIMENSION_KPIS_SCHEMA,
    KPIS_SCHEMA,
    DimensionParams,
    are_anomalies,
    daily_series,
    explain_cause,
    filled,
    find_cause,
)
from ml.anomaly_series import SeriesScore, score_series
from tests.unit.ml.kpi_scores import AS_OF, rows_of, scored

DAYS = 80
CHANNELS = {"Email": 150.0, "Organic Search": 500.0, "Paid Search": 300.0, "Direct": 50.0}
DEVICES = {"mobile": 0.6, "desktop": 0.4}


def tables(
    last: dict[tuple[str, str], float], seed: int = 0, lost: str | None = None
) -> tuple[pa.Table, pa.Table]:
    """Counts by channel and device, the last day's times a factor; totals are their sums."""
    rng = np.random.default_rng(seed)
    totals, parts = [], []
    for back in range(DAYS):
        day = AS_OF - timedelta(days=back)
        week = 1.2 if day.weekday() >= 5 else 1.0
        by: dict[tuple[str, str], float] = {}
        for channel, size in CHANNELS.items():
            for device, share in DEVICES.items():
                count = float(rng.poisson(size * share * week * rng.normal(1, 0.03)))
                if not back:
                    count *= last.get(("channel", channel), 1.0) * last.get(("device", device), 1.0)
                for key in (("channel", channel), ("device", device)):
                    by[key] = by.get(key, 0.0) + round(count)
        of_channels = sum(value for (name, _), value in by.items() if name == "channel")
        totals.append({"report_date": day, "metric": "views", "value": of_channels})
        parts += [
            {
                "report_date": day,
                "metric": "views",
                "dimension": dimension,
                "dimension_value": value,
                "value": count,
            }
            for (dimension, value), count in by.items()
            if count or value != lost
        ]
    return (
        pa.Table.from_pylist(totals, schema=KPIS_SCHEMA),
        pa.Table.from_pylist(parts, schema=DIMENSION_KPIS_SCHEMA),
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_drop_in_one_channel_is_explained_by_it_and_its_numbers_add_up(seed: int) -> None:
    rows = rows_of(scored(*tables({("channel", "Paid Search"): 0.1}, seed)))
    total = rows["kpi", "views"]
    assert total["is_anomaly"]
    said = total["explanation"].split("Of the change ")[1]
    assert re.findall(r"(?:channel|device) [A-Z]\w+(?: [A-Z]\w+)?", said) == ["channel Paid Search"]
    whole, paid, others = (
        float(one.replace(",", "")) for one in re.findall(r"[+-][\d,]+\.\d", said)
    )
    assert paid + others == pytest.approx(whole, abs=1e-9)
    assert paid / whole > 0.8
    flagged = {key for key, row in rows.items() if row["is_anomaly"]}
    assert ("kpi_dimension", "views where channel = Paid Search") in flagged
    assert ("kpi_dimension", "views where channel = Organic Search") not in flagged


@pytest.mark.parametrize("seed", range(3))
def test_where_all_fall_alike_none_is_named(seed: int) -> None:
    last = {("device", device): 0.6 for device in DEVICES}
    total = rows_of(scored(*tables(last, seed)))["kpi", "views"]
    assert total["is_anomaly"]
    assert total["explanation"].endswith("No few values of a dimension explain the change")


def test_a_day_like_others_looks_for_no_cause() -> None:
    rows = rows_of(scored(*tables({})))
    assert not any(row["is_anomaly"] for row in rows.values())
    assert "change" not in rows["kpi", "views"]["explanation"]
    # Half of Direct's days have 50 views, of each value of a device more: all are scored.
    assert {name for kind, name in rows if kind == "kpi_dimension"} == {
        f"views where {dimension} = {value}"
        for dimension, values in (("channel", CHANNELS), ("device", DEVICES))
        for value in values
    }


def test_the_dimension_whose_shares_changed_most_is_the_cause() -> None:
    total = SeriesScore(0, 700.0, 1000.0, 0, 0, 9, 0, is_anomaly=True)
    parts = {
        # Half of what mobile is comes by mail: it fell as well, but less of it.
        "channel": {"Email": (30.0, 310.0), "Direct": (670.0, 690.0)},
        "device": {"mobile": (340.0, 600.0), "desktop": (360.0, 400.0)},
    }
    cause = find_cause(total, parts, DimensionParams())
    assert cause is not None
    assert (cause.dimension, cause.values) == ("channel", ("Email",))
    assert explain_cause(cause) == (
        "Of the change -300.0: channel Email -280.0 (30.0, expected 310.0), all others -20.0; "
        "93 % explained"
    )
    # Forecasts of the values that add up to more than the metric's are handed down in proportion.
    twice = {"channel": {"Email": (30.0, 620.0), "Direct": (670.0, 1380.0)}}
    assert find_cause(total, twice, DimensionParams()) == cause
    # Two that fell are both named, three of four that did are no few.
    fell = {"channel": {"A": (50.0, 200.0), "B": (50.0, 200.0), "C": (600.0, 600.0)}}
    both = find_cause(total, fell, DimensionParams())
    assert both is not None
    assert both.values == ("A", "B")
    assert find_cause(total, fell, DimensionParams(most_named=1)) is None


def test_nothing_left_nothing_expected_and_a_single_value_have_no_cause() -> None:
    def cause(value: float, expected: float, **parts: tuple[float, float]) -> object:
        total = SeriesScore(0, value, expected, 0, 0, 9, 0, is_anomaly=True)
        return find_cause(total, {"device": parts}, DimensionParams())

    assert cause(0, 100, a=(0, 40), b=(0, 60)) is None
    assert cause(50, 0, a=(50, 0), b=(0, 0)) is None
    assert cause(50, 100, a=(50, 100)) is None
    assert cause(50, 100) is None
    assert cause(50, 100, a=(0, 50), b=(50, 50)) is not None
    assert explain_cause(None).startswith("No few values")


def test_a_value_that_vanished_counts_nothing_and_a_day_without_the_metric_is_missing() -> None:
    totals, parts = tables({("channel", "Email"): 0.0}, lost="Email")
    assert parts.num_rows == DAYS * 6 - 1
    email = rows_of(scored(totals, parts))["kpi_dimension", "views where channel = Email"]
    assert email["is_anomaly"]
    assert " was 0 on " in email["explanation"]

    gone = AS_OF - timedelta(days=10)
    keep = [day != gone for day in totals["report_date"].to_pylist()]
    of_parts = [day != gone for day in parts["report_date"].to_pylist()]
    kept, by = parts.filter(pa.array(of_parts)), ["metric", "dimension", "dimension_value"]
    whole = daily_series(totals.filter(pa.array(keep)), ["metric"], AS_OF)
    series = filled(daily_series(kept, by, AS_OF), whole)
    found = series["views", "channel", "Email"].values
    assert found[-1] == 0.0
    assert np.flatnonzero(np.isnan(found)).tolist() == [DAYS - 11]


def test_a_new_value_and_two_values_of_a_day() -> None:
    totals, parts = tables({})
    new = {
        "report_date": AS_OF,
        "metric": "views",
        "dimension": "channel",
        "dimension_value": "Audio",
        "value": 2000.0,
    }
    more = totals.to_pylist()
    more[0]["value"] += 2000
    grown = pa.concat_tables([parts, pa.Table.from_pylist([new], schema=DIMENSION_KPIS_SCHEMA)])
    rows = rows_of(scored(pa.Table.from_pylist(more, schema=KPIS_SCHEMA), grown))
    assert "channel Audio +2,000.0 (2,000.0, expected 0.0)" in rows["kpi", "views"]["explanation"]
    assert ("kpi_dimension", "views where channel = Audio") not in rows
    with pytest.raises(ValueError, match="channel, Audio has two values"):
        scored(totals, pa.concat_tables([grown, grown.slice(grown.num_rows - 1)]))


def test_many_series_of_a_partition_raise_few_false_alarms() -> None:
    """160 series of a day: what one bar lets through is held down by their number."""
    rng = np.random.default_rng(5)
    plain, by_number, truth, score = 0, 0, [], []
    for _ in range(6):
        today = []
        for i in range(160):
            usual = np.exp(rng.normal(4.5, 0.7)) * np.exp(rng.normal(0, 0.2, 7))
            values = rng.poisson(usual[np.arange(60) % 7] * np.exp(rng.normal(0, 0.05, 60)))
            if i < 8:
                values[-1] = rng.poisson(values[-1] * rng.choice([0.3, 2.0]))
            today.append(score_series(values.astype(float))[-1])
        flags = are_anomalies(today, DimensionParams())
        plain += sum(one.is_anomaly for one in today[8:])
        by_number += sum(flags[8:])
        truth += [True] * 8 + [False] * 152
        score += [one.score for one in today]
        assert sum(flags[:8]) >= 4
    assert by_number <= plain
    # 912 series-days are two and a half years.
    assert by_number <= 1
    assert average_precision_score(truth, score) > 0.85

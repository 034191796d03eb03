"""Ratio KPIs: which are scored, what explains a change, and flags for nothing."""

import re
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.anomaly_kpis import DIMENSION_KPIS_SCHEMA, KPIS_SCHEMA, DimensionParams, Series
from ml.anomaly_ratios import RatioParams, explain_ratio_cause, find_ratio_cause, scored_ratios
from ml.anomaly_series import SeriesScore, score_series
from tests.unit.ml.kpi_scores import AS_OF, rows_of, scored

DAYS = 80
METRIC = "visitor_conversion_rate"
# Visitors a day, and how many of a hundred buy.
CHANNELS = {
    "Direct": (2000.0, 8.0),
    "Email": (1000.0, 7.0),
    "Organic Search": (5000.0, 6.0),
    "Paid Search": (2000.0, 2.0),
}
DEVICES = {"mobile": 0.6, "desktop": 0.4}


def tables(
    visitors: dict[str, float] | None = None,
    rates: dict[str, float] | None = None,
    seed: int = 0,
    size: float = 1.0,
) -> tuple[pa.Table, pa.Table]:
    """Conversion by channel and device; on the last day channels' numbers times factors."""
    rng = np.random.default_rng(seed)
    totals, parts = [], []
    for back in range(DAYS):
        day = AS_OF - timedelta(days=back)
        week = size * (1.2 if day.weekday() >= 5 else 1.0)
        by: dict[tuple[str, str], np.ndarray] = {}
        for channel, (usual, rate) in CHANNELS.items():
            for device, share in DEVICES.items():
                more = (visitors or {}).get(channel, 1.0) if not back else 1.0
                better = (rates or {}).get(channel, 1.0) if not back else 1.0
                seen = rng.poisson(usual * share * week * more * rng.normal(1, 0.03))
                counts = np.array([rng.binomial(seen, rate / 100 * better), seen], dtype=float)
                for key in (("channel", channel), ("device", device)):
                    by[key] = by.get(key, np.zeros(2)) + counts
        whole = sum(counts for (name, _), counts in by.items() if name == "channel")
        for key, (bought, seen) in {("", ""): whole, **by}.items():
            row = {
                "report_date": day,
                "metric": METRIC,
                "dimension": key[0],
                "dimension_value": key[1],
                "value": bought / seen if seen else None,
                "numerator": bought,
                "denominator": seen,
            }
            (parts if key[0] else totals).append(row)
    return (
        pa.Table.from_pylist(totals, schema=KPIS_SCHEMA),
        pa.Table.from_pylist(parts, schema=DIMENSION_KPIS_SCHEMA),
    )


SIGNED = r"([+-][\d,]*\d\.\d+)"
NAMED = re.compile(
    r"(the ratio within|the share of) (channel|device) ([A-Za-z ]+) " + SIGNED + r" \(([^)]+)\)"
)


def numbers(said: str) -> tuple[float, list[tuple[str, str, float, list[float]]], list[float]]:
    """The whole change, each named part with its numbers, and the other parts."""
    whole = re.search("Of the change " + SIGNED, said)
    assert whole
    found = [
        (effect.split()[1], f"{dimension} {value}", float(part), read(given))
        for effect, dimension, value, part, given in NAMED.findall(said)
    ]
    rest = re.findall(r"(?:other|all) (?:ratios|shares) " + SIGNED, said)
    return float(whole[1]), found, [float(one) for one in rest]


def read(given: str) -> list[float]:
    return [float(one) for one in re.findall(r"\d+\.?\d*(?:e-\d+)?", given)]


def assert_reproduces(said: str, was: float, expected: float) -> None:
    """The parts add up, and each named one follows from the numbers that stand beside it."""
    whole, named, rest = numbers(said)
    # Ratios stand there with six digits, shares with hundredths of a percent.
    near = 2e-4 * max(was, expected)
    assert whole == pytest.approx(was - expected, abs=near)
    assert sum(part for _, _, part, _ in named) + sum(rest) == pytest.approx(whole, abs=1e-9)
    for effect, _, part, given in named:
        if effect == "ratio":
            after, before, share_after, share_before = given
            again = (after - before) * (share_after + share_before) / 200
        else:
            share_after, share_before, after, before, others_after, others_before = given
            apart = (after + before) / 2 - (others_after + others_before) / 2
            again = (share_after - share_before) / 100 * apart
        assert again == pytest.approx(part, abs=near)


@pytest.mark.parametrize("seed", range(3))
def test_a_channel_whose_conversion_fell_is_told_from_one_whose_share_rose(seed: int) -> None:
    fell = rows_of(scored(*tables(rates={"Organic Search": 0.4}, seed=seed)))
    rose = rows_of(scored(*tables(visitors={"Paid Search": 6.0}, seed=seed)))
    said = []
    for rows, effect, name in (
        (fell, "ratio", "channel Organic Search"),
        (rose, "share", "channel Paid Search"),
    ):
        row = rows["kpi", METRIC]
        assert row["is_anomaly"]
        said.append(row["explanation"])
        _, named, _ = numbers(said[-1])
        assert [one[:2] for one in named] == [(effect, name)]
        was, expected = (
            float(re.search(rf"{what} (\d\.\d+)", said[-1])[1]) for what in ("was", "expected")
        )
        assert_reproduces(said[-1], was, expected)
    assert said[0].endswith("explained by rate")
    assert said[1].endswith("explained by mix")
    # Where the ratio fell it is flagged by itself; where a share rose no ratio within one did.
    name = f"{METRIC} where channel = "
    assert fell["kpi_dimension", name + "Organic Search"]["is_anomaly"]
    assert not any(row["is_anomaly"] for (_, of), row in rose.items() if of.startswith(name))


@pytest.mark.parametrize("seed", range(3))
def test_where_all_ratios_fall_alike_none_is_named(seed: int) -> None:
    row = rows_of(scored(*tables(rates=dict.fromkeys(CHANNELS, 0.6), seed=seed)))["kpi", METRIC]
    assert row["is_anomaly"]
    assert row["explanation"].endswith("No few values of a dimension explain the change")


def test_a_day_like_others_looks_for_no_cause() -> None:
    rows = rows_of(scored(*tables()))
    assert not any(row["is_anomaly"] for row in rows.values())
    assert "Of the change" not in rows["kpi", METRIC]["explanation"]
    # 160 and 70 buyers a day, 300 and 40: one channel and both devices have enough.
    assert {name for kind, name in rows if kind == "kpi_dimension"} == {
        f"{METRIC} where {of}"
        for of in ("channel = Organic Search", "device = mobile", "device = desktop")
    }


def test_a_ratio_of_few_is_not_scored_and_a_day_of_few_has_no_score() -> None:
    assert rows_of(scored(*tables(size=0.2))) == {}
    gone = dict.fromkeys(CHANNELS, 0.3)
    assert ("kpi", METRIC) not in rows_of(scored(*tables(visitors=gone)))
    usual = np.full(30, 1000.0)
    few = usual.copy()
    few[[5, -1]] = 499.0
    (found,) = scored_ratios(
        {("a",): Series(AS_OF, usual / few, usual, few)}, RatioParams()
    ).values()
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [5, 29]
    # A count is left as it is.
    count = {("a",): Series(AS_OF, few)}
    assert scored_ratios(count, RatioParams()) == count
    assert scored_ratios({("a",): Series(AS_OF, few[:1], few[:1], few[:1])}, RatioParams()) == {}


def cause_of(
    value: float,
    expected: float,
    most_named: int = 3,
    **parts: tuple[tuple[float, float], tuple[float, float]],
) -> str | None:
    """The words for values of a device given as (buyers, forecast), (visitors, forecast)."""
    total = SeriesScore(0, value, expected, 0, 0, 9, 0, is_anomaly=True)
    numerators, denominators = ({"device": {k: v[i] for k, v in parts.items()}} for i in (0, 1))
    found = find_ratio_cause(
        total, numerators, denominators, DimensionParams(most_named=most_named)
    )
    return explain_ratio_cause(found) if found else None


def test_words_by_hand() -> None:
    """Half of the visitors buy a third as often: -1/2 (.06 - .02); .05 expected becomes .03."""
    said = cause_of(0.03, 0.05, a=((10, 30), (500, 500)), b=((20, 20), (500, 500)))
    assert said == (
        "Of the change -0.02000: the ratio within device a -0.02000 (0.02, expected 0.06; 50.00 % "
        "of the denominator, expected 50.00 %), other ratios +0.00000, all shares +0.00000; "
        "100 % explained by rate"
    )
    # a and the others change places, .2 and .8, between ratios of .1 and .05; .6 x .05 is all.
    said = cause_of(
        0.09, 0.06, a=((80, 20), (800, 200)), b=((5, 20), (100, 400)), c=((5, 20), (100, 400))
    )
    assert said == (
        "Of the change +0.03000: the share of device a +0.03000 (80.00 % of the denominator, "
        "expected 20.00 %; ratio 0.1, expected 0.1; of all others 0.05, expected 0.05), other "
        "shares +0.00000, all ratios +0.00000; 100 % explained by mix"
    )


def test_of_two_that_change_places_the_one_is_named_whose_share_changed_most() -> None:
    """Of .1 and .9 the first becomes .3, three times of it, while the other lost two ninths."""
    said = cause_of(0.035, 0.045, a=((0, 0), (300, 100)), b=((35, 45), (700, 900)))
    assert said is not None
    assert "the share of device a " in said


def test_forecasts_are_handed_down_so_that_they_make_the_expected_ratio() -> None:
    """Twice as many buyers are forecast of the values as of the whole: half of each."""
    once = cause_of(0.03, 0.05, a=((10, 30), (500, 500)), b=((20, 20), (500, 500)))
    assert cause_of(0.03, 0.05, a=((10, 60), (500, 500)), b=((20, 40), (500, 500))) == once


def test_a_value_that_appears_or_vanishes_did_so_by_its_share() -> None:
    came = cause_of(0.03, 0.05, old=((50, 50), (1000, 1000)), new=((10, 0), (1000, 0)))
    assert came is not None
    numbers_of_new = "ratio 0.01, expected 0.01; of all others 0.05, expected 0.05)"
    assert (
        f"device new -0.02000 (50.00 % of the denominator, expected 0.00 %; {numbers_of_new}"
        in came
    )
    went = cause_of(0.05, 0.03, old=((50, 50), (1000, 1000)), gone=((0, 10), (0, 1000)))
    assert went is not None
    assert (
        f"device gone +0.02000 (0.00 % of the denominator, expected 50.00 %; {numbers_of_new}"
        in went
    )
    # Nothing else is left of the denominator: the others are as they were.
    alone = cause_of(0.01, 0.03, old=((0, 50), (0, 1000)), new=((10, 10), (1000, 1000)))
    assert alone is not None
    assert "device old -0.02000 (0.00 %" in alone


def test_what_no_numbers_can_show_is_not_named() -> None:
    """Clicks of no device on what phones were shown: no ratio within any value explains them."""
    assert cause_of(0.08, 0.05, a=((50, 50), (1000, 1000)), unset=((30, 0), (0, 0))) is None
    said = cause_of(0.12, 0.05, a=((100, 50), (1000, 1000)), unset=((20, 0), (0, 0)))
    assert said is not None
    _, named, rest = numbers(said)
    assert [one[:3] for one in named] == [("ratio", "device a", 0.05)]
    assert rest == [0.02, 0.0]


def test_nothing_expected_nothing_there_and_no_change_have_no_cause() -> None:
    assert cause_of(0.03, 0.0, a=((30, 0), (1000, 1000)), b=((0, 0), (1, 1))) is None
    assert cause_of(0.03, 0.05, a=((0, 50), (0, 1000)), b=((0, 0), (0, 10))) is None
    assert cause_of(0.03, 0.05, a=((30, 0), (1000, 1000)), b=((0, 0), (1, 1))) is None
    assert cause_of(0.05, 0.05, a=((50, 50), (1000, 1000))) is None
    # A single value is the whole, and is no explanation of it.
    assert cause_of(0.03, 0.05, a=((30, 50), (1000, 1000))) is None
    # Three of four that fell are no single one.
    fell = {name: ((10, 20), (250, 250)) for name in "abc"}
    assert cause_of(0.05, 0.08, most_named=1, **fell, d=((20, 20), (250, 250))) is None


def test_ratios_are_flagged_for_nothing_no_more_often_than_their_denominators() -> None:
    """Conversion of 200 buyers a day, order values of 200 orders; visitors vary as KPIs do."""
    rng = np.random.default_rng(23)  # seeds 3 to 9 set the least numerator
    alarms, years, found, planted = np.zeros(3), 0.0, 0, 0
    for _ in range(25):
        day = np.arange(365)
        season, level = rng.normal(0, 0.2, 7)[day % 7], np.cumsum(rng.normal(0, 0.005, 365))
        usual = np.exp(season + level + rng.normal(0, 0.06, 365))
        own = rng.normal(0, 0.1, 7)[day % 7] + np.cumsum(rng.normal(0, 0.005, 365))
        strange = rng.random(365) < 0.01
        size = 1 + rng.choice([-1, 1], 365) * rng.uniform(0.3, 0.6, 365)
        own = np.exp(own + rng.normal(0, 0.03, 365)) * np.where(strange, size, 1.0)
        visitors, orders = rng.poisson(4000 * usual), rng.poisson(200 * usual)
        rate = rng.binomial(visitors, np.minimum(0.05 * own, 1)) / visitors
        value = np.array([rng.lognormal(4, 0.8, n).mean() for n in orders]) * own
        for at, series in enumerate((visitors.astype(float), rate, value)):
            for one in score_series(series):
                is_planted = at > 0 and strange[one.day]
                alarms[at] += one.is_anomaly and not is_planted
                planted += is_planted
                found += one.is_anomaly and is_planted
                years += 1 / 365 / 3
    # As is asked of counts (test_anomaly_series.py).
    assert alarms[1:].mean() / years <= 0.25
    assert alarms[0] / years <= 0.25
    assert found / planted > 0.65

"""Attribution of a shop of forty-five days against pandas and a linear solver.

Belongs here: one build of some seventeen hundred orders and an independent computation of it. Not
here: single journeys (`test_attribution_scenarios`).
"""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.laws.long_history import arriving, day_number
from tests.laws.shop import REGISTRY
from tests.laws.warehouse import Warehouse

DAYS = 45
CHANNELS = {"cpc": "Paid Other", "email": "Email"}
START, ORDER = "(start)", "(order)"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def log() -> list[Row]:
    return [row for number in range(1, DAYS + 1) for row in arriving(number)]


@pytest.fixture(scope="module")
def found(log: list[Row]) -> pd.DataFrame:
    warehouse = Warehouse()
    warehouse.add_rows(log)
    warehouse.set_days({day_number(number): True for number in range(1, DAYS + 1)})
    warehouse.run([])
    return warehouse.con.execute("""
        select model, cast(report_date as timestamp) as day, channel,
            cast(conversions as double) as conversions, cast(credit as double) as credit
        from marts.attribution
    """).df()


@pytest.fixture(scope="module")
def events(log: list[Row]) -> pd.DataFrame:
    """What persons did, each with its session. Whoever logs in does so at every visit."""
    rows = pd.DataFrame(log).drop_duplicates("event_id")
    rows = rows[~rows["is_bot"] & rows["anonymous_id"].notna()]
    rows = rows[rows["event_name"].map(lambda name: REGISTRY[name]["is_sessionable"])]
    rows = rows.sort_values(["anonymous_id", "event_ts", "event_id"], kind="stable")
    gap = rows.groupby("anonymous_id")["event_ts"].diff() > timedelta(minutes=30)
    rows["session"] = (gap | (rows["anonymous_id"] != rows["anonymous_id"].shift())).cumsum()
    return rows


def merged(channels: list[str]) -> list[str]:
    """Neighbours that are the same are one."""
    return [one for n, one in enumerate(channels) if n == 0 or channels[n - 1] != one]


@pytest.fixture(scope="module")
def journeys(events: pd.DataFrame) -> pd.DataFrame:
    """A row an order, and one a person and month of sessions without one: its sessions in order."""
    sessions = events.groupby("session").agg(
        person=("anonymous_id", "first"),
        started=("event_ts", "min"),
        medium=("utm_medium", "first"),
    )
    sessions["channel"] = sessions["medium"].map(CHANNELS).fillna("Direct")
    found, used = [], set()
    orders = events[events["event_name"] == "order_completed"]
    by_person = dict(list(sessions.groupby("person")))
    for order in orders.itertuples():
        mine = by_person[order.anonymous_id]
        age = order.event_ts - mine["started"]
        path = mine[(age >= timedelta(0)) & (age <= timedelta(days=30))].sort_values("started")
        used |= set(path.index)
        found.append({"day": order.event_ts.normalize(), "value": float(order.price),
                      "channels": list(path["channel"]),
                      "ages": [age[n] / timedelta(days=7) for n in path.index],
                      "ordered": True})  # fmt: skip
    lost = sessions[~sessions.index.isin(used)].sort_values("started")
    for (_, month), path in lost.groupby(["person", lost["started"].dt.to_period("M")]):
        found.append({"day": month.start_time, "channels": list(path["channel"]), "ordered": False})
    return pd.DataFrame(found)


def conversion_probability(steps: pd.DataFrame, removed: str | None) -> float:
    """From the start to an order: (I - Q) x = r."""
    q = steps.drop(columns=[ORDER, "(nowhere)"], errors="ignore")
    q = q.reindex(index=q.index, columns=q.index, fill_value=0.0).copy()
    reward = steps[ORDER].copy()
    if removed is not None:
        q.loc[removed], reward[removed] = 0.0, 0.0
    solved = np.linalg.solve(np.eye(len(q)) - q.to_numpy(), reward.to_numpy())
    return float(solved[list(q.index).index(START)])


def effects_of(journeys: pd.DataFrame) -> dict[str, float]:
    """Channel -> removal effect of a month."""
    pairs = []
    for one in journeys.itertuples():
        way = [START, *merged(one.channels), ORDER if one.ordered else "(nowhere)"]
        pairs += list(pairwise(way))
    steps = pd.crosstab(*np.array(pairs).T, normalize="index")
    whole = conversion_probability(steps, None)
    return {
        channel: 1 - conversion_probability(steps, channel) / whole
        for channel in steps.index
        if channel != START
    }


def weights_of(order: Any, effects: dict[str, float]) -> dict[str, list[tuple[str, float]]]:
    """Model -> channel and weight of each touch."""
    touches = merged(order.channels)
    last_of = [n for n, one in enumerate(order.channels)
               if n + 1 == len(order.channels) or order.channels[n + 1] != one]  # fmt: skip
    count = len(touches)
    ends = [1.0] if count == 1 else [0.5, 0.5]
    if count > 2:
        ends = [0.4, *[0.2 / (count - 2)] * (count - 2), 0.4]
    named = [channel for channel in touches if channel != "Direct"] or touches
    return {
        "first": [(touches[0], 1.0)],
        "last": [(touches[-1], 1.0)],
        "last_non_direct": [(named[-1], 1.0)],
        "linear": [(channel, 1.0) for channel in touches],
        "time_decay": [
            (touch, 0.5 ** order.ages[n]) for touch, n in zip(touches, last_of, strict=True)
        ],
        "position_based": list(zip(touches, ends, strict=True)),
        "shapley": [(channel, 1.0) for channel in sorted(set(touches))],
        "markov": [(channel, effects[channel]) for channel in sorted(set(touches))],
    }  # fmt: skip


@pytest.fixture(scope="module")
def expected(journeys: pd.DataFrame) -> pd.DataFrame:
    months = journeys["day"].dt.to_period("M")
    effects = {month: effects_of(mine) for month, mine in journeys.groupby(months)
               if mine["ordered"].any()}  # fmt: skip
    parts = []
    for order in journeys[journeys["ordered"]].itertuples():
        for model, weights in weights_of(order, effects[order.day.to_period("M")]).items():
            total = sum(weight for _, weight in weights)
            parts += [
                (model, order.day, channel, weight / total, weight / total * order.value)
                for channel, weight in weights
            ]
    table = pd.DataFrame(parts, columns=["model", "day", "channel", "conversions", "credit"])
    return table.groupby(["model", "day", "channel"], as_index=False).sum()


def test_every_share_of_every_day_is_that_of_pandas(found, expected, journeys):
    orders = journeys[journeys["ordered"]]
    assert len(orders) > 1_500
    assert orders["channels"].map(merged).map(len).max() > 4
    both = found.merge(expected, on=["model", "day", "channel"], how="outer", suffixes=("", "_too"))
    assert not both.isna().any().any(), both[both.isna().any(axis=1)]
    # Each order's share is rounded by less than a unit.
    assert (both["conversions"] - both["conversions_too"]).abs().max() < 50e-6
    assert (both["credit"] - both["credit_too"]).abs().max() < 50e-4
    assert found.groupby("model")["conversions"].sum().round(6).unique() == [len(orders)]
    assert found.groupby("model")["credit"].sum().round(4).unique() == [orders["value"].sum()]

"""Sessions of the simulated shop, read from its event files, with machines among them.

The shop's own crawlers say what they are; here they are taken for visitors like others. Two kinds
of scrapers are planted besides, of as many views as customers with many have: one that reads a page
a minute, nearly evenly, and one that reads all at once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ml.anomaly_sessions import SESSIONS_SCHEMA
from ml.simulation import SESSIONABLE, Settings, Simulation

START = date(2026, 3, 1)
SCRAPERS = ("slow", "burst")
_SHOWN = {
    *("page_viewed", "product_viewed", "product_list_viewed", "page_pinged", "promotion_viewed"),
    *("recommendation_shown", "experiment_viewed"),
}
_PAUSE = timedelta(minutes=30)


def shop_sessions(
    seed: int, days: int = 8, visitors: int = 120
) -> tuple[list[dict[str, Any]], set[str]]:
    """Rows of SESSIONS_SCHEMA, those of the last day to be scored; ids of crawlers' sessions."""
    simulation = Simulation(Settings(seed=seed, days=days, start=START, visitors_per_day=visitors))
    by_visitor = _events_by_visitor(simulation)
    crawlers = {
        one
        for person in simulation.truth.tables()["persons"].to_pylist()
        if person["is_bot"]
        for one in person["anonymous_ids"]
    }
    rows: list[dict[str, Any]] = []
    machines = set()
    for who, events in sorted(by_visitor.items()):
        for run in _runs(events):
            made = _session(who, run, days)
            if made:
                rows.append(made)
                machines |= {made["session_id"]} if who in crawlers else set()
    return rows, machines


def _events_by_visitor(simulation: Simulation) -> dict[str, list[Any]]:
    """The first copy of each sessionable event, in order of time."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    lines = (line for files in simulation.days() for file in files for line in file.lines)
    for line in lines:
        try:
            event = json.loads(line)
            name, who = event["event_name"], event["anonymous_id"]
            at = datetime.fromisoformat(event["event_ts"].rstrip("Z"))
        except (ValueError, KeyError, TypeError):
            continue
        if name in SESSIONABLE and who and at.year >= START.year:
            found[who].setdefault(event["event_id"], (at, event["event_id"], event))
    return {who: sorted(own.values(), key=lambda e: e[:2]) for who, own in found.items()}


def _runs(events: list[Any]) -> list[list[Any]]:
    runs = [[events[0]]]
    for before, event in pairwise(events):
        if event[0] - before[0] > _PAUSE:
            runs.append([])
        runs[-1].append(event)
    return runs


def _session(who: str, run: list[Any], days: int) -> dict[str, Any] | None:
    views = [(at, key, event) for at, key, event in run if event["event_name"] == "page_viewed"]
    if len(views) < 4:
        return None
    return made_session(
        f"{who} {run[0][0]:%d %H:%M:%S}",
        run[0][0],
        np.diff([at.timestamp() for at, _, _ in views]),
        places=len({event.get("page_path") for _, _, event in views}),
        acts=sum(event["event_name"] not in _SHOWN for _, _, event in run),
        is_scored=run[0][0].date() == START + timedelta(days=days - 1),
        device_type=run[0][2].get("device_type"),
    )


def made_session(
    name: str,
    at: datetime,
    gaps: Any,
    *,
    places: int,
    acts: int = 0,
    is_scored: bool = False,
    device_type: str | None = "desktop",
) -> dict[str, Any]:
    """A row of SESSIONS_SCHEMA."""
    low, middle, high = np.quantile(gaps, [0.25, 0.5, 0.75])
    return {
        "session_id": name,
        "event_key": f"{name} 0",
        "person_id": name,
        "started_at": at,
        "device_type": device_type,
        "views": len(gaps) + 1,
        "places": places,
        "acts": acts,
        "gap_low_s": low,
        "gap_s": middle,
        "gap_high_s": high,
        "is_bot": False,
        "view_event_keys": [f"{name} {i}" for i in range(min(len(gaps) + 1, 10))],
        "is_scored": is_scored,
    }


def scrapers(
    kind: str, number: int, seed: int, at: datetime, *, is_scored: bool = True
) -> list[dict[str, Any]]:
    """Sessions of scrapers of a kind, one after another."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(number):
        views = int(rng.integers(9, 26))
        gaps = rng.normal(60, 6, views).clip(1) if kind == "slow" else rng.exponential(0.7, views)
        found.append(
            made_session(
                f"{kind} {seed} {i}",
                at + timedelta(minutes=10 * i),
                gaps,
                places=int(rng.binomial(views, 0.95)),
                is_scored=is_scored,
            )
        )
    return found


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_pylist(rows, schema=SESSIONS_SCHEMA)

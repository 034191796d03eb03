"""Two funnels of the clickstream shop, walked by pandas: one that holds, one that excludes.

Belongs here: attempts and steps, from the shop's log alone. Not here: what the warehouse makes of
it (`test_clickstream_shop`).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

Times = Mapping[str, np.ndarray]
# From the times of each event of a visitor, the time of a view and its page to the times of all
# steps reached.
Walk = Callable[[Times, np.datetime64, str], list[np.datetime64]]
NEVER = np.datetime64("2100-01-01")


def first_from(times: np.ndarray, since: np.datetime64) -> np.datetime64:
    """The first of the sorted times at or after one."""
    place = times.searchsorted(since)
    return times[place] if place < len(times) else NEVER


def looks_of_a_day(mine: Times, entered: np.datetime64, page: str) -> list[np.datetime64]:
    """The first three looks at the page within a day."""
    looks = mine[page]
    return list(looks[(looks >= entered) & (looks <= entered + np.timedelta64(1, "D"))][:3])


def until_lost(mine: Times, entered: np.datetime64, page: str) -> list[np.datetime64]:
    """The view, then the cart and the order within a week and before the path is lost."""
    lost = first_from(mine["lost"], entered)
    times = [entered]
    for name in ("cart", "payment_done"):
        reached = first_from(mine[name], times[-1])
        if reached > entered + np.timedelta64(7, "D") or reached >= lost:
            break
        times.append(reached)
    return times


def furthest_attempts(clicks: pd.DataFrame, walk: Walk) -> pd.DataFrame:
    """An entry a visitor and date of a product view: of its attempts the furthest, then the first.

    Args:
        clicks: user_id, timestamp and event, in the order of the first two.
        walk: see `Walk`.

    Returns:
        user, day, page of the view and times of the steps reached.
    """
    none = np.array([], dtype="datetime64[ns]")
    by_user: dict[str, Times] = defaultdict(lambda: defaultdict(lambda: none))
    for (user, name), times in clicks.groupby(["user_id", "event"])["timestamp"]:
        by_user[user][name] = times.to_numpy("datetime64[ns]")
    views = clicks[clicks["event"].str.startswith("product")]
    assert not views.duplicated(["user_id", "timestamp"]).any()
    attempts = pd.DataFrame(
        {"user": views["user_id"], "entered": views["timestamp"], "page": views["event"]}
    )
    attempts["day"] = attempts["entered"].dt.date
    attempts["times"] = [
        walk(by_user[one.user], one.entered.to_datetime64(), one.page)
        for one in attempts.itertuples()
    ]
    attempts["reached"] = attempts["times"].str.len()
    best = attempts.sort_values(["reached", "entered"], ascending=[False, True])
    return best.drop_duplicates(["user", "day"])[["user", "day", "page", "times"]]


def steps_of(entries: pd.DataFrame, number: int) -> dict[int, tuple]:
    """Conversions, and median and p90 seconds since the first step, by step."""
    rows = {}
    for step in range(1, number + 1):
        there = [times for times in entries["times"] if len(times) >= step]
        seconds = [(times[step - 1] - times[0]) / np.timedelta64(1, "s") for times in there]
        is_timed = step > 1 and bool(there)
        rows[step] = (len(there), *(np.quantile(seconds, [0.5, 0.9]) if is_timed else (None, None)))
    return rows

"""How soon after the log-in before it does one come from another country?

Log-ins carry a country, not a place on the globe, so that there is no speed in kilometres: what is
asked is how few of the changes of country, of the person and of everybody, took as little time.
Where people change countries in minutes, as through private networks, that is no surprise.

Here: the surprisal. How rare the country is in itself is a part of its own (surprisal.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.causal_counts import at_least_before, counted_before, last_before
from ml.interactions import encode_sorted

_MICROSECONDS_PER_HOUR = 3_600_000_000
# As quick as a quarter of all changes is no surprise. In simulation, average precision of log-ins
# from elsewhere within the hour, and of the intruders that were planted before (.929 without this
# part): half .912 and .915, a third .902 and .921, a quarter .891 and .923.
_USUAL = 4

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def travel_surprisal(
    country: Any,
    person: IntArray,
    times: IntArray,
    is_usual: BoolArray,
    journey_hours: float,
    alpha: float,
) -> tuple[FloatArray, IntArray]:
    """Surprisal of a change of country so soon, and the log-in that it is a change from.

    -ln 4 P(hours <= h | the country changed), not below 0: the share of everybody's earlier changes
    that took no longer, smoothed towards hours that are uniform up to those of a journey, or that
    of the person's own if it is larger. The person's log-ins from the country before vouch for it.
    No change of country, or one of an unknown country, is no surprise.

    Args:
        country: (n,) text, in row order.
        person: (n,) whose row it is.
        times: (n,) microseconds since 1970, not falling.
        is_usual: (n,) whether the row teaches later ones.
        journey_hours: after so many hours a change is as usual as ever, as long as none was seen.
        alpha: pseudo-changes of a journey, and pseudo-log-ins that do not vouch for a country.

    Returns:
        (n,) nats; (n,) the row of the person's last usual log-in from a known country, or -1.
    """
    given = country.is_valid().to_numpy(zero_copy_only=False).astype(bool)
    names, code = encode_sorted(country.fill_null(""))
    last = last_before(person, is_usual & given)
    changed = np.flatnonzero(given & (last >= 0) & (code != code[last]))
    took = times[changed] - times[last[changed]]
    teaches, everybody = is_usual[changed], np.zeros(len(changed), dtype=np.int64)
    every = np.ones(len(changed), dtype=bool)
    prior = np.minimum(took / (journey_hours * _MICROSECONDS_PER_HOUR), 1.0)
    # Two log-ins of one microsecond would be infinitely strange.
    prior = np.maximum(prior, 1.0 / (journey_hours * 3600))
    shares = []
    for group, backing in ((everybody, alpha * prior), (person[changed], 0.0)):
        as_soon, _ = at_least_before(-took.astype(np.float64), teaches, group, every)
        shares.append((as_soon + backing) / (counted_before(group, teaches) + alpha))
    known = counted_before(person * len(names) + code, is_usual & given)[changed]
    surprisal = np.zeros(len(times))
    share = np.minimum(_USUAL * np.maximum(*shares), 1.0)
    surprisal[changed] = -np.log((known + alpha * share) / (known + alpha))
    return surprisal, last

"""Experiments by following each person: which variant it met first, and what it did around then.

Belongs here: docs/metrics.md, "Experiments", without the statistics. Not here: who a person is
(`identity`), nor what an order or a session is.
"""

import json
from collections import defaultdict
from typing import Any

from tests.laws.oracle.events import Row, in_order

NOT_SET = "(not set)"


def property_of(event: Row, name: str) -> str | None:
    """A property as text, null where it is not there or null."""
    value: Any = json.loads(event["properties"] or "{}").get(name)
    return None if value is None else str(value)


def exposures(winners: list[Row]) -> list[Row]:
    """`core.fct_experiment_exposures`, bots among them."""
    table = []
    for event in winners:
        names = {name: property_of(event, f"{name}_id") for name in ("experiment", "variant")}
        if event["role"] == "experiment" and None not in names.values():
            columns = ("event_key", "visitor_id", "user_id", "event_ts", "event_date",
                       "report_date", "arrival_date", "source", "device_type", "country",
                       "is_bot")  # fmt: skip
            table.append({**names, **{name: event[name] for name in columns}})
    return table


def units(winners: list[Row]) -> list[Row]:
    """`core.fct_experiment_units`: persons by the variant that they met first; no bots' events."""
    met: dict[tuple[str, str], list[tuple[Row, str]]] = defaultdict(list)
    person_of = {event["event_key"]: event for event in winners}
    for exposure in exposures(winners):
        event = person_of[exposure["event_key"]]
        if event["person_id"] is not None and not event["is_bot"]:
            met[exposure["experiment"], event["person_id"]].append((event, exposure["variant"]))
    table = []
    for (experiment, person_id), seen in met.items():
        seen.sort(key=lambda pair: in_order(pair[0]))
        first, variant = seen[0]
        table.append(
            {
                "experiment": experiment,
                "person_id": person_id,
                "variant": variant,
                "device_type": first["device_type"] or NOT_SET,
                "country": first["country"] or NOT_SET,
                "is_contaminated": len({name for _, name in seen}) > 1,
                "exposure_count": len(seen),
                "exposed_at": first["event_ts"],
                "last_exposed_at": seen[-1][0]["event_ts"],
                "event_key": first["event_key"],
            }
        )
    return table

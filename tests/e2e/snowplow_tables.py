"""Snowplow's warehouse tables, put back into the enriched TSV that they are loaded from."""

import csv
from collections import defaultdict
from pathlib import Path

from dagster_project.ingest.snowplow_columns import COLUMNS
from tests.snowplow_lines import (
    ECOMMERCE,
    SNOWPLOW,
    contexts,
    enriched_line,
    self_describing_event,
)

ENTITIES = ("cart", "checkout_step", "page", "product", "transaction", "user")
Row = dict[str, str]
# An entity's keys; the tables add the first three, one of them twice.
BESIDE = ("root_id", "root_tstamp", "schema_name")


def table(folder: Path, name: str) -> list[Row]:
    """The rows of one of the publisher's files."""
    return list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))


def by_event(folder: Path, name: str) -> dict[str, list[Row]]:
    """The entities of a table by the event that they are of."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in table(folder, name):
        values = {key: value for key, value in row.items() if key not in BESIDE and value}
        found[row["root_id"]].append(values)
    return found


def enriched_lines(source: Path, *, is_collectors_time: bool) -> list[str]:
    """The lines from which such tables are loaded; without a derived time if so asked."""
    events = table(source, "snowplow_ecommerce_events")
    entities = {
        f"{ECOMMERCE}/{name}": by_event(
            source, f"com_snowplowanalytics_snowplow_ecommerce_{name}_1"
        )
        for name in ENTITIES
    }
    entities[f"{SNOWPLOW}/web_page"] = by_event(source, "com_snowplowanalytics_snowplow_web_page_1")
    action = by_event(source, "com_snowplowanalytics_snowplow_ecommerce_action_1")
    sessions = by_event(source, "com_snowplowanalytics_snowplow_client_session_1")
    lines = []
    for event in events:
        key = event["event_id"]
        columns = {name: value for name, value in event.items() if name in COLUMNS}
        for name in columns:
            if name.endswith("_tstamp"):
                columns[name] = columns[name].removesuffix("+00:00")
        if is_collectors_time:
            columns["derived_tstamp"] = ""
        given = [(schema, one) for schema, rows in entities.items() for one in rows[key]]
        # The tables write the keys of this one context in their own way.
        given += [
            (f"{SNOWPLOW}/client_session",
             {"userId": one["user_id"], "sessionId": one["session_id"]})
            for one in sessions[key]
        ]  # fmt: skip
        columns["contexts"] = contexts(*given)
        if key in action:
            columns["unstruct_event"] = self_describing_event(
                f"{ECOMMERCE}/snowplow_ecommerce_action", action[key][0]
            )
        lines.append(enriched_line(columns))
    return lines

"""Lines of Snowplow's enriched TSV, made of the columns and contexts that a test names.

Belongs here: how the tracker's pipeline writes a line. Not here: what footfall makes of it.
"""

import json
from collections.abc import Mapping
from typing import Any

from dagster_project.ingest.snowplow_columns import COLUMNS

SNOWPLOW = "com.snowplowanalytics.snowplow"
ECOMMERCE = f"{SNOWPLOW}.ecommerce"
Context = tuple[str, Mapping[str, Any]]


def _self_describing(schema: str, data: Any) -> dict[str, Any]:
    return {"schema": f"iglu:{schema}/jsonschema/1-0-0", "data": data}


def contexts(*given: Context) -> str:
    """The column `contexts` of (vendor/name, data)."""
    data = [_self_describing(schema, values) for schema, values in given]
    return json.dumps(_self_describing(f"{SNOWPLOW}/contexts", data))


def self_describing_event(schema: str, data: Mapping[str, Any]) -> str:
    """The column `unstruct_event`."""
    return json.dumps(
        _self_describing(f"{SNOWPLOW}/unstruct_event", _self_describing(schema, data))
    )


def enriched_line(values: Mapping[str, str]) -> str:
    """A line without its end; columns that are not named are empty.

    Raises:
        ValueError: a name is no column of the enriched event.
    """
    if unknown := set(values) - set(COLUMNS):
        raise ValueError(f"no columns of the enriched event: {sorted(unknown)}")
    return "\t".join(values.get(name, "") for name in COLUMNS)


def action_line(kind: str, *given: Context, name: str | None = None, **more: str) -> str:
    """The line of an e-commerce action such as `add_to_cart` with its contexts."""
    return enriched_line(
        {
            "event": "unstruct",
            "event_name": "snowplow_ecommerce_action",
            "unstruct_event": self_describing_event(
                f"{ECOMMERCE}/snowplow_ecommerce_action", {"type": kind, "name": name}
            ),
            "contexts": contexts(*given),
            **more,
        }
    )

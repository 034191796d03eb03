"""Rows of the log from a simulated shop's lines, for tests that load them straight.

Belongs here: what ingest makes of a line that breaks no rule. Not here: which shop is simulated.
"""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from ml.simulation import DayFile
from tests.laws.log_rows import log_row
from tests.laws.warehouse import Row

_COLUMNS = (
    "event_id", "anonymous_id", "device_id", "user_id", "page_path", "order_id", "currency",
    "product_id", "impression_id", "device_type", "country", "properties",
)  # fmt: skip
_NUMBERS = ("price", "quantity", "revenue")


def rows_of(file: DayFile, names: Collection[str]) -> Iterator[Row]:
    """The log's rows of a file, those with some event names."""
    for number, line in enumerate(file.lines, start=1):
        event: dict[str, Any] = json.loads(line)
        name = event.pop("event_name")
        if name not in names:
            continue
        event["properties"] = json.dumps(event.get("properties") or {})
        numbers = {key: Decimal(str(event[key])) for key in _NUMBERS if event.get(key) is not None}
        at = datetime.fromisoformat(event.pop("event_ts").removesuffix("Z")).replace(tzinfo=None)
        columns = {key: value for key, value in event.items() if key in _COLUMNS} | numbers
        yield log_row(
            columns.pop("event_id"), name, at, arrival_date=file.date,
            **columns | {"source": "web", "source_file": f"web/{file.date}/{file.name}",
                         "source_line": number},
        )  # fmt: skip

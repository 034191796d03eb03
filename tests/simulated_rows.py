"""Rows of the log from a simulated shop's lines, for tests that load them straight.

Belongs here: what ingest makes of a line that breaks no rule. Not here: which shop is simulated.
"""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from ml.simulation import DayFile
from tests.laws.log_rows import LOG_COLUMNS, log_row
from tests.laws.warehouse import Row

_MONEY = ("price", "quantity", "revenue")


def rows_of(file: DayFile, names: Collection[str]) -> Iterator[Row]:
    """The log's rows of a file, those with some event names."""
    for number, line in enumerate(file.lines, start=1):
        event: dict[str, Any] = json.loads(line)
        name = event.pop("event_name")
        if name not in names:
            continue
        event["properties"] = json.dumps(event.get("properties") or {})
        money = {key: Decimal(str(event[key])) for key in _MONEY if event.get(key) is not None}
        at = datetime.fromisoformat(event.pop("event_ts").removesuffix("Z")).replace(tzinfo=None)
        columns = {key: value for key, value in (event | money).items() if key in LOG_COLUMNS}
        yield log_row(
            columns.pop("event_id"), name, at, arrival_date=file.date,
            **columns | {"source": "web", "source_file": f"web/{file.date}/{file.name}",
                         "source_line": number},
        )  # fmt: skip

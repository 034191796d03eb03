"""What a source's settings make of a file's bytes, as candidates.

Belongs here: what tests of formats need to read one file. Not here: what they expect of it.
"""

import json
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.ingest.config import ReadLimits, SourceSettings
from dagster_project.ingest.mapping import CANDIDATE_COLUMNS, create_candidates, load_candidates


def candidate_rows(
    folder: Path,
    data: bytes,
    source: SourceSettings,
    ending: str = ".jsonl",
    place: str = "shop/d/a",
) -> list[dict[str, Any]]:
    """The candidates of a file in the order of its lines; `properties` as an object.

    `place` is where it lies below `landing/`.
    """
    file = folder / f"a{ending}"
    file.write_bytes(data)
    with duckdb.connect() as con:
        create_candidates(con)
        (outcome,) = load_candidates(con, {place: file}, "shop", source, ReadLimits()).values()
        found = con.execute("from candidates order by source_line").fetchall()
    assert outcome == len(found)
    rows = [dict(zip(CANDIDATE_COLUMNS, row, strict=True)) for row in found]
    for row in rows:
        row["properties"] = json.loads(row["properties"])
    return rows


def given(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a candidate that have a value, without where it was read and its times."""
    aside = {"source", "source_file", "source_line", "raw", "properties", "event_ts", "sent_ts",
             "event_ts_parsed", "sent_ts_parsed"}  # fmt: skip
    return {name: value for name, value in row.items() if value is not None and name not in aside}

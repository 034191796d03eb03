"""Two landed days with something of everything, and what a log of them holds.

A row each for the quarantine, and a file that is refused whole. Belongs here: the files, loading
them undisturbed, and the content of a log as a value that two loadings can be compared by. Not
here: what disturbs a loading.
"""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.ingest import seals
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.landed_days import event, json_lines, land, land_day, load, state_with
from tests.sealed_log import copy_of

FIRST, SECOND = "2026-11-01", "2026-11-02"
DAYS = [date.fromisoformat(FIRST), date.fromisoformat(SECOND)]
NOW = "2026-11-03T03:00:00"
SETTINGS = "settings: {quarantine_share: 0.5}\nsources: {shop: {format: canonical}}\n"


def land_two_days(home: Path) -> StatePaths:
    """A state folder with the files landed and nothing loaded."""
    paths = state_with(home, SETTINGS)
    for day in (FIRST, SECOND):
        land_day(paths, day, rows=4)
        bad = [event(9, f"{day}T10:00:00Z", event_id=f"{day}9"), {"event_name": "lost"}]
        land(paths, f"shop/{day}/mixed.jsonl", json_lines(bad))
    land(paths, f"shop/{SECOND}/latin.jsonl", b"\xe9\n")
    return paths


def undisturbed_content(landed: StatePaths, home: Path) -> dict[str, Any]:
    """What the log holds after a loading that nothing disturbed."""
    paths = copy_of(landed, home)
    load(paths, FIRST, SECOND, now=NOW)
    content = content_of(paths)
    # By hand: four good rows and one of the mixed file a day; one row each in quarantine, and the
    # file that cannot be read.
    assert content["counts"] == [(FIRST, 5, True), (SECOND, 5, True)]
    assert [row[1] for row in content["quarantine"]] == [2, 0, 2]
    return content


def content_of(paths: StatePaths) -> dict[str, Any]:
    """What a log holds: rows, counts by file, quarantine; pseudonyms by whom they stand for."""
    chain = seals.load_chain(paths)
    with Vault.open(paths) as vault, duckdb.connect() as con:
        known = {
            vault.lookup("anonymous", "shop", f"cookie-{number}"): number for number in range(10)
        }
        rows = con.execute(
            "select * exclude (anonymous_id), anonymous_id from read_parquet(?) order by all",
            [[str(paths.home / part.path) for one in chain for part in one.parts]],
        ).fetchall()
        quarantine = [
            (row.source_file, row.source_line, row.reasons, row.raw)
            for day in DAYS
            for row in read_quarantine(paths, vault, day)
        ]
    return {
        "rows": sorted([(*row[:-1], known[row[-1]]) for row in rows], key=repr),
        "counts": [(str(one.arrival_date), one.rows, one.closes_day) for one in chain],
        "files": sorted(
            (file.path, file.read, file.logged, file.quarantined)
            for one in chain
            for file in one.files
        ),
        "refused": [(file.path, file.reason) for one in chain for file in one.refused],
        "quarantine": quarantine,
        "parts": [part.path for one in chain for part in one.parts],
    }

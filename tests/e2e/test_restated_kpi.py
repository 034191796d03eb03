"""A KPI that was published and is restated: by a late file, a file delivered again, a replay.

Two whole runs by the command, and what they leave said of it. Expected numbers are counted by hand.
"""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest import seals
from dagster_project.records.entries import load_entries
from dagster_project.state import StatePaths
from tests.e2e.command import footfall, must, served
from tests.landed_days import event, json_lines, land

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=2)
AT = f"{DAY}T10:00:00Z"
SETTINGS = "settings: {max_json_depth: 8}\nsources: {shop: {format: canonical}, app: {format: canonical}}\n"  # noqa: E501
FIRST, PACKED = f"shop/{DAY}/a.jsonl", f"shop/{DAY}/b.jsonl.gz"


def views(first: int, count: int) -> list[dict[str, Any]]:
    return [event(number, AT) for number in range(first, first + count)]


def too_deep() -> dict[str, Any]:
    nested: Any = 1
    for _ in range(10):
        nested = [nested]
    return event(900, AT, nested=nested)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty views published; then six more of the same day, in three ways."""
    folder = tmp_path_factory.mktemp("restated") / "state"
    paths = StatePaths(folder)
    must(folder, "init")
    paths.settings_file.write_text(SETTINGS)
    # One row of 21 is refused, and a file that ends too early.
    land(paths, FIRST, json_lines([*views(0, 20), too_deep()]))
    packed = gzip.compress(json_lines(views(100, 3)))
    land(paths, PACKED, packed[:-12])
    must(folder, "run")
    return folder


@pytest.fixture(scope="module")
def restated(home: Path) -> dict[str, str]:
    """What the commands said on the second day of work."""
    paths = StatePaths(home)
    land(paths, f"app/{DAY}/late.jsonl", json_lines(views(200, 2)))
    land(paths, PACKED, gzip.compress(json_lines(views(100, 3))))
    changed = paths.landing / FIRST
    changed.write_bytes(changed.read_bytes() + json_lines(views(300, 1)))
    paths.settings_file.write_text(SETTINGS.replace("max_json_depth: 8", ""))
    said = {"replay": must(home, "replay")}
    run = footfall(home, "run")
    assert run.returncode == 0, run.stderr
    said["run"] = run.stderr
    return said


def page_views(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select publication, published_after, replaced_by_publication, published_value, "
        "current_value, is_restated, changed_by_arrival_dates, changed_by_events, "
        "changed_by_events_by_source from marts.kpi_restatements "
        "where report_date = ? and metric = 'page_views' order by 1",
        [DAY],
    ).fetchall()


def test_the_published_set_names_old_value_new_value_and_the_arrival_that_did_it(home, restated):
    with served(home) as con:
        (row,) = page_views(con)
    # 20 + 2 late + 3 delivered again + 1 replayed; the changed file's view is not loaded.
    by_source = row[-1]
    assert row[:-1] == (1, DAY, None, Decimal(20), Decimal(26), True, [TODAY], 6)
    assert json.loads(by_source) == {"app": 2, "shop": 4}


def test_the_restated_value_is_recorded_with_its_publication(home, restated):
    file = home / "records" / "kpi_values" / "00000002.parquet"
    with duckdb.connect() as con:
        found = con.execute(
            "select publication, published_after, value from read_parquet(?) "
            "where report_date = ? and metric = 'page_views'", [str(file), DAY],
        ).fetchall()  # fmt: skip
    assert found == [(2, DAY, Decimal(26))]
    first, second = load_entries(StatePaths(home))
    assert (first.publication.version, second.publication.version) == (1, 2)
    # The view of the warehouse knows it at once; the published table knew what it was made of.
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        rows = page_views(con)
    assert [(row[0], row[2], row[3], row[5]) for row in rows] == [
        (1, 2, Decimal(20), True), (2, None, Decimal(26), False),
    ]  # fmt: skip


def test_what_changed_of_persons_is_recorded(home, restated):
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        found = con.execute(
            "select publication, attribute, old_value, new_value, count(*) "
            "from marts.customer_360_history group by all order by 1"
        ).fetchall()
    # Every view is by a person of its own: twenty came, then six.
    assert found == [(1, "is_present", "false", "true", 20), (2, "is_present", "false", "true", 6)]


def test_late_files_and_those_delivered_again_are_in_the_open_day(home, restated):
    of_today = [
        (file.path, file.read, file.logged, file.replay is not None)
        for one in seals.load_chain(StatePaths(home)) if one.arrival_date == TODAY
        for file in one.files
    ]  # fmt: skip
    assert sorted(of_today) == [
        (f"app/{DAY}/late.jsonl", 2, 2, False), (FIRST, 1, 1, True), (PACKED, 3, 3, False),
    ]  # fmt: skip


def test_a_file_that_changed_after_its_seal_is_reported_by_every_command_in_a_line(home, restated):
    line = f"landing/{FIRST}: changed after it was sealed; not loaded"
    assert line in restated["run"]
    doctor = footfall(home, "doctor")
    assert next(text for text in doctor.stdout.splitlines() if line in text).startswith("!!")
    again = footfall(home, "run")
    assert again.stdout.startswith("nothing to do")
    assert f"warning: {line}" in again.stderr


def test_the_replay_says_what_it_sealed(restated):
    assert restated["replay"].startswith(f"{TODAY}: sealed 1 rows of 1 files as seal 2\n")


def test_verify_checks_the_records_as_well(home, restated, tmp_path):
    assert "ok: 2 entries of records" in must(home, "verify")
    entry = home / "records" / "chain" / "00000001.json"
    kept = entry.read_bytes()
    entry.write_bytes(kept.replace(str(DAY).encode(), str(TODAY).encode()))
    try:
        found = footfall(home, "verify")
    finally:
        entry.write_bytes(kept)
    assert found.returncode == 1
    assert "records/chain/00000001.json: is not what was recorded" in found.stderr

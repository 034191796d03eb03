"""Law 3 through everything: random histories landed as files, and materialised by Dagster.

Belongs here: five histories in one state folder, their days in parts, in ranges and singly, newer
ones first, one run killed, a day again, and one that has only begun; `footfall rebuild` judges at
the end. Not here: the oracle, which knows nothing of vault and contract (`test_law3_through_dbt`
has it judge dbt).
"""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import pytest

from dagster_project.definitions import build_defs
from dagster_project.ingest import seals
from dagster_project.ingest.config import load_settings
from dagster_project.rebuild import Rebuilt, rebuild
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.landed_days import land, load, state_with
from tests.laws.histories import History, random_history

SIZE, LONGEST_DAYS = 5, 6
SEED = 7
BASE = date(2026, 5, 11)
SETTINGS = """\
settings: {quarantine_share: 1, start: 2026-05-01, reporting_timezone: Europe/Berlin}
bots: {max_views_per_minute: 3}
sources:
  web: {format: canonical}
  till: {format: canonical, order_grain: line}
  app: {format: canonical, sessions: source}
funnels:
  purchase: {window: 1 day, steps: [product_viewed, product_added, order_completed]}
"""
# What no source says of its own events.
_OURS = {"source", "arrival_date", "source_file", "source_line", "contract_version"}
Parts = dict[tuple[str, date, int], list[dict[str, Any]]]


def short_histories() -> list[History]:
    """Five histories, none longer than some days, so that few partitions of models are trained."""
    rng, found = Random(SEED), list[History]()
    while len(found) < SIZE:
        prefix = f"h{len(found)}-"
        one = random_history(rng, base=BASE, prefix=prefix, timezone="Europe/Berlin", kills=False)
        if (one.as_of - BASE).days < LONGEST_DAYS and len(one.log_rows) >= 12:
            found.append(one)
    return found


def as_sent(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the log as its source would have sent it."""
    sent = {name: value for name, value in row.items() if name not in _OURS and value is not None}
    for name, value in sent.items():
        if isinstance(value, datetime):
            sent[name] = value.isoformat() + "Z"
        elif isinstance(value, Decimal):
            sent[name] = float(value)
    return {**sent, "properties": json.loads(row["properties"])}


def parts_of(histories: list[History]) -> Parts:
    """What the sources deliver: by source, day and part of the day."""
    parts: Parts = defaultdict(list)
    for one in histories:
        for day, of_day in one.seals.items():
            for number, rows in enumerate(of_day):
                for row in rows:
                    parts[row["source"], day, number].append(as_sent(row))
    return parts


def deliver(paths: StatePaths, parts: Parts, number: int) -> None:
    """Land the first or the second parts of all days."""
    for (source, day, part), rows in parts.items():
        if part == number:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            land(paths, f"{source}/{day}/{part}.jsonl", lines.encode())


def materialise(home: Path, first: date, last: date, now: datetime) -> bool:
    """Run the job for a range of days, by a clock of its own."""
    defs = build_defs(home=str(home), now=f"{now.isoformat()}+00:00", retry=None)
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("daily")
        where: dict[str, Any] = {"tags": tags}
        if first == last:
            where = {"partition_key": first.isoformat()}
        done = job.execute_in_process(instance=instance, raise_on_error=False, **where)
    return done.success


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    """The five histories at their end."""
    paths = state_with(tmp_path_factory.mktemp("dagster") / "state", SETTINGS)
    histories = short_histories()
    parts, last = parts_of(histories), max(one.as_of for one in histories)
    middle = BASE + timedelta(days=2)
    early = datetime.combine(BASE, time(12))
    late = datetime.combine(last + timedelta(days=1), time(6))

    deliver(paths, parts, 0)
    assert materialise(paths.home, middle, last, early)
    deliver(paths, parts, 1)
    # The models of all days have their files; nothing is built from them, published or struck off.
    lose_process_at("partitions: renamed", 1, materialise, paths.home, BASE, last, late)
    assert materialise(paths.home, BASE, BASE, late)
    # Closed days again, and a day that has begun: models have a partition of it, the log no seal.
    assert materialise(paths.home, last, late.date(), late)
    return paths


@pytest.fixture(scope="module")
def rebuilt(paths: StatePaths) -> Rebuilt:
    return rebuild(paths, load_settings(paths.settings_file), datetime.now(UTC))


def test_the_histories_are_in_the_log_whole_in_parts_and_with_duplicates(paths):
    histories = short_histories()
    files = [file for one in seals.load_chain(paths) for file in one.files]
    assert sum(file.read for file in files) == sum(len(one.log_rows) for one in histories)
    assert all(file.read == file.logged + file.quarantined for file in files)
    assert {Path(file.path).name for file in files} == {"0.jsonl", "1.jsonl"}
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        counts = con.execute(
            "select (select count(*) from core.fct_events), "
            "(select count(*) from core.fct_event_duplicates), "
            "(select count(*) from core.fct_sessions), (select count(*) from core.fct_orders)"
        ).fetchall()[0]
    events, duplicates, sessions, orders = counts
    assert events + duplicates == sum(file.logged for file in files)
    assert min(duplicates, sessions, orders) > 0


def test_a_day_without_a_seal_has_partitions_of_models_in_the_rebuild_too(paths, rebuilt):
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        rows = con.execute("select max(partition_date) from ml.model_metrics").fetchall()
    sealed = {one.arrival_date for one in seals.load_chain(paths)}
    assert rows == [(max(sealed) + timedelta(days=1),)]
    assert rebuilt.days == len(sealed) + 1


def test_what_dagster_made_of_them_equals_a_full_rebuild(rebuilt):
    assert rebuilt.comparison is not None
    assert rebuilt.comparison.differences == ()
    assert rebuilt.comparison.tables > 25


def test_nothing_is_left_to_do(paths):
    report = load(paths, str(BASE), now="2026-06-01T06:00:00")
    assert [(day.read, day.is_closed) for day in report.days] == [(0, True)]

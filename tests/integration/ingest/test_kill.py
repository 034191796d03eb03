"""Law 3 for the log: killed at any step of staging, sealing and after, the next run ends the same.

A child process loads two days and kills itself with SIGKILL at a named step; the next run has to
end with the log and the counts of a run that nobody killed.
"""

import multiprocessing
import os
import shutil
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest import durable, event_log, seals, verify
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.state import StatePaths
from tests.landed_days import event, json_lines, land, land_day, load, state_with

FIRST, SECOND = "2026-11-01", "2026-11-02"
DAYS = [date.fromisoformat(FIRST), date.fromisoformat(SECOND)]
NOW = "2026-11-03T03:00:00"
SETTINGS = "settings: {quarantine_share: 0.5}\nsources: {shop: {format: canonical}}\n"

# The steps of one day, in their order.
STEPS_OF_A_DAY = [
    "report.json: written beside", "report.json: renamed",
    "seal: vault flushed", "seal: part placed", "seal: parts placed",
    "manifest: before", "{manifest}: written beside", "{manifest}: renamed", "manifest: sealed",
    "HEAD: written beside", "HEAD: renamed", "HEAD: written", "seal: staging removed",
]  # fmt: skip
# The second day at each step; the first where nothing of the log is there yet.
KILLS = [(step, 2) for step in STEPS_OF_A_DAY] + [
    (step, 1)
    for step in ("seal: parts placed", "{manifest}: renamed", "HEAD: renamed", "HEAD: written")
]

# A server that has imported everything and started no thread: a child costs a second.
_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload(["dagster_project.loading", "great_expectations"])


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    """Two days with a row each for the quarantine, and a file refused whole."""
    paths = state_with(tmp_path_factory.mktemp("landed") / "state", SETTINGS)
    for day in (FIRST, SECOND):
        land_day(paths, day, rows=4)
        bad = [event(9, f"{day}T10:00:00Z", event_id=f"{day}9"), {"event_name": "lost"}]
        land(paths, f"shop/{day}/mixed.jsonl", json_lines(bad))
    land(paths, f"shop/{SECOND}/latin.jsonl", b"\xe9\n")
    return paths


def copied(landed: StatePaths, tmp_path: Path) -> StatePaths:
    shutil.copytree(landed.home, tmp_path / "state")
    return StatePaths(tmp_path / "state")


@pytest.fixture(scope="module")
def undisturbed(landed: StatePaths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    paths = copied(landed, tmp_path_factory.mktemp("undisturbed"))
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


def load_and_die(home: Path, step: str, occurrence: int) -> None:
    passed = 0

    def die(name: str) -> None:
        nonlocal passed
        passed += name == step
        if passed == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    durable.on_crash_point = die
    load(StatePaths(home), FIRST, SECOND, now=NOW)


def lose_process_at(paths: StatePaths, step: str, occurrence: int) -> None:
    child = _children.Process(target=load_and_die, args=(paths.home, step, occurrence))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL


def name_of(step: str, day: int) -> tuple[str, int]:
    """The step's name, and the how-manieth of this name it is."""
    if "{manifest}" in step:
        return step.format(manifest=seals.manifest_name(day, DAYS[day - 1])), 1
    return step, day


@pytest.mark.parametrize(("step", "day"), KILLS, ids=lambda value: str(value))
def test_a_run_after_a_kill_ends_in_the_same_log(landed, undisturbed, tmp_path, step, day):
    paths = copied(landed, tmp_path)
    lose_process_at(paths, *name_of(step, day))

    # What `footfall run` asks before it starts.
    settings = load_settings(paths.settings_file)
    wanted = event_log.undone_days(paths, settings, datetime(2026, 11, 3, 3, tzinfo=UTC))
    report = load(paths, *(day.isoformat() for day in wanted), now=NOW)

    assert report.integrity == []
    assert content_of(paths) == undisturbed
    assert verify.audit(paths).problems == ()
    assert list(paths.staging.iterdir()) == []
    assert [file for file in paths.log.rglob(".*")] == []


def test_a_second_kill_at_another_step_changes_nothing(landed, undisturbed, tmp_path):
    paths = copied(landed, tmp_path)
    lose_process_at(paths, "seal: parts placed", 1)
    lose_process_at(paths, "manifest: sealed", 1)
    lose_process_at(paths, "seal: part placed", 1)
    load(paths, FIRST, SECOND, now=NOW)
    assert content_of(paths) == undisturbed


def test_a_kill_while_the_inputs_of_dbt_are_written_leaves_them_whole(
    landed, undisturbed, tmp_path
):
    paths = copied(landed, tmp_path)
    lose_process_at(paths, "log_days.parquet: written beside", 1)
    load(paths, FIRST, SECOND, now=NOW)
    assert content_of(paths) == undisturbed
    with duckdb.connect() as con:
        days = con.execute(
            "select arrival_date, is_closed, sequence from read_parquet(?) order by 1",
            [str(paths.warehouse_inputs / "log_days.parquet")],
        ).fetchall()
    assert days == [(DAYS[0], True, 1), (DAYS[1], True, 2)]


def test_the_steps_above_are_all_there_are(landed, tmp_path, monkeypatch):
    paths = copied(landed, tmp_path)
    passed: list[str] = []
    monkeypatch.setattr(durable, "on_crash_point", passed.append)
    load(paths, FIRST, SECOND, now=NOW)
    of_the_log = [name for name in passed if ".parquet" not in name]
    expected = [name_of(step, day)[0] for day in (1, 2) for step in STEPS_OF_A_DAY]
    assert sorted(of_the_log) == sorted(expected)


def test_seals_are_read_while_another_process_is_between_a_seal_and_head(landed, tmp_path):
    paths = copied(landed, tmp_path)
    lose_process_at(paths, "manifest: sealed", 2)
    assert [one.sequence for one in seals.load_chain(paths)] == [1, 2]
    assert verify.audit(paths).problems == (
        "log/manifests/HEAD: names seal 1, but the chain goes on to 2 (a run is at it, or was "
        "ended: the next run finishes or removes it)",
    )

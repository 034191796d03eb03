"""Law 3 for the log: killed at any step of staging, sealing and after, the next run ends the same.

A child process loads two days and kills itself with SIGKILL at a named step; the next run has to
end with the log and the counts of a run that nobody killed.
"""

import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.ingest import durable, event_log, seals, verify
from dagster_project.ingest.config import load_settings
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.landed_days import load
from tests.sealed_log import copy_of
from tests.two_days import DAYS, FIRST, NOW, SECOND, content_of, land_two_days, undisturbed_content

# Days that are staged together ask the vault together.
STEPS_OF_A_RUN = ["vault: identifiers stored"]
# The steps of one day, in their order.
STEPS_OF_A_DAY = [
    "staging: part written", "staging: quarantine written",
    "report.json: written beside", "report.json: renamed",
    "seal: vault flushed", "seal: part placed", "seal: quarantine placed", "seal: parts placed",
    "manifest: before", "{manifest}: written beside", "{manifest}: renamed", "manifest: sealed",
    "HEAD: written beside", "HEAD: renamed", "HEAD: written",
    "staging: out of its place", "seal: staging removed",
]  # fmt: skip
# The second day at each step; the first where nothing of the log is there yet.
KILLS = [(step, 2) for step in STEPS_OF_A_DAY] + [
    (step, 1)
    for step in (
        *STEPS_OF_A_RUN,
        "seal: parts placed",
        "{manifest}: renamed",
        "HEAD: renamed",
        "HEAD: written",
    )
]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    return land_two_days(tmp_path_factory.mktemp("landed") / "state")


@pytest.fixture(scope="module")
def undisturbed(landed: StatePaths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return undisturbed_content(landed, tmp_path_factory.mktemp("undisturbed") / "state")


def copied(landed: StatePaths, tmp_path: Path) -> StatePaths:
    return copy_of(landed, tmp_path / "state")


def load_both(home: Path) -> None:
    load(StatePaths(home), FIRST, SECOND, now=NOW)


def die_at(paths: StatePaths, step: str, occurrence: int) -> None:
    lose_process_at(step, occurrence, load_both, paths.home)


def name_of(step: str, day: int) -> tuple[str, int]:
    """The step's name, and the how-manieth of this name it is."""
    if "{manifest}" in step:
        return step.format(manifest=seals.manifest_name(day, DAYS[day - 1])), 1
    return step, day


@pytest.mark.parametrize(("step", "day"), KILLS, ids=lambda value: str(value))
def test_a_run_after_a_kill_ends_in_the_same_log(landed, undisturbed, tmp_path, step, day):
    paths = copied(landed, tmp_path)
    die_at(paths, *name_of(step, day))

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
    die_at(paths, "seal: parts placed", 1)
    die_at(paths, "manifest: sealed", 1)
    die_at(paths, "seal: part placed", 1)
    # The run that should have mended it dies as well, at mending.
    die_at(paths, "recover: file removed", 1)
    load(paths, FIRST, SECOND, now=NOW)
    assert content_of(paths) == undisturbed


def load_without_links(home: Path) -> None:
    """As on a file system that has no hard links."""

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    Path.hardlink_to = refuse
    load_both(home)


def test_a_kill_while_a_part_is_copied_leaves_no_half_part(landed, undisturbed, tmp_path):
    paths = copied(landed, tmp_path)
    lose_process_at("copy: written beside", 1, load_without_links, paths.home)
    assert [file.name for file in paths.log_events.rglob("*.*")] == [".00000001-000.parquet.tmp"]
    load(paths, FIRST, SECOND, now=NOW)
    assert content_of(paths) == undisturbed
    assert verify.audit(paths).problems == ()


def close_the_next_day(home: Path) -> None:
    """Two months later, so that the quarantine of both days is too old."""
    load(StatePaths(home), "2027-02-01", now="2027-02-02T03:00:00")


def test_a_kill_while_old_quarantine_is_removed_is_made_good_by_the_next_day(landed, tmp_path):
    paths = copied(landed, tmp_path)
    load(paths, FIRST, SECOND, now=NOW)
    lose_process_at("quarantine: expired file removed", 1, close_the_next_day, paths.home)
    assert [file.name for file in paths.quarantine.rglob("*.parquet")] == ["00000002.parquet"]
    assert verify.audit(paths).problems == ()
    load(paths, "2027-02-02", now="2027-02-03T03:00:00")
    assert list(paths.quarantine.rglob("*.parquet")) == []


def test_a_kill_while_the_inputs_of_dbt_are_written_leaves_them_whole(
    landed, undisturbed, tmp_path
):
    paths = copied(landed, tmp_path)
    die_at(paths, "log_days.parquet: written beside", 1)
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
    assert sorted(of_the_log) == sorted([*STEPS_OF_A_RUN, *expected])


def test_seals_are_read_while_another_process_is_between_a_seal_and_head(landed, tmp_path):
    paths = copied(landed, tmp_path)
    die_at(paths, "manifest: sealed", 2)
    assert [one.sequence for one in seals.load_chain(paths)] == [1, 2]
    assert verify.audit(paths).problems == (
        "log/manifests/HEAD: names seal 1, but the chain goes on to 2 (a run is at it, or was "
        "ended: the next run finishes or removes it)",
    )

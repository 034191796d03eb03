"""Laws 1 and 3 on days that go wrong: one clear line, and the next run ends as if nothing had been.

The disk is full, a folder may not be written, a source's folder vanishes while it is read, the
clock is set back, two runs start at once, a part is cut short. Not here: processes that are killed
(`test_kill`), and what the tables say afterwards (`tests/e2e/test_whole_run_faults.py`).
"""

import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli.run import days_to_run
from dagster_project.ingest import durable, event_log, landing, pending, seals, staging, verify
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths
from tests.fault_injection import FilesUpTo, Folders, told_under
from tests.landed_days import land, load
from tests.sealed_log import copy_of
from tests.two_days import (
    FIRST,
    NOW,
    SECOND,
    content_of,
    land_two_days,
    undisturbed_content,
)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    return land_two_days(tmp_path_factory.mktemp("landed") / "state")


@pytest.fixture(scope="module")
def undisturbed(landed: StatePaths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return undisturbed_content(landed, tmp_path_factory.mktemp("undisturbed") / "state")


@pytest.fixture
def paths(landed: StatePaths, tmp_path: Path) -> StatePaths:
    return copy_of(landed, tmp_path / "state")


def load_both(home: Path) -> None:
    load(StatePaths(home), FIRST, SECOND, now=NOW)


def assert_ends_as_undisturbed(paths: StatePaths, undisturbed: dict[str, Any]) -> None:
    """What `footfall run` asks before it starts, and then that run."""
    settings = load_settings(paths.settings_file)
    now = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    wanted = event_log.undone_days(paths, settings, now)
    report = load(paths, *(day.isoformat() for day in wanted), now=NOW)
    assert report.integrity == []
    assert content_of(paths) == undisturbed
    assert verify.audit(paths).problems == ()
    assert list(paths.staging.iterdir()) == []


def assert_is_one_line(said: str) -> None:
    assert said.startswith("footfall: "), said
    assert said.count("\n") == 1, said
    assert "Traceback" not in said


# Smaller than a report, than a part, than what the vault and the suites write.
@pytest.mark.parametrize("size", [100, 1500, 6000])
def test_a_full_disk_is_told_in_one_line_and_costs_nothing(paths, undisturbed, size):
    said = told_under(FilesUpTo(size), paths.home, load_both, paths.home)

    assert_is_one_line(said)
    assert f"there is no room to write: see `df {paths.home}`, make room and run again" in said
    assert_ends_as_undisturbed(paths, undisturbed)


def test_each_folder_that_may_not_be_written_is_named_in_one_line(paths, undisturbed):
    """One after the other on the same state, as somebody would mend them."""
    folders = [
        paths.secrets, paths.log_day(date(2026, 11, 1)), paths.log_events, paths.quarantine,
        paths.manifests, paths.warehouse_inputs,
    ]  # fmt: skip
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    # Staging is made in the state folder itself.
    for folder in (paths.home, *folders):
        fault = Folders(folder)
        said = told_under(fault, paths.home, load_both, paths.home)
        fault.writable_again()
        assert_is_one_line(said)
        assert "see owner and mode" in said or "the file is yours" in said, said
        assert str(folder) in said, said
    assert_ends_as_undisturbed(paths, undisturbed)


def take_away(folder: Path) -> None:
    if folder.exists():
        folder.rename(folder.with_name("taken-away"))


def bring_back(folder: Path) -> None:
    folder.with_name("taken-away").rename(folder)


def before_call(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable) -> None:
    original = getattr(module, name)

    def first_act(*args: Any, **named: Any) -> Any:
        act()
        return original(*args, **named)

    monkeypatch.setattr(module, name, first_act)


# Where the reader is when the folder goes: listing names, hashing, reading rows.
VANISHING = [
    (landing, "why_ignored"),
    (staging, "sha256_of"),
    (staging, "load_candidates"),
]


@pytest.mark.parametrize(("module", "name"), VANISHING, ids=lambda one: str(one)[-40:])
def test_a_source_folder_that_vanishes_half_way_loses_nothing(
    paths, undisturbed, monkeypatch, module, name
):
    folder = paths.landing_day("shop", date(2026, 11, 2))
    early = "2026-11-02T20:00:00"
    with monkeypatch.context() as patch:
        before_call(patch, module, name, lambda: take_away(folder))
        load(paths, FIRST, SECOND, now=early)
    bring_back(folder)
    for one in seals.load_chain(paths):
        assert all(file.read == file.logged + file.quarantined for file in one.files)

    load(paths, FIRST, SECOND, now=NOW)

    content = content_of(paths)
    # In how many seals the days came is another matter: the first run may have sealed before.
    assert {key: content[key] for key in ("rows", "files", "refused", "quarantine")} == {
        key: undisturbed[key] for key in ("rows", "files", "refused", "quarantine")
    }
    assert verify.audit(paths).problems == ()


def test_a_folder_that_vanishes_while_refused_files_are_looked_at_again_stops_nothing(
    paths, undisturbed, monkeypatch
):
    load_both(paths.home)
    folder = paths.landing_day("shop", date(2026, 11, 2))
    (folder / "a.jsonl").touch()
    with monkeypatch.context() as patch:
        before_call(patch, pending, "sha256_of", lambda: take_away(folder))
        report = load(paths, SECOND, now=NOW)
    bring_back(folder)
    assert (report.integrity, report.changed_files) == ([], [])
    assert_ends_as_undisturbed(paths, undisturbed)


def test_a_clock_set_back_loses_nothing_and_says_so(paths, undisturbed):
    """Set back by a day and more: no day is closed early, and a sealed day takes nothing twice."""
    load(paths, FIRST, now="2026-11-02T03:00:00")
    settings = load_settings(paths.settings_file)
    back = datetime(2026, 10, 31, 12, tzinfo=UTC)

    # No file is of a day that has come, by this clock.
    assert event_log.undone_days(paths, settings, back) == []
    report = load(paths, FIRST, SECOND, now="2026-10-31T12:00:00")

    assert event_log.clock_problem(paths, back) == (
        "the clock says 2026-10-31 12:00 UTC, which is before the last seal (2026-11-02 03:00): "
        "days are closed by the clock, so see that it is right"
    )
    assert event_log.clock_problem(paths, datetime(2026, 11, 2, 3, tzinfo=UTC)) is None
    assert report.integrity == []
    assert seals.load_chain(paths)[-1].closes_day is False
    load(paths, FIRST, SECOND, now=NOW)
    content = content_of(paths)
    assert content["rows"] == undisturbed["rows"]
    assert content["files"] == undisturbed["files"]
    # The second day came before its time, and was closed by the next run.
    assert content["counts"] == [(FIRST, 5, True), (SECOND, 5, False), (SECOND, 0, True)]


def test_a_run_whose_clock_was_set_back_names_the_clock_and_not_an_option(paths):
    """Two days are sealed and not built, and by this clock they have not come."""
    load_both(paths.home)
    words = "2026-11-02 is to be built and has not come yet: the clock says 2026-10-31 12:00 UTC"
    with pytest.raises(FootfallError, match=words):
        days_to_run(paths, None, None, datetime(2026, 10, 31, 12, tzinfo=UTC))


def hold_the_lock_until(home: Path, asked: Path, go_on: Path) -> None:
    """A run that stands between a seal and HEAD until a file is there."""

    def wait(name: str) -> None:
        if name == "manifest: sealed" and not asked.exists():
            asked.touch()
            while not go_on.exists():
                os.sched_yield()

    durable.on_crash_point = wait
    load_with_lock(home, 60)


def load_with_lock(home: Path, wait_s: float) -> None:
    paths = StatePaths(home)
    now = datetime.fromisoformat(NOW).replace(tzinfo=UTC)
    with state_lock(paths, run=f"pid-{os.getpid()}", wait_s=wait_s, now=now):
        load(paths, FIRST, SECOND, now=NOW)


def test_two_runs_at_once_are_one_after_the_other_and_the_second_says_who_is_first(
    paths, undisturbed, tmp_path
):
    asked, go_on = tmp_path / "asked", tmp_path / "go-on"
    said: list[str] = []
    first = threading.Thread(
        target=lambda: said.append(
            told_under(None, paths.home, hold_the_lock_until, paths.home, asked, go_on)
        )
    )
    first.start()
    while first.is_alive() and not asked.exists():
        first.join(0.05)
    impatient = told_under(None, paths.home, load_with_lock, paths.home, 0.0)
    patient = threading.Thread(
        target=lambda: said.append(told_under(None, paths.home, load_with_lock, paths.home, 60.0))
    )
    patient.start()
    go_on.touch()
    first.join()
    patient.join()

    assert_is_one_line(impatient)
    assert f"{paths.lock}: held by process " in impatient
    assert "since 2026-11-03T03:00:00+00:00; wait for it or end it" in impatient
    assert said == ["", ""]
    assert content_of(paths) == undisturbed
    assert_ends_as_undisturbed(paths, undisturbed)


def test_a_part_cut_short_stops_the_run_until_it_is_restored(paths, undisturbed):
    load(paths, FIRST, now=NOW)
    (part,) = paths.log_events.rglob("*.parquet")
    whole = part.read_bytes()
    part.chmod(0o644)
    part.write_bytes(whole[: len(whole) // 2])

    report = load(paths, FIRST, now=NOW)

    assert report.integrity[0] == (
        f"log/events/arrival_date={FIRST}/00000001-000.parquet: differs from what seal 1 holds"
    )
    part.write_bytes(whole)
    assert_ends_as_undisturbed(paths, undisturbed)


def test_a_file_half_written_by_its_source_is_loaded_once_when_it_is_whole(paths, undisturbed):
    """The source was cut off, and delivers again: nothing of the first try stays."""
    place = f"shop/{SECOND}/mixed.jsonl"
    whole = (paths.landing / place).read_bytes()
    (paths.landing / place).unlink()
    land(paths, f"{place}.part", whole[:40])
    load(paths, FIRST, SECOND, now=f"{SECOND}T20:00:00")
    (paths.landing / f"{place}.part").unlink()
    land(paths, place, whole)
    load(paths, FIRST, SECOND, now=NOW)
    content = content_of(paths)
    assert (content["rows"], content["files"]) == (undisturbed["rows"], undisturbed["files"])

"""Days take several seals until they are closed; what comes later goes to the open day, once."""

import json
import os
import shutil
from datetime import date

import pytest

from dagster_project.cli import main
from dagster_project.ingest import batch, event_log, pending, seals, staging, verify
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.landing import scan_landing
from dagster_project.ingest.vault import Vault
from dagster_project.loading import registry_of
from dagster_project.state import StatePaths
from tests.landed_days import (
    bytes_below,
    event,
    json_lines,
    land,
    land_day,
    load,
    sealed_files,
    state_with,
)

DAY, NEXT = "2026-11-02", "2026-11-03"
CLOSED = f"{NEXT}T02:00:00"


@pytest.fixture
def paths(tmp_path) -> StatePaths:
    return state_with(tmp_path / "state")


def seals_of(paths: StatePaths) -> list[tuple[str, int, bool]]:
    return [(str(one.arrival_date), one.rows, one.closes_day) for one in seals.load_chain(paths)]


def land_bad_day(paths: StatePaths, day: str = DAY) -> None:
    """Twenty rows of which two have no time: 10 % where 5 % are allowed."""
    good = [event(n, f"{day}T10:00:00Z") for n in range(18)]
    lost = [{"event_name": "page_viewed", "event_id": f"lost{n}"} for n in range(2)]
    land(paths, f"shop/{day}/mixed.jsonl", json_lines([*good, *lost]))


def test_an_open_day_takes_a_seal_for_each_run_that_finds_something(paths):
    land_day(paths, DAY, rows=3, name="morning")
    load(paths, DAY, now=f"{DAY}T08:00:00")
    nothing = load(paths, DAY, now=f"{DAY}T09:00:00")
    land_day(paths, DAY, rows=4, name="noon")
    load(paths, DAY, now=f"{DAY}T12:00:00")
    land_day(paths, DAY, rows=5, name="evening")
    last = load(paths, DAY, now=CLOSED)

    assert (nothing.days[0].sequence, nothing.days[0].is_closed) == (None, False)
    assert seals_of(paths) == [(DAY, 3, False), (DAY, 4, False), (DAY, 5, True)]
    assert last.days[0].is_closed
    assert verify.audit(paths).problems == ()


def test_a_day_closes_two_hours_after_its_end_and_not_before(paths):
    land_day(paths, DAY)
    load(paths, DAY, now=f"{NEXT}T01:59:59")
    assert seals_of(paths) == [(DAY, 3, False)]
    load(paths, DAY, now=f"{NEXT}T02:00:00")
    assert seals_of(paths) == [(DAY, 3, False), (DAY, 0, True)]


def test_a_file_for_a_closed_day_is_loaded_under_the_open_day_once(paths):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    land_day(paths, DAY, rows=2, name="late")
    settings = load_settings(paths.settings_file)
    assert event_log.stragglers(paths, settings) == [f"shop/{DAY}/late.jsonl"]

    again = load(paths, DAY, now=f"{NEXT}T08:00:00")
    assert (again.days[0].is_closed, again.days[0].sequence, again.days[0].read) == (True, None, 0)
    land_day(paths, NEXT, rows=4)
    load(paths, NEXT, now=f"{NEXT}T09:00:00")
    load(paths, NEXT, "2026-11-04", now="2026-11-04T09:00:00")

    assert seals_of(paths) == [(DAY, 3, True), (NEXT, 6, False), (NEXT, 0, True)]
    assert event_log.stragglers(paths, settings) == []
    assert sealed_files(paths)[f"shop/{DAY}/late.jsonl"].logged == 2


def test_a_file_for_a_closed_day_is_in_one_batch_of_a_run_over_several_days(paths):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    land_day(paths, DAY, rows=2, name="late")
    land_day(paths, NEXT, rows=4)
    land_day(paths, "2026-11-04", rows=5)

    load(paths, NEXT, "2026-11-04", now="2026-11-05T02:00:00")

    assert seals_of(paths) == [(DAY, 3, True), (NEXT, 6, True), ("2026-11-04", 5, True)]


@pytest.mark.parametrize("change", ["longer", "of the same length"])
def test_a_file_that_changed_after_its_seal_is_reported_and_not_loaded(paths, change):
    file = land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    content = file.read_bytes()
    file.write_bytes(content + content if change == "longer" else content.replace(b"a0", b"b0"))
    os.utime(file, ns=(1, 1))
    land_day(paths, NEXT)

    report = load(paths, NEXT, now=f"{NEXT}T12:00:00")

    (said,) = report.changed_files
    assert said.startswith(f"landing/shop/{DAY}/a.jsonl: changed after it was sealed; not loaded")
    assert report.files_not_loaded == [said]
    assert seals_of(paths) == [(DAY, 3, True), (NEXT, 3, False)]


def test_a_file_that_was_touched_and_holds_the_same_is_not_reported(paths):
    file = land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    os.utime(file, ns=(1, 1))
    assert load(paths, DAY, now=CLOSED).changed_files == []


def test_a_file_that_changes_after_the_scan_is_left_for_the_next_run(paths):
    file = land_day(paths, DAY)
    settings = load_settings(paths.settings_file)
    landed = scan_landing(paths, settings)
    file.write_bytes(file.read_bytes() * 2)
    with Vault.open(paths) as vault:
        (staged,) = staging.stage(
            paths, settings, registry_of(settings), vault, {date.fromisoformat(DAY): landed}
        )
    assert (staged.files, staged.refused) == ((), ())
    assert "changed while it was read" in staged.unsettled[0]
    load(paths, DAY, now=CLOSED)
    assert seals_of(paths) == [(DAY, 6, True)]


def test_a_closed_day_again_changes_no_byte_of_the_log(paths):
    land_day(paths, DAY)
    land_day(paths, NEXT)
    load(paths, DAY, NEXT, now="2026-11-04T03:00:00")
    before = bytes_below(paths.log)

    report = load(paths, DAY, now="2026-11-04T04:00:00")

    assert bytes_below(paths.log) == before
    assert report.integrity == []
    assert [one.suite for one in report.reports] == ["log_seals"]
    # The parts of the day were hashed, not the seals alone.
    audited = verify.audit(paths, [date.fromisoformat(DAY)], date(2026, 11, 4))
    assert (
        f"log/events/arrival_date={DAY}/00000001-000.parquet" in audited.seals["part"].to_pylist()
    )


def test_a_refused_batch_waits_in_staging_and_its_day_stays_open(paths):
    land_bad_day(paths)

    report = load(paths, DAY, now=CLOSED)

    (refused,) = report.refused
    assert refused.refusals[0] == (
        "2 of 20 rows (10.0%) are quarantined, more than settings.quarantine_share (5.0%); "
        "most often: event_ts: is missing (2)"
    )
    assert (refused.is_closed, refused.sequence) == (False, None)
    assert seals.load_chain(paths) == []
    assert list(paths.log_events.rglob("*.parquet")) == []
    assert list(paths.quarantine.rglob("*.parquet")) == []
    assert batch.staged_days(paths) == [date.fromisoformat(DAY)]


def test_days_after_a_refused_one_leave_nothing_in_staging(paths):
    land_day(paths, "2026-11-01")
    land_bad_day(paths)
    land_day(paths, NEXT)

    report = load(paths, "2026-11-01", DAY, NEXT, now="2026-11-04T03:00:00")

    assert [str(day.day) for day in report.days] == ["2026-11-01", DAY]
    assert seals_of(paths) == [("2026-11-01", 3, True)]
    assert batch.staged_days(paths) == [date.fromisoformat(DAY)]


def test_a_bad_day_does_not_hide_among_good_ones(paths):
    # 2 of 20 rows of one day are 2 of 220 of all: 0.9 %.
    land_day(paths, "2026-11-01", rows=200)
    land_bad_day(paths)
    report = load(paths, "2026-11-01", DAY, now="2026-11-04T03:00:00")
    assert [str(day.day) for day in report.refused] == [DAY]


def test_a_better_file_under_the_same_name_takes_the_refused_ones_place(paths):
    land_bad_day(paths)
    load(paths, DAY, now=CLOSED)
    land(paths, f"shop/{DAY}/mixed.jsonl", json_lines([event(1, f"{DAY}T10:00:00Z")]))

    load(paths, DAY, now=CLOSED)

    assert seals_of(paths) == [(DAY, 1, True)]
    assert batch.staged_days(paths) == []


def test_accept_seals_a_refused_batch_with_its_reason(paths, capsys):
    land_bad_day(paths)
    load(paths, DAY, now=CLOSED)

    code = main(["--home", str(paths.home), "accept", DAY, "--reason", "the app lost its clock"])

    assert code == 0, capsys.readouterr().err
    assert f"{DAY}: sealed 18 rows as seal 1" in capsys.readouterr().out
    (manifest,) = (json.loads(file.read_bytes()) for _, file in seals.manifest_files(paths))
    assert manifest["accepted_reason"] == "the app lost its clock"
    assert (manifest["files"][0]["read"], manifest["files"][0]["quarantined"]) == (20, 2)
    assert manifest["closes_day"] is True
    assert batch.staged_days(paths) == []
    assert verify.audit(paths).problems == ()
    assert load(paths, DAY, now=CLOSED).days[0].sequence is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([DAY, "--reason", "fine"], 1, f"{DAY}: no batch waits in staging; `footfall run --from"),
        ([DAY, "--reason", "  "], 1, "a reason is needed"),
        (["yesterday", "--reason", "fine"], 2, "'yesterday' is no date such as 2026-01-31"),
    ],
)
def test_accept_says_in_a_line_what_it_cannot_do(paths, capsys, words, code, said):
    try:
        found = main(["--home", str(paths.home), "accept", *words])
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert said in capsys.readouterr().err


def test_accept_seals_only_what_was_looked_at(paths):
    land_bad_day(paths)
    load(paths, DAY, now=CLOSED)
    land_bad_day(paths)
    file = paths.landing / f"shop/{DAY}/mixed.jsonl"
    file.write_bytes(file.read_bytes() + b"\n{}")

    with pytest.raises(FootfallError, match=r"mixed\.jsonl: is not what was staged any more"):
        accept(paths)
    assert seals.load_chain(paths) == []


def test_a_batch_that_another_version_staged_stops_nothing(paths):
    land_bad_day(paths)
    load(paths, DAY, now=CLOSED)
    report = paths.staging_day(date.fromisoformat(DAY)) / "report.json"
    report.write_text(report.read_text().replace('"unsettled"', '"formerly"'))

    with pytest.raises(FootfallError, match="is no batch of this version of footfall"):
        accept(paths)
    assert load(paths, DAY, now=CLOSED).refused
    assert accept(paths).rows == 18


def accept(paths: StatePaths) -> seals.Manifest:
    from datetime import UTC, datetime

    day = date.fromisoformat(DAY)
    with Vault.open(paths) as vault:
        return event_log.accept(
            paths, load_settings(paths.settings_file), vault, day, "fine", datetime.now(UTC)
        )


def test_a_log_copied_elsewhere_is_the_same_log(paths, tmp_path):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    shutil.copytree(paths.home, tmp_path / "elsewhere")
    moved = StatePaths(tmp_path / "elsewhere")
    assert verify.audit(moved).problems == ()
    assert load(moved, DAY, now=CLOSED).changed_files == []


CSV = """\
sources:
  till:
    format: csv
    mapping: {event_name: {value: order_completed}, event_ts: at, user_id: who, order_id: NUMBER}
"""


def test_a_refused_file_is_tried_again_once_its_source_is_read_otherwise(tmp_path):
    """The file was right and the mapping wrong: nobody has to deliver it under another name."""
    wrong = CSV.replace("NUMBER", "number")
    paths = state_with(tmp_path / "state", wrong)
    name = f"till/{DAY}/a.csv"
    land(paths, name, f"at,who,nr\n{DAY} 10:00,jane,1\n{DAY} 11:00,joe,2\n".encode())

    def refused() -> list[str]:
        settings = load_settings(paths.settings_file)
        return pending.refused_files(
            paths, settings, scan_landing(paths, settings), seals.load_chain(paths)
        )

    load(paths, DAY, now=CLOSED)
    assert seals_of(paths) == [(DAY, 0, True)]
    assert [line.split(": ")[0] for line in refused()] == [f"landing/{name}:1"]
    # Nothing has changed, or nothing that this source is read by.
    paths.settings_file.write_text(wrong + "  other: {format: canonical}\n")
    load(paths, NEXT, now=f"{NEXT}T12:00:00")
    assert len(refused()) == len(seals_of(paths)) == 1

    paths.settings_file.write_text(CSV.replace("NUMBER", "nr"))
    assert refused() == []
    load(paths, NEXT, now=f"{NEXT}T12:00:00")
    assert seals_of(paths) == [(DAY, 0, True), (NEXT, 2, False)]
    load(paths, NEXT, now=f"{NEXT}T13:00:00")
    assert len(seals_of(paths)) == 2

"""Quarantined rows tried again: what passes is logged once, what fails stays once."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.cli import main
from dagster_project.ingest import batch, seals, verify
from dagster_project.ingest.config import load_settings
from dagster_project.ingest.errors import FootfallError
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.replay import replay_problems, waiting_rows
from dagster_project.ingest.vault import Vault
from dagster_project.replaying import ReplayReport, replay_quarantine
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
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

DAY, NEXT, LATER = "2026-11-02", "2026-11-03", "2026-11-05"
CLOSED = f"{NEXT}T03:00:00"
PLACE = f"shop/{DAY}/mixed.jsonl"
STRICT = (
    "settings: {quarantine_share: 1.0, earliest_event_date: 2026-11-01}\n"
    "sources: {shop: {format: canonical}, app: {format: canonical}}\n"
)
MENDED = STRICT.replace("2026-11-01", "2026-10-01").replace("1.0", "0.05")
OLD = "2026-10-15T10:00:00Z"


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A closed day: a good row, three too old ones (one without an id), one that is no event."""
    made = state_with(tmp_path / "state", STRICT)
    nameless = {key: value for key, value in event(4, OLD).items() if key != "event_id"}
    rows = [event(1, f"{DAY}T10:00:00Z"), event(2, OLD), event(3, OLD), nameless, {"x": 1}]
    land(made, PLACE, json_lines(rows))
    load(made, DAY, now=CLOSED)
    made.settings_file.write_text(MENDED)
    return made


def replay(paths: StatePaths, now: str = f"{LATER}T09:00:00", **which: Any) -> ReplayReport:
    settings = load_settings(paths.settings_file)
    return replay_quarantine(
        paths, settings, datetime.fromisoformat(now).replace(tzinfo=UTC), **which
    )


def logged(paths: StatePaths) -> list[tuple[str, str, int]]:
    """Arrival date, source file and line of every row of the log, by its parts."""
    parts = [str(paths.home / part.path) for one in seals.load_chain(paths) for part in one.parts]
    with duckdb.connect() as con:
        return con.execute(
            "select cast(arrival_date as varchar), source_file, source_line "
            "from read_parquet(?, hive_partitioning = false) order by all", [parts],
        ).fetchall()  # fmt: skip


def waiting(paths: StatePaths) -> dict[str, list[int]]:
    return {one.file.path: sorted(one.lines) for one in waiting_rows(paths)}


def test_rows_that_pass_today_are_logged_on_the_open_day_with_the_line_they_came_from(paths):
    assert waiting(paths) == {PLACE: [2, 3, 4, 5]}
    report = replay(paths)
    assert logged(paths) == [
        (DAY, PLACE, 1), (LATER, PLACE, 2), (LATER, PLACE, 3), (LATER, PLACE, 4),
    ]  # fmt: skip
    assert (report.stayed, report.day) == (1, date(2026, 11, 5))
    assert report.reasons["event_ts: is missing"] == 1
    assert verify.audit(paths).problems == ()


def test_the_seal_says_which_rows_of_which_quarantine_it_took_and_adds_up(paths):
    replay(paths)
    first, second = seals.load_chain(paths)
    (file,) = second.files
    assert file.replay == seals.Replay(sequence=first.sequence, lines=(2, 3, 4))
    # Law 1 per file: what the file held, then what the replay took.
    (original,) = first.files
    assert (original.read, original.logged, original.quarantined) == (5, 1, 4)
    assert (file.read, file.logged, file.quarantined, file.withheld) == (3, 3, 0, {})
    assert (file.path, file.sha256) == (original.path, original.sha256)
    assert (second.arrival_date, second.closes_day) == (date(2026, 11, 5), False)


def test_a_second_replay_logs_nothing_and_changes_no_byte(paths):
    replay(paths)
    before = bytes_below(paths.home)
    again = replay(paths)
    assert (again.seal, again.stayed) == (None, 1)
    assert bytes_below(paths.home) == before


def test_what_fails_again_stays_in_quarantine_once(paths):
    before = bytes_below(paths.quarantine)
    replay(paths)
    assert bytes_below(paths.quarantine) == before
    assert waiting(paths) == {PLACE: [5]}
    with Vault.open(paths) as vault:
        assert len(list(read_quarantine(paths, vault, date.fromisoformat(LATER)))) == 0


def test_it_is_loaded_no_second_time_and_reported_as_no_change(paths):
    replay(paths)
    report = load(paths, LATER, now=f"{LATER}T10:00:00")
    assert (report.changed_files, report.integrity, report.days[0].read) == ([], [], 0)
    assert sealed_files(paths)[PLACE].replay is not None


def test_a_row_without_an_id_gets_the_one_that_a_new_delivery_gives_it(paths):
    replay(paths)
    landed = (paths.landing / PLACE).read_bytes().splitlines(keepends=True)
    land(paths, f"shop/{LATER}/again.jsonl", landed[3])
    load(paths, LATER, now=f"{LATER}T10:00:00")
    with duckdb.connect() as con:
        ids = con.execute(
            "select source_file, event_id from read_parquet(?) where source_line = 4 "
            "or source_file like '%again%' order by 1",
            [str(paths.log_events / "*" / "*.parquet")],
        ).fetchall()
    assert len(ids) == 2
    assert len({event_id for _, event_id in ids}) == 1


def test_a_share_that_would_refuse_a_batch_does_not_refuse_a_replay(paths):
    # Three rows pass, fifty stay: 94 % where 5 % are allowed.
    paths.settings_file.write_text(STRICT)
    land(paths, f"shop/{NEXT}/bad.jsonl", b"{}\n" * 49)
    load(paths, NEXT, now="2026-11-04T03:00:00")
    paths.settings_file.write_text(MENDED)
    report = replay(paths)
    assert (report.seal.rows, report.stayed) == (3, 50)


@pytest.mark.parametrize(
    ("which", "lines"),
    [
        ({"first": date(2026, 11, 3)}, {f"shop/{NEXT}/b.jsonl": (1,), f"app/{NEXT}/c.jsonl": (1,)}),
        ({"last": date(2026, 11, 2)}, {PLACE: (2, 3, 4)}),
        ({"source": "app"}, {f"app/{NEXT}/c.jsonl": (1,)}),
        ({"first": date(2026, 11, 3), "source": "shop"}, {f"shop/{NEXT}/b.jsonl": (1,)}),
        ({"first": date(2026, 11, 4)}, {}),
    ],
)
def test_a_replay_is_narrowed_by_arrival_date_and_source(paths, which, lines):
    paths.settings_file.write_text(STRICT)
    land(paths, f"shop/{NEXT}/b.jsonl", json_lines([event(5, OLD)]))
    land(paths, f"app/{NEXT}/c.jsonl", json_lines([event(6, OLD)]))
    load(paths, NEXT, now="2026-11-04T03:00:00")
    paths.settings_file.write_text(MENDED)
    report = replay(paths, **which)
    files = report.seal.files if report.seal else ()
    assert {file.path: file.replay.lines for file in files} == lines


def test_a_wrong_clock_does_not_become_right_by_waiting(paths):
    land(paths, f"shop/{NEXT}/ahead.jsonl", json_lines([event(7, "2026-11-06T10:00:00Z")]))
    paths.settings_file.write_text(STRICT)
    load(paths, NEXT, now="2026-11-04T03:00:00")
    report = replay(paths, "2026-11-20T09:00:00", first=date(2026, 11, 3))
    assert (report.seal, report.stayed) == (None, 1)


def test_a_row_that_was_cut_stays_and_one_nested_too_deep_passes_under_a_wider_limit(tmp_path):
    text = "sources: {shop: {format: canonical}}\nsettings: {quarantine_share: 1.0, %s}\n"
    made = state_with(tmp_path / "state", text % "max_line_bytes: 1024, max_json_depth: 8")
    deep: Any = 1
    for _ in range(10):
        deep = [deep]
    rows = [
        event(1, f"{DAY}T10:00:00Z", note="x" * 2000),
        event(2, f"{DAY}T10:00:00Z", nested=deep),
    ]
    land(made, PLACE, json_lines(rows))
    load(made, DAY, now=CLOSED)
    assert waiting(made) == {PLACE: [1, 2]}
    made.settings_file.write_text(text % "max_line_bytes: 100000")
    report = replay(made)
    assert report.seal.files[0].replay.lines == (2,)
    assert report.reasons == {"row: line_too_long": 1}


def test_rows_of_a_table_pass_once_its_mapping_is_right(tmp_path):
    text = (
        "settings: {quarantine_share: 1.0}\nsources: {shop: {format: csv, mapping: {"
        "event_name: {value: page_viewed}, anonymous_id: who, "
        'event_ts: {column: at, format: "%s"}}}}\n'
    )
    made = state_with(tmp_path / "state", text % "%Y-%m-%d")
    land(made, f"shop/{DAY}/a.csv", b"who,at\nann,02.11.2026\nbob\nben,02.11.2026\n")
    load(made, DAY, now=CLOSED)
    made.settings_file.write_text(text % "%d.%m.%Y")
    report = replay(made)
    # The ragged row was no row of the table, and is none under any mapping.
    assert report.seal.files[0].replay.lines == (2, 4)
    assert report.reasons == {"row: wrong_number_of_columns": 1}


def test_equal_rows_that_a_source_keeps_stay_as_many(tmp_path):
    text = STRICT.replace("shop: {format: canonical}",
                          "shop: {format: canonical, identical_rows: keep}")  # fmt: skip
    made = state_with(tmp_path / "state", text)
    row = {key: value for key, value in event(1, OLD).items() if key != "event_id"}
    land(made, PLACE, json_lines([row, row, row]))
    load(made, DAY, now=CLOSED)
    made.settings_file.write_text(text.replace("2026-11-01", "2026-10-01"))
    replay(made)
    with duckdb.connect() as con:
        (distinct,) = con.execute(
            "select count(distinct event_id) from read_parquet(?)",
            [str(made.log_events / "*" / "*.parquet")],
        ).fetchone()
    assert distinct == 3


def test_a_file_refused_as_a_whole_is_no_row_to_try(paths):
    land(paths, f"shop/{NEXT}/latin.jsonl", b"\xe9\n")
    load(paths, NEXT, now="2026-11-04T03:00:00")
    assert waiting(paths) == {PLACE: [2, 3, 4, 5]}


def test_rows_of_a_source_that_is_gone_are_named_and_stay(paths):
    paths.settings_file.write_text(MENDED.replace("shop:", "store:"))
    report = replay(paths)
    assert (report.seal, report.undeclared) == (None, {"shop": 4})
    assert waiting(paths) == {PLACE: [2, 3, 4, 5]}


def test_a_batch_that_waits_for_the_open_day_is_left_alone(paths):
    land(paths, f"shop/{LATER}/bad.jsonl", b"{}\n" * 20)
    assert load(paths, LATER, now=f"{LATER}T08:00:00").refused
    report = replay(paths)
    assert report.seal is not None
    assert batch.staged_days(paths) == [date.fromisoformat(LATER)]
    assert batch.staged_batch(paths, date.fromisoformat(LATER)).quarantined == 20


def test_a_check_that_fails_seals_nothing_and_says_so(paths, monkeypatch):
    from dagster_project import replaying

    class Failed:
        def failures(self) -> list[str]:
            return ["event_ts: out of range"]

    monkeypatch.setattr(replaying, "check_batches", lambda *_: [Failed()])
    with pytest.raises(FootfallError, match=r"out of range .* nothing was sealed"):
        replay(paths)
    assert waiting(paths) == {PLACE: [2, 3, 4, 5]}
    assert not list((paths.home / "staging").rglob("*.parquet"))


@pytest.mark.parametrize(
    "step",
    [
        "report.json: renamed", "seal: vault flushed", "seal: part placed", "seal: parts placed",
        f"00000002-{LATER}.json: written beside", f"00000002-{LATER}.json: renamed",
        "HEAD: written beside", "HEAD: written", "seal: staging removed",
    ],
)  # fmt: skip
def test_killed_at_any_step_a_repeat_logs_each_row_once(paths, step):
    lose_process_at(step, 1, replay, paths)

    replay(paths)

    assert logged(paths) == [
        (DAY, PLACE, 1), (LATER, PLACE, 2), (LATER, PLACE, 3), (LATER, PLACE, 4),
    ]  # fmt: skip
    assert waiting(paths) == {PLACE: [5]}
    assert verify.audit(paths).problems == ()
    assert list((paths.home / "staging").iterdir()) == []


def test_what_a_killed_replay_staged_is_removed_by_the_next_run(paths):
    lose_process_at("seal: vault flushed", 1, replay, paths)
    assert list((paths.staging / ".replay").rglob("*.parquet"))
    load(paths, LATER, now=f"{LATER}T10:00:00")
    assert list(paths.staging.iterdir()) == []


@pytest.mark.parametrize(
    ("replays", "problem"),
    [
        ([(2, (2,)), (2, (2,))], f"00000003-{LATER}.json: {PLACE}: line 2 was replayed before"),
        ([(2, (2, 3, 4, 5, 6))], "more rows replayed than seal 1 refused"),
        ([(7, (2,))], "replays rows of seal 7, which does not hold the file"),
    ],
)
def test_a_seal_that_replays_what_it_cannot_is_found(paths, replays, problem):
    (first,) = seals.load_chain(paths)
    (file,) = first.files
    chain = [first]
    for number, (sequence, lines) in enumerate(replays, start=2):
        one = seals.SealedFile(
            file.source, file.path, file.bytes, file.sha256, 0, len(lines), len(lines), 0, {},
            seals.Replay(1 if sequence == 2 else sequence, lines),
        )  # fmt: skip
        chain.append(
            seals.Manifest(
                number, date.fromisoformat(LATER), first.sealed_at, 1, False, None, "", (one,),
                (), (), (), {},
            )
        )  # fmt: skip
    assert [line for line in replay_problems(chain) if problem in line]


def test_the_command_says_what_was_sealed_and_what_stays(paths, capsys):
    today = datetime.now(UTC).date()
    assert main(["--home", str(paths.home), "replay"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{today}: sealed 3 rows of 1 files as seal 2"
    assert said[1].startswith("1 rows stay in quarantine: ")
    assert said[2] == f"next: footfall run --from {today} --to {today}"
    assert main(["--home", str(paths.home), "replay"]) == 0
    assert capsys.readouterr().out.startswith("no row passes; nothing was sealed\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "2026-11-05", "--to", "2026-11-02"], "is after --to 2026-11-02; swap them"),
        (["--source", "shp"], "--source shp: no such source in footfall.yml; declared: app, shop"),
    ],
)
def test_wrong_use_is_one_line(paths, capsys, words, said):
    assert main(["--home", str(paths.home), "replay", *words]) == 2
    assert said in capsys.readouterr().err


def test_rows_of_the_open_day_itself_are_replayed_into_it(paths):
    land_day(paths, LATER, rows=2)
    land(paths, f"shop/{LATER}/old.jsonl", json_lines([event(8, OLD)]))
    paths.settings_file.write_text(STRICT)
    load(paths, LATER, now=f"{LATER}T08:00:00")
    paths.settings_file.write_text(MENDED)
    replay(paths, first=date.fromisoformat(LATER))
    assert (LATER, f"shop/{LATER}/old.jsonl", 1) in logged(paths)
    shutil.rmtree(paths.quarantine)
    assert waiting(paths) == {}

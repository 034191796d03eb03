"""`footfall doctor`: each fault is a line that says where and what to do; it changes nothing."""

import json
import multiprocessing
import os
import shutil
import socket
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths
from tests.landed_days import bytes_below, event, json_lines, land, land_day, load

DAY, NEXT = "2026-11-02", "2026-11-03"
CLOSED = f"{NEXT}T03:00:00"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StatePaths:
    # main() sets these for its own process; monkeypatch puts them back.
    for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    paths = StatePaths(tmp_path / "state")
    initialise(paths)
    return paths


def doctor(paths: StatePaths, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code and the lines that find something wrong."""
    code = main(["--home", str(paths.home), "doctor"])
    said = capsys.readouterr()
    assert said.err == ""
    assert all(line.startswith(("ok  ", "!!  ")) for line in said.out.splitlines()), said.out
    return code, [line for line in said.out.splitlines() if line.startswith("!!")]


def test_a_new_state_is_well(paths, capsys):
    before = bytes_below(paths.home)
    assert doctor(paths, capsys) == (0, [])
    assert bytes_below(paths.home) == before


def test_no_state_folder(paths, capsys):
    shutil.rmtree(paths.home)
    code, wrong = doctor(paths, capsys)
    assert code == 1
    assert f"!!  state folder: {paths.home}: is missing; `footfall init` makes it" in wrong


def test_no_settings(paths, capsys):
    paths.settings_file.unlink()
    assert doctor(paths, capsys) == (
        1,
        [
            f"!!  settings: {paths.settings_file}: there is no such file; "
            "`footfall init` makes one, --home or FOOTFALL_HOME names another folder",
            "!!  landing: not looked at, until footfall.yml can be read",
        ],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources:\n  shop: {format: canonical\n", "footfall.yml:3: not valid YAML: "),
        (
            "sources:\n  shop: {format: canonical}\nsurces: {}\n",
            "footfall.yml:3: surces: no such key",
        ),
        (
            "sources:\n  shop:\n    format: canonical\n    encodng: latin-1\n",
            "footfall.yml:4: sources.shop.encodng: no such key; look at its spelling and place",
        ),
        (
            "settings:\n  quarantine_share: 5\n",
            "footfall.yml:2: settings.quarantine_share: 5: input should be less than or equal to 1",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_are_named_by_line_and_key(paths, capsys, text, said):
    paths.settings_file.write_text(text)
    code, wrong = doctor(paths, capsys)
    assert code == 1
    assert said in wrong[0]
    assert len(wrong) == 2


def test_missing_keys_of_a_state_without_a_log(paths, capsys):
    shutil.rmtree(paths.secrets)
    assert doctor(paths, capsys) == (
        1, [f"!!  keys: {paths.secrets}: is missing; `footfall init` makes it"],
    )  # fmt: skip


def test_missing_keys_beside_a_log_come_from_the_backup(paths, capsys):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    shutil.rmtree(paths.secrets)
    assert doctor(paths, capsys) == (
        1, [f"!!  keys: {paths.secrets}: is missing; restore it from its backup"],
    )  # fmt: skip


def test_a_key_of_another_installation(paths, capsys):
    (paths.secrets / "installation.key").write_bytes(bytes(32))
    code, (said,) = doctor(paths, capsys)
    assert code == 1
    assert "is not the key of vault.sqlite; restore both from one backup" in said


def test_keys_that_others_can_read(paths, capsys):
    paths.secrets.chmod(0o755)
    (paths.secrets / "installation.key").chmod(0o644)
    key = paths.secrets / "installation.key"
    assert doctor(paths, capsys) == (
        1,
        [
            f"!!  keys: {paths.secrets}: mode 755, others can read it: chmod 700 {paths.secrets}",
            f"!!  keys: {key}: mode 644, others can read it: chmod 600 {key}",
        ],
    )


def test_what_a_dead_process_wrote_into_the_lock_holds_nothing(paths, capsys):
    paths.lock.write_text(json.dumps({"pid": 2**22 - 1, "host": socket.gethostname()}))
    assert doctor(paths, capsys) == (0, [])


def test_a_lock_that_is_held_says_by_whom(paths, capsys):
    with _held_elsewhere(paths) as pid:
        code = main(["--home", str(paths.home), "doctor"])
    said = capsys.readouterr().out
    assert code == 0
    assert f"lock: held by process {pid} on {socket.gethostname()} (run writer) since" in said


def test_a_lock_that_outlived_its_process_is_found(paths, capsys):
    with _held_elsewhere(paths):
        written = json.loads(paths.lock.read_bytes())
        # A process that has ended for certain, in place of the parent of one that lives on.
        gone = multiprocessing.get_context("spawn").Process(target=os.getpid)
        gone.start()
        gone.join(60)
        paths.lock.write_text(json.dumps({**written, "pid": gone.pid}))
        code, (said,) = doctor(paths, capsys)
    assert code == 1
    assert f"held by process {gone.pid}" in said
    assert "it is gone, and a child of it holds the lock still" in said


class _held_elsewhere:  # noqa: N801
    """Another process that holds the lock of the state."""

    def __init__(self, paths: StatePaths) -> None:
        context = multiprocessing.get_context("spawn")
        self._held, self._done = context.Event(), context.Event()
        self._writer = context.Process(target=_hold, args=(paths.home, self._held, self._done))

    def __enter__(self) -> int:
        self._writer.start()
        assert self._held.wait(60)
        assert self._writer.pid is not None
        return self._writer.pid

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._writer.join(60)


def _hold(home: Path, held, done) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    with state_lock(StatePaths(home), run="writer", wait_s=0, now=now):
        held.set()
        done.wait(60)


def test_a_disk_that_is_nearly_full(paths, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 10**9, 10**9))
    code, (said,) = doctor(paths, capsys)
    assert code == 1
    assert f"!!  state folder: {paths.home}: 1.0 GB free; a run may stop for want of room" in said


def test_what_lies_in_landing_and_is_not_read_is_said_once(paths, capsys):
    for place in ("shop/2026-11-02/a.json", "shop/2026-11-02/b.csv.bz2", "shop/monday/a.jsonl",
                  "shp/2026-11-02/a.jsonl"):  # fmt: skip
        land(paths, place, b"{}\n")
    assert doctor(paths, capsys) == (
        1,
        [
            "!!  landing: landing/shop/2026-11-02/a.json: not read, its ending is none of "
            ".jsonl .csv .tsv .parquet .log, each also .gz or .zst",
            "!!  landing: landing/shop/2026-11-02/b.csv.bz2: not read, its ending is none of "
            ".jsonl .csv .tsv .parquet .log, each also .gz or .zst",
            "!!  landing: landing/shop/monday: not read, not a folder named by its day, YYYY-MM-DD",
            "!!  landing: landing/shp: not read, no source of this name is declared in "
            "footfall.yml",
        ],
    )


def test_files_that_were_refused_or_changed_after_their_seal(paths, capsys):
    good = land_day(paths, DAY)
    land(paths, f"shop/{DAY}/latin.jsonl", b"\xe9\n")
    load(paths, DAY, now=CLOSED)
    good.write_bytes(good.read_bytes() * 2)

    code, wrong = doctor(paths, capsys)

    assert code == 1
    changed, refused = wrong
    assert changed.startswith(f"!!  landing: landing/shop/{DAY}/a.jsonl: changed after it was sea")
    assert refused.startswith(f"!!  landing: landing/shop/{DAY}/latin.jsonl:1: not UTF-8")
    land(paths, f"shop/{DAY}/latin.jsonl", json_lines([event(7, f"{DAY}T10:00:00Z")]))
    assert len(doctor(paths, capsys)[1]) == 1


def test_a_refused_batch_that_waits(paths, capsys):
    land(paths, f"shop/{DAY}/a.jsonl", b"{}\n")
    load(paths, DAY, now=CLOSED)
    code, (said,) = doctor(paths, capsys)
    assert code == 1
    assert said.startswith(f"!!  staging: {DAY}: a batch waits that was refused")
    assert f"footfall accept {DAY} --reason TEXT" in said


def test_a_broken_chain_is_named(paths, capsys):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)
    (manifest,) = paths.manifests.glob("*.json")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    code, wrong = doctor(paths, capsys)
    assert code == 1
    assert (
        f"!!  log: log/manifests/00000001-{DAY}.json: is not written as it was sealed" in wrong[0]
    )


def test_a_damaged_warehouse_is_told_and_the_other_checks_go_on(paths, capsys):
    paths.warehouse_db.parent.mkdir(parents=True, exist_ok=True)
    paths.warehouse_db.write_bytes(b"no database" * 2000)
    code, wrong = doctor(paths, capsys)
    assert code == 1
    assert len(wrong) == 1
    assert "is not a valid DuckDB database file" in wrong[0]
    assert wrong[0].endswith("`footfall rebuild --replace` makes it anew")


MAPPED = """\
sources:
  app:
    format: jsonl
    mapping: {event_name: {value: page_viewed}, event_ts: at, anonymous_id: PATH}
  till:
    format: csv
    mapping: {event_name: {value: order_completed}, event_ts: at, order_id: NUMBER}
"""


def test_what_a_mapping_names_and_no_row_has_is_told_before_anything_is_sealed(paths, capsys):
    rows = [{"at": f"{DAY}T10:00:00Z", "geraet": {"id": "x"}}, {"at": f"{DAY}T11:00:00Z"}]
    land(paths, f"app/{DAY}/a.jsonl", json_lines(rows))
    land(paths, f"till/{DAY}/a.csv", f"at,nr\n{DAY} 10:00,1\n".encode())

    def told(path: str, number: str) -> list[str]:
        text = MAPPED.replace("PATH", path).replace("NUMBER", number)
        paths.settings_file.write_text(text)
        return doctor(paths, capsys)[1]

    assert told("$.geraet.id", "nr") == []
    app, till = told("$.ger\u00e4t.id", "number")
    assert app == (
        f"!!  landing: landing/app/{DAY}/a.jsonl: '$.ger\u00e4t.id', which sources.app.mapping "
        "names, is in none of its first 2 rows; see its spelling (of nested JSON a path: $.a.b)"
    )
    assert till.startswith(f"!!  landing: landing/till/{DAY}/a.csv:1: no column 'number'")
    assert "'geraet.id'" in told("geraet.id", "nr")[0]


def test_days_that_were_read_by_other_settings_are_told(paths, capsys):
    land_day(paths, DAY)
    load(paths, DAY, now=CLOSED)

    def said() -> str:
        assert main(["--home", str(paths.home), "doctor"]) == 0
        return capsys.readouterr().out

    assert "other settings" not in said()
    paths.settings_file.write_text("sources:\n  shop: {format: canonical, id_space: web}\n")
    assert "sources.shop: 1 sealed days were read by other settings than today's" in said()

"""`footfall rebuild`: equal after a normal history; finds and mends what somebody changed by hand.

A kill at any of its steps leaves a whole warehouse in place. How rows are compared is in
tests/unit/test_table_comparison.py.
"""

import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.cli import main
from dagster_project.ingest.lock import state_lock
from dagster_project.state import StatePaths
from tests.e2e.command import footfall, must, served
from tests.fault_injection import lose_process_at

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days 2 and 3 in one run, then day 1, which makes the models of both stale; day 4 waits."""
    home = tmp_path_factory.mktemp("history") / "state"
    must(home, "init")
    must(home, "simulate", "--days", "4", "--seed", "3", "--start", DAYS[0], "--visitors", "30")
    must(home, "run", "--from", DAYS[1], "--to", DAYS[2])
    must(home, "run", "--from", DAYS[0], "--to", DAYS[0])
    return home


@pytest.fixture
def home(history: Path, tmp_path: Path) -> Path:
    """A copy of the history that a test may change."""
    copy = tmp_path / "state"
    shutil.copytree(history, copy, symlinks=True)
    return copy


def change_by_hand(home: Path) -> str:
    """Give an order another value; gives its key. The change stays in the write-ahead log."""
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb")) as con:
        con.execute("pragma disable_checkpoint_on_shutdown")
        ((key,),) = con.execute("select min(order_key) from core.fct_orders").fetchall()
        con.execute("update core.fct_orders set gross_revenue = 123456 where order_key = ?", [key])
    return str(key)


def warehouse_files(home: Path) -> dict[str, bytes]:
    """The present warehouse and its write-ahead log."""
    return {file.name: file.read_bytes() for file in (home / "warehouse").glob("footfall.duckdb*")}


def value_of(home: Path, order_key: str) -> object:
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        return con.execute(
            "select gross_revenue from core.fct_orders where order_key = ?", [order_key]
        ).fetchone()


def test_a_warehouse_of_several_runs_equals_its_rebuild_and_stays_as_it_is(home):
    before = warehouse_files(home)
    said = must(home, "rebuild")
    assert said.splitlines()[0] == "built 3 arrival dates anew"
    assert said.splitlines()[1].startswith("equal: ")
    assert warehouse_files(home) == before
    assert not (home / "warehouse" / "rebuild").exists()


def test_a_row_changed_by_hand_is_named_and_replaced_while_readers_read_on(home):
    key = change_by_hand(home)
    assert (home / "warehouse" / "footfall.duckdb.wal").exists()
    record = home / "records" / "kept.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text("what was published stays published")

    found = footfall(home, "rebuild")
    assert found.returncode == 1
    lines = found.stderr.splitlines()
    assert lines[0] == "core.fct_orders: 1 rows differ (1 with other values)"
    assert f"in the row of order_key {key}: gross_revenue is 123456.0000, rebuilt " in lines[1]
    assert len(lines) == 2
    assert "1 of " in found.stdout
    assert "footfall rebuild --replace" in found.stdout

    with served(home) as reader:
        before = reader.execute("select count(*) from core.fct_events").fetchall()
        replaced = footfall(home, "rebuild", "--replace")
        assert reader.execute("select count(*) from core.fct_events").fetchall() == before
    assert replaced.returncode == 0
    assert lines[1] in replaced.stderr
    assert "replaced the warehouse, and published it as version 3" in replaced.stdout
    assert not (home / "warehouse" / "footfall.duckdb.wal").exists()
    assert record.read_text() == "what was published stays published"

    must(home, "run")
    with served(home) as con:
        days = con.execute("select count(distinct arrival_date) from core.fct_events").fetchone()
    assert days == (4,)
    assert "equal: " in must(home, "rebuild")


def lose_replacing(home: Path, step: str) -> None:
    lose_process_at(step, 1, main, ["--home", str(home), "rebuild", "--replace"])


def test_a_kill_leaves_the_old_warehouse_or_the_new_one_and_the_next_rebuild_mends(home):
    key = change_by_hand(home)
    before = warehouse_files(home)
    for step in ("rebuild: built", "rebuild: published"):
        lose_replacing(home, step)
        assert warehouse_files(home) == before, step
    # The old one without its write-ahead log: what that held is in the file.
    lose_replacing(home, "rebuild: write-ahead log gone")
    assert list(warehouse_files(home)) == ["footfall.duckdb"]
    assert value_of(home, key) == (123456,)
    lose_replacing(home, "rebuild: replaced")
    assert value_of(home, key) != (123456,)
    assert "equal: " in must(home, "rebuild")
    assert not (home / "warehouse" / "rebuild").exists()


def test_a_second_writer_says_who_holds_the_lock(home):
    settings = home / "footfall.yml"
    settings.write_text(settings.read_text().replace("lock_wait_s: 600", "lock_wait_s: 0"))
    since = datetime(2026, 11, 5, 3, tzinfo=UTC)
    with state_lock(StatePaths(home), run="a nightly run", wait_s=0, now=since):
        refused = footfall(home, "rebuild", "--replace")
    assert refused.returncode == 1
    assert f"held by process {os.getpid()} on {socket.gethostname()}" in refused.stderr
    assert "(run a nightly run) since 2026-11-05T03:00:00+00:00" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_opened_is_replaced_and_models_see_the_day_that_came_late(home):
    assert "older days were loaded after the models of 2 dates" in footfall(home, "doctor").stdout
    truncate(home)
    said = must(home, "rebuild", "--replace", "--retrain")
    assert "not compared: " in said
    assert "replaced the warehouse" in said
    # Seven families of three days.
    assert said.splitlines()[0] == "trained 21 partitions of models anew"
    assert "models: none is stale" in footfall(home, "doctor").stdout
    assert "equal: " in must(home, "rebuild")


def test_models_are_not_trained_without_replacing_the_warehouse(home):
    refused = footfall(home, "rebuild", "--retrain")
    assert refused.returncode == 2
    assert refused.stderr.startswith("footfall: --retrain: ")
    assert "say --replace as well" in refused.stderr


def owe_a_day(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb")) as con:
        con.execute("insert into state.work_set values ('2026-11-02')")


def report_in_another_zone(home: Path) -> None:
    file = home / "footfall.yml"
    text = file.read_text().replace("reporting_timezone: UTC", "reporting_timezone: Europe/Berlin")
    file.write_text(text)


def truncate(home: Path) -> None:
    file = home / "warehouse" / "footfall.duckdb"
    file.write_bytes(file.read_bytes()[:5000])


def spoil_a_table(home: Path) -> None:
    """Flip a byte so that the file opens and its events cannot be read: blocks have checksums."""
    file = home / "warehouse" / "footfall.duckdb"
    content = file.read_bytes()
    for place in range(3 * 4096 + 1000, len(content), 262_144):
        spoilt = bytearray(content)
        spoilt[place] ^= 255
        file.write_bytes(spoilt)
        try:
            with duckdb.connect(str(file), read_only=True) as con:
                states = con.execute("select table_name from duckdb_tables where schema_name = "
                                     "'state'").fetchall()  # fmt: skip
                for (table,) in states:
                    con.execute(f"select sum(hash(s)) from state.{table} as s").fetchall()
                try:
                    con.execute("select sum(hash(e)) from core.fct_events as e").fetchall()
                except duckdb.Error:
                    return
        except duckdb.Error:
            continue
    raise AssertionError("no byte of the file holds events alone")


def lose(home: Path) -> None:
    (home / "warehouse" / "footfall.duckdb").unlink()


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def changed_within(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


@pytest.mark.parametrize("spoil", [cut_short, changed_within])
def test_nothing_is_built_from_a_log_that_is_not_what_was_sealed(home, spoil):
    part = min((home / "log" / "events").rglob("*.parquet"))
    part.chmod(0o644)
    part.write_bytes(spoil(part.read_bytes()))
    before = warehouse_files(home)
    for words in ([], ["--replace"]):
        refused = footfall(home, "rebuild", *words)
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
        assert part.name in refused.stderr
        assert "`footfall verify`" in refused.stderr
        assert warehouse_files(home) == before


@pytest.mark.parametrize(
    ("happening", "reason"),
    [
        (owe_a_day, "1 arrival dates from 2026-11-02 to 2026-11-02 are not built yet"),
        (report_in_another_zone, "was built by other models or settings than today's"),
        (truncate, "cannot be opened"),
        (spoil_a_table, "cannot be read"),
        (lose, "is missing"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(home, happening, reason):
    happening(home)
    refused = footfall(home, "rebuild")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert reason in refused.stderr
    assert "footfall rebuild --replace" in refused.stderr

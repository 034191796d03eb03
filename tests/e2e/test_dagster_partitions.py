"""Whole runs through Dagster end in the same tables.

Partitions one by one, a range in one run that dies and comes again, a closed day again. Each other
step at which a run may die, without Dagster around it, is in test_whole_run_faults.
"""

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project import training, warehouse
from dagster_project.cli import main
from dagster_project.definitions import build_defs
from dagster_project.ingest.config import load_settings
from dagster_project.state import StatePaths
from tests.e2e.command import footfall, footfall_anew, must
from tests.fault_injection import lose_process_at

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]
TABLES = (
    "core.fct_events", "core.fct_sessions", "core.fct_orders", "core.map_visitor_person",
    "core.dim_persons", "marts.kpi_daily", "marts.kpi_daily_by_dimension", "marts.funnel_steps",
    "marts.customer_360", "marts.trigger_firings", "ml.recommendations", "ml.anomaly_scores",
)  # fmt: skip


def rows_of(home: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        return con.execute(f"select * from {table} order by all").fetchall()


def log_tree(home: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(home)): file.read_bytes()
        for file in sorted((home / "log").rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def day_by_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("days") / "state"
    must(home, "init")
    must(home, "simulate", "--days", "3", "--seed", "5", "--start", DAYS[0], "--visitors", "60")
    # As on a person's machine: nothing is imported before.
    first = footfall_anew(home, "run", "--to", DAYS[0])
    assert first.returncode == 0, first.stderr
    for day in DAYS[1:]:
        must(home, "run", "--from", day, "--to", day)
    return home


@pytest.fixture(scope="module")
def in_one_run(day_by_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("range") / "state"
    home.mkdir()
    for part in ("footfall.yml", "secrets", "landing", "dagster"):
        source = day_by_day / part
        if source.is_dir():
            shutil.copytree(source, home / part)
        else:
            shutil.copy(source, home / part)
    # It holds Dagster's pool as it dies.
    lose_process_at("serving: named", 1, main, ["--home", str(home), "run"])
    must(home, "run")
    return home


@pytest.mark.parametrize("table", TABLES)
def test_a_range_in_a_run_that_died_and_one_more_gives_the_tables_of_single_days(
    day_by_day, in_one_run, table
):
    found = rows_of(in_one_run, table)
    assert found
    assert found == rows_of(day_by_day, table)


def test_a_closed_day_again_changes_neither_log_nor_tables(day_by_day):
    before = log_tree(day_by_day), [rows_of(day_by_day, table) for table in TABLES]
    must(day_by_day, "run", "--from", DAYS[1], "--to", DAYS[1])
    assert (log_tree(day_by_day), [rows_of(day_by_day, table) for table in TABLES]) == before


def test_after_the_run_that_died_the_log_is_whole_and_nothing_is_left_to_do(in_one_run):
    must(in_one_run, "verify")
    assert "nothing to do" in must(in_one_run, "run")


def test_recommendations_reach_the_customers(day_by_day):
    rows = rows_of(day_by_day, "marts.customer_360")
    assert any(isinstance(value, list) and value for row in rows for value in row)


def test_triggers_fire_for_what_the_simulator_planted_and_ask_for_it_once(day_by_day):
    kinds = {
        "cart_over_200_abandoned": "cart_abandoned",
        "three_phones_in_ten_minutes": "smartphones_compared",
        "negative_shoe_review": "shoes_disliked",
    }
    with duckdb.connect(str(day_by_day / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        planted = con.execute(
            "select kind, event_id, planted.at from read_parquet(?) as planted where is_delivered",
            [str(day_by_day / "truth" / "planted.parquet")],
        ).fetchall()
        fired = con.execute(
            "select rule, event_id, fired_at, firing_id, is_holdout, suggested_product_ids "
            "from marts.trigger_firings "
            "join core.fct_events on event_key = evidence_event_keys[-1]"
        ).fetchall()
    expected = {(kinds[kind], event, at) for kind, event, at in planted if kind in kinds}
    assert {row[:3] for row in fired} == expected
    assert len(fired) == len(expected) > 10
    assert all(suggested for *_, suggested in fired)
    # Three days were published one by one, each within two days of what fired on it.
    files = sorted((day_by_day / "records" / "outbox").glob("[0-9]*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    told = {line["firing_id"] for line in lines if line["state"] != "retracted"}
    assert len(told) + sum(line["state"] == "retracted" for line in lines) == len(lines)
    assert {row[3] for row in fired if not row[4]} <= told


def test_a_model_of_a_day_gives_the_same_bytes_after_later_days(day_by_day):
    paths = StatePaths(day_by_day)
    settings = load_settings(paths.settings_file)
    outputs = [
        *day_by_day.glob("ml/*/partition_date=2026-11-02/*.parquet"),
        *day_by_day.glob("models/*/2026-11-02/card.json"),
    ]
    before = {file: file.read_bytes() for file in outputs}
    assert len(before) >= 5
    training.train_recommendations(paths, settings, [date(2026, 11, 2)])
    training.score_anomalies(paths, settings, [date(2026, 11, 2)])
    assert {file: file.read_bytes() for file in outputs} == before
    # The later days do hold late events of that day, so a model that peeks would differ.
    late = warehouse.query(
        paths,
        "select count(*) from core.fct_events "
        "where arrival_date > date '2026-11-02' and event_date <= date '2026-11-02'",
    )
    assert late[0][0] > 0


def test_the_ml_assets_stand_between_the_dbt_models(day_by_day):
    graph = build_defs(home=str(day_by_day)).resolve_asset_graph()
    parents = {
        key.to_user_string(): graph.get(key).parent_keys for key in graph.get_all_asset_keys()
    }
    names = {child: {key.to_user_string() for key in keys} for child, keys in parents.items()}
    assert "ml_inputs/ml_interactions" in names["ml_outputs/recommendations"]
    assert "ml_outputs/recommendations" in names["ml/recommendations"]
    assert "ml/recommendations" in names["marts/customer_360"]


def test_a_flipped_byte_in_the_log_is_named(day_by_day, tmp_path):
    home = tmp_path / "state"
    shutil.copytree(day_by_day, home, symlinks=True)
    part = next((home / "log" / "events").rglob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(bytes(content))
    done = footfall(home, "verify")
    assert done.returncode == 1
    assert part.name in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_day_makes_later_models_stale_until_they_are_made_again(day_by_day, tmp_path):
    home = tmp_path / "state"
    shutil.copytree(day_by_day, home, symlinks=True)
    older = home / "landing" / "shop" / "2026-10-31" / "forgotten.jsonl"
    older.parent.mkdir(parents=True)
    older.write_text(
        json.dumps({
            "event_id": "forgotten", "event_name": "product_viewed", "anonymous_id": "somebody",
            "event_ts": "2026-10-31T10:00:00Z", "product_id": "P1",
        }) + "\n"
    )  # fmt: skip
    assert "models: none is stale" in footfall(home, "doctor").stdout
    loaded = footfall(home, "run")
    assert loaded.returncode == 0
    assert "model_inputs_are_unchanged" in loaded.stderr
    told = f"footfall run --from {DAYS[0]} --to {DAYS[-1]}"
    assert told in loaded.stderr
    assert told in footfall(home, "doctor").stdout
    again = footfall(home, *told.split()[1:])
    assert again.returncode == 0
    assert "model_inputs_are_unchanged" not in again.stderr
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        (views,) = con.execute("select list(sql) from duckdb_views() where not internal").fetchone()
    assert any(str(home) in sql for sql in views)
    # Nobody reads the folder that this one was copied from.
    assert not any(str(day_by_day) in sql for sql in views)
    assert "models: none is stale" in footfall(home, "doctor").stdout

"""`footfall simulate --like-log` as a user calls it, on a published database made by hand."""

import gzip
import json
import shutil
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.cli import main, simulate_like_log
from dagster_project.ingest.config import ReadLimits, SourceSettings
from dagster_project.ingest.mapping import create_candidates, load_candidates
from dagster_project.state import StatePaths
from expectations.contract import load_registry, split_sql

SECRETS = ("u-secret", "o-secret", "i-secret", "a-secret", "ada@example.org", "/secret", "s-secret")
# Forty visitors look at one of four products; half of them put it into the cart, a quarter order,
# by two events of one order. Ten bots look at a product of their own. All come on two days.
_DATABASE = """
    create schema core;
    create schema dq;
    create table dq.arrivals_daily as
        select unnest([date '2026-05-01', date '2026-05-02']) as arrival_date;
    create table core.fct_events as
        with steps(step, event_name, role, every) as (
            values
                (0, 'page_viewed', 'page_view', 1), (1, 'product_viewed', 'product_view', 1),
                (2, 'experiment_viewed', 'experiment', 1), (3, 'product_added', 'cart_add', 2),
                (4, 'order_completed', 'order', 4), (5, 'order_completed', 'order', 4)
        )
        select
            concat('a-secret ', v, ' ', day) as session_id,
            concat('a-secret ', v) as visitor_id,
            timestamp '2026-05-01 10:00:00' + to_days(day) + to_minutes(v) + to_seconds(5 * step)
                as event_ts,
            concat('i-secret ', v, ' ', day, ' ', step) as event_key,
            event_name, role, 'shop' as source, v >= 40 as is_bot,
            case when step in (1, 3) then if(v >= 40, 'P-BOT', concat('P-', v % 4)) end
                as product_id,
            case when step in (1, 3) then 'shoes' end as category, null::varchar as brand,
            case when step in (1, 3) then 10::decimal(18, 4) end as reporting_price,
            case when step = 3 then 2::decimal(18, 4) end as quantity,
            'u-secret' as user_id, 'https://shop.example/secret' as page_url,
            '{"variant_id": "s-secret", "email": "ada@example.org"}' as properties
        from range(50) as visitors(v), range(2) as days(day), steps
        where v % every = 0;
    create table core.fct_sessions as
        select
            session_id, visitor_id, source, 'mobile' as device_type, 'AT' as country,
            'ada@example.org' as referrer, 'newsletter' as traffic_source,
            'email' as traffic_medium, bool_or(is_bot) as is_bot, min(event_ts) as started_at
        from core.fct_events
        group by all;
    create table core.fct_orders as
        select
            concat('o-secret ', event_key) as order_key, event_key,
            18::decimal(18, 4) as gross_revenue, cast(event_ts as date) as event_date
        from core.fct_events
        where event_key like '% 4';
    create table core.fct_order_items as
        select
            orders.order_key, events.product_id, 10::decimal(18, 4) as price,
            2::decimal(18, 4) as quantity
        from core.fct_orders as orders
        inner join core.fct_events as ordered using (event_key)
        inner join core.fct_events as events
            on ordered.session_id = events.session_id and events.role = 'cart_add';
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    paths = StatePaths(tmp_path_factory.mktemp("state") / "home")
    paths.serving.mkdir(parents=True)
    (paths.landing / "shop").mkdir(parents=True)
    paths.settings_file.write_text("sources: {shop: {format: canonical}}\n")
    with duckdb.connect(str(paths.serving_db)) as con:
        con.execute(_DATABASE)
    return paths.home


def copy_of(home: Path, place: Path) -> StatePaths:
    shutil.copytree(home, place)
    return StatePaths(place)


def call(home: Path, *words: object) -> int:
    return main(["--home", str(home), "simulate", *map(str, words)])


def events_in(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in sorted(folder.glob("*/*/*.jsonl.gz"))
        for line in gzip.decompress(file.read_bytes()).splitlines()
    ]


def test_files_like_the_log_lie_by_source_and_day(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(home, "--like-log", "--into", tmp_path / "out", "--days", 3) == 0
    days = sorted(path.name for path in (tmp_path / "out" / "shop").iterdir())
    # The published log ends with the second of May.
    assert days == ["2026-05-03", "2026-05-04", "2026-05-05"]
    events = events_in(tmp_path / "out")
    assert {event["event_name"] for event in events} == {
        *("page_viewed", "product_viewed", "product_added", "order_completed")
    }
    assert {event["product_id"] for event in events if "product_id" in event} == {
        *("P-0", "P-1", "P-2", "P-3")
    }
    # Forty sessions a day, all like those of the log: 20 and 10 of them with cart and order.
    views = sum(event["event_name"] == "product_viewed" for event in events)
    assert abs(views - 120) < 40
    orders = [event for event in events if event["event_name"] == "order_completed"]
    assert 0.1 < len(orders) / views < 0.45
    for order in orders:
        lines = order["properties"]["products"]
        # In the log 18 for two pieces of 10.
        assert order["revenue"] == round(0.9 * sum(x["price"] * x["quantity"] for x in lines), 2)
    assert {(e["device_type"], e["country"]) for e in events} == {("mobile", "AT")}
    by_visitor: dict[str, list[str]] = {}
    for event in events:
        by_visitor.setdefault(event["anonymous_id"], []).append(event["event_name"])
    # The second event of an order is no order.
    twice = {names for some in by_visitor.values() for names in pairwise(some)}
    assert ("product_added", "order_completed") in twice
    assert ("order_completed", "order_completed") not in twice
    said = capsys.readouterr().out
    assert "like 80 sessions of 2026-05-01 to 2026-05-02" in said
    assert "left out, for they need what must not go out: experiment_viewed" in said
    assert "shop: {format: canonical}" in said


def test_nothing_secret_of_the_published_tables_goes_out(home: Path, tmp_path: Path) -> None:
    call(home, "--like-log", "--into", tmp_path)
    text = json.dumps(events_in(tmp_path))
    assert [word for word in (*SECRETS, "P-BOT") if word in text] == []
    # Control: every one of them is in what was read from.
    with duckdb.connect(str(StatePaths(home).serving_db), read_only=True) as con:
        published = str(con.execute("from core.fct_events").fetchall())
        published += str(con.execute("from core.fct_sessions").fetchall())
        published += str(con.execute("from core.fct_orders").fetchall())
    assert [word for word in (*SECRETS, "P-BOT") if word not in published] == []


def test_the_contract_takes_every_line(home: Path, tmp_path: Path) -> None:
    call(home, "--like-log", "--into", tmp_path, "--days", 2)
    files = {f"shop/{k}": file for k, file in enumerate(sorted(tmp_path.glob("shop/*/*")))}
    with duckdb.connect() as con:
        create_candidates(con)
        load_candidates(con, files, "shop", SourceSettings(format="canonical"), ReadLimits())
        query = split_sql(
            load_registry(),
            "(select *, cast(event_ts_parsed as date) as arrival_date from candidates)",
            earliest_event_date=date(2000, 1, 1),
            max_future_hours=24,
        )
        reasons = con.sql(query).select("event_name, reasons").fetchall()
    assert len(reasons) == len(events_in(tmp_path)) > 100
    assert [row for row in reasons if row[1]] == []


def test_the_same_call_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    words = ("--days", 2, "--start", "2026-06-01")
    for folder, seed in (("one", 4), ("other", 4), ("seed", 5)):
        call(home, "--like-log", "--into", tmp_path / folder, "--seed", seed, *words)
    one, other, seed = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*/*")}
        for folder in (tmp_path / "one", tmp_path / "other", tmp_path / "seed")
    )
    assert one == other
    assert one.keys() == {f"shop/2026-06-0{day}/events.jsonl.gz" for day in (1, 2)}
    assert one != seed


@pytest.mark.parametrize(
    "folder", [".", "landing", "landing/shop", "elsewhere/../landing/new", "linked", "linked/deep"]
)
def test_the_state_that_is_resembled_takes_no_file(
    home: Path, tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "linked").symlink_to(home / "landing" / "shop")
    into = tmp_path / folder if folder.startswith("linked") else home / folder
    assert call(home, "--like-log", "--into", into) == 2
    assert "must not mix into it: name a folder outside" in capsys.readouterr().err
    assert list((home / "landing" / "shop").iterdir()) == []


def test_a_link_to_the_landing_of_a_source_is_found(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop").symlink_to(home / "landing" / "shop")
    assert call(home, "--like-log", "--into", tmp_path) == 2
    assert "must not mix" in capsys.readouterr().err
    assert list((home / "landing" / "shop").iterdir()) == []
    # A landing that lies elsewhere is the state's nevertheless.
    moved = copy_of(home, tmp_path / "home")
    moved.landing.rename(tmp_path / "disk")
    moved.landing.symlink_to(tmp_path / "disk")
    assert call(moved.home, "--like-log", "--into", tmp_path / "disk" / "new") == 2
    assert "must not mix" in capsys.readouterr().err
    # The folder above the state is none of it.
    assert call(home, "--like-log", "--into", home.parent / "beside", "--days", 1) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--like-log"], "--like-log: needs --into DIR"),
        (["--into", "x"], "--into: belongs to --like-log"),
        (["--support", "9"], "--support: belongs to --like-log"),
        (["--like-log", "--into", "x", "--lift", "0.25"], "--lift: is of the invented shop"),
        (["--like-log", "--into", "x", "--visitors", "9"], "--visitors: is of the invented shop"),
        (["--like-log", "--into", "x", "--no-faults"], "--no-faults: is of the invented shop"),
        (["--like-log", "--into", "x", "--truth", "y"], "--truth: is of the invented shop"),
        (["--like-log", "--into", "x", "--late", "0"], "--late: is of the invented shop"),
        (["--like-log", "--into", "x", "--days", "0"], "days is from 1 to 3660, not 0"),
        (["--like-log", "--into", "x", "--seed", "-1"], "seed is 0 or more, not -1"),
        (["--like-log", "--into", "x", "--start", "1999-12-31"], "start is 2000-01-01 or later"),
        (["--like-log", "--into", "x", "--start", "9999-12-31"], "start is 2000-01-01 or later"),
        (["--like-log", "--into", "x", "--support", "1"], "--support 1: is below 2"),
    ],
)
def test_a_call_that_makes_no_sense_is_told_in_one_line(
    home: Path,
    tmp_path: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(home, *words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_log_is_read_as_far_back_as_models_are_trained(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = copy_of(home, tmp_path / "home")
    paths.settings_file.write_text(
        "sources: {shop: {format: canonical}}\n"
        "settings: {training_window_days: 1, reporting_currency: CHF}\n"
    )
    assert call(paths.home, "--like-log", "--into", tmp_path / "out", "--days", 1) == 0
    assert "like 40 sessions of 2026-05-02 to 2026-05-02" in capsys.readouterr().out
    events = events_in(tmp_path / "out")
    assert {event["currency"] for event in events if "currency" in event} == {"CHF"}


@pytest.mark.parametrize(("support", "names"), [(10, True), (11, False)])
def test_a_higher_bar_leaves_out_what_ten_visitors_had(
    home: Path, tmp_path: Path, support: int, names: bool
) -> None:
    # Each of the four products has ten visitors.
    assert call(home, "--like-log", "--into", tmp_path, "--days", 1, "--support", support) == 0
    assert any("product_id" in event for event in events_in(tmp_path)) is names


def test_of_a_large_log_the_last_days_are_read(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A day has 201 events: three of each of fifty visitors, 25 additions, 26 of thirteen orders.
    for most, first in ((402, 1), (401, 2)):
        monkeypatch.setattr(simulate_like_log, "MOST_EVENTS", most)
        assert call(home, "--like-log", "--into", tmp_path / str(most), "--days", 1) == 0
        assert f"of 2026-05-0{first} to 2026-05-02" in capsys.readouterr().out


def test_where_nothing_is_published_the_run_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "footfall.yml").write_text("sources: {shop: {format: canonical}}\n")
    assert call(tmp_path / "home", "--like-log", "--into", tmp_path / "out") == 1
    assert "nothing published yet: run `footfall run`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update core.fct_sessions set is_bot = true", "no session of a person"),
        ("delete from core.fct_sessions", "no session of a person"),
        ("delete from core.fct_sessions where rowid > 0", "no source has 5 visitors"),
        ("delete from dq.arrivals_daily", "no day is published yet"),
    ],
)
def test_a_log_too_small_is_told_in_one_line(
    home: Path, tmp_path: Path, change: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = copy_of(home, tmp_path / "home")
    with duckdb.connect(str(paths.serving_db)) as con:
        con.execute(change)
    assert call(paths.home, "--like-log", "--into", tmp_path / "out") in (1, 2)
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1

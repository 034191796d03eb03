"""Law 7 over a whole installation: nothing personal anywhere, before and after an erasure."""

import contextlib
import gzip
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.ingest.vault import Vault
from dagster_project.person_export import _SECTIONS
from dagster_project.serving import version_numbers
from dagster_project.state import StatePaths
from tests.landed_days import json_lines, land, sealed_files
from tests.planted_person import (
    COOKIE,
    EMAIL,
    IP,
    JOE,
    NEEDLES,
    PHONE,
    TEXT,
    USER,
    broken_lines,
    rows_of_every_type,
    rows_of_joe,
)
from tests.state_text import places_with

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
REFUSED = "2026-01-04"
SETTINGS = """\
sources:
  shop: {format: canonical}
  till:
    format: csv
    mapping: {event_name: {value: order_completed}, event_ts: at, user_id: who, order_id: nr}
settings: {quarantine_share: 0.5}
triggers:
  disliked:
    when: negative_review
    category: Shoes
    max_rating: 4
    respond: {action: alternatives}
    holdout_pct: 0
funnels:
  buying: {mode: any, unit: person, window: 7 days, steps: [product_viewed, order_completed]}
"""
# Justified: what sources delivered, until its days are over, and the keys.
CLEAR = ("landing", "secrets")


KPIS = "select report_date, orders, gross_revenue, sessions from marts.kpi_daily order by 1"


@dataclass
class Said:
    """What a command returned and printed."""

    code: int
    out: str
    err: str


def footfall(paths: StatePaths, *words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--home", str(paths.home), *words])
    return Said(code, out.getvalue(), err.getvalue())


@dataclass
class Loaded:
    """A state as it was before anybody was erased.

    Attributes:
        said: by the commands so far.
        landed: which of the planted texts landing held.
        kept: where any of them was found elsewhere.
        kpis: the totals.
        recommended: persons with recommendations.
        joes: lines of landing that are somebody else's.
        export: what she was given.
        held: how many rows of each table, view and record name her.
    """

    paths: StatePaths
    said: list[Said]
    landed: set[str]
    kept: set[tuple[str, str]]
    kpis: list[tuple[Any, ...]]
    recommended: set[str]
    joes: int
    export: dict[str, Any]
    held: dict[str, int]


def query(paths: StatePaths, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(paths.serving_db.resolve()), read_only=True) as con:
        return con.execute(sql).fetchall()


def lines_of_joe(paths: StatePaths) -> int:
    """Lines in landing that name Joe and not Jane."""
    texts = [file.read_text() for file in paths.landing.rglob("*.jsonl")]
    texts += [file.read_text() for file in paths.landing.rglob("*.csv")]
    return sum(JOE in line for text in texts for line in text.splitlines())


def rows_that_name(paths: StatePaths, named: dict[str, Any]) -> dict[str, int]:
    """How many rows of each relation and of the outbox hold one of a person's ids."""
    ids = [*named["person_ids"], *named["visitor_ids"], *(o["pseudonym"] for o in named["alone"])]
    held = {}
    with duckdb.connect(str(paths.warehouse_db), read_only=True) as con:
        relations = con.execute(
            "select table_schema || '.' || table_name, list(column_name) "
            "from information_schema.columns where data_type = 'VARCHAR' "
            "and table_schema in ('core', 'marts', 'ml') group by 1"
        ).fetchall()
        for relation, columns in relations:
            # A device that nobody is logged in on is somebody else's for what is known.
            telling = ["person_id"] if "person_id" in columns else columns
            says = " or ".join(f"list_contains($ids, {column})" for column in telling)
            ((held[relation],),) = con.execute(
                f"select count(*) from {relation} where {says}", {"ids": ids}
            ).fetchall()
    files = (paths.records / "outbox").glob("*.jsonl")
    told = [line for file in files for line in file.read_text().splitlines()]
    held["records.outbox"] = sum(any(one in line for one in ids) for line in told)
    return held


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """Three days that pass and one that is refused; and what the commands said."""
    before = dict(os.environ)
    paths = StatePaths(tmp_path_factory.mktemp("privacy") / "home")
    paths.home.mkdir()
    paths.settings_file.write_text(SETTINGS)
    initialise(paths)
    for day in DAYS:
        rows = json_lines(rows_of_every_type(day) + rows_of_joe(day, 60))
        land(paths, f"shop/{day}/a.jsonl", rows + broken_lines(day))
    again = json_lines(rows_of_every_type("2026-01-02", "-again"))
    land(paths, "shop/2026-01-02/more.jsonl.gz", gzip.compress(again))
    table = (
        f"at,who,nr,phone\n2026-01-02 09:00,{USER},t1,{PHONE}\n"
        f'2026-01-02 09:05,{JOE},t2,"a\nb"\n2026-01-02 09:10,{USER},t3,"{TEXT}\n{IP}"\n'
        f"2026-01-02 09:15,{JOE},t4,\n"
    )
    land(paths, "till/2026-01-02/till.csv", table.encode())
    said = [footfall(paths, "run")]
    bad = broken_lines(REFUSED) + json_lines(rows_of_joe(REFUSED, 2))
    land(paths, f"shop/{REFUSED}/bad.jsonl", bad)
    said += [footfall(paths, "run"), footfall(paths, "doctor"), footfall(paths, "verify")]
    found = footfall(paths, "export-person", USER)
    assert found.code == 0, found.err
    yield Loaded(
        paths=paths,
        said=said,
        landed={needle for _, needle in places_with(paths.landing, NEEDLES)},
        kept=places_with(paths.home, NEEDLES, CLEAR),
        kpis=query(paths, KPIS),
        recommended={one for (one,) in query(
            paths, "select distinct person_id from ml.recommendations")},
        joes=lines_of_joe(paths),
        export=json.loads(found.out),
        held=rows_that_name(paths, json.loads(found.out)["identifiers"]),
    )  # fmt: skip
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def erased(loaded: Loaded) -> Said:
    """The same state once she is erased by her user id."""
    said = footfall(loaded.paths, "erase-person", USER)
    assert said.code == 0, said.err
    return said


def test_commands_did_what_they_should(loaded: Loaded) -> None:
    assert [one.code for one in loaded.said] == [0, 1, 1, 0], [one.err for one in loaded.said]
    assert "are quarantined, more than settings.quarantine_share" in loaded.said[1].err


def test_nothing_personal_is_kept_but_where_it_was_delivered(loaded: Loaded) -> None:
    assert loaded.kept == set()


def test_landing_holds_all_that_is_searched_for(loaded: Loaded) -> None:
    assert loaded.landed == set(NEEDLES)


def test_commands_say_nothing_personal(loaded: Loaded, erased: Said) -> None:
    for one in [*loaded.said, erased]:
        told = f"{one.out}{one.err}".lower()
        assert [needle for needle in NEEDLES if needle.lower() in told] == []


def test_export_gives_out_all_that_is_held(loaded: Loaded) -> None:
    found = loaded.export
    types = {row["event_name"] for row in rows_of_every_type("2026-01-01")}
    assert {event["event_name"] for event in found["events"]} == types
    # Three days of every type, those of the second delivery, two receipts.
    assert len(found["events"]) == 4 * len(types) + 2
    reviews = [one for one in found["events"] if one["event_name"] == "product_reviewed"]
    assert {one["properties"]["review_text"] for one in reviews} == {TEXT}
    assert {one["order_id"] for one in found["orders"]} == {"o1", "t1", "t3"}
    assert len(found["customer_360"]) == 1
    assert found["sessions"]
    assert found["recommendations"]
    # Four broken lines a day; those of the refused batch have only landed.
    assert len(found["quarantined"]) == 4 * len(DAYS)
    assert len(found["delivered"]) == 4 * len(types) + 2 + 4 * (len(DAYS) + 1)
    assert USER in {one["value"] for one in found["identifiers"]["alone"]}
    kinds = {one["kind"] for one in found["identifiers"]["alone"]}
    assert kinds >= {"anonymous", "device", "email", "user"}
    assert found["identifiers"]["shared_with_others"] == []


def test_export_holds_each_row_of_a_table_view_or_record_that_names_her(loaded: Loaded) -> None:
    given = loaded.export["other_tables"] | {
        table: loaded.export[section] for table, section in _SECTIONS.items()
    }
    held = loaded.held
    missing = {name: rows for name, rows in held.items() if rows > len(given.get(name, ()))}
    assert missing == {}
    # A view, a table without a person_id, and a record.
    assert held["marts.trigger_firings"] == 1
    assert held["core.fct_funnel_entries"] > 0
    assert held["records.outbox"] == 1


def test_export_holds_nothing_of_others(loaded: Loaded) -> None:
    assert JOE not in json.dumps(loaded.export)
    with Vault.open(loaded.paths) as vault:
        joe = vault.lookup("user", "users", JOE)
    assert joe is not None
    assert joe not in json.dumps(loaded.export)


def test_after_the_erasure_nothing_is_left_anywhere(loaded: Loaded, erased: Said) -> None:
    assert places_with(loaded.paths.home, NEEDLES) == set()


def test_others_lines_stay_as_they_were_delivered(loaded: Loaded, erased: Said) -> None:
    assert lines_of_joe(loaded.paths) == loaded.joes > 0
    table = (loaded.paths.landing / "till/2026-01-02/till.csv").read_text()
    assert table == (
        f'at,who,nr,phone\n2026-01-02 09:05,{JOE},t2,"a\nb"\n2026-01-02 09:15,{JOE},t4,\n'
    )
    assert gzip.decompress(
        (loaded.paths.landing / "shop/2026-01-02/more.jsonl.gz").read_bytes()) == b""  # fmt: skip


def test_log_and_reports_stand(loaded: Loaded, erased: Said) -> None:
    verified = footfall(loaded.paths, "verify")
    assert (verified.code, verified.err) == (0, "")
    assert "changed after it was sealed" not in footfall(loaded.paths, "doctor").out


def test_past_totals_stand(loaded: Loaded, erased: Said) -> None:
    assert query(loaded.paths, KPIS) == loaded.kpis


def test_models_and_older_versions_lose_her(loaded: Loaded, erased: Said) -> None:
    hers = set(loaded.export["identifiers"]["person_ids"])
    assert hers & loaded.recommended
    left = query(loaded.paths, "select distinct person_id from ml.recommendations")
    assert {one for (one,) in left} == loaded.recommended - hers != set()
    files = str(loaded.paths.ml / "recommendations" / "*" / "*.parquet")
    rows = duckdb.execute("select distinct person_id from read_parquet(?)", [files]).fetchall()
    assert not hers & {one for (one,) in rows}
    assert len(version_numbers(loaded.paths)) == 1


def test_warehouse_is_told_her_visitors_and_users_one_a_row(loaded: Loaded, erased: Said) -> None:
    rows = duckdb.execute(
        "select request_number, visitor_id, user_id from read_parquet(?)",
        [str(loaded.paths.warehouse_inputs / "erasures.parquet")],
    ).fetchall()
    events = loaded.export["events"]
    assert {number for number, _, _ in rows} == {1}
    assert {one for _, one, _ in rows if one} == {event["visitor_id"] for event in events}
    assert [one for _, _, one in rows if one] == [events[0]["user_id"]]
    assert all((visitor is None) != (user is None) for _, visitor, user in rows)


def test_she_is_not_known_any_more(loaded: Loaded, erased: Said) -> None:
    for words in (("export-person", USER), ("erase-person", USER), ("export-person", EMAIL)):
        said = footfall(loaded.paths, *words)
        assert (said.code, said.out) == (2, "")
        assert "ID is not known" in said.err


def test_delivery_repeated_is_withheld_and_a_rebuild_does_not_bring_her_back(
    loaded: Loaded, erased: Said
) -> None:
    paths = loaded.paths
    again = "shop/2026-01-05/again.jsonl"
    land(paths, again, json_lines(rows_of_every_type(DAYS[0]) + rows_of_joe("2026-01-05", 3)))
    bad = paths.landing / f"shop/{REFUSED}/bad.jsonl"
    bad.unlink()
    paths.warehouse_db.unlink()

    said = footfall(paths, "run")

    assert said.code == 0, said.err
    file = sealed_files(paths)[again]
    # Three rows of Joe and one of the passer-by.
    assert (file.logged, file.withheld) == (4, {"erased": len(rows_of_every_type(DAYS[0]))})
    with Vault.open(paths) as vault:
        assert vault.lookup("user", "users", USER) is None
        assert vault.lookup("anonymous", "shop", COOKIE) is None
    assert query(paths, KPIS)[: len(loaded.kpis)] == loaded.kpis
    # The days were trained again, and a new one was: her past is in the data, she is not in them.
    hers = set(loaded.export["identifiers"]["person_ids"])
    served = {one for (one,) in query(paths, "select distinct person_id from ml.recommendations")}
    scored = {one for (one,) in query(paths, "select distinct entity_id from ml.anomaly_scores")}
    assert served - hers == served != set()
    assert not scored & hers
    (paths.landing / again).unlink()
    assert places_with(paths.home, NEEDLES) == set()

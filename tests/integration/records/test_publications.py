"""What a publication adds to the records: what is new or another, once, whatever is killed."""

import shutil
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pytest

from dagster_project.records.audit import record_problems
from dagster_project.records.entries import load_entries
from dagster_project.records.publications import record_served
from dagster_project.serving import current_number
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.integration.records.published_state import (
    build,
    firing,
    outbox,
    publish,
    recorded,
    seal_day,
    state,
)

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
SEEN = datetime(2026, 11, 1, 9)
KPIS = [(FIRST, 3, Decimal("20.5"), 20.5)]
AT_ONE = partial(publish, at="2026-11-30T13:00:00")

STEPS = [
    "serving: named", "serving: swapped", "records: parts written",
    "00000002.json: written beside", "00000002.json: renamed", "records: entry written",
    "HEAD: written beside", "records: HEAD written", "records: part named",
]  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """One closed day, published."""
    made = state(tmp_path / "state")
    seal_day(made, "2026-11-01")
    build(made, KPIS, [("anna", 1, 20.5, 0, ["p1"], SEEN)])
    publish(made)
    return made


def test_the_first_publication_records_every_value_after_its_arrival_date(paths):
    assert recorded(paths, "kpi_values") == [
        (1, FIRST, FIRST, "aov", Decimal("20.5")),
        (1, FIRST, FIRST, "gross_revenue", Decimal("20.5")),
        (1, FIRST, FIRST, "visitors", Decimal(3)),
    ]
    (entry,) = load_entries(paths)
    assert entry.publication is not None
    assert (entry.publication.version, entry.publication.built_from_seal) == (1, 1)
    assert entry.publication.published_at.isoformat() == "2026-11-30T12:00:00+00:00"
    assert record_problems(paths, ()) == []


def test_a_later_publication_records_what_is_new_or_another_and_nothing_else(paths):
    seal_day(paths, "2026-11-02")
    # One more visitor on the first date; the average moves by less than 1e-9; a date is new.
    build(paths, [(FIRST, 4, Decimal("20.5"), 20.5 + 4e-10), (SECOND, 1, Decimal(0), None)])
    publish(paths)

    assert [row for row in recorded(paths, "kpi_values") if row[0] == 2] == [
        (2, SECOND, FIRST, "visitors", Decimal(4)),
        (2, SECOND, SECOND, "aov", None),
        (2, SECOND, SECOND, "gross_revenue", Decimal(0)),
        (2, SECOND, SECOND, "visitors", Decimal(1)),
    ]


def test_what_is_published_again_unchanged_adds_no_row(paths):
    publish(paths)
    publish(paths)
    assert [len(entry.parts) for entry in load_entries(paths)] == [2, 0, 0]
    assert len(recorded(paths, "kpi_values")) == 3


def test_a_value_that_comes_back_is_recorded_against_the_last_one_published(paths):
    for visitors in (4, 3):
        build(paths, [(FIRST, visitors, Decimal("20.5"), 20.5)])
        publish(paths)
    values = [row[4] for row in recorded(paths, "kpi_values") if row[3] == "visitors"]
    assert values == [3, 4, 3]


def test_a_date_that_is_gone_is_recorded_as_null_once(paths):
    build(paths, [(SECOND, 1, Decimal(0), None)])
    publish(paths)
    publish(paths)
    gone = [row for row in recorded(paths, "kpi_values") if row[0] > 1 and row[2] == FIRST]
    assert gone == [
        (2, FIRST, FIRST, metric, None) for metric in ("aov", "gross_revenue", "visitors")
    ]


def test_the_arrival_date_is_that_of_the_last_closed_day_and_null_before_the_first(tmp_path):
    made = state(tmp_path / "state")
    seal_day(made, "2026-11-01", closes=False)
    build(made, KPIS)
    publish(made)
    seal_day(made, "2026-11-01")
    seal_day(made, "2026-11-02", closes=False)
    build(made, [(FIRST, 5, Decimal("20.5"), 20.5)])
    publish(made)
    visitors = [row for row in recorded(made, "kpi_values") if row[3] == "visitors"]
    assert [(row[1], row[4]) for row in visitors] == [(None, 3), (FIRST, 5)]


def test_changes_of_persons_have_the_values_before_and_after(paths):
    seal_day(paths, "2026-11-02")
    build(paths, KPIS, [
        ("anna", 2, 30.25, 0, ["p2"], SEEN.replace(day=2)),
        ("ben", 0, None, None, None, SEEN.replace(day=2)),
    ])  # fmt: skip
    publish(paths)
    seal_day(paths, "2026-11-03")
    # A day without anything: recency grows by itself, and that is no change of the person.
    build(paths, KPIS, [("anna", 2, 30.25, 1, ["p3"], SEEN.replace(day=2))])
    publish(paths)

    third = date(2026, 11, 3)
    assert recorded(paths, "customer_changes") == [
        (1, FIRST, "anna", "is_present", "false", "true"),
        (2, SECOND, "anna", "aov", "20.5", "30.25"),
        (2, SECOND, "anna", "last_seen_at", "2026-11-01 09:00:00", "2026-11-02 09:00:00"),
        (2, SECOND, "anna", "order_count", "1", "2"),
        (2, SECOND, "ben", "is_present", "false", "true"),
        (3, third, "ben", "is_present", "true", "false"),
        (3, third, "ben", "last_seen_at", "2026-11-02 09:00:00", None),
        (3, third, "ben", "order_count", "0", None),
    ]


def test_of_an_erased_person_not_even_the_leaving_is_recorded(paths):
    build(paths, KPIS, [], erased=("anna",))
    publish(paths)
    assert [row for row in recorded(paths, "customer_changes") if row[0] > 1] == []


def test_without_the_version_before_persons_are_not_guessed_at(paths):
    shutil.rmtree(paths.serving)
    build(paths, [(FIRST, 4, Decimal("20.5"), 20.5)], [("ben", 1, 1.0, 0, None, SEEN)])
    publish(paths)
    assert [row[2] for row in recorded(paths, "customer_changes")] == ["anna"]
    # KPI values are compared with the record itself.
    assert [row[3] for row in recorded(paths, "kpi_values") if row[0] == 2] == ["visitors"]


def test_a_version_that_footfall_did_not_build_is_not_recorded(tmp_path):
    made = state(tmp_path / "state")
    build(made, KPIS)
    with duckdb.connect(str(made.warehouse_db)) as con:
        con.execute("drop table state.built")
    publish(made)
    assert load_entries(made) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_ends_in_the_record_of_an_undisturbed_run(paths, tmp_path, step):
    seal_day(paths, "2026-11-02")
    build(
        paths, [(FIRST, 4, Decimal("20.5"), 20.5), (SECOND, 1, Decimal(0), None)],
        [("anna", 2, 20.5, 0, None, SEEN)],
        firings=[firing("one", "02 10:00"), firing("two", "02 11:00")],
    )  # fmt: skip
    undisturbed = StatePaths(tmp_path / "undisturbed")
    shutil.copytree(paths.home, undisturbed.home, symlinks=True)
    AT_ONE(undisturbed)

    lose_process_at(step, 1, AT_ONE, paths)
    # What an audit says in between is that somebody is at it, and never that something is lost.
    assert all("the next run finishes it" in line for line in record_problems(paths, ()))
    publish(paths, at="2026-11-30T14:00:00")

    for table in ("kpi_values", "customer_changes"):
        assert recorded(paths, table) == recorded(undisturbed, table)
    told = [(line["firing_id"], line["state"]) for line in outbox(paths)]
    assert told == [("one", "sent"), ("two", "sent")]
    was_served = step != "serving: named"
    first_new = load_entries(paths)[1].publication
    assert first_new.published_at.hour == (13 if was_served else 14)
    assert record_problems(paths, ()) == []
    assert record_served(paths) is None
    assert [file.name for file in paths.records.rglob(".*")] == []


def test_kills_that_leave_versions_unserved_do_not_lose_the_one_to_compare_with(paths):
    for _ in range(3):
        lose_process_at("serving: named", 1, AT_ONE, paths)
    build(paths, KPIS, [("anna", 7, 20.5, 0, None, SEEN)])
    publish(paths)
    assert current_number(paths) == 5
    assert recorded(paths, "customer_changes")[-1][2:] == ("anna", "order_count", "1", "7")

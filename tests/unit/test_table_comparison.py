"""Comparing two warehouse files: what is found, how it is told, and what is not shown."""

from pathlib import Path

import duckdb
import pytest

from dagster_project.table_comparison import Comparison, compare_files

SESSIONS = """
    create schema core;
    create table core.sessions as
    select * from (values
        ('a', 1, date '2026-05-11', 10.5::double, 'Jane Doe, Berlin', [1, 2]),
        ('b', 2, date '2026-05-12', 20.5::double, null, [3]),
        ('c', null, date '2026-05-13', null, 'x', [])
    ) as t(session_id, orders, report_date, score, page_url, numbers)
"""


def compared(folder: Path, change: str = "", rows: int = 5, base: str = SESSIONS) -> Comparison:
    """Compare a file with a copy of it to which something was done; the copy is what stands."""
    files = [folder / "here.duckdb", folder / "there.duckdb"]
    for file in files:
        with duckdb.connect(str(file)) as con:
            con.execute(base)
    with duckdb.connect(str(files[0])) as con:
        con.execute(change or "select 1")
    return compare_files(*files, folder, first_rows=rows)


def lines(comparison: Comparison) -> list[str]:
    return [line for difference in comparison.differences for line in difference.lines]


def test_equal_files_have_no_difference_and_their_rows_are_counted(tmp_path):
    assert compared(tmp_path) == Comparison(tables=1, rows=3, differences=())


def test_the_order_of_rows_and_columns_means_nothing(tmp_path):
    change = """
        create table core.other as
        select numbers, page_url, score, report_date, orders, session_id
        from core.sessions order by session_id desc;
        drop table core.sessions;
        alter table core.other rename to sessions
    """
    assert compared(tmp_path, change).differences == ()


def test_a_changed_value_is_told_with_the_rows_key_and_both_values(tmp_path):
    change = (
        "update core.sessions set orders = 7, report_date = '2026-06-01' where session_id = 'b'"
    )
    assert lines(compared(tmp_path, change)) == [
        "core.sessions: 1 rows differ (1 with other values)",
        "core.sessions: in the row of session_id b: orders is 7, rebuilt 2; "
        "report_date is 2026-06-01, rebuilt 2026-05-12",
    ]


def test_null_differs_from_a_value(tmp_path):
    change = "update core.sessions set orders = 0, score = 0 where session_id = 'c'"
    assert lines(compared(tmp_path, change))[1] == (
        "core.sessions: in the row of session_id c: orders is 0, rebuilt null; "
        "score is 0.0, rebuilt null"
    )


def test_text_that_is_no_key_is_named_and_not_shown(tmp_path):
    change = "update core.sessions set page_url = 'John Roe', numbers = [9] where session_id = 'a'"
    assert lines(compared(tmp_path, change))[1:] == [
        "core.sessions: in the row of session_id a: page_url is another; numbers is another"
    ]


def test_a_row_that_is_gone_and_a_row_too_many_are_told_apart(tmp_path):
    change = "update core.sessions set session_id = 'd' where session_id = 'b'"
    assert lines(compared(tmp_path, change)) == [
        "core.sessions: 2 rows differ (1 in the warehouse alone, 1 in the rebuild alone)",
        "core.sessions: the row of session_id b is in the rebuild alone",
        "core.sessions: the row of session_id d is in the warehouse alone",
    ]


def test_a_row_that_stands_twice_is_found(tmp_path):
    change = "insert into core.sessions from core.sessions where session_id = 'a'"
    found = compared(tmp_path, change).differences
    assert [(one.table, one.rows) for one in found] == [("core.sessions", 1)]
    assert found[0].lines[1] == "core.sessions: the row of session_id a is in the warehouse alone"


def test_doubles_are_equal_within_a_billionth_and_not_beyond(tmp_path):
    near = "update core.sessions set score = score * (1 + 1e-12) where session_id = 'a'"
    assert compared(tmp_path, near).differences == ()
    (tmp_path / "far").mkdir()
    far = "update core.sessions set score = score * (1 + 1e-6) where session_id = 'a'"
    assert compared(tmp_path / "far", far).differences[0].rows == 1


def test_only_the_first_rows_are_told_and_all_are_counted(tmp_path):
    base = "create schema core; create table core.numbers as select range as n from range(1000)"
    change = "delete from core.numbers where n % 2 = 0"
    found = compared(tmp_path, change, rows=2, base=base)
    assert found.differences[0].rows == 500
    assert lines(found) == [
        "core.numbers: 500 rows differ (500 in the rebuild alone)",
        "core.numbers: the row of n 0 is in the rebuild alone",
        "core.numbers: the row of n 2 is in the rebuild alone",
    ]


def test_a_key_of_several_columns_is_told_whole(tmp_path):
    base = """
        create schema marts;
        create table marts.by_country as select * from (values
            (date '2026-05-11', 'country', 'DE', 3),
            (date '2026-05-11', 'country', 'US', 4),
            (date '2026-05-11', 'source', 'DE', 5)
        ) as t(report_date, dimension, value, sessions)
    """
    change = "update marts.by_country set sessions = 1 where dimension = 'source'"
    assert lines(compared(tmp_path, change, base=base))[1] == (
        "marts.by_country: in the row of report_date 2026-05-11, dimension source, value DE: "
        "sessions is 1, rebuilt 5"
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("drop table core.sessions", "core.sessions: is in the rebuild alone"),
        ("create table core.mine (a int)", "core.mine: is in the warehouse alone"),
        (
            "alter table core.sessions add column more int",
            "core.sessions: other columns or types than the rebuild has: more",
        ),
        (
            "alter table core.sessions alter orders type bigint",
            "core.sessions: other columns or types than the rebuild has: orders",
        ),
    ],
)
def test_tables_and_columns_of_one_side_alone_are_found(tmp_path, change, line):
    assert lines(compared(tmp_path, change)) == [line]


def test_views_and_what_a_run_keeps_about_itself_are_not_compared(tmp_path):
    change = """
        create schema state;
        create table state.work_set as select date '2026-05-11' as arrival_date;
        create view core.looks as select 1 as one
    """
    assert compared(tmp_path, change).differences == ()


def test_tables_larger_than_the_memory_are_compared(tmp_path, monkeypatch):
    """Six hundred thousand rows of 136 bytes on each side, in 50 MB."""
    monkeypatch.setenv("FOOTFALL_MEMORY_LIMIT", "50MB")
    base = """
        create schema core;
        create table core.wide as
        select range as n, md5(range::varchar) as a, md5((range + 1)::varchar) as b,
            md5((range + 2)::varchar) as c, md5((range + 3)::varchar) as d
        from range(600_000)
    """
    found = compared(tmp_path, "update core.wide set a = 'x' where n = 123456", base=base)
    assert lines(found) == [
        "core.wide: 1 rows differ (1 with other values)",
        "core.wide: in the row of n 123456: a is another",
    ]

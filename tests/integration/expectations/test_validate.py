"""A report tells bad data from a check that could not run, and holds no value of a row."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.data_docs import write_data_docs
from expectations.validate import validate

SECRET = "anna-geheim-4711"


def suite(*expectations: dict[str, Any], derived: dict[str, str] | None = None) -> dict[str, Any]:
    return {"name": "s", "meta": {"derived": derived or {}}, "expectations": list(expectations)}


def expectation(kind: str, column: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": {"column": column, **kwargs}, "meta": {"why": "Because."}}


NOT_NULL = "expect_column_values_to_not_be_null"
IN_SET = "expect_column_values_to_be_in_set"


def test_missing_column_is_an_exception_and_the_rest_is_still_checked() -> None:
    checks = suite(
        expectation(NOT_NULL, "a"),
        expectation(NOT_NULL, "gone"),
        expectation(NOT_NULL, "made"),
        expectation(IN_SET, "a", value_set=[1]),
        derived={"made": "gone + 1"},
    )
    report = validate(checks, pa.table({"a": [1, None]}), name="day")
    assert not report.success
    assert [(r.column, r.exception is None) for r in report.results] == [
        ("a", True),
        ("gone", False),
        ("made", False),
        ("a", True),
    ]
    lines = report.failures()
    assert lines[0] == f"day: {NOT_NULL} (a): 1 of 2 rows. Because."
    assert "could not be checked" in lines[1]
    assert len(lines) == 3


def test_check_that_cannot_run_is_no_success() -> None:
    check = expectation("expect_column_values_to_be_between", "a", min_value=1)
    report = validate(suite(check), pa.table({"a": [SECRET]}), name="day")
    assert not report.success
    assert report.results[0].exception is not None
    assert SECRET not in repr(report)


def test_suite_runs_again_in_the_same_process() -> None:
    checks = suite(expectation(NOT_NULL, "a"))
    first = validate(checks, pa.table({"a": [None, 1]}), name="day")
    second = validate(checks, pa.table({"a": [1, 1]}), name="day")
    assert (first.success, second.success) == (False, True)


def test_results_come_in_the_order_of_the_suite() -> None:
    columns = ["c", "missing", "a", "b"]
    checks = suite(*[expectation(NOT_NULL, column) for column in columns])
    report = validate(checks, pa.table({"a": [1], "b": [1], "c": [1]}), name="day")
    assert [result.column for result in report.results] == columns


def test_no_value_of_a_row_reaches_report_or_pages(tmp_path: Path) -> None:
    data = pa.table({"a": [SECRET, SECRET], "b": [SECRET, None]})
    checks = suite(
        expectation(IN_SET, "a", value_set=["x"]),
        expectation("expect_column_values_to_be_unique", "a"),
        expectation("expect_column_values_to_match_regex", "b", regex="^x$"),
        expectation("expect_column_values_to_be_between", "b", max_value=1),
    )
    report = validate(checks, data, name="day")
    assert [result.success for result in report.results] == [False] * 4
    assert SECRET not in repr(report) + "".join(report.failures())
    write_data_docs([report], tmp_path / "docs", now=datetime(2026, 1, 2, tzinfo=UTC))
    files = [path for path in (tmp_path / "docs").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in files)


def test_file_is_free_after_validation(tmp_path: Path) -> None:
    path = tmp_path / "it's a part.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    assert validate(suite(expectation(NOT_NULL, "a")), [path], name="day").success
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert path not in [link.readlink() for link in links]


def test_no_files_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        validate(suite(expectation(NOT_NULL, "a")), [], name="day")

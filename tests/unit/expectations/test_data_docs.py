"""Pages of reports open offline, keep thirty days, and quote what they show safely."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from expectations.data_docs import write_data_docs
from expectations.validate import Report, Result

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def report(name: str = "2026-02-28", *, success: bool = True) -> Report:
    result = Result("expect_column_values_to_be_null", "city", success, 0, None, "Because <b>.")
    return Report(name, "event_batch", success, 10, (result,))


def test_index_links_each_run_latest_first(tmp_path: Path) -> None:
    write_data_docs([report("the older")], tmp_path, now=NOW)
    index = write_data_docs([report("the newer", success=False)], tmp_path, now=LATER)
    text = index.read_text(encoding="utf-8")
    assert text.index("the newer") < text.index("the older")
    assert "failed" in text
    for run in ("20260301T020000000000Z", "20260301T030000000000Z"):
        assert f"runs/{run}.html" in text
        assert (tmp_path / "runs" / f"{run}.html").exists()


def test_runs_older_than_thirty_days_are_removed(tmp_path: Path) -> None:
    write_data_docs([report("too old")], tmp_path, now=NOW - timedelta(days=30, seconds=1))
    write_data_docs([report("just kept")], tmp_path, now=NOW - timedelta(days=30))
    index = write_data_docs([report("today")], tmp_path, now=NOW)
    text = index.read_text(encoding="utf-8")
    assert "too old" not in text
    assert "just kept" in text
    assert len(list((tmp_path / "runs").iterdir())) == 4  # a page and its data, twice


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "runs" / "notes.json"
    other.parent.mkdir()
    other.write_text("mine")
    write_data_docs([report()], tmp_path, now=NOW)
    assert other.read_text() == "mine"


def test_pages_fetch_nothing_and_escape_what_they_show(tmp_path: Path) -> None:
    write_data_docs([report("<script>x</script>")], tmp_path, now=NOW)
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "http" not in text
        assert "<script" not in text
        assert "<b>" not in text


def test_time_of_another_zone_is_the_same_run(tmp_path: Path) -> None:
    write_data_docs([report()], tmp_path, now=NOW.astimezone(timezone(timedelta(hours=5))))
    assert (tmp_path / "runs" / "20260301T020000000000Z.html").exists()


def test_naive_time_and_no_reports_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_data_docs([report()], tmp_path, now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no reports"):
        write_data_docs([], tmp_path, now=NOW)

"""Landing: what is passed over, and a historical file cut by the days of its events."""

import gzip
import json
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dagster_project.ingest import historical_file
from dagster_project.ingest.config import Settings, parse_settings
from dagster_project.ingest.errors import RefusedFileError, UsageError
from dagster_project.ingest.historical_file import import_file
from dagster_project.ingest.landing import ignored_files, why_ignored
from dagster_project.ingest.mapping import create_candidates, load_candidates
from dagster_project.state import StatePaths

TODAY = date(2024, 6, 1)
SETTINGS = parse_settings("""
sources:
  shop: {format: canonical}
  table: {format: csv, mapping: {event_name: e, event_ts: t}}
  columns: {format: parquet, mapping: {event_name: e, event_ts: t}}
""")
LINES = [
    b'{"event_name":"a","event_ts":"2024-05-02T00:30:00+02:00"}',  # 1 May in UTC
    b'{"event_name":"b","event_ts":"2024-05-03T10:00:00Z"} ',
    b"not json",
    b'{"event_name":"c","event_ts":"2024-05-01T09:00:00Z"}\r',
    b'{"event_name":"d","event_ts":"1970-01-01T00:00:00Z"}',
    b'{"event_name":"e","event_ts":"2999-01-01T00:00:00Z"}',
    b'{"event_name":"f","event_ts":"2024-05-03T09:00:00Z"}',
]


@pytest.fixture
def paths(tmp_path) -> StatePaths:
    return StatePaths(tmp_path / "state")


def file_of(tmp_path: Path, name: str, data: bytes) -> Path:
    file = tmp_path / name
    file.write_bytes(data)
    return file


def landed(paths: StatePaths, source: str, day: str) -> Path:
    (file,) = (paths.landing / source / day).iterdir()
    return file


def test_rows_land_on_the_utc_day_of_their_event_in_their_order(tmp_path, paths):
    file = file_of(
        tmp_path, "old.jsonl", b"\xef\xbb\xbf" + b"\n".join([*LINES[:2], b"", *LINES[2:]])
    )

    rows = import_file(paths, SETTINGS, "shop", file, today=TODAY)

    assert rows == {date(2024, 5, 1): 5, date(2024, 5, 3): 2}
    first, last = landed(paths, "shop", "2024-05-01"), landed(paths, "shop", "2024-05-03")
    assert first.name.startswith("old-")
    assert first.name.endswith(".jsonl.gz")
    # What has no time, or none that can be, is on the first day, where the contract sees it.
    expected = [LINES[0], LINES[2], LINES[3], LINES[4], LINES[5]]
    assert gzip.decompress(first.read_bytes()) == b"\n".join(expected) + b"\n"
    assert gzip.decompress(last.read_bytes()) == LINES[1] + b"\n" + LINES[6] + b"\n"


def test_csv_rows_keep_their_text_and_every_day_has_the_header(tmp_path, paths):
    file = file_of(
        tmp_path,
        "old.csv.gz",
        gzip.compress(
            b'e,t,"n"\r\na,2024-05-02 10:00,"x\r\ny"\r\nb,2024-05-01 10:00,"1"\r\nragged\r\n'
            b"c,2024-05-02 11:00,3"
        ),
    )

    assert import_file(paths, SETTINGS, "table", file, today=TODAY) == {
        date(2024, 5, 1): 2,
        date(2024, 5, 2): 2,
    }
    first, second = landed(paths, "table", "2024-05-01"), landed(paths, "table", "2024-05-02")
    assert gzip.decompress(first.read_bytes()) == (
        b'e,t,"n"\r\nb,2024-05-01 10:00,"1"\r\nragged\r\n'
    )
    assert gzip.decompress(second.read_bytes()) == (
        b'e,t,"n"\r\na,2024-05-02 10:00,"x\r\ny"\r\nc,2024-05-02 11:00,3\n'
    )


def test_parquet_stays_parquet(tmp_path, paths, monkeypatch):
    monkeypatch.setattr(historical_file, "_OPEN_WRITERS", 2)
    table = pa.table(
        {
            "e": ["a", "b", "c", "d", "e"],
            "t": ["2024-05-03", "2024-05-01", "2024-05-02", "2024-05-01", None],
            "n": pa.array([1, 2, None, 4, 5], pa.int32()),
        }
    )
    file = tmp_path / "old.parquet"
    pq.write_table(table, file)

    rows = import_file(paths, SETTINGS, "columns", file, today=TODAY)

    assert rows == {date(2024, 5, 1): 3, date(2024, 5, 2): 1, date(2024, 5, 3): 1}
    first = pq.read_table(landed(paths, "columns", "2024-05-01"))
    assert first.equals(table.take([1, 3, 4]))


def test_the_same_content_is_imported_once(tmp_path, paths):
    file = file_of(tmp_path, "old.jsonl", b"\n".join(LINES))
    import_file(paths, SETTINGS, "shop", file, today=TODAY)
    again = file_of(tmp_path, "renamed.jsonl", b"\n".join(LINES))
    with pytest.raises(UsageError, match=r"renamed\.jsonl: this content was imported into shop"):
        import_file(paths, SETTINGS, "shop", again, today=TODAY)


def test_a_killed_import_is_done_again_with_the_same_bytes(tmp_path, paths, monkeypatch):
    file = file_of(tmp_path, "old.jsonl", b"\n".join(LINES))

    def killed(path: Path, content: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(historical_file, "write_atomic_json", killed)
        with pytest.raises(KeyboardInterrupt):
            import_file(paths, SETTINGS, "shop", file, today=TODAY)
    before = landed(paths, "shop", "2024-05-01").read_bytes()

    import_file(paths, SETTINGS, "shop", file, today=TODAY)

    assert landed(paths, "shop", "2024-05-01").read_bytes() == before


def test_a_refused_file_leaves_nothing(tmp_path, paths):
    file = file_of(tmp_path, "old.jsonl.gz", gzip.compress(b"\n".join(LINES))[:-9])
    with pytest.raises(RefusedFileError, match=r"old\.jsonl\.gz: the gzip data ends too early"):
        import_file(paths, SETTINGS, "shop", file, today=TODAY)
    assert not paths.landing.exists()


def test_a_row_too_long_to_copy_refuses_the_import(tmp_path, paths):
    small = Settings.model_validate(
        {"sources": SETTINGS.sources, "settings": {"max_line_bytes": 1024}}
    )
    file = file_of(tmp_path, "old.jsonl", LINES[0] + b"\n" + b"x" * 2000 + b"\n")
    with pytest.raises(RefusedFileError, match=r"old\.jsonl:2: longer than settings"):
        import_file(paths, small, "shop", file, today=TODAY)


def test_a_file_without_one_usable_time_is_refused(tmp_path, paths):
    file = file_of(tmp_path, "old.jsonl", LINES[2] + b"\n" + LINES[5])
    with pytest.raises(RefusedFileError, match=r"not one of its 2 rows has a time between"):
        import_file(paths, SETTINGS, "shop", file, today=TODAY)


def test_an_import_into_an_unknown_source_or_of_a_missing_file_is_wrong_use(tmp_path, paths):
    file = file_of(tmp_path, "old.jsonl", LINES[0])
    with pytest.raises(UsageError, match=r"nope: no such source .*declared: shop, table, columns"):
        import_file(paths, SETTINGS, "nope", file, today=TODAY)
    with pytest.raises(UsageError, match="there is no such file"):
        import_file(paths, SETTINGS, "shop", tmp_path / "none.jsonl", today=TODAY)
    with pytest.raises(UsageError, match="is a folder; name the files in it"):
        import_file(paths, SETTINGS, "shop", tmp_path, today=TODAY)


def test_an_empty_file_lands_nothing(tmp_path, paths):
    assert (
        import_file(paths, SETTINGS, "table", file_of(tmp_path, "a.csv", b"e,t\n"), today=TODAY)
        == {}
    )


def raws(folder: Path, source_name: str) -> list[str]:
    """The raw rows of every file below a folder, as they would be loaded."""
    with duckdb.connect() as con:
        create_candidates(con)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            if why_ignored(file) is None:
                load_candidates(
                    con, {str(file): file}, source_name, SETTINGS.sources[source_name],
                    SETTINGS.settings,
                )  # fmt: skip
        return sorted(row[0] for row in con.execute("select raw from candidates").fetchall())


CELLS = st.sampled_from(
    [
        "a",
        "2024-05-01",
        "2024-05-02 23:59:59.9",
        '"q ""x"',
        "'",
        "",
        "é",
        " ",
        "\r",
        "\n",
        "\r\n",
        '"',
    ]
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=6))
def test_imported_rows_are_the_rows_of_the_file(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    text = "e,t\na,2024-05-01\n" + "\n".join(",".join(row) for row in rows)
    (folder / "in").mkdir()
    file = file_of(folder / "in", "a.csv", text.encode())
    paths = StatePaths(folder / "state")

    counts = import_file(paths, SETTINGS, "table", file, today=TODAY)

    before, after = raws(folder / "in", "table"), raws(paths.landing, "table")
    assert sum(counts.values()) == len(after)
    assert [raw.rstrip("\n") for raw in after] == [raw.rstrip("\n") for raw in before]


def test_what_is_not_read_is_listed_with_the_reason(tmp_path, paths):
    day = paths.landing / "shop" / "2024-05-01"
    day.mkdir(parents=True)
    (paths.landing / "stray").mkdir()
    (paths.landing / "stray" / "a.jsonl").touch()
    (paths.landing / "empty").mkdir()
    (paths.landing / "shop" / "yesterday").mkdir()
    for name in ("a.jsonl", "_b.jsonl", "c.jsonl.part", "d.json"):
        (day / name).write_bytes(b"")
    (day / "e.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    (day / "f.jsonl").mkdir()

    found = ignored_files(paths, SETTINGS)

    assert list(found) == [
        "shop/2024-05-01/_b.jsonl",
        "shop/2024-05-01/c.jsonl.part",
        "shop/2024-05-01/d.json",
        "shop/2024-05-01/e.jsonl",
        "shop/2024-05-01/f.jsonl",
        "shop/yesterday",
        "stray",
    ]
    assert found["shop/2024-05-01/e.jsonl"].startswith("a link")
    assert why_ignored(day / "a.jsonl") is None


def test_the_record_of_an_import_tells_rows_by_day(tmp_path, paths):
    import_file(paths, SETTINGS, "shop", file_of(tmp_path, "o.jsonl", LINES[0]), today=TODAY)
    (record,) = (paths.landing / "shop" / ".imports").iterdir()
    assert json.loads(record.read_text())["rows"] == {"2024-05-01": 1}

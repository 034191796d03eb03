"""Whatever a source drops ends in the log, in quarantine, or as a file refused with its reason.

One day with a file for each fault, through the real loading path; then the real command on some.
"""

import gzip
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dagster_project.ingest import seals
from dagster_project.ingest.quarantine import QuarantinedRow, read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.loading import LoadReport
from dagster_project.state import StatePaths
from tests.e2e.command import footfall, must
from tests.landed_days import (
    bytes_below,
    event,
    json_lines,
    land,
    load,
    refused_files,
    sealed_files,
    state_with,
)

DAY, NOW = "2026-11-02", "2026-11-03T03:00:00"
AT = f"{DAY}T10:00:00Z"
# Stands in every bad row and file: a name that must never be seen again in the clear.
NAME = "Annegret-Zwickl"
MAPPING = (
    "{event_name: name, event_ts: time, anonymous_id: visitor, price: price, is_bot: robot, "
    'properties: ["*"]}'
)
SETTINGS = f"""
settings: {{quarantine_share: 1.0}}
sources:
  canonical: {{format: canonical}}
  lines: {{format: jsonl, mapping: {MAPPING}}}
  commas: {{format: csv, mapping: {MAPPING}}}
  tabs: {{format: tsv, mapping: {MAPPING}}}
  columns: {{format: parquet, mapping: {MAPPING}}}
"""

# The reasons, in the words of the contract (expectations/registry/contract.yml).
NO_TIME = "event_ts: is missing"
NO_NAME = "event_name: is missing"
NOT_A_TIME = "event_ts: is no time that can be read"
TOO_EARLY = "event_ts: is before 2000-01-01"
TOO_LATE = "event_ts: is more than 24 hours after the end of the arrival date"
NO_NUMBER = "price: is no number that fits DECIMAL(18,4)"
NO_BOOLEAN = "is_bot: is neither true nor false"


@dataclass(frozen=True)
class Taken:
    """A file that is read: rows logged, and the reasons of each refused line."""

    place: str
    content: bytes
    logged: int
    reasons: dict[int, set[str]] = field(default_factory=dict)
    # Rows that the quarantine keeps in part: too long to be kept whole.
    cut: tuple[int, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A file that is refused as a whole, for a reason with these words."""

    place: str
    content: bytes
    words: str


def bad_rows(time: str, name: str, price: str, robot: str) -> list[tuple[dict, set[str]]]:
    """Bad rows by the names that a format gives its fields, and every reason of each."""
    base = {time: AT, name: "page_viewed", "who": NAME}
    return [
        ({**base, time: None}, {NO_TIME}),
        ({**base, time: "1970-01-01T00:00:00Z"}, {TOO_EARLY}),
        ({**base, time: "2100-01-01T00:00:00Z"}, {TOO_LATE}),
        ({**base, time: "soon"}, {NOT_A_TIME}),
        ({**base, price: "cheap"}, {NO_NUMBER}),
        (
            {**base, time: "1970-01-01", name: None, price: "cheap", robot: "perhaps"},
            {TOO_EARLY, NO_NAME, NO_NUMBER, NO_BOOLEAN},
        ),
    ]


CANONICAL_ROWS = bad_rows("event_ts", "event_name", "price", "is_bot")
MAPPED_ROWS = bad_rows("time", "name", "price", "robot")
COLUMNS = ["time", "name", "price", "robot", "visitor", "who"]
GOOD = event(1, AT)
GOOD_MAPPED = {"time": AT, "name": "page_viewed", "visitor": "cookie-1", "price": "9.50"}


def table_text(separator: str, *rows: dict) -> bytes:
    lines = [separator.join(COLUMNS)]
    lines += [separator.join(str(row.get(name) or "") for name in COLUMNS) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def parquet_of(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def parquet(*rows: dict) -> bytes:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    return parquet_of(pa.Table.from_pylist(list(rows), schema=schema))


def truncated(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def reasons_from(first: int, rows: list[tuple[dict, set[str]]]) -> dict[int, set[str]]:
    return {first + i: reasons for i, (_, reasons) in enumerate(rows)}


LONG = "x" * (50 * 1024 * 1024)
LATIN = f'{{"event_name": "{NAME} Größe"}}\n'.encode("latin-1")
WHO = {"who": NAME}
MANY = json_lines([event(n, AT, who=f"{NAME}-{n * 7919 % 1000}") for n in range(2000)])
TABLE_OF_MANY = table_text(",", *({**GOOD_MAPPED, "who": f"{NAME}{n * 7919}"} for n in range(2000)))

TAKEN = [
    Taken(
        "canonical/malformed.jsonl",
        json_lines([GOOD]) + f'{{"event_name": "page_viewed", "who": "{NAME}\n'.encode(),
        1, {2: {"row: malformed_json"}},
    ),
    Taken(
        "canonical/bad-rows.jsonl",
        json_lines([GOOD, *(row for row, _ in CANONICAL_ROWS)]),
        1, reasons_from(2, CANONICAL_ROWS),
    ),
    Taken(
        "canonical/wrong-types.jsonl",
        json_lines([
            {"event_ts": {"at": AT}, "event_name": "page_viewed", **WHO},
            {"event_ts": AT, "event_name": "page_viewed", "properties": [NAME]},
            {"event_ts": AT, "event_name": ["page_viewed"], **WHO},
        ]) + json.dumps([NAME]).encode(),
        0, {1: {"row: not_a_scalar"}, 2: {"row: properties_not_an_object"},
            3: {"row: not_a_scalar"}, 4: {"row: not_an_object"}},
    ),
    Taken(
        "canonical/long.jsonl",
        json_lines([{"event_name": "page_viewed", "event_ts": AT, **WHO, "text": LONG}, GOOD]),
        1, {1: {"row: line_too_long"}}, cut=(1,),
    ),
    Taken("canonical/empty.jsonl", b"", 0),
    Taken("canonical/empty.jsonl.gz", b"", 0),
    Taken("canonical/empty-inside.jsonl.gz", gzip.compress(b""), 0),
    Taken("canonical/blank.jsonl", b"\n\r\n  \n", 0),
    Taken(
        "lines/bad-rows.jsonl",
        json_lines([GOOD_MAPPED, *(row for row, _ in MAPPED_ROWS)]) + b'{"time"',
        1, {**reasons_from(2, MAPPED_ROWS), 8: {"row: malformed_json"}},
    ),
    Taken(
        "commas/bad-rows.csv",
        table_text(",", GOOD_MAPPED, *(row for row, _ in MAPPED_ROWS)),
        1, reasons_from(3, MAPPED_ROWS),
    ),
    Taken(
        "commas/too-wide.csv",
        table_text(",", GOOD_MAPPED) + f"{AT},page_viewed,1,,v,{NAME},more\n".encode(),
        1, {3: {"row: wrong_number_of_columns"}},
    ),
    Taken(
        "commas/long.csv.gz",
        gzip.compress(table_text(",", {**GOOD_MAPPED, "who": NAME + LONG}, GOOD_MAPPED)),
        1, {2: {"row: line_too_long"}}, cut=(2,),
    ),
    Taken("commas/empty.csv", b"", 0),
    Taken("commas/header-alone.csv", table_text(","), 0),
    Taken(
        "tabs/bad-rows.tsv.zst",
        zstandard.compress(table_text("\t", GOOD_MAPPED, *(row for row, _ in MAPPED_ROWS))),
        1, reasons_from(3, MAPPED_ROWS),
    ),
    Taken(
        "tabs/too-wide.tsv",
        table_text("\t", GOOD_MAPPED) + f"{AT}\tpage_viewed\t1\t\tv\t{NAME}\tmore\n".encode(),
        1, {3: {"row: wrong_number_of_columns"}},
    ),
    Taken(
        "columns/bad-rows.parquet",
        parquet(GOOD_MAPPED, *(row for row, _ in MAPPED_ROWS)),
        1, reasons_from(2, MAPPED_ROWS),
    ),
    Taken(
        "columns/long.parquet",
        parquet({**GOOD_MAPPED, "who": NAME + LONG}, GOOD_MAPPED),
        1, {1: {"row: line_too_long"}}, cut=(1,),
    ),
    Taken("columns/empty.parquet", b"", 0),
    Taken("columns/no-rows.parquet", parquet(), 0),
]  # fmt: skip

REFUSED = [
    Refused("canonical/truncated.jsonl.gz", truncated(gzip.compress(MANY)), "ends too early"),
    Refused("canonical/truncated.jsonl.zst", truncated(zstandard.compress(MANY)), "too early"),
    Refused("canonical/latin.jsonl", json_lines([GOOD]) + LATIN, "latin.jsonl:2: not UTF-8"),
    Refused("canonical/garbage.jsonl.zst", NAME.encode() * 40, "Zstandard data is not sound"),
    Refused("canonical/garbage.jsonl.gz", NAME.encode() * 40, "gzip data is not sound"),
    Refused("canonical/table.csv", table_text(",", GOOD_MAPPED), "its ending is not that of"),
    Refused("commas/truncated.csv.gz", truncated(gzip.compress(TABLE_OF_MANY)), "too early"),
    Refused("commas/latin.csv", table_text(",") + LATIN, "latin.csv:2: not UTF-8"),
    Refused("commas/garbage.csv.zst", NAME.encode() * 40, "Zstandard data is not sound"),
    Refused("commas/no-header.csv", f"{AT},{NAME},1,,v,x\n".encode(), "no column 'name'"),
    Refused("commas/twice.csv", f"{NAME},a,{NAME}\n1,2,3\n".encode(), "the same name"),
    Refused("tabs/latin.tsv", table_text("\t") + LATIN, "latin.tsv:2: not UTF-8"),
    Refused("lines/latin.jsonl", LATIN, "latin.jsonl:1: not UTF-8"),
    Refused("columns/truncated.parquet", truncated(parquet(*[GOOD_MAPPED] * 500)), "not a sound"),
    Refused("columns/garbage.parquet", NAME.encode() * 40, "not a sound Parquet file"),
    Refused("columns/no-column.parquet", parquet_of(pa.table({NAME: ["1"]})), "no column 'name'"),
    Refused("columns/text.parquet", TABLE_OF_MANY, "not a sound Parquet file"),
]  # fmt: skip


def landed_place(place: str) -> str:
    source, name = place.split("/")
    return f"{source}/{DAY}/{name}"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[StatePaths, LoadReport]:
    paths = state_with(tmp_path_factory.mktemp("bad") / "state", SETTINGS)
    for one in (*TAKEN, *REFUSED):
        land(paths, landed_place(one.place), one.content)
    return paths, load(paths, DAY, now=NOW)


@pytest.fixture(scope="module")
def quarantine(loaded: tuple[StatePaths, LoadReport]) -> list[QuarantinedRow]:
    paths, _ = loaded
    with Vault.open(paths) as vault:
        return list(read_quarantine(paths, vault, date.fromisoformat(DAY)))


def test_the_day_is_sealed_and_closed(loaded):
    _, report = loaded
    (day,) = report.days
    assert (day.is_closed, day.sequence, day.refusals) == (True, 1, ())
    assert report.integrity == []


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.place)
def test_each_row_of_a_file_ends_in_one_place(loaded, quarantine, case):
    paths, _ = loaded
    place = landed_place(case.place)
    sealed = sealed_files(paths)[place]
    assert (sealed.logged, sealed.quarantined) == (case.logged, len(case.reasons))
    assert sealed.read == sealed.logged + sealed.quarantined + sum(sealed.withheld.values())
    refused = [row for row in quarantine if row.source_file == place]
    assert {row.source_line: set(row.reasons) for row in refused} == case.reasons
    with duckdb.connect() as con:
        logged = con.execute(
            "select count(*) from read_parquet(?) where source_file = ?",
            [[str(paths.home / part.path) for part in seals.load_chain(paths)[0].parts], place],
        ).fetchone()
    assert logged == (case.logged,)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.place)
def test_a_file_that_cannot_be_read_is_refused_whole_with_its_reason(loaded, quarantine, case):
    paths, report = loaded
    place = landed_place(case.place)
    assert place not in sealed_files(paths)
    reason = refused_files(paths)[place]
    assert case.words in reason
    assert "\n" not in reason
    assert place in reason
    assert any(place in line for line in report.days[0].refused_files)
    assert [row.reasons for row in quarantine if row.source_file == place] == [(f"file: {reason}",)]
    assert (paths.landing / place).read_bytes() == case.content


def test_the_raw_row_can_be_decrypted(loaded, quarantine):
    for case in TAKEN:
        lines = [line for line in case.content.splitlines() if line.strip()]
        for row in quarantine:
            if row.source_file != landed_place(case.place):
                continue
            if row.source_line in case.cut:
                assert len(row.raw) <= 200
            elif case.place.endswith(".jsonl") or "too-wide" in case.place:
                assert row.raw.rstrip("\n").encode() == lines[row.source_line - 1]
            else:
                # A row of a table is kept as an object, column by column.
                assert json.loads(row.raw)["who"] == NAME


def test_nothing_of_a_refused_row_or_file_stands_in_the_clear(loaded):
    paths, _ = loaded
    for name, content in bytes_below(paths.home).items():
        if name.startswith("landing/"):
            continue
        assert NAME.encode() not in content, name
        if name.endswith(".parquet"):
            assert NAME not in str(pq.ParquetFile(paths.home / name).read().to_pydict()), name


def test_a_refused_file_can_be_delivered_again_and_then_loads(tmp_path):
    paths = state_with(tmp_path / "state")
    whole = gzip.compress(MANY)
    place = f"shop/{DAY}/events.jsonl.gz"
    land(paths, place, truncated(whole))
    load(paths, DAY, now=f"{DAY}T12:00:00")
    assert "ends too early" in refused_files(paths)[place]
    # The same bytes again are the same refusal: nothing new to seal.
    assert load(paths, DAY, now=f"{DAY}T13:00:00").days[0].sequence is None

    land(paths, place, whole)
    load(paths, DAY, now=f"{DAY}T14:00:00")
    assert sealed_files(paths)[place].logged == 2000
    assert load(paths, DAY, now=f"{DAY}T15:00:00").days[0].sequence is None


def test_a_refused_file_delivered_after_its_day_was_closed_loads_under_the_open_day(tmp_path):
    paths = state_with(tmp_path / "state")
    whole = gzip.compress(MANY)
    place = f"shop/{DAY}/events.jsonl.gz"
    land(paths, place, truncated(whole))
    load(paths, DAY, now=NOW)

    land(paths, place, whole)
    load(paths, "2026-11-03", now="2026-11-03T12:00:00")
    first, second = seals.load_chain(paths)
    assert (first.closes_day, first.rows, len(first.refused)) == (True, 0, 1)
    assert (str(second.arrival_date), second.rows) == ("2026-11-03", 2000)


def test_the_command_seals_what_is_good_and_says_what_it_refused(tmp_path):
    home = tmp_path / "state"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    paths = state_with(home, SETTINGS)
    must(home, "init")
    at = f"{yesterday}T10:00:00Z"
    good = [event(n, at) for n in range(5)]
    bad = {"event_name": "page_viewed", "event_ts": "1970-01-01", "who": NAME}
    land(paths, f"canonical/{yesterday}/good.jsonl", json_lines([*good, bad]))
    land(paths, f"canonical/{yesterday}/cut.jsonl.gz", truncated(gzip.compress(MANY)))
    land(paths, f"commas/{yesterday}/latin.csv", table_text(",") + LATIN)

    done = footfall(home, "run")

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for words in ("cut.jsonl.gz", "ends too early", "latin.csv:2: not UTF-8"):
        assert words in done.stderr
    assert NAME not in done.stdout + done.stderr
    counts = sealed_files(paths)[f"canonical/{yesterday}/good.jsonl"]
    assert (counts.read, counts.logged, counts.quarantined) == (6, 5, 1)
    assert set(refused_files(paths)) == {
        f"canonical/{yesterday}/cut.jsonl.gz", f"commas/{yesterday}/latin.csv"
    }  # fmt: skip
    assert NAME not in "".join(
        content.decode(errors="replace")
        for name, content in bytes_below(home).items()
        if not name.startswith("landing/")
    )

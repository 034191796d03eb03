"""Input made to do harm: no crash, no traceback, no unbounded memory, no row unaccounted for.

Here: random structure and random bytes through every reader, the contract, treatment and seal; then
bombs and names. What each single fault is told is in tests/e2e/test_bad_input.py.
"""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dagster_project.ingest import event_log, landing, seals
from dagster_project.ingest.config import load_settings, parse_settings
from dagster_project.ingest.errors import ConfigError
from dagster_project.ingest.quarantine import read_quarantine
from dagster_project.ingest.vault import Vault
from dagster_project.loading import registry_of
from dagster_project.partitions import first_day
from dagster_project.state import StatePaths
from expectations.contract import LOG_COLUMNS
from tests.hostile_rows import (
    AT,
    HOSTILE,
    attempts,
    captures,
    exports,
    messages,
    requests,
    scalars,
    texts,
    values,
)
from tests.landed_days import event, json_lines, land, state_with

DAY = date(2026, 11, 2)
NOW = datetime(2026, 11, 3, 3, tzinfo=UTC)
COLUMNS = ["name", "time", "visitor", "user", "price", "robot", "page", "agent", "mail"]
MAPPING = (
    "{event_name: name, event_ts: time, anonymous_id: visitor, user_id: user, price: price, "
    "is_bot: robot, page_url: page, user_agent: agent, ip: {sql: 'upper(mail)'}, "
    'properties: ["*"]}'
)
SETTINGS = f"""
settings: {{quarantine_share: 1.0, max_line_bytes: 4096, max_json_depth: 12}}
sources:
  canonical: {{format: canonical}}
  lines: {{format: jsonl, mapping: {MAPPING}}}
  commas: {{format: csv, identical_rows: keep, mapping: {MAPPING}}}
  tabs: {{format: tsv, encoding: latin-1, mapping: {MAPPING}}}
  columns: {{format: parquet, mapping: {MAPPING}}}
  messages: {{format: segment}}
  captures: {{format: posthog}}
  exports: {{format: ga4}}
  requests: {{format: access_log, visitors: address_and_agent}}
  attempts: {{format: auth_log, timezone: Europe/Berlin}}
"""
ENDINGS = {
    "canonical": ".jsonl", "lines": ".jsonl", "commas": ".csv", "tabs": ".tsv",
    "columns": ".parquet", "messages": ".jsonl", "captures": ".jsonl", "exports": ".jsonl",
    "requests": ".log", "attempts": ".log",
}  # fmt: skip
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".zst": zstandard.compress,
}  # fmt: skip
canonical_names = st.sampled_from([*LOG_COLUMNS, "products", "ip", "user_agent", "email"])
canonical_rows = st.fixed_dictionaries(
    {},
    optional={
        "event_id": values,
        "event_name": st.one_of(st.just("product_viewed"), values),
        "event_ts": st.one_of(st.just(AT), values),
        "properties": values,
    },
).flatmap(
    lambda row: st.dictionaries(st.one_of(canonical_names, texts), values, max_size=5).map(
        lambda more: {**more, **row}
    )
)
mapped_rows = st.fixed_dictionaries(
    {
        "name": st.one_of(st.just("page_viewed"), scalars),
        "time": st.one_of(st.just(AT), scalars),
        **dict.fromkeys(COLUMNS[2:], scalars),
    }
)


def as_text(lines: list[str]) -> bytes:
    return b"".join(line.encode(errors="replace") + b"\n" for line in lines)


def as_lines(rows: list[dict]) -> bytes:
    # Lone surrogates as escapes, NaN as Python writes it.
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_table(rows: list[dict], separator: str, encoding: str) -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode(encoding, "replace")


def as_parquet(rows: list[dict]) -> bytes:
    sink = io.BytesIO()
    columns = {
        name: pa.array(
            [None if row[name] is None else str(row[name]).encode(errors="replace").decode()
             for row in rows], pa.string()
        )
        for name in COLUMNS
    }  # fmt: skip
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


structured = st.one_of(
    st.tuples(st.just("canonical"), st.lists(canonical_rows, max_size=4).map(as_lines)),
    st.tuples(st.just("lines"), st.lists(mapped_rows, max_size=4).map(as_lines)),
    st.tuples(
        st.just("commas"),
        st.lists(mapped_rows, max_size=4).map(lambda rows: as_table(rows, ",", "utf-8")),
    ),
    st.tuples(
        st.just("tabs"),
        st.lists(mapped_rows, max_size=4).map(lambda rows: as_table(rows, "\t", "latin-1")),
    ),
    st.tuples(st.just("columns"), st.lists(mapped_rows, max_size=4).map(as_parquet)),
    st.tuples(st.just("messages"), st.lists(messages, max_size=4).map(as_lines)),
    st.tuples(st.just("captures"), st.lists(captures, max_size=4).map(as_lines)),
    st.tuples(st.just("exports"), st.lists(exports, max_size=4).map(as_lines)),
    st.tuples(st.just("requests"), st.lists(requests, max_size=4).map(as_text)),
    st.tuples(st.just("attempts"), st.lists(attempts, max_size=4).map(as_text)),
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """A file of any source, whole, cut, overwritten in the middle, or of nothing but noise."""
    source, content = draw(structured)
    packing = draw(st.sampled_from([*PACKINGS]))
    content = PACKINGS[packing](content)
    how = draw(st.sampled_from(["whole", "whole", "cut", "overwritten", "noise"]))
    if how == "cut":
        content = content[: draw(st.integers(0, len(content)))]
    elif how == "overwritten":
        at = draw(st.integers(0, len(content)))
        noise = draw(st.binary(min_size=1, max_size=12))
        content = content[:at] + noise + content[at + len(noise) :]
    elif how == "noise":
        content = draw(st.binary(max_size=200))
    return source, ENDINGS[source] + packing, content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def load(home: Path, files: list[tuple[str, str, bytes]]) -> StatePaths:
    """Land, stage and seal files of one day, as a run does before Great Expectations looks."""
    paths = state_with(home, SETTINGS)
    for number, (source, ending, content) in enumerate(files):
        land(paths, f"{source}/{DAY}/f{number}{ending}", content)
    settings = load_settings(paths.settings_file)
    with Vault.open(paths) as vault:
        (staged,) = event_log.stage_days(paths, settings, registry_of(settings), vault, [DAY])
        event_log.seal(paths, settings, vault, staged, NOW)
    return paths


def must_account_for_every_row(paths: StatePaths, files: list[tuple[str, str, bytes]]) -> None:
    """Each file is read or refused; each row read is in the log or in quarantine, once."""
    (manifest,) = seals.load_chain(paths)
    read = {file.path: file for file in manifest.files}
    refused = {file.path: file.reason for file in manifest.refused}
    assert sorted([*read, *refused]) == sorted(
        f"{source}/{DAY}/f{number}{ending}" for number, (source, ending, _) in enumerate(files)
    )
    for reason in refused.values():
        assert reason.isprintable(), reason
    with Vault.open(paths) as vault:
        quarantined = [(row.source_file, row.source_line) for row in
                       read_quarantine(paths, vault, DAY) if row.source_line]  # fmt: skip
    parts = [str(paths.home / part.path) for part in manifest.parts]
    logged: list[tuple[str, int]] = []
    if parts:
        with duckdb.connect() as con:
            rows = con.execute("from read_parquet(?, hive_partitioning = false)", [parts])
            assert [column[0] for column in rows.description] == list(LOG_COLUMNS)
            where = [list(LOG_COLUMNS).index(name) for name in ("source_file", "source_line")]
            logged = [(row[where[0]], row[where[1]]) for row in rows.fetchall()]
    places = sorted([*quarantined, *logged])
    assert len(places) == len(set(places)), "a row is in two places"
    for path, file in read.items():
        assert file.read == file.logged + file.quarantined + sum(file.withheld.values())
        assert file.logged == sum(place == path for place, _ in logged)
        assert file.quarantined == sum(place == path for place, _ in quarantined)


counter = iter(range(1_000_000))


@settings(
    max_examples=int(os.environ.get("FOOTFALL_FUZZ_EXAMPLES", "30")),
    derandomize="FOOTFALL_FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                           HealthCheck.data_too_large],
)  # fmt: skip
@given(files=st.lists(damaged(), min_size=1, max_size=8))
def test_whatever_lands_is_logged_quarantined_or_refused(folder, files):
    home = folder / f"s{next(counter)}"
    must_account_for_every_row(load(home, files), files)


@pytest.mark.parametrize("source", ["canonical", "lines", "commas", "tabs", "columns"])
def test_each_hostile_text_in_each_place_is_accounted_for(folder, source):
    mapped = [{**dict.fromkeys(COLUMNS, text), "time": AT, "name": "page_viewed", "price": "1.5",
         "robot": "no"}
              for text in HOSTILE]  # fmt: skip
    mapped += [{**mapped[0], name: text} for text in HOSTILE for name in ("time", "name", "price")]
    content = {
        "canonical": lambda: as_lines(
            [{"event_name": "page_viewed", "event_ts": AT, name: text, "p": {text: text}}
             for text in HOSTILE for name in (*LOG_COLUMNS, text)]
        ),
        "lines": lambda: as_lines(mapped),
        "commas": lambda: as_table(mapped, ",", "utf-8"),
        "tabs": lambda: as_table(mapped, "\t", "latin-1"),
        "columns": lambda: as_parquet(mapped),
    }[source]()  # fmt: skip
    files = [(source, ENDINGS[source], content)]
    paths = load(folder / f"h-{source}", files)
    must_account_for_every_row(paths, files)
    (file,) = seals.load_chain(paths)[0].files
    rows_of_text = len(LOG_COLUMNS) + 1 if source == "canonical" else 4
    assert file.read == len(HOSTILE) * rows_of_text
    assert file.logged > len(HOSTILE) / 2


# A process of its own each, since the peak of a process's memory never goes down.
_MEASURED = """
import resource, sys
from pathlib import Path
import tests.integration.ingest.test_hostile_input as here
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
here.bomb(Path(sys.argv[1]), sys.argv[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def bomb(home: Path, kind: str) -> None:
    """Load one small file that means a gigabyte, or a line that no parser should see."""
    paths = state_with(home, SETTINGS)
    good = json_lines([event(1, AT)])
    files = {
        "line of a gigabyte": (".jsonl.gz", lambda: _zeros(good, 1024)),
        "gigabyte of Zstandard": (".jsonl.zst", lambda: _zstd_zeros(good, 1024)),
        "deep": (".jsonl", lambda: b'{"a":' * 100_000 + b"}" * 100_000 + b"\n" + good),
        "deep brackets": (".jsonl", lambda: b"[" * 100_000 + b"\n" + good),
    }
    ending, make = files[kind]
    land(paths, f"canonical/{DAY}/bomb{ending}", make())
    settings_ = load_settings(paths.settings_file)
    with Vault.open(paths) as vault:
        (staged,) = event_log.stage_days(paths, settings_, registry_of(settings_), vault, [DAY])
        event_log.seal(paths, settings_, vault, staged, NOW)
    (file,) = seals.load_chain(paths)[0].files
    assert (file.read, file.logged, file.quarantined) == (2, 1, 1), file


def _zeros(first: bytes, mebibytes: int) -> bytes:
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as packed:
        packed.write(first)
        for _ in range(mebibytes):
            packed.write(b"0" * 1024**2)
    return sink.getvalue()


def _zstd_zeros(first: bytes, mebibytes: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    pieces = [packer.compress(first)]
    pieces += [packer.compress(b"0" * 1024**2) for _ in range(mebibytes)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.parametrize(
    "kind", ["line of a gigabyte", "gigabyte of Zstandard", "deep", "deep brackets"]
)
def test_a_bomb_is_one_refused_row_in_bounded_memory(tmp_path, kind):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MEASURED, str(tmp_path / "state"), kind],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    # A chunk, a line, what is unpacked of one block, and DuckDB.
    assert int(done.stdout.split()[-1]) < 500


def test_a_file_beyond_the_limit_is_refused_before_it_is_unpacked_whole(tmp_path):
    paths = state_with(
        tmp_path / "state",
        "settings: {max_file_bytes: 1000000}\nsources: {canonical: {format: canonical}}\n",
    )
    land(paths, f"canonical/{DAY}/bomb.jsonl.gz", _zeros(json_lines([event(1, AT)]), 200))
    settings_ = load_settings(paths.settings_file)
    with Vault.open(paths) as vault:
        (staged,) = event_log.stage_days(paths, settings_, registry_of(settings_), vault, [DAY])
    (refused,) = staged.refused
    assert "more than 1,000,000 bytes decompressed" in refused.reason
    assert staged.files == ()


def test_names_that_a_message_or_the_log_could_not_hold_are_passed_over(tmp_path):
    paths = state_with(tmp_path / "state")
    settings_ = load_settings(paths.settings_file)
    content = json_lines([event(1, AT)])
    for name in ("a'; drop table x;--.jsonl", "{{ 7*7 }}.jsonl", "*.jsonl", "[a].jsonl",
                 'a"b.jsonl', "%00.jsonl", "é.jsonl", "x" * 240 + ".jsonl"):  # fmt: skip
        land(paths, f"shop/{DAY}/{name}", content)
    folder = paths.landing / "shop" / f"{DAY}"
    for name in (b"bad\xff.jsonl", b"new\nline.jsonl", b"\x1b[31m.jsonl"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(content)  # noqa: PTH118
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "passwd.jsonl").symlink_to("/etc/passwd")
    (paths.landing / "shop" / "2026-11-01").symlink_to("/etc")
    (folder / "2026-11-03").mkdir()

    with Vault.open(paths) as vault:
        (staged,) = event_log.stage_days(paths, settings_, registry_of(settings_), vault, [DAY])
    assert len(staged.files) == 8
    assert staged.logged == 8
    ignored = landing.ignored_files(paths, settings_)
    assert all(place.isprintable() for place in ignored)
    assert {place.removeprefix(f"shop/{DAY}/") for place in ignored} == {
        r"bad\udcff.jsonl", r"new\nline.jsonl", r"\x1b[31m.jsonl", "pipe.jsonl", "passwd.jsonl",
        "2026-11-03", "shop/2026-11-01",
    }  # fmt: skip


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "1999-12-31"])
def test_a_mistyped_year_does_not_make_a_partition_of_every_day_since(tmp_path, day):
    paths = state_with(tmp_path / "state")
    settings_ = load_settings(paths.settings_file)
    land(paths, f"shop/{day}/a.jsonl", json_lines([event(1, AT)]))
    land(paths, f"shop/{DAY}/a.jsonl", json_lines([event(2, AT)]))
    land(paths, "shop/9999-12-31/a.jsonl", json_lines([event(3, AT)]))

    assert event_log.undone_days(paths, settings_, NOW) == [DAY]
    assert first_day(paths, settings_) == DAY
    assert landing.ignored_files(paths, settings_) == {
        f"shop/{day}": "its day is before settings.earliest_event_date (2000-01-01)"
    }


settings_pieces = st.one_of(
    st.sampled_from([
        "sources:", "settings:", "funnels:", "events:", "  shop:", "    format: canonical",
        "    format: csv", "    mapping:", "      event_ts: {column: t, unit: ms}",
        "      event_name: {sql: \"(select 1)\"}", "      event_name: {value: [1]}", "&a", "*a",
        "- a", "? b", "!!python/object/apply:os.system ['true']", "<<: *a", "---", "  start: 9999",
        "  start: 2026-02-30", "  max_line_bytes: -1", "  max_json_depth: 1e9", "{", "}", "[", "]",
        "'", '"', "\t", ": ", "#", "|", ">", "\x00", "\ud800",
    ]),
    st.text(max_size=8),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(lines=st.lists(settings_pieces, max_size=12), joined=st.sampled_from(["\n", "", " "]))
@example(lines=["a: &a [x, x]"] + [f"b{n}: &b{n} [*a, *a]" for n in range(3)], joined="\n")
def test_any_settings_are_taken_or_refused_in_one_line(lines, joined):
    try:
        parse_settings(joined.join(lines))
    except ConfigError as error:
        for line in str(error).splitlines():
            assert line.startswith("footfall.yml"), line
            assert line.isprintable(), line


def test_settings_that_unfold_to_a_billion_are_refused(tmp_path):
    laughs = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match=r"footfall\.yml"):
        parse_settings("\n".join(laughs))
    with pytest.raises(ConfigError, match=r"footfall\.yml"):
        parse_settings("settings: " + "[" * 50_000)

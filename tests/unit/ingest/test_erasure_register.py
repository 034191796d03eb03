"""The erasure register: append-only, and every change to it is found."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project.ingest import erasure_register as register
from dagster_project.ingest.erasure_register import FINISHED, REQUESTED, REWRITTEN, Request
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.state import StatePaths

AT = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
JANE = Request(1, AT, ("a_1", "u_1"), ("u_1",), ("v1", "v2"), ("p1",))


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A finished request, and one that is under way."""
    state = StatePaths(tmp_path)
    ask(state, 1)
    rewrite(state, 1, ("landing/a", "0", "1"), ("landing/b", "7", "8"))
    register.append(state, FINISHED, 1, AT, {"counts": {}})
    ask(state, 2)
    rewrite(state, 2, ("landing/a", "1", "2"))
    return state


def ask(paths: StatePaths, number: int) -> None:
    register.append(paths, REQUESTED, number, AT, register.request_content(JANE))


def rewrite(paths: StatePaths, number: int, *files: tuple[str, str, str]) -> None:
    content = [
        {"path": path, "before": before, "after": after, "bytes": 1, "mtime_ns": 1, "rows": 1}
        for path, before, after in files
    ]
    register.append(paths, REWRITTEN, number, AT, {"files": content})


def test_request_comes_back_as_it_was_asked(paths: StatePaths) -> None:
    entries = register.load(paths)
    assert register.requests(entries)[0] == JANE
    assert [one.number for one in register.open_requests(entries)] == [2]
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5]


def test_file_may_have_the_hash_that_the_register_follows_from_its_seal(paths: StatePaths) -> None:
    entries = register.load(paths)
    # Request 2 is under way: its file may have changed already, or not.
    assert register.expected_hashes(entries, "landing/a", "0") == {"1", "2"}
    assert register.expected_hashes(entries, "landing/b", "7") == {"8"}
    assert register.expected_hashes(entries, "landing/c", "5") == {"5"}
    # Another content than the sealed one was never changed by an erasure.
    assert register.expected_hashes(entries, "landing/b", "6") == {"6"}


def test_input_of_dbt_has_a_row_an_identifier(paths: StatePaths) -> None:
    register.write_input(paths)

    table = pq.read_table(paths.warehouse_inputs / "erasures.parquet")
    assert table.schema == register.INPUT_SCHEMA
    at = datetime(2026, 1, 5, 12, 30)
    expected = [(n, at, *who) for n in (1, 2) for who in (
        ("v1", None), ("v2", None), (None, "u_1"))]  # fmt: skip
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


def test_register_that_was_never_begun_is_empty(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    register.write_input(paths)
    assert register.load(paths) == []
    assert pq.read_table(paths.warehouse_inputs / "erasures.parquet").num_rows == 0


def names(paths: StatePaths) -> list[str]:
    return sorted(file.name for file in paths.erasures.iterdir())


def change(paths: StatePaths) -> None:
    file = paths.erasures / "00000001-requested.json"
    file.write_text(file.read_text().replace("v2", "v3"))


def change_with_a_new_hash(paths: StatePaths) -> None:
    file = paths.erasures / "00000002-rewritten.json"
    content = json.loads(file.read_text().replace('"7"', '"6"'))
    content["hash"] = register.content_hash(content)
    file.write_bytes(register.render_json(content))


def remove_the_first(paths: StatePaths) -> None:
    (paths.erasures / "00000001-requested.json").unlink()


def remove_one_between(paths: StatePaths) -> None:
    (paths.erasures / "00000003-finished.json").unlink()


def remove_the_last(paths: StatePaths) -> None:
    (paths.erasures / "00000005-rewritten.json").unlink()


def remove_all_but_head(paths: StatePaths) -> None:
    for file in paths.erasures.glob("*.json"):
        file.unlink()


def rename(paths: StatePaths) -> None:
    file = paths.erasures / "00000003-finished.json"
    file.rename(file.with_name("00000003-requested.json"))


def swap(paths: StatePaths) -> None:
    one, two = (paths.erasures / f"0000000{n}-rewritten.json" for n in (2, 5))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def write_otherwise(paths: StatePaths) -> None:
    file = paths.erasures / "00000003-finished.json"
    file.write_text(json.dumps(json.loads(file.read_text())))


def put_beside(paths: StatePaths) -> None:
    (paths.erasures / "note.txt").write_text("x")


def break_head(paths: StatePaths) -> None:
    (paths.erasures / "HEAD").write_text("{")


@pytest.mark.parametrize(
    ("attack", "place"),
    [
        (change, "00000001-requested.json"),
        (change_with_a_new_hash, "00000003-finished.json"),
        (remove_the_first, "00000002-rewritten.json"),
        (remove_one_between, "00000004-requested.json"),
        (remove_the_last, "HEAD"),
        (remove_all_but_head, "HEAD"),
        (rename, "00000003-requested.json"),
        (swap, "00000002-rewritten.json"),
        (write_otherwise, "00000003-finished.json"),
        (put_beside, "note.txt"),
        (break_head, "HEAD"),
    ],
)
def test_every_change_is_found_and_named(paths: StatePaths, attack: object, place: str) -> None:
    assert register.problems(paths) == []
    assert callable(attack)
    attack(paths)

    if attack is remove_the_last:
        # One behind is what a crash leaves of HEAD; one ahead is not.
        assert register.problems(paths)
    assert register.problems(paths)[0].startswith(f"records/erasures/{place}: ")
    with pytest.raises(LogIntegrityError, match="restore records/erasures from a backup"):
        register.append(paths, FINISHED, 2, AT, {})


def test_head_that_a_crash_left_behind_is_mended_by_the_next_entry(paths: StatePaths) -> None:
    before = (paths.erasures / "HEAD").read_bytes()
    register.append(paths, FINISHED, 2, AT, {})
    (paths.erasures / "HEAD").write_bytes(before)

    assert register.problems(paths) == []
    ask(paths, 3)
    assert [entry.sequence for entry in register.load(paths)] == list(range(1, 8))

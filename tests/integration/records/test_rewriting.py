"""Law 2 for the records: nobody changes them unseen, and an erasure leaves its number."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project.ingest import durable
from dagster_project.ingest.chains import content_hash
from dagster_project.ingest.durable import render_json
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.records.audit import record_problems
from dagster_project.records.entries import load_entries, recover
from dagster_project.records.rewriting import rewrite_without
from dagster_project.state import StatePaths
from tests.fault_injection import lose_process_at
from tests.integration.records.published_state import build, publish, recorded, seal_day, state

SEEN = datetime(2026, 11, 1, 9)
PERSONS = ["anna", "ben"]


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """Three publications: two persons, then something new of each, then of one."""
    made = state(tmp_path / "state")
    for day, counts in ((1, (1, 1)), (2, (2, 2)), (3, (2, 3))):
        seal_day(made, f"2026-11-0{day}")
        build(
            made, [(SEEN.date(), day, Decimal(0), None)],
            [(person, count, None, 0, None, SEEN)
             for person, count in zip(PERSONS, counts, strict=True)],
        )  # fmt: skip
        publish(made)
    return made


def changes(paths: StatePaths) -> list[tuple[int, str, str | None]]:
    return [(row[0], row[2], row[5]) for row in recorded(paths, "customer_changes")]


def test_a_rewriting_takes_out_one_persons_rows_and_leaves_the_others(paths):
    untouched = (paths.records / "customer_changes" / "00000003.parquet").read_bytes()
    rewritten = rewrite_without(paths, ["anna", "nobody"], 7)
    assert [one.rows_gone for one in rewritten] == [1, 1]
    assert changes(paths) == [(1, "ben", "true"), (2, "ben", "2"), (3, "ben", "3")]
    assert (paths.records / "customer_changes" / "00000003.parquet").read_bytes() == untouched
    assert len(recorded(paths, "kpi_values")) == 5


def test_its_entry_holds_the_old_hash_the_new_hash_and_the_request(paths):
    before = {part.path: part.sha256 for entry in load_entries(paths) for part in entry.parts}
    rewrite_without(paths, ["anna"], 7)
    entry = load_entries(paths)[-1]
    assert entry.erasure_request == 7
    assert [part.path for part in entry.parts] == [
        "records/customer_changes/00000001.parquet", "records/customer_changes/00000002.parquet",
    ]  # fmt: skip
    for part in entry.parts:
        assert part.replaces == before[part.path]
        assert part.sha256 == durable.sha256_of(paths.home / part.path) != part.replaces


def test_verify_accepts_it_only_by_a_request_of_the_register(paths):
    rewrite_without(paths, ["anna"], 7)
    assert record_problems(paths, {7}) == []
    assert record_problems(paths, {6, 8}) == [
        "records/chain/00000004.json: replaces parts by request 7, which no erasure register holds"
    ]


def test_a_second_time_nothing_is_left_to_do(paths):
    first = rewrite_without(paths, ["anna"], 7)
    # A caller that was killed before it wrote down what was replaced is told once more.
    assert rewrite_without(paths, ["anna"], 7) == first
    assert rewrite_without(paths, ["anna"], 8) == []
    assert len(load_entries(paths)) == 4


def test_publications_go_on_after_it(paths):
    rewrite_without(paths, ["anna"], 7)
    build(paths, [(SEEN.date(), 9, Decimal(0), None)], [("ben", 5, None, 0, None, SEEN)],
          erased=("anna",))  # fmt: skip
    publish(paths)
    assert changes(paths)[-1] == (5, "ben", "5")
    assert "anna" not in str(recorded(paths, "customer_changes"))
    assert record_problems(paths, {7}) == []


@pytest.mark.parametrize(
    "step",
    ["records: parts written", "00000004.json: renamed", "HEAD: renamed", "records: part named"],
)
def test_killed_at_any_step_the_repeat_takes_out_all_rows_once(paths, step):
    lose_process_at(step, 1, rewrite_without, paths, ["anna"], 7)

    rewrite_without(paths, ["anna"], 7)

    assert changes(paths) == [(1, "ben", "true"), (2, "ben", "2"), (3, "ben", "3")]
    assert len(load_entries(paths)) == 4
    assert record_problems(paths, {7}) == []
    held = [file for file in paths.records.rglob("*") if file.is_file()]
    assert not any(b"anna" in file.read_bytes() for file in held)


def edit_part(paths: StatePaths) -> None:
    file = paths.records / "kpi_values" / "00000001.parquet"
    file.write_bytes(file.read_bytes().replace(b"visitors", b"visitorz"))


def swap_parts(paths: StatePaths) -> None:
    one, other = (paths.records / "kpi_values" / f"0000000{n}.parquet" for n in (1, 2))
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def remove_part(paths: StatePaths) -> None:
    (paths.records / "kpi_values" / "00000002.parquet").unlink()


def add_part(paths: StatePaths) -> None:
    file = paths.records / "kpi_values" / "00000002.parquet"
    file.with_name("00000009.parquet").write_bytes(file.read_bytes())


def fill_the_empty_file(paths: StatePaths) -> None:
    file = paths.records / "kpi_values" / "00000002.parquet"
    file.with_name("empty.parquet").write_bytes(file.read_bytes())


def edit_entry(paths: StatePaths) -> None:
    file = paths.records / "chain" / "00000002.json"
    file.write_text(file.read_text().replace("2026-11-02", "2026-11-01"))


def edit_entry_and_its_hash(paths: StatePaths) -> None:
    entry = load_entries(paths)[1]
    content = entry.content()
    content["publication"]["published_after"] = "2026-11-01"
    content["hash"] = content_hash(content)
    (paths.records / "chain" / entry.name).write_bytes(render_json(content))


def remove_entry(paths: StatePaths) -> None:
    (paths.records / "chain" / "00000002.json").unlink()


def remove_last_entry(paths: StatePaths) -> None:
    (paths.records / "chain" / "00000003.json").unlink()


def rewrite_a_part_by_hand(paths: StatePaths) -> None:
    """As an erasure would, with everything right but the number."""
    file = paths.records / "customer_changes" / "00000001.parquet"
    assert pq.read_metadata(file).num_rows == 2
    rewrite_without(paths, ["ben"], 1)


@pytest.mark.parametrize(
    ("attack", "place"),
    [
        (edit_part, "records/kpi_values/00000001.parquet: differs from what entry 1 holds"),
        (swap_parts, "records/kpi_values/00000001.parquet: differs from what entry 1 holds"),
        (remove_part, "records/kpi_values/00000002.parquet: is missing; entry 2 names it"),
        (add_part, "records/kpi_values/00000009.parquet: no entry names it"),
        (fill_the_empty_file, "records/kpi_values/empty.parquet: holds rows"),
        (edit_entry, "records/chain/00000002.json: is not what was recorded"),
        (edit_entry_and_its_hash, "records/chain/00000003.json: does not name the hash of the"),
        (remove_entry, "records/chain/00000003.json: follows entry 1, so 2 is missing"),
        (remove_last_entry, "records/chain/HEAD: names entry 3, but the chain ends at 2"),
        (rewrite_a_part_by_hand, "records/chain/00000004.json: replaces parts by request 1"),
    ],
)
def test_an_attack_is_found_and_its_place_named(paths, attack, place):
    attack(paths)
    problems = record_problems(paths, ())
    assert [line for line in problems if line.startswith(place)], problems


@pytest.mark.parametrize("attack", [edit_entry, edit_entry_and_its_hash, remove_entry])
def test_nothing_is_recorded_on_top_of_a_broken_chain(paths, attack):
    attack(paths)
    with pytest.raises(LogIntegrityError, match=r"records/chain/.*; restore records/"):
        recover(paths)

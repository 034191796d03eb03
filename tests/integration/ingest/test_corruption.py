"""Law 2: whatever changes in a sealed log, `verify` and the run's blocking check name the place.

The log is of four seals over three days; the middle day has two, one with a quarantine file.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.checks import log_check_results
from dagster_project.cli import main
from dagster_project.ingest import seals, verify
from dagster_project.loading import LoadReport
from dagster_project.state import StatePaths
from tests.landed_days import bytes_below, land_day, load
from tests.sealed_log import (
    DAYS,
    LAST,
    MIDDLE,
    NOW,
    copy_of,
    forge,
    manifest_file,
    overwrite,
    part_file,
    sealed_log,
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    return sealed_log(tmp_path_factory.mktemp("sealed") / "state")


@pytest.fixture
def paths(sealed: StatePaths, tmp_path: Path) -> StatePaths:
    return copy_of(sealed, tmp_path / "state")


@dataclass(frozen=True)
class Corruption:
    """A change to the log, and words that stand in one line of what is found."""

    name: str
    change: Callable[[StatePaths], object]
    place: str


def remove_part(paths: StatePaths) -> None:
    part_file(paths, 2).unlink()


def swap_parts(paths: StatePaths) -> None:
    first, second = part_file(paths, 2), part_file(paths, 3)
    before = first.read_bytes(), second.read_bytes()
    overwrite(first, before[1])
    overwrite(second, before[0])


def truncate_part(paths: StatePaths) -> None:
    file = part_file(paths, 3)
    overwrite(file, file.read_bytes()[:-100])


def flip_in_part(paths: StatePaths) -> None:
    file = part_file(paths, 2)
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    overwrite(file, bytes(content))


def add_part(paths: StatePaths) -> None:
    shutil.copy(
        part_file(paths, 2), paths.log_day(date.fromisoformat(MIDDLE)) / "00000002-9.parquet"
    )


def edit_manifest(paths: StatePaths) -> None:
    file = manifest_file(paths, 2)
    overwrite(file, file.read_bytes().replace(b'"closes_day": false', b'"closes_day": true'))


def forge_manifest(paths: StatePaths) -> None:
    forge(manifest_file(paths, 2), closes_day=True)


def forge_last_manifest(paths: StatePaths) -> None:
    forge(manifest_file(paths, 4), accepted_reason="was fine")


def forge_rows_of_last_manifest_and_head(paths: StatePaths) -> None:
    file = manifest_file(paths, 4)
    parts = json.loads(file.read_bytes())["parts"]
    new_hash = forge(file, parts=[{**parts[0], "rows": 4}])
    overwrite(paths.manifests / "HEAD", seals.render_json({"sequence": 4, "hash": new_hash}))


def forge_counts_of_last_manifest_and_head(paths: StatePaths) -> None:
    file = manifest_file(paths, 4)
    files = json.loads(file.read_bytes())["files"]
    new_hash = forge(file, files=[{**files[0], "read": 6}])
    overwrite(paths.manifests / "HEAD", seals.render_json({"sequence": 4, "hash": new_hash}))


def remove_last_manifest(paths: StatePaths) -> None:
    manifest_file(paths, 4).unlink()


def remove_middle_manifest(paths: StatePaths) -> None:
    manifest_file(paths, 2).unlink()


def remove_last_seal_with_its_part(paths: StatePaths) -> None:
    part_file(paths, 4).unlink()
    manifest_file(paths, 4).unlink()


def remove_head(paths: StatePaths) -> None:
    (paths.manifests / "HEAD").unlink()


def set_head_two_back(paths: StatePaths) -> None:
    two = seals.parse(manifest_file(paths, 2).read_bytes(), "")
    overwrite(paths.manifests / "HEAD", seals.render_json({"sequence": 2, "hash": two.hash}))


def swap_manifests(paths: StatePaths) -> None:
    first, second = manifest_file(paths, 2), manifest_file(paths, 3)
    before = first.read_bytes(), second.read_bytes()
    overwrite(first, before[1])
    overwrite(second, before[0])


def remove_all_manifests(paths: StatePaths) -> None:
    shutil.rmtree(paths.manifests)


CORRUPTIONS = [
    Corruption("a part is removed", remove_part, f"={MIDDLE}/00000002-000.parquet: is missing"),
    Corruption("two parts are swapped", swap_parts, f"={MIDDLE}/00000002-000.parquet: differs"),
    Corruption("a part is truncated", truncate_part, f"={MIDDLE}/00000003-000.parquet: differs"),
    Corruption("a byte of a part is flipped", flip_in_part, "/00000002-000.parquet: differs"),
    Corruption("a part is added", add_part, "/00000002-9.parquet: no seal names it"),
    Corruption("a manifest is edited", edit_manifest, f"00000002-{MIDDLE}.json: its content"),
    Corruption(
        "a manifest is edited with a new hash", forge_manifest,
        f"00000003-{MIDDLE}.json: does not name the hash of the seal before it",
    ),
    Corruption(
        "the last manifest is edited with a new hash", forge_last_manifest,
        "manifests/HEAD: names another hash than that of seal 4",
    ),
    Corruption(
        "the rows of the last manifest are edited, with its hash and HEAD",
        forge_rows_of_last_manifest_and_head,
        "/00000004-000.parquet: holds 5 rows",
    ),
    Corruption(
        "the counts of the last manifest are edited, with its hash and HEAD",
        forge_counts_of_last_manifest_and_head,
        f"00000004-{LAST}.json: shop/{LAST}/a.jsonl: 6 rows read and 5 accounted for",
    ),
    Corruption(
        "the last manifest is removed", remove_last_manifest,
        "HEAD: names seal 4, but the chain ends at 3",
    ),
    Corruption(
        "the last seal is removed with its part", remove_last_seal_with_its_part,
        "HEAD: names seal 4, but the chain ends at 3",
    ),
    Corruption("a manifest in the middle is removed", remove_middle_manifest, "seal 2 is missing"),
    Corruption("HEAD is removed", remove_head, "HEAD: names seal 0, but the chain goes on to 4"),
    Corruption("HEAD is set back", set_head_two_back, "HEAD: names seal 2, but the chain goes on"),
    Corruption("two manifests are swapped", swap_manifests, "holds the seal 00000003"),
    Corruption(
        "all seals are removed", remove_all_manifests, "/00000002-000.parquet: no seal names it",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CORRUPTIONS, ids=lambda case: case.name)
def test_verify_finds_it_and_names_the_place(paths, case, capsys):
    case.change(paths)

    assert main(["--home", str(paths.home), "verify"]) == 1

    said = capsys.readouterr().err
    assert any(case.place in line for line in said.splitlines()), said
    assert "Traceback" not in said


@pytest.mark.parametrize("case", CORRUPTIONS, ids=lambda case: case.name)
def test_a_run_that_touches_the_day_fails_the_blocking_check(paths, case):
    case.change(paths)
    before = bytes_below(paths.log)

    report = load(paths, MIDDLE, LAST, now=NOW)

    result = unaltered(report)
    assert not result.passed
    assert str(result.severity) == "AssetCheckSeverity.ERROR"
    assert any(case.place in line for line in report.integrity), report.integrity
    assert "Restore the named files from a backup; `footfall verify`" in str(result.description)
    assert bytes_below(paths.log) == before


def unaltered(report: LoadReport):
    (result,) = [
        one for one in log_check_results(report) if one.check_name == "event_log_is_unaltered"
    ]
    return result


def test_the_suite_over_the_seals_refuses_what_differs(paths):
    """The check is that of Great Expectations, not of our own comparison alone."""
    remove_part(paths)
    flip = part_file(paths, 3)
    overwrite(flip, flip.read_bytes()[::-1])

    report = load(paths, MIDDLE, now=NOW)

    (suite,) = [one for one in report.reports if one.suite == "log_seals"]
    failed = {one.column: one.unexpected_count for one in suite.results if not one.success}
    # Both parts differ in content; one has no size and both have no rows any more.
    assert failed == {
        "sealed_sha256, found_sha256": 2, "sealed_bytes, found_bytes": 1,
        "sealed_rows, found_rows": 2,
    }  # fmt: skip


def test_an_unaltered_log_passes(paths):
    report = load(paths, *DAYS, now=NOW)
    assert report.integrity == []
    assert unaltered(report).passed


def test_nothing_is_loaded_on_top_of_a_broken_chain(paths):
    edit_manifest(paths)
    land_day(paths, "2026-11-04")

    report = load(paths, "2026-11-04", now="2026-11-05T03:00:00")

    assert [day.sequence for day in report.days] == [None]
    assert report.refused
    assert not paths.log_day(date(2026, 11, 4)).exists()


def test_a_name_that_is_no_seal_is_found_among_the_seals(paths):
    (paths.manifests / "00000005.json").write_text("{}")
    assert verify.audit(paths).problems == ("log/manifests/00000005.json: is no seal",)


def test_a_changed_quarantine_file_is_found(paths):
    (file,) = paths.quarantine.rglob("*.parquet")
    overwrite(file, file.read_bytes() + b" ")
    assert verify.audit(paths).problems == (
        f"quarantine/arrival_date={MIDDLE}/00000003.parquet: differs from what seal 3 holds",
    )


def named(file: Path, paths: StatePaths) -> str:
    return str(file.relative_to(paths.home))


def log_files(paths: StatePaths) -> list[Path]:
    return [file for file in sorted(paths.log.rglob("*")) if file.is_file()]


def assert_flip_is_found(paths: StatePaths, file: Path, position: int, bit: int) -> None:
    before = file.read_bytes()
    content = bytearray(before)
    content[position] ^= 1 << bit
    file.chmod(0o644)
    file.write_bytes(bytes(content))
    try:
        problems = verify.audit(paths).problems
    finally:
        file.write_bytes(before)
    assert any(named(file, paths) in line for line in problems), (file, position, bit, problems)


@given(choice=st.data())
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_anywhere_is_found_and_its_file_named(sealed, choice):
    files = log_files(sealed)
    # Four parts, four seals, HEAD.
    assert len(files) == 9
    file = choice.draw(st.sampled_from(files), label="file")
    position = choice.draw(st.integers(0, file.stat().st_size - 1), label="position")
    assert_flip_is_found(sealed, file, position, choice.draw(st.integers(0, 7), label="bit"))


def test_a_flipped_bit_from_end_to_end_of_head_and_of_a_seal_is_found(sealed):
    for file, step in ((sealed.manifests / "HEAD", 1), (manifest_file(sealed, 3), 3)):
        for position in range(0, file.stat().st_size, step):
            assert_flip_is_found(sealed, file, position, position % 8)


@given(choice=st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_or_a_longer_file_is_found_and_named(sealed, choice):
    file = choice.draw(st.sampled_from(log_files(sealed)), label="file")
    before = file.read_bytes()
    kept = choice.draw(st.integers(0, len(before) - 1), label="bytes kept")
    more = choice.draw(st.binary(min_size=1, max_size=20), label="bytes added")
    file.chmod(0o644)
    try:
        for content in (before[:kept], before + more):
            file.write_bytes(content)
            problems = verify.audit(sealed).problems
            assert any(named(file, sealed) in line for line in problems), problems
    finally:
        file.write_bytes(before)

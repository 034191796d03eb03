"""Seals: a chain that a change, a removal or a swap breaks at a named place."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project.ingest import seals
from dagster_project.ingest.errors import LogIntegrityError
from dagster_project.ingest.seals import Head, Manifest, Part, SealedFile
from dagster_project.state import StatePaths


def manifest_of(sequence: int, previous: str) -> Manifest:
    day = date(2026, 1, sequence)
    return Manifest(
        sequence=sequence,
        arrival_date=day,
        sealed_at=datetime(2026, 2, 1, 3, tzinfo=UTC),
        contract_version=1,
        closes_day=True,
        accepted_reason=None,
        previous=previous,
        files=(SealedFile("shop", f"shop/{day}/ä.jsonl", 10, "ab" * 32, 5, 3, 2, 1),),
        refused=(),
        parts=(Part(f"log/events/arrival_date={day}/x.parquet", 2, 99, "cd" * 32, day, day),),
        quarantine=(seals.QuarantineFile("quarantine/x.parquet", 1, 9, "ef" * 32),),
        sources={"shop": {"order_grain": "order"}},
    )


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A log of three seals."""
    paths = StatePaths(tmp_path)
    paths.manifests.mkdir(parents=True)
    previous = seals.NO_PREVIOUS
    for sequence in (1, 2, 3):
        previous = seals.append(paths, manifest_of(sequence, previous)).hash
    return paths


def file_of(paths: StatePaths, sequence: int) -> Path:
    return dict(seals.manifest_files(paths))[sequence]


def test_chain_reads_back_as_written(paths: StatePaths) -> None:
    chain = seals.load_chain(paths)
    assert [manifest.sequence for manifest in chain] == [1, 2, 3]
    assert chain[0].previous == "0" * 64
    assert [m.previous for m in chain[1:]] == [m.hash for m in chain[:-1]]
    assert replace(chain[0], hash="") == manifest_of(1, seals.NO_PREVIOUS)
    assert seals.read_head(paths) == Head(3, chain[-1].hash)


def test_hash_is_of_the_canonical_json_without_hash(paths: StatePaths) -> None:
    content = json.loads(file_of(paths, 2).read_text())
    sealed = content.pop("hash")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == sealed


def test_names_carry_sequence_and_day(paths: StatePaths) -> None:
    assert file_of(paths, 1).name == "00000001-2026-01-01.json"


def test_edited_manifest_is_named(paths: StatePaths) -> None:
    file = file_of(paths, 2)
    file.write_text(file.read_text().replace('"rows": 2', '"rows": 1'))
    with pytest.raises(LogIntegrityError, match="00000002-2026-01-02"):
        seals.load_chain(paths)


def test_edit_with_a_new_hash_breaks_the_next_link(paths: StatePaths) -> None:
    file = file_of(paths, 2)
    content = json.loads(file.read_text())
    content["closes_day"] = False
    content["hash"] = seals.content_hash(content)
    file.write_bytes(seals.render_json(content))
    with pytest.raises(LogIntegrityError, match=r"00000003-2026-01-03.*hash of the seal before"):
        seals.load_chain(paths)


def test_white_space_alone_is_an_edit(paths: StatePaths) -> None:
    file = file_of(paths, 3)
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(LogIntegrityError, match="not written as it was sealed"):
        seals.load_chain(paths)


def test_missing_manifest_is_named(paths: StatePaths) -> None:
    file_of(paths, 2).unlink()
    with pytest.raises(LogIntegrityError, match="so 2 is missing"):
        seals.load_chain(paths)


def test_swapped_manifests_are_found(paths: StatePaths) -> None:
    one, two = file_of(paths, 1), file_of(paths, 2)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(LogIntegrityError, match=r"00000001-2026-01-01.*holds the seal 00000002"):
        seals.load_chain(paths)


def test_shorter_chain_is_never_accepted(paths: StatePaths) -> None:
    seals.load_chain(paths)
    file_of(paths, 3).unlink()
    with pytest.raises(LogIntegrityError, match="names seal 3, but the chain ends at 2"):
        seals.load_chain(paths)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sequence": 3}', b"null"])
def test_damaged_head_is_an_error(paths: StatePaths, content: bytes) -> None:
    (paths.manifests / "HEAD").write_bytes(content)
    with pytest.raises(LogIntegrityError, match="HEAD: cannot be read"):
        seals.load_chain(paths)


def test_missing_head_is_an_error_where_seals_are(paths: StatePaths) -> None:
    (paths.manifests / "HEAD").unlink()
    with pytest.raises(LogIntegrityError, match="names seal 0, but the chain goes on to 3"):
        seals.load_chain(paths)


def test_only_the_seal_before_the_last_counts_as_one_behind(paths: StatePaths) -> None:
    chain = seals.load_chain(paths)
    assert seals.is_one_behind(Head(2, chain[1].hash), chain)
    assert not seals.is_one_behind(Head(2, "00" * 32), chain)
    assert not seals.is_one_behind(Head(1, chain[0].hash), chain)
    assert seals.is_one_behind(seals.EMPTY_HEAD, chain[:1])


def test_seal_must_follow_from_head(paths: StatePaths) -> None:
    with pytest.raises(LogIntegrityError, match="does not follow"):
        seals.append(paths, manifest_of(4, "00" * 32))


def test_rows_that_went_nowhere_stop_the_seal(paths: StatePaths) -> None:
    head = seals.read_head(paths)
    right = manifest_of(4, head.hash)
    lost = replace(right, files=(replace(right.files[0], read=4),))
    with pytest.raises(LogIntegrityError, match="4 rows read and 3 accounted for"):
        seals.append(paths, lost)
    assert seals.read_head(paths) == head


def test_parts_must_hold_what_the_files_say(paths: StatePaths) -> None:
    right = manifest_of(4, seals.read_head(paths).hash)
    short = replace(right, parts=(replace(right.parts[0], rows=1),))
    with pytest.raises(LogIntegrityError, match="parts hold 1 rows of 2"):
        seals.append(paths, short)


def test_withheld_rows_count_by_reason(paths: StatePaths) -> None:
    right = manifest_of(4, seals.read_head(paths).hash)
    file = replace(right.files[0], read=6, withheld={"erased": 1, "no_consent": 2})
    sealed = seals.append(paths, replace(right, files=(file,)))
    assert seals.load_chain(paths)[-1] == sealed


def test_empty_log_has_no_seals(tmp_path: Path) -> None:
    assert seals.load_chain(StatePaths(tmp_path)) == []

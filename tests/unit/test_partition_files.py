"""Files of partitions: in place all together, or none of them."""

from pathlib import Path

import pytest

from dagster_project.partition_files import PartitionFiles
from tests.fault_injection import lose_process_at


def test_files_are_in_place_when_the_block_ends(tmp_path):
    with PartitionFiles() as files:
        files.add(tmp_path / "a" / "one", b"1")
        files.add(tmp_path / "b" / "two", b"2")
        assert not (tmp_path / "a" / "one").exists()
    assert (tmp_path / "a" / "one").read_bytes() == b"1"
    assert (tmp_path / "b" / "two").read_bytes() == b"2"


def fail_between(target: Path) -> None:
    with PartitionFiles() as files:
        files.add(target, b"new")
        raise ValueError("a later partition")


def test_an_error_leaves_the_files_as_they_were(tmp_path):
    target = tmp_path / "one"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="a later partition"):
        fail_between(target)
    assert [file.name for file in tmp_path.iterdir()] == ["one"]
    assert target.read_bytes() == b"old"


def replace_both(folder: Path) -> None:
    with PartitionFiles() as files:
        files.add(folder / "one", b"new")
        files.add(folder / "two", b"new")


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ("partitions: written beside", [b"old", b"old"]),
        ("partitions: one renamed", [b"new", b"old"]),
        ("partitions: renamed", [b"new", b"new"]),
    ],
)
def test_a_kill_leaves_each_file_old_or_new_and_the_next_run_replaces_all(tmp_path, step, left):
    both = [tmp_path / "one", tmp_path / "two"]
    for file in both:
        file.write_bytes(b"old")
    lose_process_at(step, 1, replace_both, tmp_path)
    assert [file.read_bytes() for file in both] == left
    replace_both(tmp_path)
    assert sorted(tmp_path.iterdir()) == both
    assert [file.read_bytes() for file in both] == [b"new", b"new"]

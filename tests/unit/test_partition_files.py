"""Files of partitions: in place all together, or none of them."""

import multiprocessing
import os
from pathlib import Path

import pytest

from dagster_project.ingest import durable
from dagster_project.partition_files import PartitionFiles


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


def replace_and_die(target: Path) -> None:
    durable.on_crash_point = lambda _: os._exit(9)
    with PartitionFiles() as files:
        files.add(target, b"new")


def test_a_kill_before_the_renames_leaves_the_old_file_and_the_next_run_replaces_it(tmp_path):
    target = tmp_path / "one"
    target.write_bytes(b"old")
    child = multiprocessing.get_context("spawn").Process(target=replace_and_die, args=(target,))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    assert target.read_bytes() == b"old"
    with PartitionFiles() as files:
        files.add(target, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["one"]
    assert target.read_bytes() == b"new"

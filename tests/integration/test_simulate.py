"""`footfall simulate` as a user calls it: files in landing, truth beside them."""

import argparse
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project.cli import simulate
from dagster_project.ingest.errors import UsageError

SMALL = ("--seed", "7", "--days", "3", "--start", "2026-01-01", "--visitors", "25")


def call(home: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    simulate.register(parser.add_subparsers())
    return simulate.run(parser.parse_args(["simulate", *words]), home)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_lie_by_source_and_day_with_the_truth_beside(tmp_path: Path) -> None:
    assert call(tmp_path, *SMALL) == 0
    days = {path.name for path in (tmp_path / "landing" / "shop").iterdir()}
    assert days == {"2026-01-01", "2026-01-02", "2026-01-03"}
    assert {path.name for path in (tmp_path / "truth").iterdir()} == {
        "sessions.parquet",
        "persons.parquet",
        "orders.parquet",
        "planted.parquet",
        "summary.json",
    }
    landed = sum(
        len(gzip.decompress(path.read_bytes()).splitlines())
        for path in tmp_path.glob("landing/shop/*/events-*.jsonl.gz")
    ) + sum(
        len(path.read_bytes().splitlines()) for path in tmp_path.glob("landing/identity/*/*.jsonl")
    )
    summary = json.loads((tmp_path / "truth" / "summary.json").read_text())
    assert landed == summary["totals"]["lines"]
    assert landed == sum(row["lines"] for row in summary["deliveries"])
    sessions = pq.read_table(tmp_path / "truth" / "sessions.parquet")
    assert sessions.num_rows == summary["totals"]["sessions"]


def test_another_process_with_another_hash_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    call(tmp_path / "here", *SMALL)
    program = (
        "import argparse, sys; from pathlib import Path; from dagster_project.cli import simulate;"
        "p = argparse.ArgumentParser(); simulate.register(p.add_subparsers());"
        "simulate.run(p.parse_args(sys.argv[2:]), Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "there"), "simulate", *SMALL],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        cwd=Path(simulate.__file__).parents[2],
    )
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


def test_more_days_are_added_to_those_that_landed(tmp_path: Path) -> None:
    call(tmp_path, *SMALL)
    before = hashes(tmp_path / "landing")
    call(tmp_path, "--seed", "7", "--days", "5", "--start", "2026-01-01", "--visitors", "25")
    after = hashes(tmp_path / "landing")
    assert before.items() <= after.items()
    assert any("2026-01-05" in name for name in after)


def test_a_landed_file_with_other_content_is_never_replaced(tmp_path: Path) -> None:
    call(tmp_path, *SMALL)
    before = hashes(tmp_path / "landing")
    with pytest.raises(UsageError, match="other content"):
        call(tmp_path, "--seed", "8", *SMALL[2:])
    assert hashes(tmp_path / "landing") == before


def test_a_wrong_parameter_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="days is from 1"):
        call(tmp_path, "--days", "0")
    with pytest.raises(UsageError, match="late is a share"):
        call(tmp_path, "--late", "0.9")


def test_a_source_that_the_settings_do_not_name_is_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "footfall.yml"
    settings.write_text("sources:\n  shop: {format: canonical}\n")
    call(tmp_path, *SMALL)
    assert "identity: {format: canonical}" in capsys.readouterr().out
    settings.write_text("sources:\n  shop: {format: canonical}\n  identity: {format: canonical}\n")
    call(tmp_path, *SMALL)
    assert "format: canonical" not in capsys.readouterr().out


def test_no_faults_leaves_no_invalid_line_and_no_repeat(tmp_path: Path) -> None:
    call(tmp_path, *SMALL, "--no-faults")
    totals = json.loads((tmp_path / "truth" / "summary.json").read_text())["totals"]
    assert totals["lines"] == totals["events"]
    assert "invalid" not in totals
    assert "duplicates" not in totals

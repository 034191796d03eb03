"""Dagster's storage over connections that stay open: the same files, the same answers."""

import inspect
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from dagster_project.cli.init import initialise
from dagster_project.run_storage import _OPEN_FILES, PooledEventLogStorage
from dagster_project.state import StatePaths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    initialise(StatePaths(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path / "dagster"


@dg.asset
def orders() -> None:
    """An asset."""


def _run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([orders], instance=instance).run_id


def _materialised(instance: dg.DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(dg.AssetKey("orders"), limit=50).records
    return [record.run_id for record in records]


def test_a_state_folder_is_made_with_the_pooled_storage(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert isinstance(instance.event_log_storage, PooledEventLogStorage)


def test_each_storage_reads_what_the_other_wrote(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        ours = _run(instance)
    settings = yaml.safe_load((folder / "dagster.yaml").read_text())
    plainly = {key: value for key, value in settings.items() if key != "storage"}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(plainly))
    with dg.DagsterInstance.from_config(str(folder)) as plain:
        assert not isinstance(plain.event_log_storage, PooledEventLogStorage)
        assert plain.get_run_by_id(ours) is not None
        assert _materialised(plain) == [ours]
        theirs = _run(plain)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert _materialised(instance) == [theirs, ours]
        steps = [one.dagster_event_type for one in instance.all_logs(theirs)]
        assert dg.DagsterEventType.STEP_SUCCESS in steps


def test_a_process_reads_what_another_writes_meanwhile(folder: Path) -> None:
    with (
        dg.DagsterInstance.from_config(str(folder)) as reader,
        dg.DagsterInstance.from_config(str(folder)) as writer,
    ):
        assert _materialised(reader) == []
        run = _run(writer)
        assert _materialised(reader) == [run]
        assert reader.all_logs(run) == writer.all_logs(run)


def test_files_of_many_runs_are_not_all_kept_open(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        runs = [_run(instance) for _ in range(_OPEN_FILES + 2)]
        for run in runs:
            assert instance.all_logs(run)
        held = [one.resolve() for one in Path("/proc/self/fd").iterdir()]
        runs_folder = folder / "history" / "runs"
        databases = {one for one in held if one.parent == runs_folder and one.suffix == ".db"}
        assert 0 < len(databases) <= _OPEN_FILES


def test_a_wiped_history_starts_anew(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        run = _run(instance)
        instance.event_log_storage.wipe()
        assert _materialised(instance) == []
        assert instance.all_logs(run) == []
        again = _run(instance)
        assert _materialised(instance) == [again]


def test_dagster_still_has_what_is_replaced() -> None:
    signature = inspect.signature(SqliteEventLogStorage._connect)
    assert list(signature.parameters) == ["self", "shard"]
    assert list(inspect.signature(SqliteEventLogStorage._initdb).parameters)[:2] == [
        "self",
        "engine",
    ]

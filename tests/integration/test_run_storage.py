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


DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), tags={"a": "b"})
def carts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """An asset of many days."""
    return dg.MaterializeResult(metadata={"rows": len(context.partition_keys)})


@dg.asset_check(asset=carts, name="carts_are_whole")
def carts_are_whole() -> dg.AssetCheckResult:
    """A check, whose plan is an event among those of the assets."""
    return dg.AssetCheckResult(passed=True)


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[carts])
def sales() -> None:
    """Another."""


def _range(instance: dg.DagsterInstance) -> str:
    done = dg.materialize(
        [carts, sales, carts_are_whole],
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": "2026-01-02",
            "dagster/asset_partition_range_end": "2026-01-31",
        },
    )
    return done.run_id


def _told(instance: dg.DagsterInstance, run: str) -> dict[str, object]:
    """What the storage says of a run and its assets, without numbers and times of its own."""
    keys = [dg.AssetKey("carts"), dg.AssetKey("sales")]
    events = instance.all_logs(run)
    records = {key: instance.fetch_materializations(key, limit=1000).records for key in [*keys]}
    return {
        "events": sorted(
            (str(one.dagster_event_type), str(one.get_dagster_event().asset_key),
             str(one.get_dagster_event().partition))
            for one in events if one.is_dagster_event
        ),
        "materialised": {
            key.to_user_string(): [(one.partition_key, one.asset_materialization.metadata)
                                   for one in found if one.asset_materialization]
            for key, found in records.items()
        },
        "days": {
            key.to_user_string(): sorted(instance.get_materialized_partitions(key))
            for key in keys
        },
        "last": [
            (last.asset_key.to_user_string(), last.last_run_id == run,
             last.last_materialization_record is not None
             and last.last_materialization_record.partition_key)
            for last in (one.asset_entry for one in instance.get_asset_records(keys))
        ],
        "checks": [
            one.status.value
            for one in instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey("carts"), "carts_are_whole"), limit=5
            )
        ],
    }  # fmt: skip


def test_events_stored_together_tell_what_events_stored_one_by_one_tell(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = []
    store = PooledEventLogStorage.store_event

    def counted(self: PooledEventLogStorage, event: dg.EventLogEntry) -> None:
        one_by_one.append(event.dagster_event_type)
        store(self, event)

    monkeypatch.setattr(PooledEventLogStorage, "store_event", counted)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        together = _told(instance, _range(instance))
        assert dg.DagsterEventType.ASSET_MATERIALIZATION not in one_by_one
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
        instance.wipe()
        apart = _told(instance, _range(instance))
    assert one_by_one.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 60
    assert together == apart
    assert len(together["days"]["carts"]) == 30


def test_dagster_still_has_what_is_replaced() -> None:
    signature = inspect.signature(SqliteEventLogStorage._connect)
    assert list(signature.parameters) == ["self", "shard"]
    assert list(inspect.signature(SqliteEventLogStorage._initdb).parameters)[:2] == [
        "self",
        "engine",
    ]

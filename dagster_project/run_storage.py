"""Dagster's runs and events in SQLite, as Dagster keeps them, over connections that stay open.

Dagster's own storage makes an engine, a connection and three transactions for each event, and
compiles its SQL anew each time: 6 to 9 ms. A run of 90 tables over a year of partitions writes
sixty thousand events. Kept engines make that 1.5 ms, and what Dagster writes of many partitions at
once goes into one transaction; files, tables and meaning are Dagster's own, so that either storage
reads what the other wrote. `dagster.yaml` names this class.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import dagster as dg
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

# A web server looks into one run's file after another; each open one holds three descriptors.
_OPEN_FILES: Final = 8
_BUSY_TIMEOUT_SECONDS: Final = 20
# Dagster asks the environment how many events of one asset, or of one plan, it may keep together.
_BATCH: Final = ("DAGSTER_EVENT_BATCH_SIZE", "1000")


class PooledEventLogStorage(SqliteEventLogStorage):
    """Event storage with one engine for each of the files that were used last."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> Engine:
        # A file that was deleted, with its run, is another file when it comes again.
        if not Path(self.path_for_shard(shard)).exists():
            self._initialized_dbs.discard(shard)
            self._close(shard)
        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        while len(self._engines) >= _OPEN_FILES:
            self._close(next(iter(self._engines)))
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            connect_args={"timeout": _BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _without_a_sync_a_commit)
        self._engines[shard] = engine
        return engine

    def _close(self, shard: str) -> None:
        engine = self._engines.pop(shard, None)
        if engine is not None:
            engine.dispose()

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store what Dagster has gathered of a run: asset events together, the others one by one.

        Args:
            events: of one run or of several.
        """
        of_assets = [one for one in events if _is_asset_event(one)]
        for run_id in dict.fromkeys(one.run_id for one in of_assets):
            self._store_asset_events([one for one in of_assets if one.run_id == run_id], run_id)
        for one in events:
            if not _is_asset_event(one):
                self.store_event(one)

    def _store_asset_events(self, events: Sequence[dg.EventLogEntry], run_id: str) -> None:
        rows = [self._event_to_row(one) for one in events]
        table = SqlEventLogStorageTable
        with self.run_connection(run_id) as connection:
            connection.execute(table.insert(), rows)
        numbered = table.insert().returning(table.c.id, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = list(connection.execute(numbered, rows).scalars())
            self._store_asset_event_tags(connection, events, ids)
            # An asset has one row, which tells of its last event of each type.
            last = {
                (one.get_dagster_event().asset_key, one.dagster_event_type): (one, number)
                for one, number in zip(events, ids, strict=True)
            }
            for one, number in last.values():
                self._store_asset_event(connection, one, number)

    def wipe(self) -> None:
        """Forget every run."""
        self._close_all()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        self._close_all()
        super().dispose()

    def _close_all(self) -> None:
        for shard in list(self._engines):
            self._close(shard)


class RunStorage(DagsterSqliteStorage):
    """Dagster's storage of runs, events and schedules, its events by `PooledEventLogStorage`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        own = self._event_log_storage
        self._event_log_storage = PooledEventLogStorage(str(Path(base_dir) / "history" / "runs"))
        own.dispose()

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """`base_dir`: the folder of the storage, a path or the name of a variable."""
        return {"base_dir": dg.Field(dg.StringSource)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Made by Dagster from the settings in `dagster.yaml`."""
        os.environ.setdefault(*_BATCH)
        return cls.from_local(inst_data=inst_data, base_dir=config_value["base_dir"])


def _is_asset_event(event: dg.EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS


def _without_a_sync_a_commit(connection: Any, _record: Any) -> None:
    # In WAL mode a killed process loses nothing by it, and a power cut the last seconds of what
    # Dagster tells of a run; the log, which may lose nothing, syncs by itself.
    connection.execute("pragma synchronous=normal")

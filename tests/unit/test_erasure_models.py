"""Rows of model outputs that name the erased: they go, and nothing else does."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project import erasure_models, erasure_records
from dagster_project.erasure import carry_out
from dagster_project.erasure_models import erased_ids, ids_of, take_out_of_files, without
from dagster_project.ingest import erasure, erasure_register
from dagster_project.ingest.config import parse_settings
from dagster_project.ingest.durable import sha256_of
from dagster_project.ingest.erasure_register import Request, Rewrite
from dagster_project.ingest.vault import Vault
from dagster_project.loading import registry_of
from dagster_project.state import StatePaths

AT = datetime(2026, 1, 5, tzinfo=UTC)
JANE = Request(1, AT, ("u_1" + 31 * "0",), ("u1",), ("v1",), ("p1",))


def test_erased_are_named_by_all_that_they_were_on_any_date() -> None:
    by_user = hashlib.md5(b"user\x1fu1").hexdigest()
    by_visitor = hashlib.md5(b"visitor\x1fv1").hexdigest()
    assert ids_of(JANE) == {"p1", "v1", "u1", by_user, by_visitor}


def test_rows_go_by_any_column_that_names_a_person() -> None:
    table = pa.table(
        {
            "person_id": ["p1", "p2", None, None],
            "entity_id": [None, None, "v1", "gross_revenue"],
            "product_id": ["p1", "p1", "p1", "p1"],
        }
    )
    left = without(table, {"p1", "v1"})
    assert left.to_pylist() == [table.to_pylist()[1], table.to_pylist()[3]]


@pytest.mark.parametrize("ids", [set(), {"p9"}])
def test_output_without_the_erased_is_the_same_table(ids: set[str]) -> None:
    table = pa.table({"person_id": ["p1", None]})
    assert without(table, ids) is table
    products = pa.table({"product_id": ["p9"]})
    assert without(products, ids) is products


def test_files_that_name_nobody_are_not_touched(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    written = {
        "recommendations": pa.table({"person_id": ["p1", "p2"]}),
        "similar_products": pa.table({"product_id": ["p1"]}),
        "anomaly_scores": pa.table({"entity_id": pa.array([], pa.string())}),
    }
    for output, table in written.items():
        file = paths.ml / output / "partition_date=2026-01-05" / "part.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(table, file)
    before = {file: file.stat().st_ino for file in paths.ml.rglob("*.parquet")}

    assert take_out_of_files(paths, {"p1"}) == 1

    changed = [file for file, inode in before.items() if file.stat().st_ino != inode]
    assert [file.parts[-3] for file in changed] == ["recommendations"]
    assert pq.ParquetFile(changed[0]).read().to_pylist() == [{"person_id": "p2"}]
    assert take_out_of_files(paths, {"p1"}) == 0


def test_warehouse_loses_the_same_rows_in_the_models_schema_alone(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    assert erasure_models.take_out_of_warehouse(paths, {"p1"}) == 0
    paths.warehouse.mkdir()
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create schema ml; create schema core")
        con.execute("create table ml.churn as select unnest(['p1', 'p2']) as person_id")
        con.execute("create table ml.scores as select unnest(['p1', null]) as entity_id")
        con.execute("create table core.a as select 'p1' as person_id")

    assert erasure_models.take_out_of_warehouse(paths, {"p1"}) == 2

    with duckdb.connect(str(paths.warehouse_db)) as con:
        assert con.execute("from ml.churn").fetchall() == [("p2",)]
        assert con.execute("from ml.scores").fetchall() == [(None,)]
        assert con.execute("from core.a").fetchall() == [("p1",)]


def test_record_that_an_eraser_changes_is_listed_in_the_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = StatePaths(tmp_path)
    Vault.create(paths).close()
    record = paths.records / "history.json"
    record.parent.mkdir()
    record.write_text("p1 p2")
    before = sha256_of(record)

    def erase(paths: StatePaths, request: Request) -> list[Rewrite]:
        assert request == JANE
        record.write_text("p2")
        return [Rewrite("records/history.json", before, sha256_of(record), 2, 0, 1)]

    monkeypatch.setattr(erasure_records, "RECORD_ERASERS", [erase])
    erasure.ask(paths, JANE, AT)
    settings = parse_settings("")
    carry_out(paths, settings, registry_of(settings), AT)

    entries = erasure_register.load(paths)
    assert sha256_of(record) in erasure_register.expected_hashes(
        entries, "records/history.json", before
    )
    assert erased_ids(paths) == ids_of(JANE)

"""Each expectation of each suite refuses a row that no other refuses.

The n-th defect is planted in n + 1 rows; so a count says which defect an expectation saw.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.contract import (
    LOG_COLUMNS,
    batch_suite,
    counts_suite,
    load_registry,
    seals_suite,
)
from expectations.validate import Report, validate

NOT_NULL = "expect_column_values_to_not_be_null"
NULL = "expect_column_values_to_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
REGEX = "expect_column_values_to_match_regex"
UNIQUE = "expect_column_values_to_be_unique"
EQUAL = "expect_column_pair_values_to_be_equal"
COMPOUND_UNIQUE = "expect_compound_columns_to_be_unique"
COLUMNS = "expect_table_columns_to_match_ordered_list"

Row = dict[str, Any]
Key = tuple[str, str]
Defect = Callable[[int], Row]

HASH = "0123456789abcdef" * 4
PSEUDONYM = "0123456789abcdef" * 2
BATCH = batch_suite(
    load_registry(),
    arrival_date=date(2026, 1, 1),
    earliest_event_date=date(2000, 1, 1),
    max_future_hours=24,
)
EVENT: Row = {
    "event_id": "e1",
    "event_name": "order_completed",
    "event_ts": datetime(2026, 1, 1, 10),
    "arrival_date": date(2026, 1, 1),
    "source": "shop",
    "user_id": f"u_{PSEUDONYM}",
    "anonymous_id": f"a_{PSEUDONYM}",
    "device_id": f"d_{PSEUDONYM}",
    "price": 1,
    "quantity": 0,
    "revenue": 1,
    "currency": "EUR",
    "page_url": "https://shop.example/logo@2x.png",
    "ip_truncated": "2001:db8::",
    "properties": '{"name": "a product", "query": "shoes"}',
    "contract_version": 2,
    "source_file": "shop/2026-01-01/a.jsonl",
}
COUNT: Row = {"read": 10, "logged": 8, "quarantined": 1, "withheld": 1}
SEAL: Row = {
    "sequence": 1,
    "sealed_sha256": HASH,
    "found_sha256": HASH,
    "sealed_bytes": 10,
    "found_bytes": 10,
    "sealed_rows": 2,
    "found_rows": 2,
    "manifest_hash_ok": True,
    "previous_ok": True,
    "sequence_ok": True,
}
SEAL_TYPES = {
    "sequence": "BIGINT",
    "part": "VARCHAR",
    "sealed_sha256": "VARCHAR",
    "found_sha256": "VARCHAR",
    "sealed_bytes": "BIGINT",
    "found_bytes": "BIGINT",
    "sealed_rows": "BIGINT",
    "found_rows": "BIGINT",
    "manifest_hash_ok": "BOOLEAN",
    "previous_ok": "BOOLEAN",
    "sequence_ok": "BOOLEAN",
}
COUNT_TYPES = {"source_file": "VARCHAR", **dict.fromkeys(COUNT, "BIGINT")}


def always(**changes: Any) -> Defect:
    return lambda _: changes


BATCH_DEFECTS: dict[Key, Defect] = {
    **{
        (NOT_NULL, column): always(**{column: None})
        for column in [
            "event_id",
            "event_name",
            "event_ts",
            "arrival_date",
            "source",
            "properties",
            "contract_version",
            "source_file",
        ]
    },
    (NOT_NULL, "source_line"): lambda n: {"source_line": None, "source_file": f"shop/{n}"},
    (COMPOUND_UNIQUE, "source_file, source_line"): always(source_line=7),
    (BETWEEN, "source_line"): lambda n: {"source_line": -n},
    (IN_SET, "contract_version"): always(contract_version=0),
    # The day after: its event is in bounds by its own arrival date.
    (IN_SET, "arrival_day"): always(arrival_date=date(2026, 1, 2)),
    (BETWEEN, "event_day"): always(event_ts=datetime(1999, 12, 31, 23, 59)),
    (BETWEEN, "hours_after_arrival_date"): always(event_ts=datetime(2026, 1, 3, 0, 0, 0, 1)),
    (BETWEEN, "order_price"): always(price=-1),
    (BETWEEN, "order_quantity"): always(quantity=-1),
    (BETWEEN, "order_revenue"): always(revenue=-1),
    (REGEX, "currency"): always(currency="eur"),
    (IN_SET, "properties_type"): always(properties="[1]"),
    (NULL, "column_too_long"): always(city="x" * 2001),
    (NULL, "column_without_pseudonym"): always(anonymous_id="u_12"),
    (REGEX, "ip_truncated"): always(ip_truncated="10.1.2.3"),
    (NULL, "column_holding_an_email"): always(page_url="https://s.example/?m=a%40b.com"),
    (NULL, "personal_property_left"): always(properties='{"traits": {"firstName": "Anna"}}'),
}
COUNT_DEFECTS: dict[Key, Defect] = {
    (NOT_NULL, "source_file"): always(source_file=None),
    (UNIQUE, "source_file"): always(source_file="twice"),
    (NOT_NULL, "unaccounted"): always(read=None),
    (IN_SET, "unaccounted"): always(read=11),
    (BETWEEN, "logged"): always(logged=-1, read=1),
    (BETWEEN, "quarantined"): always(quarantined=-1, read=8),
    (BETWEEN, "withheld"): always(withheld=-1, read=8),
}
SEAL_DEFECTS: dict[Key, Defect] = {
    (NOT_NULL, "sequence"): always(sequence=None),
    (NOT_NULL, "part"): always(part=None),
    (UNIQUE, "part"): always(part="twice"),
    (REGEX, "sealed_sha256"): always(sealed_sha256="short", found_sha256="short"),
    (EQUAL, "sealed_sha256, found_sha256"): always(found_sha256="f" * 64),
    (EQUAL, "sealed_bytes, found_bytes"): always(found_bytes=11),
    (EQUAL, "sealed_rows, found_rows"): always(found_rows=None),
    **{
        (NOT_NULL, column): always(**{column: None})
        for column in ("manifest_hash_ok", "previous_ok", "sequence_ok")
    },
    **{
        (IN_SET, column): always(**{column: False})
        for column in ("manifest_hash_ok", "previous_ok", "sequence_ok")
    },
}


def table(types: dict[str, str], rows: Sequence[Row]) -> pa.Table:
    with duckdb.connect() as con:
        con.execute(f"create table t ({', '.join(f'{n} {k}' for n, k in types.items())})")
        marks = ", ".join("?" for _ in types)
        con.executemany(
            f"insert into t values ({marks})", [[r.get(n) for n in types] for r in rows]
        )
        return con.execute("from t").to_arrow_table()


def with_defects(good: Row, key: str, form: Callable[[int], Any], defects: Any) -> list[Row]:
    rows = [{**good, key: form(1)}]
    for position, defect in enumerate(defects.values()):
        for _ in range(position + 2):
            number = 1000 + len(rows)
            rows.append({**good, key: form(number), **defect(number)})
    return rows


def counts(report: Report) -> dict[Key, int | None]:
    return {(r.expectation, r.column): r.unexpected_count for r in report.results}


def planted(defects: dict[Key, Defect]) -> dict[Key, int]:
    return {key: position + 2 for position, key in enumerate(defects)}


def test_every_expectation_on_a_batch_refuses_its_own_rows_alone() -> None:
    rows = with_defects(EVENT, "source_line", lambda n: n, BATCH_DEFECTS)
    report = validate(BATCH, table(dict(LOG_COLUMNS), rows), name="batch")
    assert counts(report) == {(COLUMNS, ""): None, **planted(BATCH_DEFECTS)}
    assert not any(result.exception for result in report.results)
    assert {r.expectation for r in report.results if r.success} == {COLUMNS}


def test_every_expectation_on_counts_refuses_its_own_rows_alone() -> None:
    rows = with_defects(COUNT, "source_file", lambda n: f"shop/{n}.csv", COUNT_DEFECTS)
    report = validate(
        counts_suite(max_quarantined_share=1), table(COUNT_TYPES, rows), name="counts"
    )
    assert counts(report) == {**planted(COUNT_DEFECTS), (BETWEEN, "quarantined_share"): 0}


@pytest.mark.parametrize(("limit", "passes"), [(0.1, True), (0.0999, False)])
def test_batch_with_too_much_in_quarantine_is_refused(limit: float, passes: bool) -> None:
    rows = [{**COUNT, "source_file": "a"}, {**COUNT, "source_file": "b"}]
    report = validate(
        counts_suite(max_quarantined_share=limit), table(COUNT_TYPES, rows), name="counts"
    )
    assert report.success is passes
    failed = {r.column for r in report.results if not r.success}
    assert failed == (set() if passes else {"quarantined_share"})


def test_share_outside_nought_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5 is not within"):
        counts_suite(max_quarantined_share=1.5)


def test_every_expectation_on_seals_refuses_its_own_rows_alone() -> None:
    rows = with_defects(SEAL, "part", lambda n: f"part-{n}", SEAL_DEFECTS)
    report = validate(seals_suite(), table(SEAL_TYPES, rows), name="seals")
    assert counts(report) == planted(SEAL_DEFECTS)
    assert not any(result.exception for result in report.results)


@pytest.mark.parametrize(
    "types",
    [
        {**LOG_COLUMNS, "extra": "VARCHAR"},
        {name: kind for name, kind in LOG_COLUMNS.items() if name != "city"},
        {**LOG_COLUMNS, "price": "DOUBLE"},
        dict(reversed(LOG_COLUMNS.items())),
    ],
    ids=["one more", "one less", "another type", "another order"],
)
def test_table_with_other_columns_than_the_log_is_refused(types: dict[str, str]) -> None:
    report = validate(BATCH, table(types, [{**EVENT, "source_line": 1}]), name="batch")
    assert COLUMNS in {r.expectation for r in report.results if not r.success}


def test_columns_are_refused_by_their_own_expectation_alone() -> None:
    # One column more, the rest as it should be: nothing else has a reason to refuse it.
    types = {**LOG_COLUMNS, "extra": "VARCHAR"}
    report = validate(BATCH, table(types, [{**EVENT, "source_line": 1}]), name="batch")
    assert [r.expectation for r in report.results if not r.success] == [COLUMNS]


def test_part_that_differs_from_the_others_is_found(tmp_path: Path) -> None:
    good = table(dict(LOG_COLUMNS), [{**EVENT, "source_line": 1}])
    odd = table({**LOG_COLUMNS, "extra": "VARCHAR"}, [{**EVENT, "source_line": 2}])
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, content in zip(paths, (good, odd), strict=True):
        pq.write_table(content, path)
    assert validate(BATCH, paths[:1], name="batch").success
    report = validate(BATCH, paths, name="batch")
    assert [r.expectation for r in report.results if not r.success] == [COLUMNS]
    assert report.rows == 2


def test_good_batch_passes_and_so_does_an_empty_one() -> None:
    types = dict(LOG_COLUMNS)
    good = [{**EVENT, "source_line": n} for n in (1, 2)]
    refund = {**EVENT, "event_name": "order_refunded", "revenue": -5, "source_line": 3}
    assert validate(BATCH, table(types, [*good, refund]), name="good").failures() == []
    empty = validate(BATCH, table(types, good).slice(0, 0), name="empty")
    assert empty.success
    assert empty.rows == 0

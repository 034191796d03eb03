"""The split: each rule of the contract refuses its row with its reason, and only then."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from expectations.contract import CANDIDATE_COLUMNS, SPLIT_COLUMNS, load_registry, split_sql

ARRIVAL = date(2026, 1, 1)
# The day ends at midnight; 24 hours later is the last moment allowed.
LAST_MOMENT = datetime(2026, 1, 3)
NO_AMOUNT = "must be a finite number, at least -1e+14 and at most 1e+14"
NO_SALE = "is negative, which is no sale: map the row to order_refunded or inventory_adjusted"
GOOD = {
    "source": "shop",
    "source_file": "shop/2026-01-01/a.jsonl",
    "source_line": 1,
    "raw": "{}",
    "event_name": "page_viewed",
    "event_ts": "2026-01-01T10:00:00Z",
    "event_ts_parsed": datetime(2026, 1, 1, 10),
}
Split = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def split() -> Iterator[Split]:
    with duckdb.connect() as con:
        columns = ", ".join(f"{name} {kind}" for name, kind in CANDIDATE_COLUMNS.items())
        con.execute(f"create table candidates ({columns})")

        def run(*rows: dict[str, Any], extra_events: Any = None) -> list[dict[str, Any]]:
            con.execute("truncate candidates")
            marks = ", ".join("?" for _ in CANDIDATE_COLUMNS)
            con.executemany(
                f"insert into candidates values ({marks})",
                [[{**GOOD, **row}.get(name) for name in CANDIDATE_COLUMNS] for row in rows],
            )
            query = split_sql(
                load_registry(extra_events),
                f"(select *, date '{ARRIVAL}' as arrival_date from candidates)",
                earliest_event_date=date(2000, 1, 1),
                max_future_hours=24,
            )
            result = con.execute(query)
            names = [item[0] for item in result.description or []]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

        yield run


def order(**fields: Any) -> dict[str, Any]:
    return {"event_name": "order_completed", **fields}


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"event_name": "made_up_by_somebody", "properties": '{"rating": "none"}'},
    {"event_name": "n" * 200},
    {"event_ts_parsed": LAST_MOMENT},
    {"event_ts_parsed": datetime(2000, 1, 1)},
    {"event_id": "i" * 500},
    {"city": "ü" * 2000},
    {"page_url": "u" * 8192},
    {"page_url": "https://shop.example/?mail=a%40b.com"},
    {"user_id": "a@b.com"},
    {"properties": '{"text": "nan, inf, ] and }"}'},
    {"properties": "{}"},
    {"consent": '{"ads": false}'},
    {"event_name": "product_reviewed", "product_id": "p", "properties": '{"rating": "4.5"}'},
    {"event_name": "product_reviewed", "product_id": "p", "properties": '{"rating": 1}'},
    {"event_name": "recommendation_shown", "properties": '{"position": 1, "propensity": 1}'},
    {"event_name": "recommendation_shown", "properties": '{"position": null}'},
    {"event_name": "product_list_viewed", "properties": '{"products": null}'},
    {"event_name": "product_list_viewed", "properties": '{"products": []}'},
    {"event_name": "product_list_viewed", "properties": '{"products": [{"name": "x"}]}'},
    order(price="0", quantity="0", revenue="0"),
    order(price="1e3", revenue="99999999999999.9999"),
    {"event_name": "order_refunded", "revenue": "-10", "price": "-1", "quantity": "-1"},
    {"event_name": "inventory_adjusted", "quantity": "-5"},
    {"event_name": "file_accessed", "device_id": "d"},
    {"event_name": "logged_out"},
]

CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"event_name": None}, ["event_name: is missing"]),
    ({"event_name": "n" * 201}, ["event_name: is longer than 200 characters"]),
    ({"event_ts": None, "event_ts_parsed": None}, ["event_ts: is missing"]),
    ({"event_ts": "soon", "event_ts_parsed": None}, ["event_ts: is no time that can be read"]),
    (
        {"event_ts_parsed": datetime(1999, 12, 31, 23, 59, 59, 999999)},
        ["event_ts: is before 2000-01-01"],
    ),
    (
        {"event_ts_parsed": LAST_MOMENT.replace(microsecond=1)},
        ["event_ts: is more than 24 hours after the end of the arrival date"],
    ),
    ({"sent_ts": "soon"}, ["sent_ts: is no time that can be read"]),
    ({"event_id": "i" * 501}, ["event_id: is longer than 500 characters"]),
    ({"event_id": "a\x00b"}, ["event_id: holds control characters"]),
    ({"event_id": "a\x7fb"}, ["event_id: holds control characters"]),
    ({"event_id": "7 a@b.com"}, ["event_id: holds an e-mail address"]),
    ({"order_id": "a%40b.com"}, ["order_id: holds an e-mail address"]),
    ({"city": "ü" * 2001}, ["city: is longer than 2000 characters"]),
    ({"page_url": "u" * 8193}, ["page_url: is longer than 8192 characters"]),
    ({"currency": "EURO"}, ["currency: is no ISO 4217 code of three letters"]),
    ({"currency": "€"}, ["currency: is no ISO 4217 code of three letters"]),
    ({"is_bot": "perhaps"}, ["is_bot: is neither true nor false"]),
    ({"consent": "yes"}, ["consent: is not valid JSON"]),
    ({"properties": "[1]"}, ["properties: is not a valid JSON object"]),
    ({"properties": '{"a": 1'}, ["properties: is not a valid JSON object"]),
    ({"properties": '{"a": NaN}'}, ["properties: is not a valid JSON object"]),
    ({"properties": '{"a": -Infinity}'}, ["properties: is not a valid JSON object"]),
    ({"properties": '{"a": 1,}'}, ["properties: is not a valid JSON object"]),
    (
        {"properties": '{"a": "' + "x" * 1048576 + '"}'},
        ["properties: is longer than 1048576 bytes"],
    ),
    ({"event_name": "product_viewed"}, ["product_id: is required for product_viewed"]),
    ({"event_name": "product_added"}, ["product_id: is required for product_added"]),
    ({"event_name": "product_removed"}, ["product_id: is required for product_removed"]),
    ({"event_name": "product_clicked"}, ["product_id: is required for product_clicked"]),
    ({"event_name": "login_failed"}, ["user_id or device_id or ip: is required for login_failed"]),
    ({"event_name": "login_succeeded"}, ["user_id: is required for login_succeeded"]),
    ({"event_name": "file_accessed"}, ["user_id or device_id: is required for file_accessed"]),
    (
        {"event_name": "product_reviewed", "product_id": "p"},
        ["properties.rating: is required for product_reviewed"],
    ),
    (
        {"event_name": "product_reviewed", "product_id": "p", "properties": '{"rating": 5.1}'},
        ["properties.rating: must be a finite number, at least 1 and at most 5"],
    ),
    (
        {"event_name": "product_reviewed", "product_id": "p", "properties": '{"rating": "good"}'},
        ["properties.rating: must be a finite number, at least 1 and at most 5"],
    ),
    (
        {"event_name": "experiment_viewed", "properties": '{"variant_id": " "}'},
        [
            "properties.experiment_id: is required for experiment_viewed",
            "properties.variant_id: is required for experiment_viewed",
        ],
    ),
    (
        {"event_name": "promotion_viewed", "properties": '{"position": 0, "propensity": 0}'},
        [
            "properties.position: must be a whole number, at least 1",
            "properties.propensity: must be a finite number, above 0 and at most 1",
        ],
    ),
    (
        {"event_name": "recommendation_shown", "properties": '{"position": 1.5}'},
        ["properties.position: must be a whole number, at least 1"],
    ),
    (
        {"event_name": "login_failed", "user_id": "u", "properties": '{"is_mfa": "maybe"}'},
        ["properties.is_mfa: is neither true nor false"],
    ),
    (
        {"event_name": "cart_viewed", "properties": '{"products": {"price": 1}}'},
        ["properties.products: is not an array"],
    ),
    (
        {"event_name": "cart_viewed", "properties": '{"products": [{"price": 1}, "p2"]}'},
        ["properties.products: holds something that is no object"],
    ),
    (
        {"event_name": "cart_viewed", "properties": '{"products": [null]}'},
        ["properties.products: holds something that is no object"],
    ),
    (
        order(properties='{"products": [{"price": "x", "quantity": "1_0"}]}'),
        [
            f"properties.products.price: {NO_AMOUNT}",
            f"properties.products.quantity: {NO_AMOUNT}",
        ],
    ),
    (
        order(properties='{"products": [{"price": 1e30, "quantity": -1e20}]}'),
        [
            f"properties.products.quantity: {NO_SALE}",
            f"properties.products.price: {NO_AMOUNT}",
            f"properties.products.quantity: {NO_AMOUNT}",
        ],
    ),
    (
        order(properties='{"products": [{"price": 1}, {"price": -1, "quantity": -2}]}'),
        [f"properties.products.price: {NO_SALE}", f"properties.products.quantity: {NO_SALE}"],
    ),
    (
        order(price="-1", quantity="-1", revenue="-1"),
        [f"price: {NO_SALE}", f"quantity: {NO_SALE}", f"revenue: {NO_SALE}"],
    ),
]


@pytest.fixture(scope="module")
def reasons_by_line(split: Split) -> dict[int, list[str]]:
    """Split all cases at once: accepted ones from line 1, refused ones from line 1001."""
    rows = [{**row, "source_line": n} for n, row in enumerate(ACCEPTED, 1)]
    rows += [{**row, "source_line": n} for n, (row, _) in enumerate(CASES, 1001)]
    return {row["source_line"]: row["reasons"] for row in split(*rows)}


@pytest.mark.parametrize("line", range(1, len(ACCEPTED) + 1))
def test_row_within_the_contract_is_accepted(
    reasons_by_line: dict[int, list[str]], line: int
) -> None:
    assert reasons_by_line[line] == [], ACCEPTED[line - 1]


@pytest.mark.parametrize(("line", "case"), list(enumerate(CASES, 1001)))
def test_row_outside_the_contract_is_refused_with_every_reason(
    reasons_by_line: dict[int, list[str]], line: int, case: tuple[dict[str, Any], list[str]]
) -> None:
    row, reasons = case
    assert reasons_by_line[line] == reasons, row


@pytest.mark.parametrize("field", ["price", "quantity", "revenue"])
def test_what_is_no_number_of_the_log_is_refused(split: Split, field: str) -> None:
    values = ["NaN", "Infinity", "-inf", "1e999", "0x10", "1_000", "1,5", "ten", "100000000000000"]
    for row in split(*[{field: value} for value in values]):
        assert row["reasons"] == [f"{field}: is no number that fits DECIMAL(18,4)"]
        assert row[field] is None


def test_unreadable_row_has_that_reason_alone(split: Split) -> None:
    (row,) = split({"read_error": "malformed_json", "event_name": None, "price": "x"})
    assert row["reasons"] == ["row: malformed_json"]
    assert row["raw"] == "{}"


def test_reasons_hold_no_value_of_the_row(split: Split) -> None:
    secret = "Mx7q"
    texts = [name for name, kind in CANDIDATE_COLUMNS.items() if kind == "VARCHAR"]
    everywhere = {
        name: secret for name in texts if name not in {"source", "source_file", "raw", "read_error"}
    }
    nested = '{"products": [{"price": "Mx7q", "position": "Mx7q"}], "step": "Mx7q"}'
    rows = split(
        everywhere,
        {**everywhere, "event_name": "order_completed", "properties": nested},
        {"event_name": "checkout_step_viewed", "properties": nested},
    )
    for row in rows:
        assert row["reasons"]
        assert secret not in " ".join(row["reasons"])


def test_split_returns_every_row_with_the_documented_columns(split: Split) -> None:
    rows = split({}, {"event_name": None}, {"read_error": "invalid_utf8"})
    assert len(rows) == 3
    assert list(rows[0]) == list(SPLIT_COLUMNS)


def test_accepted_values_have_the_types_of_the_log(split: Split) -> None:
    (row,) = split(
        order(
            price="12.345678",
            quantity="2",
            currency="eur",
            is_bot="true",
            sent_ts="x",
            sent_ts_parsed=datetime(2026, 1, 1, 11),
            ip="10.1.2.3",
            user_agent="curl",
        )
    )
    assert row["reasons"] == []
    assert row["price"] == Decimal("12.3457")
    assert row["quantity"] == Decimal(2)
    assert row["currency"] == "EUR"
    assert row["is_bot"] is True
    assert row["event_ts"] == datetime(2026, 1, 1, 10)
    assert row["sent_ts"] == datetime(2026, 1, 1, 11)
    assert row["arrival_date"] == ARRIVAL
    assert row["properties"] == "{}"
    assert row["contract_version"] == 2
    assert (row["ip"], row["user_agent"]) == ("10.1.2.3", "curl")


def test_event_type_of_the_installation_is_checked(split: Split) -> None:
    own = {"seat_reserved": {"description": "A seat.", "requires": ["properties.step"]}}
    (row,) = split({"event_name": "seat_reserved"}, extra_events=own)
    assert row["reasons"] == ["properties.step: is required for seat_reserved"]


def test_repeated_json_key_does_not_stop_the_batch(split: Split) -> None:
    (row,) = split(
        {
            "event_name": "product_reviewed",
            "product_id": "p",
            "properties": '{"rating": 5, "rating": 99}',
        }
    )
    assert row["properties"] == '{"rating": 5, "rating": 99}'

"""The largest and smallest numbers that the contract lets through stop no model.

Belongs here: that every model and every input of models runs over them, that a value without room
in the type is none, that a sum without room is the largest there is, and that a rebuild gives the
same. Not here: what the contract refuses (`tests/integration/ingest`).
"""

import json
from datetime import date
from decimal import Decimal

import pytest

from dagster_project.model_inputs import ModelInputs
from tests.laws.compiled import compiled_models
from tests.laws.harness import TABLES, load, rebuild, sorted_rows, start
from tests.laws.histories import History, Row
from tests.laws.stories import day, event, one, told
from tests.laws.warehouse import Warehouse

MOST = Decimal("99999999999999.9999")
LARGEST = 2**63 - 1


def line(**columns: object) -> str:
    return json.dumps({"products": [{"product_id": "a", "category": "c", **columns}]})


def order(number: int, when: str, visitor: str = "v", **columns: object) -> Row:
    return event(f"o{number}", "order_completed", when, visitor, order_id=str(number), **columns)


def extremes() -> History:
    """Two days of two shoppers, and what comes late."""
    most = {"price": MOST, "quantity": MOST, "product_id": "a", "category": "c"}
    first = [
        event("v1", "product_viewed", "11 10:00", **most),
        event("a1", "product_added", "11 10:01", **most),
        event("a2", "product_added", "11 10:02", **{**most, "product_id": "b"}),
        event("a3", "product_added", "11 10:03", **{**most, "price": -MOST}),
        order(1, "11 10:04", revenue=MOST, properties=line(price=25_000_000, quantity=400)),
        order(2, "11 10:05", revenue=MOST, properties=line(price=9.99, quantity=4006381333931)),
        order(3, "11 10:06", properties=line(price=99999999999999, quantity=99999999999999)),
        order(4, "11 10:07", **most),
        order(5, "11 10:08", "w", revenue=MOST, **most),
        event("s1", "products_searched", "11 10:09",
              properties=json.dumps({"query": "q", "result_count": LARGEST})),
        event("s2", "products_searched", "11 10:10",
              properties=json.dumps({"query": "q", "result_count": LARGEST})),
        event("p1", "promotion_viewed", "11 10:11", impression_id="i",
              properties=json.dumps({"promotion_id": "p", "position": LARGEST})),
        event("r1", "recommendation_shown", "11 10:12", impression_id="j", product_id="a",
              properties=json.dumps({"list_id": "l", "position": LARGEST, "propensity": 1e-300})),
        event("c1", "recommendation_clicked", "11 10:13", impression_id="j", product_id="a"),
        event("pv", "page_viewed", "11 10:13:30", page_path="/a"),
        event("pp", "page_pinged", "11 10:13:40", page_path="/a",
              properties=json.dumps({"engaged_ms": LARGEST, "scroll_depth_pct": 100})),
        event("pq", "page_pinged", "11 10:13:50", page_path="/a",
              properties=json.dumps({"engaged_ms": 1e300})),
        event("l1", "login_failed", "11 10:14", user_id="u",
              properties=json.dumps({"occurrences": LARGEST})),
        event("l2", "login_failed", "11 10:15", user_id="u",
              properties=json.dumps({"occurrences": LARGEST})),
        event("l3", "login_succeeded", "11 10:16", user_id="u"),
        event("x1", "experiment_viewed", "11 10:00",
              properties=json.dumps({"experiment_id": "x", "variant_id": "a"})),
        event("x2", "experiment_viewed", "11 10:00", "w",
              properties=json.dumps({"experiment_id": "x", "variant_id": "b"})),
        event("f1", "order_refunded", "11 11:00", order_id="1", revenue=MOST),
        event("f2", "order_refunded", "11 11:01", order_id="2", revenue=MOST),
        event("f3", "order_refunded", "11 11:02", order_id="2", **most),
        event("f4", "order_refunded", "12 11:02", order_id="7", revenue=-MOST),
    ]  # fmt: skip
    second = [
        event("d1", "product_removed", "12 10:00", **most),
        event("d2", "product_added", "12 10:01", "w", **most),
        event("d3", "product_added", "12 10:02", "w", **{**most, "quantity": -MOST}),
        order(6, "12 10:05", revenue=-MOST),
        order(7, "12 10:06", revenue=MOST),
        order(8, "11 09:00", revenue=MOST),
    ]
    return told((day(11), first), (day(12), second), (day(20), [order(9, "20 10:00", "w")]))


@pytest.fixture(scope="module")
def followed() -> Warehouse:
    history, warehouse = extremes(), Warehouse()
    for number, run in enumerate(history.plan):
        load(history, number, warehouse)
        start(warehouse, run.days, None)
    return warehouse


def test_every_table_is_that_of_a_rebuild(followed):
    rebuilt = rebuild(extremes())
    for table in TABLES:
        assert sorted_rows(followed, table) == sorted_rows(rebuilt, table), table


def test_a_worth_without_room_is_none_and_one_with_room_is_there(followed):
    order_of = {row["order_key"]: row["order_id"] for row in followed.rows("fct_orders")}
    items = followed.rows("fct_order_items")
    worth = {order_of[row["order_key"]]: row["line_revenue"] for row in items}
    assert worth == {
        "1": 25_000_000 * 400,
        "2": Decimal("9.99") * 4006381333931,
        **dict.fromkeys(("3", "4", "5")),
    }


def test_a_sum_without_room_is_the_largest_there_is(followed):
    orders = {row["order_id"]: row["gross_revenue"] for row in followed.rows("fct_orders")}
    assert (orders["1"], orders["3"], orders["6"]) == (MOST, None, -MOST)
    days = followed.rows("kpi_daily")
    first, second = (one(days, report_date=day(number)) for number in (11, 12))
    assert (first["gross_revenue"], first["refunds"], first["orders"]) == (MOST, MOST, 6)
    # As much less as more is ordered, and as much is given back.
    assert (second["gross_revenue"], second["refunds"]) == (0, MOST)
    assert second["net_revenue"] == -MOST
    assert {row["results_shown"] for row in followed.rows("search_performance")} == {0}
    assert max(row["value"] for row in followed.rows("fct_cart_events")) == MOST


@pytest.mark.parametrize(
    "name", [m.name for m in compiled_models() if m.relation.startswith("ml_inputs.")]
)
def test_every_input_of_the_models_can_be_read(followed, name):
    ModelInputs(followed.con, 0).read(name, date(2026, 5, 20), 180)

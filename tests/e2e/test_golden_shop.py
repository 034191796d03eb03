"""A shop of 21 lines against tables worked by hand: `tests/golden/README.md` has the working.

Belongs here: that the warehouse says what the page says. Not here: many histories (`tests/laws`).
"""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.command import load_and_build, must, served

GOLDEN = Path(__file__).parents[1] / "golden"
DAYS = [date(2026, 5, day) for day in (11, 12, 13)]
THIRD, TWO_THIRDS = pytest.approx(1 / 3, abs=1e-9), pytest.approx(2 / 3, abs=1e-9)
EACH = pytest.approx(137 / 3, abs=1e-9)

KPIS: dict[str, tuple[Any, Any, Any]] = {
    "visitors": (2, 3, 0),
    "persons": (2, 2, 0),
    "new_visitors": (2, 1, 0),
    "sessions": (2, 3, 0),
    "engaged_sessions": (1, 2, 0),
    "page_views": (2, 4, 0),
    "product_views": (0, 2, 0),
    "cart_adds": (0, 2, 0),
    "checkouts": (0, 1, 0),
    "orders": (0, 3, 0),
    "orders_without_value": (0, 0, 0),
    "items": (0, 6, 0),
    "gross_revenue": (0, 137, 0),
    "refunds": (0, 0, 20),
    "net_revenue": (0, 137, -20),
    "session_conversion_rate": (0.5, THIRD, None),
    "visitor_conversion_rate": (0, TWO_THIRDS, None),
    "aov": (None, EACH, None),
    "revenue_per_session": (0, EACH, None),
    "bounce_rate": (0.5, THIRD, None),
    "dau": (2, 2, 0),
    "wau": (2, 2, 2),
    "mau": (2, 2, 2),
    "stickiness": (1, 1, 0),
    "repeat_purchase_rate": (None, 1, None),
    "clv_to_date": (None, 137, 117),
    "cart_abandonment_rate": (None, 0.5, None),
}
CREDIT = {
    ("first", "Paid Search"): 127,
    ("first", "(not set)"): 10,
    ("last", "Paid Search"): 100,
    ("last", "Direct"): 27,
    ("last", "(not set)"): 10,
    ("last_non_direct", "Paid Search"): 127,
    ("last_non_direct", "(not set)"): 10,
    ("linear", "Paid Search"): Decimal("113.5"),
    ("linear", "Direct"): Decimal("13.5"),
    ("linear", "(not set)"): 10,
    ("position_based", "Paid Search"): Decimal("113.5"),
    ("position_based", "Direct"): Decimal("13.5"),
    ("position_based", "(not set)"): 10,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The published tables."""
    home = tmp_path_factory.mktemp("golden") / "state"
    home.mkdir()
    for name in ("footfall.yml", "rates.csv"):
        shutil.copy(GOLDEN / name, home / name)
    must(home, "init")
    shutil.copytree(GOLDEN / "shop", home / "landing" / "shop", dirs_exist_ok=True)
    load_and_build(home)
    return served(home)


def rows(shop: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return shop.execute(sql).fetchall()


@pytest.mark.parametrize("metric", KPIS)
def test_the_kpis_of_each_date(shop, metric):
    found = rows(shop, f"select report_date, {metric} from marts.kpi_daily order by 1")
    assert found == list(zip(DAYS, KPIS[metric], strict=True))


def test_sessions_over_midnight_at_the_gap_and_of_a_late_event(shop):
    found = rows(
        shop,
        "select report_date, event_count, orders, channel, session_number, is_late_changed "
        "from core.fct_sessions where not is_bot order by started_at",
    )
    assert found == [
        (DAYS[0], 1, 0, "Direct", 1, True),
        (DAYS[0], 5, 1, "Paid Search", 1, False),
        (DAYS[1], 1, 0, "Direct", 2, False),
        (DAYS[1], 4, 0, "Organic Search", 2, False),
        (DAYS[1], 2, 1, "Direct", 1, False),
    ]


def test_the_first_arrival_of_a_repeated_event_counts(shop):
    (price,) = rows(shop, "select price from core.fct_events where event_id = 'a3-add'")
    assert price == (50,)
    assert rows(
        shop, "select sum(duplicates), sum(conflicts), sum(late_events) from dq.arrivals_daily"
    ) == [(2, 1, 1)]


def test_customers(shop):
    found = rows(
        shop,
        "select is_known, visitor_count, session_count, order_count, gross_revenue, refunds, "
        "monetary, recency_days, favourite_category from marts.customer_360 order by 1 desc",
    )
    assert found == [
        (True, 3, 3, 2, 127, 20, 107, 1, "shoes"),
        (False, 1, 2, 0, 0, 0, 0, None, "hats"),
    ]


def test_the_funnel(shop):
    found = rows(
        shop,
        "select entry_date, step, entrants, conversions, median_seconds_from_previous "
        "from marts.funnel_steps order by step",
    )
    assert found == [
        (DAYS[1], 1, 2, 2, None),
        (DAYS[1], 2, 2, 2, 180),
        (DAYS[1], 3, 2, 1, 3_599),
    ]


def test_attribution(shop):
    found = rows(shop, "select model, channel, credit from marts.attribution where credit <> 0")
    by_model = {(model, channel): credit for model, channel, credit in found}
    assert {key: by_model.get(key) for key in CREDIT} == CREDIT
    models = {model for model, _ in by_model}
    assert {model: sum(c for (m, _), c in by_model.items() if m == model) for model in models} == (
        dict.fromkeys(models, 137)
    )
    assert {key for key in by_model if key[0] in {m for m, _ in CREDIT}} == CREDIT.keys()

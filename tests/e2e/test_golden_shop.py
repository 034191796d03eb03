"""A shop of 26 lines against tables worked by hand: `tests/golden/README.md` has the working.

Belongs here: that the warehouse says what the page says. Not here: many histories (`tests/laws`).
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.metric_queries import Question, metric_sql, semantic_manifest
from dagster_project.state import StatePaths
from tests.e2e.command import footfall, load_and_build, must, served
from tests.semantic_comparison import asked, differences_by_date, differences_by_dimension

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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder, all days loaded, built and published."""
    home = tmp_path_factory.mktemp("golden") / "state"
    home.mkdir()
    for name in ("footfall.yml", "rates.csv"):
        shutil.copy(GOLDEN / name, home / name)
    must(home, "init")
    shutil.copytree(GOLDEN / "shop", home / "landing" / "shop", dirs_exist_ok=True)
    load_and_build(home)
    return home


@pytest.fixture(scope="module")
def shop(home: Path) -> duckdb.DuckDBPyConnection:
    """The published tables."""
    return served(home)


@pytest.fixture(scope="module")
def manifest(home: Path) -> str:
    """The semantic models and metrics."""
    return semantic_manifest(StatePaths(home))


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
    ) == [(2, 1, 2)]


def test_a_visitor_too_fast_for_a_person_is_none_as_soon_as_that_is_known(shop):
    found = rows(
        shop,
        "select arrival_date, declared_bot_events, fast_visitor_events from dq.arrivals_daily "
        "order by 1",
    )
    assert found == [(DAYS[0], 0, 0), (DAYS[1], 3, 4), (DAYS[2], 0, 1)]
    bots = rows(shop, "select event_id from core.fct_events where is_bot order by 1")
    assert [event for (event,) in bots] == ["f1", "f2", "f3", "f4", "f5", "x1", "x2", "x3"]


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
        "from marts.funnel_steps where dimension = '(all)' order by step",
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


def test_metricflow_says_what_the_marts_say(shop, manifest):
    assert differences_by_date(shop, manifest) == []
    assert differences_by_dimension(shop, manifest) == []


def test_persons_of_a_week_are_no_sum_of_days(shop, manifest):
    monday = DAYS[0]
    (week,) = asked(shop, manifest, ["visitors", "persons", "sessions", "dau"], "week").items()
    # Two visitors on Monday; three on Tuesday, two of whom are Monday's: KPIS has the days. Active
    # persons are those of the last day.
    assert week == ((monday,), {"visitors": 3, "persons": 2, "sessions": 5, "dau": 0})


def test_bounds_cut_a_longer_period_and_hold_for_every_condition(shop, manifest):
    direct, organic = (f"{{{{ Dimension('kpi__channel') }}}} = '{c}'" for c in CHANNELS)
    tuesday = Question(
        ["sessions"], ["month"], [f"{direct} or {organic}"], first=DAYS[1], last=DAYS[1]
    )
    # Tuesday's three sessions are Direct or Organic Search; of Monday's two one is Direct.
    assert [sessions for _, sessions in rows(shop, metric_sql(manifest, tuesday))] == [3]


CHANNELS = ("Direct", "Organic Search")
BROKEN_METRICS = {
    "bounce_rate": ("1 - cast", "cast"),
    "session_conversion_rate": ('"converting_sessions"', '"engaged_sessions"'),
    "persons": ('"agg": "count_distinct"', '"agg": "count"'),
    "net_revenue": ('"expr": "net_revenue"', '"expr": "gross_revenue"'),
    "mau": ('"expr": "mau"', '"expr": "dau"'),
}


@pytest.mark.parametrize("metric", BROKEN_METRICS)
def test_a_broken_formula_is_noticed(shop, manifest, metric):
    rule, change = BROKEN_METRICS[metric]
    content = json.loads(manifest)
    measures = [one for model in content["semantic_models"] for one in model["measures"]]
    changed = 0
    for part in [*content["metrics"], *measures]:
        if part["name"] == metric:
            text = json.dumps(part)
            changed += rule in text
            part.update(json.loads(text.replace(rule, change)))
    assert changed
    assert differences_by_date(shop, json.dumps(content), [metric])


def test_the_command_answers_and_says_what_it_does_not_know(home, shop):
    told = must(home, "metrics", "sessions,bounce_rate", "--by", "day", "--format", "csv")
    kpis = rows(shop, "select report_date, sessions, bounce_rate from marts.kpi_daily order by 1")
    assert [tuple(one) for one in csv.reader(told.splitlines()[1:])] == [
        (str(day), str(sessions), "" if rate is None else str(rate)) for day, sessions, rate in kpis
    ]
    done = footfall(home, "metrics", "sesions", "--by", "channel")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "known metrics: sesions; there is" in done.stderr
    assert "sessions" in done.stderr


def test_mf_itself_reads_what_is_published(home, shop, tmp_path):
    must(home, "metrics", "--project", str(tmp_path / "project"))
    answer = tmp_path / "answer.csv"
    # Its question to the package registry has no place in a test.
    mf = (
        "import dbt_metricflow.cli.main as mf; "
        "mf.UpdateChecker.check = lambda *words: None; mf.cli()"
    )
    done = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-c", mf, "query", "--quiet", "--csv", str(answer),
            "--metrics", "orders,gross_revenue,refunds", "--group-by", "metric_time,kpi__channel",
            "--order", "metric_time,kpi__channel",
        ],
        env=dict(
            os.environ, DBT_PROJECT_DIR=str(tmp_path / "project"),
            DBT_PROFILES_DIR=str(tmp_path / "project"), DO_NOT_TRACK="1",
        ),
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with answer.open() as file:
        found = [
            (day[:10], channel, int(orders), Decimal(gross), Decimal(refunds))
            for day, channel, orders, gross, refunds in list(csv.reader(file))[1:]
        ]
    expected = rows(
        shop,
        "select report_date::varchar, value, orders, gross_revenue, refunds "
        "from marts.kpi_daily_by_dimension where dimension = 'channel' order by 1, 2",
    )
    assert [one for one in found if one in expected or any(one[2:])] == expected

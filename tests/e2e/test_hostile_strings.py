"""Strings that are code to somebody: SQL, Jinja, formulas, paths, terminal control, in every field.

They go through the log, dbt, publication and the command, and come out as they went in.
"""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project.state import StatePaths
from tests.e2e.command import footfall, load_and_build, served
from tests.landed_days import json_lines, land, state_with

DAY = datetime.now(UTC).date() - timedelta(days=1)
STRINGS = [
    "'; drop schema core cascade; --",
    "{{ 7 * 7 }}",
    "{% set x = 1 %}{{ env_var('HOME') }}",
    "=cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "$(touch /tmp/footfall-owned)",
    "\x1b[31mred\x1b[0m",
    "a,b;c\t\"d\"'e'",
    "line\nbreak",
    "\u202eright to left",
    "%s %d {0} \\1 \\x41",
]


def shop_events() -> list[dict[str, object]]:
    """For each string a visit of its own that bears it in every field of free text."""
    events: list[dict[str, object]] = []
    for number, text in enumerate(STRINGS):
        common = {
            "anonymous_id": f"visitor {text}", "user_id": f"user {text}", "category": text,
            "brand": text, "product_id": text, "coupon": text, "country": text, "city": text,
            "utm_source": text, "utm_campaign": text, "page_path": f"/{text}", "locale": text,
            "impression_id": text, "app": text, "browser": text, "os": text, "currency": "EUR",
            "price": 10, "quantity": 1, "anything": {text: [text]},
        }  # fmt: skip
        for step, name in enumerate(
            ["page_viewed", "product_viewed", "product_added", "checkout_started",
             "order_completed", text]
        ):  # fmt: skip
            events.append(
                {
                    **common,
                    "event_id": f"e{number}-{step}",
                    "event_name": name,
                    "event_ts": f"{DAY}T{number:02}:0{step}:00Z",
                    "order_id": text if name == "order_completed" else None,
                    "revenue": 10 if name == "order_completed" else None,
                }
            )
    return events


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("strings") / "state"
    paths = state_with(home)
    assert footfall(home, "init").returncode == 0
    land(paths, f"shop/{DAY}/{STRINGS[0].replace('/', '')}.jsonl", json_lines(shop_events()))
    load_and_build(home)
    return home


def test_each_string_is_a_value_and_nothing_else(home):
    with served(home) as con:

        def column(sql: str) -> set[str]:
            return {value for (value,) in con.execute(sql).fetchall()}

        assert column("select category from core.dim_products") == set(STRINGS)
        assert column("select product_id from core.fct_order_items") == set(STRINGS)
        assert column("select order_id from core.fct_orders") == set(STRINGS)
        assert column("select utm_campaign from core.fct_sessions") == set(STRINGS)
        assert column("select favourite_category from marts.customer_360") == set(STRINGS)
        for dimension in ("category", "country"):
            assert column(
                "select value from marts.kpi_daily_by_dimension "
                f"where dimension = '{dimension}' and orders = 1"
            ) == set(STRINGS)
        properties = con.execute(
            "select distinct properties from core.fct_events where event_name = 'page_viewed'"
        ).fetchall()
        assert {str(json.loads(text)["anything"]) for (text,) in properties} == {
            str({text: [text]}) for text in STRINGS
        }
        (orders, revenue) = con.execute(
            "select orders, gross_revenue from marts.kpi_daily where report_date = ?", [DAY]
        ).fetchone()  # fmt: skip
        assert (orders, revenue) == (len(STRINGS), 10 * len(STRINGS))
    assert not Path("/tmp/footfall-owned").exists()


def test_the_command_gives_them_as_csv_and_json_unchanged(home):
    sql = "select category from core.dim_products order by 1"
    as_csv = footfall(home, "query", sql, "--format", "csv")
    as_json = footfall(home, "query", sql, "--format", "json")

    assert [row[0] for row in csv.reader(io.StringIO(as_csv.stdout))][1:] == sorted(STRINGS)
    assert [row["category"] for row in json.loads(as_json.stdout)] == sorted(STRINGS)


def test_a_table_on_the_terminal_carries_no_control_characters(home):
    shown = footfall(home, "query", "select category from core.dim_products order by 1").stdout

    assert all(char.isprintable() or char == "\n" for char in shown)
    assert r"\x1b[31mred" in shown
    assert len(shown.splitlines()) == len(STRINGS) + 2


def test_names_of_files_and_events_are_counted_under_themselves(home):
    with served(home) as con:
        found = {name for (name,) in con.execute(
            "select distinct event_name from core.fct_events where event_name not like '%\\_%' "
            "escape '\\' or event_name in (select category from core.dim_products)"
        ).fetchall()}  # fmt: skip
    assert found == set(STRINGS)
    assert StatePaths(home).warehouse_db.exists()

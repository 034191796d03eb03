"""Rows as text: what people and programs get to see."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from dagster_project.cli.tables import render_csv, render_json, render_table


def test_numbers_stand_right_text_left_and_null_is_empty() -> None:
    table = render_table(["name", "orders"], [("a", 5), ("bb", None), (None, 1234)])

    assert table.split("\n") == [
        "name  orders",
        "────  ──────",
        "a          5",
        "bb",
        "        1234",
    ]


def test_table_without_rows_has_its_heading() -> None:
    assert render_table(["a"], []) == "a\n─"


def test_long_text_is_cut_in_a_table_alone() -> None:
    long = "x" * 60

    assert render_table(["a"], [(long,)], max_cell=10).split("\n")[2] == "x" * 9 + "…"
    assert long in render_csv(["a"], [(long,)])
    assert long in render_json(["a"], [(long,)])


def test_wide_characters_take_two_columns() -> None:
    lines = render_table(["a", "b"], [("東京", "x"), ("ab", "y")]).split("\n")

    # Each of the two characters is two columns wide, so both second cells start in column 6.
    assert lines[2] == "東京  x"
    assert lines[3] == "ab    y"


def test_escape_codes_in_data_do_not_reach_the_terminal() -> None:
    table = render_table(["a"], [("\x1b[2Jgone\nnext",)])

    assert table.split("\n")[2] == r"\x1b[2Jgone\nnext"


def test_csv_quotes_what_needs_it_and_leaves_null_empty() -> None:
    text = render_csv(["a", "b"], [('say "hi", you', None), (True, [1, "x"])])

    assert text == 'a,b\n"say ""hi"", you",\ntrue,"[1, ""x""]"'


def test_json_keeps_every_digit_of_money() -> None:
    text = render_json(["amount"], [(Decimal("12345678901234.5678"),)])

    assert '"amount": 12345678901234.5678' in text
    assert json.loads(text, parse_float=Decimal) == [{"amount": Decimal("12345678901234.5678")}]


def test_json_takes_dates_nested_values_and_what_json_has_not() -> None:
    row: tuple[Any, ...] = (
        date(2026, 1, 31),
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        {"a": [Decimal("1.50"), None]},
        float("nan"),
        b"\x01",
    )

    assert json.loads(render_json(list("abcde"), [row])) == [
        {
            "a": "2026-01-31",
            "b": "2026-01-31T12:00:00+00:00",
            "c": {"a": [1.5, None]},
            "d": None,
            "e": "01",
        }
    ]


def test_json_keeps_both_of_two_columns_with_one_name() -> None:
    assert json.loads(render_json(["a", "a", "a_1"], [(1, 2, 3)])) == [
        {"a": 1, "a_1": 2, "a_1_1": 3}
    ]


def test_json_of_no_rows_is_an_empty_array() -> None:
    assert render_json(["a"], []) == "[]"

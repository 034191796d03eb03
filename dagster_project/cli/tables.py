"""Rows as text: a table for people, CSV and JSON for programs.

Belongs here: the form of values on a terminal and in a pipe. Not here: where rows come from.
"""

import csv
import io
import json
import math
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

Rows = Sequence[Sequence[Any]]

_NUMBERS = (int, float, Decimal)


def render_table(columns: Sequence[str], rows: Rows, *, max_cell: int = 48) -> str:
    """A table with aligned columns; numbers stand right, null is empty, long text is cut.

    Args:
        columns: names, one a column.
        rows: values, as many a row as there are columns.
        max_cell: widest text in characters; the rest is cut and marked with an ellipsis.

    Returns:
        Lines without a line end after the last.
    """
    is_number = [
        any(_is_number(row[at]) for row in rows)
        and all(row[at] is None or _is_number(row[at]) for row in rows)
        for at in range(len(columns))
    ]
    heads = [_cut(_printable(name), max_cell) for name in columns]
    lines = [[_cut(_printable(_cell(value)), max_cell) for value in row] for row in rows]
    widths = [max(_width(text) for text in column) for column in zip(heads, *lines, strict=True)]
    rule = ["─" * width for width in widths]
    return "\n".join(
        "  ".join(
            _pad(text, width, right=right)
            for text, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in [heads, rule, *lines]
    )


def render_csv(columns: Sequence[str], rows: Rows) -> str:
    """Comma-separated rows under a heading; null is the empty field, nested values are JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().rstrip("\n")


def render_json(columns: Sequence[str], rows: Rows) -> str:
    """A JSON array of one object a row; decimals keep all digits, NaN and infinity become null."""
    names = [json.dumps(name, ensure_ascii=False) for name in _distinct(columns)]
    objects = [
        "{" + ", ".join(f"{n}: {_json(v)}" for n, v in zip(names, row, strict=True)) + "}"
        for row in rows
    ]
    return "[" + ",".join(f"\n  {text}" for text in objects) + ("\n]" if objects else "]")


def _distinct(columns: Iterable[str]) -> list[str]:
    """Names of which none comes twice: an object would keep the last value alone."""
    seen: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in seen:
            name, number = f"{column}_{number}", number + 1
        seen.append(name)
    return seen


def _is_number(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case list() | tuple() | dict():
            return _json(value)
        case bytes():
            return value.hex()
        case _:
            return str(value)


def _json(value: Any) -> str:
    match value:
        case float() if not math.isfinite(value):
            return "null"
        case Decimal():
            return format(value, "f") if value.is_finite() else "null"
        case list() | tuple():
            return "[" + ", ".join(_json(one) for one in value) + "]"
        case dict():
            pairs = (
                (json.dumps(_cell(key), ensure_ascii=False), _json(one))
                for key, one in value.items()
            )
            return "{" + ", ".join(f"{key}: {one}" for key, one in pairs) + "}"
        case datetime():
            return json.dumps(value.isoformat())
        case date() | time() | timedelta() | bytes():
            return json.dumps(_cell(value))
        case None | bool() | int() | float():
            return json.dumps(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _printable(text: str) -> str:
    """Text that cannot move the cursor: data comes from outside and may hold escape codes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode()


def _width(text: str) -> int:
    """Columns on a terminal: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _cut(text: str, most: int) -> str:
    if _width(text) <= most:
        return text
    kept, width = "", 1
    for char in text:
        width += _width(char)
        if width > most:
            break
        kept += char
    return kept + "…"


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


# What `--format` may say.
FORMATS: Final = {"table": render_table, "csv": render_csv, "json": render_json}

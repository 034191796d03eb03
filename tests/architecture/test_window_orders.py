"""Window functions that pick a row have an order in every model, read from the compiled SQL."""

import re

from tests.dbt_manifest import nodes_of_type

PICKING = (
    "row_number", "rank", "dense_rank", "ntile", "first_value", "last_value", "nth_value", "lag",
    "lead", "percent_rank", "cume_dist",
)  # fmt: skip
_CALL = re.compile(rf"\b({'|'.join(PICKING)})\s*\(", re.IGNORECASE)
_OVER = re.compile(r"\s*(?:ignore\s+nulls\s+)?over\s*(\(|\w+)", re.IGNORECASE)
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


def closing(sql: str, opening: int) -> int:
    """The place after the bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError(f"bracket at {opening} is never closed")


def named_window(sql: str, name: str, call: int) -> str:
    """The `window … name as (…)` nearest to a call; it is before a `qualify` and after a `from`.

    A CTE may bear the same name, so the word `window` has to lead to it.
    """
    clause = re.compile(
        rf"\bwindow\s+(?:\w+\s+as\s+\([^()]*\)\s*,\s*)*{name}\s+as\s+\(", re.IGNORECASE
    )
    ends = [found.end() - 1 for found in clause.finditer(sql)]
    if not ends:
        return ""
    nearest = min(ends, key=lambda end: abs(end - call))
    return sql[nearest : closing(sql, nearest)]


def without_order(sql: str) -> list[str]:
    """Calls of picking functions over a window without an order."""
    bare = re.sub(r"--[^\n]*", "", sql)
    found = []
    for call in _CALL.finditer(bare):
        end = closing(bare, call.end() - 1)
        over = _OVER.match(bare, end)
        if over is None:
            continue
        if over.group(1) == "(":
            window = bare[over.start(1) : closing(bare, over.start(1))]
        else:
            window = named_window(bare, over.group(1), end)
        if not _ORDER.search(window):
            found.append(f"{call.group(1)} over {' '.join(window.split()) or over.group(1)}")
    return found


def test_every_window_that_picks_a_row_has_an_order():
    unordered = {
        name: found
        for name, node in nodes_of_type("model").items()
        if (found := without_order(node["compiled_code"]))
    }
    assert unordered == {}


def test_windows_are_really_found_in_the_models():
    calls = {
        name: len(_CALL.findall(node["compiled_code"]))
        for name, node in nodes_of_type("model").items()
    }
    assert calls["fct_orders"] >= 1
    assert calls["map_visitor_person"] >= 3


def test_windows_without_order_are_found_named_or_not():
    assert without_order("select row_number() over (partition by a) from t") == [
        "row_number over (partition by a)"
    ]
    assert without_order("select lag(coalesce(x, (y))) over w from t window w as (partition by a)")
    same_name = (
        "with w as (select 1 order by 1) select lag(x) over w from w window w as (partition by a)"
    )
    assert without_order(same_name) == ["lag over (partition by a)"]
    assert without_order("select ntile(5) over (\n  -- order by b\n  partition by a)")
    assert without_order("select last_value(x) ignore nulls over (partition by a) from t")


def test_windows_with_order_and_sums_pass():
    assert without_order("select lead(x) over (partition by a order by b, c) from t") == []
    assert without_order("select rank() over w from t window w as (order by b)") == []
    assert without_order("select sum(x) over (partition by a) from t") == []

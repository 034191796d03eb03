"""Which SQL expressions a mapping may hold: one scalar over one row, and nothing else.

Parsing and refusing expressions belongs here, and the connection that they run on. How their
results become candidates is `mapping_rows.py`.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

_MAX_CHARS = 10_000

# Nodes of DuckDB's syntax tree that stay within one row.
_NODE_CLASSES = {
    "FUNCTION", "COLUMN_REF", "CONSTANT", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR",
    "BETWEEN", "LAMBDA", "COLLATE",
}  # fmt: skip

# DuckDB calls these constant or hides them in macros, yet they see more than the row.
_REFUSED_FUNCTIONS = {
    "age", "alias", "current_setting", "generate_subscripts", "getenv", "getvariable",
    "icu_sort_key", "json_deserialize_sql", "json_execute_serialized_sql", "json_serialize_plan",
    "json_serialize_sql", "parse_duckdb_log_message", "sleep_ms", "stats", "unnest", "unlist",
    "vector_type", "version", "write_log",
}  # fmt: skip
_MACRO_PREFIXES = ("list_", "array_", "map_")
_MACROS = {"fdiv", "fmod", "geomean", "nullif", "round_even", "roundbankers", "split_part", "wavg"}


@cache
def check_expression(expression: str) -> tuple[str, ...]:
    """Check an expression of a mapping and find the columns it names.

    Args:
        expression: DuckDB SQL over the row's columns, which are all text.

    Returns:
        The names of the columns, sorted, as written.

    Raises:
        ValueError: it is no single scalar expression, or it reaches beyond the row (subqueries,
            aggregates, windows, files, settings, random or time-dependent functions).
    """
    if len(expression) > _MAX_CHARS:
        raise ValueError(f"longer than {_MAX_CHARS:,} characters")
    root = _parse(f"select {expression}\n")
    _parse(f"select ({expression}\n)")
    columns: set[str] = set()
    for name in _columns(root, frozenset()):
        columns.add(name)
    if any(name.startswith("__ff_") for name in columns):
        raise ValueError("names that begin with __ff_ are footfall's own")
    folded: dict[str, str] = {}
    for name in sorted(columns):
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(f"the columns {other!r} and {name!r} differ in case alone")
    _bind(expression, tuple(sorted(columns)))
    return tuple(sorted(columns))


def locked_connection() -> duckdb.DuckDBPyConnection:
    """A connection of its own in memory, that cannot reach files, networks or extensions."""
    con = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    # What a time with a zone looks like as text must not depend on the machine.
    con.execute("set TimeZone = 'UTC'")
    con.execute("set lock_configuration = true")
    return con


def quote_name(name: str) -> str:
    """The name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """The text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _parse(statement: str) -> dict[str, Any]:
    if "\x00" in statement:
        raise ValueError("holds a NUL character")
    row = _catalog().cursor().execute("select json_serialize_sql(?)", [statement]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    if tree["error"]:
        raise ValueError(f"not an expression of DuckDB: {tree.get('error_message')}")
    if len(tree["statements"]) != 1:
        raise ValueError("more than one statement; give one expression")
    node = tree["statements"][0]["node"]
    alone = (
        node.get("type") == "SELECT_NODE"
        and not node["modifiers"]
        and not node["cte_map"]["map"]
        and node["from_table"]["type"] == "EMPTY"
        and len(node["select_list"]) == 1
        and not node["group_expressions"]
        and all(node.get(key) is None for key in ("where_clause", "having", "qualify", "sample"))
    )
    if not alone:
        raise ValueError("more than one expression; give a single value")
    first: dict[str, Any] = node["select_list"][0]
    if first.get("alias"):
        raise ValueError("gives its value a name; leave out `as`")
    return first


def _columns(node: dict[str, Any], bound: frozenset[str]) -> Iterator[str]:
    kind = node["class"]
    if kind not in _NODE_CLASSES:
        raise ValueError(f"{kind.lower().replace('_', ' ')} is not allowed, only the row's values")
    if kind == "COLUMN_REF":
        names = node["column_names"]
        if names[0] in bound:
            return
        if len(names) > 1:
            raise ValueError(f"{'.'.join(names)!r}: write the column's name alone, in quotes")
        yield names[0]
        return
    if kind == "LAMBDA":
        # `payload->'$.a'` and `lambda x: x + 1` share a node; a lambda uses its parameter.
        parameters = {name for part in _children(node["lhs"]) for name in part}
        used = set(_columns(node["expr"], bound))
        if parameters & used:
            yield from used - parameters
            return
        yield from used
        yield from _columns(node["lhs"], bound)
        return
    if kind == "FUNCTION":
        _check_function(node)
    for child in _nodes(node):
        yield from _columns(child, bound)


def _children(node: dict[str, Any]) -> Iterator[list[str]]:
    if node["class"] == "COLUMN_REF":
        yield node["column_names"]
    for child in _nodes(node):
        yield from _children(child)


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    """The nearest syntax nodes below a value, whatever holds them."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        if isinstance(part, dict) and "class" in part:
            yield part
        else:
            yield from _nodes(part)


def _check_function(node: dict[str, Any]) -> None:
    name = str(node["function_name"]).lower()
    if node["distinct"] or node["filter"] or node["order_bys"]["orders"]:
        raise ValueError(f"{name}() with distinct, filter or order by is an aggregate")
    if name not in _allowed_functions():
        raise ValueError(
            f"the function {name}() is not allowed: it is unknown or sees beyond the row"
        )


def _bind(expression: str, columns: tuple[str, ...]) -> None:
    names = ", ".join(f"null::varchar as {quote_name(name)}" for name in columns) or "1 as one"
    try:
        _catalog().cursor().execute(
            f"select try(list_value(({expression}\n)))[1]::varchar from (select {names}) limit 0"
        ).fetchall()
    except duckdb.Error as error:
        raise ValueError(f"not usable: {str(error).splitlines()[0]}") from None


@cache
def _catalog() -> duckdb.DuckDBPyConnection:
    return locked_connection()


@cache
def _allowed_functions() -> frozenset[str]:
    rows = (
        _catalog()
        .cursor()
        .execute(
            "select function_name, function_type, bool_and(stability = 'CONSISTENT') "
            "from duckdb_functions() where schema_name = 'main' group by all"
        )
    )
    kinds: dict[str, dict[str, bool | None]] = {}
    for name, kind, consistent in rows.fetchall():
        kinds.setdefault(name, {})[kind] = consistent
    allowed = {
        name
        for name, kind in kinds.items()
        if kind.get("scalar") is True
        or ("macro" in kind and (name.startswith(_MACRO_PREFIXES) or name in _MACROS))
    }
    hidden = {n for n in allowed if n.startswith(("pg_", "has_", "current_", "duckdb_", "inet_"))}
    return frozenset(allowed - hidden - _REFUSED_FUNCTIONS)

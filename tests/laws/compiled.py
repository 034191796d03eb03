"""The dbt project's compiled SQL, run straight in DuckDB.

Belongs here: the models of the manifest, and the three materialisations of
`dbt/macros/materializations.sql` said again in Python, so that a history costs milliseconds
instead of dbt's seconds. That both say the same is checked by the few histories that go through
dbt itself (`test_law3_through_dbt`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.dbt_manifest import COMPILED_HOME, compiled_manifest


@dataclass(frozen=True)
class Model:
    """One model: its relation, its SQL, and how its rows come into the table."""

    name: str
    relation: str
    sql: str
    materialized: str
    replace_key: tuple[str, ...]
    prune_by: str | None
    touched: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    as_view: bool = False
    reads_itself: bool = False


def on_tables(sql: str) -> str:
    """Point external sources, and what dbt keeps in memory, at tables of the test's database."""
    sql = sql.replace('"scratch".', "")
    sql = re.sub(
        rf"read_parquet\('{COMPILED_HOME}/warehouse/inputs/(\w+)\.parquet'\)", r"inputs.\1", sql
    )
    sql = re.sub(rf"read_parquet\('{COMPILED_HOME}/records/(\w+)/\*\.parquet'\)", r"inputs.\1", sql)
    sql = sql.replace(
        "read_parquet(getvariable('log_files'))",
        "(select * from inputs.events"
        " where arrival_date in (select arrival_date from staging.int_work_set))",
    )
    by_name = r"(?:, union_by_name = true)?"
    return re.sub(rf"read_parquet\(getvariable\('ml_(\w+)_files'\){by_name}\)", r"inputs.\1", sql)


@cache
def compiled_models() -> tuple[Model, ...]:
    """All models in an order in which each comes after what it reads."""
    nodes = {
        key: node
        for key, node in compiled_manifest()["nodes"].items()
        if node["resource_type"] == "model"
    }
    relations = {node["name"]: f"{node['schema']}.{node['alias']}" for node in nodes.values()}
    return tuple(
        Model(
            name=node["name"],
            relation=relations[node["name"]],
            sql=on_tables(node["compiled_code"]),
            materialized=node["config"]["materialized"],
            replace_key=tuple(node["config"].get("replace_key") or ()),
            prune_by=node["config"].get("prune_by"),
            touched=tuple(relations[name] for name in node["config"].get("touched") or ()),
            columns=tuple(
                (column["name"], column["data_type"]) for column in node["columns"].values()
            ),
            as_view=bool(node["config"].get("as_view")),
            reads_itself=bool(node["config"].get("reads_itself")),
        )
        for node in _in_order(nodes)
    )


def _in_order(nodes: dict[str, Any]) -> list[dict[str, Any]]:
    ordered: list[dict[str, Any]] = []
    left = dict(sorted(nodes.items()))
    while left:
        ready = [
            key
            for key, node in left.items()
            if not any(parent in left for parent in node["depends_on"]["nodes"])
        ]
        ordered.extend(left.pop(key) for key in ready)
    return ordered


@cache
def _read_by() -> dict[str, frozenset[str]]:
    """Of each model the models that it reads, their stored state and touched keys among them."""
    models = compiled_models()
    names = {model.name for model in models}
    return {
        model.name: frozenset(
            names.intersection(re.findall(r"\w+", " ".join([model.sql, *model.touched])))
        )
        for model in models
    }


@cache
def models_behind(*tables: str) -> tuple[Model, ...]:
    """The models that tables are made by, in running order.

    Those whose stored state is read and those that hold touched keys are among them.

    Args:
        tables: names of models.
    """
    return _reached(tables, _read_by())


@cache
def models_ahead(*tables: str) -> tuple[Model, ...]:
    """The models that are made of tables, at whatever distance, in running order; them as well.

    Args:
        tables: names of models.
    """
    read = _read_by()
    readers = {name: frozenset(one for one in read if name in read[one]) for name in read}
    return _reached(tables, readers)


@cache
def nearest(model: str, tables: frozenset[str]) -> tuple[str, ...]:
    """The first of some tables on every way ahead of a model; the model itself if it is one.

    Args:
        model: name of a model.
        tables: names of models.
    """
    read = _read_by()
    found, ways, seen = set(), {model}, {model}
    while ways:
        found |= ways & tables
        onward = ways - tables
        ways = {name for name in read if read[name] & onward} - seen
        seen |= ways
    return tuple(sorted(found))


def _reached(tables: Iterable[str], neighbours: Mapping[str, frozenset[str]]) -> tuple[Model, ...]:
    reached: set[str] = set()
    found = set(tables)
    while found:
        reached |= found
        found = {one for name in found for one in neighbours[name]} - reached
    return tuple(model for model in compiled_models() if model.name in reached)


def statements(model: Model) -> list[str]:
    """What one model does, as the statements of one transaction."""
    if model.materialized == "made_view":
        return [f"create or replace view {model.relation} as {model.sql}"]
    if model.materialized in {"scratch", "made_whole"}:
        kind = "view" if model.as_view else "table"
        return [f"create or replace {kind} {model.relation} as {model.sql}"]
    names = ", ".join(name for name, _ in model.columns)
    if model.materialized == "accumulate":
        return [f"insert into {model.relation} ({names}) select {names} from ({model.sql})"]
    new_rows = f"temp.{model.name}__new"
    key = ", ".join(model.replace_key)
    wanted = list(
        dict.fromkeys([*model.replace_key, *([model.prune_by] if model.prune_by else [])])
    )
    keys_from = [*model.touched, *([new_rows] if model.reads_itself else [])]
    touched = " union all ".join(
        f"select {', '.join(wanted)} from {relation}" for relation in keys_from
    )
    delete = f"delete from {model.relation} where ({key}) in (select {key} from ({touched}))"
    if model.prune_by:
        delete += f" and {model.prune_by} in (select distinct {model.prune_by} from ({touched}))"
    insert = f"insert into {model.relation} ({names}) select {names} from "
    if not model.reads_itself:
        return [delete, f"{insert} ({model.sql})"]
    return [
        f"create or replace temporary table {model.name}__new as {model.sql}",
        delete,
        insert + new_rows,
        f"drop table {new_rows}",
    ]

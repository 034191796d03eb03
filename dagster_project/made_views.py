"""Views that stand as an earlier run made them, which a run need not make again.

A warehouse of other models or settings is built anew from nothing (`warehouse.begin_work`), so the
views in one are by the models of today. What else they follow from is where the state folder lies,
and that nobody has changed them. Belongs here: noting what was made, and telling what stands. Not
here: making a view, which is dbt's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from dagster_project.dbt_build import relation_of
from dagster_project.state import StatePaths


def standing_views(paths: StatePaths, nodes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Those of dbt's nodes that are views and stand as they were noted, by dbt's id.

    Args:
        paths: the state folder; the caller holds its lock.
        nodes: dbt's id -> node of the manifest.
    """
    with duckdb.connect(str(paths.warehouse_db)) as con:
        try:
            rows = con.execute(
                "select relation from state.views_made join duckdb_views() as views "
                "on relation = schema_name || '.' || view_name and made_sql = views.sql "
                "where home = ?",
                [str(paths.home)],
            ).fetchall()
        except duckdb.CatalogException:
            return set()  # none was noted yet
    standing = {relation for (relation,) in rows}
    return {
        unique_id
        for unique_id, node in nodes.items()
        if is_view(node) and relation_of(node) in standing
    }


def note_views(
    paths: StatePaths, nodes: Mapping[str, Mapping[str, Any]], made: Iterable[str]
) -> None:
    """Note the views among what dbt has made.

    Args:
        paths: the state folder; the caller holds its lock.
        nodes: dbt's id -> node of the manifest.
        made: dbt's ids of nodes that were made.
    """
    relations = [relation_of(nodes[one]) for one in made if is_view(nodes[one])]
    if not relations:
        return
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("begin")
        con.execute(
            "create table if not exists state.views_made "
            "(relation varchar, made_sql varchar, home varchar)"
        )
        con.execute(
            "delete from state.views_made where relation in (select unnest(?))", [relations]
        )
        con.execute(
            "insert into state.views_made "
            "select schema_name || '.' || view_name as relation, sql, ? from duckdb_views() "
            "where relation in (select unnest(?))",
            [str(paths.home), relations],
        )
        con.execute("commit")


def is_view(node: Mapping[str, Any]) -> bool:
    """Whether a node is a model of kind `made_view`."""
    return bool(node["resource_type"] == "model" and node["config"]["materialized"] == "made_view")

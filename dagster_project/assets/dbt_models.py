"""The dbt models as assets: dbt runs them in this process, Dagster shows them one by one."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from dagster_project import behaviour, dbt_build, made_views, model_charts, warehouse
from dagster_project.loading import registry_of
from dagster_project.partitions import covered_days
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths
from dagster_project.storage_errors import storage_line

LAYER_TAG = "footfall/layer"
_GROUPS = {"marts": "marts", "semantic": "marts", "dq": "marts", "ml": "ml", "ml_inputs": "ml"}
_OWNERS = {
    "core": "team:data-engineering",
    "marts": "team:analytics-engineering",
    "ml": "team:data-science",
}


_DRAWN = {"marts.behaviour_transitions", "marts.top_paths"}
_CALIBRATION = "ml.model_calibration"


class Translator(DagsterDbtTranslator):
    """Groups follow the layers; every test is a check of the model that it looks at."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_asset_checks=True, enable_duplicate_source_asset_keys=True
            )
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`<schema>/<table>` for models; sources say their own key."""
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return _GROUPS.get(dbt_resource_props["schema"], "core")

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The layer, by which lineage can be narrowed down: most of `core` is working tables."""
        layer = {LAYER_TAG: dbt_resource_props["schema"]}
        return {**super().get_tags(dbt_resource_props), **layer}

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(
            description=_what_a_test_demands(manifest["nodes"][unique_id])
        )

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        return [_OWNERS[self.get_group_name(dbt_resource_props) or "core"]]


def dbt_model_assets(
    manifest: Mapping[str, Any],
    partitions: dg.DailyPartitionsDefinition,
    retry: dg.RetryPolicy,
) -> dg.AssetsDefinition:
    """Every stored model and data test of the project; scratch tables are steps between them."""
    translator = Translator()

    @dbt_assets(
        manifest=_without_scratch(manifest),
        exclude="test_type:unit resource_type:seed",
        name="dbt_models",
        dagster_dbt_translator=translator,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=retry,
    )
    def dbt_models(context: dg.AssetExecutionContext, state: FootfallState) -> Iterator[Any]:
        nodes = _selected_nodes(manifest, translator, context)
        with state.writing(context.run_id) as held:
            owed = warehouse.begin_work(held, covered_days(context))
            context.log.info(f"building {len(nodes)} nodes for {len(owed)} arrival dates")
            results = _built(held, nodes)
            counts = _row_counts(held, nodes, results)
            shown = _diagrams(held, state, nodes, results)
            if len(owed) <= model_charts.MOST_DAYS_OF_A_RUN:
                shown |= _calibration(held, nodes, results)
        yield from _events(context, translator, nodes, results, counts, shown)

    return dbt_models


def seed_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """The seeds, as what lies outside: they come with the project, loaded with their readers."""
    translator = Translator()
    return [
        dg.AssetSpec(
            translator.get_asset_key(node),
            description=node["description"]
            or f"The seed dbt/{node['original_file_path']}, which comes with the project.",
            group_name=translator.get_group_name(node),
            owners=translator.get_owners(node),
            tags=translator.get_tags(node),
            kinds={"dbt", "seed"},
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed"
    ]


def _selected_nodes(
    manifest: Mapping[str, Any], translator: Translator, context: dg.AssetExecutionContext
) -> dict[str, Mapping[str, Any]]:
    """The nodes behind the selected assets and checks, by dbt's id.

    Seeds depend on nothing, so as assets they would run before the log is there; they go along with
    whatever reads them.
    """
    check_names = {key.name for key in context.selected_asset_check_keys}
    nodes: Mapping[str, Mapping[str, Any]] = manifest["nodes"]
    models = {
        unique_id: node
        for unique_id, node in nodes.items()
        if node["resource_type"] == "model"
        and translator.get_asset_key(node) in context.selected_asset_keys
    }
    tests = {
        unique_id: node
        for unique_id, node in nodes.items()
        if node["resource_type"] == "test" and node["name"] in check_names
    }
    chosen = models | tests
    chosen |= _scratch_behind(nodes, chosen)
    parents = {parent for node in chosen.values() for parent in node["depends_on"]["nodes"]}
    return chosen | {
        unique_id: node
        for unique_id, node in nodes.items()
        if node["resource_type"] == "seed" and unique_id in parents
    }


def _scratch_behind(
    nodes: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The scratch tables that chosen nodes read: in memory, so nothing is left of other steps'."""
    found: dict[str, Mapping[str, Any]] = {}
    waiting = list(chosen.values())
    while waiting:
        for parent in waiting.pop()["depends_on"]["nodes"]:
            node = nodes.get(parent)
            if node and parent not in chosen and parent not in found and _is_scratch(node):
                found[parent] = node
                waiting.append(node)
    return found


def _without_scratch(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as Dagster sees it: lineage leads through scratch tables, which are no assets.

    Each asset and each check of one costs several commits of Dagster's event storage a run, and a
    table that is gone when the run ends is nothing to browse.
    """
    scratch = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and _is_scratch(node)
    }

    nodes = {
        unique_id: {**node, "config": {**node["config"], "materialized": "ephemeral"}}
        if unique_id in scratch
        else node
        for unique_id, node in manifest["nodes"].items()
    }
    # dagster-dbt leads a model's lineage through ephemeral ones, not a test's.
    parents = {
        child: [one for one in of_child if one not in scratch or not child.startswith("test.")]
        for child, of_child in manifest["parent_map"].items()
    }
    return {**manifest, "nodes": nodes, "parent_map": parents}


def _is_scratch(node: Mapping[str, Any]) -> bool:
    return bool(node["config"]["materialized"] == "scratch")


def _built(paths: StatePaths, nodes: Mapping[str, Mapping[str, Any]]) -> list[dbt_build.NodeResult]:
    """What became of the nodes; views that stand already, a tenth of a small build, are left."""
    standing = made_views.standing_views(paths, nodes)
    names = [node["name"] for unique_id, node in nodes.items() if unique_id not in standing]
    results = dbt_build.build(paths, names)
    made_views.note_views(paths, nodes, [one.unique_id for one in results if one.is_good])
    left = [dbt_build.NodeResult(one, "success", 0.0, "", None) for one in sorted(standing)]
    by_id = {one.unique_id: one for one in (*left, *results)}
    # Dagster hears of a table after those that it is made from.
    parents = {one: nodes[one]["depends_on"].get("nodes", []) for one in by_id}
    return [by_id[one] for one in TopologicalSorter(parents).static_order() if one in by_id]


def _row_counts(
    paths: StatePaths,
    nodes: Mapping[str, Mapping[str, Any]],
    results: Sequence[dbt_build.NodeResult],
) -> dict[str, int]:
    """Rows of each table that was made, counted: DuckDB's own estimate still holds deleted rows.

    Views are left out: those of `ml_inputs` have rows only once a model names the day, and those
    over records cost what was ever published. Of scratch tables, which are gone by now, dbt has
    kept the counts.
    """
    made = [
        dbt_build.relation_of(node)
        for node in (nodes[result.unique_id] for result in results if result.is_good)
        if node["resource_type"] == "model"
        and not made_views.is_view(node)
        and not _is_scratch(node)
    ]
    counts = ["select relation, row_count from state.scratch_rows"]
    counts += [f"select '{name}', count(*) from {name}" for name in made]
    return {name: int(rows) for name, rows in warehouse.query(paths, " union all ".join(counts))}


def _diagrams(
    paths: StatePaths,
    state: FootfallState,
    nodes: Mapping[str, Mapping[str, Any]],
    results: Sequence[dbt_build.NodeResult],
) -> dict[str, dg.MarkdownMetadataValue]:
    """What is drawn from a table, by table: behaviour, once both marts of it were made."""
    made = {dbt_build.relation_of(nodes[result.unique_id]) for result in results if result.is_good}
    if not made >= _DRAWN:
        return {}
    diagrams = behaviour.behaviour_diagrams(paths, registry_of(state.settings))
    behaviour.write_page(paths, diagrams)
    return dict.fromkeys(_DRAWN, dg.MarkdownMetadataValue(behaviour.as_markdown(diagrams)))


def _calibration(
    paths: StatePaths,
    nodes: Mapping[str, Mapping[str, Any]],
    results: Sequence[dbt_build.NodeResult],
) -> dict[str, dg.MarkdownMetadataValue]:
    """What came true of predictions, once the table of it was made and has rows."""
    made = {dbt_build.relation_of(nodes[result.unique_id]) for result in results if result.is_good}
    charts = model_charts.of_calibration(paths) if _CALIBRATION in made else ""
    return {_CALIBRATION: dg.MarkdownMetadataValue(charts)} if charts else {}


def _what_a_test_demands(node: Mapping[str, Any]) -> str:
    """A test's description, or the comment that it opens with."""
    lines = [line.strip() for line in node["raw_code"].splitlines()]
    comment = " ".join(line.removeprefix("--").strip() for line in lines if line.startswith("--"))
    return str(node.get("description") or comment or node["name"].replace("_", " "))


def _events(
    context: dg.AssetExecutionContext,
    translator: Translator,
    nodes: Mapping[str, Mapping[str, Any]],
    results: list[dbt_build.NodeResult],
    counts: Mapping[str, int],
    shown: Mapping[str, dg.MarkdownMetadataValue],
) -> Iterator[Any]:
    checks = {key.name: key for key in context.selected_asset_check_keys}
    broken = [result for result in results if not result.is_good and result.status != "skipped"]
    for result in results:
        if result.status == "skipped":
            continue
        node = nodes[result.unique_id]
        if node["resource_type"] == "model" and (
            translator.get_asset_key(node) not in context.selected_asset_keys
        ):
            continue
        if node["resource_type"] == "test":
            yield _check_result(checks[node["name"]], node, result)
        elif result.is_good and node["resource_type"] == "model":
            metadata: dict[str, Any] = {"dagster/duration_s": result.seconds}
            if (rows := counts.get(dbt_build.relation_of(node))) is not None:
                metadata["dagster/row_count"] = rows
            if (diagrams := shown.get(dbt_build.relation_of(node))) is not None:
                metadata["diagrams"] = diagrams
            yield dg.MaterializeResult(asset_key=translator.get_asset_key(node), metadata=metadata)
    if broken:
        first = broken[0]
        # dbt's first line is where; why may quote a row, and is told only of the disk.
        where = first.message.splitlines()[0] if first.message else first.status
        said = storage_line(first.message) or where
        raise dg.Failure(
            f"dbt: {nodes[first.unique_id]['name']} failed: {said} ({len(broken)} nodes failed; "
            "the dates stay in the work set and are built again by the next run)",
            allow_retries=False,
        )


def _check_result(
    key: dg.AssetCheckKey, node: Mapping[str, Any], result: dbt_build.NodeResult
) -> dg.AssetCheckResult:
    """A test's verdict; where it failed, why and what to do."""
    metadata: dict[str, Any] = {"failing_rows": result.failures or 0, "seconds": result.seconds}
    description = None
    if result.status not in {"pass", "success"}:
        said = result.message.splitlines()[0] if result.message else result.status
        if result.failures:
            said = f"{result.failures} rows do not pass"
        description = f"{said}. Demanded: {_what_a_test_demands(node)}"
        metadata["what_to_do"] = dg.MarkdownMetadataValue(
            "It warns alone: everything was built and published."
            if result.status == "warn"
            else "Nothing was published, and the dates stay owed. The rows that break it are what "
            f"`warehouse/dbt/compiled/footfall/{node['original_file_path']}` selects from "
            "`warehouse/footfall.duckdb` (tables in `scratch` are gone with the run; "
            f"`dbt build --select +{node['name']}` makes them again). Mend the cause and "
            "materialise the partition again; a run without `warehouse/footfall.duckdb` builds "
            "everything anew from the log."
        )
    return dg.AssetCheckResult(
        passed=result.status in {"pass", "success"},
        asset_key=key.asset_key,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.WARN
        if result.status == "warn"
        else dg.AssetCheckSeverity.ERROR,
        description=description,
        metadata=metadata,
    )

"""What Dagster is told: assets, job, schedule, sensor, checks.

Every asset is described, partitioned and owned.
"""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.init import initialise
from dagster_project.definitions import build_defs
from dagster_project.resources import FootfallState
from dagster_project.state import StatePaths
from tests.dbt_manifest import nodes_of_type

REPOSITORY = Path(__file__).parents[2]
GROUPS = {"ingest", "core", "marts", "ml", "serving"}
# A set of tables, which has no columns of its own; each of them is an asset with its columns.
NO_COLUMNS = {"published_marts"}
WARNING_CHECKS = {
    "arrival_volume_is_usual",
    "null_shares_are_usual",
    "landed_files_are_loaded",
    "model_beats_its_baseline",
    "model_inputs_are_unchanged",
    "anomaly_scores_are_spread_as_before",
    "buyers_are_like_those_of_before",
    "people_are_like_those_learned_from",
    "assert_amounts_have_rates",
    "assert_predictions_come_true",
    "propensities_are_plausible",
    "units_fall_to_variants_as_planned",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("definitions") / "state"
    initialise(StatePaths(folder))
    (folder / "footfall.yml").write_text(
        "settings: {start: 2026-03-01, schedule_hour: 5}\nsources: {shop: {format: canonical}}\n"
    )
    return folder


@pytest.fixture(scope="module")
def defs(home: Path) -> dg.Definitions:
    return build_defs(home=str(home), now="2026-03-20T12:00:00+00:00")


@pytest.fixture(scope="module")
def all_specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    graph = defs.resolve_asset_graph()
    return {
        key.to_user_string(): graph.get(key).to_asset_spec() for key in graph.get_all_asset_keys()
    }


@pytest.fixture(scope="module")
def specs(all_specs: dict[str, dg.AssetSpec]) -> dict[str, dg.AssetSpec]:
    # Seeds come with the project, records with each publication: nothing makes them by day.
    return {
        key: spec for key, spec in all_specs.items() if not key.startswith(("seeds/", "records/"))
    }


def undescribed(specs: dict[str, dg.AssetSpec]) -> list[str]:
    """What is wrong with the descriptions of assets, a text each."""
    said: dict[str, str] = {}
    wrong = []
    for key, spec in specs.items():
        text = (spec.description or "").strip()
        if not text:
            wrong.append(f"{key}: no description")
        elif text in said:
            wrong.append(f"{key}: the description of {said[text]}")
        said[text] = key
    return wrong


def test_every_model_of_dbt_that_outlives_a_run_is_an_asset(specs):
    models = {
        f"{node['schema']}/{name}"
        for name, node in nodes_of_type("model").items()
        if node["config"]["materialized"] != "scratch"
    }
    written = {"event_log", "published_marts"} | {
        f"ml_outputs/{name}"
        for name in (
            "recommendations",
            "similar_products",
            "anomaly_scores",
            "clv_predictions",
            "churn_risk",
            "purchase_propensity",
            "next_products",
            "purchase_outcomes",
            "bandit_policies",
            "experiment_statistics",
        )
    }
    assert models | written == set(specs)


def test_records_are_assets_with_columns_that_the_views_over_them_read(all_specs, defs):
    graph = defs.resolve_asset_graph()
    for table, view in (
        ("kpi_values", "kpi_restatements"), ("customer_changes", "customer_360_history"),
    ):  # fmt: skip
        spec = all_specs[f"records/{table}"]
        assert spec.group_name == "serving"
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns if not column.description] == []
        assert (
            dg.AssetKey(["records", table]) in graph.get(dg.AssetKey(["marts", view])).parent_keys
        )


def test_no_view_over_records_is_made_before_the_log_is_loaded(defs):
    graph = defs.resolve_asset_graph()
    for view in ("kpi_restatements", "customer_360_history"):
        ancestors = graph.get_ancestor_asset_keys(dg.AssetKey(["marts", view]))
        assert dg.AssetKey("event_log") in ancestors, view


def test_every_data_test_of_dbt_is_a_check(defs):
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    tests = {
        name
        for name, node in nodes_of_type("test").items()
        if "unit" not in node.get("test_type", "")
    }
    assert tests - checks == set()
    assert len(tests) > 15


def test_every_asset_has_a_description_of_its_own(all_specs):
    assert undescribed(all_specs) == []


def test_a_missing_and_a_copied_description_are_found():
    planted = {
        "a": dg.AssetSpec("a", description="One row a visit."),
        "b": dg.AssetSpec("b", description="One row a visit."),
        "c": dg.AssetSpec("c"),
    }
    assert undescribed(planted) == ["b: the description of a", "c: no description"]


def test_every_asset_has_an_owner_and_one_of_five_groups(all_specs):
    assert {spec.group_name for spec in all_specs.values()} == GROUPS
    assert [key for key, spec in all_specs.items() if not spec.owners] == []


def test_groups_follow_the_layers(specs):
    of_layer = {
        "staging": "core", "intermediate": "core", "core": "core", "marts": "marts", "dq": "marts",
        "semantic": "marts",
        "ml_inputs": "ml", "ml_outputs": "ml", "ml": "ml",
    }  # fmt: skip
    for key, spec in specs.items():
        layer = spec.key.path[0]
        expected = {"event_log": "ingest", "published_marts": "serving"}.get(key)
        assert spec.group_name == (expected or of_layer[layer]), key


def test_models_bear_their_layer_so_that_working_tables_can_be_hidden(specs):
    assert specs["core/fct_sessions"].tags["footfall/layer"] == "core"
    assert specs["intermediate/int_person_days"].tags["footfall/layer"] == "intermediate"


def test_every_asset_is_partitioned_by_day_from_the_start_that_is_set(specs):
    for key, spec in specs.items():
        assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition), key
        assert spec.partitions_def.get_first_partition_key() == "2026-03-01", key


def test_every_asset_shows_its_columns_with_descriptions(specs):
    for key, spec in specs.items():
        if key in NO_COLUMNS:
            continue
        columns = spec.metadata["dagster/column_schema"].columns
        assert columns, key
        assert [column.name for column in columns if not column.description] == [], key


def test_the_log_shows_the_columns_and_types_of_the_event(specs):
    columns = {
        column.name: column.type
        for column in specs["event_log"].metadata["dagster/column_schema"].columns
    }
    assert len(columns) == 42
    assert columns["event_ts"] == "timestamp"
    assert columns["price"] == "decimal(18,4)"
    assert columns["source_line"] == "bigint"


def test_contract_and_immutability_and_dbt_tests_block_and_statistics_warn(defs):
    graph = defs.resolve_asset_graph()
    blocking = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    assert {name for name, blocks in blocking.items() if not blocks} == WARNING_CHECKS
    assert blocking["event_batch_meets_contract"]
    assert blocking["event_log_is_unaltered"]
    assert set(nodes_of_type("test")) <= set(blocking)


def test_every_check_says_what_it_demands(defs):
    graph = defs.resolve_asset_graph()
    said = {key.name: graph.get(key).description or "" for key in graph.asset_check_keys}
    assert [name for name, text in said.items() if len(text.split()) < 4] == []


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("event_log", "core/fct_events"),
        ("core/fct_events", "core/fct_sessions"),
        ("ml_inputs/ml_interactions", "ml_outputs/recommendations"),
        ("ml_outputs/recommendations", "ml/recommendations"),
        ("ml_inputs/ml_logins", "ml_outputs/anomaly_scores"),
        ("ml_inputs/ml_file_accesses", "ml_outputs/anomaly_scores"),
        ("core/fct_experiment_exposures", "ml_outputs/experiment_statistics"),
        ("ml_outputs/experiment_statistics", "ml/experiment_statistics"),
        ("ml_outputs/experiment_statistics", "ml/model_metrics"),
        ("ml/experiment_statistics", "marts/experiment_results"),
        ("core/fct_events", "ml_outputs/clv_predictions"),
        ("ml_outputs/clv_predictions", "ml/clv_predictions"),
        ("ml_outputs/churn_risk", "ml/churn_risk"),
        ("ml_outputs/clv_predictions", "ml/model_metrics"),
        ("ml/clv_predictions", "marts/customer_360"),
        ("ml/churn_risk", "marts/customer_360"),
        ("ml_inputs/ml_purchase_examples", "ml_outputs/purchase_propensity"),
        ("ml_outputs/purchase_propensity", "ml/model_metrics"),
        ("ml/purchase_propensity", "marts/customer_360"),
        ("ml_inputs/ml_product_steps", "ml_outputs/next_products"),
        ("ml_outputs/next_products", "ml/next_products"),
        ("ml_outputs/next_products", "ml/model_metrics"),
        ("ml_outputs/purchase_outcomes", "ml/model_calibration"),
        ("ml_outputs/clv_predictions", "ml/model_calibration"),
        ("ml_outputs/clv_predictions", "ml/model_versions"),
        ("core/fct_product_interactions", "ml_outputs/bandit_policies"),
        ("ml_outputs/bandit_policies", "ml/bandit_policies"),
        ("ml_outputs/bandit_policies", "ml/model_metrics"),
        ("ml/recommendations", "marts/customer_360"),
        ("marts/customer_360", "published_marts"),
        ("dq/arrivals_daily", "published_marts"),
    ],
)
def test_lineage_leads_from_the_log_to_what_is_published(defs, parent, child):
    ancestors = defs.resolve_asset_graph().get_ancestor_asset_keys(
        dg.AssetKey.from_user_string(child)
    )
    assert dg.AssetKey.from_user_string(parent) in ancestors


def test_a_range_is_one_run_and_the_warehouse_has_one_writer(defs):
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key
    for name in (
        "event_log",
        "dbt_models",
        "recommendations_model",
        "anomaly_model",
        "experiment_model",
        "lifetime_value_model",
        "purchase_model",
        "next_product_model",
        "bandit_model",
    ):
        op = defs.resolve_job_def("daily").get_node_named(name).definition
        assert op.pool == "warehouse", name
        assert op.retry_policy.max_retries == 2, name


def test_the_job_holds_every_asset_and_check(defs, specs):
    job = defs.resolve_job_def("daily")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(specs)


def test_the_schedule_asks_for_yesterday_at_the_hour_that_is_set(defs):
    schedule = defs.resolve_schedule_def("daily_schedule")
    assert schedule.cron_schedule == "30 5 * * *"
    assert schedule.execution_timezone == "UTC"
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 3, 10, 5, 30, tzinfo=UTC),
        repository_def=defs.get_repository_def(),
    )
    tick = schedule.evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests] == ["2026-03-09"]


def test_the_sensor_asks_once_for_each_set_of_late_files(defs, home, monkeypatch):
    waiting: list[str] = []
    monkeypatch.setattr(
        "dagster_project.ingest.event_log.stragglers", lambda paths, settings: waiting
    )
    sensor = defs.resolve_sensor_def("late_files")
    state = FootfallState(home=str(home), now="2026-03-20T12:00:00+00:00")

    def keys() -> list[tuple[str | None, str | None]]:
        repository = defs.get_repository_def()
        with dg.build_sensor_context(
            resources={"state": state}, repository_def=repository
        ) as context:
            tick = sensor.evaluate_tick(context)
        return [(request.run_key, request.partition_key) for request in tick.run_requests]

    assert keys() == []
    waiting.append("shop/2026-03-02/b.jsonl")
    first = keys()
    assert [day for _, day in first] == ["2026-03-20"]
    assert keys() == first
    # As many files, and the last by name the same: another set all the same.
    waiting[:] = ["shop/2026-03-02/a.jsonl", "shop/2026-03-02/b.jsonl"]
    second = keys()
    waiting[:] = ["shop/2026-03-01/z.jsonl", "shop/2026-03-02/b.jsonl"]
    assert len({first[0], second[0], keys()[0]}) == 3


def discovered(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of Dagster, which finds the definitions by pyproject.toml."""
    environment = dict(
        os.environ, FOOTFALL_HOME=str(home), DAGSTER_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1"
    )
    environment.pop("DAGSTER_HOME", None)
    tool = Path(sys.executable).parent / command[0]
    return subprocess.run(
        [str(tool), *command[1:]], cwd=REPOSITORY, env=environment,
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ("dg", "check", "defs"),
        ("dg", "list", "defs", "--json"),
        ("dagster", "definitions", "validate"),
    ],
    ids=" ".join,
)
def test_dagster_finds_the_definitions_even_before_init(tmp_path, command):
    home = tmp_path / "not" / "yet"
    done = discovered(home, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    if "list" in command:
        assert '"marts/customer_360"' in done.stdout
        assert '"daily_schedule"' in done.stdout


def test_settings_that_cannot_be_used_are_named_by_file_and_line(tmp_path):
    home = tmp_path / "state"
    initialise(StatePaths(home))
    (home / "footfall.yml").write_text("sources: {shop: {format: carrier_pigeon}}\n")
    done = discovered(home, "dg", "check", "defs")
    assert done.returncode != 0
    assert "footfall.yml:1" in done.stdout + done.stderr

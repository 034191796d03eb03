"""What a run reports: rows of each asset and partition, and why a test of dbt failed."""

import gzip
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from dagster_project.assets.dbt_models import _check_result
from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.dbt_build import NodeResult
from dagster_project.definitions import build_defs
from dagster_project.state import StatePaths
from tests.dbt_manifest import nodes_of_type
from tests.laws.harness import DERIVED_VIEWS, RECORD_TABLES

DAYS = ("2026-11-01", "2026-11-02")

# One over records is counted in what is published; the others are worked out at reading.
VIEWS_FOR_PEOPLE = (*RECORD_TABLES, *DERIVED_VIEWS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metadata") / "state"
    with pytest.MonkeyPatch.context() as patch:
        # main() sets these for its own process; they are put back.
        for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
            patch.setenv(name, str(folder))
        initialise(StatePaths(folder))
        words = "--days 2 --seed 5 --visitors 40 --start"
        assert main(["--home", str(folder), "simulate", *words.split(), DAYS[0]]) == 0
    return folder


@pytest.fixture(scope="module")
def materialised(home: Path) -> dict[tuple[str, str], dict[str, object]]:
    """Metadata of each materialisation of a run over both days, by asset and partition."""
    job = build_defs(home=str(home), retry=None).resolve_job_def("daily")
    tags = {
        "dagster/asset_partition_range_start": DAYS[0],
        "dagster/asset_partition_range_end": DAYS[1],
    }
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=True)
    found = {}
    for event in result.all_events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            one = event.step_materialization_data.materialization
            found[one.asset_key.to_user_string(), one.partition] = {
                name: value.value for name, value in one.metadata.items()
            }
    return found


def test_every_table_reports_its_rows(materialised):
    silent = {
        key for (key, _), metadata in materialised.items() if "dagster/row_count" not in metadata
    }
    # A view has rows only once a model names the day; one over records is counted in what is
    # published, or each run would pay for what was ever published; one over events has their rows.
    views = {key for key, _ in materialised if key.startswith(("ml_inputs/", "semantic/"))}
    models = nodes_of_type("model")
    assert silent == views | {f"{models[name]['schema']}/{name}" for name in VIEWS_FOR_PEOPLE}


def lines_of(file: Path) -> list[bytes]:
    content = file.read_bytes()
    return (gzip.decompress(content) if file.suffix == ".gz" else content).splitlines()


@pytest.mark.parametrize("day", DAYS)
def test_the_log_reports_the_rows_of_each_day(materialised, home, day):
    parts = (home / "log" / "events" / f"arrival_date={day}").glob("*.parquet")
    metadata = materialised["event_log", day]
    assert metadata["dagster/row_count"] == sum(pq.read_metadata(part).num_rows for part in parts)
    files = list((home / "landing").glob(f"*/{day}/*"))
    landed = sum(len(lines_of(file)) for file in files)
    assert metadata["read"] == landed > 0


def test_models_report_the_rows_that_they_have(materialised, home):
    with duckdb.connect(str(home / "warehouse" / "footfall.duckdb"), read_only=True) as con:
        for (key, _), metadata in materialised.items():
            schema, _, table = key.partition("/")
            if schema in {"core", "marts", "ml", "dq"} and table not in VIEWS_FOR_PEOPLE:
                (rows,) = con.execute(f"select count(*) from {schema}.{table}").fetchone()
                assert metadata["dagster/row_count"] == rows, key


def test_models_report_when_they_are_trained_and_for_how_long(materialised):
    of_models = {
        key.removeprefix("ml_outputs/"): one
        for (key, _), one in materialised.items()
        if key.startswith("ml_outputs/")
    }
    assert of_models
    for output, metadata in of_models.items():
        in_steps = output in {"recommendations", "similar_products"}
        begins = "in full on Mondays" if in_steps else "in full for every partition"
        assert metadata["training_policy"].startswith(begins), output
        assert metadata["seconds_per_partition"] > 0


def test_a_family_shows_charts_at_its_first_output(materialised):
    """Log-ins of two days are enough to hold scores of the second to those of the first."""
    charts = materialised["ml_outputs/anomaly_scores", DAYS[1]]["charts"]
    assert "![Population stability index and its bar" in charts
    assert "](data:image/svg+xml;base64," in charts
    assert "charts" not in materialised["ml_outputs/similar_products", DAYS[1]]


def test_what_is_published_reports_its_tables(materialised):
    metadata = materialised["published_marts", DAYS[1]]
    assert "| marts.customer_360 |" in metadata["tables"]
    assert metadata["dagster/row_count"] > 0


def test_a_publication_reports_what_it_added_to_the_records(materialised, home):
    for table in ("kpi_values", "customer_changes"):
        metadata = materialised[f"records/{table}", None]
        files = (home / "records" / table).glob("*.parquet")
        assert metadata["rows_added"] == sum(pq.read_metadata(file).num_rows for file in files) > 0
        assert metadata["dagster/row_count"] == metadata["rows_added"]
        assert (metadata["entry"], metadata["version"]) == (1, 1)


def failed(status: str) -> dg.AssetCheckResult:
    name = "assert_sessions_do_not_overlap"
    node = nodes_of_type("test")[name]
    key = dg.AssetCheckKey(dg.AssetKey(["core", "fct_sessions"]), name)
    result = NodeResult(
        node["unique_id"], status, 0.1, "Got 3 results, configured to fail if != 0", 3
    )
    return _check_result(key, node, result)


def test_a_failed_test_of_dbt_says_why_and_what_to_do():
    check = failed("fail")
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.description.startswith("3 rows do not pass. ")
    assert "Demanded: " in check.description
    assert check.metadata["failing_rows"].value == 3
    advice = check.metadata["what_to_do"].value
    assert "tests/core/assert_sessions_do_not_overlap.sql" in advice
    assert "Mend the cause" in advice


def test_a_warning_of_dbt_warns_and_does_not_pass():
    check = failed("warn")
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["what_to_do"].value.startswith("It warns alone")
    assert "Nothing was published" in failed("fail").metadata["what_to_do"].value

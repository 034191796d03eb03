"""The layers of the dbt project, on its manifest; each rule is shown to fail on a planted node."""

import copy

from tests.dbt_manifest import Node, compiled_manifest, nodes_of_type

CONTRACTED = {"core", "marts", "ml", "dq"}
# Those that one source stands for in lineage, beside recommendations.
EVERY_FAMILY = {
    "ml.anomaly_scores",
    "ml.bandit_policies",
    "ml.clv_predictions",
    "ml.experiment_statistics",
    "ml.next_products",
    "ml.purchase_propensity",
}
# Outside staging, sources are read in the small tables that footfall writes from seals and settings
# (`inputs`: as_of, funnels, the reporting currency), and where a model's files become a table.
SOURCES_OF_THE_MODELS = {
    "arrivals_daily": {"inputs.log_files"},
    # Records are read where they become a table; the seals say what arrived when.
    "arrivals_by_report_date": {"inputs.log_replays"},
    "customer_360_history": {"records.customer_changes"},
    "kpi_restatements": {"records.kpi_values", "inputs.log_files"},
    "consent_daily": {"inputs.log_days"},
    "customer_360": {"inputs.log_days"},
    "int_person_standing": {"inputs.log_days"},
    "fct_funnel_entries": {"inputs.funnels"},
    "fct_carts": {"inputs.log_days"},
    "cart_abandonment": {"inputs.log_days"},
    "int_cart_limits": {"inputs.settings"},
    "fct_orders": {"inputs.settings"},
    "funnel_steps": {"inputs.funnels"},
    # Their hooks name the parts that staging reads: a variable of the connection that runs them.
    "int_event_copies": {"inputs.log_parts"},
    "int_view_copies": {"inputs.log_parts", "inputs.settings"},
    "int_fast_visitor_days": {"inputs.settings"},
    "int_newly_fast_events": {"inputs.settings"},
    # The erasure register, small, and compared with what was taken up.
    "int_erased_identifiers": {"inputs.erasures"},
    "int_touched_identifiers": {"inputs.erasures"},
    "int_funnels": {"inputs.funnels"},
    "int_order_values": {"inputs.sources"},
    "int_session_windows": {"inputs.sources"},
    "int_window_events": {"inputs.sources"},
    "int_events_sessionized": {"inputs.sources"},
    "kpi_daily": {"inputs.log_days"},
    "kpi_daily_by_dimension": {"inputs.log_days"},
    "product_affinity": {"inputs.log_days"},
    "retention_cohorts": {"inputs.log_days"},
    "lifecycle": {"inputs.log_days"},
    # Nothing but names, which follow from no event.
    "dim_countries": {"inputs.countries"},
    "dim_currencies": {"inputs.currencies"},
    "int_triggers": {"inputs.triggers"},
    "int_trigger_carts": {"inputs.settings"},
    "trigger_firings": {"inputs.triggers", "inputs.log_days"},
    "recommendations": {"ml.recommendations"},
    "similar_products": {"ml.similar_products"},
    "anomaly_scores": {"ml.anomaly_scores"},
    "clv_predictions": {"ml.clv_predictions"},
    "churn_risk": {"ml.churn_risk"},
    "purchase_propensity": {"ml.purchase_propensity"},
    "next_products": {"ml.next_products"},
    "purchase_outcomes": {"ml.purchase_outcomes"},
    "bandit_policies": {"ml.bandit_policies"},
    "experiment_statistics": {"ml.experiment_statistics"},
    # Orders as they were known on a date are worth what the source says that its rows are.
    "ml_experiment_acts": {"inputs.sources"},
    "ml_order_dates": {"inputs.sources"},
    "ml_daily_orders": {"inputs.sources"},
    "ml_kpi_series": {"inputs.sources"},
    "ml_kpi_series_by_dimension": {"inputs.sources"},
    "ml_impressions": {"inputs.sources"},
    # As are sessions, which a source may cut itself.
    "ml_sessions": {"inputs.sources"},
    # Every family writes these; the other names are lineage alone.
    "model_metrics": {"ml.model_metrics"} | EVERY_FAMILY,
    "int_model_versions": {"ml.model_versions"} | EVERY_FAMILY,
}


# What was published is compared with what is, and explained by what arrived; a history comes after
# what it is of.
MARTS_OVER_MARTS = {
    "kpi_restatements": {"kpi_daily", "arrivals_by_report_date"},
    "customer_360_history": {"customer_360"},
}


def names(node: Node, kind: str, parts: int) -> set[str]:
    """What a node depends on, of one kind, by the last parts of dbt's ids."""
    found = [one for one in node["depends_on"]["nodes"] if one.startswith(f"{kind}.")]
    return {".".join(one.split(".")[-parts:]) for one in found}


def stray_sources(models: dict[str, Node]) -> dict[str, set[str]]:
    """Sources that models outside staging read beyond those agreed."""
    stray = {
        name: names(node, "source", 2) - SOURCES_OF_THE_MODELS.get(name, set())
        for name, node in models.items()
        if node["schema"] != "staging"
    }
    return {name: sources for name, sources in stray.items() if sources}


def marts_that_reach_past_core(models: dict[str, Node]) -> dict[str, set[str]]:
    """Parents of marts that are neither int_, fct_, dim_, map_ nor a table of schema ml."""
    of_ml = {name for name, node in models.items() if node["schema"] == "ml"}
    reach = {
        name: {
            parent
            for parent in names(node, "model", 1)
            if not parent.startswith(("int_", "fct_", "dim_", "map_"))
            and parent not in of_ml | MARTS_OVER_MARTS.get(name, set())
        }
        for name, node in models.items()
        if node["schema"] == "marts"
    }
    return {name: parents for name, parents in reach.items() if parents}


def upward_references(models: dict[str, Node]) -> set[tuple[str, str]]:
    """Core and what lies before it reading marts or the models' tables."""
    late = {name for name, node in models.items() if node["schema"] in {"marts", "ml", "dq"}}
    early = {"staging", "core"}
    return {
        (name, parent)
        for name, node in models.items()
        if node["schema"] in early
        for parent in names(node, "model", 1) & late
    }


def poor_descriptions(models: dict[str, Node]) -> list[str]:
    """Models and columns without a description, or with their own name for one."""
    poor = []
    for name, node in models.items():
        if is_poor(node["description"], name):
            poor.append(name)
        for column, spec in node["columns"].items():
            if is_poor(spec["description"], column):
                poor.append(f"{name}.{column}")
    return poor


def is_poor(description: str, name: str) -> bool:
    words = description.strip().rstrip(".").lower().replace(" ", "_")
    return not words or words == name.lower()


def without_contract(models: dict[str, Node]) -> list[str]:
    return [
        name
        for name, node in models.items()
        if node["schema"] in CONTRACTED
        and not (
            node["config"]["contract"]["enforced"]
            and node["columns"]
            and all(column["data_type"] for column in node["columns"].values())
        )
    ]


def untested(models: dict[str, Node], tests: dict[str, Node]) -> set[str]:
    """Tables for people that no data test reads."""
    read = {parent for test in tests.values() for parent in names(test, "model", 1)}
    return {name for name, node in models.items() if node["schema"] in CONTRACTED} - read


def planted(model: str, **changes: object) -> dict[str, Node]:
    """The project's models with one changed."""
    models = copy.deepcopy(nodes_of_type("model"))
    models[model].update(changes)
    return models


def test_sources_are_read_in_staging_and_where_it_is_agreed():
    models = nodes_of_type("model")
    assert stray_sources(models) == {}
    # The list says no more than what is: an exception that is not needed must go.
    assert {
        name: names(models[name], "source", 2) for name in SOURCES_OF_THE_MODELS
    } == SOURCES_OF_THE_MODELS


def test_the_log_itself_is_read_in_staging_alone():
    readers = {
        name
        for name, node in nodes_of_type("model").items()
        if "event_log.events" in names(node, "source", 2)
    }
    assert readers == {"stg_events"}


def test_a_mart_that_reads_the_log_is_found():
    models = planted("kpi_daily", depends_on={"nodes": ["source.footfall.event_log.events"]})
    assert stray_sources(models) == {"kpi_daily": {"event_log.events"}}


def test_marts_read_facts_dimensions_maps_and_models():
    assert marts_that_reach_past_core(nodes_of_type("model")) == {}


def test_a_mart_that_reads_staging_or_another_mart_is_found():
    models = planted(
        "kpi_daily",
        depends_on={
            "nodes": [
                "model.footfall.stg_events",
                "model.footfall.customer_360",
                "model.footfall.int_kpi_days",
            ]
        },
    )
    assert marts_that_reach_past_core(models) == {"kpi_daily": {"stg_events", "customer_360"}}


def test_core_reads_nothing_that_is_made_from_it_for_people():
    assert upward_references(nodes_of_type("model")) == set()
    models = planted("fct_orders", depends_on={"nodes": ["model.footfall.kpi_daily"]})
    assert upward_references(models) == {("fct_orders", "kpi_daily")}


def test_every_model_and_column_is_described():
    models = nodes_of_type("model")
    assert poor_descriptions(models) == []
    assert [name for name, node in models.items() if not node["columns"]] == []


def test_an_empty_description_and_a_repeated_name_are_found():
    models = planted("fct_orders", description=" ")
    models["kpi_daily"]["columns"]["report_date"]["description"] = "Report date."
    assert set(poor_descriptions(models)) == {"fct_orders", "kpi_daily.report_date"}


def test_contracts_are_enforced_on_what_people_read():
    assert without_contract(nodes_of_type("model")) == []


def test_a_table_without_contract_or_type_is_found():
    models = planted("fct_orders", columns={})
    models["kpi_daily"]["config"]["contract"]["enforced"] = False
    assert set(without_contract(models)) == {"fct_orders", "kpi_daily"}


def test_every_table_for_people_is_read_by_a_data_test():
    assert untested(nodes_of_type("model"), nodes_of_type("test")) == set()


def test_a_table_that_no_test_reads_is_found():
    tests = {
        name: node
        for name, node in nodes_of_type("test").items()
        if "dim_persons" not in names(node, "model", 1)
    }
    assert "dim_persons" in untested(nodes_of_type("model"), tests)


def test_exposures_name_their_readers_tables_and_owners():
    exposures = compiled_manifest()["exposures"].values()
    assert len(exposures) >= 4
    for exposure in exposures:
        assert exposure["depends_on"]["nodes"], exposure["name"]
        assert exposure["description"], exposure["name"]
        assert exposure["owner"]["name"], exposure["name"]

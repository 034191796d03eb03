"""Following histories and judging law 3: after each finished run the oracle, at the end a rebuild.

Belongs here: which tables are compared and how, runs that are killed at a place, what has been
tried. Not here: how a model runs (`compiled`, `warehouse`), what the tables should hold
(`oracle/`), many histories in one database (`batches`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.laws import oracle
from tests.laws.compiled import Model, statements
from tests.laws.histories import FUNNELS, REFERRER_HOSTS, REGISTRY, SOURCES, History
from tests.laws.oracle.affinity import Window
from tests.laws.oracle.carts import CartLimits
from tests.laws.shop import AFFINITY, CART_SETTINGS, RATES, RETENTION_OFFSETS, TRIGGERS
from tests.laws.situations import SITUATIONS, situations_of
from tests.laws.warehouse import Row, Warehouse, are_equal, first_difference

Tables = dict[str, list[Row]]

# Every later table enters by being listed; a test fails for one that is not.
ORACLE_TABLES = (
    "fct_events", "fct_event_duplicates", "fct_sessions", "fct_orders", "fct_order_items",
    "fct_refunds", "fct_product_interactions", "dim_products", "map_visitor_person",
    "map_user_person", "dim_persons", "kpi_daily", "kpi_daily_by_dimension",
    "fct_funnel_entries", "funnel_steps", "behaviour_transitions", "top_paths", "retention_cohorts",
    "lifecycle", "customer_360", "arrivals_daily",
    "fct_carts", "fct_cart_events", "cart_abandonment",
    "fct_touchpoints", "attribution",
    "fct_reviews", "product_performance", "impression_performance", "fct_auth_events",
    "fct_content_views", "fct_page_views", "page_engagement",
    "fct_searches", "search_performance", "content_engagement",
    "fct_experiment_exposures", "fct_experiment_units",
    "trigger_firings",
    "product_affinity", "consent_daily",
)  # fmt: skip
# No page defines these: they must be what a rebuild gives. The last lines hold model outputs.
REBUILT_TABLES = (
    "int_fast_visitor_days", "int_identity_evidence", "int_key_evidence", "int_users_tied",
    "int_erased_identifiers", "int_erased_persons", "int_order_events", "int_order_lines",
    "int_product_days", "int_person_categories", "int_person_days", "int_person_totals",
    "int_kpi_days", "int_active_persons", "int_person_cohorts", "int_cohort_activity",
    "int_lifecycle_periods", "int_transition_days", "int_path_days", "arrivals_by_report_date",
    "int_cart_actions", "int_cart_stretches", "int_carts", "int_cart_days",
    "int_cart_days_by_dimension", "int_kpi_days_by_dimension",
    "int_order_touches", "int_lost_touches", "int_removal_effects",
    "int_trigger_events", "int_trigger_carts", "int_trigger_firings",
    "int_person_attributes", "int_person_consents", "dim_countries", "dim_currencies",
    "anomaly_scores", "model_metrics", "recommendations", "similar_products",
    "clv_predictions", "churn_risk", "purchase_propensity", "experiment_statistics",
    "experiment_results", "policy_experiments", "next_products", "int_model_versions",
    "model_versions",
    "purchase_outcomes", "model_calibration", "bandit_policies",
)  # fmt: skip
TABLES = (*ORACLE_TABLES, *REBUILT_TABLES)
# Views over records, which are no function of the log: they hold what was published and when, so
# that a rebuild has no other source of them than the records themselves (law 3 exempts them).
RECORD_TABLES = ("kpi_restatements", "customer_360_history")
# Views over stored tables and the as_of date, which are compared as tables are.
DERIVED_VIEWS = (
    "retention_cohorts", "lifecycle", "fct_carts", "cart_abandonment", "product_affinity",
    "experiment_results", "trigger_firings", "consent_daily", "kpi_daily_by_dimension",
    "model_versions", "policy_experiments",
)  # fmt: skip
CART_LIMITS = CartLimits(
    timedelta(hours=CART_SETTINGS["cart_timeout_hours"]),
    timedelta(days=CART_SETTINGS["cart_recovery_days"]),
)


@dataclass
class Tried:
    """How much a session has tried.

    A run of histories that lie side by side counts once. `situations`: in how many histories each
    occurred.
    """

    histories: int = 0
    rows: int = 0
    runs: int = 0
    kills: int = 0
    situations: Counter[str] = field(default_factory=Counter)

    def note(self, history: History) -> None:
        """Count a history that was followed, its rows and its situations."""
        self.histories += 1
        self.rows += len(history.log_rows)
        self.situations.update(situations_of(history))

    def __str__(self) -> str:
        """For the end of a session."""
        return (
            f"{self.histories:,} histories, {self.rows:,} input rows, {self.runs:,} runs, "
            f"{self.kills:,} of them killed"
        )

    def told(self) -> list[str]:
        """In how many histories each situation occurred, a line each."""
        return [f"{self.situations[name]:>9,}  {name}" for name in SITUATIONS]


TRIED = Tried()


@dataclass(frozen=True)
class Kill:
    """Where a run dies: before a model, or in it after so many statements, uncommitted."""

    model: int
    statement: int = 0


def stored_models(models: Sequence[Model]) -> set[str]:
    """Models whose rows outlive a run and are compared: all but its scratch tables and outboxes."""
    kept = {
        model.name for model in models if model.materialized in {"replace_touched", "made_whole"}
    }
    return kept | set(DERIVED_VIEWS)


def expected_tables(history: History, number: int) -> Tables:
    """What the oracle makes of the log as run `number` sees it."""
    return oracle.build(
        history.rows_at(number),
        registry=REGISTRY,
        sources=SOURCES,
        settings=history.settings,
        as_of=history.as_of_at(number),
        funnels=FUNNELS,
        referrer_hosts=REFERRER_HOSTS,
        erasures=history.erasures_at(number),
        rates=RATES,
        retention_offsets=RETENTION_OFFSETS,
        cart_limits=CART_LIMITS,
        affinity=Window(*AFFINITY.values()),
        triggers=TRIGGERS,
    )


def oracle_difference(expected: Tables, warehouse: Warehouse) -> str | None:
    """The first difference between the warehouse and what the oracle expects."""
    for table, rows in expected.items():
        if are_equal(rows, *warehouse.values(table)):
            continue
        difference = first_difference(table, rows, warehouse.rows(table))
        if difference:
            return difference
    return None


def rebuild_difference(history: History, warehouse: Warehouse) -> str | None:
    """The first difference between the warehouse at the end and one built anew from the log."""
    rebuilt = rebuild(history, warehouse.models)
    try:
        for table in TABLES:
            ours, theirs = (sorted_rows(one, table) for one in (rebuilt, warehouse))
            if ours != theirs:
                wrong = set(ours) ^ set(theirs)
                return (
                    f"{table} differs from a full rebuild in {len(wrong)} rows: {sorted(wrong)[:2]}"
                )
    finally:
        rebuilt.con.close()
    return None


def rebuild(history: History, models: Sequence[Model] | None = None) -> Warehouse:
    """A warehouse made in one run from everything; no work set, as `dbt build` alone runs."""
    warehouse = Warehouse(history.timezone, models=models)
    warehouse.add_rows(history.log_rows)
    warehouse.set_days(dict.fromkeys(history.seals, True))
    warehouse.set_erasures(history.erasures)
    warehouse.run([])
    return warehouse


def sorted_rows(
    warehouse: Warehouse, table: str, without: Collection[str] = frozenset()
) -> list[str]:
    """All rows of a table, exactly, as texts in one order; some columns left out."""
    names, rows = warehouse.values(table)
    places = [names.index(name) for name in sorted(set(names) - set(without))]
    return sorted(repr([row[place] for place in places]) for row in rows)


def digests(warehouse: Warehouse, tables: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and the sum of their hashes, by one statement."""
    parts = [
        f"select '{table}', count(*), sum(hash(rows_of)::hugeint) "
        f"from {warehouse.relation(table)} as rows_of"
        for table in tables
    ]
    found = warehouse.con.execute(" union all ".join(parts)).fetchall()
    return {table: (count, digest) for table, count, digest in found}


def load(history: History, number: int, warehouse: Warehouse) -> None:
    """Bring what run `number` finds in the log: new seals, and which days are closed."""
    warehouse.add_rows([row for _, rows in history.new_seals(number) for row in rows])
    closed = history.closed_at(number)
    warehouse.set_days({day: day in closed for day in history.plan[number].visible})
    warehouse.set_erasures(history.erasures_at(number))


def start(warehouse: Warehouse, days: Sequence[date], kill: Kill | None) -> None:
    """Run the models, or so many of them and so many statements of the next one."""
    if kill is None:
        warehouse.run(list(days))
        return
    warehouse.owe(days)
    warehouse.run_models(warehouse.models[: kill.model])
    if kill.statement:
        break_off(warehouse, kill)


def break_off(warehouse: Warehouse, kill: Kill) -> None:
    """Die in a model after so many statements: what it had done is rolled back."""
    warehouse.con.execute("begin")
    for statement in statements(warehouse.models[kill.model])[: kill.statement]:
        warehouse.con.execute(statement)
    warehouse.con.execute("rollback")


def kill_of(history: History, number: int, models: Sequence[Model]) -> Kill | None:
    """The place at which the plan kills run `number`."""
    share = history.plan[number].kill_after
    return None if share is None else Kill(int(share * len(models)))


def follow_to_end(
    history: History,
    models: Sequence[Model] | None = None,
    expected: Callable[[int], Tables] | None = None,
) -> tuple[Warehouse, str | None]:
    """Follow a history up to its end or to the first difference to the oracle.

    Args:
        history: log and plan.
        models: other models than the project's, in running order.
        expected: what the oracle makes of the log at a run, where it is known already.

    Returns:
        The warehouse, open, and the difference, None where there is none.
    """
    warehouse = Warehouse(history.timezone, models=models)
    for number, run in enumerate(history.plan):
        kill = kill_of(history, number, warehouse.models)
        load(history, number, warehouse)
        start(warehouse, run.days, kill)
        TRIED.runs += 1
        TRIED.kills += kill is not None
        if kill is None:
            tables = expected(number) if expected else expected_tables(history, number)
            difference = oracle_difference(tables, warehouse)
            if difference:
                return warehouse, f"after run {number} of {len(history.plan)}: {difference}"
    return warehouse, None


def counter_example(
    history: History,
    models: Sequence[Model] | None = None,
    parts: Sequence[History] | None = None,
) -> str | None:
    """The first difference to the oracle or, at the end, to a rebuild; None where law 3 holds.

    Args:
        history: log and plan.
        models: other models than the project's.
        parts: the histories that lie side by side in it, to be counted; by default it is one.
    """
    warehouse, difference = follow_to_end(history, models)
    difference = difference or rebuild_difference(history, warehouse)
    warehouse.con.close()
    for part in parts or (history,):
        TRIED.note(part)
    return difference

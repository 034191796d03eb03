"""A warehouse in memory that is run model by model.

Belongs here: loading the inputs of a run, running it or one model of it, taking back what was run,
reading the tables, and telling the first difference to the oracle. Not here: what the tables should
hold, nor which run of a history comes when (`harness`).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import Any

import duckdb
import pyarrow as pa

from tests.laws.compiled import Model, compiled_models, statements
from tests.laws.histories import FUNNELS, REFERRER_HOSTS, REGISTRY, SOURCES
from tests.laws.log_rows import LOG_COLUMNS
from tests.laws.shop import FILE_EVENTS, NUMBERS, TRIGGERS, funnel_rows, rate_intervals

Row = dict[str, Any]

_DECIMALS = {"price", "quantity", "revenue"}
_TYPES = {
    "event_ts": "TIMESTAMP", "sent_ts": "TIMESTAMP", "arrival_date": "DATE", "is_bot": "BOOLEAN",
    "contract_version": "INTEGER", "source_line": "BIGINT",
} | dict.fromkeys(_DECIMALS, "DECIMAL(18,4)")  # fmt: skip
_ARROW = {
    "TIMESTAMP": pa.timestamp("us"), "DATE": pa.date32(), "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(), "BIGINT": pa.int64(), "DECIMAL(18,4)": pa.decimal128(18, 4),
    "VARCHAR": pa.string(),
}  # fmt: skip
_ML_TABLES = {
    "recommendations": "partition_date date, person_id varchar, rank integer, product_id varchar,"
    " score double, reason varchar, is_baseline boolean, model_version varchar",
    "similar_products": "partition_date date, product_id varchar, rank integer,"
    " similar_product_id varchar, score double, model_version varchar",
    "anomaly_scores": "partition_date date, entity_type varchar, entity_id varchar,"
    " event_key varchar, date date, score double, p_value double, is_anomaly boolean,"
    " explanation varchar, evidence_event_keys varchar[], model_version varchar",
    "clv_predictions": "partition_date date, person_id varchar, horizon_days integer,"
    " is_baseline boolean, predicted_clv double, clv_low double, clv_high double,"
    " expected_orders double, orders_low double, orders_high double,"
    " order_value double, order_days bigint, valued_order_days bigint,"
    " mean_order_value double, first_order_date date, last_order_date date,"
    " explanation varchar, model_version varchar",
    "churn_risk": "partition_date date, person_id varchar, risk_rank bigint, is_baseline boolean,"
    " churn_risk double, horizon_days integer, no_order_probability double,"
    " expected_orders double, order_days bigint, days_since_last_order bigint,"
    " usual_gap_days double, explanation varchar, model_version varchar",
    "next_products": "partition_date date, product_id varchar, rank integer,"
    " next_product_id varchar, score double, steps bigint, all_steps bigint, is_baseline boolean,"
    " model_version varchar",
    "purchase_propensity": "partition_date date, person_id varchar, horizon_days integer,"
    " is_baseline boolean, probability double, base_log_odds double, contributions double[],"
    " explanation varchar, model_version varchar",
    "purchase_outcomes": "partition_date date, person_id varchar, horizon_days integer",
    "bandit_policies": "partition_date date, list_id varchar, position integer, policy varchar,"
    " reward varchar, method varchar, is_better boolean, value double, ci_low double,"
    " ci_high double, standard_error double, logged_value double, difference double,"
    " difference_low double, difference_high double, lift double, aov_change double,"
    " aov_change_low double, aov_change_high double, impressions bigint,"
    " effective_impressions double, effective_rewards double, mean_weight double,"
    " model_version varchar",
    "model_metrics": "partition_date date, model varchar, metric varchar, value double,"
    " baseline_value double, data_from date, data_to date, model_version varchar",
    "model_versions": "partition_date date, family varchar, model varchar, model_version varchar,"
    " code_version varchar, served varchar, champion varchar, gate_metric varchar,"
    " gate_value double, gate_baseline_value double, gate_standard_error double,"
    " gate_units bigint, gate_reason varchar, data_from date, data_to date, data_counts varchar,"
    " data_fingerprint varchar, params_sha256 varchar, log_sha256 varchar, card_path varchar",
    "experiment_statistics": "partition_date date, experiment varchar, metric varchar,"
    " segment varchar, variant varchar, control varchar, policy varchar, is_control boolean,"
    " units bigint, control_units bigint,"
    " contaminated_units bigint, mean double, control_mean double, difference double,"
    " standard_error double, lift double, ci_low double, ci_high double, p_value double,"
    " p_value_adjusted double, sequential_low double, sequential_high double,"
    " p_value_sequential double, p_value_sequential_adjusted double, srm_p_value double,"
    " variance_reduction double, first_exposed_at timestamp, last_exposed_at timestamp,"
    " method varchar, model_version varchar",
}
_OF_A_PUBLICATION = "publication bigint, built_from_seal bigint, published_after date,"
_RECORDS = {
    "kpi_values": f"{_OF_A_PUBLICATION} published_at timestamp, report_date date, metric varchar,"
    " value decimal(38, 12)",
    "customer_changes": f"{_OF_A_PUBLICATION} published_at timestamp, person_id varchar,"
    " attribute varchar, old_value varchar, new_value varchar",
}
EVENTS_SCHEMA = pa.schema([(name, _ARROW[_TYPES.get(name, "VARCHAR")]) for name in LOG_COLUMNS])


# A rule broken on purpose may multiply rows for ever: it fails then, and fills no disk.
_SETTINGS = {"threads": 1, "memory_limit": "4GB", "max_temp_directory_size": "1GB"}


class Warehouse:
    """The warehouse of one history, with the stored tables of its models."""

    def __init__(
        self,
        timezone: str = "UTC",
        currency: str = "EUR",
        con: duckdb.DuckDBPyConnection | None = None,
        models: Sequence[Model] | None = None,
    ) -> None:
        self.con = con or duckdb.connect(config=_SETTINGS)
        self.models = tuple(compiled_models() if models is None else models)
        self.is_undone = False
        self.views: dict[str, str] = {}
        events = ", ".join(f"{name} {_TYPES.get(name, 'VARCHAR')}" for name in LOG_COLUMNS)
        self.con.execute(f"""
            create schema state; create schema inputs; create schema seeds;
            create table state.work_set (arrival_date date);
            create table inputs.events ({events});
            create table inputs.log_days (arrival_date date, is_closed boolean);
            create table inputs.log_files (arrival_date date, source varchar, source_file varchar,
                read bigint, logged bigint, quarantined bigint, withheld bigint,
                sequence bigint, is_replay boolean);
            create table inputs.log_replays (arrival_date date, source_file varchar,
                source_line bigint, sequence bigint);
            create table inputs.event_types (
                event_name varchar, is_sessionable boolean, role varchar);
            create table inputs.sources (
                source varchar, order_grain varchar, sessions varchar);
            create table inputs.settings as
                select '{timezone}' as reporting_timezone, '{currency}' as reporting_currency,
                    {", ".join(f"{n} as {name}" for name, n in NUMBERS.items())};
            create table inputs.funnels (funnel varchar, mode varchar, unit varchar,
                window_s bigint, step integer, step_name varchar, event_name varchar,
                hold varchar, excluded varchar[]);
            create table inputs.countries as
                select 'US' as country, 'US' as country_code, 'United States' as country_name;
            create table inputs.currencies as
                select 'EUR' as currency, 'Euro' as currency_name, 2::integer as decimals;
            create table inputs.rates (currency varchar, valid_from date, valid_to date,
                rate decimal(20, 10));
            create table inputs.triggers (rule varchar, condition varchar, category varchar,
                product_count bigint, window_s bigint, max_rating double, value_over double,
                response varchar, suggest varchar, suggested_category varchar,
                discount_min_pct double, discount_max_pct double, cooldown_s bigint,
                daily_budget bigint, holdout_share double);
            create table inputs.erasures (request_number bigint, erased_at timestamp,
                visitor_id varchar, user_id varchar);
            create table seeds.referrer_hosts (host varchar, kind varchar);
        """)
        tables = {f"inputs.{name}": columns for name, columns in (_ML_TABLES | _RECORDS).items()}
        for model in self.models:
            if model.columns and model.materialized in {"replace_touched", "accumulate"}:
                tables[model.relation] = ", ".join(f"{name} {kind}" for name, kind in model.columns)
        schemas = sorted({model.relation.split(".")[0] for model in self.models})
        made = [f"create schema if not exists {schema}" for schema in schemas]
        made += [f"create table {name} ({columns})" for name, columns in tables.items()]
        self.con.execute(";".join(["begin", *made, "commit"]))
        types = REGISTRY | FILE_EVENTS
        self._insert("event_types", [(n, t["is_sessionable"], t["role"]) for n, t in types.items()])
        self._insert("sources", [(name, *source.values()) for name, source in SOURCES.items()])
        self.declare_funnels(FUNNELS)
        self._insert("rates", [tuple(row.values()) for row in rate_intervals()])
        self._insert_by_name("triggers", TRIGGERS)
        self._insert("referrer_hosts", list(REFERRER_HOSTS.items()), schema="seeds")

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]], schema: str = "inputs") -> None:
        """All rows by one statement: one a row would be most of what a warehouse costs."""
        marks = f"({', '.join('?' for _ in rows[0])})"
        self.con.execute(
            f"insert into {schema}.{table} values {', '.join(marks for _ in rows)}",
            [value for row in rows for value in row],
        )

    def _insert_by_name(self, table: str, rows: Sequence[Row]) -> None:
        """Rows that name some of the columns each."""
        names = sorted({name for row in rows for name in row})
        self.con.execute(
            f"insert into inputs.{table} ({', '.join(names)}) values "
            + ", ".join(f"({', '.join('?' for _ in names)})" for _ in rows),
            [row.get(name) for row in rows for name in names],
        )

    def declare_funnels(self, funnels: list[Row]) -> None:
        """Say which funnels there are, in place of those that there were."""
        self.con.execute("delete from inputs.funnels")
        self._insert_by_name("funnels", funnel_rows(funnels))

    def take_any_pace(self) -> None:
        """No visitor is a machine for how fast it views."""
        self.con.execute("update inputs.settings set max_views_per_minute = null")

    def add_rows(self, rows: list[Row]) -> None:
        """Seal rows into the log."""
        if rows:
            arrow = pa.Table.from_pylist(rows, schema=EVENTS_SCHEMA)
            self.con.register("new_rows", arrow)
            self.con.execute("insert into inputs.events select * from new_rows")
            self.con.execute(
                "insert into inputs.log_files select arrival_date, source, source_file,"
                " count(*), count(*), 0, 0, 1, false from new_rows group by all"
            )
            self.con.unregister("new_rows")

    def set_days(self, closed: dict[date, bool]) -> None:
        """Say which arrival dates have a seal, and which of them are closed."""
        self.con.execute("delete from inputs.log_days")
        if closed:
            self._insert("log_days", list(closed.items()))

    def set_erasures(self, register: Sequence[Row]) -> None:
        """Say which identifiers were erased."""
        self.con.execute("delete from inputs.erasures")
        names = ("request_number", "erased_at", "visitor_id", "user_id")
        if register:
            self._insert("erasures", [tuple(one[name] for name in names) for one in register])

    def owe(self, days: Sequence[date]) -> None:
        """Write down which arrival dates a run works in, beside those that are owed already."""
        if days:
            self._insert("work_set", [(day,) for day in sorted(set(days))], schema="state")

    def run(self, days: Sequence[date]) -> None:
        """Materialise arrival dates; without any and with nothing owed, all."""
        self.owe(days)
        self.run_models(self.models)
        self.strike_off()

    def run_models(self, models: Sequence[Model]) -> None:
        """Models in order; a view that an earlier run made of the same SQL is left as it is."""
        for model in models:
            if self.views.get(model.relation) != model.sql:
                self.run_model(model)

    def run_model(self, model: Model) -> None:
        """One model, one transaction."""
        with self.transaction():
            for statement in statements(model):
                self.con.execute(statement)
        if model.materialized == "made_view":
            self.views[model.relation] = model.sql

    def strike_off(self) -> None:
        """The run is done: its dates and its outboxes are no longer owed."""
        with self.transaction():
            self.con.execute("delete from state.work_set")
            for model in self.models:
                if model.materialized == "accumulate":
                    self.con.execute(f"delete from {model.relation}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, unless one is open that is to be undone as a whole."""
        if self.is_undone:
            yield
            return
        self.con.execute("begin")
        yield
        self.con.execute("commit")

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Do things and take them back: one transaction around all that models do."""
        self.con.execute("begin")
        self.is_undone = True
        views = dict(self.views)
        try:
            yield
        finally:
            self.is_undone, self.views = False, views
            self.con.execute("rollback")

    def rows(self, table: str) -> list[Row]:
        """A table's rows as dicts."""
        names, values = self.values(table)
        return [dict(zip(names, row, strict=True)) for row in values]

    def values(self, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of a table's columns, and its rows as tuples of their values."""
        found = self.con.execute(f"select * from {self.relation(table)}")
        return [column[0] for column in found.description], found.fetchall()

    def relation(self, table: str) -> str:
        """Where the rows of a model are."""
        return next(model.relation for model in self.models if model.name == table)


# A median of two times may end in half a microsecond, on the edge between two ninth digits, where
# the last bit of a sum would decide.
_OFF_THE_EDGE = 1 + 3.7e-11


def _plain(value: Any) -> Any:
    """A value that equals another one of its kind, up to the last digits of a number."""
    kind = type(value)
    if kind is Decimal:
        return round(float(value), 6)
    if kind is float:
        return None if math.isnan(value) else float(f"{value * _OFF_THE_EDGE:.9g}")
    if kind is list or kind is tuple:
        return tuple(map(_plain, value))
    return value


def are_equal(expected: list[Row], names: Sequence[str], found: list[tuple[Any, ...]]) -> bool:
    """Whether rows are equal to the last bit, on the expected columns: a third of the other way."""
    if len(expected) != len(found) or not expected or not expected[0].keys() <= set(names):
        return not expected and not found
    columns = sorted(expected[0])
    with suppress(TypeError):
        ours = Counter(map(itemgetter(*columns), expected))
        theirs = Counter(map(itemgetter(*map(list(names).index, columns)), found))
        # As dicts: to compare counters takes twice as long as to count.
        return dict(ours) == dict(theirs)
    return False


def first_difference(table: str, expected: list[Row], found: list[Row]) -> str | None:
    """The first rows in which two tables differ, on the expected columns; None if equal."""
    if not expected:
        return f"{table}: expected no rows, found {found[:2]}" if found else None
    columns = sorted(expected[0])
    missing = [column for column in columns if found and column not in found[0]]
    if missing:
        return f"{table}: no column {missing}"
    ours, theirs = (
        Counter(tuple(_plain(row[c]) for c in columns) for row in rows)
        for rows in (expected, found)
    )
    if ours == theirs:
        return None
    only_ours, only_theirs = (
        [dict(zip(columns, row, strict=True)) for row in sorted(rows.elements(), key=repr)]
        for rows in (ours - theirs, theirs - ours)
    )
    for one in only_ours[:1]:
        near = min(
            only_theirs, key=lambda row: sum(row[c] != one[c] for c in columns), default=None
        )
        if near is not None:
            wrong = {c: (one[c], near[c]) for c in columns if one[c] != near[c]}
            return (
                f"{table}: {len(only_ours)} expected rows missing, {len(only_theirs)} unexpected; "
                f"first: expected, found = {wrong} in {one}"
            )
    return (
        f"{table}: missing {only_ours[:2]}, unexpected {only_theirs[:2]} "
        f"(rows {len(expected)}/{len(found)})"
    )

"""The baseline of a plan: sums a person of two stretches, from tables as they are published."""

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from dagster_project.experiment_baseline import (
    NoBaselineError,
    declared_metrics,
    measurable,
    measure,
)

PERSONS, DAYS = 200, 10
FIRST = datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def con():
    """Each person has a session in both stretches; in the later one two thirds order once."""
    con = duckdb.connect()
    con.execute("""
        create schema core; create schema marts;
        create table marts.kpi_daily (report_date date, sessions bigint);
        create table core.fct_sessions (visitor_id varchar, last_event_user_id varchar,
            ended_at timestamp, report_date date, is_engaged boolean, orders bigint,
            is_bot boolean);
        create table core.fct_orders (visitor_id varchar, user_id varchar, ordered_at timestamp,
            report_date date, gross_revenue decimal(18, 4), is_bot boolean);
        create table core.map_visitor_person (visitor_id varchar, person_id varchar,
            valid_from timestamp, valid_to timestamp);
        create table core.map_user_person (user_id varchar, person_id varchar);
    """)
    for person in range(PERSONS):
        visitor = f"v{person}"
        con.execute("insert into core.map_visitor_person values (?, ?, '1900-01-01', '9999-12-31')",
                    [visitor, f"p{person}"])  # fmt: skip
        for stretch, orders in ((0, person % 2), (1, person % 3 > 0)):
            at = FIRST + timedelta(days=stretch * DAYS + person % DAYS, hours=12)
            con.execute("insert into core.fct_sessions values (?, null, ?, ?, true, ?, false)",
                        [visitor, at, at.date(), int(orders)])  # fmt: skip
            if orders:
                con.execute("insert into core.fct_orders values (?, null, ?, ?, ?, false)",
                            [visitor, at, at.date(), 10 + person])  # fmt: skip
            con.execute("insert into marts.kpi_daily values (?, 1)", [at.date()])
    yield con
    con.close()


def test_conversion_and_its_correlation_with_the_past_are_those_of_the_persons(con):
    now = np.array([float(person % 3 > 0) for person in range(PERSONS)])
    past = np.array([float(person % 2) for person in range(PERSONS)])
    found = measure(con, "unit_conversion_rate", DAYS)
    assert (found.persons, found.persons_per_day) == (PERSONS, PERSONS / DAYS)
    assert found.baseline.mean == pytest.approx(now.mean())
    assert found.baseline.standard_deviation == pytest.approx(now.std(ddof=1))
    assert found.baseline.correlation == pytest.approx(np.corrcoef(now, past)[0, 1])


def test_order_values_are_by_order_and_vary_by_person(con):
    values = np.array([10.0 + person for person in range(PERSONS) if person % 3])
    found = measure(con, "aov", DAYS).baseline
    assert found.mean == pytest.approx(values.mean())
    # Linearised over all persons: two thirds order, once.
    linear = np.zeros(PERSONS)
    linear[[person % 3 > 0 for person in range(PERSONS)]] = values - values.mean()
    share = len(values) / PERSONS
    assert found.standard_deviation == pytest.approx(linear.std(ddof=1) / share)


def test_a_metric_that_never_varies_and_too_few_persons_are_told(con):
    with pytest.raises(NoBaselineError, match="bounce_rate was 0"):
        measure(con, "bounce_rate", DAYS)
    with pytest.raises(NoBaselineError, match="only 40 persons in the last 2 days"):
        measure(con, "aov", 2)


def test_metrics_of_things_that_sessions_and_orders_do_not_tell_are_not_measured():
    known = {metric for metric in declared_metrics() if measurable(metric)}
    assert known == set(declared_metrics()) - {"ctr", "visitor_conversion_rate"}
    assert "stickiness" not in declared_metrics()

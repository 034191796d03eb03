"""Law 4 as dbt checks it: what a model was measured over had arrived by its partition.

Belongs here: the singular test `assert_metrics_are_measured_once` by itself. Not here: what models
read (`test_law4_models_know_nothing_later`).
"""

from datetime import date, timedelta

import pytest

from tests.dbt_manifest import nodes_of_type
from tests.laws.compiled import on_tables
from tests.laws.stories import day, event, told
from tests.laws.warehouse import Warehouse

D = day(11)


def refused(data_to: date, *, copies: int = 1) -> list[tuple[object, ...]]:
    """What the test says of a metric of D over data up to a date.

    The log has a log-in of D that arrives on D, one of the next day that arrives on D as well, from
    a device whose clock runs ahead, and one of the day after that arrives the day after.
    """
    history = told(
        (D, [event("a", "login_succeeded", "11 10:00", user_id="u"),
             event("b", "login_succeeded", "12 01:00", user_id="u")]),
        (day(13), [event("c", "login_succeeded", "13 10:00", user_id="u")]),
    )  # fmt: skip
    warehouse = Warehouse()
    warehouse.add_rows(history.log_rows)
    warehouse.set_days(dict.fromkeys(history.seals, True))
    row = [D, "login_surprise", "alert_rate", 0.0, 0.0, D - timedelta(days=9), data_to, "v1"]
    for _ in range(copies):
        warehouse.con.execute("insert into inputs.model_metrics values (?,?,?,?,?,?,?,?)", row)
    warehouse.run([])
    node = nodes_of_type("test")["assert_metrics_are_measured_once"]
    rows = warehouse.con.execute(on_tables(node["compiled_code"])).fetchall()
    warehouse.con.close()
    return rows


@pytest.mark.parametrize("days_ahead", [0, 1])
def test_data_that_had_arrived_may_be_dated_ahead_as_the_contract_admits(days_ahead):
    assert refused(D + timedelta(days=days_ahead)) == []


@pytest.mark.parametrize("days_ahead", [2, 3])
def test_data_of_a_later_date_that_had_not_arrived_is_refused(days_ahead):
    assert refused(D + timedelta(days=days_ahead)) == [(D, "login_surprise", "alert_rate")]


def test_a_metric_that_is_stated_twice_is_refused():
    assert refused(D, copies=2) == [(D, "login_surprise", "alert_rate")]

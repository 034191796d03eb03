"""What a metric was without an experiment, from the published tables, to plan one.

Belongs here: sums a person of two stretches of days, one after the other, for the metrics of the
one metrics file. Not here: how many units follow from it (`ml/experiment_power.py`), and what the
command prints.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import duckdb
import numpy as np

from dagster_project.ingest.errors import FootfallError
from dagster_project.metrics_file import declared_ratios
from ml.experiment_power import Baseline
from ml.experiment_statistics import Moments, ratio_of_sums

# The counts that sessions and orders give; metrics made of others are stated by whoever asks.
COUNTS: Final = (
    "units", "sessions", "engaged_sessions", "converting_sessions", "orders",
    "orders_without_value", "ordering_units", "gross_revenue",
)  # fmt: skip
_FEWEST_PERSONS: Final = 100

# A person is of the later stretch if it had a session in it; what such a person did in the stretch
# before is its past.
_SUMS = """
with
days as (
    select max(report_date) as last_date from marts.kpi_daily where sessions > 0
),
acts as (
    select visitor_id, last_event_user_id as user_id, ended_at as act_at, report_date,
        1 as sessions, is_engaged::integer as engaged_sessions,
        (orders >= 1)::integer as converting_sessions
    from core.fct_sessions where not is_bot
    union all by name
    select visitor_id, user_id, ordered_at as act_at, report_date, 1 as orders,
        (gross_revenue is null)::integer as orders_without_value, gross_revenue
    from core.fct_orders where not is_bot and visitor_id is not null
),
labelled as (
    select acts.*, days.last_date - acts.report_date >= $days as is_before,
        case when acts.user_id is null then visitors.person_id
            else coalesce(users.person_id, md5('user' || chr(31) || acts.user_id)) end as person_id
    from acts
    cross join days
    left join core.map_visitor_person as visitors
        on acts.visitor_id = visitors.visitor_id
        and acts.act_at >= visitors.valid_from and acts.act_at < visitors.valid_to
    left join (select distinct user_id, person_id from core.map_user_person) as users
        on acts.user_id = users.user_id
    where acts.report_date > days.last_date - 2 * $days
),
persons as (
    select distinct person_id from labelled where not is_before and sessions = 1
),
sums as (
    select person_id, is_before,
        coalesce(sum(sessions), 0) as sessions,
        coalesce(sum(engaged_sessions), 0) as engaged_sessions,
        coalesce(sum(converting_sessions), 0) as converting_sessions,
        coalesce(sum(orders), 0) as orders,
        coalesce(sum(orders_without_value), 0) as orders_without_value,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        1 as units,
        (coalesce(sum(orders), 0) > 0)::integer as ordering_units
    from (
        select person_id, is_before, sessions, engaged_sessions, converting_sessions, orders,
            orders_without_value, gross_revenue
        from labelled where person_id in (select person_id from persons)
        union all by name
        select person_id, unnest([true, false]) as is_before from persons
    ) as of_persons
    group by person_id, is_before
)
select
    ({numerator})::double as numerator, ({denominator})::double as denominator, is_before
from sums order by person_id, is_before
"""


class NoBaselineError(FootfallError):
    """The published tables cannot say what the metric was."""


@dataclass(frozen=True)
class Measured:
    """A baseline and what it was measured over.

    Attributes:
        baseline: of the metric.
        persons: who had a session in the later stretch.
        persons_per_day: new ones a day on average.
    """

    baseline: Baseline
    persons: int
    persons_per_day: float


@cache
def declared_metrics() -> dict[str, dict[str, Any]]:
    """The ratios of `dbt/macros/metrics.sql` that experiments are judged by, by name."""
    return {
        one["name"]: one for one in declared_ratios() if "experiment_results" in one.get("of", ())
    }


def measurable(metric: str) -> bool:
    """Whether sessions and orders alone say what a declared metric was."""
    declared = declared_metrics()[metric]
    names = f"{declared['numerator']} - {declared['denominator']}".split(" - ")
    return set(names) <= set(COUNTS)


def measure(con: duckdb.DuckDBPyConnection, metric: str, days: int) -> Measured:
    """Measure a metric over the last days and the days before them.

    Args:
        con: the published tables.
        metric: a declared one that is `measurable`.
        days: length of each of the two stretches.

    Raises:
        NoBaselineError: too few persons, or the metric is 0 or the same for everybody.
    """
    declared = declared_metrics()[metric]
    numerator, denominator = declared["numerator"], declared["denominator"]
    if declared.get("complement"):
        numerator = f"{denominator} - ({numerator})"
    sql = _SUMS.format(numerator=numerator, denominator=denominator)
    rows = con.execute(sql, {"days": days}).fetchnumpy()
    after = np.flatnonzero(~rows["is_before"])
    persons = len(after)
    if persons < _FEWEST_PERSONS:
        raise NoBaselineError(
            f"plan-experiment: only {persons} persons in the last {days} days, "
            f"{_FEWEST_PERSONS} needed; give --mean and --sd, or more --baseline-days"
        )
    before = np.flatnonzero(rows["is_before"])
    values = [rows[name][at] for at in (after, before) for name in ("numerator", "denominator")]
    ratio = ratio_of_sums(Moments.of(np.stack(values, axis=-1)))
    mean, variance = float(ratio.after), float(ratio.variance[0, 0])
    if not (mean > 0 and variance > 0):
        raise NoBaselineError(
            f"plan-experiment: {metric} was {mean:g} for everybody in the last {days} days; "
            "give --mean and --sd"
        )
    spread = math.sqrt(variance * float(ratio.variance[1, 1]))
    correlation = float(ratio.variance[0, 1]) / spread if spread else 0.0
    return Measured(
        Baseline(mean, math.sqrt(variance * persons), correlation), persons, persons / days
    )

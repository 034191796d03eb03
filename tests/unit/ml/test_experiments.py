"""Results of a partition: which rows there are, what is compared, what is warned of."""

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from ml.experiments import (
    EXPERIMENT_MOMENTS_SCHEMA,
    EXPERIMENT_STATISTICS_SCHEMA,
    NUMBERS,
    ExperimentParams,
    ExperimentPlan,
    analyse_experiments,
    control_of,
)

D = date(2026, 3, 1)
AT = datetime(2026, 2, 1, 12)


def moments_row(variant, values, *, experiment="x", metric="aov", segment="all", **changed):
    """Units' four numbers, (n, 4), as a row of the input."""
    row = {
        "experiment": experiment,
        "segment": segment,
        "metric": metric,
        "variant": variant,
        "units": len(values),
        "assigned_units": len(values),
        "contaminated_units": 0,
        "first_exposed_at": AT,
        "last_exposed_at": AT,
    }
    for a, name in enumerate(NUMBERS):
        row[f"sum_{name}"] = float(values[:, a].sum())
        for b, other in enumerate(NUMBERS[a:], start=a):
            row[f"product_{name}_{other}"] = float((values[:, a] * values[:, b]).sum())
    return row | changed


def units(seed, mean, count=400):
    rng = np.random.default_rng(seed)
    numbers = np.ones((count, 4))
    numbers[:, 0] = rng.normal(mean, 5, count)
    numbers[:, 2] = rng.normal(10, 5, count)
    return numbers


def analysed(*rows, **params):
    table = pa.Table.from_pylist(list(rows), schema=EXPERIMENT_MOMENTS_SCHEMA)
    return analyse_experiments(table, D, ExperimentParams(**params))


def of(run, variant):
    (row,) = (row for row in run.statistics.to_pylist() if row["variant"] == variant)
    return row


def test_every_variant_stands_against_the_control_and_holm_counts_them():
    run = analysed(
        moments_row("control", units(1, 10)),
        moments_row("a", units(2, 10.6)),
        moments_row("b", units(3, 12)),
    )
    control, a, b = (of(run, variant) for variant in ("control", "a", "b"))
    assert (control["is_control"], control["p_value"], control["lift"]) == (True, None, None)
    assert b["control"] == "control"
    assert b["lift"] == pytest.approx((b["mean"] - control["mean"]) / control["mean"], abs=0.01)
    assert b["p_value_adjusted"] == pytest.approx(2 * b["p_value"])
    assert a["p_value_adjusted"] == pytest.approx(max(a["p_value"], 2 * b["p_value"]))
    assert "Holm over 2 variants" in a["method"]
    assert run.statistics.schema == EXPERIMENT_STATISTICS_SCHEMA
    assert run.warning == ""


def test_the_control_is_the_declared_one_else_that_name_else_the_first():
    assert control_of(["b", "a", "control"], ExperimentPlan()) == "control"
    assert control_of(["b", "a"], ExperimentPlan()) == "a"
    assert control_of(["b", "a", "control"], ExperimentPlan(control="b")) == "b"


def test_shares_other_than_planned_are_warned_of_and_planned_ones_are_not():
    rows = [
        moments_row("control", units(1, 10), assigned_units=9000),
        moments_row("treatment", units(2, 10), assigned_units=1000),
    ]
    assert "x (p = " in analysed(*rows).warning
    planned = ExperimentPlan(weights={"control": 90.0, "treatment": 10.0})
    assert analysed(*rows, plans={"x": planned}).warning == ""
    # A variant that nobody planned should have no units at all.
    other = ExperimentPlan(weights={"control": 1.0, "b": 1.0})
    assert of(analysed(*rows, plans={"x": other}), "treatment")["srm_p_value"] == 0


def test_a_variant_without_a_control_has_a_mean_and_no_verdict():
    run = analysed(moments_row("b", units(1, 10)), plans={"x": ExperimentPlan(control="a")})
    assert of(run, "b")["control_units"] == 0
    assert of(run, "b")["mean"] == pytest.approx(10, abs=1)
    assert of(run, "b")["p_value"] is None


def test_planned_units_tune_the_sequential_test():
    rows = [moments_row("control", units(1, 10)), moments_row("b", units(2, 11))]
    late = of(analysed(*rows, plans={"x": ExperimentPlan(units=10**6)}), "b")
    soon = of(analysed(*rows, plans={"x": ExperimentPlan(units=800)}), "b")
    assert soon["p_value_sequential"] < late["p_value_sequential"]
    assert soon["p_value"] == late["p_value"]


def test_the_same_rows_in_any_order_give_the_same_bytes():
    rows = [
        moments_row(variant, units(number, 10), segment=segment)
        for number, variant in enumerate(("control", "b"))
        for segment in ("all", "country=DE")
    ]
    one, other = analysed(*rows), analysed(*reversed(rows))
    assert one.statistics.equals(other.statistics)
    assert one.card_bytes() == other.card_bytes()


def test_no_experiment_gives_no_rows_and_no_metrics():
    run = analysed()
    assert (run.statistics.num_rows, run.metrics, run.warning) == (0, [], "")
    assert run.reason == "no experiment runs"


def test_a_row_that_is_there_twice_or_lacks_a_column_is_refused():
    row = moments_row("control", units(1, 10))
    with pytest.raises(ValueError, match="two rows of x, aov, control"):
        analysed(row, row)
    with pytest.raises(ValueError, match="units"):
        analyse_experiments(EXPERIMENT_MOMENTS_SCHEMA.empty_table().drop(["units"]), D)


@pytest.mark.filterwarnings("error")
def test_a_control_alone_is_compared_with_nothing_and_warns_of_nothing():
    run = analysed(moments_row("control", units(1, 10)))
    assert of(run, "control")["mean"] == pytest.approx(10, abs=1)
    assert run.statistics.num_rows == 1


def test_a_variant_names_the_policy_that_was_declared_for_it():
    rows = [moments_row("control", units(1, 10)), moments_row("b", units(2, 11))]
    run = analysed(*rows, plans={"x": ExperimentPlan(policies={"b": "linucb"})})
    assert (of(run, "control")["policy"], of(run, "b")["policy"]) == (None, "linucb")
    assert of(analysed(*rows), "b")["policy"] is None

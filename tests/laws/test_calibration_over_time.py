"""What was predicted against what happened: the table over partitions that come in any order.

Belongs here: `ml.model_calibration`, `ml.model_versions` and their checks over outputs written by
hand or by chance. Not here: who ordered, as known on a date (`test_law4_…` and the model inputs).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml.calibration import brier, calibration_error, reliability
from tests.dbt_manifest import nodes_of_type
from tests.laws.compiled import Model, models_behind, on_tables
from tests.laws.harness import sorted_rows
from tests.laws.stories import day
from tests.laws.warehouse import Warehouse

Rows = list[dict[str, Any]]
Files = dict[str, dict[date, Rows]]
TABLES = ("model_calibration", "model_versions")
WEEK, CHURN, YEAR = 7, 5, 9
DAYS = [day(number) for number in range(1, 13)]


def files_by_chance(seed: int = 3, persons: int = 24) -> Files:
    """Outputs of two weeks: persons who come and go, probabilities of three kinds among them."""
    rng, files = Random(seed), defaultdict[str, dict[date, Rows]](dict)
    orders = {f"p{n}": sorted(rng.sample(DAYS, rng.randint(1, 5))) for n in range(persons)}
    for today in DAYS:
        known = {p: [d for d in of if d <= today] for p, of in orders.items()}
        buyers = {p: of for p, of in known.items() if of and rng.random() < 0.95}
        files["purchase_propensity"][today] = [
            {"person_id": p, "horizon_days": WEEK, "is_baseline": False,
             "probability": rng.choice([0.25, rng.random(), None]), "model_version": f"b{today}"}
            for p in orders if rng.random() < 0.9
        ]  # fmt: skip
        files["purchase_outcomes"][today] = [
            {"person_id": p, "horizon_days": WEEK}
            for p, of in known.items() if any(d > today - timedelta(WEEK) for d in of)
        ]  # fmt: skip
        files["churn_risk"][today] = [
            {"person_id": p, "horizon_days": CHURN, "no_order_probability": rng.random(),
             "model_version": f"l{today}"}
            for p in buyers
        ]  # fmt: skip
        files["clv_predictions"][today] = [
            {"person_id": p, "horizon_days": YEAR, "expected_orders": 3 * rng.random(),
             "order_days": len(of), "last_order_date": of[-1], "model_version": f"l{today}"}
            for p, of in buyers.items()
        ]  # fmt: skip
        files["model_versions"][today] = [
            {"family": "purchase_propensity", "model": "purchase_propensity",
             "model_version": f"b{today}", "served": rng.choice(["model", "baseline"]),
             "champion": rng.choice(["logistic", "boosting"]), "gate_reason": "so it is"},
            {"family": "lifetime_value", "model": "lifetime_churn", "model_version": f"l{today}",
             "served": "model", "champion": "model", "gate_reason": "so it is"},
        ]  # fmt: skip
    return files


def opened(models: Sequence[Model] | None = None) -> Warehouse:
    warehouse = Warehouse()
    warehouse.models = tuple(models or models_behind(*TABLES))
    warehouse.set_days(dict.fromkeys(DAYS, True))
    return warehouse


def run(warehouse: Warehouse, files: Files, days: Sequence[date]) -> None:
    """Build partitions; a run sees the files of its own days alone, as `select_ml_files` has it."""
    for output, by_day in files.items():
        warehouse.con.execute(f"delete from inputs.{output}")
        rows = [
            {"partition_date": one} | row for one in days or DAYS for row in by_day.get(one, [])
        ]
        if rows:
            warehouse.con.register("rows_of_run", pa.Table.from_pylist(rows))
            warehouse.con.execute(f"insert into inputs.{output} by name from rows_of_run")
            warehouse.con.unregister("rows_of_run")
    warehouse.run(days)


def tables_of(warehouse: Warehouse) -> dict[str, list[str]]:
    return {table: sorted_rows(warehouse, table) for table in TABLES}


def rebuilt(files: Files) -> dict[str, list[str]]:
    warehouse = opened()
    run(warehouse, files, [])
    return tables_of(warehouse)


def found(files: Files) -> dict[tuple[date, str], dict[str, Any]]:
    warehouse = opened()
    run(warehouse, files, [])
    return {(r["partition_date"], r["model"]): r for r in warehouse.rows("model_calibration")}


def without_the_line(model: str, line: str) -> list[Model]:
    """The models, one of which lacks a condition."""
    broken = []
    for one in models_behind(*TABLES):
        if one.name == model:
            assert one.sql.count(line) >= 1
            one = replace(one, sql=one.sql.replace(line, "where false"))
        broken.append(one)
    return broken


def test_measures_are_those_of_the_predictions_and_of_what_happened():
    files = files_by_chance()
    rows = found(files)
    matured = {"purchase_propensity": WEEK, "churn_risk": CHURN, "clv_predictions": YEAR}
    assert set(rows) == {
        (one, model) for model, days in matured.items() for one in DAYS
        if one + timedelta(days) <= DAYS[-1]
    }  # fmt: skip
    for (made, model), row in rows.items():
        later = made + timedelta(matured[model])
        ordered = {one["person_id"] for one in files["purchase_outcomes"][later]}
        value = {one["person_id"]: one for one in files["clv_predictions"][later]}
        before = {one["person_id"]: one for one in files["clv_predictions"][made]}
        pairs, lost = [], 0
        for one in files[model][made]:
            person = one["person_id"]
            if model == "purchase_propensity":
                if one["probability"] is not None:
                    pairs.append((one["probability"], float(person in ordered)))
            elif person not in value:
                lost += 1
            elif model == "churn_risk":
                none = float(value[person]["last_order_date"] <= made)
                pairs.append((one["no_order_probability"], none))
            else:
                more = value[person]["order_days"] - before[person]["order_days"]
                pairs.append((one["expected_orders"], float(more)))
        predicted, observed = (np.array(values) for values in zip(*pairs, strict=True))
        points = reliability(predicted, observed)
        assert (row["persons"], row["persons_not_found"]) == (len(pairs), lost)
        assert row["mean_predicted"] == pytest.approx(predicted.mean(), abs=1e-9)
        assert row["mean_observed"] == pytest.approx(observed.mean(), abs=1e-9)
        assert row["mean_squared_error"] == pytest.approx(
            brier(predicted, observed).mean(), abs=1e-9
        )
        assert row["calibration_error"] == pytest.approx(calibration_error(points), abs=1e-9)
        assert row["group_persons"] == points.counts.tolist()
        assert row["group_predicted"] == pytest.approx(points.predicted.tolist(), abs=1e-9)
        assert row["group_observed"] == pytest.approx(points.observed.tolist(), abs=1e-9)
        assert (row["outcome_date"], row["model_version"]) == (
            later, files[model][made][0]["model_version"],
        )  # fmt: skip
    assert sum(row["persons_not_found"] for row in rows.values()) > 0


def test_partitions_made_in_any_order_and_again_equal_a_rebuild():
    files, chance = files_by_chance(), Random(1)
    warehouse = opened()
    for one in chance.sample(DAYS, len(DAYS)):
        run(warehouse, files, [one])
    again, other = chance.sample(DAYS, 2), files_by_chance(seed=7)
    for output, by_day in files.items():
        files[output] = by_day | {one: other[output][one] for one in again}
    run(warehouse, files, again)
    assert tables_of(warehouse) == rebuilt(files)


def in_order(models: Sequence[Model] | None = None) -> dict[str, list[str]]:
    warehouse, files = opened(models), files_by_chance()
    for one in (DAYS[:6], DAYS[6:9], DAYS[9:]):
        run(warehouse, files, one)
    return tables_of(warehouse)


def test_predictions_that_the_day_tells_the_outcome_of_would_be_missed():
    line = "where partition_date + horizon_days in (select partition_date from partitions)"
    broken = in_order(without_the_line("int_touched_calibration", line))
    assert broken != in_order() == rebuilt(files_by_chance())


def erased(models: Sequence[Model] | None = None) -> tuple[dict[str, list[str]], Files]:
    """Two persons are erased as `erasure_models` does it; then dbt builds the last day."""
    files, gone = files_by_chance(), {"p1", "p2"}
    warehouse = opened(models)
    run(warehouse, files, [])
    for output in ("purchase_propensity", "purchase_outcomes", "churn_risk", "clv_predictions"):
        warehouse.con.execute(f"delete from ml.{output} where person_id in ('p1', 'p2')")
        for one, rows in files[output].items():
            files[output][one] = [row for row in rows if row["person_id"] not in gone]
    warehouse.con.execute("insert into inputs.erasures values (1, '2024-05-30', null, 'u1')")
    run(warehouse, files, [DAYS[-1]])
    return tables_of(warehouse), files


def test_after_an_erasure_nothing_counts_the_erased_as_in_a_rebuild():
    tables, files = erased()
    assert tables == rebuilt(files) != rebuilt(files_by_chance())
    line = next(
        line.strip()
        for line in next(
            one for one in models_behind(*TABLES) if one.name == "int_touched_calibration"
        ).sql.splitlines()
        if "exists" in line
    )
    forgetful, _ = erased(without_the_line("int_touched_calibration", line))
    assert forgetful != tables


def test_a_partition_a_horizon_later_that_was_not_trained_tells_nothing():
    files = files_by_chance()
    for by_day in files.values():
        del by_day[DAYS[9]]
    assert (DAYS[2], "purchase_propensity") in found(files_by_chance())
    assert (DAYS[2], "purchase_propensity") not in found(files)
    assert (DAYS[2], "churn_risk") in found(files)


def test_nobody_who_orders_is_an_outcome_too():
    files = files_by_chance()
    files["purchase_outcomes"][DAYS[8]] = []
    assert found(files)[DAYS[1], "purchase_propensity"]["mean_observed"] == 0.0


def versions(*served: tuple[int, str, str]) -> Files:
    rows = {
        day(number): [{"family": "f", "model": "m", "model_version": "v", "served": side,
                       "champion": champion, "gate_reason": "so it is"}]
        for number, side, champion in served
    }  # fmt: skip
    return {"model_versions": rows}


def test_a_champion_is_known_since_its_first_partition_in_a_row():
    files = versions(
        (1, "model", "a"), (2, "model", "a"), (4, "baseline", "share"), (5, "model", "a"),
        (6, "model", "b"), (7, "model", "b"),
    )  # fmt: skip
    warehouse = opened()
    run(warehouse, files, [])
    rows = {row["partition_date"].day: row for row in warehouse.rows("model_versions")}
    assert {n: row["champion_since_date"].day for n, row in rows.items()} == {
        1: 1, 2: 1, 4: 4, 5: 5, 6: 6, 7: 6,
    }  # fmt: skip
    assert {n for n, row in rows.items() if row["is_champion_changed"]} == {4, 5, 6}


def refused(test: str, warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """What a test of dbt says while a run is under way."""
    code = on_tables(nodes_of_type("test")[test]["compiled_code"])
    return warehouse.con.execute(code).fetchall()


@pytest.mark.parametrize(
    ("probability", "persons", "warned"), [(0.5, 40, False), (0.9, 40, True), (0.9, 4, False)]
)
def test_predictions_that_did_not_come_true_warn_unless_they_are_few(probability, persons, warned):
    """Half of them order."""
    names = [f"p{n}" for n in range(persons)]
    files: Files = {
        "purchase_propensity": {DAYS[0]: [
            {"person_id": p, "horizon_days": WEEK, "probability": probability,
             "model_version": "v"} for p in names
        ]},
        "purchase_outcomes": {DAYS[7]: [{"person_id": p, "horizon_days": WEEK}
                                        for p in names[::2]]},
        "model_versions": {DAYS[7]: [{"family": "purchase_propensity", "model": "m",
                                      "model_version": "w", "served": "model",
                                      "champion": "model", "gate_reason": "so"}]},
    }  # fmt: skip
    warehouse = opened()
    run(warehouse, files, [DAYS[0]])
    run(warehouse, files, [DAYS[7]])
    warehouse.con.execute(
        "create or replace table intermediate.int_touched_partitions as "
        f"select date '{DAYS[7]}' as partition_date"
    )
    told = refused("assert_predictions_come_true", warehouse)
    assert [row[:2] for row in told] == [(DAYS[0], "purchase_propensity")] * warned


OUTPUTS = ("recommendations", "similar_products", "anomaly_scores", "experiment_statistics",
           "model_metrics")  # fmt: skip


@pytest.mark.parametrize(
    ("named", "copies", "said"),
    [("v", 1, []), ("other", 1, [(day(1), "purchase_propensity")]), ("v", 2, [(day(1), "m")])],
)
def test_a_version_that_is_missing_or_there_twice_is_refused(named, copies, said):
    files = versions((1, "model", "a"))
    files["model_versions"][day(1)] *= copies
    files["purchase_propensity"] = {
        one: [{"person_id": "p", "horizon_days": WEEK, "probability": 0.5, "model_version": named}]
        # The second partition is of before versions were kept.
        for one in (day(1), day(2))
    }
    warehouse = opened(models_behind(*TABLES, *OUTPUTS))
    run(warehouse, files, [])
    assert refused("assert_versions_are_complete", warehouse) == said


def test_what_is_compared_is_sound_and_a_share_above_one_is_refused():
    warehouse = opened()
    run(warehouse, files_by_chance(), [])
    assert refused("assert_calibration_is_sound", warehouse) == []
    broken = (DAYS[0], "churn_risk")
    warehouse.con.execute(
        "update ml.model_calibration set mean_predicted = 1.5 "
        "where partition_date = ? and model = ?", list(broken),
    )  # fmt: skip
    assert refused("assert_calibration_is_sound", warehouse) == [broken]

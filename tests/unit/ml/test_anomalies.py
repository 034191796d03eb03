"""A partition's anomaly scores: what is scored, law 4, the card."""

import hashlib
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.anomalies import ANOMALY_SCORES_SCHEMA, KPIS_SCHEMA, AnomalyRun, score_anomalies
from ml.anomaly_files import FILE_ACCESSES_SCHEMA
from ml.anomaly_logins import LOGINS_SCHEMA
from ml.cards import metrics_table
from tests.unit.ml import file_simulation
from tests.unit.ml.login_simulation import simulate
from tests.unit.ml.other_processes import printed

AS_OF = date(2026, 3, 5)
NO_FILES = FILE_ACCESSES_SCHEMA.empty_table()
NO_LOGINS = LOGINS_SCHEMA.empty_table()


def kpis(days: int = 80, spike: float = 1.0) -> pa.Table:
    rng = np.random.default_rng(0)
    rows = []
    for metric in ("orders", "sessions"):
        for back in range(days):
            day = AS_OF - timedelta(days=back)
            value = 100 + 20 * (day.weekday() >= 5) + rng.normal(0, 3)
            if metric == "orders" and back == 0:
                value *= spike
            rows.append({"report_date": day, "metric": metric, "value": value})
    return pa.Table.from_pylist(rows, schema=KPIS_SCHEMA)


def digest(run: AnomalyRun) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, run.scores.schema) as writer:
        writer.write_table(run.scores.combine_chunks())
    return hashlib.sha256(run.card_bytes() + sink.getvalue().to_pybytes()).hexdigest()


@pytest.fixture(scope="module")
def logins() -> pa.Table:
    return simulate(persons=60, seed=1)[0]


@pytest.fixture(scope="module")
def accesses() -> pa.Table:
    return file_simulation.simulate(seed=1, departments=2, size=4)[0]


@pytest.fixture(scope="module")
def run(logins: pa.Table, accesses: pa.Table) -> AnomalyRun:
    return score_anomalies(logins, accesses, kpis(spike=1.5), AS_OF)


def test_what_is_to_be_scored_and_the_days_kpis_are_there(
    run: AnomalyRun, logins: pa.Table, accesses: pa.Table
) -> None:
    assert run.scores.schema == ANOMALY_SCORES_SCHEMA
    rows = run.scores.to_pylist()
    scored = {r["event_key"] for r in logins.to_pylist() if r["is_scored"]}
    assert {r["event_key"] for r in rows if r["entity_type"] == "login"} == scored
    tried = {(r["network"], r["event_ts"].date()) for r in logins.to_pylist()
             if r["is_scored"] and not r["succeeded"]}  # fmt: skip
    assert (
        {(r["entity_id"], r["date"]) for r in rows if r["entity_type"] == "network"}
        == tried
        != set()
    )
    of_files = [r for r in rows if r["entity_type"] == "file_access"]
    assert {(r["entity_id"], r["date"]) for r in of_files} == {
        (r["person_id"], r["event_ts"].date()) for r in accesses.to_pylist() if r["is_scored"]
    }
    by_metric = {r["entity_id"]: r for r in rows if r["entity_type"] == "kpi"}
    assert set(by_metric) == {"orders", "sessions"}
    assert by_metric["orders"]["is_anomaly"]
    assert not by_metric["sessions"]["is_anomaly"]
    assert all(r["date"] == AS_OF for r in by_metric.values())
    assert all(0 < r["p_value"] <= 1 for r in rows)


def test_evidence_is_the_login_and_an_earlier_one_of_the_person(
    run: AnomalyRun, logins: pa.Table
) -> None:
    by_key = {r["event_key"]: r for r in logins.to_pylist()}
    for row in run.scores.to_pylist():
        if row["entity_type"] != "login":
            assert bool(row["evidence_event_keys"]) == (row["entity_type"] != "kpi")
            continue
        first, *rest = row["evidence_event_keys"]
        assert first == row["event_key"]
        for key in rest:
            usual = by_key[key]
            assert usual["person_id"] == row["entity_id"]
            assert usual["succeeded"]
            assert (usual["event_ts"], key) < (by_key[first]["event_ts"], first)


def test_row_order_does_not_change_a_byte(
    run: AnomalyRun, logins: pa.Table, accesses: pa.Table
) -> None:
    values = kpis(spike=1.5)
    rng = np.random.default_rng(0)
    again = score_anomalies(
        logins.take(rng.permutation(logins.num_rows)),
        accesses.take(rng.permutation(accesses.num_rows)),
        values.take(rng.permutation(values.num_rows)),
        AS_OF,
    )
    assert digest(again) == digest(run)


def test_later_kpis_and_older_logins_do_not_change_a_byte(
    run: AnomalyRun, logins: pa.Table, accesses: pa.Table
) -> None:
    later = pa.Table.from_pylist(
        [{"report_date": AS_OF + timedelta(days=1), "metric": "orders", "value": 1.0}],
        schema=KPIS_SCHEMA,
    )
    old = logins.slice(0, 1).to_pylist()[0] | {
        "event_key": "old",
        "event_ts": datetime.combine(AS_OF - timedelta(days=90), datetime.min.time()),
    }
    more = pa.concat_tables([logins, pa.Table.from_pylist([old], schema=LOGINS_SCHEMA)])
    again = score_anomalies(more, accesses, pa.concat_tables([kpis(spike=1.5), later]), AS_OF)
    assert digest(again) == digest(run)


def test_two_processes_with_other_hash_seeds_give_the_same_bytes() -> None:
    code = (
        "from test_anomalies import AS_OF, digest, file_simulation, kpis, score_anomalies\n"
        "from test_anomalies import simulate\n"
        "files = file_simulation.simulate(seed=1, departments=2, size=3)[0]\n"
        "print(digest(score_anomalies(simulate(persons=20)[0], files, kpis(), AS_OF)))\n"
    )
    seen = {printed(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(seen) == 1


def test_a_missing_value_of_the_day_gives_no_score() -> None:
    values = kpis().to_pylist()
    for row in values:
        if row["metric"] == "orders" and row["report_date"] == AS_OF:
            row["value"] = None
    run = score_anomalies(
        NO_LOGINS, NO_FILES, pa.Table.from_pylist(values, schema=KPIS_SCHEMA), AS_OF
    )
    assert run.scores["entity_id"].to_pylist() == ["sessions"]


def test_measures_come_with_their_baseline(run: AnomalyRun) -> None:
    table = metrics_table(run.metrics)
    names = set(zip(table["model"].to_pylist(), table["metric"].to_pylist(), strict=True))
    assert ("kpi_series", "forecast_accuracy") in names
    assert ("login_surprise", "alert_rate") in names
    assert ("login_surprise", "share_p_below_0.05") in names
    assert ("file_surprise", "alert_rate") in names
    assert ("file_surprise", "share_p_below_0.05") in names
    assert set(run.scores["model_version"].to_pylist()) == {run.card["version"]}


def test_scores_that_are_spread_as_before_are_no_drift_and_others_are(
    run: AnomalyRun, logins: pa.Table, accesses: pa.Table
) -> None:
    told = {one.name: one for one in run.shifts}
    assert not told["login_surprise"].is_beyond
    scored = logins["is_scored"]
    for column in ("country", "device"):
        elsewhere = pc.if_else(scored, pa.scalar("elsewhere"), logins[column])
        logins = logins.set_column(logins.column_names.index(column), column, elsewhere)
    moved = score_anomalies(logins, accesses, kpis(), AS_OF)
    assert {one.name for one in moved.shifts if one.is_beyond} == {"login_surprise"}
    (row,) = (
        row for row in moved.metrics
        if (row["model"], row["metric"]) == ("login_surprise", "psi_score")
    )  # fmt: skip
    assert row["value"] > row["baseline_value"] >= 0.25


def test_nothing_to_score_gives_empty_tables() -> None:
    run = score_anomalies(NO_LOGINS, NO_FILES, KPIS_SCHEMA.empty_table(), AS_OF)
    assert run.scores.num_rows == 0
    assert run.scores.schema == ANOMALY_SCORES_SCHEMA
    assert run.card["data"]["from"] is None


def test_two_values_of_a_day_are_refused() -> None:
    values = kpis(3)
    with pytest.raises(ValueError, match="two values"):
        score_anomalies(NO_LOGINS, NO_FILES, pa.concat_tables([values, values]), AS_OF)

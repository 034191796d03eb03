"""An anomaly can be explained: its evidence is in the warehouse, its parts add up to its score."""

import random
import re
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dagster_project import model_inputs, training
from dagster_project.ingest.config import load_settings
from dagster_project.model_inputs import ModelInputs
from dagster_project.model_outputs import output_folder
from dagster_project.state import StatePaths
from ml.anomalies import score_anomalies
from ml.anomaly_files import FILE_ACCESSES_SCHEMA, PARTS
from ml.anomaly_logins import FEATURES, LOGINS_SCHEMA
from tests.laws import stories
from tests.laws.compiled import models_behind
from tests.laws.model_shop import D, arriving, load, the_shop_up_to_d, what_arrives_later
from tests.laws.stories import day
from tests.laws.warehouse import Warehouse

# The day on which log-ins from elsewhere arrive, late, and pages that somebody read one a minute.
LATE = day(21)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    warehouse = Warehouse()
    load(warehouse, the_shop_up_to_d(), [day(number) for number in range(1, 21)])
    for arrived, rows in what_arrives_later():
        load(warehouse, rows, [arrived])
    yield warehouse
    warehouse.con.close()


@pytest.fixture(scope="module")
def scores(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of D and of the day after, as written."""
    home = tmp_path_factory.mktemp("state")
    (home / "footfall.yml").write_text("sources: {}\n")
    paths = StatePaths(Path(home))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_inputs, "opened", lambda _: nullcontext(ModelInputs(warehouse.con, 0)))
        training.score_anomalies(paths, load_settings(paths.settings_file), [D, LATE])
    return [
        row
        for one in (D, LATE)
        for row in pq.read_table(
            output_folder(paths, "anomaly_scores", one) / "part.parquet"
        ).to_pylist()
    ]


def evidence_of(warehouse: Warehouse, row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The events that a score names, by their key; all of them are in the warehouse."""
    found = warehouse.con.execute(
        # The CRM showed before D that u2 and u6 are one, of whom u2 is the older account.
        "select event_key, arrival_date, event_ts, event_name,"
        " md5('user' || chr(31) || if(user_id = 'u6', 'u2', user_id)) as person_id"
        " from core.fct_events where list_contains(?::varchar[], event_key)",
        [row["evidence_event_keys"]],
    ).to_arrow_table()
    events = {event["event_key"]: event for event in found.to_pylist()}
    assert events.keys() == set(row["evidence_event_keys"])
    return events


def test_evidence_had_arrived_by_the_partition_and_is_of_the_person(warehouse, scores):
    logins = [row for row in scores if row["entity_type"] == "login"]
    # 24 persons log in on D; on the day after arrive 24 late log-ins and 5 failed ones.
    assert len(logins) == 24 + 29
    for row in logins:
        events = evidence_of(warehouse, row)
        scored, *usual = row["evidence_event_keys"]
        assert scored == row["event_key"]
        assert events[scored]["arrival_date"] == row["partition_date"]
        for key, event in events.items():
            assert event["arrival_date"] <= row["partition_date"]
            assert event["person_id"] == row["entity_id"]
            assert key in usual or event["event_ts"].date() == row["date"]


def test_the_parts_of_a_log_ins_explanation_add_up_to_its_score(scores):
    for row in (row for row in scores if row["entity_type"] == "login"):
        said = row["explanation"].split(" nats = ")
        parts = dict(re.findall(r"(\w+) (\d+\.\d{3})", said[1]))
        assert set(parts) == set(FEATURES)
        assert sum(map(float, parts.values())) == pytest.approx(row["score"], abs=1e-9)
        assert said[0].endswith(f"Surprise {row['score']:.3f}")


def test_log_ins_from_elsewhere_score_above_the_usual_ones_and_say_why(scores):
    logins = [row for row in scores if row["entity_type"] == "login"]
    usual = [row for row in logins if row["partition_date"] == D]
    elsewhere = [row for row in logins if " country BR is new" in row["explanation"]]
    # The second one of the person with two accounts is from a country that the first has shown.
    assert len(elsewhere) == 24 - 1
    assert all("last usual login: DE" in row["explanation"] for row in elsewhere)
    assert min(row["score"] for row in elsewhere) > max(row["score"] for row in usual)


def test_a_day_of_file_access_is_of_the_person_and_its_evidence_of_the_day(warehouse, scores):
    days = [row for row in scores if row["entity_type"] == "file_access"]
    # 24 accounts of 23 persons on D; on the day after, one of them opened files on the 19th.
    assert [row["date"] for row in days] == [D] * 23 + [day(19)]
    for row in days:
        for event in evidence_of(warehouse, row).values():
            assert event["person_id"] == row["entity_id"]
            assert event["event_ts"].date() == row["date"]
            assert event["event_name"] == "file_accessed"
        parts = re.findall(r"(\w+) (\d+\.\d{3})", row["explanation"].split(" nats = ")[1])
        assert {name for name, _ in parts} == set(PARTS)
        assert sum(float(value) for _, value in parts) == pytest.approx(row["score"], abs=1e-9)
    # With what is known on the day after, twelve more in four teams' folders.
    assert days[-1]["score"] > max(row["score"] for row in days[:-1])
    assert "14 accesses (usual day: 2.0)" in days[-1]["explanation"]
    assert "/team" in days[-1]["explanation"]


def test_a_days_kpi_says_what_was_counted_and_its_score(warehouse, scores):
    kpis = [row for row in scores if row["entity_type"] == "kpi" and row["partition_date"] == D]
    # Page views, product views and visitors have values that are not 0.
    assert {"page_views", "product_views", "visitors"} <= {row["entity_id"] for row in kpis}
    # Twelve read on: 3 pages more, and of 5 in turn 1, 0, 4, 3, 2 more than that.
    counted = {"page_views": 48 + 12 * 3 + 21, "product_views": 96, "visitors": 48}
    for row in kpis:
        assert row["date"] == D
        assert row["explanation"].endswith(f"Distance {row['score']:.3f} usual deviations")
        if row["entity_id"] in counted:
            was = f"{row['entity_id']} was {counted[row['entity_id']]} on {D}"
            assert row["explanation"].startswith(was)


def test_a_session_is_of_its_visitor_and_its_evidence_are_its_views(warehouse, scores):
    sessions = [row for row in scores if row["entity_type"] == "session"]
    assert {row["partition_date"] for row in sessions} == {LATE}
    for row in sessions:
        events = evidence_of(warehouse, row)
        assert row["event_key"] in events
        assert {event["event_name"] for event in events.values()} == {"page_viewed"}
        assert {event["event_ts"].date() for event in events.values()} == {row["date"]}
        assert all(event["arrival_date"] <= row["partition_date"] for event in events.values())
        said, sums = row["explanation"].split(" nats = ")
        assert f"Surprise {row['score']:.3f}" in said
        parts = [float(one) for one in re.findall(r"\d+\.\d{3}", sums)]
        assert sum(parts) == pytest.approx(row["score"], abs=1e-9)


def test_orders_of_one_device_that_are_worth_less_explain_the_order_value():
    """From events to words: 220 orders a day; on D those of phones are worth a third."""
    chance, warehouse = random.Random(3), Warehouse()
    warehouse.models = models_behind("ml_kpi_series", "ml_kpi_series_by_dimension")
    for number in range(2, 21):
        rows = []
        for nth in range(220):
            device = "mobile" if chance.random() < 0.6 else "desktop"
            value = chance.lognormvariate(4, 0.3) / (
                3 if number == 20 and device == "mobile" else 1
            )
            key = f"{number}-{nth}"
            rows.append(
                stories.event(
                    key,
                    "order_completed",
                    f"{number:02} 10:00",
                    f"v{key}",
                    order_id=key,
                    device_type=device,
                    revenue=Decimal(round(value * 100)) / 100,
                    currency="EUR",
                )
            )
        load(warehouse, arriving(day(number), rows), [day(number)])
    inputs = ModelInputs(warehouse.con, 0)
    run = score_anomalies(
        LOGINS_SCHEMA.empty_table(),
        FILE_ACCESSES_SCHEMA.empty_table(),
        inputs.read("ml_kpi_series", D, 180),
        D,
        by_dimension=inputs.read("ml_kpi_series_by_dimension", D, 180),
    )
    warehouse.con.close()
    rows = {(row["entity_type"], row["entity_id"]): row for row in run.scores.to_pylist()}
    # The conversion is 1 each day, and nobody was shown anything.
    assert {name for kind, name in rows if kind == "kpi"} >= {"aov", "visitor_conversion_rate"}
    assert ("kpi", "ctr") not in rows
    flagged = [name for (kind, name), row in rows.items() if kind == "kpi" and row["is_anomaly"]]
    assert flagged == ["aov"]
    said = rows["kpi", "aov"]["explanation"]
    assert re.search(r"the ratio within device_type mobile -\d+\.\d+ \(", said)
    assert said.endswith("explained by rate")

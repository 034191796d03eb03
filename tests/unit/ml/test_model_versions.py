"""Rows of versions: what a card and its gates say of each model."""

import hashlib
from dataclasses import replace
from datetime import date

import pytest

from ml.cards import make_card
from ml.gate import GateDecision
from ml.model_versions import MODEL_VERSIONS_SCHEMA, version_rows

D = date(2026, 11, 25)
BETTER = GateDecision("model", "model: by far", "ndcg@10", 0.5, 0.25, 40, 0.125)
NOT_COMPARED = GateDecision("baseline", "baseline: too little history", "ndcg@10", 0.0, 0.0, 0)


def card(**more):
    made = make_card(
        name="lifetime",
        version="lifetime-0123",
        code_version="2",
        as_of=D,
        data_from=date(2026, 11, 1),
        data_to=D,
        data_fingerprint="abc",
        params={"churn_days": 90},
        metrics=[],
        baseline="the rule",
        served="baseline",
        gate_reason="all in all: the rule",
        counts={"persons": 3, "order_days": 7},
    )
    return made | more


def rows(of_card, gates):
    table = version_rows(
        "lifetime_value", of_card, gates, log_sha256="fed", card_path="models/x/card.json"
    )
    assert table.schema == MODEL_VERSIONS_SCHEMA
    return table.to_pylist()


def test_each_gated_model_has_a_row_with_the_figures_of_its_gate():
    orders, value = rows(card(), {"lifetime_value": NOT_COMPARED, "lifetime_orders": BETTER})
    assert (orders["model"], value["model"]) == ("lifetime_orders", "lifetime_value")
    assert (orders["served"], orders["gate_value"], orders["gate_baseline_value"]) == (
        "model", 0.5, 0.25,
    )  # fmt: skip
    assert (orders["gate_units"], orders["gate_standard_error"]) == (40, 0.125)
    assert orders["gate_reason"] == "model: by far"
    assert (value["served"], value["gate_units"]) == ("baseline", 0)


def test_where_nothing_was_compared_there_are_no_figures():
    (row,) = rows(card(), {"": NOT_COMPARED})
    assert row["gate_value"] is None
    assert row["gate_baseline_value"] is None
    (compared,) = rows(card(), {"": replace(NOT_COMPARED, pairs=5)})
    assert compared["gate_value"] == 0.0


def test_without_a_gate_the_card_itself_says_what_is_served():
    (row,) = rows(card(), {})
    assert (row["model"], row["served"]) == ("lifetime_value", "baseline")
    assert (row["gate_reason"], row["gate_metric"]) == ("all in all: the rule", None)


def test_the_row_says_what_the_version_was_made_of():
    (row,) = rows(card(), {"": BETTER})
    assert (row["model_version"], row["code_version"]) == ("lifetime-0123", "2")
    assert (row["data_from"], row["data_to"]) == (date(2026, 11, 1), D)
    assert row["data_counts"] == '{"order_days":7,"persons":3}'
    assert row["params_sha256"] == hashlib.sha256(b'{"churn_days":90}').hexdigest()
    assert (row["log_sha256"], row["card_path"]) == ("fed", "models/x/card.json")


def test_other_settings_have_another_hash():
    (row,) = rows(card(), {"": BETTER})
    (other,) = rows(card(params={"churn_days": 91}), {"": BETTER})
    assert row["params_sha256"] != other["params_sha256"]


@pytest.mark.parametrize(("named", "champion"), [({"champion": "logistic"}, "logistic"),
                                                 ({}, "model")])  # fmt: skip
def test_the_champion_is_named_where_a_family_has_several(named, champion):
    assert rows(card(**named), {"": BETTER})[0]["champion"] == champion


def test_no_data_has_no_dates():
    nothing = {"from": None, "to": None, "fingerprint": "0", "persons": 0}
    (row,) = rows(card(data=nothing), {"": NOT_COMPARED})
    assert (row["data_from"], row["data_to"], row["data_counts"]) == (None, None, '{"persons":0}')

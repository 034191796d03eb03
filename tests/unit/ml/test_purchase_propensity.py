"""Purchase likelihood: who is served what, contributions that add up, nothing of the future."""

import hashlib
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from ml.drift import say
from ml.purchase_propensity import (
    FEATURES,
    PURCHASE_EXAMPLES_SCHEMA,
    PurchaseParams,
    PurchaseRun,
    score_purchases,
)

AS_OF = date(2026, 3, 1)
HORIZON = 7


def examples(persons: int = 300, cuts: int = 5, seed: int = 0, hidden: bool = False) -> pa.Table:
    """Persons whose chance of an order follows cart additions and silence.

    `hidden`: a cart addition raises it, but only up to the second, and views have an optimum.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(cuts + 1):
        table = {name: rng.poisson(2.0, persons) for name in FEATURES}
        adds, silent = rng.poisson(1.0, persons), rng.integers(0, 30, persons)
        views = rng.integers(0, 40, persons)
        table |= {"cart_adds_7": adds, "days_since_seen": silent, "product_views_30": views}
        log_odds = -2.0 + 1.5 * np.log1p(adds) - 0.8 * np.log1p(silent) + 0.5
        if hidden:
            log_odds = -3.0 + 3.0 * ((views > 10) & (views < 20)) + 1.0 * (adds > 0)
        ordered = rng.random(persons) < 1 / (1 + np.exp(-log_odds))
        columns = {
            "cut_date": [AS_OF - timedelta(days=number * HORIZON)] * persons,
            "person_id": [f"p{n:04}" for n in range(persons)],
            "horizon_days": [HORIZON] * persons,
            **table,
            "ordered": [None] * persons if number == 0 else ordered.tolist(),
        }
        parts.append(pa.table(columns).select(PURCHASE_EXAMPLES_SCHEMA.names)
                     .cast(PURCHASE_EXAMPLES_SCHEMA))  # fmt: skip
    return pa.concat_tables(parts)


def digest(run: PurchaseRun) -> str:
    rows = repr(run.propensity.to_pylist()).encode()
    return hashlib.sha256(run.card_bytes() + rows).hexdigest()


def with_column(table: pa.Table, name: str, values: object) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.array(values, table.schema.field(name).type))


@pytest.fixture(scope="module")
def known() -> pa.Table:
    return examples()


@pytest.fixture(scope="module")
def run(known: pa.Table) -> PurchaseRun:
    return score_purchases(known, AS_OF)


def measures(run: PurchaseRun) -> dict[tuple[str, str], tuple[float, float]]:
    return {(m["model"], m["metric"]): (m["value"], m["baseline_value"]) for m in run.metrics}


def test_what_is_linear_is_served_by_logistic_regression(run):
    assert run.gate.served == "model", run.gate.reason
    assert run.card["champion"] == "logistic"
    found = measures(run)["purchase_logistic", "brier"]
    assert found[0] < found[1]
    assert measures(run)["purchase_logistic", "area_under_curve"][0] > 0.7
    assert measures(run)["purchase_logistic", "calibration_error"][0] < 0.1


def test_who_is_scored_is_compared_with_who_was_learned_from(known):
    alike = score_purchases(known, AS_OF)
    assert {one.name for one in alike.shifts} == {*FEATURES, "probability"}
    assert say(alike.shifts) == ""
    column = known["cart_adds_7"].to_numpy() + 2 * (known["cut_date"].to_numpy() == AS_OF)
    moved = score_purchases(with_column(known, "cart_adds_7", column), AS_OF)
    found = measures(moved)["purchase", "psi_cart_adds_7"]
    assert found[0] > found[1] == 0.25
    assert {one.name for one in moved.shifts if one.is_beyond} == {"cart_adds_7", "probability"}
    assert "cart_adds_7 (PSI " in say(moved.shifts)


def test_what_has_an_optimum_is_served_by_boosting():
    run = score_purchases(examples(hidden=True, persons=500), AS_OF)
    assert run.card["champion"] == "boosting", run.gate.reason
    assert run.gate.reason.startswith("boosting:")
    _assert_contributions_add_up(run)


def _assert_contributions_add_up(run: PurchaseRun) -> None:
    for row in run.propensity.to_pylist():
        assert len(row["contributions"]) == len(run.card["features"]) == len(FEATURES)
        log_odds = row["base_log_odds"] + sum(row["contributions"])
        assert row["probability"] == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-12)


def test_contributions_add_up_to_the_score_and_the_words_name_facts(run, known):
    _assert_contributions_add_up(run)
    today = {row["person_id"]: row for row in known.to_pylist() if row["cut_date"] == AS_OF}
    for row in run.propensity.to_pylist()[::29]:
        reasons = row["explanation"].split("; ")
        assert reasons[-1] == f"from {row['base_log_odds']:+.2f}"
        ranked = np.argsort(-np.abs(row["contributions"]), kind="stable")[:3]
        names = list(FEATURES)
        said = [
            f"{FEATURES[names[k]].format(today[row['person_id']][names[k]])} "
            f"{row['contributions'][k]:+.2f}"
            for k in ranked.tolist()
        ]
        assert reasons[:3] == said
        numbers = [float(one.rsplit(" ", 1)[1]) for one in reasons]
        # Five numbers of two digits.
        assert sum(numbers) == pytest.approx(
            row["base_log_odds"] + sum(row["contributions"]), abs=0.026
        )


def test_a_planted_column_of_the_future_is_not_reachable(known, run):
    """The outcome itself, under a name of its own, in every row."""
    told = [bool(one) for one in known["ordered"].to_pylist()]
    planted = known.append_column("orders_next_week", pa.array(told))
    assert digest(score_purchases(planted, AS_OF)) == digest(run)


def test_an_outcome_that_was_not_over_is_refused(known):
    ordered = known["ordered"].to_pylist()
    ordered[0] = True
    with pytest.raises(ValueError, match="outcome of the 7 days after 2026-03-01 was not known"):
        score_purchases(with_column(known, "ordered", ordered), AS_OF)


def test_the_last_outcomes_change_no_prediction_of_theirs(known, run):
    """Those of the cut that is predicted: turned round, the points' predictions stay."""
    last = AS_OF - timedelta(days=HORIZON)
    rows = known.to_pylist()
    turned = [not r["ordered"] if r["cut_date"] == last else r["ordered"] for r in rows]
    after = score_purchases(with_column(known, "ordered", turned), AS_OF)
    for name in ("logistic", "boosting"):
        before, now = (one.card["calibration"][name] for one in (run, after))
        assert [p["predicted"] for p in now] == [p["predicted"] for p in before]
        assert [p["observed"] for p in now] != [p["observed"] for p in before]
    assert after.gate.served == "baseline"
    assert after.gate.model_value < run.gate.model_value


def test_the_order_of_rows_and_threads_change_nothing(known, run):
    turned = known.take(pa.array(np.random.default_rng(1).permutation(known.num_rows)))
    for threads in (1, 2):
        with threadpool_limits(threads):
            assert digest(score_purchases(turned, AS_OF)) == digest(run)


@pytest.mark.parametrize(
    ("table", "said", "chance"),
    [
        (examples(persons=0), "0 of 0 persons", None),
        (examples(persons=40, cuts=0), "0 of 0 persons", None),
        (examples(persons=1), "needed", 0.0),
        (with_column(examples(), "ordered", [None] * 300 + [False] * 1500), "0 of 1200", 0.0),
        (with_column(examples(), "ordered", [None] * 300 + [True] * 1500), "1200 of 1200", 1.0),
    ],
    ids=["nobody", "no outcome yet", "one person", "nobody orders", "everybody orders"],
)
def test_where_nothing_can_be_learned_the_share_is_served(table, said, chance):
    run = score_purchases(table, AS_OF)
    assert run.gate.served == "baseline"
    assert said in run.gate.reason
    rows = run.propensity.to_pylist()
    assert {row["probability"] for row in rows} <= {chance}
    assert all(row["is_baseline"] and row["contributions"] == [] for row in rows)
    if rows and chance is None:
        assert rows[0]["explanation"] == "no outcome is known yet"


def test_a_model_that_is_no_better_is_not_served():
    noise = examples(seed=2)
    chance = np.random.default_rng(3).random(1500) < 0.2
    run = score_purchases(with_column(noise, "ordered", [None] * 300 + chance.tolist()), AS_OF)
    assert run.gate.served == "baseline", run.gate.reason
    share = run.propensity.to_pylist()[0]["probability"]
    assert share == pytest.approx(chance.mean())


def test_features_that_never_vary_do_no_harm(known):
    flat = with_column(known, "checkouts_30", [0] * known.num_rows)
    rows = score_purchases(flat, AS_OF).propensity.to_pylist()
    place = list(FEATURES).index("checkouts_30")
    assert {row["contributions"][place] for row in rows} == {0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["cart_adds_7"]), "lack the columns cart_adds_7"),
        (lambda t: pa.concat_tables([t, t.slice(0, 2)]), "2 persons have two rows of a cut"),
        (lambda t: with_column(t, "cart_adds_7", [None] + [1] * (t.num_rows - 1)),
         "1 rows without cart_adds_7"),
        (lambda t: with_column(t, "cart_adds_7", [-1] * t.num_rows), "a cart_adds_7 below 0"),
    ],
)  # fmt: skip
def test_examples_that_cannot_be_are_told(known, change, said):
    with pytest.raises(ValueError, match=said):
        score_purchases(change(known), AS_OF)


def test_scikit_learn_is_imported_only_where_there_is_something_to_learn():
    """It takes a second or two, which a small day has no use for."""
    code = (
        "import sys; from datetime import date\n"
        "from ml.purchase_propensity import PURCHASE_EXAMPLES_SCHEMA, score_purchases\n"
        "score_purchases(PURCHASE_EXAMPLES_SCHEMA.empty_table(), date(2026, 3, 1))\n"
        "assert 'sklearn' not in sys.modules"
    )
    repository = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, env=dict(os.environ),
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_share_of_the_examples_is_learned_from_where_there_are_too_many(known, run):
    fewer = score_purchases(known, AS_OF, PurchaseParams(max_examples=900))
    assert fewer.gate.served == "model"
    assert fewer.card["data"]["examples"] == run.card["data"]["examples"] == 1500
    ours, theirs = (
        [row["probability"] for row in one.propensity.to_pylist()] for one in (fewer, run)
    )
    assert ours != theirs
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9


def test_fewer_persons_than_needed_are_told():
    run = score_purchases(examples(), AS_OF, PurchaseParams(min_persons=301))
    assert "300 to compare" in run.gate.reason
    # Nothing was compared, so that no value of the measure is one.
    assert run.gate.pairs == 0

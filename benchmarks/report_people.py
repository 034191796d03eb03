"""Orders, value, churn, choices and experiments: lines of the models' report.

Belongs here: the protocol of each line. Not here: the table (`models_report`), the models.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.report_line import Line, difference, of_gate, paired
from ml.gate import GateDecision
from ml.likelihood import Z_95


def _receipts(data: Path) -> pd.DataFrame:
    """Sales of known customers: person_id, product_id, order_date, value."""
    files = sorted((data / "orders_online_retail" / "by-day").glob("*.csv.gz"))
    rows = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    rows = rows.dropna(subset=["CustomerID"])
    quantity, price = rows["Quantity"].astype(float), rows["UnitPrice"].astype(float)
    sold = ~rows["InvoiceNo"].str.startswith("C") & (quantity >= 0) & (price >= 0)
    return pd.DataFrame(
        {
            "person_id": rows["CustomerID"].str.removesuffix(".0"),
            "product_id": rows["StockCode"],
            "order_date": pd.to_datetime(rows["InvoiceDate"]).dt.date,
            "value": quantity * price,
        }
    )[sold]


def _purchase_examples(dates: pd.DataFrame, as_of: date) -> pa.Table:
    """What `ml_purchase_examples` gives where orders are all that a source tells."""
    from ml.purchase_propensity import PURCHASE_EXAMPLES_SCHEMA

    day = pd.to_datetime(dates["order_date"])
    tables = []
    for weeks in range(9):
        cut = pd.Timestamp(as_of) - pd.Timedelta(days=7 * weeks)
        ago = (cut - day).dt.days
        window = dates.assign(ago=ago)[(ago >= 0) & (ago < 30)]
        seen = window.groupby("person_id")["ago"].agg(days_since_seen="min", active_days_30="count")
        week = window[window["ago"] < 7].groupby("person_id").size()
        after = set(dates["person_id"][(ago < 0) & (ago >= -7)])
        seen["active_days_7"] = week.reindex(seen.index).fillna(0).astype(int)
        seen["order_days_30"] = seen["active_days_30"]
        seen["days_since_order"] = seen["days_since_seen"]
        table = seen.reset_index().assign(
            cut_date=cut.date(), horizon_days=7, days_since_cart_add=30,
            ordered=[who in after if weeks else None for who in seen.index],
        )  # fmt: skip
        for column in PURCHASE_EXAMPLES_SCHEMA.names:
            if column not in table:
                table[column] = 0
        tables.append(table[PURCHASE_EXAMPLES_SCHEMA.names])
    return pa.concat_tables(
        pa.Table.from_pandas(table, schema=PURCHASE_EXAMPLES_SCHEMA, preserve_index=False)
        for table in tables
    )


def retailer(data: Path) -> Iterator[Line]:
    """Recommendations, orders and purchase likelihood of a retailer whose file has orders alone."""
    from ml.interactions import INTERACTIONS_SCHEMA
    from ml.lifetime_value import predict_lifetime_value
    from ml.order_histories import ORDER_DATES_SCHEMA
    from ml.purchase_propensity import score_purchases
    from ml.recommendations import BOUGHT_SCHEMA, RecommendationParams, recommend_partition

    sold = _receipts(data)
    as_of = max(sold["order_date"])
    name = f"British gift retailer, as of {as_of}"
    recent = sold[sold["order_date"] > as_of - timedelta(days=180)]
    counts = recent.groupby(["person_id", "product_id", "order_date"]).size().reset_index(name="n")
    bought = counts.rename(columns={"order_date": "event_date"}).assign(interaction="order")
    run = recommend_partition(
        pa.Table.from_pandas(bought[INTERACTIONS_SCHEMA.names], schema=INTERACTIONS_SCHEMA),
        BOUGHT_SCHEMA.empty_table(),
        as_of,
        RecommendationParams(),
    )
    yield of_gate("recommendations (ALS)", name, run.gate, "popularity")

    dates = sold.groupby(["person_id", "order_date"], as_index=False)["value"].sum()
    orders = pa.Table.from_pandas(dates, preserve_index=False).cast(ORDER_DATES_SCHEMA)
    yield from _lifetime(name, predict_lifetime_value(orders, as_of).validation.gates)
    gate = score_purchases(_purchase_examples(dates, as_of), as_of).gate
    yield of_gate("purchase likelihood", name, gate, "the share")


def _lifetime(data: str, gates: Mapping[str, GateDecision]) -> Iterator[Line]:
    rules = {"orders": "own rate", "value": "own mean", "churn": "silence by quarter"}
    for what, gate in gates.items():
        yield of_gate(f"lifetime value: {what}", data, gate, rules[what])


def cdnow(data: Path) -> Iterator[Line]:
    """Orders, value and churn on the purchase log of CDNOW."""
    from ml.lifetime_value import predict_lifetime_value
    from ml.order_histories import ORDER_DATES_SCHEMA
    from tests.published_data import cdnow_purchases

    purchases = cdnow_purchases(data)
    orders = pa.Table.from_pandas(purchases, preserve_index=False).cast(ORDER_DATES_SCHEMA)
    for as_of in (date(1997, 9, 30), date(1998, 6, 30)):
        gates = predict_lifetime_value(orders, as_of).validation.gates
        yield from _lifetime(f"CDNOW, as of {as_of}", gates)
    yield _challenger(purchases)


def _challenger(purchases: pd.DataFrame) -> Line:
    """Pareto/NBD against BG/NBD: purchases of the 39 weeks after 30 September 1997."""
    from ml import bg_nbd, pareto_nbd
    from tests.published_data import bought_after, histories_until, known_until

    cut = date(1997, 9, 30)
    known = known_until(purchases, cut)
    histories, bought = histories_until(known, cut), bought_after(purchases, known, cut)
    champion = bg_nbd.expected_orders(bg_nbd.fit_bg_nbd(histories), *histories.all, 39.0)
    rival = pareto_nbd.expected_orders(pareto_nbd.fit_pareto_nbd(histories), *histories.all, 39.0)
    ours, theirs = (-((histories.per_person(found) - bought) ** 2) for found in (rival, champion))
    return Line(
        "Pareto/NBD (not served)",
        f"CDNOW, 39 weeks after {cut}, {len(ours)} persons",
        "minus squared error of orders",
        f"BG/NBD {theirs.mean():.4f}",
        f"{ours.mean():.4f}",
        paired(ours, theirs),
    )


def choices(_: Path) -> Iterator[Line]:
    """Simulated people whose parameters are known, each fitted by MAP."""
    from ml.choice_recovery import recover_parameters, reversing_pays
    from ml.rescorla_wagner import RescorlaWagner

    people = 40
    task = reversing_pays((0.8, 0.2), 300, 50)
    for model in (RescorlaWagner(2), RescorlaWagner(2, "last")):
        found = recover_parameters(model, task, people, seed=3, method="map")
        for parameter, r in zip(model.parameters, found.correlation, strict=True):
            # Fisher's transformation.
            low, high = np.tanh(np.arctanh(r) + np.array([-1, 1]) * Z_95 / np.sqrt(people - 3))
            yield Line(
                model.name,
                f"{people} simulated people, 300 trials",
                f"correlation of true and found {parameter.name}",
                "none 0",
                f"{r:.2f}",
                f"{low:.2f} to {high:.2f}",
            )


def cookie_cats(data: Path) -> Iterator[Line]:
    """A published A/B test: retention after seven days."""
    from ml.experiment_statistics import Moments, compare

    rows = pd.read_csv(data / "ab_cookie_cats" / "cookie_cats.csv.gz")
    groups = {
        name: Moments.of(
            np.column_stack(
                [part.astype(float), np.ones(len(part)), np.zeros(len(part)), np.ones(len(part))]
            )
        )
        for name, part in rows.groupby("version")["retention_7"]
    }
    found = compare(groups["gate_40"], groups["gate_30"])
    gap, error = float(found.difference), float(found.standard_error)
    yield Line(
        "experiment statistics",
        f"Cookie Cats, {len(rows):,} players",
        "7-day retention, gate 40 against 30",
        f"control {float(found.control_mean):.4f}",
        f"{float(found.mean):.4f}, p {float(found.p_value):.5f}",
        difference(gap, error),
    )

"""Each model on real data against its baseline: the table of docs/models.md.

    python -m benchmarks.models_report [--data FOLDER] [NAME …]

A process a data set, so that seconds and memory are its own. `--data` is the folder of the public
data sets (by default beside the checkout, or what FOOTFALL_SHARED_DATA says). Without names all are
run, and the table between the marks in docs/models.md is made anew; with names it is printed.

Belongs here: which model meets which data, and how it is measured. Not here: the models.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.process import REPOSITORY, machine
from ml.gate import GateDecision
from ml.likelihood import Z_95

DOCUMENT = REPOSITORY / "docs" / "models.md"
BEGIN, END = "<!-- models-report -->", "<!-- /models-report -->"


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        model: what was measured.
        data: on which data.
        metric: in words.
        baseline: what it is held against, with its figure.
        result: the model's figure.
        interval: 95 %, and of what.
    """

    model: str
    data: str
    metric: str
    baseline: str
    result: str
    interval: str


def of_gate(model: str, data: str, gate: GateDecision, baseline: str) -> Line:
    """What a gate has found; losses are negative there, the higher the better."""
    if gate.standard_error is None:
        return Line(model, data, gate.reason, baseline, "", "")
    return Line(
        model,
        f"{data}, {gate.pairs} persons",
        gate.metric,
        f"{baseline} {gate.baseline_value:.4f}",
        f"{gate.model_value:.4f}",
        _difference(gate.model_value - gate.baseline_value, gate.standard_error),
    )


def _difference(gap: float, error: float) -> str:
    return f"difference {gap - Z_95 * error:+.4f} to {gap + Z_95 * error:+.4f}"


def _paired(ours: np.ndarray, theirs: np.ndarray) -> str:
    gap = ours - theirs
    return _difference(gap.mean(), gap.std(ddof=1) / np.sqrt(len(gap)))


def movielens(data: Path) -> Iterator[Line]:
    """Leave-last-out on MovieLens 100K: all films ranked, seen ones dropped, ties pessimistic."""
    from ml.als import AlsParams, fit_als
    from ml.interactions import bm25_weights
    from ml.item_models import fit_ease, fit_item_knn
    from tests.published_data import movielens_ratings, movielens_split

    split = movielens_split(movielens_ratings(data))
    model = fit_als(bm25_weights(split.train), AlsParams())
    popular = split.measure(split.popularity)
    ours = split.measure(model.user_factors @ model.item_factors.T)
    for metric in ("recall@10", "ndcg@10"):
        yield Line(
            "ALS on BM25 weights",
            f"MovieLens 100K, {len(ours)} persons",
            metric,
            f"popularity {popular[metric].mean():.4f}",
            f"{ours[metric].mean():.4f}",
            _paired(ours[metric].to_numpy(), popular[metric].to_numpy()),
        )
    for name, fit in (("EASE", fit_ease), ("BM25 item neighbours", fit_item_knn)):
        rival = split.measure(fit(split.train).scores(split.train))
        for metric in ("recall@10", "ndcg@10"):
            yield Line(
                f"{name} (challenger)",
                f"MovieLens 100K, {len(ours)} persons",
                metric,
                f"ALS {ours[metric].mean():.4f}",
                f"{rival[metric].mean():.4f}",
                _paired(rival[metric].to_numpy(), ours[metric].to_numpy()),
            )


def next_film(data: Path) -> Iterator[Line]:
    """Which film is rated next in a visit, on the last week."""
    from ml.next_products import next_products
    from tests.published_data import movielens_ratings, movielens_steps

    steps = movielens_steps(movielens_ratings(data))
    gate = next_products(steps, max(steps["event_date"].to_pylist())).gate
    yield of_gate("next products (sequential rules)", "MovieLens 100K", gate, "popularity")


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
        _paired(ours, theirs),
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


def logins(_: Path) -> Iterator[Line]:
    """Planted intruders among simulated log-ins; a seed that no parameter was chosen on."""
    from sklearn.ensemble import IsolationForest

    from ml.anomaly_logins import FEATURES, score_logins
    from tests.unit.ml.login_simulation import simulate

    table, planted = simulate(seed=12)
    found = score_logins(table)
    judged = (found.logins["is_scored"].to_numpy() & found.logins["succeeded"].to_numpy()).astype(
        bool
    )
    keys = np.array(found.logins["event_key"].to_pylist())
    is_planted = np.isin(keys, list(planted))[judged]
    score = found.scores[judged]
    codes = [pd.factorize(found.logins[name].to_pandas())[0] for name in FEATURES[:3]]
    hour = pd.DatetimeIndex(found.logins["event_ts"].to_pandas())
    raw = np.column_stack([*codes, hour.weekday * 24 + hour.hour, found.failures])
    forest = -IsolationForest(random_state=0).fit(raw).score_samples(raw)[judged]
    yield from _ranked(
        "log-in surprise",
        f"simulated, {is_planted.sum()} intruders in {len(score):,} log-ins",
        is_planted,
        score,
        forest,
    )


def _ranked(
    model: str, data: str, is_planted: np.ndarray, score: np.ndarray, forest: np.ndarray
) -> Iterator[Line]:
    """How well a score ranks what was planted, with intervals by the bootstrap."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(score), len(score)) for _ in range(200)]
    for metric, measure in (
        ("AUROC", roc_auc_score),
        ("average precision", average_precision_score),
    ):
        drawn = [measure(is_planted[draw], score[draw]) for draw in draws]
        low, high = np.quantile(drawn, [0.025, 0.975])
        yield Line(
            model,
            data,
            metric,
            f"IsolationForest on raw columns {measure(is_planted, forest):.3f}",
            f"{measure(is_planted, score):.3f}",
            f"{low:.3f} to {high:.3f}",
        )


def files(_: Path) -> Iterator[Line]:
    """Days of file access planted among simulated ones; seeds that no parameter was chosen on."""
    from sklearn.ensemble import IsolationForest

    from ml.anomaly_files import score_file_access
    from tests.unit.ml.file_simulation import NOT_TUNED, TUNED, simulate

    for kinds in (TUNED, NOT_TUNED):
        planted, scores, counts = [], [], []
        for seed in range(3, 9):
            table, truth = simulate(seed, kinds)
            found = score_file_access(table)
            days = zip(found.person_ids, found.days.tolist(), strict=True)
            planted.append(np.array([day in truth for day in days])[found.is_scored])
            scores.append(found.scores[found.is_scored])
            counts.append(found.counts[found.is_scored])
        is_planted, raw = np.concatenate(planted), np.concatenate(counts)
        yield from _ranked(
            "file access surprise",
            f"simulated, {is_planted.sum()} days in {len(is_planted):,}: {', '.join(kinds)}",
            is_planted,
            np.concatenate(scores),
            -IsolationForest(random_state=0).fit(raw).score_samples(raw),
        )


def taxi(data: Path) -> Iterator[Line]:
    """Days of New York's taxis (NAB) with the publisher's five events."""
    from sklearn.metrics import average_precision_score

    from ml.anomaly_series import score_series

    file = data / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv"
    rows = pd.read_csv(file, parse_dates=["timestamp"])
    daily = rows.set_index("timestamp")["value"].resample("D").sum()
    labels = json.loads((data / "nab" / "labels" / "combined_labels.json").read_text())
    events = pd.DatetimeIndex(
        pd.Timestamp(one).normalize() for one in labels["realKnownCause/nyc_taxi.csv"]
    )
    scores = score_series(daily.to_numpy(), first_weekday=daily.index[0].weekday())
    days = daily.index[[one.day for one in scores]]
    is_event = np.array([any(abs((day - one).days) <= 1 for one in events) for day in days])
    surprise = np.array([-one.p_value for one in scores])
    naive = daily.diff(7).abs().fillna(0)[days].to_numpy()
    flagged = [day for day, one in zip(days, scores, strict=True) if one.is_anomaly]
    hits = {one for one in events if any(abs((day - one).days) <= 1 for day in flagged)}
    yield Line(
        "KPI surprise",
        f"NAB taxi, {len(days)} days, {len(events)} events within a day",
        "average precision",
        f"change on the week before {average_precision_score(is_event, naive):.3f}",
        f"{average_precision_score(is_event, surprise):.3f}",
        f"{len(flagged)} days flagged, {len(hits)} of {len(events)} events met",
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
        _difference(gap, error),
    )


def bandits(_: Path) -> Iterator[Line]:
    """Regret after ten thousand choices against the least that any policy can have at length."""
    from ml.bandits import EpsilonGreedy, KlUcb, Thompson, Ucb1, lowest_regret, simulate_regret

    means, steps, runs = (0.9, 0.8), 10_000, 40
    least = lowest_regret(means) * np.log(steps)
    for policy in (Thompson(), KlUcb(), Ucb1(), EpsilonGreedy(0.1)):
        found = simulate_regret(policy, means, [steps], runs, np.random.default_rng(7))
        mean, error = found.mean[-1], found.standard_error[-1]
        yield Line(
            f"bandit: {type(policy).__name__}",
            f"arms of .9 and .8, {runs} runs of {steps:,}",
            "pseudo-regret",
            f"Lai and Robbins, at length {least:.1f}",
            f"{mean:.1f}",
            f"{mean - Z_95 * error:.1f} to {mean + Z_95 * error:.1f}",
        )


def open_bandit(data: Path) -> Iterator[Line]:
    """The value of showing at random, from a log of Thompson sampling."""
    from ml.off_policy import policy_value

    folder = data / "bandit_obd_men"
    logged, at_random = (pd.read_csv(folder / name / "men.csv.gz") for name in ("bts", "random"))
    uniform = np.full(len(logged), 1 / 34)
    for found in policy_value(logged["click"], logged["propensity_score"], uniform):
        yield Line(
            f"off-policy value: {found.method}",
            f"Open Bandit, campaign men, {len(logged):,} impressions",
            "clicks an impression, shown at random",
            f"what it brought {at_random['click'].mean():.4f}",
            f"{found.value:.4f}",
            f"{found.low:.4f} to {found.high:.4f}",
        )


REPORTS: dict[str, Callable[[Path], Iterator[Line]]] = {
    one.__name__: one
    for one in (
        movielens, next_film, retailer, cdnow, choices, logins, files, taxi, cookie_cats, bandits,
        open_bandit,
    )
}  # fmt: skip


def _run(name: str, data: Path) -> None:
    """Measure in this process; print the lines with what they took as JSON."""
    started = time.perf_counter()
    lines = [asdict(line) for line in REPORTS[name](data)]
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"lines": lines, "seconds": seconds, "mib": peak}))


def _table(names: list[str], data: Path) -> str:
    rows = [
        "| model | data | metric | baseline | result | 95 % interval | s, MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        words = [sys.executable, "-m", "benchmarks.models_report", "--one", name]
        done = subprocess.run(
            [*words, "--data", str(data)], capture_output=True, text=True, check=False,
            cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        took = f"{found['seconds']:.0f}, {found['mib']:.0f}"
        rows += [f"| {' | '.join(line.values())} | {took} |" for line in found["lines"]]
        print(f"{name}: {took}", file=sys.stderr, flush=True)
    return "\n".join(rows)


def main() -> None:
    """Measure, and print the table or write it into the document."""
    beside = REPOSITORY.parent / "shared" / "data"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models_report")
    parser.add_argument("names", nargs="*", help=", ".join(REPORTS))
    parser.add_argument("--data", type=Path, default=os.environ.get("FOOTFALL_SHARED_DATA", beside))
    parser.add_argument("--one", choices=REPORTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        _run(chosen.one, chosen.data)
        return
    unknown = set(chosen.names) - set(REPORTS)
    if unknown or not chosen.data.is_dir():
        reason = f"no report {', '.join(unknown)}" if unknown else f"no data sets in {chosen.data}"
        parser.error(f"{reason}; the names are {', '.join(REPORTS)}")
    table = _table(chosen.names or list(REPORTS), chosen.data)
    if chosen.names:
        print(table)
        return
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    made = f"{BEGIN}\n{machine()}\n\n{table}\n{END}"
    DOCUMENT.write_text(before + made + after)


if __name__ == "__main__":
    main()

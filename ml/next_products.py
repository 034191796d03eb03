"""What people look at next: sequential rules from the steps of visits.

Here: the rules, their comparison with popularity on the last days, rows and card. Not here: which
looks make a step (`dbt/models/ml_inputs/ml_product_steps.sql`), lists for a person
(`recommendations`).

Source: Kamehkhosh, Jannach, Ludewig (2017), A Comparison of Frequent Pattern Techniques and a Deep
Learning Method for Session-Based Recommendation, RecTemp at RecSys (sequential rules, SR).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.gate import GateDecision, decide
from ml.splits import split_by_date

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CODE_VERSION = "1"
PRODUCT_STEPS_SCHEMA = pa.schema(
    [
        ("event_date", pa.date32()),
        ("product_id", pa.string()),
        ("next_product_id", pa.string()),
        ("distance", pa.int64()),
        ("n", pa.int64()),
    ]
)
NEXT_PRODUCTS_SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("rank", pa.int32()),
        ("next_product_id", pa.string()),
        ("score", pa.float64()),
        ("steps", pa.int64()),
        ("all_steps", pa.int64()),
        ("is_baseline", pa.bool_()),
        ("model_version", pa.string()),
    ]
)
# Scores are compared at this many decimals, so that the order of a sum never decides a tie.
_SCORE_DECIMALS = 9


@dataclass(frozen=True)
class NextProductParams:
    """Settings of the rules.

    Attributes:
        window_days: days of steps that are read.
        half_life_days: after so many a step counts half.
        recent_days: window of popularity, which ranks what no rule tells apart.
        validation_days: last days that the gate predicts; at most a quarter of the days there are.
        top_n: products listed for a product.
        min_steps: a rule needs so many steps, of whatever distance.
        depth: how far down a list a hit counts in the measure.
        min_validation_steps: with fewer, the gate serves popularity.
        max_validation_steps: at most so many are measured, evenly over the sorted pairs.
    """

    window_days: int = 180
    half_life_days: float = 30.0
    recent_days: int = 7
    validation_days: int = 7
    top_n: int = 10
    min_steps: int = 2
    depth: int = 20
    min_validation_steps: int = 100
    max_validation_steps: int = 5000


@dataclass(frozen=True)
class NextProductRun:
    """Everything that a partition's run yields.

    Attributes:
        next_products: NEXT_PRODUCTS_SCHEMA, by product_id and rank.
        metrics: rows of MODEL_METRICS_SCHEMA.
        card: the model card, plain JSON.
        gate: the decision.
    """

    next_products: pa.Table
    metrics: list[dict[str, Any]]
    card: dict[str, Any]
    gate: GateDecision

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


@dataclass(frozen=True)
class _Rules:
    """What follows what.

    Attributes:
        product_ids: sorted, those of the steps.
        scores: csr (n, n), decayed steps from the row to the column, near ones counting more, as a
            share of all from the row.
        steps: csr (n, n) of the same pattern, their plain number.
        popularity: (n,) product indices, the most popular first.
    """

    product_ids: npt.NDArray[np.object_]
    scores: Any
    steps: Any
    popularity: IntArray

    def places(self) -> IntArray:
        """(n,) the place of each product among the popular, from 0."""
        found = np.empty(len(self.popularity), dtype=np.int64)
        found[self.popularity] = np.arange(len(found))
        return found


def next_products(
    steps: pa.Table, as_of: date, params: NextProductParams | None = None
) -> NextProductRun:
    """List for each product what is looked at after it in the same visit.

    A step over `distance` products counts 1 / distance and halves with age; the score of a rule is
    its share of all that was looked at after the product. Where the gate finds the rules no better
    than popularity, every product gets the most popular others.

    Args:
        steps: PRODUCT_STEPS_SCHEMA; rows before the window are left out.
        as_of: partition date.
        params: settings; None for the defaults.

    Returns:
        The run; the table is empty where the window is.

    Raises:
        ValueError: a column is missing, a number or date is null, or n or distance is below 1.
    """
    params = params or NextProductParams()
    window = _clean(steps, as_of - timedelta(days=params.window_days - 1))
    data_from, data_to = pc.min(window["event_date"]).as_py(), pc.max(window["event_date"]).as_py()
    data = fingerprint(window)
    version = model_version("next_products", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)
    gate, measures = _validate(window, as_of, params)
    rules = _fit(window, as_of, params)
    table = _listed(rules, gate.served == "model", params, version)
    metrics = metric_rows(
        {("next_products", metric): pair for metric, pair in measures.items()},
        version,
        data_from,
        data_to,
    )
    card = make_card(
        name="next_products",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=data_from,
        data_to=data_to,
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline=f"most popular products of the last {params.recent_days} days",
        served=gate.served,
        gate_reason=gate.reason,
        counts={"rows": window.num_rows, "products": len(rules.product_ids)},
    )
    return NextProductRun(table, metrics, card, gate)


def _clean(steps: pa.Table, first_day: date) -> pa.Table:
    """The window's steps between two different products."""
    missing = [name for name in PRODUCT_STEPS_SCHEMA.names if name not in steps.column_names]
    if missing:
        raise ValueError(f"product steps lack the columns {', '.join(missing)}")
    table = steps.select(PRODUCT_STEPS_SCHEMA.names).cast(PRODUCT_STEPS_SCHEMA)
    for name in ("event_date", "distance", "n"):
        if table[name].null_count:
            raise ValueError(f"product steps: {table[name].null_count} rows have no {name}")
    for name in ("distance", "n"):
        if table.num_rows and pc.min(table[name]).as_py() < 1:
            raise ValueError(f"product steps: {name} must be at least 1")
    # A comparison with null is null, which a filter leaves out.
    is_step = pc.not_equal(table["product_id"], table["next_product_id"])
    in_window = pc.greater_equal(table["event_date"], pa.scalar(first_day, pa.date32()))
    return table.filter(pc.and_(is_step, in_window))


def _fit(window: pa.Table, as_of: date, params: NextProductParams) -> _Rules:
    both = pa.chunked_array(
        [*window["product_id"].chunks, *window["next_product_id"].chunks], pa.string()
    )
    ids = np.array(sorted(pc.unique(both).to_pylist()), dtype=object)
    names = pa.array(ids, pa.string())
    rows = pc.index_in(window["product_id"], names).to_numpy().astype(np.int64)
    columns = pc.index_in(window["next_product_id"], names).to_numpy().astype(np.int64)
    n = window["n"].to_numpy().astype(np.float64)
    days = window["event_date"].to_numpy().astype("datetime64[D]")
    ages = np.maximum((np.datetime64(as_of) - days).astype(np.int64), 0)
    worth = n / window["distance"].to_numpy() * 0.5 ** (ages / params.half_life_days)
    shape = (len(ids), len(ids))
    # Rows come in any order: sums are over sorted ones, so that they are the same to the last bit.
    order = np.lexsort((worth, columns, rows))
    scores = sparse.csr_matrix((worth[order], (rows[order], columns[order])), shape=shape)
    total = np.asarray(scores.sum(axis=1)).ravel()
    scores.data /= np.repeat(total, np.diff(scores.indptr))
    near = ages < params.recent_days
    direct = window["distance"].to_numpy() == 1
    recent = np.bincount(columns[near & direct], n[near & direct], minlength=len(ids))
    ever = np.bincount(columns[direct], n[direct], minlength=len(ids))
    popularity = np.lexsort((np.arange(len(ids)), -ever, -recent)).astype(np.int64)
    counts = sparse.csr_matrix((n, (rows, columns)), shape=shape)
    scores.data[counts.data < params.min_steps] = 0.0
    scores.data = np.round(scores.data, _SCORE_DECIMALS)
    return _Rules(ids, scores, counts, popularity)


def _validate(
    window: pa.Table, as_of: date, params: NextProductParams
) -> tuple[GateDecision, dict[str, tuple[float, float]]]:
    """Learn from the days before, and see where the next product of the last days is listed."""
    first = pc.min(window["event_date"]).as_py()
    span = (as_of - first).days + 1 if first else 0
    days = min(params.validation_days, span // 4)
    ranks, popular = np.zeros(0), np.zeros(0)
    if days >= 1:
        train, held_out, cut = split_by_date(window, as_of, days)
        rules = _fit(train, cut, params)
        ranks, popular = _ranks(rules, held_out, params)
    metric = f"mrr@{params.depth}"
    found = _reciprocal(ranks, params.depth), _reciprocal(popular, params.depth)
    gate = decide(metric, *found, unit="steps", min_pairs=params.min_validation_steps)
    steps = float(len(ranks))
    measures = {"steps_validated": (steps, steps)}
    if len(ranks):
        measures[metric] = (float(found[0].mean()), float(found[1].mean()))
        for depth in (params.top_n, params.depth):
            measures[f"hit_rate@{depth}"] = (
                float((ranks <= depth).mean()), float((popular <= depth).mean()),
            )  # fmt: skip
    return gate, measures


def _reciprocal(ranks: FloatArray, depth: int) -> FloatArray:
    """1 / rank, or 0 where it lies below the depth."""
    return np.where(ranks <= depth, 1.0 / np.maximum(ranks, 1.0), 0.0)


def _ranks(
    rules: _Rules, held_out: pa.Table, params: NextProductParams
) -> tuple[FloatArray, FloatArray]:
    """(n steps,) places of the products that came next, by the rules and by popularity."""
    direct = held_out.filter(pc.equal(held_out["distance"], 1))
    grouped = direct.group_by(["product_id", "next_product_id"]).aggregate([("n", "sum")])
    grouped = grouped.sort_by([("product_id", "ascending"), ("next_product_id", "ascending")])
    names = pa.array(rules.product_ids, pa.string())
    rows = pc.index_in(grouped["product_id"], names).fill_null(-1).to_numpy()
    columns = pc.index_in(grouped["next_product_id"], names).fill_null(-1).to_numpy()
    n = grouped["n_sum"].to_numpy()
    known = (rows >= 0) & (columns >= 0)
    pairs = np.repeat(np.flatnonzero(known), n[known])
    if len(pairs) > params.max_validation_steps:
        take = np.linspace(0, len(pairs) - 1, params.max_validation_steps).astype(np.int64)
        pairs = pairs[take]
    place = rules.places()
    distinct, of_pair = np.unique(pairs, return_inverse=True)
    by_rules, by_popularity = np.empty(len(distinct)), np.empty(len(distinct))
    for i, pair in enumerate(distinct.tolist()):
        row, column = rows[pair], columns[pair]
        score = rules.scores[[row]].toarray()[0]
        ahead = (score > score[column]) | ((score == score[column]) & (place < place[column]))
        ahead[row] = False
        by_rules[i] = ahead.sum() + 1
        by_popularity[i] = place[column] + 1 - (place[row] < place[column])
    return by_rules[of_pair], by_popularity[of_pair]


def _listed(rules: _Rules, by_rules: bool, params: NextProductParams, version: str) -> pa.Table:
    place = rules.places()
    totals = np.asarray(rules.steps.sum(axis=1)).ravel()
    parts: list[tuple[Any, ...]] = []
    for row in range(len(rules.product_ids)):
        cells = slice(rules.scores.indptr[row], rules.scores.indptr[row + 1])
        columns, scores = rules.scores.indices[cells], rules.scores.data[cells]
        steps = rules.steps.data[cells]
        if by_rules:
            order = np.lexsort((place[columns], -scores))
            order = order[scores[order] > 0][: params.top_n]
            columns, scores, steps = columns[order], scores[order], steps[order]
        else:
            popular = rules.popularity[: params.top_n + 1]
            popular = popular[popular != row][: params.top_n]
            found = dict(zip(columns.tolist(), zip(scores, steps, strict=True), strict=True))
            told = [found.get(column, (0.0, 0.0)) for column in popular.tolist()]
            columns = popular
            scores, steps = (np.array([one[i] for one in told]) for i in (0, 1))
        parts.append((np.full(len(columns), row), np.arange(1, len(columns) + 1), columns, scores,
                      steps))  # fmt: skip
    stacked: list[Any] = [
        np.concatenate([part[i] for part in parts]) if parts else [] for i in range(5)
    ]
    rows, columns = (np.asarray(stacked[i], dtype=np.int64) for i in (0, 2))
    return pa.Table.from_arrays(
        [
            pa.array(rules.product_ids[rows], pa.string()),
            pa.array(stacked[1], pa.int32()),
            pa.array(rules.product_ids[columns], pa.string()),
            pa.array(stacked[3], pa.float64()),
            pa.array(np.asarray(stacked[4]).astype(np.int64)),
            pa.array(totals[rows].astype(np.int64)),
            pa.array([not by_rules] * len(rows), pa.bool_()),
            pa.array([version] * len(rows), pa.string()),
        ],
        schema=NEXT_PRODUCTS_SCHEMA,
    )

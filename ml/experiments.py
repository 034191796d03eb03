"""Results of the experiments that run on a partition's date.

Here: which variant is the control, every variant of every metric and segment against it, the
correction for several variants, the sample-ratio test, the rows of the output, the card. Not here:
the statistics themselves (experiment_statistics.py), how many units are needed
(experiment_power.py), who is a unit and what it did (dbt), and reading or writing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from itertools import combinations_with_replacement
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml.cards import canonical_json, fingerprint, make_card, metric_rows, model_version
from ml.experiment_statistics import (
    Comparison,
    Floats,
    Moments,
    compare,
    holm,
    sample_ratio_p_value,
)

CODE_VERSION = "2"
NUMBERS: Final = ("numerator", "denominator", "numerator_before", "denominator_before")
_PAIRS: Final = tuple(combinations_with_replacement(range(len(NUMBERS)), 2))
_SUMS: Final = tuple(f"sum_{name}" for name in NUMBERS)
_PRODUCTS: Final = tuple(f"product_{NUMBERS[a]}_{NUMBERS[b]}" for a, b in _PAIRS)
_NO_UNITS: Final = {"units": 0, **dict.fromkeys((*_SUMS, *_PRODUCTS), 0.0)}
ALL: Final = "all"

EXPERIMENT_MOMENTS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("experiment", "segment", "metric", "variant")]
    + [(name, pa.int64()) for name in ("units", "assigned_units", "contaminated_units")]
    + [(name, pa.timestamp("us")) for name in ("first_exposed_at", "last_exposed_at")]
    + [(name, pa.float64()) for name in (*_SUMS, *_PRODUCTS)]
)
_MEASURES: Final = (
    "mean", "control_mean", "difference", "standard_error", "lift", "ci_low", "ci_high",
    "p_value", "p_value_adjusted", "sequential_low", "sequential_high", "p_value_sequential",
    "p_value_sequential_adjusted", "srm_p_value", "variance_reduction",
)  # fmt: skip
EXPERIMENT_STATISTICS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("experiment", "metric", "segment", "variant", "control")]
    + [("policy", pa.string()), ("is_control", pa.bool_())]
    + [(name, pa.int64()) for name in ("units", "control_units", "contaminated_units")]
    + [(name, pa.float64()) for name in _MEASURES]
    + [(name, pa.timestamp("us")) for name in ("first_exposed_at", "last_exposed_at")]
    + [("method", pa.string()), ("model_version", pa.string())]
)
Row = dict[str, Any]


@dataclass(frozen=True)
class ExperimentPlan:
    """What was declared of an experiment; all of it may be left out.

    Attributes:
        control: variant that the others are compared with; else the one named control, else the
            first by name.
        weights: share of units that each variant should get, in any common scale; else equal.
        units: number of units that were planned for; the sequential interval is narrowest there.
        policies: variant -> the policy of `slot_policies` that chooses its recommendations.
    """

    control: str | None = None
    weights: dict[str, float] = field(default_factory=dict)
    units: int | None = None
    policies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExperimentParams:
    """Settings of the analysis.

    Attributes:
        alpha: share of false alarms of one comparison, 0 to 1.
        srm_alpha: a sample-ratio p-value below this is a mismatch.
        tuning_units: planned units of an experiment that states none.
        plans: experiment -> what was declared of it.
    """

    alpha: float = 0.05
    srm_alpha: float = 0.001
    tuning_units: int = 5000
    plans: dict[str, ExperimentPlan] = field(default_factory=dict)

    def plan(self, experiment: str) -> ExperimentPlan:
        """What was declared, or nothing."""
        return self.plans.get(experiment, ExperimentPlan())


@dataclass(frozen=True)
class ExperimentRun:
    """Everything that a partition's run yields.

    Attributes:
        statistics: EXPERIMENT_STATISTICS_SCHEMA, by experiment, metric, segment and variant.
        metrics: rows of MODEL_METRICS_SCHEMA; none where no experiment runs.
        card: the card, plain JSON.
        reason: in a sentence, what was analysed.
        warning: experiments whose units did not fall to the variants as planned; empty if none.
    """

    statistics: pa.Table
    metrics: list[Row]
    card: dict[str, Any]
    reason: str
    warning: str

    def card_bytes(self) -> bytes:
        """The card as canonical JSON."""
        return canonical_json(self.card)


def analyse_experiments(
    moments: pa.Table, as_of: date, params: ExperimentParams | None = None
) -> ExperimentRun:
    """Compare every variant with its control, metric by metric and segment by segment.

    Args:
        moments: EXPERIMENT_MOMENTS_SCHEMA, one row an experiment, segment, metric and variant, in
            any order; `units` are those analysed, `assigned_units` the contaminated as well.
        as_of: partition date.
        params: settings; None for the defaults.

    Returns:
        The run; empty where no experiment runs.

    Raises:
        ValueError: a column is missing, or a row is there twice.
    """
    params = params or ExperimentParams()
    missing = set(EXPERIMENT_MOMENTS_SCHEMA.names) - set(moments.column_names)
    if missing:
        raise ValueError(f"moments lack the columns {sorted(missing)}")
    known = moments.select(EXPERIMENT_MOMENTS_SCHEMA.names).cast(EXPERIMENT_MOMENTS_SCHEMA)
    data = fingerprint(known)
    version = model_version("experiments", CODE_VERSION, asdict(params) | {"as_of": as_of}, data)
    by_family: dict[tuple[str, str, str], dict[str, Row]] = defaultdict(dict)
    for row in known.to_pylist():
        family = by_family[row["experiment"], row["metric"], row["segment"]]
        if row["variant"] in family:
            raise ValueError(f"two rows of {row['experiment']}, {row['metric']}, {row['variant']}")
        family[row["variant"]] = row
    families = [_Family(by_family[key], params.plan(key[0]), params) for key in sorted(by_family)]
    rows = [{**row, "model_version": version} for row in _all_rows(families, params)]
    mismatched = sorted(
        {
            f"{row['experiment']} (p = {row['srm_p_value']:.2g})"
            for row in rows
            if row["segment"] == ALL
            and row["srm_p_value"] is not None
            and row["srm_p_value"] < params.srm_alpha
        }
    )
    names = sorted({experiment for experiment, *_ in by_family})
    metrics = _metrics(rows, len(names), len(mismatched), version)
    reason = f"{len(names)} experiments run: {', '.join(names)}" if names else "no experiment runs"
    warning = f"units did not fall to the variants as planned in {', '.join(mismatched)}"
    days = [row[name].date() for row in rows for name in ("first_exposed_at", "last_exposed_at")]
    card = make_card(
        name="experiments",
        version=version,
        code_version=CODE_VERSION,
        as_of=as_of,
        data_from=min(days, default=None),
        data_to=max(days, default=None),
        data_fingerprint=data,
        params=asdict(params),
        metrics=metrics,
        baseline="the control of each experiment",
        served="statistics",
        gate_reason=reason,
        counts={"rows": known.num_rows, "experiments": len(names)},
    )
    statistics = pa.Table.from_pylist(rows, schema=EXPERIMENT_STATISTICS_SCHEMA)
    return ExperimentRun(statistics, metrics, card, reason, warning if mismatched else "")


def control_of(variants: Sequence[str], plan: ExperimentPlan) -> str:
    """The variant that the others are compared with; see `ExperimentPlan`."""
    if plan.control is not None:
        return plan.control
    return "control" if "control" in variants else min(variants)


class _Family:
    """The variants of one experiment, metric and segment.

    Attributes:
        rows: by variant, as in the input.
        control: name of the control, which may have no units.
        others: names of the variants that are compared with it, in alphabetical order.
        tuning_units: units at which the sequential interval is narrowest.
    """

    def __init__(
        self, rows: Mapping[str, Row], plan: ExperimentPlan, params: ExperimentParams
    ) -> None:
        self.rows = rows
        self.plan = plan
        self.control = control_of(sorted(rows), plan)
        self.others = sorted(set(rows) - {self.control})
        self.tuning_units = plan.units or params.tuning_units


def _all_rows(families: Sequence[_Family], params: ExperimentParams) -> Iterator[Row]:
    """The rows of all families, which are compared at once: each by itself would cost as much."""
    pairs = [(family, variant) for family in families for variant in family.others]
    compared = compare(
        _moments([family.rows[variant] for family, variant in pairs]),
        _moments([family.rows.get(family.control) for family, _ in pairs]),
        alpha=params.alpha,
        tuning_units=np.array([float(family.tuning_units) for family, _ in pairs]),
    )
    measures = _measures(compared)
    start = 0
    for family in families:
        part = slice(start, start + len(family.others))
        start = part.stop
        mine = {name: values[part] for name, values in measures.items()}
        yield from _family_rows(family, mine, compared.is_adjusted[part])


def _family_rows(
    family: _Family, measures: dict[str, Floats], is_adjusted: npt.NDArray[np.bool_]
) -> Iterator[Row]:
    """The rows of one family: the control's, then the other variants'."""
    measures["p_value_adjusted"] = holm(measures["p_value"])
    measures["p_value_sequential_adjusted"] = holm(measures["p_value_sequential"])
    base = family.rows.get(family.control)
    shared = {
        "control": family.control,
        "control_units": base["units"] if base else 0,
        "srm_p_value": _number(_sample_ratio_p_value(family.rows, family.plan)),
    }
    names = ("experiment", "metric", "segment", "variant", "units", "contaminated_units",
             "first_exposed_at", "last_exposed_at")  # fmt: skip
    if base:
        above, below = base[_SUMS[0]], base[_SUMS[1]]
        mean = _number(float(above / below) if below else None)
        yield {
            **{name: base[name] for name in names},
            **shared,
            "policy": family.plan.policies.get(family.control),
            "is_control": True,
            "mean": mean,
            "control_mean": mean,
            "method": "control",
        }
    count = len(family.others)
    for place, variant in enumerate(family.others):
        yield {
            **{name: family.rows[variant][name] for name in names},
            **shared,
            "policy": family.plan.policies.get(variant),
            "is_control": False,
            **{name: _number(values[place]) for name, values in measures.items()},
            "method": _method(bool(is_adjusted[place]), count, family.tuning_units),
        }


def _moments(rows: Sequence[Row | None]) -> Moments:
    """The moments of some variants, (n, …); zeros for one that is not there."""
    held = [row or _NO_UNITS for row in rows]
    products = np.zeros((len(held), len(NUMBERS), len(NUMBERS)))
    for (a, b), name in zip(_PAIRS, _PRODUCTS, strict=True):
        products[:, a, b] = products[:, b, a] = [row[name] for row in held]
    sums = np.array([row[name] for row in held for name in _SUMS]).reshape(-1, len(NUMBERS))
    return Moments(np.array([float(row["units"]) for row in held]), sums, products)


def _measures(compared: Comparison) -> dict[str, Floats]:
    """What a comparison says, by the names of the output."""
    names = {"lift_low": "ci_low", "lift_high": "ci_high"}
    return {
        names.get(one.name, one.name): getattr(compared, one.name)
        for one in fields(compared)
        if one.name != "is_adjusted"
    }


def _sample_ratio_p_value(family: Mapping[str, Row], plan: ExperimentPlan) -> float:
    """By first exposures, the contaminated as well: to leave those out shifts unequal shares."""
    weights = plan.weights or dict.fromkeys(family, 1.0)
    if set(family) - set(weights):
        # Units of a variant that should have none.
        return 0.0
    units = [family[name]["assigned_units"] if name in family else 0 for name in weights]
    return sample_ratio_p_value(np.array(units, float), np.array(list(weights.values()), float))


def _method(is_adjusted: bool, variants: int, tuning_units: int) -> str:
    parts = [
        "delta method" + (" with CUPED" if is_adjusted else ""),
        "Fieller interval",
        f"mixture SPRT tuned to {tuning_units} units",
    ]
    return ", ".join(parts + ([f"Holm over {variants} variants"] if variants > 1 else []))


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _metrics(rows: Sequence[Row], running: int, mismatched: int, version: str) -> list[Row]:
    if not rows:
        return []
    values = {"running_experiments": running, "sample_ratio_mismatches": mismatched}
    return metric_rows(
        {("experiments", metric): (float(value), None) for metric, value in values.items()},
        version,
        min(row["first_exposed_at"] for row in rows).date(),
        max(row["last_exposed_at"] for row in rows).date(),
    )

"""Models per partition: read what was known on the day, call `ml/`, write the files.

Belongs here: which inputs a family takes, and replacing a partition whole. Not here: any model, nor
where outputs rest (`model_outputs`). Each family writes its rows, its card and its metrics; dbt
reads them as sources.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from threadpoolctl import threadpool_limits

from dagster_project import model_inputs, stale_models
from dagster_project.erasure_models import erased_ids, without
from dagster_project.ingest import seals
from dagster_project.ingest.config import Settings
from dagster_project.model_inputs import ModelInputs
from dagster_project.model_outputs import add_metrics, add_output, add_versions, output_folder
from dagster_project.partition_files import PartitionFiles
from dagster_project.stale_models import LogSeen
from dagster_project.state import StatePaths
from dagster_project.worker_processes import map_in_order
from ml.gate import GateDecision

_DAYS_A_GO: Final = 5


@dataclass(frozen=True)
class TrainedPartition:
    """What a family wrote for a partition.

    Attributes:
        rows: rows an output.
        served: the model, its baseline, or statistics, which have none.
        reason: why, in a sentence.
        warning: what somebody should look at; empty if nothing.
        metrics: rows of the model's metrics.
        drift: what is unlike what was learned from; empty if nothing, or if that is not looked at.
    """

    rows: dict[str, int]
    served: str
    reason: str
    warning: str
    metrics: list[dict[str, Any]]
    drift: str


@dataclass(frozen=True)
class _Made:
    """What a family's function in `ml/` gave for a partition, its rows by output."""

    metrics: list[dict[str, Any]]
    served: str
    reason: str
    warning: str
    card: bytes
    tables: Mapping[str, pa.Table]
    drift: str = ""
    gates: Mapping[str, GateDecision] = field(default_factory=dict)
    # What the next day goes on from, by the name of a file beside the card.
    state: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def gated(
        cls,
        metrics: list[dict[str, Any]],
        gate: GateDecision,
        card: bytes,
        tables: Mapping[str, pa.Table],
        drift: str = "",
        state: Mapping[str, bytes] | None = None,
        others: Mapping[str, GateDecision] | None = None,
    ) -> "_Made":
        """By a model that is served where the gate finds it better than its baseline.

        Gates of other models on the same card, by model, decide on parts of what is served.
        """
        warning = "" if gate.served == "model" else gate.reason
        gates = {"": gate} | dict(others or {})
        reason = gate.reason
        return cls(metrics, gate.served, reason, warning, card, tables, drift, gates, state or {})


@dataclass(frozen=True)
class _MadeDays:
    """What was made in one go.

    Attributes:
        made: by partition.
        truths: metrics that come to a partition, of this go or of the next, since what it tells of
            the day before is found with that day's model.
    """

    made: Mapping[date, _Made]
    truths: Mapping[date, list[dict[str, Any]]] = field(default_factory=dict)


def train_recommendations(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """Recommendations and similar products of partitions, each from what was known on it."""
    from dagster_project.recommendation_weeks import days_behind, weeks
    from ml.recommendations import RecommendationParams

    window = settings.settings.training_window_days
    params = RecommendationParams(
        window_days=window,
        recent_days=min(RecommendationParams.recent_days, window),
        exclude_bought=settings.settings.exclude_bought,
        max_category_share=settings.settings.max_category_share,
    )
    seen = _log_seen(paths, days_behind(days))
    make = partial(_recommend, params, paths.models / "recommendations", seen)
    return _train(paths, "recommendations", days, make, together=weeks(days), seen=seen)


def _recommend(
    params: Any, models: Path, seen: Mapping[date, LogSeen], inputs: ModelInputs, week: Any
) -> _MadeDays:
    from dagster_project.recommendation_weeks import (
        STATE_FILE,
        made_from,
        make_week,
        state_bytes,
    )
    from ml.segment_comparison import SEGMENTS

    def made(day: date, run: Any) -> _Made:
        tables = {"recommendations": run.recommendations, "similar_products": run.similar_products}
        state = state_bytes(run, made_from(params, inputs, seen[day]))
        files = {STATE_FILE: state}
        others = {SEGMENTS: run.state.choice.segments}
        return _Made.gated(
            run.metrics, run.gate, run.card_bytes(), tables, state=files, others=others
        )

    found = make_week(inputs, params, models, seen, week)
    return _MadeDays({day: made(day, run) for day, run in found.runs.items()}, found.truths)


def rank_next_products(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """What was looked at after each product by partitions."""
    from ml.next_products import NextProductParams

    window = settings.settings.training_window_days
    params = NextProductParams(
        window_days=window, recent_days=min(NextProductParams.recent_days, window)
    )
    return _train(paths, "next_products", days, partial(_each, partial(_follow, params)))


def _follow(params: Any, inputs: ModelInputs, day: date) -> _Made:
    from ml.next_products import next_products

    run = next_products(inputs.read("ml_product_steps", day, params.window_days), day, params)
    return _Made.gated(
        run.metrics, run.gate, run.card_bytes(), {"next_products": run.next_products}
    )


def score_anomalies(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """Anomaly scores of log-ins, file access and sessions of partitions, and of KPIs."""
    from ml.anomalies import AnomalyParams

    window = settings.settings.training_window_days
    params = AnomalyParams(holidays=tuple(sorted(settings.settings.holidays)))
    return _train(paths, "anomalies", days, partial(_each, partial(_score, params, window)))


def _score(params: Any, window: int, inputs: ModelInputs, day: date) -> _Made:
    from ml.anomalies import score_anomalies
    from ml.drift import say

    run = score_anomalies(
        inputs.read("ml_logins", day, window),
        inputs.read("ml_file_accesses", day, window),
        inputs.read("ml_kpi_series", day, window),
        day,
        params,
        by_dimension=inputs.read("ml_kpi_series_by_dimension", day, window),
        sessions=inputs.read("ml_sessions", day, min(params.sessions.window_days, window)),
    )
    tables = {"anomaly_scores": run.scores}
    drift = say(run.shifts, "scores of the day are spread unlike those of the days before")
    return _Made.gated(run.metrics, run.gate, run.card_bytes(), tables, drift)


def analyse_experiments(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """How the experiments stood that ran on partitions."""
    from ml.experiments import ExperimentParams, ExperimentPlan

    window = settings.settings.training_window_days
    plans = {
        name: ExperimentPlan(one.control, dict(one.variants), one.units, dict(one.policies))
        for name, one in settings.experiments.items()
    }
    params = ExperimentParams(plans=plans)
    return _train(paths, "experiments", days, partial(_each, partial(_analyse, params, window)))


def _analyse(params: Any, window: int, inputs: ModelInputs, day: date) -> _Made:
    from ml.experiments import EXPERIMENT_MOMENTS_SCHEMA, analyse_experiments

    # A day without an experiment costs no more than the look whether there is one.
    moments = EXPERIMENT_MOMENTS_SCHEMA.empty_table()
    if inputs.read("ml_experiments", day, window).num_rows > 0:
        moments = inputs.read("ml_experiment_moments", day, window)
    run = analyse_experiments(moments, day, params)
    tables = {"experiment_statistics": run.statistics}
    return _Made(run.metrics, "statistics", run.reason, run.warning, run.card_bytes(), tables)


def predict_lifetime_value(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """Lifetime value and churn risk of everybody who had ordered by partitions."""
    from ml.lifetime_value import LifetimeParams

    general = settings.settings
    params = LifetimeParams(
        horizon_days=general.clv_days,
        discount_rate=general.clv_discount_rate,
        churn_days=general.churn_days,
    )
    return _train(paths, "lifetime_value", days, partial(_each, partial(_predict, params)))


def _predict(params: Any, inputs: ModelInputs, day: date) -> _Made:
    from ml.drift import say
    from ml.lifetime_value import predict_lifetime_value

    # Orders of all time, of which the view has one row a person and date.
    run = predict_lifetime_value(inputs.read("ml_order_dates", day, 1), day, params)
    warning = "" if run.served == "model" else run.reason
    tables = {"clv_predictions": run.clv_predictions, "churn_risk": run.churn_risk}
    drift = say(run.shifts, "buyers are unlike those of some weeks before")
    gates = {f"lifetime_{part}": gate for part, gate in run.validation.gates.items()}
    return _Made(
        run.metrics, run.served, run.reason, warning, run.card_bytes(), tables, drift, gates
    )


def score_purchases(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """How likely everybody who was seen lately is to order in the days after partitions."""
    return _train(paths, "purchase_propensity", days, partial(_each, _score_purchases))


def _score_purchases(inputs: ModelInputs, day: date) -> _Made:
    from ml.drift import say
    from ml.purchase_outcomes import purchase_outcomes
    from ml.purchase_propensity import score_purchases

    run = score_purchases(inputs.read("ml_purchase_examples", day, 1), day)
    outcomes = purchase_outcomes(inputs.read("ml_purchase_outcomes", day, 1))
    tables = {"purchase_propensity": run.propensity, "purchase_outcomes": outcomes}
    return _Made.gated(run.metrics, run.gate, run.card_bytes(), tables, say(run.shifts))


def value_bandit_policies(
    paths: StatePaths, settings: Settings, days: Sequence[date]
) -> dict[date, TrainedPartition]:
    """What other policies would have brought in the recommendation slots."""
    window = settings.settings.training_window_days
    return _train(paths, "bandits", days, partial(_each, partial(_value_policies, window)))


def _value_policies(window: int, inputs: ModelInputs, day: date) -> _Made:
    from ml.bandit_policies import value_policies

    orders = inputs.read("ml_daily_orders", day, window)
    run = value_policies(inputs.read("ml_impressions", day, window), orders, day)
    tables = {"bandit_policies": run.policies}
    return _Made(run.metrics, "statistics", run.reason, run.warning, run.card_bytes(), tables)


def _prepare_worker() -> None:
    """One thread a process, since all processors have one; and what every partition needs."""
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(limits=1)
    import implicit.cpu.als  # noqa: F401

    import ml.anomalies
    import ml.lifetime_value
    import ml.recommendations  # noqa: F401


def _train(
    paths: StatePaths,
    family: str,
    days: Sequence[date],
    make: Callable[[ModelInputs, Any], _MadeDays],
    *,
    together: Sequence[Any] | None = None,
    seen: Mapping[date, LogSeen] | None = None,
) -> dict[date, TrainedPartition]:
    """Make partitions, and put their files in place when all are made.

    Args:
        paths: the state folder.
        family: name of their folder.
        days: which partitions.
        make: makes some in one go, which knows nothing of another.
        together: what each go makes; by default some days.
        seen: the log up to each day, where the caller has it.
    """
    trained: dict[date, TrainedPartition] = {}
    erased = erased_ids(paths)
    seen = seen or _log_seen(paths, days)
    with PartitionFiles() as files:
        goes = _goes(sorted(days)) if together is None else together
        items = ((paths, make, one) for one in goes)
        truths: dict[date, list[dict[str, Any]]] = {}
        for done in map_in_order(_make, items, len(days), _prepare_worker):
            truths.update(done.truths)
            for day, made in done.made.items():
                metrics = [*made.metrics, *truths.pop(day, [])]
                # The past of the erased is in the data, under pseudonyms; nothing is said of them.
                tables = {output: without(table, erased) for output, table in made.tables.items()}
                for output, table in tables.items():
                    add_output(files, output_folder(paths, output, day), day, table)
                add_metrics(paths, files, family, day, metrics)
                card = paths.models / family / day.isoformat() / "card.json"
                files.add(card, made.card)
                add_versions(paths, files, card, made.card, made.gates, seen[day].sha256)
                files.add(card.with_name(stale_models.FILE), seen[day].content(day))
                for name, content in made.state.items():
                    files.add(card.with_name(name), content)
                trained[day] = TrainedPartition(
                    rows={output: table.num_rows for output, table in tables.items()},
                    served=made.served,
                    reason=made.reason,
                    warning=made.warning,
                    metrics=metrics,
                    drift=made.drift,
                )
    return trained


def _goes(days: Sequence[date]) -> list[Sequence[date]]:
    """A few days at a time, enough times to keep processes busy: to open the warehouse costs."""
    size = max(1, min(_DAYS_A_GO, len(days) // 8))
    return [days[start : start + size] for start in range(0, len(days), size)]


def _log_seen(paths: StatePaths, days: Sequence[date]) -> dict[date, LogSeen]:
    """The log up to each of some dates, as far as the warehouse was built from it."""
    with model_inputs.opened(paths) as inputs:
        built_from = inputs.sequence
    chain = [one for one in seals.load_chain(paths) if one.sequence <= built_from]
    return stale_models.log_up_to(chain, days)


def _make(
    paths: StatePaths, make: Callable[[ModelInputs, Any], _MadeDays], together: Any
) -> _MadeDays:
    """Some partitions, from reading on: in whatever process, which keeps nothing open after it."""
    with model_inputs.opened(paths) as inputs:
        return make(inputs, together)


def _each(
    make: Callable[[ModelInputs, date], _Made], inputs: ModelInputs, days: Sequence[date]
) -> _MadeDays:
    return _MadeDays({day: make(inputs, day) for day in days})


Train = Callable[[StatePaths, Settings, Sequence[date]], dict[date, TrainedPartition]]
# Every family by the name of its cards.
FAMILIES: Final[dict[str, Train]] = {
    "recommendations": train_recommendations,
    "next_products": rank_next_products,
    "anomalies": score_anomalies,
    "experiments": analyse_experiments,
    "lifetime_value": predict_lifetime_value,
    "purchase_propensity": score_purchases,
    "bandits": value_bandit_policies,
}

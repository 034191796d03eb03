"""The ML assets: each trains or scores its partitions, and writes files that are dbt's sources."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from dagster_project import stale_models, training
from dagster_project.ingest.config import Settings
from dagster_project.partitions import covered_days
from dagster_project.resources import FootfallState
from dagster_project.stale_models import StaleModel
from dagster_project.state import StatePaths
from dagster_project.training import TrainedPartition

OWNERS = ["team:data-science"]
BEATS_BASELINE = (
    "model_beats_its_baseline",
    "Warns where the gate serves the baseline, since the model is not better.",
)
UNITS_FALL_AS_PLANNED = (
    "units_fall_to_variants_as_planned",
    "Warns where an experiment has a sample-ratio mismatch: assignment or logging is broken, and "
    "none of its results can be trusted.",
)
PROPENSITIES_ARE_PLAUSIBLE = (
    "propensities_are_plausible",
    "Warns where the logged probabilities of recommendations cannot be true: weights made of them "
    "do not have the mean 1, and no value built on them can be trusted.",
)
TRAINING_POLICY = "in full for every partition; again on request where older days came later"
INPUTS_ARE_UNCHANGED = (
    "model_inputs_are_unchanged",
    "Warns where an older day was loaded after later models were trained: they are stale until "
    "they are made again.",
)
PEOPLE_ARE_ALIKE = (
    "people_are_like_those_learned_from",
    "Warns where a feature of those who are scored, or their score, is further from that of the "
    "examples than is to be borne (population stability index).",
)
Train = Callable[[StatePaths, Settings, Sequence[date]], dict[date, TrainedPartition]]


def _key(output: str) -> dg.AssetKey:
    return dg.AssetKey(["ml_outputs", output])


def _family(
    name: str,
    family: str,
    outputs: dict[str, str],
    inputs: list[str],
    train: Train,
    partitions: dg.DailyPartitionsDefinition,
    retry: dg.RetryPolicy,
    *more_checks: tuple[str, str],
    verdict: tuple[str, str] = BEATS_BASELINE,
) -> dg.AssetsDefinition:
    checks = [
        dg.AssetCheckSpec(name=name, asset=_key(next(iter(outputs))), description=description)
        for name, description in (verdict, INPUTS_ARE_UNCHANGED, *more_checks)
    ]

    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                _key(output),
                group_name="ml",
                owners=OWNERS,
                description=description,
                kinds={"python", "parquet"},
                deps=[dg.AssetKey(["ml_inputs", table]) for table in inputs],
                partitions_def=partitions,
            )
            for output, description in outputs.items()
        ],
        check_specs=checks,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="warehouse",
        retry_policy=retry,
    )
    def assets(
        context: dg.AssetExecutionContext, state: FootfallState
    ) -> Iterator[dg.MaterializeResult[None]]:
        with state.writing(context.run_id) as paths:
            started = time.perf_counter()
            trained = train(paths, state.settings, covered_days(context))
            seconds = time.perf_counter() - started
            stale = stale_models.stale_models(paths, [family])
        yield from _results(checks, outputs, trained, stale, seconds)

    return assets


def _results(
    checks: list[dg.AssetCheckSpec],
    outputs: dict[str, str],
    trained: dict[date, TrainedPartition],
    stale: list[StaleModel],
    seconds: float,
) -> Iterator[dg.MaterializeResult[None]]:
    last = trained[max(trained)]
    verdicts = list(_verdicts(checks, last, stale))
    for output in outputs:
        metadata: dict[str, Any] = {
            "dagster/row_count": sum(one.rows.get(output, 0) for one in trained.values()),
            "served": last.served,
            "reason": last.reason,
            "training_policy": TRAINING_POLICY,
            "seconds_per_partition": round(seconds / len(trained), 3),
            "metrics": dg.JsonMetadataValue(
                [{k: str(v) for k, v in row.items()} for row in last.metrics]
            ),
        }
        of_output = [one for one in verdicts if one.asset_key == _key(output)]
        yield dg.MaterializeResult(
            asset_key=_key(output), metadata=metadata, check_results=of_output
        )


def _verdicts(
    checks: list[dg.AssetCheckSpec], last: TrainedPartition, stale: list[StaleModel]
) -> Iterator[dg.AssetCheckResult]:
    seen = stale_models.describe(stale) if stale else "every model has seen the log up to its date"
    alike = "every feature is within its bar of that of the examples"
    of_all = {
        INPUTS_ARE_UNCHANGED[0]: (not stale, seen),
        PEOPLE_ARE_ALIKE[0]: (not last.drift, last.drift or alike),
    }
    for check in checks:
        passed, reason = of_all.get(check.name, (not last.warning, last.warning or last.reason))
        yield dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            check_name=check.name,
            asset_key=check.asset_key,
            description=None if passed else reason,
            metadata={"reason": reason},
        )


def model_assets(
    partitions: dg.DailyPartitionsDefinition, retry: dg.RetryPolicy
) -> list[dg.AssetsDefinition]:
    """One asset a family of models; each writes its metrics beside its rows."""
    recommendations = _family(
        "recommendations_model",
        "recommendations",
        {
            "recommendations": "Ten products a person, by ALS on weighted behaviour, or the most "
            "popular where the model has no history or is no better.",
            "similar_products": "Ten products like each product, by cosine of the item factors.",
        },
        ["ml_interactions", "ml_bought", "ml_visitors"],
        training.train_recommendations,
        partitions,
        retry,
    )
    anomalies = _family(
        "anomaly_model",
        "anomalies",
        {
            "anomaly_scores": "How surprising each log-in and each day of file access is against "
            "its person's own past, failed log-ins against their network's, and each KPI against "
            "its weekly season."
        },
        ["ml_logins", "ml_file_accesses", "ml_kpi_series"],
        training.score_anomalies,
        partitions,
        retry,
    )
    experiments = _family(
        "experiment_model",
        "experiments",
        {
            "experiment_statistics": "Every variant of the running experiments against its "
            "control, by metric and segment."
        },
        ["ml_experiments", "ml_experiment_moments"],
        training.analyse_experiments,
        partitions,
        retry,
        verdict=UNITS_FALL_AS_PLANNED,
    )
    lifetime_value = _family(
        "lifetime_value_model",
        "lifetime_value",
        {
            "clv_predictions": "What each buyer is expected to order in a year, and for how much, "
            "by BG/NBD and gamma-gamma, or as so far where these are no better.",
            "churn_risk": "How likely each buyer is to order no more, with the orders that say so.",
        },
        ["ml_order_dates"],
        training.predict_lifetime_value,
        partitions,
        retry,
    )
    purchases = _family(
        "purchase_model",
        "purchase_propensity",
        {
            "purchase_propensity": "How likely everybody seen lately is to order in the next days, "
            "with what speaks for it and against it."
        },
        ["ml_purchase_examples"],
        training.score_purchases,
        partitions,
        retry,
        PEOPLE_ARE_ALIKE,
    )
    bandits = _family(
        "bandit_model",
        "bandits",
        {
            "bandit_policies": "What ε-greedy, UCB1, KL-UCB, Thompson sampling, LinUCB and chance "
            "would have brought in each recommendation slot, from logged impressions."
        },
        ["ml_impressions", "ml_daily_orders"],
        training.value_bandit_policies,
        partitions,
        retry,
        verdict=PROPENSITIES_ARE_PLAUSIBLE,
    )
    return [recommendations, anomalies, experiments, lifetime_value, purchases, bandits]

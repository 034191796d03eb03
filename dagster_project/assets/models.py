"""The ML assets: each trains or scores its partitions, and writes files that are dbt's sources."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from dagster_project import model_charts, stale_models, training
from dagster_project.partitions import covered_days
from dagster_project.resources import FootfallState
from dagster_project.stale_models import StaleModel
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
_IN_FULL = "in full for every partition; again on request where older days came later"
# What is trained when, by family.
TRAINING_POLICY = {
    "recommendations": "in full on Mondays, and daily in a log of up to 28 days; one warm step "
    "from the day before on other days, a missing or stale parent made anew; again on request "
    "where older days came later",
    "next_products": _IN_FULL,
    "anomalies": _IN_FULL,
    "experiments": _IN_FULL,
    "lifetime_value": _IN_FULL,
    "purchase_propensity": _IN_FULL,
    "bandits": _IN_FULL,
}
PROPENSITIES_ARE_PLAUSIBLE = (
    "propensities_are_plausible",
    "Warns where the logged probabilities of recommendations cannot be true: weights made of them "
    "do not have the mean 1, and no value built on them can be trusted.",
)
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
BUYERS_ARE_ALIKE = (
    "buyers_are_like_those_of_before",
    "Warns where orders, recency, age or value of buyers, or their score, is further from that of "
    "some weeks before than is to be borne (population stability index).",
)
SCORES_ARE_ALIKE = (
    "anomaly_scores_are_spread_as_before",
    "Warns where the scores of the day are further from those of the four weeks before than is to "
    "be borne (population stability index): what is scored has changed, or how it is logged.",
)


def _key(output: str) -> dg.AssetKey:
    return dg.AssetKey(["ml_outputs", output])


def _family(
    name: str,
    family: str,
    outputs: dict[str, str],
    inputs: list[str],
    train: training.Train,
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
            day = max(trained)
            charts = model_charts.of_family(paths, family, day, trained[day].metrics)
        yield from _results(family, checks, outputs, trained, stale, seconds, charts)

    return assets


def _results(
    family: str,
    checks: list[dg.AssetCheckSpec],
    outputs: dict[str, str],
    trained: dict[date, TrainedPartition],
    stale: list[StaleModel],
    seconds: float,
    charts: str,
) -> Iterator[dg.MaterializeResult[None]]:
    last = trained[max(trained)]
    verdicts = list(_verdicts(checks, last, stale, charts))
    for output in outputs:
        metadata: dict[str, Any] = {
            "dagster/row_count": sum(one.rows.get(output, 0) for one in trained.values()),
            "served": last.served,
            "reason": last.reason,
            "training_policy": TRAINING_POLICY[family],
            "seconds_per_partition": round(seconds / len(trained), 3),
            "metrics": dg.JsonMetadataValue(
                [{k: str(v) for k, v in row.items()} for row in last.metrics]
            ),
        }
        if charts and len(trained) <= model_charts.MOST_DAYS_OF_A_RUN:
            metadata["charts"] = dg.MarkdownMetadataValue(charts)
            charts = ""
        of_output = [one for one in verdicts if one.asset_key == _key(output)]
        yield dg.MaterializeResult(
            asset_key=_key(output), metadata=metadata, check_results=of_output
        )


def _verdicts(
    checks: list[dg.AssetCheckSpec],
    last: TrainedPartition,
    stale: list[StaleModel],
    charts: str,
) -> Iterator[dg.AssetCheckResult]:
    seen = stale_models.describe(stale) if stale else "every model has seen the log up to its date"
    drift = (not last.drift, last.drift or "everything that is compared is within its bar")
    of_all = {INPUTS_ARE_UNCHANGED[0]: (not stale, seen)}
    of_all |= {name: drift for name, _ in (PEOPLE_ARE_ALIKE, BUYERS_ARE_ALIKE, SCORES_ARE_ALIKE)}
    for check in checks:
        passed, reason = of_all.get(check.name, (not last.warning, last.warning or last.reason))
        metadata: dict[str, Any] = {"reason": reason}
        if charts and check.name not in of_all:
            metadata["charts"] = dg.MarkdownMetadataValue(charts)
        yield dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            check_name=check.name,
            asset_key=check.asset_key,
            description=None if passed else reason,
            metadata=metadata,
        )


def model_assets(
    partitions: dg.DailyPartitionsDefinition, retry: dg.RetryPolicy
) -> list[dg.AssetsDefinition]:
    """One asset a family of models; each writes its metrics beside its rows."""
    recommendations = _family(
        "recommendations_model",
        "recommendations",
        {
            "recommendations": "Ten products a person, by the week's champion of ALS, EASE and "
            "item neighbours on weighted behaviour, or the most popular (in a person's segment or "
            "with all) where there is no history or none is better.",
            "similar_products": "Ten products like each product, by cosine of the item factors.",
        },
        ["ml_interactions", "ml_bought", "ml_visitors", "ml_products"],
        training.train_recommendations,
        partitions,
        retry,
    )
    next_products = _family(
        "next_product_model",
        "next_products",
        {
            "next_products": "Ten products looked at after each product in the same visit, by "
            "sequential rules, or the most popular where these are no better."
        },
        ["ml_product_steps"],
        training.rank_next_products,
        partitions,
        retry,
    )
    anomalies = _family(
        "anomaly_model",
        "anomalies",
        {
            "anomaly_scores": "How surprising each log-in and each day of file access is against "
            "its person's own past, failed log-ins against their network's, sessions against those "
            "of the shop, and each KPI, whole and by dimension, against its weekly season."
        },
        [
            *("ml_logins", "ml_file_accesses", "ml_sessions"),
            *("ml_kpi_series", "ml_kpi_series_by_dimension"),
        ],
        training.score_anomalies,
        partitions,
        retry,
        SCORES_ARE_ALIKE,
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
        BUYERS_ARE_ALIKE,
    )
    purchases = _family(
        "purchase_model",
        "purchase_propensity",
        {
            "purchase_propensity": "How likely everybody seen lately is to order in the next days, "
            "with what speaks for it and against it.",
            "purchase_outcomes": "Who ordered in the days up to the partition, which predictions "
            "of before these days are held to.",
        },
        ["ml_purchase_examples", "ml_purchase_outcomes"],
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
    return [
        recommendations, next_products, anomalies, experiments, lifetime_value, purchases, bandits,
    ]  # fmt: skip

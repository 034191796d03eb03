"""One run of the job `daily` in this process, followed step by step on the terminal."""

import logging
import sys
from datetime import date
from pathlib import Path

import dagster as dg

from dagster_project.definitions import build_defs
from dagster_project.ingest.errors import FootfallError

_STEPS = {
    "event_log": "load, check and seal",
    "dbt_models": "build",
    "recommendations_model": "recommendations",
    "anomaly_model": "anomaly scores",
    "published_marts": "publish",
}


# The steps' own log goes to the Dagster UI; the terminal gets what a person has to know.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailedError(FootfallError):
    """A step of the run failed; the text is the step and its reason."""


def follow_run(home: Path, first: date, last: date) -> bool:
    """Materialise every asset for a range of arrival dates in one run.

    Returns:
        True when all steps succeeded and no blocking check failed.

    Raises:
        RunFailedError: a step failed.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    defs = build_defs(home=str(home), retry=None)
    job = defs.resolve_job_def("daily")
    if first == last:
        where = {"partition_key": first.isoformat()}
        tags = {}
    else:
        where = {}
        tags = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        }
    with _instance(home) as instance:
        result = job.execute_in_process(
            instance=instance, raise_on_error=False, tags=tags, run_config=_QUIET, **where
        )
    for event in result.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            _say_check(event)
    if result.success:
        return True
    for event in result.all_events:
        if event.is_step_failure:
            raise RunFailedError(_reason(event))
    raise RunFailedError("the run failed before its first step; see the Dagster UI (make ui)")


def _say_check(event: dg.DagsterEvent) -> None:
    check = event.asset_check_evaluation_data
    if not check.passed:
        word = "warning" if check.severity == dg.AssetCheckSeverity.WARN else "failed"
        text = check.description or "see the check's metadata in the UI"
        print(f"{word}: {check.check_name}: {text}", file=sys.stderr)


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    name = _STEPS.get(event.step_key or "", event.step_key or "a step")
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return f"{name}: {failure.description}"
    error = data.error.cause if data.error and data.error.cause else data.error
    message = error.message.strip().splitlines()[0] if error else "no reason given"
    return f"{name}: {message}"


def _instance(home: Path) -> dg.DagsterInstance:
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "dagster.yaml").exists():
        return dg.DagsterInstance.from_config(str(folder))
    return dg.DagsterInstance.local_temp(str(folder))

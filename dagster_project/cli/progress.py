"""One run of the job `daily` in this process, followed step by step on the terminal."""

import contextlib
import io
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import dagster as dg

from dagster_project.definitions import build_defs
from dagster_project.ingest.errors import FootfallError
from dagster_project.storage_errors import storage_line

_STEPS = {
    "event_log": "load, check and seal",
    "dbt_models": "build sessions, orders, marts",
    "dbt_models_2": "build what follows from models",
    "recommendations_model": "recommendations",
    "next_product_model": "next products",
    "anomaly_model": "anomaly scores",
    "experiment_model": "experiments",
    "lifetime_value_model": "lifetime value",
    "purchase_model": "purchase likelihood",
    "bandit_model": "recommendation policies",
    "published_marts": "publish",
}


_BAR_CELLS = 24
_LOGGER = "footfall.steps"


class _StepLines(logging.Handler):
    """The steps of the run: a bar on a terminal, a line a finished step elsewhere.

    The steps' own log goes to the Dagster UI; the terminal gets what a person has to know.
    """

    def __init__(self, steps: int, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal
        self._steps = steps
        self._done = 0
        self._started = time.monotonic()
        self._is_terminal = terminal.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if not isinstance(event, dg.DagsterEvent) or event.step_key is None:
            return
        name = _STEPS.get(event.step_key, event.step_key)
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._started = time.monotonic()
            self._draw(name)
        elif event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            self._done += 1
            seconds = time.monotonic() - self._started
            self._say(f"{self._done}/{self._steps}  {name}  {seconds:.1f} s")

    def _draw(self, name: str) -> None:
        if self._is_terminal:
            full = _BAR_CELLS * self._done // max(self._steps, 1)
            bar = "━" * full + "┄" * (_BAR_CELLS - full)
            print(f"\r\x1b[K{bar} {name} …", end="", file=self._terminal, flush=True)

    def _say(self, line: str) -> None:
        start = "\r\x1b[K" if self._is_terminal else ""
        print(f"{start}{line}", file=self._terminal, flush=True)


@contextmanager
def _followed(steps: int, terminal: TextIO) -> Iterator[dict[str, Any]]:
    """Run configuration under which the steps are told as they go."""
    handler = _StepLines(steps, terminal)
    logger = logging.getLogger(_LOGGER)
    logger.addHandler(handler)
    try:
        yield {"loggers": {"steps": {}}}
    finally:
        logger.removeHandler(handler)


@dg.logger(description="Hands events to who follows a run on the terminal.")
def step_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """The logger that a followed run reports to."""
    logger = logging.getLogger(_LOGGER)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    return logger


class RunFailedError(FootfallError):
    """A step of the run failed; the text is the step and its reason."""


def follow_run(home: Path, first: date, last: date) -> bool:
    """Materialise every asset for a range of arrival dates in one run.

    Returns:
        True when all steps succeeded and no blocking check failed.

    Raises:
        RunFailedError: a step failed.
    """
    terminal = sys.stderr
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    # On a full disk the tools' own loggers fail, and say so again and again with their stacks.
    with contextlib.redirect_stderr(io.StringIO()):
        result = _execute(home, first, last, terminal)
    for event in result.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            _say_check(event)
    if result.success:
        return True
    for event in result.all_events:
        if event.is_step_failure:
            raise RunFailedError(_reason(event))
    raise RunFailedError("the run failed before its first step; see the Dagster UI (make ui)")


def _execute(home: Path, first: date, last: date, terminal: TextIO) -> dg.ExecuteInProcessResult:
    defs = build_defs(home=str(home), retry=None, loggers={"steps": step_logger})
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
    with _instance(home) as instance, _followed(len(job.nodes), terminal) as run_config:
        return job.execute_in_process(
            instance=instance, raise_on_error=False, tags=tags, run_config=run_config, **where
        )


def _say_check(event: dg.DagsterEvent) -> None:
    check = event.asset_check_evaluation_data
    if not check.passed:
        word = "warning" if check.severity == dg.AssetCheckSeverity.WARN else "failed"
        text = check.description or "see the check's metadata in the UI"
        # Several models have a check of one name.
        told = f"{check.asset_key.path[-1]}: {check.check_name}"
        print(f"{word}: {told}: {text}", file=sys.stderr)


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    name = _STEPS.get(event.step_key or "", event.step_key or "a step")
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return f"{name}: {failure.description}"
    error = data.error.cause if data.error and data.error.cause else data.error
    text = error.message.strip() if error else "no reason given"
    return f"{name}: {storage_line(text) or text.splitlines()[0]}"


def _instance(home: Path) -> dg.DagsterInstance:
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "dagster.yaml").exists():
        return dg.DagsterInstance.from_config(str(folder))
    return dg.DagsterInstance.local_temp(str(folder))

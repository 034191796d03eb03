"""Processes that begin with everything imported, forked from a server that has started no thread.

Such a process costs a fraction of a second where a new one costs six. The server is one for all
tests of a process, and so what it imports ahead is said here alone.
"""

import gc
import multiprocessing

CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(
    ["dagster_project.cli.progress", "dagster_project.cli.rebuild", "dagster_project.replaying",
     "great_expectations", "dbt.cli.main", "dbt.task.build", "sqlparse", "dbt.adapters.duckdb",
     "pyarrow.dataset", "ml.recommendations", "ml.anomalies", "ml.lifetime_value",
     "ml.next_products", "ml.purchase_propensity", "ml.bandit_policies", "implicit.cpu.als"]
)  # fmt: skip


def begin() -> None:
    """What was imported stays: to look for cycles in it copies its pages, a quarter of a run."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)

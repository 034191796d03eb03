"""One stage of a run in this process, so that its time and memory are its own.

    python -m benchmarks.stage load|build|train|publish [--rows]

Belongs here: the stages of `footfall run` without Dagster around them, and the seconds of
each dbt node, or with `--rows` the rows that it reads.
"""

import json
import os
import sys
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rows_scanned import counted
from dagster_project import dbt_build, loading, training, warehouse
from dagster_project.ingest import event_log, seals
from dagster_project.ingest.config import load_settings
from dagster_project.serving import publish
from dagster_project.state import StatePaths


def main(stage: str, *, rows: bool = False) -> None:
    """Run a stage over everything that the state folder has for it; print its parts as JSON."""
    paths = StatePaths(Path(os.environ["FOOTFALL_HOME"]))
    settings = load_settings(paths.settings_file)
    now = datetime.now(UTC)
    parts: dict[str, float] = {}
    if stage == "load":
        report = loading.load_days(
            paths, settings, event_log.undone_days(paths, settings, now), now
        )
        assert not report.refused, report.refused
    elif stage == "build":
        loading.prepare_inputs(paths, settings)
        sealed = [(one.sequence, one.arrival_date) for one in seals.load_chain(paths)]
        warehouse.begin_work(paths, warehouse.owed_days(paths, sealed))
        with counted() if rows else nullcontext(Counter()) as read:
            results = dbt_build.build(paths, _nodes(paths))
        failed = [(one.unique_id, one.message) for one in results if not one.is_good]
        assert not failed, failed
        warehouse.strike_off(paths, dbt_build.outboxes(dbt_build.read_manifest(paths)))
        parts = {one.unique_id.split(".")[2]: round(one.seconds, 3) for one in results}
        parts = dict(read) if rows else parts
    elif stage == "train":
        days = sorted({one.arrival_date for one in seals.load_chain(paths)})
        for family in training.FAMILIES.values():
            started = time.perf_counter()
            family(paths, settings, days)
            parts[family.__name__] = round(time.perf_counter() - started, 3)
    elif stage == "publish":
        publish(paths)
    print(json.dumps(parts))


def _nodes(paths: StatePaths) -> list[str]:
    manifest = dbt_build.read_manifest(paths)
    return [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in {"model", "seed", "test"}
    ]


if __name__ == "__main__":
    main(sys.argv[1], rows="--rows" in sys.argv[2:])

"""Recommendations of 100,000 active persons from 20,000 products: train, list, explain, write.

    python -m benchmarks.many_persons [--persons 100000] [--products 20000] [--each 10]

Persons have one of 50 tastes, products are of a taste and long-tailed. The day before is fitted in
full in a process of its own; then a day goes on from it, as most days do. Its time is that from
Arrow tables in memory to Parquet files, the truth about the day before included; reading the
warehouse and publication are not. Prints seconds of the steps, and peaks of memory.
"""

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.process import machine
from ml.interactions import INTERACTIONS_SCHEMA
from ml.next_day import next_day_truth
from ml.recommendations import fit_partition, list_partition
from ml.recommender_inputs import (
    BOUGHT_SCHEMA,
    Known,
    RecommendationParams,
    prepare,
)
from ml.recommender_state import RecommenderState
from ml.segments import VISITORS_SCHEMA

AS_OF = date(2026, 6, 30)
TASTES = 50


def interactions(persons: int, products: int, each: int) -> pa.Table:
    """What everybody did with products in the 90 days; everybody was there on the last."""
    rng = np.random.default_rng(0)
    count = persons * each
    person = np.repeat(np.arange(persons), each)
    rank = (rng.pareto(0.6, count) * 5).astype(np.int64) % (products // TASTES)
    own = rng.random(count) < 0.7
    taste = np.where(own, person % TASTES, rng.integers(TASTES, size=count))
    days = rng.integers(0, 90, count)
    days[::each] = 0
    kinds = np.array(["view", "add", "order"])
    table = pa.table(
        {
            "person_id": pa.array([f"p{one:06d}" for one in person]),
            "product_id": pa.array([f"a{one:05d}" for one in rank * TASTES + taste]),
            "interaction": pa.array(kinds[np.searchsorted([0.8, 0.95], rng.random(count))]),
            "event_date": pa.array([AS_OF - timedelta(days=int(one)) for one in days]),
            "n": pa.array(np.ones(count, dtype=np.int64)),
        }
    )
    return table.cast(INTERACTIONS_SCHEMA)


def known_on(day: date, table: pa.Table) -> Known:
    """What was known on a day, ready for the models."""
    until = table.filter(pc.less_equal(table["event_date"], pa.scalar(day)))
    params = RecommendationParams()
    bought, visitors = BOUGHT_SCHEMA.empty_table(), VISITORS_SCHEMA.empty_table()
    return prepare(until, bought, day, params, visitors)


def peak_mib() -> int:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def anchor(persons: int, products: int, each: int) -> tuple[RecommenderState, Any, int]:
    """The day before in full, back-test included: state, seconds (and of processors), peak."""
    known = known_on(AS_OF - timedelta(days=1), interactions(persons, products, each))
    start, cpu = time.perf_counter(), time.process_time()
    state = fit_partition(known, None).state
    seconds = (time.perf_counter() - start, time.process_time() - cpu)
    return state, seconds, peak_mib()


def main() -> None:
    """Make the data, run a partition, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=10, help="interactions a person")
    args = parser.parse_args()
    size = args.persons, args.products, args.each
    print(machine())
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        parent, seconds, peak = beside.submit(anchor, *size).result()
    whole, of_cpu = seconds
    print(f"tuned, back-tested, fitted {whole:.1f} s, of processors {of_cpu:.1f} s, {peak} MiB")
    print(f"champion {parent.choice.champion}, {parent.choice.als}: {parent.choice.gate.reason}")
    window = interactions(*size)
    goods = len(window["product_id"].unique())
    print(f"{window.num_rows} interactions of {args.persons} persons with {goods} products")
    steps, cpu = [time.perf_counter()], time.process_time()
    yesterday = known_on(AS_OF - timedelta(days=1), window)
    steps.append(time.perf_counter())
    known = known_on(AS_OF, window)
    steps.append(time.perf_counter())
    truth = next_day_truth(yesterday, parent, known.window)
    del yesterday
    steps.append(time.perf_counter())
    fitted = fit_partition(known, parent)
    steps.append(time.perf_counter())
    run = list_partition(fitted)
    steps.append(time.perf_counter())
    with tempfile.TemporaryDirectory() as folder:
        for number, table in enumerate((run.recommendations, run.similar_products)):
            pq.write_table(table, Path(folder) / f"{number}.parquet", compression="zstd")
        pq.write_table(run.state.to_table(), Path(folder) / "state.parquet", compression="zstd")
    steps.append(time.perf_counter())
    cpu = time.process_time() - cpu
    names = ("the day before prepared", "prepared", "truth", "fitted", "listed", "written")
    taken = [later - earlier for earlier, later in pairwise(steps)]
    print(", ".join(f"{name} {one:.1f} s" for name, one in zip(names, taken, strict=True)))
    print(f"warm day {sum(taken):.1f} s, of processors {cpu:.1f} s, peak {peak_mib()} MiB")
    print({row["metric"]: row["value"] for row in truth if row["metric"].endswith("@10")})
    print(f"{len(run.recommendations['person_id'].unique())} persons with a list")


if __name__ == "__main__":
    main()

"""Recommendations of 100,000 active persons from 20,000 products: train, list, explain, write.

    python -m benchmarks.many_persons [--persons 100000] [--products 20000] [--each 10]

Persons have one of 50 tastes, products are of a taste and long-tailed. The time is that of a
partition from Arrow tables in memory to Parquet files, the comparison with popularity included;
reading the warehouse and publication are not. Prints seconds of the steps, and the peak of memory.
"""

import argparse
import resource
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.process import machine
from ml.interactions import INTERACTIONS_SCHEMA
from ml.recommendations import (
    BOUGHT_SCHEMA,
    VISITORS_SCHEMA,
    RecommendationParams,
    recommend_partition,
)

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


def main() -> None:
    """Make the data, run a partition, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=10, help="interactions a person")
    args = parser.parse_args()
    window = interactions(args.persons, args.products, args.each)
    nothing = BOUGHT_SCHEMA.empty_table(), VISITORS_SCHEMA.empty_table()
    before = time.perf_counter()
    run = recommend_partition(window, nothing[0], AS_OF, RecommendationParams(), nothing[1])
    made = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("recommendations", "similar_products"):
            pq.write_table(getattr(run, name), Path(folder) / f"{name}.parquet", compression="zstd")
    written = time.perf_counter()
    listed = len(run.recommendations["person_id"].unique())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(machine())
    goods = len(window["product_id"].unique())
    print(f"{window.num_rows} interactions of {args.persons} persons with {goods} products")
    print(run.gate.reason)
    print(f"{listed} persons with a list: {made - before:.1f} s, written {written - made:.1f} s")
    print(f"peak {peak} MiB")


if __name__ == "__main__":
    main()

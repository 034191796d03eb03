"""Law 3 for as long as one likes: `python -m tests.laws.long --seconds 3600 --seed 1`.

Belongs here: trying batch after batch until the time is over, and telling a counter-example so that
one can work with it. Not here: what is compared (`harness`).
"""

import argparse
import os
import sys
import time
from random import Random

from tests.laws.batches import Batch, random_batch, smallest
from tests.laws.harness import TRIED, counter_example


def culprit(batch: Batch) -> str:
    """The first history of a failed batch that fails alone, made as small as it gets."""
    for number, part in enumerate(batch.parts):
        if counter_example(part):
            history, difference = smallest(part, counter_example)
            return (
                f"history {number} of the batch, made smaller: {difference}\n{history.describe()}"
            )
    return "no history of the batch fails alone"


def main(arguments: list[str] | None = None) -> int:
    """Try random batches until the time is over; 1 at the first counter-example."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws.long", description=__doc__)
    default = float(os.environ.get("FOOTFALL_LAW_SECONDS", "600"))
    parser.add_argument("--seconds", type=float, default=default)
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--size", type=int, default=30, help="histories a batch")
    chosen = parser.parse_args(arguments)
    end, seed = time.monotonic() + chosen.seconds, chosen.seed
    while time.monotonic() < end:
        batch = random_batch(Random(seed), chosen.size)
        difference = counter_example(batch.whole)
        if difference:
            print(f"seed {seed}, size {chosen.size}: {difference}")
            print(culprit(batch))
            return 1
        TRIED.histories += len(batch.parts) - 1
        seed += 1
    print(f"no difference in {TRIED}; seeds {chosen.seed} to {seed - 1}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

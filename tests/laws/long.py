"""Law 3 for an hour, or as long as one likes: `python -m tests.laws.long --seconds 600 --seed 1`.

Belongs here: trying batch after batch until the time is over, telling a counter-example so that one
can work with it, and saying at the end what was tried. Not here: what is compared (`harness`), and
what may happen to a history (`situations`).
"""

import argparse
import os
import sys
import time
from random import Random

from tests.laws.batches import Batch, random_batch, smallest
from tests.laws.harness import TRIED, counter_example
from tests.laws.situations import SITUATIONS

# So that an hour without a word is not mistaken for one that hangs.
_BATCHES_A_LINE = 20


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
    """Try random batches until the time is over; 1 at a counter-example, or after too few tries."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws.long", description=__doc__)
    default = float(os.environ.get("FOOTFALL_LAW_SECONDS", "3600"))
    parser.add_argument("--seconds", type=float, default=default)
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--size", type=int, default=30, help="histories a batch")
    chosen = parser.parse_args(arguments)
    start, seed = time.monotonic(), chosen.seed
    while time.monotonic() < start + chosen.seconds:
        batch = random_batch(Random(seed), chosen.size)
        difference = counter_example(batch.whole, parts=batch.parts)
        if difference:
            print(f"seed {seed}, size {chosen.size}: {difference}")
            print(culprit(batch))
            return 1
        seed += 1
        if (seed - chosen.seed) % _BATCHES_A_LINE == 0:
            print(f"seed {seed - 1}: {TRIED}", flush=True)
    seconds = (time.monotonic() - start) / max(1, TRIED.histories)
    print(f"no difference in {TRIED}; seeds {chosen.seed} to {seed - 1}, {seconds:.2f} s a history")
    print("in so many of the histories:", *TRIED.told(), sep="\n")
    never = [name for name in SITUATIONS if not TRIED.situations[name]]
    if never:
        print(f"never occurred: {', '.join(never)}; try for longer, or from another seed")
    return 1 if never else 0


if __name__ == "__main__":
    sys.exit(main())

"""Why a product is recommended, in words that a person understands.

Here: the text, and which past interactions it names. Not here: the contributions (als.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml.interactions import INTENT_ORDER
from ml.segments import EVERYBODY, Segment

_PHRASES = {
    "click": "clicked {}",
    "view": "viewed {}",
    "wishlist": "put {} on the wish list",
    "add": "put {} in the cart",
    "order": "bought {}",
}
_PHRASE_BY_INTENT = tuple(_PHRASES[name] for name in INTENT_ORDER)
NO_SINGLE_CAUSE = "chosen by people with similar interests"


def because(
    contributions: npt.NDArray[np.float64],
    products: Sequence[str],
    intents: Sequence[int],
) -> list[str]:
    """Name, for each recommended product, the interactions that raised its score most.

    Args:
        contributions: (m, h) share of each past product in the score of each recommended one.
        products: (h,) ids of the past products.
        intents: (h,) index into INTENT_ORDER, the strongest interaction with each.

    Returns:
        (m,) texts such as "because you viewed P1 and bought P2", the largest share first; a second
        product is named only if its share is at least half of the first one's. NO_SINGLE_CAUSE
        where nothing raised the score.
    """

    def did(place: int) -> str:
        return _PHRASE_BY_INTENT[intents[place]].format(products[place])

    shares = np.round(contributions, 6)
    if not shares.size:
        return [NO_SINGLE_CAUSE] * len(shares)
    # The first of equal shares, twice: only two of a long history are needed, not its order.
    rows = np.arange(len(shares))
    first = shares.argmax(axis=1)
    largest = shares[rows, first]
    shares[rows, first] = -np.inf
    second = shares.argmax(axis=1)
    is_named = shares[rows, second] >= 0.5 * largest
    texts = []
    for place, other, share, both in zip(
        first.tolist(), second.tolist(), largest.tolist(), is_named.tolist(), strict=True
    ):
        if share <= 0:
            texts.append(NO_SINGLE_CAUSE)
        elif both:
            texts.append(f"because you {did(place)} and {did(other)}")
        else:
            texts.append(f"because you {did(place)}")
    return texts


def popular(days: int, segment: Segment = EVERYBODY) -> str:
    """Name the window in which a product is popular, in days, and with whom unless with all."""
    window = "the last day" if days == 1 else f"the last {days} days"
    return f"popular in {window}" + (f" with {segment.words()}" if segment != EVERYBODY else "")

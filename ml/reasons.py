"""Why a product is recommended, in words that a person understands.

Here: the text, and which past interactions it names. Not here: the contributions (als.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml.interactions import INTENT_ORDER

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
    phrases = [_PHRASE_BY_INTENT[i].format(p) for i, p in zip(intents, products, strict=True)]
    shares = np.round(contributions, 6)
    top = np.argsort(-shares, axis=1, kind="stable")[:, :2]
    texts = []
    for places, values in zip(top.tolist(), shares[np.arange(len(top))[:, None], top], strict=True):
        if not len(values) or values[0] <= 0:
            texts.append(NO_SINGLE_CAUSE)
        elif len(values) > 1 and values[1] >= 0.5 * values[0]:
            texts.append(f"because you {phrases[places[0]]} and {phrases[places[1]]}")
        else:
            texts.append(f"because you {phrases[places[0]]}")
    return texts


def popular(days: int) -> str:
    """Name the window in which a product is popular, in days."""
    return "popular in the last day" if days == 1 else f"popular in the last {days} days"

"""Which products are ordered together.

Belongs here: docs/metrics.md, `marts.product_affinity`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

from tests.laws.oracle.events import Row
from tests.laws.oracle.kpis import Facts, ratio


@dataclass(frozen=True)
class Window:
    """The settings of affinity, as the page has them.

    Attributes:
        days: report dates up to as_of.
        max_products: the most products of an order that counts.
        partners: rows of a product.
    """

    days: int = 180
    max_products: int = 50
    partners: int = 20


def product_affinity(
    facts: Facts, order_items: list[Row], as_of: date | None, window: Window
) -> list[Row]:
    """`marts.product_affinity`; no rows before the first as_of date.

    Args:
        facts: rows of no bots.
        order_items: `core.fct_order_items`, of bots' orders as well.
        as_of: latest closed arrival date.
        window: the settings.
    """
    if as_of is None:
        return []
    first = as_of - timedelta(days=window.days - 1)
    no_bots = {order["order_key"] for order in facts.orders}
    baskets: dict[str, set[str]] = defaultdict(set)
    for item in order_items:
        if item["order_key"] in no_bots and first <= item["report_date"] <= as_of:
            baskets[item["order_key"]] |= {item["product_id"]} - {None}
    counted = [basket for basket in baskets.values() if 0 < len(basket) <= window.max_products]
    alone = Counter(product for basket in counted for product in basket)
    together = Counter(pair for basket in counted for pair in permutations(basket, 2))
    partners: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for (product, other), both in together.items():
        partners[product].append((-both, alone[other], other))
    return [
        {
            "product_id": product,
            "rank": rank,
            "other_product_id": other,
            "window_from": first,
            "window_to": as_of,
            "orders_in_window": len(counted),
            "orders_with_product": alone[product],
            "orders_with_other": with_other,
            "orders_with_both": -both,
            "support": ratio(-both, len(counted)),
            "confidence": ratio(-both, alone[product]),
            "lift": ratio(-both * len(counted), alone[product] * with_other),
        }
        for product, others in partners.items()
        for rank, (both, with_other, other) in enumerate(sorted(others)[: window.partners], start=1)
    ]

"""Stories of a shop's goods: lists, searches, reviews and baskets of several products.

Belongs here: short stories like those of `building_blocks`, about what is shown, found, bought
together and judged. Not here: how an order is sent again, updated and refunded.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.laws.building_blocks import DAY, GAPS, HALF_HOUR, MICROSECOND, SHORT_GAPS, Scene

Row = dict[str, Any]

# Stars as sources write them, and what is none.
RATINGS = (1, 2, 2.5, 3, 4, 5, "5", "1.5", 0, 6, None, "good", True, {"stars": 4})


def review_story(scene: Scene) -> None:
    """Reviews of a product or two, with and without stars."""
    who, at = scene.actor(), scene.moment()
    for _ in range(scene.rng.randint(1, 3)):
        properties = {"rating": scene.rng.choice(RATINGS)}
        if scene.chance(30):
            properties["review_id"] = scene.numbered("r", 3)
        if scene.chance(20):
            properties["products"] = scene.products()
        scene.emit("product_reviewed", at, who, product_id=scene.numbered("p", 4),
                   properties=json.dumps(properties))  # fmt: skip
        at += scene.rng.choice(GAPS)


def shelf(scene: Scene) -> None:
    """Lists of products, and what is clicked, looked at and put away from them."""
    who, at = scene.actor(), scene.moment()
    names = ("product_list_viewed", "product_list_viewed", "product_clicked", "product_viewed",
             "promotion_clicked", "recommendation_clicked", "product_removed")  # fmt: skip
    for _ in range(scene.rng.randint(2, 5)):
        name = scene.rng.choice(names)
        columns: Row = {}
        if name == "product_list_viewed":
            columns["properties"] = json.dumps({"products": scene.products()})
        else:
            columns["product_id"] = scene.numbered("p", 4)
        scene.emit(name, at, who, **columns)
        at += scene.rng.choice(SHORT_GAPS)


def basket(scene: Scene) -> None:
    """Orders of several products, a line sent again with others, part of them sent back."""
    who, at = scene.actor(), scene.moment()
    source = "till" if scene.chance(40) else "web"
    order = {"source": source, "order_id": scene.numbered("o", 3)}

    def lines() -> str:
        count = scene.rng.randint(1, 4)
        found = [{"product_id": scene.numbered("p", 4), "price": scene.rng.choice((1, 2.5, None))}
                 for _ in range(count)]  # fmt: skip
        return json.dumps({"products": found})

    for _ in range(scene.rng.choice((1, 1, 2))):
        scene.emit("order_completed", at, who, **order, properties=lines())
        at += scene.rng.choice((timedelta(0), DAY, -DAY, *GAPS))
    for name in ("order_updated", "order_refunded"):
        if scene.chance(50):
            scene.emit(name, at, who, **order, properties=lines())
            at += scene.rng.choice(GAPS)


def search_story(scene: Scene) -> None:
    """Searches for this and that in one session or two, and what comes of them."""
    who, at = scene.actor(), scene.moment()
    names = ("products_searched", "products_searched", "product_clicked", "product_viewed",
             "page_viewed", "order_completed")  # fmt: skip
    for _ in range(scene.rng.randint(2, 6)):
        name = scene.rng.choice(names)
        columns: Row = {}
        if name == "products_searched":
            found: Row = {"query": scene.rng.choice(("hat", " Red  Hat", "HAT", "", " ", None))}
            if scene.chance(70):
                found["result_count"] = scene.rng.choice((0, 0, 3, "12", -1, None, "many"))
            columns["properties"] = json.dumps(found)
        elif name == "order_completed":
            columns["order_id"] = scene.numbered("o", 3)
        scene.emit(name, at, who, **columns)
        at += scene.rng.choice((*SHORT_GAPS, HALF_HOUR + MICROSECOND))


COMMERCE_BLOCKS: tuple[Callable[[Scene], None], ...] = (
    review_story,
    shelf,
    basket,
    search_story,
    search_story,
)

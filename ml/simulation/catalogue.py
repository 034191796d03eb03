"""The shop's goods: products, prices, popularity, and the tastes that tie them together.

A latent taste cuts across categories, so that what a person looked at tells more about what comes
next than popularity does. What persons do with the goods is not here.
"""

import random
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

N_TASTES = 6
# How much more a product of a taste is looked at by a person who has it.
OWN_TASTE, NEXT_TASTE, OTHER_TASTE = 9.0, 0.8, 0.05
MAIN_WEIGHTS = (0.95, 0.8)

# category: (products, lowest price, highest price in EUR, brands)
CATEGORIES: dict[str, tuple[int, int, int, tuple[str, ...]]] = {
    "smartphones": (14, 129, 449, ("Nordfon", "Kelvo", "Altira", "Pixelon")),
    "headphones": (14, 29, 249, ("Klangwerk", "Auralis", "Kelvo")),
    "shoes": (16, 39, 159, ("Laufgut", "Strida", "Bergpfad", "Urbano")),
    "laptops": (10, 249, 549, ("Altira", "Notia", "Kelvo")),
    "cameras": (8, 99, 349, ("Lumora", "Optiq")),
    "watches": (10, 49, 299, ("Tempora", "Kelvo", "Bergpfad")),
    "jackets": (14, 59, 229, ("Bergpfad", "Nordwind", "Urbano")),
    "backpacks": (10, 29, 129, ("Bergpfad", "Urbano")),
    "books": (12, 15, 49, ("Federkiel", "Seitenweise")),
    "kitchen": (12, 19, 189, ("Herdwerk", "Casala")),
}
CATEGORY_NAMES = tuple(CATEGORIES)


@dataclass(frozen=True)
class Product:
    """One article; `price` in euro cents, `mean_rating` from 1 to 5."""

    index: int
    product_id: str
    name: str
    category: str
    brand: str
    price: int
    mean_rating: float
    companions: tuple[int, ...]

    @property
    def path(self) -> str:
        return f"/p/{self.product_id}"


@dataclass(frozen=True)
class Preference:
    """How likely a mixture of tastes makes each product: running totals to draw from.

    Attributes:
        total: over all products.
        category_total: over `CATEGORY_NAMES`.
        by_category: for each category the product indices and their running totals.
        match: for each product the affinity, scaled so that the best has 1.
    """

    total: tuple[float, ...]
    category_total: tuple[float, ...]
    by_category: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
    match: tuple[float, ...]


@dataclass(frozen=True)
class Catalogue:
    """All products, and a `Preference` for each mixture of two tastes.

    Attributes:
        products: in the order of their index.
        bundle: the add-on that only the experiment's treatment offers; never browsed.
        preferences: one for each (main taste, second taste, weight of the main one).
        policy: probability of each product in a recommendation's first position.
        policy_total: its running totals.
    """

    products: tuple[Product, ...]
    bundle: Product
    preferences: tuple[Preference, ...]
    policy: tuple[float, ...]
    policy_total: tuple[float, ...]


def draw(total: tuple[float, ...], u: float) -> int:
    """The index that a uniform `u` in [0, 1) falls on, among running totals."""
    return min(bisect(total, u * total[-1]), len(total) - 1)


def build_catalogue(seed: int) -> Catalogue:
    """Make the catalogue of a seed; the same seed makes the same goods."""
    rng = random.Random(f"catalogue {seed}")
    products: list[Product] = []
    tastes: list[tuple[int, int]] = []
    n = sum(spec[0] for spec in CATEGORIES.values())
    for category, (count, low, high, brands) in CATEGORIES.items():
        bad = rng.sample(range(count), count // 4) if category == "shoes" else []
        for k in range(count):
            index = len(products)
            # Skewed to the low end: most articles of a shop are not its dearest.
            price = int(low + (high - low) * rng.random() ** 1.6) * 100 + 99
            brand = brands[k % len(brands)]
            main = (k + len(category)) % N_TASTES
            tastes.append((main, (main + 1 + rng.randrange(N_TASTES - 1)) % N_TASTES))
            rating = rng.uniform(1.8, 2.4) if k in bad else rng.uniform(3.6, 4.7)
            products.append(
                Product(
                    index=index,
                    product_id=f"P-{index + 1:04d}",
                    name=f"{brand} {category.capitalize()} {chr(65 + k)}{k + 1}",
                    category=category,
                    brand=brand,
                    price=price,
                    mean_rating=rating,
                    companions=(),
                )
            )
    for index, product in enumerate(products):
        alike = [
            j
            for j in range(n)
            if tastes[j][0] == tastes[index][0] and products[j].category != product.category
        ]
        chosen = tuple(sorted(rng.sample(alike, min(3, len(alike)))))
        products[index] = Product(**{**product.__dict__, "companions": chosen})
    ranks = list(range(n))
    rng.shuffle(ranks)
    popularity = [1.0 / (rank + 3) ** 0.7 for rank in ranks]
    policy_weights = [weight**0.5 for weight in popularity]
    scale = sum(policy_weights)
    policy = tuple(weight / scale for weight in policy_weights)
    return Catalogue(
        products=tuple(products),
        bundle=Product(n, "P-BUNDLE", "Accessory bundle", "bundles", "footfall", 0, 4.0, ()),
        preferences=tuple(
            _preference(products, tastes, popularity, main, second, weight)
            for main in range(N_TASTES)
            for second in range(N_TASTES)
            if second != main
            for weight in MAIN_WEIGHTS
        ),
        policy=policy,
        policy_total=tuple(accumulate(policy)),
    )


def _preference(
    products: list[Product],
    tastes: list[tuple[int, int]],
    popularity: list[float],
    main: int,
    second: int,
    weight: float,
) -> Preference:
    def affinity(index: int, taste: int) -> float:
        own, following = tastes[index]
        return OWN_TASTE if own == taste else NEXT_TASTE if following == taste else OTHER_TASTE

    match = [
        weight * affinity(j, main) + (1 - weight) * affinity(j, second)
        for j in range(len(products))
    ]
    liking = [popularity[j] * match[j] for j in range(len(products))]
    by_category = []
    sums = []
    for category in CATEGORY_NAMES:
        members = tuple(j for j in range(len(products)) if products[j].category == category)
        running = tuple(accumulate(liking[j] for j in members))
        by_category.append((members, running))
        sums.append(running[-1])
    best = max(match)
    return Preference(
        total=tuple(accumulate(liking)),
        category_total=tuple(accumulate(sums)),
        by_category=tuple(by_category),
        match=tuple(m / best for m in match),
    )

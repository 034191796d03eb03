"""The block `triggers:` of `footfall.yml`: which behaviour asks for which response.

Only the settings belong here; what they come to is `dbt/models/marts/trigger_firings.sql`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from dagster_project.ingest.config_types import Name, Seconds, Strict, problem

Category = Annotated[str, Field(min_length=1, max_length=200)]
Percent = Annotated[float, Field(ge=0, le=100)]
# The keys that each condition needs; those of the others have no meaning for it.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "products_viewed": ("category", "products", "window"),
    "negative_review": ("category", "max_rating"),
    "idle_cart": ("value_over",),
}
_WEEK_S: Final = 7 * 86_400
_COOLDOWNS: Final[Mapping[str, int]] = {"idle_cart": 1}
_OF_CONDITIONS: Final = sorted({key for keys in _NEEDED.values() for key in keys})


class ResponseSettings(Strict):
    """What a firing asks for.

    Attributes:
        action: what the system that reads the outbox knows it by, such as `bundle`.
        suggest: products `recommended` to the person, or those of the trigger's category that are
            `better_rated` than the one reviewed.
        category: of the recommended products; null for any.
        discount_pct: least and greatest discount, per cent.
    """

    action: Name
    suggest: Literal["recommended", "better_rated"] = "recommended"
    category: Category | None = None
    discount_pct: Annotated[list[Percent], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "ResponseSettings":
        if self.discount_pct is not None and self.discount_pct[0] > self.discount_pct[1]:
            raise problem("goes from the least to the greatest, such as [10, 15]", "discount_pct")
        if self.suggest == "better_rated" and self.category is not None:
            raise problem("better rated products are of the trigger's own", "category")
        return self


class TriggerSettings(Strict):
    """A behaviour that asks for a response.

    Attributes:
        when: `products_viewed`: so many different `products` of a `category` within the `window`;
            `negative_review`: one of at most `max_rating` stars, of a product of the `category`;
            `idle_cart`: one with more than `value_over` in it, in the reporting currency, that has
            been left alone for `cart_trigger_minutes`.
        respond: see `ResponseSettings`.
        cooldown: seconds in which a visitor fires it once; 7 days unless given. A cart fires once
            anyway, so for `idle_cart` it is a second.
        daily_budget: firings a day; null for any number.
        holdout_pct: visitors who get no response, per cent, so that its effect can be measured.
    """

    when: Literal["products_viewed", "negative_review", "idle_cart"]
    category: Category | None = None
    products: Annotated[int, Field(ge=1, le=100)] | None = None
    window: Seconds | None = None
    max_rating: Annotated[float, Field(ge=1, le=5)] | None = None
    value_over: Annotated[float, Field(ge=0)] | None = None
    respond: ResponseSettings
    cooldown: Seconds | None = None
    daily_budget: Annotated[int, Field(ge=1)] | None = None
    holdout_pct: Percent = 10.0

    @model_validator(mode="after")
    def _is_consistent(self) -> "TriggerSettings":
        needed = _NEEDED[self.when]
        for key in needed:
            if getattr(self, key) is None:
                raise problem(f"{key} is missing; {self.when} needs one")
        for key in _OF_CONDITIONS:
            if key not in needed and getattr(self, key) is not None:
                raise problem(f"has no meaning for {self.when}, which takes "
                              f"{', '.join(needed)}", key)  # fmt: skip
        if self.respond.suggest == "better_rated" and self.when != "negative_review":
            raise problem("better_rated follows a negative_review alone", "respond.suggest")
        return self

    def row(self, rule: str, *, cart_pause_s: int) -> dict[str, Any]:
        """The trigger as a row of the table that dbt reads.

        Args:
            rule: its name.
            cart_pause_s: seconds after which a cart counts as left alone.
        """
        low, high = self.respond.discount_pct or (None, None)
        return {
            "rule": rule,
            "condition": self.when,
            "category": self.category,
            "product_count": self.products,
            "window_s": cart_pause_s if self.when == "idle_cart" else self.window,
            "max_rating": self.max_rating,
            "value_over": self.value_over,
            "response": self.respond.action,
            "suggest": self.respond.suggest,
            "suggested_category": self.respond.category,
            "discount_min_pct": low,
            "discount_max_pct": high,
            "cooldown_s": self.cooldown or _COOLDOWNS.get(self.when, _WEEK_S),
            "daily_budget": self.daily_budget,
            "holdout_share": self.holdout_pct / 100,
        }

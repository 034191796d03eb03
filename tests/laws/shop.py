"""The small world that the law tests live in: registry, sources, settings, funnels, hosts.

Belongs here: what a footfall installation would declare, cut down to one event name or two a role.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

DAY = timedelta(days=1)

_SESSIONABLE: dict[str, str | None] = {
    "page_viewed": "page_view",
    "page_pinged": "ping",
    "product_list_viewed": "list_view",
    "products_searched": "search",
    "product_viewed": "product_view",
    "product_clicked": "product_click",
    "product_added": "cart_add",
    "product_removed": "cart_remove",
    "product_added_to_wishlist": "wishlist_add",
    "checkout_started": "checkout",
    "payment_info_entered": None,
    "order_completed": "order",
    "recommendation_shown": "impression",
    "recommendation_clicked": "click",
    "promotion_viewed": "impression",
    "promotion_clicked": "click",
    "product_reviewed": "review",
    "signed_up": "sign_up",
    "cart_viewed": "cart_view",
    "content_started": "content",
    "content_progressed": "content",
    "content_completed": "content",
    "experiment_viewed": "experiment",
}
_BACK_OFFICE: dict[str, str | None] = {
    "order_updated": "order_update",
    "order_refunded": "refund",
    "login_succeeded": "login",
    "login_failed": "login_failed",
    "logged_out": "logout",
    "password_changed": "password_change",
    "profile_updated": "profile",
    "consent_updated": "consent",
    "email_sent": None,
}
UNREGISTERED_NAME = "custom_thing"

REGISTRY: dict[str, dict[str, Any]] = {
    **{name: {"is_sessionable": True, "role": role} for name, role in _SESSIONABLE.items()},
    **{name: {"is_sessionable": False, "role": role} for name, role in _BACK_OFFICE.items()},
}
# Read by inputs of models alone; histories draw none.
FILE_EVENTS: dict[str, dict[str, Any]] = {
    "file_accessed": {"is_sessionable": False, "role": "file_access"},
    "file_downloaded": {"is_sessionable": False, "role": "file_access"},
    "file_access_denied": {"is_sessionable": False, "role": "file_denied"},
}
SOURCES = {
    "web": {"order_grain": "order", "sessions": "gap"},
    "till": {"order_grain": "line", "sessions": "gap"},
    "app": {"order_grain": "order", "sessions": "source"},
}
# So few views a minute that a handful of events makes a machine.
BOT_SETTINGS = {"max_views_per_minute": 3}
SETTINGS: dict[str, Any] = {
    "reporting_timezone": "UTC", "reporting_currency": "EUR", **BOT_SETTINGS,
}  # fmt: skip
# Around the days on which histories begin: some of their days have a rate and some have not.
RATES = {
    "USD": [
        (date(2026, 3, 8), Decimal("0.92345")),
        (date(2026, 3, 29), Decimal("1.05")),
        (date(2026, 5, 4), Decimal("0.85")),
        (date(2026, 5, 14), Decimal("1.0000000005")),
        (date(2026, 10, 25), Decimal("0.3333333333")),
        (date(2026, 11, 1), Decimal("2")),
    ]
}
# So short that histories of some days go beyond them.
CART_SETTINGS = {"cart_timeout_hours": 24, "cart_recovery_days": 2, "cart_trigger_minutes": 30}
NUMBERS = CART_SETTINGS | BOT_SETTINGS
RETENTION_OFFSETS = {"day": 4, "week": 2, "month": 1}
# And so narrow that they leave something out of it.
AFFINITY = {"affinity_days": 4, "affinity_max_products": 3, "affinity_partners": 2}
REFERRER_HOSTS = {
    "google.com": "search",
    "google": "search",
    "duckduckgo.com": "search",
    "facebook.com": "social",
    "youtube.com": "video",
    "amazon.com": "shopping",
}


def declared(
    name: str,
    mode: str,
    unit: str,
    window_s: int,
    *events: str,
    hold: str | None = None,
    excluded: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A funnel; each step is named by its number and event."""
    steps = [(f"{number}_{event}", event) for number, event in enumerate(events, start=1)]
    return {
        "funnel": name, "mode": mode, "unit": unit, "window_s": window_s, "steps": steps,
        "hold": hold, "excluded": list(excluded),
    }  # fmt: skip


def funnel_rows(funnels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Funnels as the models read them: a row a step."""
    return [
        {**{key: value for key, value in one.items() if key != "steps"},
         "step": number, "step_name": name, "event_name": event}
        for one in funnels
        for number, (name, event) in enumerate(one["steps"], start=1)
    ]  # fmt: skip


FUNNELS = [
    declared(
        "purchase",
        "ordered",
        "person",
        86_400,
        "product_viewed",
        "product_added",
        "order_completed",
    ),
    declared(
        "direct", "strict", "visitor", 3_600, "page_viewed", "product_viewed", "product_added"
    ),
    declared("visit", "any", "session", 1_800, "product_viewed", "product_added", "page_viewed"),
    declared(
        "second_look",
        "ordered",
        "visitor",
        172_800,
        "product_viewed",
        "product_viewed",
        "order_completed",
    ),
    declared(
        "same_product",
        "ordered",
        "person",
        86_400,
        "product_added",
        "order_completed",
        hold="product_id",
        excluded=("product_removed",),
    ),
    declared(
        "same_cart",
        "ordered",
        "visitor",
        86_400,
        "product_added",
        "order_completed",
        hold="properties.cart_id",
    ),
    declared(
        "same_kind",
        "strict",
        "visitor",
        172_800,
        "product_viewed",
        "product_viewed",
        "product_viewed",
        hold="category",
        excluded=("product_reviewed",),
    ),
    declared(
        "kept",
        "any",
        "session",
        1_800,
        "product_added",
        "product_viewed",
        "order_completed",
        hold="product_id",
        excluded=("product_removed", "page_pinged"),
    ),
]


def rate_intervals() -> list[dict[str, Any]]:
    """The rates as the models read them: each until the next, but eight days at most."""
    return [
        {
            "currency": currency,
            "valid_from": day,
            "valid_to": min([later for later, _ in rates if later > day] + [day + 8 * DAY]),
            "rate": rate,
        }
        for currency, rates in RATES.items()
        for day, rate in rates
    ]


# Windows and cool-downs that histories of a few days go beyond; a budget that two visitors use up.
_TRIGGER: dict[str, Any] = {
    "category": None, "product_count": None, "window_s": None, "max_rating": None,
    "value_over": None, "suggest": "recommended", "suggested_category": None,
    "discount_min_pct": None, "discount_max_pct": None, "cooldown_s": 86_400,
    "daily_budget": None, "holdout_share": 0.5,
}  # fmt: skip
TRIGGERS: list[dict[str, Any]] = [
    {
        **_TRIGGER, "rule": "bags_compared", "condition": "products_viewed", "response": "bundle",
        "category": "bags", "product_count": 2, "window_s": 600, "daily_budget": 2,
        "suggested_category": "hats",
    },
    {
        **_TRIGGER, "rule": "hats_looked_for", "condition": "products_viewed", "response": "mail",
        "category": "hats", "product_count": 2, "window_s": 172_800, "cooldown_s": 259_200,
        "holdout_share": 0.0,
    },
    {
        **_TRIGGER, "rule": "shoes_disliked", "condition": "negative_review",
        "response": "discount", "category": "shoes", "max_rating": 2.0, "cooldown_s": 3_600,
        "suggest": "better_rated", "discount_min_pct": 10.0, "discount_max_pct": 15.0,
    },
    {
        **_TRIGGER, "rule": "cart_left", "condition": "idle_cart", "response": "discount",
        "value_over": 8.0, "window_s": 60 * CART_SETTINGS["cart_trigger_minutes"],
    },
]  # fmt: skip

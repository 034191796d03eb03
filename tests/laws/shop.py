"""The small world that the law tests live in: registry, sources, settings, funnels, hosts.

Belongs here: what a footfall installation would declare, cut down to one event name or two a role.
"""

from typing import Any

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
    "content_started": "content",
    "content_progressed": "content",
    "content_completed": "content",
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
SOURCES = {"web": {"order_grain": "order"}, "till": {"order_grain": "line"}}
SETTINGS = {"reporting_timezone": "UTC", "reporting_currency": "EUR"}
# So short that histories of some days go beyond it.
RETENTION_OFFSETS = {"day": 4, "week": 2, "month": 1}
# And so narrow that they leave something out of it.
AFFINITY = {"affinity_days": 4, "affinity_max_products": 3, "affinity_partners": 2}
REFERRER_HOSTS = {"google.com": "search", "duckduckgo.com": "search", "facebook.com": "social"}


def _funnel(name: str, mode: str, unit: str, window_s: int, *events: str) -> dict[str, Any]:
    steps = [(f"{number}_{event}", event) for number, event in enumerate(events, start=1)]
    return {"funnel": name, "mode": mode, "unit": unit, "window_s": window_s, "steps": steps}


FUNNELS = [
    _funnel(
        "purchase",
        "ordered",
        "person",
        86_400,
        "product_viewed",
        "product_added",
        "order_completed",
    ),
    _funnel("direct", "strict", "visitor", 3_600, "page_viewed", "product_viewed", "product_added"),
    _funnel("visit", "any", "session", 1_800, "product_viewed", "product_added", "page_viewed"),
    _funnel(
        "second_look",
        "ordered",
        "visitor",
        172_800,
        "product_viewed",
        "product_viewed",
        "order_completed",
    ),
]
